"""What tests of writing relations share: people who can be located, accounts of one agency, intake's own login."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from psycopg import sql

from support.database import SEGMENT, Database, Session

KIND = 1  # of the locator: jobseekers-fr's identifier
WRITE = (
    "select result, retry_after from cloison.intake_relations_v1(%s::text[], %s::int2, %s::int8[], %s::text[], "
    "%s::timestamptz[], %s::timestamptz[]) order by ordinal"
)
TAKE = (
    "select result, retry_after from cloison.feed_interactions_v1(%s::bytea, %s::text[], %s::text[], %s::int2[], "
    "%s::int8[], %s::timestamptz[], %s::timestamptz[]) order by ordinal"
)
ASK = "select outcome, transfer, people, retry_after from cloison.ask_transfer_v1(%s, %s, %s, %s, %s, %s, %s, %s)"
DECIDE = "select outcome, people from cloison.decide_transfer_v1(%s, %s, %s, %s)"
_terms = itertools.count(1_000)


class Located(dict[int, UUID]):
    """People by the term that locates them."""

    @property
    def terms(self) -> list[int]:
        """The terms, in order."""
        return list(self)


def located(database: Database, count: int, segment: str = SEGMENT) -> Located:
    """New people whom relations can name."""
    people = database.people(count, segment)
    terms = [next(_terms) for _ in people]
    database.owner.execute(
        "insert into cloison.locator (kind, term, segment, person) select %s, term, %s, person "
        "from unnest(%s::int8[], %s::uuid[]) q (term, person)",
        (KIND, segment, terms, people),
    )
    return Located(zip(terms, people, strict=True))


def handle_of(database: Database, account: UUID) -> str:
    """The handle of an account."""
    return str(database.one("select handle from cloison.account where account = %s", account))


def follow(
    intake: psycopg.Connection,
    handle: str,
    terms: Sequence[int],
    kind: str = "caseload",
    until: datetime | None = None,
) -> list[str]:
    """Write relations as intake's login does, in batches; the results."""
    results: list[str] = []
    for start in range(0, len(terms), 1_000):
        part = list(terms[start : start + 1_000])
        rows = intake.execute(
            WRITE,
            ([handle] * len(part), KIND, part, [kind] * len(part), [None] * len(part), [until] * len(part)),
        ).fetchall()
        results += [row[0] for row in rows]
    return results


def reach(database: Database, account: UUID) -> set[UUID]:
    """Whom an account has a relation with at this moment of the database's clock."""
    rows = database.owner.execute(
        "select person from cloison.relation where account = %s and valid_from <= cloison.clock_v1() "
        "and (valid_until is null or valid_until > cloison.clock_v1())",
        (account,),
    ).fetchall()
    return {row[0] for row in rows}


def later(database: Database, hours: float) -> None:
    """As if all that was written had been written so many hours earlier."""
    for table, column in (("relation_write", "written_at"), ("relation_start", "began_at"), ("feed_miss", "missed_at")):
        statement = sql.SQL("update cloison.{0} set {1} = {1} - %s").format(*map(sql.Identifier, (table, column)))
        database.owner.execute(statement, (timedelta(hours=hours),))


def limit(database: Database, **limits: int) -> None:
    """Set limits of everybody's."""
    for name, value in limits.items():
        statement = sql.SQL("update cloison.relation_limit set {} = %s").format(sql.Identifier(name))
        database.owner.execute(statement, (value,))


@contextmanager
def many(database: Database, login: str, connections: int) -> Iterator[list[psycopg.Connection]]:
    """So many connections of a login."""
    opened = [database.connect(login) for _ in range(connections)]
    try:
        yield opened
    finally:
        for connection in opened:
            connection.close()


def in_agency(database: Database, role: str, agency: str = "lille", organisation: str = "Agence") -> Session:
    """A session of a new account of that role, agency and organisation."""
    account = database.account(role)
    database.owner.execute(
        "update cloison.account set agency = %s, organisation = (select organisation from cloison.organisation "
        "where name = %s) where account = %s",
        (agency, organisation, account),
    )
    return database.session(account)
