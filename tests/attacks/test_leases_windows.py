"""Leases in any order and at any time: no window holds more people than an account's budget, nor more pairs than a cap.

Hypothesis makes sequences of loans, openings at home, uses of leases new and old, releases and leaps of the clock, over
two accounts of one organisation at home in two segments. Every answer must be the one of a model of a few lines; and of
what was really released, every window is counted, wherever it begins.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.database import SEGMENT, Database, charge, cloned, release
from support.leases import FURTHER, Borrower, Lease, cap, capped
from support.ledger_model import RECEIPT_LIFETIME, SECOND, WINDOWS, Release, most_in_any_window
from support.meter import Clock

from cloison.access.agreements import Caps, Terms
from cloison.access.organisations import create_organisation
from cloison.config import Home

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
LIFETIME = 15 * SECOND
RECEIPTS = 16  # not released, of one session
BUDGET, CAP = (3, 4, 6, 7), (4, 5, 7, 8)
PEOPLE = 6  # that each account follows in each of two segments
EDGES = sorted(
    {0, 1, SECOND, LIFETIME - 1, LIFETIME, RECEIPT_LIFETIME - 1, RECEIPT_LIFETIME}
    | {
        window + late + beside
        for window in WINDOWS
        for late in (0, RECEIPT_LIFETIME, LIFETIME + RECEIPT_LIFETIME)
        for beside in (-1, 0, 1)
    }
)


class Loan(NamedTuple):
    """People lent to an account, and whether the transaction is committed."""

    account: int
    people: list[int]
    kept: bool


class AtHome(NamedTuple):
    """People of the account's home opened without a lease."""

    account: int
    people: list[int]


class Use(NamedTuple):
    """Every nth of all leases that there ever were is counted, charged and released, `late` after the charge."""

    every: int
    late: int


class Leap(NamedTuple):
    """The clock goes forward, in microseconds."""

    length: int


accounts = st.integers(0, 1)
people = st.lists(st.integers(0, 2 * PEOPLE - 1), min_size=1, max_size=6)
steps = st.lists(
    st.one_of(
        st.builds(Loan, accounts, people, st.sampled_from([True, True, True, False])),
        st.builds(AtHome, accounts, st.lists(st.integers(0, PEOPLE - 1), min_size=1, max_size=4)),
        st.builds(Use, st.integers(1, 3), st.sampled_from([0, 0, 1, RECEIPT_LIFETIME - 1, RECEIPT_LIFETIME])),
        st.builds(Leap, st.sampled_from(EDGES) | st.integers(0, 4_000 * SECOND)),
    ),
    min_size=1,
    max_size=20,
)


class Counted:
    """A ledger of distinct things with a limit for each window, as simple as it can be said."""

    def __init__(self, most: tuple[int, ...]) -> None:
        """Nothing was counted yet."""
        self._most = most
        self._last: dict[object, int] = {}

    def admit(self, thing: object, now: int, until: int) -> bool:
        """Whether one more may be opened `until` then; it is counted if so."""
        for window, most in zip(WINDOWS, self._most, strict=True):
            begins = now - window - RECEIPT_LIFETIME
            if sum(1 for other, last in self._last.items() if other != thing and last > begins) + 1 > most:
                return False
        self._last[thing] = max(until, self._last.get(thing, until))
        return True


class Bench:
    """One cloned database with a simulated clock, for many examples."""

    def __init__(self, database: Database) -> None:
        """Make the role's budgets small, so that sequences of some steps reach them."""
        self.database, self.clock = database, Clock(database)
        self.clock.now = EPOCH
        statement = "update cloison.role_budget set minutes_5 = %s, hour = %s, day = %s, days_28 = %s where meter = %s"
        for meter, budget in (("open", BUDGET), ("refusal", (10**6,) * 4)):
            database.owner.execute(statement, (*budget, meter))


@pytest.fixture(scope="module")
def bench(home: Home) -> Iterator[Bench]:
    """The bench of all examples: each takes an organisation, accounts and people of its own, 60 days after the last."""
    with cloned(home) as database:
        yield Bench(database)


