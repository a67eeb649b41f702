"""From a row of a file to a record ready to be sealed, or to the reasons why it is refused. No I/O."""

from collections.abc import Mapping
from datetime import date, datetime

import msgspec

from cloison.register.fields import InvalidValueError, Reason, check, mask
from cloison.register.places import PLACE, department
from cloison.register.profile import Profile, SegmentBy
from cloison.register.retention_term import cohort_of, months_after
from cloison.register.terms import locator_inputs, terms_of

SEGMENT_LONGEST = 16


class Reject(msgspec.Struct, frozen=True):
    """One reason why a row is refused; `masked` is what may be shown of the value."""

    field: str
    reason: Reason
    masked: str


class Record(msgspec.Struct, frozen=True):
    """One person, valid and in canonical form.

    `values`: the fields that are not empty. `plain`: one msgpack map a compartment, in the profile's order,
    the last one `{"label": …, "birth_year": …}`. `terms` and `locators`: slot or kind, and the bytes for the
    keeper to hash.
    """

    values: dict[str, str]
    segment: str
    cohort: int
    plain: list[bytes]
    terms: list[tuple[int, bytes]]
    locators: list[tuple[int, bytes]]


class RecordMaker:
    """Makes records of one profile, as of one day."""

    def __init__(self, profile: Profile, *, today: date | None = None) -> None:
        """Prepare for `profile`; `today` (default: the calendar's) is the last day of past dates."""
        self.profile = profile
        self._today = today or datetime.now().astimezone().date()  # a civil date, of the place where this runs
        self._encode = msgspec.msgpack.Encoder().encode
        # sets of names, worked out once rather than for each of millions of rows
        self._compartments = [
            [name for name, field in profile.fields.items() if field.compartment == compartment]
            for compartment in profile.compartments[:-1]
        ]
        self._required: list[tuple[str, ...]] = [(name,) for name, field in profile.fields.items() if field.required]
        self._required += profile.required_any

    def to_record(self, row: Mapping[str, str]) -> Record | list[Reject]:
        """The record of a row, by column (some may be absent), or every reason why it is refused."""
        values, rejects = self._values(row)
        refused = {reject.field for reject in rejects}
        for group in self._required:
            if not any(name in values or name in refused for name in group):
                rejects.append(Reject(" or ".join(group), Reason.MISSING, ""))
        segment = self._segment(values)
        rule = self.profile.segment
        if not segment and rule.field not in refused:
            reason = Reason.SEGMENT if rule.field in values else Reason.MISSING
            rejects.append(Reject(rule.field, reason, mask(values.get(rule.field, ""))))
        return rejects or self._record(values, segment)

    def _values(self, row: Mapping[str, str]) -> tuple[dict[str, str], list[Reject]]:
        values: dict[str, str] = {}
        rejects: list[Reject] = []
        today = self._today.isoformat()
        for name, field in self.profile.fields.items():
            value = row.get(name)
            if not value:
                continue
            try:
                kept = check(field, value, today=today)
            except InvalidValueError as error:
                rejects.append(Reject(name, error.reason, mask(value)))
                continue
            if kept:
                values[name] = kept
        return values, rejects

    def _segment(self, values: dict[str, str]) -> str:
        rule = self.profile.segment
        value = values.get(rule.field)
        if value is None:
            return rule.otherwise
        if rule.rule is SegmentBy.INSEE_DEPARTMENT:
            return department(value) if PLACE.fullmatch(value) else ""
        return value if is_segment(value) else ""

    def _record(self, values: dict[str, str], segment: str) -> Record:
        plain = [self._encode({name: values[name] for name in names if name in values}) for names in self._compartments]
        plain.append(self._encode(self._label(values)))
        return Record(
            values=values,
            segment=segment,
            cohort=self._cohort(values),
            plain=plain,
            terms=terms_of(self.profile.searches, values),
            locators=locator_inputs(self.profile, values),
        )

    def _label(self, values: dict[str, str]) -> dict[str, str | int]:
        rule = self.profile.label
        parts = (next((values[name] for name in group if name in values), "") for group in rule.name)
        label: dict[str, str | int] = {"label": " ".join(filter(None, parts))}
        if rule.birth_year in values:
            label["birth_year"] = int(values[rule.birth_year][:4])
        return label

    def _cohort(self, values: dict[str, str]) -> int:
        rule = self.profile.retention[values[self.profile.category_field]]
        start = values.get(rule.from_field)
        return cohort_of(months_after(date.fromisoformat(start) if start else self._today, rule.months))


def is_segment(text: str) -> bool:
    """Whether `text` can name a segment: 1 to 16 ASCII letters, digits, dashes and underscores."""
    plain = text.replace("-", "").replace("_", "")
    return 0 < len(text) <= SEGMENT_LONGEST and text.isascii() and (not plain or plain.isalnum())
