"""The door's routes for who speaks for somebody.

Both records are read, charged and logged: the dates of birth say whether a parent still speaks for the person, and
whether the representative is of age. What the dates are is never part of an answer, nor in the database.
"""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from litestar import delete, put

from cloison.client.changes import Changed, RepresentativeRequest
from cloison.errors import MalformedRequestError, RepresentativeRefusedError
from cloison.intake.door import door_of
from cloison.intake.reading import Wish, patiently, read
from cloison.model import Permission
from cloison.register.changes import is_adult, signs_in_alone
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer

SET = (
    "select cloison.set_representative_v1(%b::text, %b::bytea, %b::uuid, %b::int2, %b::uuid, %b::uuid, %b::text, "
    "%b::bool, %b::bool, %b::timestamptz, %b::timestamptz)"
)
END = "select cloison.end_representative_v1(%b::text, %b::bytea, %b::uuid, %b::int2, %b::uuid, %b::uuid)"


@put("/people/{person:uuid}/representatives", status_code=200)
async def set_representative(request: DeskRequest, person: UUID, data: "RepresentativeRequest") -> Changed:
    """Say who speaks for somebody, or change what was said."""
    door, who = door_of(request), bearer(request)
    times = (_moment(data.valid_from, "from"), _moment(data.valid_until, "until"))
    if person == data.representative:
        raise RepresentativeRefusedError(reason="nobody is their own representative")
    purpose = door.purposes[data.purpose]
    wish = Wish((person, data.representative), data.segment or who.segment, Permission.REPRESENT, 0, purpose)
    found = await read(door.register, who, wish)
    if isinstance(found, Changed):
        return found
    ours, theirs = (whole.values for whole in found.records)
    today, profile = datetime.now().astimezone().date(), door.register.profile
    if not is_adult(profile, theirs, today):
        raise RepresentativeRefusedError(reason="the representative is not of age")
    if data.kind == "parent" and is_adult(profile, ours, today):
        raise RepresentativeRefusedError(reason="a parent speaks for a minor only")
    arguments = (
        *(*who, found.request, purpose, person, data.representative),
        *(data.kind, data.signs_in, data.receives_notices, *times),
    )
    ((outcome,),) = await patiently(door.register, SET, arguments)
    return Changed(outcome, person, who.segment, signs_in_alone=signs_in_alone(profile, ours, today))


@delete("/people/{person:uuid}/representatives/{representative:uuid}", status_code=200)
async def end_representative(request: DeskRequest, person: UUID, representative: UUID, purpose: str) -> Changed:
    """End it, from now on."""
    door, who = door_of(request), bearer(request)
    if purpose not in door.purposes:
        raise MalformedRequestError(path="purpose")
    arguments: tuple[Any, ...] = (*who, uuid4(), door.purposes[purpose], person, representative)
    ((outcome,),) = await patiently(door.register, END, arguments)
    return Changed(outcome, person if outcome == "ended" else None)


def _moment(text: str | None, field: str) -> datetime | None:
    """A day, from its beginning, or a moment; both in the machine's time zone unless they say one."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise MalformedRequestError(path=f"$.{field}") from None


ROUTES = [set_representative, end_representative]
