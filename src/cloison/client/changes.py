"""What the JSON API says and is told about changes of the register, shared with `cloison.client`.

As in `wire.py`, what depends on the profile (fields, purposes) is narrowed in `web/bodies.py`.
"""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cloison.client.wire import Segment

VALUE_CHARACTERS = 500  # longer than any field
Value = Annotated[str, Meta(max_length=VALUE_CHARACTERS)]
Day = Annotated[str, Meta(min_length=1, max_length=30, description="A day: 2026-03-31")]
Moment = Annotated[str, Meta(min_length=1, max_length=40, description="A day or a moment: 2026-03-31T12:00+02:00")]
Reason = Literal["double_registration", "imported_twice", "changed_name", "other"]
RepresentativeKind = Literal["parent", "guardian", "curator", "proxy"]


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A change, and what it is made for."""

    purpose: str


class NewFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The fields of somebody new, by the profile's names; those left out are empty."""


class ChangedFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The fields that change, one at least, by the profile's names; null empties one, those left out stay."""

    def __post_init__(self) -> None:
        """A change of nothing would be charged, and leave a version that says nothing."""
        if all(getattr(self, name) is UNSET for name in self.__struct_fields__):
            raise ValueError("no field changes")


class CreateRequest(_Request, frozen=True, kw_only=True):
    """Somebody new."""

    fields: NewFields


class ChangeRequest(_Request, frozen=True, kw_only=True):
    """A correction of some fields."""

    segment: Segment | None = None
    fields: ChangedFields


class DayRequest(_Request, frozen=True, kw_only=True):
    """The end of a registration, or a death: on which day."""

    segment: Segment | None = None
    on: Day


class ResumeRequest(_Request, frozen=True, kw_only=True):
    """A registration that begins again: from which day."""

    segment: Segment | None = None
    registered_on: Day


class MergeRequest(_Request, frozen=True, kw_only=True):
    """Two records of one person: which stays, which goes, and why."""

    survivor: UUID
    absorbed: UUID
    segment: Segment | None = None
    reason: Reason = "other"


class SplitRequest(_Request, frozen=True, kw_only=True):
    """A merge to be taken back."""

    segment: Segment | None = None


class RepresentativeRequest(_Request, frozen=True, kw_only=True):
    """Who speaks for somebody, as what, and from when to when."""

    segment: Segment | None = None
    representative: UUID
    kind: RepresentativeKind
    signs_in: bool
    receives_notices: bool
    valid_from: Moment | None = msgspec.field(name="from", default=None)
    valid_until: Moment | None = msgspec.field(name="until", default=None)


class Changed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a change.

    `outcome`: created, known, changed, pending, merged, split, set or ended where it was done; conflict where a value
    is somebody else's; else as in opening. `version`: the record's from now on. `merge`: what is to be approved.
    `signs_in_alone`: whether the person is old enough to.
    """

    outcome: str
    person: UUID | None = None
    segment: str | None = None
    version: int | None = None
    merge: UUID | None = None
    signs_in_alone: bool | UnsetType = UNSET
    retry_after: int | None = None
