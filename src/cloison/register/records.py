"""From rows to records ready to be sealed, or to the reasons why they are refused. No I/O.

Column by column: an import of millions looks at each column's values in one go, and at a value that many people share
only once. A single row takes the same way.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import NamedTuple

import msgspec

from cloison.register.fields import InvalidValueError, Reason, check, mask
from cloison.register.layout import Layout
from cloison.register.places import PLACE, commune_name, department
from cloison.register.profile import Field, FieldType, Profile, SegmentBy
from cloison.register.retention_term import cohort_of, months_after
from cloison.register.statistics import CellMaker
from cloison.register.terms import locator_columns, term_columns

SEGMENT_LONGEST = 16
SHARED_MOST = 1 << 16  # values of a column that are remembered; beyond, it begins anew
# what few people share: looked at each time, as remembering would only cost
EACH_ITS_OWN = {FieldType.NIR, FieldType.IDENTIFIER, FieldType.EMAIL, FieldType.PHONE}


class Reject(msgspec.Struct, frozen=True):
    """One reason why a row is refused; `masked` is what may be shown of the value."""

    field: str
    reason: Reason
    masked: str


class Record(NamedTuple):
    """One person, valid and in canonical form.

    `plain`: the text of each compartment, in the profile's order. `terms` and `locators`: slot or kind, and the bytes
    for the keeper to hash. `digest`: the SHA-256 of all that was told. `provisional`: the first locator is one that a
    definitive one will take the place of. `cell`: of the statistics, for the keeper to hash; empty: counted nowhere.
    """

    segment: str
    cohort: int
    plain: list[bytes]
    terms: list[tuple[int, bytes]]
    locators: list[tuple[int, bytes]]
    digest: bytes
    provisional: bool
    cell: bytes


class Made(NamedTuple):
    """What became of some rows: (index, record) in order, and (index, reasons) of those refused."""

    records: list[tuple[int, Record]]
    rejects: list[tuple[int, list[Reject]]]


class RecordMaker:
    """Makes records of one profile, as of one day."""

    def __init__(self, profile: Profile, *, today: date | None = None) -> None:
        """Prepare for `profile`; `today` (default: the calendar's) is the last day of past dates."""
        self.profile = profile
        self._today = today or datetime.now().astimezone().date()  # a civil date, of the place where this runs
        self._layout = Layout(profile)
        self._checked = {name: _Checked(field, self._today) for name, field in profile.fields.items()}
        self._segments = _Segments(profile)
        self._cohorts = _Cohorts(profile, self._today)
        self._cells = CellMaker(profile)
        self._required: list[tuple[str, ...]] = [(name,) for name, field in profile.fields.items() if field.required]
        self._required += profile.required_any

    def to_record(self, row: Mapping[str, str]) -> Record | list[Reject]:
        """The record of a row, by column (some may be absent), or every reason why it is refused."""
        made = self.records({name: [value] for name, value in row.items()}, 1)
        return made.records[0][1] if made.records else made.rejects[0][1]

    def records(self, columns: Mapping[str, Sequence[str]], rows: int) -> Made:
        """The records of rows given by column (some may be absent), each `rows` values long."""
        rejects: defaultdict[int, list[Reject]] = defaultdict(list)
        empty = [""] * rows
        values: dict[str, list[str]] = dict.fromkeys(self.profile.fields, empty)
        for name in self.profile.fields.keys() & columns.keys():
            values[name] = self._column(name, columns[name], rejects)
        self._require(values, rejects)
        segments = self._segmented(values, rejects)
        if rejects:
            kept = [index for index in range(rows) if index not in rejects]
            values = {name: [column[i] for i in kept] for name, column in values.items()}
            segments = [segments[i] for i in kept]
        else:
            kept = list(range(rows))
        in_order = [name for name in self.profile.fields if name in columns]  # of a row's reasons, whatever the file's
        return Made(list(zip(kept, self._made(values, segments), strict=True)), _sorted(rejects, in_order))

    # -- what is refused

    def _column(self, name: str, raw: Sequence[str], rejects: dict[int, list[Reject]]) -> list[str]:
        """The kept form of a column's values, empty where they are refused."""
        kept = self._checked[name].all(raw)
        if Reason in set(map(type, kept)):
            for index, value in enumerate(kept):
                if type(value) is Reason:
                    rejects[index].append(Reject(name, value, mask(raw[index])))
                    kept[index] = ""
        return kept

    def _require(self, values: Mapping[str, list[str]], rejects: dict[int, list[Reject]]) -> None:
        for group in self._required:
            if any("" not in values[name] for name in group):
                continue
            for index, filled in enumerate(zip(*(values[name] for name in group), strict=True)):
                if not any(filled) and not any(r.field in group for r in rejects.get(index, ())):
                    rejects[index].append(Reject(" or ".join(group), Reason.MISSING, ""))

    def _segmented(self, values: Mapping[str, list[str]], rejects: dict[int, list[Reject]]) -> list[str]:
        field = self.profile.segment.field
        segments = list(map(self._segments.__getitem__, values[field]))
        if "" in segments:
            for index, segment in enumerate(segments):
                if not segment and not any(r.field == field for r in rejects.get(index, ())):
                    value = values[field][index]
                    rejects[index].append(Reject(field, Reason.SEGMENT if value else Reason.MISSING, mask(value)))
        return segments

    # -- what is made

    def _made(self, values: Mapping[str, list[str]], segments: list[str]) -> list[Record]:
        profile = self.profile
        plain = self._layout.columns({**values, **self._labels(values)})
        digests = [sha256(b"".join(texts[:-1])).digest() for texts in plain]
        first = profile.locators[0] if profile.locators else ""
        provisional = [value[:1] in profile.provisional for value in values[first]] if first else [False] * len(plain)
        parts = (
            segments,
            self._cohorts.all(values),
            plain,
            term_columns(profile.searches, values),
            locator_columns(profile, values),
            digests,
            provisional,
            self._cells.columns(values, len(segments)),
        )
        return list(map(Record._make, zip(*parts, strict=True)))

    def _labels(self, values: Mapping[str, list[str]]) -> dict[str, list[str | int]]:
        rule = self.profile.label
        groups = [
            [next(filter(None, choice), "") for choice in zip(*(values[name] for name in group), strict=True)]
            for group in rule.name
        ]
        labels: dict[str, list[str | int]] = {
            "label": [" ".join(filter(None, parts)) for parts in zip(*groups, strict=True)]
        }
        if rule.birth_year in values:
            labels["birth_year"] = [int(value[:4]) if value else "" for value in values[rule.birth_year]]
        if rule.place in values:
            labels["place"] = [commune_name(value) for value in values[rule.place]]
        return labels


class _Checked:
    """The checks of one field; what many people share is looked at once."""

    def __init__(self, field: Field, today: date) -> None:
        self._field = field
        self._today = today.isoformat()
        self._shared: dict[str, str | Reason] | None = None if field.type in EACH_ITS_OWN else {}

    def all(self, raw: Sequence[str]) -> list[str]:
        """The kept form of each value, or a Reason (which is a text, too) for the refusal."""
        if self._shared is None:
            one = self._one
            return [one(value) if value else "" for value in raw]
        shared = self._shared
        if len(shared) > SHARED_MOST:
            shared.clear()
        for value in set(raw):
            if value not in shared:
                shared[value] = self._one(value)
        return list(map(shared.__getitem__, raw))

    def _one(self, value: str) -> str:
        try:
            return check(self._field, value, today=self._today)
        except InvalidValueError as error:
            return error.reason


class _Segments(dict[str, str]):
    """The segment that a value of the profile's field gives, empty where it gives none."""

    def __init__(self, profile: Profile) -> None:
        super().__init__()
        self._rule = profile.segment

    def __missing__(self, value: str) -> str:
        if len(self) > SHARED_MOST:
            self.clear()
        if not value:
            segment = self._rule.otherwise
        elif self._rule.rule is SegmentBy.INSEE_DEPARTMENT:
            segment = department(value) if PLACE.fullmatch(value) else ""
        else:
            segment = value if is_segment(value) else ""
        self[value] = segment
        return segment


class _Cohorts(dict[tuple[str, str], int]):
    """The cohort that a category and the date its retention counts from give."""

    def __init__(self, profile: Profile, today: date) -> None:
        super().__init__()
        self._profile = profile
        self._today = today

    def all(self, values: Mapping[str, list[str]]) -> list[int]:
        """The cohort of each record."""
        categories = values[self._profile.category_field]
        sources = {category: rule.from_field for category, rule in self._profile.retention.items()}
        dates = {source: values[source] for source in sources.values() if source}
        return [
            self[category, dates[source][i] if (source := sources[category]) else ""]
            for i, category in enumerate(categories)
        ]

    def __missing__(self, key: tuple[str, str]) -> int:
        category, start = key
        months = self._profile.retention[category].months
        cohort = self[key] = cohort_of(months_after(date.fromisoformat(start) if start else self._today, months))
        return cohort


def _sorted(rejects: Mapping[int, list[Reject]], fields: list[str]) -> list[tuple[int, list[Reject]]]:
    """In the order of rows, each row's reasons in the order of the profile's fields, groups last."""
    place = {name: number for number, name in enumerate(fields)}
    return [
        (index, sorted(reasons, key=lambda reject: place.get(reject.field, len(place))))
        for index, reasons in sorted(rejects.items())
    ]


def is_segment(text: str) -> bool:
    """Whether `text` can name a segment: 1 to 16 ASCII letters, digits, dashes and underscores."""
    plain = text.replace("-", "").replace("_", "")
    return 0 < len(text) <= SEGMENT_LONGEST and text.isascii() and (not plain or plain.isalnum())
