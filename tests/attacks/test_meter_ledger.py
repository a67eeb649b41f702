"""Whatever is done, in any order and at any time: no window holds more people than its budget, none fewer.

Hypothesis makes sequences of batches, lists, searches, releases and leaps of the clock, over two sessions and three
connections of one account, committed, rolled back or held open. The meter must answer each as a model of a few lines
does; and of what was really released, every window is counted, wherever it begins.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.database import FOLLOW_UP, IDENTITY, SEGMENT, Database, Session, charge, cloned, release, take
from support.ledger_model import (
    RECEIPT_LIFETIME,
    SECOND,
    WINDOWS,
    Asked,
    Budget,
    Model,
    Receipt,
    Release,
    most_in_any_window,
)
from support.meter import LIST, RELEASE, Clock, Query, search

from cloison.config import Home

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
CASELOAD, AT_THE_COUNTER, OUT_OF_REACH = 8, 3, 2
EVERYBODY = CASELOAD + AT_THE_COUNTER + OUT_OF_REACH
SMALL: dict[str, Budget] = {"open": (3, 4, 6, 7), "walk_in": (1, 2, 2, 3), "list": (4, 6, 7, 8), "search": (2, 3, 4, 5)}
METERS = (*["open"] * CASELOAD, *["walk_in"] * AT_THE_COUNTER, *[None] * OUT_OF_REACH)
# Leaps of the clock: nothing, a little, a receipt's lifetime, and each window's length with what may lie beside it.
EDGES = sorted(
    {0, 1, SECOND, 10 * SECOND - 1, 10 * SECOND}
    | {
        window + beside
        for window in WINDOWS
        for beside in (-10 * SECOND, -1, 0, 1, 10 * SECOND - 1, 10 * SECOND, 10 * SECOND + 1)
    }
)


class Batch(NamedTuple):
    """People charged together: by which session and connection, and how the transaction ends."""

    connection: int
    session: int
    people: list[tuple[int, int]]  # request, person
    end: str


class Leap(NamedTuple):
    """The clock goes forward, in microseconds."""

    length: int


class Released(NamedTuple):
    """Everything charged lately is released, or only every other; the transaction is committed or not."""

    connection: int
    every: int
    kept: bool


class Listed(NamedTuple):
    """A page of the caseload's list, behind one of its people."""

    after: int


class Searched(NamedTuple):
    """A search that finds these of the caseload."""

    people: list[int]


connections, sessions = st.integers(0, 2), st.integers(0, 1)
people = st.integers(0, EVERYBODY - 1)
steps = st.lists(
    st.one_of(
        st.builds(
            Batch,
            connections,
            sessions,
            st.lists(st.tuples(st.integers(0, 5), people), min_size=1, max_size=8),
            st.sampled_from(["commit", "commit", "commit", "rollback", "savepoint", "held"]),
        ),
        st.builds(Leap, st.sampled_from(EDGES) | st.integers(0, 4_000 * SECOND)),
        st.builds(Released, connections, st.integers(1, 2), st.booleans()),
        st.builds(Listed, st.integers(-1, CASELOAD - 1)),
        st.builds(Searched, st.lists(st.integers(0, CASELOAD - 1), min_size=1, max_size=4, unique=True)),
    ),
    min_size=1,
    max_size=25,
)


class Bench:
    """One cloned database with a simulated clock and three of the desk's connections, for many examples."""

    def __init__(self, database: Database) -> None:
        """Make the role's budgets small, so that sequences of some steps reach them."""
        self.database = database
        self.clock = Clock(database)
        self.clock.now = EPOCH
        self.desks = [database.connect("desk") for _ in range(3)]
        for meter, budget in (*SMALL.items(), ("refusal", (10**6,) * 4)):
            self.budget(meter, budget)

    def budget(self, meter: str, people: Sequence[int]) -> None:
        """Let everybody have so many people in 5 minutes, an hour, a day and 28 days."""
        self.database.owner.execute(
            "update cloison.role_budget set minutes_5 = %s, hour = %s, day = %s, days_28 = %s where meter = %s",
            (*people, meter),
        )


@pytest.fixture(scope="module")
def bench(home: Home) -> Iterator[Bench]:
    """The bench of all examples: each takes an account and people of its own, 60 days after the last."""
    with cloned(home) as database:
        yield Bench(database)


