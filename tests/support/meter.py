"""What the attacks on the meter share: a thief with the desk's login and one stolen session, and a clock to turn."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
import pytest

from support.database import FOLLOW_UP, IDENTITY, SEGMENT, Database, Session, known

UNSAFE, BATCH, WRITTEN = "CL001", "CL002", "CL003"
CHARGE = "select outcome from cloison.charge_v1(%s, %s::bytea[], %s::uuid[], %s::uuid[], %s::int[], %s::smallint[])"
RELEASE = "select person from cloison.release_v1(%s, %s::bytea[], %s::uuid[], %s::uuid[])"
SEARCH = (
    "select outcome from cloison.search_v1(%s, %s::bytea, %s::uuid, %s::smallint, %s::int, %s::bigint[], %s::int, "
    "%s::bigint[], %s::bigint, %s::bigint, %s::bytea)"
)
CUTS = {1: [10, 0]}  # by slot: of a NIR ten characters, of the birth date all
FIND = "select outcome from cloison.find_v1(%s, %s::bytea, %s::uuid)"
LIST = "select outcome, people, last from cloison.list_v1(%s, %s::bytea, %s::uuid, %s, %s::uuid)"
Row = tuple[Any, ...]


class Thief(NamedTuple):
    """A connection with the desk's own login, one stolen session, and whom its account follows."""

    database: Database
    desk: psycopg.Connection
    session: Session
    people: list[UUID]

    def charge_values(self, requests: Sequence[UUID | None], people: Sequence[UUID | None]) -> Row:
        """What charge_v1 takes to open the identity of `people`."""
        count = len(people)
        return (SEGMENT, [self.session.token] * count, requests, people, [IDENTITY] * count, [FOLLOW_UP] * count)

    def release_values(self, requests: Sequence[UUID], people: Sequence[UUID | None]) -> Row:
        """What release_v1 takes."""
        return (SEGMENT, [self.session.token] * len(people), requests, people)

    def entries(self, outcome: str = "open", event: str = "open") -> int:
        """How many entries of this kind the account has in the audit log."""
        count = self.database.one(
            "select count(*) from cloison.entry where account = %s and event = %s and outcome = %s",
            *(self.session.account, event, outcome),
        )
        assert isinstance(count, int)
        return count

    def budget(self, meter: str, *people: int) -> None:
        """Give the account's role this budget for 5 minutes, an hour, a day and 28 days."""
        self.database.owner.execute(
            "update cloison.role_budget b set minutes_5 = %s, hour = %s, day = %s, days_28 = %s from cloison.account a "
            "where a.account = %s and b.role = a.role and b.meter = %s",
            (*people, self.session.account, meter),
        )


def thief(database: Database, people: int = 20, role: str = "adviser") -> Thief:
    """A thief whose stolen session, good for 40 days, is of an account that follows so many people."""
    session, followed = database.adviser(people, role)
    return Thief(database, database.connect("desk"), database.session(session.account, seconds=3_456_000), followed)


@contextmanager
def fails(sqlstate: str) -> Iterator[None]:
    """Expects PostgreSQL to refuse with this code."""
    with pytest.raises(psycopg.Error) as raised:
        yield
    assert raised.value.sqlstate == sqlstate


class Query(NamedTuple):
    """One search: a slot and its terms, the proof of the birth date, the group of misses."""

    slot: int | None
    terms: list[int]
    proof_slot: int | None = None
    proof: list[int] | None = None
    group: int | None = None
    purpose: int = FOLLOW_UP


def signature(database: Database, session: Session, query: Query, *, cuts: Sequence[int] | None = None) -> Row:
    """When the keeper signed the search, in milliseconds, and its signature."""
    row = database.owner.execute(
        "select inner_block, outer_block, floor(extract(epoch from cloison.clock_v1()) * 1000)::bigint "
        "from cloison.ticket_key"
    ).fetchone()
    assert row is not None
    lists = [",".join(map(str, n or ())) for n in (query.terms, query.proof, cuts or CUTS.get(query.slot or 0))]
    parts = (session.session, query.slot, lists[0], query.proof_slot, lists[1], query.group, lists[2], row[2])
    text = "|".join(["cloison-search-1", *("" if part is None else str(part) for part in parts)])
    return row[2], hashlib.sha256(row[1] + hashlib.sha256(row[0] + text.encode()).digest()).digest()


def search_values(database: Database, session: Session, query: Query, request: UUID) -> Row:
    """What search_v1 takes, signed by the keeper."""
    same = (session.segment, session.token, request, query.purpose, *query[:-1])
    return (*same, *signature(database, session, query))


def ask(desk: psycopg.Connection, session: Session, query: Query, request: UUID) -> str:
    """The first transaction of a search that the keeper signed: its outcome."""
    values = search_values(known[desk.info.dbname], session, query, request)
    return str(first(desk.execute(SEARCH, values)))


def find(desk: psycopg.Connection, session: Session, request: UUID) -> str:
    """The second transaction of a search: its outcome."""
    return str(first(desk.execute(FIND, (session.segment, session.token, request))))


def search(desk: psycopg.Connection, session: Session, query: Query) -> tuple[str, list[UUID]]:
    """A whole search as an honest door makes it: its outcome, and whose cards came back."""
    request = uuid4()
    outcome = ask(desk, session, query, request)
    if outcome == "open":
        outcome = find(desk, session, request)
    rows = desk.execute(RELEASE, (session.segment, [session.token], [request], [None])).fetchall()
    return outcome, [row[0] for row in rows]


def first(cursor: psycopg.Cursor[Row]) -> object:
    """The first column of the first row."""
    row = cursor.fetchone()
    assert row is not None
    return row[0]


class Clock:
    """The simulated clock of one throw-away database."""

    def __init__(self, database: Database) -> None:
        """Put it in the real clock's place."""
        self._owner = database.owner
        self._owner.execute(files("cloison.replay").joinpath("simulated_clock.sql").read_bytes())
        self.now = datetime.now(UTC)
        self.advance()

    def advance(self, **lengths: float) -> None:
        """Turn it forward, by what `timedelta` takes."""
        self.now += timedelta(**lengths)
        self._owner.execute("select cloison.set_clock_v1(%s)", (self.now,))