class Run:
    """One example: two accounts of an organisation, with a cap or without."""

    def __init__(self, bench: Bench, *, has_cap: bool) -> None:
        """Take a new organisation with two accounts, who follow people in both segments."""
        self.bench, self.has_cap = bench, has_cap
        bench.clock.advance(days=60)
        database = bench.database
        name = f"organisation at {self.now}"
        create_organisation(database.owner, name, Terms(caps=Caps(*CAP) if has_cap else Caps()))
        self.staff = [self._account(database, home, name) for home in (SEGMENT, FURTHER)]
        self.budgets, self.cap = [Counted(BUDGET), Counted(BUDGET)], Counted(CAP)
        self.leases: list[tuple[int, int, Lease, int]] = []  # account, person's number, lease, when it expires
        self.released: list[list[Release]] = [[], [], []]  # by the two accounts, by the organisation
        self.receipts: dict[tuple[int, UUID, UUID], int] = {}

    def _account(self, database: Database, home: str, organisation: str) -> Borrower:
        account = database.account(segment=home, organisation=organisation)
        followed = []
        for segment in (home, FURTHER if home == SEGMENT else SEGMENT):
            followed += database.people(PEOPLE, segment)
            database.relate(account, followed[-PEOPLE:], segment=segment)
        session = database.session(account, segment=home, seconds=10**9)
        return Borrower(database, database.connect("desk"), session, followed)

    @property
    def now(self) -> int:
        """The simulated time, in microseconds."""
        return (self.bench.clock.now - EPOCH) // timedelta(microseconds=1)

    def place(self, account: int, person: int) -> str:
        """The segment of an account's nth person."""
        home = self.staff[account].session.segment
        return home if person < PEOPLE else (FURTHER if home == SEGMENT else SEGMENT)

    def leap(self, length: int) -> None:
        """Turn the clock."""
        self.bench.clock.advance(microseconds=length)

    def lend(self, loan: Loan) -> None:
        """Lend and compare; a loan that is not kept was never there."""
        it = self.staff[loan.account]
        for segment in (SEGMENT, FURTHER):
            numbers = [number for number in loan.people if self.place(loan.account, number) == segment]
            asked = [it.people[number] for number in numbers]
            with it.desk.transaction(force_rollback=not loan.kept):
                requests, outcomes = it.lend(asked, segment)
            if not loan.kept:
                assert it.leases(requests, asked, segment) == []
                continue
            expected = [self.budgets[loan.account].admit(n, self.now, self.now + LIFETIME) for n in numbers]
            assert outcomes == ["open" if admitted else "budget" for admitted in expected]
            lent = it.leases(requests, asked, segment)
            assert [each.person for each in lent] == [
                p for p, admitted in zip(asked, expected, strict=True) if admitted
            ]
            by_person = dict(zip(asked, numbers, strict=True))
            self.leases += [(loan.account, by_person[each.person], each, self.now + LIFETIME) for each in lent]

    def open_at_home(self, step: AtHome) -> None:
        """Open without a lease and compare: with a cap, nobody."""
        it = self.staff[step.account]
        asked = [it.people[number] for number in step.people]
        requests, outcomes = charge(it.desk, it.session, asked)
        if self.has_cap:
            assert outcomes == ["lease"] * len(asked)
            return
        expected = [self.budgets[step.account].admit(number, self.now, self.now) for number in step.people]
        assert outcomes == ["open" if admitted else "budget" for admitted in expected]
        self._note(step.account, set(release(it.desk, it.session, requests, asked)))

    def use(self, step: Use) -> None:
        """Use leases, old ones too, and compare; release what was charged."""
        charged: list[tuple[int, str, Lease, int]] = []
        for account, number, lease, expires in self.leases[:: step.every]:
            it, segment = self.staff[account], self.place(account, number)
            if sum((account, segment) == place[:2] for place in charged) == RECEIPTS:
                continue  # a session has no more that are not released
            if self.has_cap:
                outcome = "lease"
                if expires > self.now:
                    outcome = "open" if self.cap.admit((account, number), self.now, expires) else "budget"
                assert cap(it.desk, [lease]) == [outcome]
                counted = capped(it.desk, [lease])
                assert len(counted) == (1 if outcome == "open" else 0) or outcome == "budget"
                lease = counted[0] if counted else lease  # noqa: PLW2901 - the one that is used from here on
            counts = expires > self.now and (not self.has_cap or "capped" in lease.text)
            assert it.charge([lease], segment) == ["open" if counts else "lease"]
            if counts:
                charged.append((account, segment, lease, self.now))
        self.leap(step.late)
        for account, segment, lease, at in charged:
            found = self.staff[account].release([lease], segment)
            assert found <= {lease.person}
            assert bool(found) is False or at > self.now - RECEIPT_LIFETIME
            self._note(account, found)

    def _note(self, account: int, found: set[UUID]) -> None:
        for person in found:
            self.released[account].append(Release(self.now, "open", person.int))
            self.released[2].append(Release(self.now, "open", person.int ^ account))

    def judge(self) -> None:
        """Count every window, over what was really released."""
        limits = [BUDGET, BUDGET, CAP if self.has_cap else (10**6,) * 4]
        for releases, most in zip(self.released, limits, strict=True):
            for window, limit in zip(WINDOWS, most, strict=True):
                assert most_in_any_window(releases, "open", window) <= limit


def play(bench: Bench, sequence: list[Loan | AtHome | Use | Leap], *, has_cap: bool) -> None:
    """Take every step, use what is left, and count."""
    run = Run(bench, has_cap=has_cap)
    for step in [*sequence, Use(1, 0)]:
        match step:
            case Loan():
                run.lend(step)
            case AtHome():
                run.open_at_home(step)
            case Use():
                run.use(step)
            case Leap():
                run.leap(step.length)
    run.judge()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_home_and_elsewhere(bench: Bench, sequence: list[Loan | AtHome | Use | Leap]) -> None:
    """No sequence has more people released, at home and elsewhere together, than an account's budget in any window."""
    play(bench, sequence, has_cap=False)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_pairs_of_an_organisation(bench: Bench, sequence: list[Loan | AtHome | Use | Leap]) -> None:
    """No sequence has more pairs released than an organisation's cap in any window, nor is one refused within it."""
    play(bench, sequence, has_cap=True)


@pytest.mark.soak
@settings(max_examples=1_500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.booleans())
def test_many_sequences(bench: Bench, sequence: list[Loan | AtHome | Use | Leap], has_cap: bool) -> None:  # noqa: FBT001 - Hypothesis passes it by place
    """The same, for as many sequences as half an hour has room for."""
    play(bench, sequence, has_cap=has_cap)
