"""Which records changed, for systems that keep something about the same people. Rules: `87_changes.sql`.

A cursor is where a reader stopped: `XID.PERSON.EVENT`. It is theirs to keep and nothing to be read from: the order is
that of the database's transactions, which is not that of time.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from cloison.access.feeds import SEGMENT
from cloison.errors import BadRequestError, MissedChangesError, NoClientError, SegmentScopeError
from cloison.events import Event
from cloison.store.metered import Bearer, Meter

CURSOR = re.compile(r"(\d{1,18})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([a-z_]{1,32})")
CHANGES = (
    "select verdict, xid, person, event, version, at "
    "from cloison.changes_v1(%b::text, %b::bytea, %b::int8, %b::uuid, %b::cloison.event, %b::int4)"
)


class Noted(msgspec.Struct, frozen=True):
    """One record that changed; `version` None where it is not in this segment any more."""

    person: UUID
    event: str
    version: int | None
    at: datetime


class Page(msgspec.Struct, frozen=True):
    """Changes in their order, and the cursor that the next page begins behind; None where nothing was ever read."""

    changes: Sequence[Noted]
    cursor: str | None


async def changes(meter: Meter, client: Bearer, segment: str, cursor: str | None, most: int) -> Page:
    """The changes of a segment behind `cursor`.

    Raises NoClientError, SegmentScopeError, MissedChangesError, BadRequestError.
    """
    if not SEGMENT.fullmatch(segment):
        raise BadRequestError(reason="this is no segment")
    rows = await meter.ask(CHANGES, (segment, client.token, *_read(cursor), most))
    verdict = rows[0][0]
    if verdict == "no_client":
        raise NoClientError
    if verdict == "scope":
        raise SegmentScopeError
    if verdict == "missed":
        raise MissedChangesError
    found = [row for row in rows if row[1] is not None]
    if found:
        cursor = f"{found[-1][1]}.{found[-1][2]}.{found[-1][3]}"
    return Page([Noted(*row[2:]) for row in found], cursor)


def _read(cursor: str | None) -> tuple[int | None, UUID | None, str | None]:
    """The cursor's parts; raises BadRequestError for what this never gave out."""
    if cursor is None:
        return None, None, None
    match = CURSOR.fullmatch(cursor)
    if match is None or match[3] not in set(Event):
        raise BadRequestError(reason="this is no cursor; give back what the last page said")
    return int(match[1]), UUID(match[2]), match[3]
