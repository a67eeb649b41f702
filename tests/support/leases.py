"""What the attacks on leases share: each of the calls by which somebody in another segment is opened, one by one."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID, uuid4

import psycopg

from cloison.access.agreements import Caps, Terms
from cloison.access.organisations import create_organisation
from support.database import FOLLOW_UP, IDENTITY, SEGMENT, Database, Session

ELSEWHERE, FURTHER, LEDGER = "62", "75", "00"
LEND = "select outcome from cloison.lend_v1(%s, %s::bytea[], %s::text[], %s::uuid[], %s::uuid[], %s::int[], %s::int2[])"
LEASES = "select ordinal, lease, mac from cloison.leases_v1(%s, %s::bytea[], %s::text[], %s::uuid[], %s::uuid[])"
CAP = "select outcome from cloison.cap_v1(%s, %s::text[], %s::bytea[])"
CAPPED = "select ordinal, lease, mac from cloison.capped_v1(%s, %s::text[], %s::bytea[])"
CHARGE_LENT = "select outcome from cloison.charge_lent_v1(%s, %s::bytea[], %s::text[], %s::bytea[])"
RELEASE = "select person from cloison.release_v1(%s, %s::bytea[], %s::uuid[], %s::uuid[])"


class Lease(NamedTuple):
    """A lease as it was given out."""

    request: UUID
    person: UUID
    text: str
    mac: bytes


class Borrower(NamedTuple):
    """The desk's own login, one session, and whom its account follows in another segment."""

    database: Database
    desk: psycopg.Connection
    session: Session
    people: list[UUID]

    def lend(self, people: Sequence[UUID], segment: str = ELSEWHERE) -> tuple[list[UUID], list[str]]:
        """Charge the home's ledger; the request ids and the outcomes, in order."""
        return lend(self.desk, self.session, people, segment)

    def leases(self, requests: Sequence[UUID], people: Sequence[UUID], segment: str = ELSEWHERE) -> list[Lease]:
        """The leases of what was charged."""
        return leases(self.desk, self.session, requests, people, segment)

    def lent(self, people: Sequence[UUID], segment: str = ELSEWHERE) -> list[Lease]:
        """Leases for as many of `people` as the home's budgets have room for."""
        requests, _ = self.lend(people, segment)
        return self.leases(requests, people, segment)

    def charge(self, leases: Sequence[Lease], segment: str = ELSEWHERE) -> list[str]:
        """Use leases in a segment; the outcomes."""
        return charge_lent(self.desk, self.session, leases, segment)

    def release(self, leases: Sequence[Lease], segment: str = ELSEWHERE) -> set[UUID]:
        """Whoever is released in a segment of those that were charged by these leases."""
        return release_lent(self.desk, self.session, leases, segment)

    def take(self, people: Sequence[UUID], segment: str = ELSEWHERE) -> set[UUID]:
        """Open all of `people` as an honest door would, without a cap; whoever was released."""
        taken: set[UUID] = set()
        for i in range(0, len(people), 16):
            leases = self.lent(people[i : i + 16], segment)
            self.charge(leases, segment)
            taken |= self.release(leases, segment)
        return taken


def borrower(database: Database, people: int = 20, segment: str = ELSEWHERE, **kind: str) -> Borrower:
    """A session, good for 40 days, of a new account that follows so many new people of another segment."""
    account = database.account(**kind)
    followed = database.people(people, segment)
    database.relate(account, followed, segment=segment)
    return Borrower(database, database.connect("desk"), database.session(account, seconds=3_456_000), followed)


def agreed(database: Database, name: str, terms: Terms | None = None) -> str:
    """The name of a new organisation, with an agreement of these terms."""
    return create_organisation(database.owner, name, terms or Terms()).name


def capped_at(database: Database, name: str, pairs: int) -> str:
    """The name of a new organisation whose accounts may open so many pairs in any hour; its ledger is elsewhere."""
    return agreed(database, name, Terms(caps=Caps(hour=pairs)))


def lend(
    desk: psycopg.Connection, session: Session, people: Sequence[UUID], segment: str
) -> tuple[list[UUID], list[str]]:
    """Charge the home's ledger for people of another segment; the request ids and the outcomes, in order."""
    requests, count = [uuid4() for _ in people], len(people)
    rows = desk.execute(
        LEND,
        (
            *(session.segment, [session.token] * count, [segment] * count, requests, list(people)),
            *([IDENTITY] * count, [FOLLOW_UP] * count),
        ),
    ).fetchall()
    return requests, [row[0] for row in rows]


def leases(
    desk: psycopg.Connection, session: Session, requests: Sequence[UUID], people: Sequence[UUID], segment: str
) -> list[Lease]:
    """The leases of what was charged at home, as far as it is committed."""
    count = len(requests)
    values = (session.segment, [session.token] * count, [segment] * count, list(requests), list(people))
    rows = desk.execute(LEASES, values).fetchall()
    return [Lease(requests[row[0] - 1], people[row[0] - 1], row[1], row[2]) for row in rows]


def cap(desk: psycopg.Connection, leases: Sequence[Lease], segment: str = LEDGER) -> list[str]:
    """Charge the organisation's ledger; the outcomes."""
    values = (segment, [lease.text for lease in leases], [lease.mac for lease in leases])
    return [row[0] for row in desk.execute(CAP, values).fetchall()]


def capped(desk: psycopg.Connection, leases: Sequence[Lease], segment: str = LEDGER) -> list[Lease]:
    """The same leases as the organisation's ledger signs them, as far as it has counted them."""
    values = (segment, [lease.text for lease in leases], [lease.mac for lease in leases])
    rows = desk.execute(CAPPED, values).fetchall()
    return [leases[row[0] - 1]._replace(text=row[1], mac=row[2]) for row in rows]


def charge_lent(desk: psycopg.Connection, session: Session, leases: Sequence[Lease], segment: str) -> list[str]:
    """Use leases in a segment; the outcomes."""
    values = (segment, [session.token] * len(leases), [each.text for each in leases], [each.mac for each in leases])
    return [row[0] for row in desk.execute(CHARGE_LENT, values).fetchall()]


def release_lent(desk: psycopg.Connection, session: Session, leases: Sequence[Lease], segment: str) -> set[UUID]:
    """Whoever is released in a segment of those that were charged by these leases."""
    values = (
        *(segment, [session.token] * len(leases), [lease.request for lease in leases]),
        [lease.person for lease in leases],
    )
    return {row[0] for row in desk.execute(RELEASE, values).fetchall()}


def take_capped(borrower: Borrower, people: Sequence[UUID], segment: str = SEGMENT) -> set[UUID]:
    """Open `people` of an organisation with a cap as an honest door would; whoever was released."""
    lent = borrower.lent(people, segment)
    while "busy" in cap(borrower.desk, lent):
        pass
    leases = capped(borrower.desk, lent)
    borrower.charge(leases, segment)
    return borrower.release(leases, segment)
