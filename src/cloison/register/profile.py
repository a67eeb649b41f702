"""What a register holds, as data: fields, compartments, searches, roles, budgets, retention.

Nothing about job seekers is in the code: `profiles/jobseekers-fr.toml` is one profile, a deployer's own TOML
file is another. `load_profile` reads one and refuses what cannot hold together; the rules stand in order in
`_faults`.
"""

from collections.abc import Iterator
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from cloison.errors import ProfileError
from cloison.model import Meter, Permission, Relation

SLOTS = range(1, 9)  # the columns term1 … term8 of a person
PROOF_SLOT = 3  # the one column without an index: it proves a fact of somebody already found
FIVE_MINUTES_SHARE = 3  # in any 5 minutes a third of the hour's budget (design § 1)
BITS_MOST = 31  # a mask travels as a PostgreSQL integer
COMPARTMENT_BYTES = 32_000  # what sealing takes is a little more
BYTES_A_CHARACTER, BYTES_A_FIELD = 4, 8  # of UTF-8 at most; of msgpack around a name and a value
FACTS_MOST = 3  # of one search term
ACTS = ("end", "resume", "death")  # of a registration, as the API names them
LOCATOR_LONGEST = 128  # characters, so that a locator is always hashed whole


class FieldType(StrEnum):
    """What a field's value must look like."""

    TEXT = "text"
    IDENTIFIER = "identifier"  # ASCII letters and digits, upper case
    DATE = "date"  # ISO, of the real calendar
    NIR = "nir"  # the French social security number, 15 characters
    EMAIL = "email"
    PHONE = "phone"  # French, 10 digits
    COMMUNE = "commune"  # the INSEE code of a commune of today
    PLACE = "place"  # a place of birth: any INSEE code, of a commune that has gone or of a country (99…) too
    POSTCODE = "postcode"  # French, 5 digits
    CHOICE = "choice"  # one of `choices`
    YES_NO = "yes_no"


class Normalisation(StrEnum):
    """How much two spellings may differ and still give one search term."""

    EXACT = "exact"  # nothing but case
    NAME = "name"  # accents, case, hyphens, apostrophes and spaces
    PHONETIC = "phonetic"  # what sounds alike in French


class SegmentBy(StrEnum):
    """How a field's value becomes a segment."""

    INSEE_DEPARTMENT = "insee-department"  # of an INSEE code: 2 characters, 3 overseas
    VALUE = "value"  # the value itself


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a profile: a key that it does not know is an error, not a setting silently without effect."""


class Field(_Part, frozen=True):
    """One column of an import file. Lengths are in characters; `past`: never a day to come."""

    type: FieldType
    compartment: str
    choices: tuple[str, ...] = ()
    min_length: int = 1
    max_length: int = 100
    required: bool = False
    past: bool = False


class SegmentRule(_Part, frozen=True):
    """Which segment a person belongs to; `otherwise` takes those whose `field` is empty, if it is set."""

    field: str
    rule: SegmentBy
    otherwise: str = ""


class LabelRule(_Part, frozen=True):
    """What lists and cards show: of each group in `name` the first filled field, a year of birth, a commune."""

    name: tuple[tuple[str, ...], ...]
    birth_year: str
    place: str = ""


class Search(_Part, frozen=True):
    """One search term of a person. Several may share a `name`: together they are one search of the API.

    `fields` are what is hashed, in order; `needs` the facts without which the search is refused; `group` the
    fields (and how many leading characters, 0 for all) whose misses share a budget; `proof_slot` the slot
    which proves that the birth date given belongs to the person found by this one.
    """

    name: str
    slot: int
    fields: dict[str, Normalisation]
    needs: tuple[str, ...] = ()
    indexed: bool = True
    walk_in: bool = False
    proof_slot: int | None = None
    group: dict[str, int] = {}

    @property
    def cuts(self) -> list[int]:
        """Of each field hashed, the leading characters that misses share (0: all, -1: none); empty without a group."""
        return [self.group.get(field, -1) for field in self.fields] if self.group else []


class Role(_Part, frozen=True):
    """What a role's accounts may do; budgets are people (refusals: events) in any hour, day, 28 days."""

    relations: tuple[str, ...] = ()
    compartments: tuple[str, ...] = ()
    touch: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    budgets: dict[str, tuple[int, int, int]] = {}