class Run:
    """One example: an account, its people, and the model that it is compared with."""

    def __init__(self, bench: Bench, budgets: dict[str, Budget]) -> None:
        """Take a new account with two sessions, a caseload, people at the counter and people out of reach."""
        self.bench, self.model = bench, Model(budgets)
        self._leap(60 * 24 * 3600 * SECOND)
        database = bench.database
        account = database.account()
        self.people = database.people(EVERYBODY)
        database.relate(account, self.people[:CASELOAD])
        database.relate(account, self.people[CASELOAD : CASELOAD + AT_THE_COUNTER], "walk_in")
        self.sessions = [database.session(account, seconds=10**9) for _ in range(2)]
        self.terms = {person: 10**6 * (1 + self._number()) + i for i, person in enumerate(self.people)}
        database.owner.cursor().executemany(
            "update cloison.person set term2 = %s where person = %s",
            [(term, person) for person, term in self.terms.items()],
        )

    def _number(self) -> int:
        return self.bench.database.one("select count(*)::int from cloison.account")  # type: ignore[return-value]

    @property
    def now(self) -> int:
        """The simulated time, in microseconds."""
        return (self.bench.clock.now - EPOCH) // timedelta(microseconds=1)

    def _leap(self, length: int) -> None:
        self.bench.clock.advance(microseconds=length)

    def take(self, step: Batch | Leap | Released | Listed | Searched) -> None:
        """Do one step and compare."""
        match step:
            case Leap():
                self._leap(step.length)
            case Batch():
                self._charge(step)
            case Released():
                self._release(step)
            case Listed():
                self._list(step)
            case Searched():
                self._search(step)

    def _charge(self, batch: Batch) -> None:
        desk, session = self.bench.desks[batch.connection], self.sessions[batch.session]
        asked = [Asked(request, person, METERS[person]) for request, person in batch.people]
        with desk.transaction(force_rollback=batch.end == "rollback"):
            if batch.end == "savepoint":
                with desk.transaction(force_rollback=True):
                    self._charged(desk, session, asked)
                return
            answers = self._charged(desk, session, asked)
            if batch.end == "held":
                other = self.bench.desks[(batch.connection + 1) % 3]
                assert set(self._charged(other, session, asked)) == {"busy"}
                self._leap(3 * SECOND)
        if batch.end != "rollback":
            now = self.now - (3 * SECOND if batch.end == "held" else 0)
            assert answers == self.model.charge(batch.session, asked, now)

    def _charged(self, desk: psycopg.Connection, session: Session, asked: list[Asked]) -> list[str]:
        rows = desk.execute(
            "select outcome from cloison.charge_v1(%s, %s, %s, %s, %s::int[], %s::smallint[])",
            (
                *(SEGMENT, [session.token] * len(asked), [UUID(int=each.request) for each in asked]),
                [self.people[each.person] for each in asked],
                *([IDENTITY] * len(asked), [FOLLOW_UP] * len(asked)),
            ),
        ).fetchall()
        return [row[0] for row in rows]

    def _release(self, released: Released) -> None:
        wanted: list[Receipt] = sorted(self.model.receipts)[:: released.every][:128]
        desk = self.bench.desks[released.connection]
        values = (
            [self.sessions[session].token for session, _, _ in wanted],
            [UUID(int=request) for _, request, _ in wanted],
            [self.people[person] for *_, person in wanted],
        )
        with desk.transaction(force_rollback=released.kept):
            rows = desk.execute(RELEASE, (SEGMENT, *values)).fetchall()
        expected = self.model.release(wanted, self.now, kept=released.kept)
        assert {row[0] for row in rows} == {self.people[person] for person in expected}

    def _list(self, listed: Listed) -> None:
        desk, session, request = self.bench.desks[0], self.sessions[0], UUID(int=100)
        after = None if listed.after < 0 else self.people[listed.after]
        desk.execute(LIST, (SEGMENT, session.token, request, True, after))
        rows = desk.execute(RELEASE, (SEGMENT, [session.token], [request], [None])).fetchall()
        page = sorted(range(CASELOAD), key=lambda person: self.people[person])
        page = [person for person in page if after is None or self.people[person] > after]
        shown = self.model.show("list", page, self.now)
        assert [row[0] for row in rows] == [self.people[person] for person in shown]

    def _search(self, searched: Searched) -> None:
        terms = [self.terms[self.people[person]] for person in searched.people]
        _, found = search(self.bench.desks[1], self.sessions[1], Query(2, terms))
        order = sorted(searched.people, key=lambda person: self.people[person])
        shown = self.model.show("search", order, self.now)
        assert found == [self.people[person] for person in shown]

    def judge(self) -> None:
        """Count every window of every meter, over what was really released."""
        for meter, budget in self.model.budgets.items():
            for window, most in zip(WINDOWS, budget, strict=True):
                assert most_in_any_window(self.model.released, meter, window) <= most


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_sequence_of_anything(bench: Bench, sequence: list[Batch | Leap | Released | Listed | Searched]) -> None:
    """No sequence releases more people than a budget in any window of its length, nor is refused within it."""
    play(bench, sequence)


