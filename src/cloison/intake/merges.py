"""The door's routes for two records of one person: ask that they be merged or split again, and approve it.

Whoever asks is charged for both and has the right to change both; the survivor is sealed as it shall be when it is
asked for, so that the second account, which approves, opens nothing. Approving writes what was approved or nothing.
"""

from typing import Any
from uuid import UUID, uuid4

from litestar import post

from cloison.client.changes import Changed, MergeRequest, SplitRequest
from cloison.errors import MergeRefusedError
from cloison.intake.door import Door, door_of
from cloison.intake.reading import Read, Wish, patiently, read
from cloison.intake.writing import Cause, as_change, confirmed, recorded, sealed
from cloison.model import Permission
from cloison.register.merging import merged, unmerged
from cloison.register.resealing import query
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer

ASK = (
    "select * from cloison.ask_merge_v1(%b::text, %b::bytea, %b::uuid, %b::int2, %b::uuid, %b::uuid, %b::uuid, "
    "%b::text, %b::int4[], %b::int2[], %b::cloison.resealed[])"
)
PARTS = "select * from cloison.merge_parts_v1(%b::text, %b::bytea, %b::uuid)"
APPROVE = "select * from cloison.approve_merge_v1(%b::text, %b::bytea, %b::uuid, %b::uuid)"


@post("/merges", status_code=200)
async def ask_merge(request: DeskRequest, data: "MergeRequest") -> Changed:
    """Ask that one record absorb another."""
    door = door_of(request)
    if data.survivor == data.absorbed:
        raise MergeRefusedError(reason="they are one already")
    cause = Cause(bearer(request), Permission.MERGE, "merge_asked", door.purposes[data.purpose])
    people = (data.survivor, data.absorbed)
    async with door.turns.of(*people):
        found = await read(
            door.register,
            cause.who,
            Wish(people, data.segment or cause.who.segment, cause.permission, 0, cause.purpose),
        )
        if isinstance(found, Changed):
            return found
        survivor, absorbed = (whole.values for whole in found.records)
        after = merged(door.register.profile, survivor, absorbed)
        return await _ask(door, cause, found, after.values, [None, data.reason, after.filled])


@post("/merges/{merge:uuid}/split", status_code=200)
async def ask_split(request: DeskRequest, merge: UUID, data: "SplitRequest") -> Changed:
    """Ask that a merge be taken back."""
    door = door_of(request)
    cause = Cause(bearer(request), Permission.MERGE, "split_asked", door.purposes[data.purpose])
    rows = await query(door.register, PARTS, (*cause.who, merge))
    # Where there is no such merge within reach, a record that nobody has is asked for: charged and refused alike.
    survivor, absorbed, filled = rows[0] if rows else (uuid4(), uuid4(), [])
    async with door.turns.of(survivor, absorbed):
        wish = Wish((survivor, absorbed), data.segment or cause.who.segment, cause.permission, 0, cause.purpose, merge)
        found = await read(door.register, cause.who, wish)
        if isinstance(found, Changed):
            return found
        before, theirs = (whole.values for whole in found.records)
        after = unmerged(door.register.profile, before, theirs, filled)
        return await _ask(door, cause, found, after, [merge, "other", filled])


@post("/merges/{merge:uuid}/approve", status_code=200)
async def approve(request: DeskRequest, merge: UUID) -> Changed:
    """Carry out what somebody else asked."""
    door, who = door_of(request), bearer(request)
    ((outcome, state, survivor, _absorbed, key_id, version),) = await patiently(
        door.register, APPROVE, (*who, uuid4(), merge)
    )
    if outcome != "done":
        return Changed(outcome)
    await confirmed(door.register, (key_id, version))
    return Changed(state, survivor, who.segment, version, merge)


async def _ask(door: Door, cause: Cause, found: Read, after: dict[str, str], ask: list[Any]) -> Changed:
    """Seal the survivor as it shall be, and ask for somebody's approval."""
    survivor, absorbed = found.records
    row = None
    if after != survivor.values:
        change = await as_change(door.register, survivor, recorded(door.register, after))
        row, _ = await sealed(door.register, change)
    merge, reason, filled = ask
    versions = [survivor.standing.version, absorbed.standing.version]
    people = (survivor.standing.person, absorbed.standing.person)
    arguments = (*cause.who, found.request, cause.purpose, merge, *people, reason, versions, filled, row)
    ((outcome, number),) = await patiently(door.register, ASK, arguments)
    if outcome == "protected":
        raise MergeRefusedError(reason="the record to be absorbed is protected; let it be the survivor")
    return Changed(outcome, survivor.standing.person if number else None, merge=number)


ROUTES = [ask_merge, ask_split, approve]