class RetentionRule(_Part, frozen=True):
    """How long a category is kept, in months from the date `from_field` (empty: from the day of import)."""

    months: int
    ceiling_months: int
    from_field: str = ""


class ActRule(_Part, frozen=True):
    """What an act of a registration writes: its date into `dates`.

    `only`: categories in which it can be done; `unless`: fields that must be empty; `also`: an act that is done with it
    where that one can be. `set` and `clear` change other fields.
    """

    dates: tuple[str, ...]
    only: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    set: dict[str, str] = {}
    clear: tuple[str, ...] = ()
    also: str = ""


class MinorityRule(_Part, frozen=True):
    """From which age somebody signs in alone, and when they are of age, by a date of birth."""

    birth_date: str
    signs_in_years: int
    adult_years: int


class StatisticsRule(_Part, frozen=True):
    """What people are counted by: segment, category, a month, the age they had then, and sex.

    `months`: by category the date whose month counts; months before `since` (YYYY-MM) are one. `ages`: where each band
    begins, from 0.
    """

    months: dict[str, str]
    birth_date: str
    sex: str
    ages: tuple[int, ...]
    since: Annotated[str, Meta(pattern=r"^\d{4}-(?:0[1-9]|1[0-2])\Z")]


class Profile(_Part, frozen=True):
    """One kind of register. The order of compartments, fields and purposes numbers them; it never changes.

    `provisional`: how values of the first locator begin that a definitive one will take the place of.
    """

    name: str
    compartments: tuple[str, ...]
    fields: dict[str, Field]
    required_any: tuple[tuple[str, ...], ...]
    segment: SegmentRule
    category_field: str
    label: LabelRule
    searches: tuple[Search, ...]
    locators: tuple[str, ...]
    purposes: tuple[str, ...]
    roles: dict[str, Role]
    retention: dict[str, RetentionRule]
    provisional: tuple[str, ...] = ()
    acts: dict[str, ActRule] = {}
    minority: MinorityRule | None = None
    statistics: StatisticsRule | None = None

    @property
    def label_bit(self) -> int:
        """The mask of the derived compartment that lists and cards show: the last one."""
        return 1 << len(self.compartments) - 1

    @property
    def address_field(self) -> str:
        """The field that codes are sent to: the first e-mail address; empty where there is none."""
        return next((name for name, field in self.fields.items() if field.type is FieldType.EMAIL), "")

    @property
    def address_bit(self) -> int:
        """The mask of the compartment that holds it; 0 where there is none."""
        return self.mask((self.fields[self.address_field].compartment,)) if self.address_field else 0

    @property
    def most_people(self) -> tuple[int, int, int, int]:
        """The most people any role opens in 5 minutes, hour, day and 28 days, at the counter and otherwise together."""
        none = (0, 0, 0)
        totals = [
            [sum(pair) for pair in zip(role.budgets.get("open", none), role.budgets.get("walk_in", none), strict=True)]
            for role in self.roles.values()
        ]
        hour, day, days_28 = (max(column) for column in zip(*totals, strict=True)) if totals else none
        return hour // FIVE_MINUTES_SHARE, hour, day, days_28

    def mask(self, compartments: tuple[str, ...]) -> int:
        """The bit set of compartment names; raises ValueError for one that is not the profile's."""
        return sum(1 << self.compartments.index(name) for name in set(compartments))

    def purpose_mask(self, purposes: tuple[str, ...]) -> int:
        """The bit set of purpose names; raises ValueError for one that is not the profile's."""
        return sum(1 << self.purposes.index(name) for name in set(purposes))

    def roles_with(self, *permissions: Permission) -> list[str]:
        """The names of roles that have one of these permissions."""
        return [name for name, role in self.roles.items() if set(permissions) & set(role.permissions)]

    def searches_named(self, name: str) -> list[Search]:
        """The terms that make up one search of the API; empty if there is none of that name."""
        return [search for search in self.searches if search.name == name]


def relation_mask(relations: tuple[str, ...]) -> int:
    """The bit set of relation names, as `model.Relation` numbers them; raises KeyError for an unknown one."""
    return sum(1 << Relation[name.upper()] for name in set(relations))


def permission_mask(permissions: tuple[str, ...]) -> int:
    """The bit set of permissions, as `model.Permission` numbers them; raises ValueError for an unknown one."""
    return sum(1 << Permission(name).bit for name in set(permissions))


