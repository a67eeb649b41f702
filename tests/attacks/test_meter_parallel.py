"""Many connections at once on one account: exactly its budget is released, its entries numbered without a gap."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest
from support.database import Database, Session, charge, release
from support.meter import LIST, RELEASE, Query, search, thief

SECONDS = 20.0  # at most; a run ends once nothing more is given


def at_once(
    database: Database, count: int, work: Callable[[psycopg.Connection, random.Random], set[UUID]]
) -> set[UUID]:
    """Run `work` on so many of the desk's connections at the same moment; all the people whom it gave."""
    start = threading.Barrier(count)

    def run(seed: int) -> set[UUID]:
        with database.connect("desk") as desk:
            start.wait()
            return work(desk, random.Random(seed))  # noqa: S311 - a test's own choices, to be had again

    with ThreadPoolExecutor(count) as threads:
        return set().union(*threads.map(run, range(count)))


def charged(desk: psycopg.Connection, session: Session, people: list[UUID]) -> tuple[list[UUID], list[str]]:
    """Charge `people`, coming back as long as somebody else holds the ledger or receipts wait."""
    deadline = time.monotonic() + SECONDS
    while True:
        requests, outcomes = charge(desk, session, people)
        if "busy" not in outcomes or time.monotonic() > deadline:
            return requests, outcomes
        time.sleep(0.002)


@pytest.mark.parametrize("connections", [8, 32])
def test_connections_of_one_session(database: Database, connections: int) -> None:
    """Each of many connections opens other people of the same caseload: together they get the budget, to the person."""
    it = thief(database, people=connections * 4)
    it.budget("refusal", *[10**6] * 4)

    def greedy(desk: psycopg.Connection, choice: random.Random) -> set[UUID]:
        mine, taken = choice.sample(it.people, 12), set[UUID]()
        for i in range(0, 12, 3):
            requests, _ = charged(desk, it.session, mine[i : i + 3])
            taken |= set(release(desk, it.session, requests, mine[i : i + 3]))
        return taken

    taken = at_once(database, connections, greedy)
    assert len(taken) == 10
    numbers = database.owner.execute("select number from cloison.entry where account = %s", (it.session.account,))
    assert sorted(row[0] for row in numbers) == list(range(1, it.entries("open") + it.entries("budget") + 1))


def test_sessions_of_one_account(database: Database) -> None:
    """Many sessions of one account share its budget, whatever they roll back, repeat and leave unreleased."""
    it = thief(database, people=60)
    it.budget("refusal", *[10**6] * 4)
    sessions = [database.session(it.session.account) for _ in range(8)]
    pending: list[tuple[Session, UUID, UUID]] = []

    def unruly(desk: psycopg.Connection, choice: random.Random) -> set[UUID]:
        session, taken = choice.choice(sessions), set[UUID]()
        for _ in range(12):
            people = choice.choices(it.people, k=4)
            with desk.transaction(force_rollback=choice.random() < 0.3):
                requests, _ = charge(desk, session, people)
            pending.extend((session, *pair) for pair in zip(requests, people, strict=True))
            whose, request, person = choice.choice(pending)
            with desk.transaction(force_rollback=choice.random() < 0.3):
                taken |= set(release(desk, whose, [request], [person]))
            taken |= set(release(desk, session, requests, people))
        return taken

    taken = at_once(database, 16, unruly)
    assert len(taken) <= 10
    opened = database.one("select count(*) from cloison.opening where account = %s", it.session.account)
    assert opened == 10


def test_open_list_and_search_at_once(database: Database) -> None:
    """Opening, listing and searching at once stay each within its own budget."""
    it = thief(database, people=60)
    for meter, people in (("refusal", 10**6), ("open", 7), ("list", 20), ("search", 9)):
        it.budget(meter, *[people] * 4)
    opened, listed, found = set[UUID](), set[UUID](), set[UUID]()

    def mixed(desk: psycopg.Connection, choice: random.Random) -> set[UUID]:
        for _ in range(10):
            people = choice.sample(it.people, 3)
            opened.update(release(desk, it.session, charge(desk, it.session, people)[0], people))
            request, after = uuid4(), choice.choice([None, *it.people])
            desk.execute(LIST, ("59", it.session.token, request, True, after))
            rows = desk.execute(RELEASE, ("59", [it.session.token], [request], [None])).fetchall()
            listed.update(row[0] for row in rows)
            found.update(search(desk, it.session, Query(2, choice.sample(range(1, 61), 3)))[1])
        return set()

    at_once(database, 12, mixed)
    counts: dict[str, int] = dict(
        database.owner.execute(
            "select meter::text, count(*) from cloison.opening where account = %s group by meter", (it.session.account,)
        ).fetchall()
    )
    assert len(opened) <= 7
    assert len(listed) <= 20
    assert len(found) <= 9
    assert counts.keys() == {"open", "list", "search"}
    assert all(counts[meter] <= most for meter, most in (("open", 7), ("list", 20), ("search", 9)))


def test_freeze_among_many_connections(database: Database) -> None:
    """After a freeze is committed, whatever many connections have charged and go on charging, nobody is released."""
    it = thief(database, people=60)
    it.budget("open", *[10**6] * 4)
    it.budget("refusal", *[10**6] * 4)
    frozen = threading.Event()

    def ceaseless(desk: psycopg.Connection, choice: random.Random) -> set[UUID]:
        late = set[UUID]()
        for _ in range(30):
            people = choice.sample(it.people, 4)
            requests, _ = charge(desk, it.session, people)
            was_frozen = frozen.is_set()
            released = release(desk, it.session, requests, people)
            late |= set(released) if was_frozen else set()
        return late

    def freeze() -> None:
        database.one("select cloison.freeze_v1(%s, %s)", *it.session[:2])
        frozen.set()

    timer = threading.Timer(0.2, freeze)
    timer.start()
    late = at_once(database, 12, ceaseless)
    timer.join()
    assert late == set()
    assert charge(it.desk, it.session, it.people[:1])[1] == ["frozen"]
