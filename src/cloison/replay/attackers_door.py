"""An attacker who captured a desk: it holds tickets, keys and sealed rows, and wants more of them.

The captured desk has everything that the desk has: its memory, its database login, its secret for the keeper, the
tokens of the sessions that use it; and the thief has a dump of the register besides.
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from cloison.errors import CloisonError
from cloison.keeper.client import Keeper, SessionCeilings, TicketUse
from cloison.model import bits
from cloison.replay.attackers_desk import drain_in_parallel, drain_the_list
from cloison.replay.attackers_keeper import (
    Grant,
    SealedRow,
    StolenDesk,
    StolenSession,
    ask,
    connect,
    count,
    open_rows,
    unsealed,
)
from cloison.replay.desk_login import DeskLogin, attempt
from cloison.replay.loot import Loot

ROWS_TRIED = 400  # of the dump, with every key of every grant
ALTERED = 8  # tickets altered in each way
MEMORY_BYTES = 1 << 24
OVERLAP_BYTES = 128
TEXT = re.compile(rb"[0-9A-Za-z][0-9A-Za-z.@_+-]{7,63}")


async def door_and_dump(
    desk: StolenDesk, sessions: Sequence[StolenSession], dumped: Sequence[SealedRow], loot: Loot
) -> None:
    """Drain the live sessions, keep every key, and try keys and tickets on everybody else's sealed rows."""
    async with await connect(desk) as keeper:
        grants: list[Grant] = []
        for session in sessions:
            login = DeskLogin(desk, session, loot)
            for drain in (drain_the_list, drain_in_parallel):
                await asyncio.to_thread(attempt, drain, login)
            grants += await open_rows(keeper, session.token, login.taken(), loot)
            login.tell()
        await _show_again(keeper, sessions, grants, dumped, loot)
        await _ask_what_is_not_the_desks(keeper, sessions, loot)
    await asyncio.to_thread(_try_keys, grants, dumped, loot)


def texts_in_memory(pid: int) -> set[bytes]:
    """Every word in the memory of a process that could be an identifier, a NIR or an address of somebody.

    Raises PermissionError where the system does not let one process look into another.
    """
    found: set[bytes] = set()
    with Path(f"/proc/{pid}/maps").open(encoding="ascii") as maps, Path(f"/proc/{pid}/mem").open("rb") as memory:
        for line in maps:
            region, rights = line.split()[:2]
            if rights.startswith("rw"):
                first, last = (int(part, 16) for part in region.split("-"))
                found.update(_words(memory, first, last))
    return found


def _words(memory: Any, first: int, last: int) -> Iterable[bytes]:  # noqa: ANN401 - a file, read at places
    for start in range(first, last, MEMORY_BYTES):
        try:
            memory.seek(start)
            yield from TEXT.findall(memory.read(min(MEMORY_BYTES + OVERLAP_BYTES, last - start)))
        except (OSError, ValueError):  # a region that is gone meanwhile, or cannot be read
            return


async def _show_again(
    keeper: Keeper,
    sessions: Sequence[StolenSession],
    grants: Sequence[Grant],
    dumped: Sequence[SealedRow],
    loot: Loot,
) -> None:
    """Show tickets again, for another session, altered to name somebody of the dump, or signed with what is known."""
    others = [row for row in dumped if row.person not in {grant.row.person for grant in grants}]
    for grant, other in zip(grants[:ALTERED], others, strict=False):
        row = grant.row
        stranger = row.ticket.replace(str(row.person), str(other.person))
        renewed = re.sub(r"^(cloison-ticket-1\|)[^|]+", rf"\g<1>{uuid4()}", row.ticket)
        uses = [
            *(TicketUse(row.ticket, row.mac, session.token) for session in sessions),
            TicketUse(stranger, row.mac, sessions[0].token),
            TicketUse(renewed, row.mac, sessions[0].token),
            *(_signed(stranger, key, sessions[0].token) for key in (b"", bytes(32), sessions[0].token)),
            *(_signed(stranger, key, sessions[0].token) for key in grant.keys),
        ]
        count(await ask(keeper, [(other, use) for use in uses], loot), loot)


def _signed(ticket: str, key: bytes, token: bytes) -> TicketUse:
    return TicketUse(ticket, hmac.digest(key, ticket.encode(), "sha256"), token)


async def _ask_what_is_not_the_desks(keeper: Keeper, sessions: Sequence[StolenSession], loot: Loot) -> None:
    """Ask for the tickets' key, for locators, for a session with higher ceilings: rights of other callers."""
    mine = SessionCeilings(
        session=uuid4(),
        token_hash=hashlib.sha256(sessions[0].token).digest(),
        account=uuid4(),
        segment=sessions[0].segment,
        full_people=[100_000] * 4,
        label_people_hour=100_000,
        expires_at=4e9,
    )
    calls: list[Callable[[], Coroutine[Any, Any, object]]] = [
        keeper.ticket_key,
        lambda: keeper.register_session(mine),
        lambda: keeper.locate([(0, b"x")]),
        lambda: keeper.prepare_change([]),
        lambda: keeper.enrol([]),
    ]
    for call in calls:
        try:
            await call()
        except CloisonError as error:
            loot.refused(error.code)


def _try_keys(grants: Sequence[Grant], dumped: Sequence[SealedRow], loot: Loot) -> None:
    """Every key on every sealed compartment of the dump's first rows."""
    keys = [(key, bit) for grant in grants for bit, key in zip(bits(grant.row.compartments), grant.keys, strict=True)]
    for row in dumped[:ROWS_TRIED]:
        if any(unsealed(key, row.sealed[bit], row, bit) for key, bit in keys):
            loot.got([row.person])
