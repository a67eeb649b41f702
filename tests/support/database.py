"""A real database for one test: as the session's home has it, with the real logins and their passwords.

People here have no sealed data (five empty compartments): the meter does not look into them. Tests that read records
import them instead, through the keeper.
"""

import hashlib
import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
from psycopg.conninfo import make_conninfo

from cloison.access.organisations import create_organisation
from cloison.access.permissions import store_profile
from cloison.config import Home
from cloison.register.profile import load_profile
from cloison.store import schema
from cloison.store.embedded import SUPERUSER, Embedded
from cloison.store.pools import connect, conninfo

SEGMENT = "59"
TEMPLATE = "test_template"
IDENTITY, CONTACT, NIR, SITUATION, LABEL = 1, 2, 4, 8, 16
FOLLOW_UP = 0
_numbers = itertools.count(1)
left: dict[Path, list[str]] = {}  # databases of tests that are over
known: "dict[str, Database]" = {}  # by name: who has a connection alone finds its database here


class Session(NamedTuple):
    """A session of an account, with its secret token."""

    segment: str
    account: UUID
    session: UUID
    token: bytes


class Database:
    """One cloned database and what a test does with it."""

    def __init__(self, home: Home, name: str) -> None:
        """Stand for the database `name` of `home`'s server."""
        self.home = home
        self.name = name
        self.owner = self.connect("owner")
        known[name] = self

    def conninfo(self, login: str) -> str:
        """The connection string of owner, desk, intake, reaper, or postgres (the superuser)."""
        if login == SUPERUSER:
            return Embedded(self.home).conninfo(SUPERUSER, self.name)
        return make_conninfo(conninfo(self.home, login), dbname=self.name)

    def connect(self, login: str, **options: Any) -> psycopg.Connection:  # noqa: ANN401 - psycopg's own keywords
        """A connection in autocommit, unless said otherwise."""
        return psycopg.connect(self.conninfo(login), **{"autocommit": True, **options})

    def account(self, role: str = "adviser", segment: str = SEGMENT, organisation: str = "Agence") -> UUID:
        """A new account with its ledger, of an organisation whose agreement knows no limits unless it was made so."""
        body = create_organisation(self.owner, organisation).organisation
        handle = f"agent{next(_numbers)}"
        account = self.one("select cloison.create_account_v1(%s, %s, %s, 'lille', %s)", segment, handle, body, role)
        assert isinstance(account, UUID)
        return account

    def session(self, account: UUID, *, segment: str = SEGMENT, seconds: int = 3600, touched: bool = False) -> Session:
        """A new session, known to the database alone."""
        session = Session(segment, account, uuid4(), secrets.token_bytes(32))
        self.one(
            "select cloison.issue_session_v1(%s, %s, %s, %s, %s, %s)",
            *(segment, account, session.session, hashlib.sha256(session.token).digest(), seconds, touched),
        )
        return session

    def people(self, count: int, segment: str = SEGMENT) -> list[UUID]:
        """New people with nothing in their compartments; term2 is their number in the list, from 1."""
        people = [uuid4() for _ in range(count)]
        self.owner.execute(
            "insert into cloison.person (segment, person, cohort, key_id, sealed, term2) "
            "select %s, person, 8000, number, array_fill('\\x00'::bytea, array[5]), number "
            "from unnest(%s::uuid[]) with ordinality as q (person, number)",
            (segment, people),
        )
        return people

    def relate(self, account: UUID, people: list[UUID], kind: str = "caseload", segment: str = SEGMENT) -> None:
        """Give the account a relation with these people, from now on."""
        self.owner.execute(
            "insert into cloison.relation (segment, account, person, kind, valid_from) "
            "select %s, %s, person, %s, cloison.clock_v1() from unnest(%s::uuid[]) person",
            (segment, account, kind, people),
        )

    def adviser(self, count: int, role: str = "adviser") -> tuple[Session, list[UUID]]:
        """A session of a new account, with a caseload of `count` new people."""
        account = self.account(role)
        people = self.people(count)
        self.relate(account, people)
        return self.session(account), people

    def one(self, statement: str, *values: object) -> object:
        """The first column of the first row, as the owner."""
        row = self.owner.execute(statement, values).fetchone()
        return None if row is None else row[0]


