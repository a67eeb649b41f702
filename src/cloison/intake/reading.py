"""Reading a whole record in order to change it: charge, then release, then unseal, as for an opening.

The steps are those of `docs/walk.md`, part B:

4. `read_for_change_v1` charges the person to the account whose session it is, and commits;
5. `release_for_change_v1`, in a later transaction, returns the sealed record and a ticket for this caller alone;
6. the keeper gives the keys of all compartments, within the account's own ceilings; the record is unsealed here and
   goes no further than the change.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from cloison.client.changes import Changed
from cloison.errors import NoSessionError, OverloadedError
from cloison.keeper.messages import Refusal, TicketUse
from cloison.model import Permission
from cloison.register.layout import Layout
from cloison.register.resealing import Register, Standing, query
from cloison.register.sealing import Place, unseal
from cloison.store.metered import Bearer

CHARGE = (
    "select * from cloison.read_for_change_v1(%b::text, %b::bytea, %b::uuid, %b::uuid[], %b::int4, %b::int4, %b::int2, "
    "%b::uuid)"
)
RELEASE = "select * from cloison.release_for_change_v1(%b::text, %b::bytea, %b::uuid)"
BUSY_SECONDS = 3.0  # how long a locked ledger is asked for again
BUSY_PAUSE_SECONDS = 0.02


class Wish(NamedTuple):
    """Whose records shall be read, and for what: `compartments` are those that the change is about, as a mask."""

    people: tuple[UUID, ...]
    segment: str
    permission: Permission
    compartments: int
    purpose: int
    merge: UUID | None = None


class Whole(NamedTuple):
    """A whole record: where it stands, and its values by field."""

    standing: Standing
    values: dict[str, str]


class Read(NamedTuple):
    """The records that were asked for, in order, and the request under which they were charged."""

    request: UUID
    records: list[Whole]


async def read(register: Register, who: Bearer, wish: Wish) -> Read | Changed:
    """Read the wished records; what became of it instead, where they may not be read.

    Raises NoSessionError, OverloadedError, DatabaseUnavailableError, DatabaseRefusedError, KeeperUnavailableError,
    KeeperCeilingError, and what the keeper refuses a single record for.
    """
    request = uuid4()
    at_home = wish.segment == who.segment
    # Somebody of another segment is asked for at home, in no compartment: refused, charged and logged like a stranger.
    asked = (
        *who,
        request,
        list(wish.people),
        wish.permission.bit,
        wish.compartments if at_home else None,
        wish.purpose,
        wish.merge,
    )
    charged = await patiently(register, CHARGE, asked)
    refusal = next((row for row in charged if row[1] != "open"), None)
    if refusal is not None:
        return Changed(refusal[1], retry_after=max((row[2] or 0 for row in charged), default=0) or None)
    released = {row[0]: row[1:] for row in await query(register, RELEASE, (*who, request))}
    if len(released) < len(wish.people):  # charged, and then the session ended, or the person is gone
        return Changed("stale")
    return Read(request, await _unsealed(register, who, [(person, released[person]) for person in wish.people]))


async def patiently(register: Register, statement: str, arguments: Sequence[object]) -> list[tuple[Any, ...]]:
    """The rows of a function whose outcome may be `busy`: asked again a little later.

    Raises NoSessionError and OverloadedError for the outcomes that are none, and as `query` does.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + BUSY_SECONDS
    while True:
        rows = await query(register, statement, arguments)
        outcomes = {row[0] if isinstance(row[0], str) else row[1] for row in rows}  # an ordinal may stand before it
        if "no_session" in outcomes:
            raise NoSessionError
        if "busy" not in outcomes:
            return rows
        if loop.time() > until:
            raise OverloadedError(retry_after_seconds=1)
        await asyncio.sleep(BUSY_PAUSE_SECONDS)


async def _unsealed(register: Register, who: Bearer, released: list[tuple[UUID, tuple[Any, ...]]]) -> list[Whole]:
    """Step 6."""
    tickets = [TicketUse(row[4], row[5], who.token) for _, row in released]
    grants = await register.keeper.open(tickets)
    layout = Layout(register.profile)
    records = []
    for (person, (version, cohort, key_id, sealed, *_)), grant in zip(released, grants, strict=True):
        if isinstance(grant, Refusal):
            raise grant.error()
        values: dict[str, str] = {}
        parts = zip(grant.keys, grant.versions, sealed, strict=True)
        for compartment, (key, sealed_with, item) in enumerate(parts):
            place = Place(who.segment, person, sealed_with)
            text = unseal(key, item, place=place, compartment=compartment)
            values |= {name: str(value) for name, value in layout.fields_of(compartment, text).items()}
        kept = {name: value for name, value in values.items() if name in register.profile.fields}  # not the label
        records.append(Whole(Standing(who.segment, person, cohort, key_id, version), kept))
    return records
