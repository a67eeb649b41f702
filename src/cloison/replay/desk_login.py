"""The desk's stolen database login at work: connections, charges, releases, and the sealed rows that came back."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg

from cloison.replay.attackers_keeper import SealedRow, StolenDesk, StolenSession
from cloison.replay.loot import Loot

FOLLOW_UP, IDENTITY = 0, 1
CHARGE = (
    "select outcome from cloison.charge_v1(%s, %s, %s::uuid[], %s::uuid[], %s::int4[], %s::int2[]) order by ordinal"
)
RELEASE = (
    "select person, version, compartments, sealed, ticket, mac from cloison.release_v1(%s, %s, %s::uuid[], %s::uuid[])"
)

Connection = psycopg.Connection[tuple[Any, ...]]


class DeskLogin:
    """One stolen login and one stolen session; safe to use from several threads."""

    def __init__(self, desk: StolenDesk, session: StolenSession, loot: Loot) -> None:
        """Nothing is connected yet."""
        self.session = session
        self.loot = loot
        self.named: set[UUID] = set()  # people whom a statement told of that should have told nothing
        self._conninfo = desk.conninfo
        self._rows: list[SealedRow] = []
        self._refusals: list[str] = []
        self._turn = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def connection(self, *, autocommit: bool = True) -> Iterator[Connection]:
        """A connection; closed without a commit at the end."""
        connection = psycopg.connect(self._conninfo, autocommit=autocommit)
        try:
            yield connection
        finally:
            connection.close()

    def some(self, people: int) -> list[UUID]:
        """The next few people whom the session's account has a relation with, round and round."""
        with self._lock:
            start = self._turn
            self._turn += people
        every = self.session.people
        return [every[(start + i) % len(every)] for i in range(min(people, len(every)))]

    def charge(self, connection: Connection, people: Sequence[UUID]) -> tuple[list[UUID], list[str]]:
        """Charge the people; the requests and the outcomes."""
        requests = [uuid4() for _ in people]
        rows = connection.execute(CHARGE, self.charge_values(requests, people)).fetchall()
        return requests, [row[0] for row in rows]

    def release(self, connection: Connection, requests: Sequence[UUID], people: Sequence[UUID | None]) -> int:
        """Release receipts and keep what comes; how many rows."""
        rows = connection.execute(RELEASE, self.release_values(requests, people)).fetchall()
        return self.keep(rows)

    def charge_values(self, requests: Sequence[UUID], people: Sequence[UUID]) -> tuple[object, ...]:
        """What CHARGE takes, to open these people's identity."""
        rights = ([IDENTITY] * len(people), [FOLLOW_UP] * len(people))
        return (*self.release_values(requests, people), *rights)

    def release_values(self, requests: Sequence[UUID], people: Sequence[UUID | None]) -> tuple[object, ...]:
        """What RELEASE takes."""
        return (self.session.segment, [self.session.token] * len(requests), list(requests), list(people))

    def keep(self, rows: Sequence[tuple[Any, ...]]) -> int:
        """Keep released rows, to be opened with the keeper; how many they are."""
        with self._lock:
            self._rows += [SealedRow(self.session.segment, *row) for row in rows]
        return len(rows)

    def taken(self) -> list[SealedRow]:
        """The rows kept since this was last asked."""
        with self._lock:
            rows, self._rows = self._rows, []
        return rows

    def refused(self, reason: str) -> None:
        """Note a refusal; it is told once the rows that came before it are opened."""
        with self._lock:
            self._refusals.append(reason)

    def tell(self) -> None:
        """Tell the loot of the refusals noted since this was last asked."""
        with self._lock:
            refusals, self._refusals = self._refusals, []
        for reason in refusals:
            self.loot.refused(reason)


Trick = Callable[[DeskLogin], None]


def attempt(trick: Trick, login: DeskLogin) -> None:
    """Run one trick; what the database refuses is noted by its state."""
    try:
        trick(login)
    except psycopg.Error as error:
        login.refused(error.sqlstate or type(error).__name__)


def at_once(login: DeskLogin, tricks: Sequence[Trick]) -> None:
    """Run tricks on threads of their own at the same moment."""
    with ThreadPoolExecutor(len(tricks)) as threads:
        list(threads.map(lambda trick: attempt(trick, login), tricks))
