"""What a change makes of a record's values, and what it may not. No I/O.

The rules:

1. A change names fields; null empties one. What comes of it is checked like a row of an import, all of it.
2. Whoever changes a field must have its compartment, with a fresh touch where it asks for one: `mask_of`.
3. A value that is unique in the register can be asked for by changing to it: such a change is charged as a question,
   in the group of those that differ only in what can be guessed: `asked_locators`, `question_groups`.
4. Ending, resuming and noting a death are changes that the profile describes: `act_patch`.
5. Who is too young to act alone follows from the date of birth: `signs_in_alone`, `is_adult`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from cloison.errors import ActRefusedError, InvalidFieldsError
from cloison.keeper.messages import BETWEEN_FACTS
from cloison.register.profile import ActRule, Profile
from cloison.register.records import Reject
from cloison.register.terms import exact

Values = dict[str, str]
Patch = Mapping[str, str | None]


def patched(values: Mapping[str, str], patch: Patch) -> Values:
    """Rule 1: the values with those of `patch` in their place; null takes one away."""
    changed = {**values, **{name: value or "" for name, value in patch.items()}}
    return {name: value for name, value in changed.items() if value}


def refused(rejects: Iterable[Reject]) -> InvalidFieldsError:
    """The refusal of a record, by field and reason, never a value."""
    return InvalidFieldsError(faults=", ".join(f"{reject.field}: {reject.reason.value}" for reject in rejects))


def mask_of(profile: Profile, names: Iterable[str]) -> int:
    """Rule 2: the compartments of these fields, a bit each."""
    return profile.mask(tuple(profile.fields[name].compartment for name in names))


def asked_locators(profile: Profile, before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Rule 3: the unique fields that have a value which they had not before."""
    return [name for name in profile.locators if name in after and after[name] != before.get(name)]


def question_groups(profile: Profile, asked: Sequence[str], values: Mapping[str, str]) -> list[bytes]:
    """Rule 3: what questions after these fields share with those that differ only in what can be guessed.

    `values` in their kept form. Searches of the profile have the same groups; one whose fields are not all there is
    none's.
    """
    groups = []
    for search in profile.searches:
        if search.group and set(search.fields) & set(asked) and all(name in values for name in search.group):
            facts = [exact(values[name])[: length or None].encode() for name, length in search.group.items()]
            groups.append(BETWEEN_FACTS.join(facts))
    return groups


def act_patch(profile: Profile, act: str, day: str, values: Mapping[str, str]) -> dict[str, str | None]:
    """Rule 4: what `act` on `day` changes of these values; raises ActRefusedError where it cannot be done."""
    rule = profile.acts.get(act)
    if rule is None or not _possible(profile, rule, values):
        raise ActRefusedError(act=act)
    patch: dict[str, str | None] = {**dict.fromkeys(rule.clear), **rule.set, **dict.fromkeys(rule.dates, day)}
    also = profile.acts.get(rule.also)
    if also is not None and _possible(profile, also, values):
        patch |= act_patch(profile, rule.also, day, values)
    return patch


def act_fields(profile: Profile, act: str) -> set[str]:
    """The fields that an act may change, before it is known which."""
    rule = profile.acts.get(act)
    if rule is None:
        raise ActRefusedError(act=act)
    own = {*rule.dates, *rule.set, *rule.clear}
    return own | act_fields(profile, rule.also) if rule.also else own


def signs_in_alone(profile: Profile, values: Mapping[str, str], today: date) -> bool:
    """Rule 5: whether somebody is old enough to sign in without a representative; so is everybody without the rule."""
    rule = profile.minority
    return rule is None or _years(values.get(rule.birth_date), today) >= rule.signs_in_years


def is_adult(profile: Profile, values: Mapping[str, str], today: date) -> bool:
    """Rule 5: whether somebody is of age."""
    rule = profile.minority
    return rule is None or _years(values.get(rule.birth_date), today) >= rule.adult_years


def _possible(profile: Profile, rule: ActRule, values: Mapping[str, str]) -> bool:
    category = values.get(profile.category_field)
    return (not rule.only or category in rule.only) and not any(name in values for name in rule.unless)


def _years(born: str | None, today: date) -> int:
    """Whole years since a date of birth; none where there is no date."""
    if not born:
        return 0
    day = date.fromisoformat(born)
    return today.year - day.year - ((today.month, today.day) < (day.month, day.day))