@pytest.mark.soak
@settings(max_examples=3_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_many_sequences_of_anything(bench: Bench, sequence: list[Batch | Leap | Released | Listed | Searched]) -> None:
    """The same, for as many sequences as half an hour has room for."""
    play(bench, sequence)


def play(bench: Bench, sequence: list[Batch | Leap | Released | Listed | Searched]) -> None:
    """Take every step with a new account, release what is left, and count."""
    run = Run(bench, SMALL)
    for step in sequence:
        run.take(step)
    run.take(Released(0, 1, kept=False))
    run.judge()


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("late", [0, RECEIPT_LIFETIME - 1])
def test_edge_of_a_window(bench: Bench, number: int, late: int) -> None:
    """Whoever was released at the last moment of a receipt counts until the window after that, to the microsecond."""
    run = Run(bench, {"open": (2, 2, 2, 2)})
    window = WINDOWS[number]
    bench.budget("open", [2 if i == number else 10**6 for i in range(4)])
    run.take(Leap(RECEIPT_LIFETIME))
    desk, session, begun = bench.desks[0], run.sessions[0], run.now
    requests, outcomes = charge(desk, session, run.people[:2])
    run.take(Leap(late))
    assert outcomes == ["open", "open"]
    assert sorted(release(desk, session, requests, run.people[:2])) == sorted(run.people[:2])
    for at, outcome in ((0, "budget"), (RECEIPT_LIFETIME - 1, "budget"), (RECEIPT_LIFETIME, "open")):
        run.take(Leap(begun + window + at - run.now))
        assert charge(desk, session, run.people[2:3])[1] == [outcome]
    bench.budget("open", SMALL["open"])


def test_edge_of_a_receipt(bench: Bench) -> None:
    """A receipt is released within ten seconds, not a microsecond later."""
    run = Run(bench, SMALL)
    desk, session = bench.desks[0], run.sessions[0]
    requests, _ = charge(desk, session, run.people[:2])
    run.take(Leap(RECEIPT_LIFETIME - 1))
    assert release(desk, session, requests[:1], run.people[:1]) == run.people[:1]
    run.take(Leap(1))
    assert release(desk, session, requests[1:], run.people[1:2]) == []


def test_greedy_on_the_budgets_of_the_profile(database: Database) -> None:
    """An adviser who opens new people day and night gets the profile's budgets of them, no more, no fewer."""
    clock, desk = Clock(database), database.connect("desk")
    adviser, people = database.adviser(620)
    session = database.session(adviser.account, seconds=10**7)
    budget = database.owner.execute(
        "select minutes_5, hour, day, days_28 from cloison.role_budget join cloison.role using (role) "
        "where name = 'adviser' and meter = 'open'"
    ).fetchone()
    database.owner.execute(
        "update cloison.role_budget set (minutes_5, hour, day, days_28) = (1000000, 1000000, 1000000, 1000000) "
        "where meter = 'refusal'"
    )
    released: list[Release] = []
    begun, left = clock.now, people
    while clock.now - begun < timedelta(days=8.5):
        taken = take(desk, session, left[:10])
        left = [person for person in left if person not in taken]
        released += [Release((clock.now - begun) // timedelta(microseconds=1), "open", p.int) for p in taken]
        clock.advance(minutes=30)
    assert tuple(most_in_any_window(released, "open", window) for window in WINDOWS) == budget
