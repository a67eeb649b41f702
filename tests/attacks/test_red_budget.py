"""One session, every way to people at once: the budget of opening is one for all of them."""

import itertools
import threading
from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg
import pytest
from attacks.test_change_login import ask, create, let_go, read
from support.database import SEGMENT, Database, Session, charge, release, take
from support.leases import ELSEWHERE, charge_lent, leases, lend, release_lent
from support.relations import many

BUDGET = 10  # of the bundled profile's adviser, in 5 minutes
PEOPLE = 12  # by each of the ways
_terms = itertools.count(40_000)


class Ways:
    """Four ways to people, each with people of its own."""

    def __init__(self, database: Database) -> None:
        """An adviser who follows people at home and elsewhere, and may bring others in."""
        self.session: Session = database.session(database.account())
        self.home, self.changed = database.people(PEOPLE), database.people(PEOPLE)
        self.abroad = database.people(PEOPLE, ELSEWHERE)
        database.relate(self.session.account, [*self.home, *self.changed])
        database.relate(self.session.account, self.abroad, segment=ELSEWHERE)

    def open(self, desk: psycopg.Connection, person: UUID) -> set[UUID]:
        """Open somebody at home."""
        requests, _ = charge(desk, self.session, [person])
        return set(release(desk, self.session, requests, [person]))

    def borrow(self, desk: psycopg.Connection, person: UUID) -> set[UUID]:
        """Open somebody elsewhere."""
        requests, _ = lend(desk, self.session, [person], ELSEWHERE)
        lent = leases(desk, self.session, requests, [person], ELSEWHERE)
        charge_lent(desk, self.session, lent, ELSEWHERE)
        return release_lent(desk, self.session, lent, ELSEWHERE)

    def change(self, intake: psycopg.Connection, person: UUID) -> set[UUID]:
        """Read somebody's whole record to change it."""
        request, _ = read(intake, self.session, person)
        return set(let_go(intake, self.session, request))

    def bring_in(self, intake: psycopg.Connection) -> set[UUID]:
        """Bring somebody in, whom the account may open from then on."""
        request = uuid4()
        if ask(intake, self.session, None, request) != "open":
            return set()
        outcome, person = create(intake, self.session, request, next(_terms))
        return {person} if outcome == "created" else set()


@pytest.fixture
def ways(database: Database) -> Ways:
    """The ways of one session."""
    return Ways(database)


def test_every_way_one_after_the_other(database: Database, ways: Ways) -> None:
    """Taken in turn, opening, leases, changes and newcomers have as many people together as each alone."""
    had: set[UUID] = set()
    with database.connect("desk") as desk, database.connect("intake") as intake:
        for home, abroad, changed in zip(ways.home, ways.abroad, ways.changed, strict=True):
            had |= ways.open(desk, home) | ways.borrow(desk, abroad)
            had |= ways.change(intake, changed) | ways.bring_in(intake)
        assert len(had) == BUDGET
        # What was had by one way is had by another too, and nobody else is.
        assert take(desk, ways.session, [*ways.home, *ways.changed]) <= had


def test_every_way_at_once(database: Database, ways: Ways) -> None:
    """By connections of their own, at the same moment, and asked again while the ledger is held: the same."""
    had: set[UUID] = set()
    lock = threading.Lock()

    def run(steps: list[Callable[[], set[UUID]]]) -> None:
        for step in steps * 3:
            got = step()
            with lock:
                had.update(got)

    with many(database, "desk", 2) as (one, two), many(database, "intake", 2) as (three, four):
        steps: list[list[Callable[[], set[UUID]]]] = [
            [lambda p=person: ways.open(one, p) for person in ways.home],  # type: ignore[misc]
            [lambda p=person: ways.borrow(two, p) for person in ways.abroad],  # type: ignore[misc]
            [lambda p=person: ways.change(three, p) for person in ways.changed],  # type: ignore[misc]
            [lambda: ways.bring_in(four)] * 4,
        ]
        threads = [threading.Thread(target=run, args=(each,)) for each in steps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    opened = database.one(
        "select count(*) from cloison.opening where segment = %s and account = %s and meter = 'open'",
        *(SEGMENT, ways.session.account),
    )
    assert 1 < len(had) <= BUDGET
    assert opened == BUDGET