def load_profile(name_or_path: str) -> Profile:
    """The bundled profile of that name, or the one in that TOML file; raises ProfileError with the reason."""
    try:
        profile = msgspec.toml.decode(_text(name_or_path), type=Profile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProfileError(reason=f"{Path(name_or_path).name}: {error}") from error
    faults = list(_faults(profile))
    if faults:
        raise ProfileError(reason=f"{profile.name}: {'; '.join(faults)}")
    return profile


def _text(name_or_path: str) -> str:
    bundled = resources.files("cloison.register") / "profiles" / f"{name_or_path}.toml"
    # a bundled profile has a plain name: what looks like a path is never looked for inside the package
    if name_or_path.replace("-", "").isalnum() and bundled.is_file():
        return bundled.read_text(encoding="utf-8")
    try:
        return Path(name_or_path).read_text(encoding="utf-8")
    except OSError as error:
        raise ProfileError(reason=f"there is no profile or file {name_or_path}") from error


def _faults(profile: Profile) -> Iterator[str]:
    """Why a profile cannot hold together.

    The rules:

    1. Names of compartments and purposes are unique, and their bits fit an integer.
    2. Every field lies in a compartment that is not the derived last one, which is `label`.
    3. Every field named by a rule exists.
    4. Slots are 1 to 8, used once; a proof slot is one of them; a term hashes few fields.
    5. Roles speak of relations, compartments, purposes, permissions and meters that exist; budgets grow by window.
    6. Every category has a retention, none beyond its ceiling.
    7. A compartment at its longest can be sealed.
    8. Everybody has a locator, or an import run twice would double those who have none.
    9. Statistics count every category by a past date, ages by bands that grow from 0, sex by a choice.
    9. Acts of a registration are those that the API has, write dates, and go on to acts that exist.
    """
    yield from _list_faults("compartments", profile.compartments)
    yield from _list_faults("purposes", profile.purposes)
    yield from _field_faults(profile)
    yield from _reference_faults(profile)
    yield from _slot_faults(profile)
    for name, role in profile.roles.items():
        yield from (f"role {name}: {fault}" for fault in _role_faults(profile, role))
    yield from _retention_faults(profile)
    yield from _size_faults(profile)
    yield from _locator_faults(profile)
    if profile.statistics is not None:
        yield from _statistics_faults(profile, profile.statistics)
    yield from _act_faults(profile)


def _list_faults(kind: str, names: tuple[str, ...]) -> Iterator[str]:
    if len(set(names)) != len(names):
        yield f"{kind} has a name twice"
    if not 1 <= len(names) <= BITS_MOST:
        yield f"{kind} must have 1 to {BITS_MOST} names"


def _field_faults(profile: Profile) -> Iterator[str]:
    if profile.compartments[-1:] != ("label",):
        yield "the last compartment must be label"
    for name, field in profile.fields.items():
        if field.compartment not in profile.compartments[:-1]:
            yield f"field {name} lies in no compartment of its own"
        if bool(field.choices) != (field.type is FieldType.CHOICE):
            yield f"field {name}: choices belong to the type choice, and only there"
        if not 1 <= field.min_length <= field.max_length:
            yield f"field {name}: lengths must be 1 <= min_length <= max_length"


def _reference_faults(profile: Profile) -> Iterator[str]:
    named = [profile.segment.field, profile.category_field, profile.label.birth_year, *profile.locators]
    named += [profile.label.place] if profile.label.place else []
    for group in (*profile.required_any, *profile.label.name):
        named += group
    for search in profile.searches:
        named += [*search.fields, *search.needs, *search.group]
    named += [rule.from_field for rule in profile.retention.values() if rule.from_field]
    for act in profile.acts.values():
        named += [*act.dates, *act.unless, *act.set, *act.clear]
    named += [profile.minority.birth_date] if profile.minority else []
    yield from (f"there is no field {name}" for name in sorted(set(named) - set(profile.fields)))


def _slot_faults(profile: Profile) -> Iterator[str]:
    slots = [search.slot for search in profile.searches]
    if len(set(slots)) != len(slots) or not set(slots) <= set(SLOTS):
        yield "search slots must be 1 to 8, each used once"
    for search in profile.searches:
        if search.proof_slot is not None and search.proof_slot not in slots:
            yield f"search {search.name}: there is no slot {search.proof_slot}"
        if not 1 <= len(search.fields) <= FACTS_MOST:
            yield f"search {search.name} must hash 1 to {FACTS_MOST} fields"
        if not set(search.group) <= set(search.fields):
            yield f"search {search.name} can only group by fields that it hashes"
        if search.indexed != (search.slot != PROOF_SLOT):
            yield f"search {search.name}: slot {PROOF_SLOT} alone has no index (indexed = false)"


def _role_faults(profile: Profile, role: Role) -> Iterator[str]:
    known = {
        "relation": (role.relations, {relation.name.lower() for relation in Relation}),
        "compartment": (role.compartments, set(profile.compartments)),
        "touch of a compartment not its own:": (role.touch, set(role.compartments)),
        "purpose": (role.purposes, set(profile.purposes)),
        "permission": (role.permissions, {permission.value for permission in Permission}),
        "meter": (role.budgets, {meter.name.lower() for meter in Meter if meter is not Meter.CAMPAIGN}),
    }
    for kind, (names, allowed) in known.items():
        yield from (f"unknown {kind} {name}" for name in sorted(set(names) - allowed))
    for meter, (hour, day, days_28) in role.budgets.items():
        if not 0 <= hour <= day <= days_28:
            yield f"budget {meter} must grow from hour to day to 28 days"


def _retention_faults(profile: Profile) -> Iterator[str]:
    category = profile.fields.get(profile.category_field)
    if category is None or category.type is not FieldType.CHOICE or not category.required:
        yield "category_field must be a required choice"
    elif set(category.choices) != set(profile.retention):
        yield "retention must have exactly the categories"
    for name, rule in profile.retention.items():
        if not 0 < rule.months <= rule.ceiling_months:
            yield f"retention of {name} must be 1 to {rule.ceiling_months} months"
        source = profile.fields.get(rule.from_field)
        if source is not None and source.type is not FieldType.DATE:
            yield f"retention of {name} must count from a date"


def _size_faults(profile: Profile) -> Iterator[str]:
    for compartment in profile.compartments:
        longest = sum(
            BYTES_A_CHARACTER * field.max_length + len(name) + BYTES_A_FIELD
            for name, field in profile.fields.items()
            if field.compartment == compartment
        )
        if longest > COMPARTMENT_BYTES:
            yield f"compartment {compartment} could be longer than {COMPARTMENT_BYTES:,} bytes"


def _locator_faults(profile: Profile) -> Iterator[str]:
    required = [(name,) for name, field in profile.fields.items() if field.required]
    if not any(group and set(group) <= set(profile.locators) for group in (*profile.required_any, *required)):
        yield "required fields must give everybody one of the locators"
    for name in profile.locators:
        if name in profile.fields and profile.fields[name].max_length > LOCATOR_LONGEST:
            yield f"locator {name} may have at most {LOCATOR_LONGEST} characters"


def _act_faults(profile: Profile) -> Iterator[str]:
    yield from (
        f"there is no act {name}; there are {', '.join(ACTS)}" for name in sorted(set(profile.acts) - set(ACTS))
    )
    for name, act in profile.acts.items():
        dates = [profile.fields[field].type for field in act.dates if field in profile.fields]
        if any(kind is not FieldType.DATE for kind in dates) or not act.dates:
            yield f"act {name} must write dates"
        if not set(act.only) <= set(profile.retention):
            yield f"act {name} is for categories that do not exist"
        if act.also and (act.also not in profile.acts or act.also == name):
            yield f"act {name} goes on to none that exists"


def _statistics_faults(profile: Profile, rule: StatisticsRule) -> Iterator[str]:
    category, sex = profile.fields.get(profile.category_field), profile.fields.get(rule.sex)
    if category is not None and set(category.choices) != set(rule.months):
        yield "statistics.months must have exactly the categories"
    for name in dict.fromkeys((*rule.months.values(), rule.birth_date)):
        field = profile.fields.get(name)
        if field is None or field.type is not FieldType.DATE or not field.past:
            yield f"statistics: {name} must be a past date"
    if sex is None or sex.type is not FieldType.CHOICE:
        yield f"statistics: {rule.sex} must be a choice"
    if not rule.ages or rule.ages[0] != 0 or list(rule.ages) != sorted(set(rule.ages)):
        yield "statistics.ages must grow from 0"