def charge(
    connection: psycopg.Connection, session: Session, people: list[UUID], compartments: int = IDENTITY
) -> tuple[list[UUID], list[str]]:
    """Charge one request each for `people`; the request ids and the outcomes, in order."""
    requests = [uuid4() for _ in people]
    rows = connection.execute(
        "select outcome from cloison.charge_v1(%s, %s, %s, %s, %s::int[], %s::smallint[])",
        (
            *(session.segment, [session.token] * len(people), requests, people),
            *([compartments] * len(people), [FOLLOW_UP] * len(people)),
        ),
    ).fetchall()
    return requests, [row[0] for row in rows]


def release(connection: psycopg.Connection, session: Session, requests: list[UUID], people: list[UUID]) -> list[UUID]:
    """Release these requests; the people whose sealed record came back."""
    rows = connection.execute(
        "select person from cloison.release_v1(%s, %s, %s, %s)",
        (session.segment, [session.token] * len(requests), requests, people),
    ).fetchall()
    return [row[0] for row in rows]


def take(connection: psycopg.Connection, session: Session, people: list[UUID], batch: int = 16) -> set[UUID]:
    """Charge and release all of `people` as an honest door would; the people who were released."""
    taken: set[UUID] = set()
    for i in range(0, len(people), batch):
        part = people[i : i + batch]
        requests, _ = charge(connection, session, part)
        taken |= set(release(connection, session, requests, part))
    return taken


@contextmanager
def cloned(home: Home) -> Iterator[Database]:
    """A database of its own, as `cloison init` makes the home's; dropped when the next one is made.

    At once it would have to wait for the test's connections, which take a moment to end.
    """
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(Embedded(home).conninfo(SUPERUSER, SUPERUSER), autocommit=True) as admin:
        _make_template(home, admin)
        # Copied by files: the template is small, and checkpoints cost nothing in memory.
        admin.execute(f'create database "{name}" template {TEMPLATE} owner cloison_owner strategy file_copy')
        logins = ", ".join(f"cloison_{login}" for login in schema.LOGINS)
        admin.execute(f'grant connect on database "{name}" to {logins}')
        admin.execute(f'revoke connect, temporary on database "{name}" from public')
        for over in left.pop(home.path, ()):
            admin.execute(f'drop database "{over}" with (force)')
    database = Database(home, name)
    try:
        yield database
    finally:
        database.owner.close()
        left.setdefault(home.path, []).append(name)


def _make_template(home: Home, admin: psycopg.Connection) -> None:
    """Make what clones are taken from, once: nobody may be connected to it, and the home's own may be at work."""
    if admin.execute("select 1 from pg_database where datname = %s", (TEMPLATE,)).fetchone():
        return
    making = f"{TEMPLATE}_making"
    admin.execute(f"drop database if exists {making} with (force)")
    schema.create_database(admin, making)
    with psycopg.connect(Embedded(home).conninfo(SUPERUSER, making), autocommit=True) as inside:
        schema.harden(inside)
    info = make_conninfo(conninfo(home, "owner"), dbname=making)
    with connect(home, "owner") as source, psycopg.connect(info, autocommit=True) as owner:
        schema.install(owner)
        store_profile(owner, load_profile(home.config.profile))
        keys = source.execute("select inner_block, outer_block from cloison.ticket_key").fetchone()
        owner.execute("insert into cloison.ticket_key (inner_block, outer_block) values (%s, %s)", keys)
    with psycopg.connect(Embedded(home).conninfo(SUPERUSER, making), autocommit=True) as inside:
        inside.execute("vacuum full pg_proc")  # which each copy would have twice: functions are made, then replaced
    admin.execute(f"alter database {making} rename to {TEMPLATE}")
