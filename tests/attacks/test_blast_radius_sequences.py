"""Whatever is called, in any order and at any time: no window holds more people than blast-radius said when it began.

Hypothesis makes sequences of openings, searches, lists, leases into another segment, late releases, repetitions and
leaps of the clock, over two sessions each of two accounts, of an organisation with a cap or without. Among the people
are some whom the account meets at the counter, who are protected from it, whose appointment is over or is to begin.
Before anybody is released the bound is computed; then every window from there on is counted.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import NamedTuple
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.database import SEGMENT, Database, charge, cloned, release
from support.leases import FURTHER, Borrower, cap, capped
from support.ledger_model import RECEIPT_LIFETIME, SECOND, WINDOWS
from support.meter import LIST, RELEASE, Clock, Query, search

from cloison.access.agreements import Caps, Terms
from cloison.access.blast_report import Report, report
from cloison.access.exposed import People, read_staff
from cloison.access.organisations import create_organisation
from cloison.config import Home

EPOCH = datetime(2030, 1, 1, 8, tzinfo=UTC)
BUDGETS = {"open": (2, 3, 5, 6), "walk_in": (1, 2, 3, 4), "list": (3, 4, 5, 6), "search": (2, 3, 5, 6)}
CAPS = Caps(3, 4, 6, 8)
# Whom an account has: at home followed, covered, met now, met later, met before, shielded from it, shielded but for it;
# elsewhere followed; strangers at home.
FOLLOWED, COVERED, MET, TO_COME, OVER, SHIELDED, SHOWN, AWAY, STRANGERS = 4, 1, 1, 1, 1, 1, 1, 3, 5
HOME = FOLLOWED + COVERED + MET + TO_COME + OVER + SHIELDED + SHOWN
EVERYBODY = HOME + AWAY + STRANGERS
LEAPS = sorted(
    {1, RECEIPT_LIFETIME - 1, RECEIPT_LIFETIME, 60 * SECOND, 1_200 * SECOND}
    | {window + beside for window in WINDOWS for beside in (-SECOND, 0, RECEIPT_LIFETIME, 25 * SECOND)}
)
_proofs = count(10**9)


class Open(NamedTuple):
    """People opened, by one of the account's sessions; released so many microseconds after the charge."""

    account: int
    session: int
    people: list[int]
    late: int


class Search(NamedTuple):
    """People searched for by identifier, one by one, with the birth date or without."""

    account: int
    session: int
    people: list[int]
    proven: bool


class Listed(NamedTuple):
    """A page of the list: whole or today's, behind one of the people at home or from the beginning."""

    account: int
    whole: bool
    after: int


class Leap(NamedTuple):
    """The clock goes forward, in microseconds."""

    length: int


Step = Open | Search | Listed | Leap
accounts, sessions = st.integers(0, 1), st.integers(0, 1)
people = st.lists(st.integers(0, EVERYBODY - 1), min_size=1, max_size=6)
late = st.sampled_from([0, 0, 0, SECOND, RECEIPT_LIFETIME - 1])
steps = st.lists(
    st.one_of(
        st.builds(Open, accounts, sessions, people, late),
        st.builds(Search, accounts, sessions, people, st.booleans()),
        st.builds(Listed, accounts, st.booleans(), st.integers(-1, HOME - 1)),
        st.builds(Leap, st.sampled_from(LEAPS)),
    ),
    min_size=1,
    max_size=16,
)


class Bench:
    """One cloned database with a simulated clock and small budgets, for many examples."""

    def __init__(self, database: Database) -> None:
        """Make everybody's budgets small, so that sequences of some steps reach them."""
        self.database, self.clock = database, Clock(database)
        self.clock.now = EPOCH
        statement = "update cloison.role_budget set minutes_5 = %s, hour = %s, day = %s, days_28 = %s where meter = %s"
        for meter, budget in (*BUDGETS.items(), ("refusal", (10**6,) * 4)):
            database.owner.execute(statement, (*budget, meter))


@pytest.fixture(scope="module")
def bench(home: Home) -> Iterator[Bench]:
    """The bench of all examples: each takes an organisation, accounts and people of its own, 60 days after the last."""
    with cloned(home) as database:
        yield Bench(database)


class Run:
    """One example: two accounts, who was released to them and when, and what was said before."""

    def __init__(self, bench: Bench, caps: Caps | None = None) -> None:
        """Take a new organisation with an adviser and a partner's adviser at home in two segments."""
        self.bench, self.has_cap = bench, caps is not None
        bench.clock.advance(days=60)
        self.organisation = f"organisation at {bench.clock.now}"
        create_organisation(bench.database.owner, self.organisation, Terms(caps=caps or Caps()))
        roles = (("adviser", SEGMENT), ("partner", FURTHER))
        self.staff = [[*self._account(role, segment)] for role, segment in roles]
        self.opened: list[tuple[int, int, UUID]] = []  # when, account, person
        self.labels: list[tuple[int, int, UUID]] = []
        self.said: dict[int, Report] = {}

    def _account(self, role: str, home: str) -> Iterator[Borrower]:
        database, now = self.bench.database, self.bench.clock.now
        account = database.account(role, home, self.organisation)
        met = database.people(HOME, home) + database.people(AWAY, FURTHER if home == SEGMENT else SEGMENT)
        met += database.people(STRANGERS, home)
        database.relate(account, met[: FOLLOWED + SHIELDED + SHOWN], segment=home)
        rest = iter(met[FOLLOWED + SHIELDED + SHOWN : HOME])
        database.relate(account, [next(rest) for _ in range(COVERED)], "cover", home)
        for begins, ends in ((0, 2), (3, 5), (-3, -1)):
            database.owner.execute(
                "insert into cloison.relation (segment, account, person, kind, valid_from, valid_until) "
                "values (%s, %s, %s, 'inbound', %s, %s)",
                (home, account, next(rest), now + timedelta(hours=begins), now + timedelta(hours=ends)),
            )
        database.relate(account, met[HOME : HOME + AWAY], segment=FURTHER if home == SEGMENT else SEGMENT)
        for person, audience in zip(met[FOLLOWED:], ([], [account]), strict=False):
            database.one(
                "select cloison.protect_by_owner_v1(%s, %s, %s, array_fill(null::timestamptz, array[%s]), null)",
                *(home, person, audience, len(audience)),
            )
        self._terms(met)
        for _ in range(2):
            yield Borrower(
                database, database.connect("desk"), database.session(account, segment=home, seconds=10**9), met
            )

    def _terms(self, people: Sequence[UUID]) -> None:
        self.bench.database.owner.cursor().executemany(
            "update cloison.person set term2 = %s, term3 = term2 where person = %s",
            [(next(_proofs), person) for person in people],
        )
        self.bench.database.owner.execute(
            "update cloison.person set term3 = -term2 where person = any (%s)", (list(people),)
        )

    @property
    def now(self) -> int:
        """The simulated time, in microseconds."""
        return (self.bench.clock.now - EPOCH) // timedelta(microseconds=1)

    def leap(self, length: int) -> None:
        """Turn the clock."""
        if length:
            self.bench.clock.advance(microseconds=length)

    def take(self, step: Step) -> None:
        """Do one step, and note who was released."""
        match step:
            case Leap():
                self.leap(step.length)
            case Open():
                self._open(step)
            case Search():
                self._search(step)
            case Listed():
                self._list(step)

    def _open(self, step: Open) -> None:
        it = self.staff[step.account][step.session]
        home = it.session.segment
        for segment in (SEGMENT, FURTHER):
            asked = [it.people[n] for n in step.people if (HOME <= n < HOME + AWAY) == (segment != home)]
            if not asked:
                continue
            if segment == home and not self.has_cap:
                requests, _ = charge(it.desk, it.session, asked)
                self._ask_and_leap(step.late)
                taken = set(release(it.desk, it.session, requests, asked))
            else:
                leases = it.lent(asked, segment)
                if self.has_cap:
                    cap(it.desk, leases)
                    leases = capped(it.desk, leases)
                it.charge(leases, segment)
                self._ask_and_leap(step.late)
                taken = it.release(leases, segment)
            self.opened += [(self.now, step.account, person) for person in taken]

    def _search(self, step: Search) -> None:
        it = self.staff[step.account][step.session]
        self._ask_and_leap(0)
        for number in step.people:
            term = self.bench.database.one("select term2 from cloison.person where person = %s", it.people[number])
            assert isinstance(term, int)
            query = Query(2, [term], 3, [-term]) if step.proven else Query(2, [term])
            self.labels += [(self.now, step.account, person) for person in search(it.desk, it.session, query)[1]]

    def _list(self, step: Listed) -> None:
        it, request = self.staff[step.account][0], uuid4()
        after = None if step.after < 0 else it.people[step.after]
        it.desk.execute(LIST, (it.session.segment, it.session.token, request, step.whole, after))
        self._ask_and_leap(0)
        shown = it.desk.execute(RELEASE, (it.session.segment, [it.session.token], [request], [None])).fetchall()
        self.labels += [(self.now, step.account, row[0]) for row in shown]

    def _ask_and_leap(self, length: int) -> None:
        """Turn the clock, and ask for the bounds of the windows that begin now."""
        self.leap(length)
        if self.now not in self.said:
            staff = read_staff(self.bench.database.owner)
            ours = tuple(each for each in staff.accounts if each.organisation == self.organisation)
            self.said[self.now] = report(msgspec.structs.replace(staff, accounts=ours))

    def judge(self) -> None:
        """Count every window that begins when somebody may have been released."""
        handles = [self._handle(number) for number in range(len(self.staff))]
        for begins, said in self.said.items():
            bounds = {each.account: each for each in said.accounts}
            for number, handle in enumerate(handles):
                bound = bounds[handle]
                self._compare(begins, bound.opened, self.opened, number)
                self._compare(begins, bound.people, self.opened + self.labels, number)
            (organisation,) = said.organisations
            self._compare(begins, organisation.total.opened, self.opened)
            self._compare(begins, organisation.total.people, self.opened + self.labels)
            self._compare(begins, said.desk.total.people, self.opened + self.labels)

    @staticmethod
    def _compare(
        begins: int, most: People, released: Sequence[tuple[int, int, UUID]], account: int | None = None
    ) -> None:
        for window, people in zip(WINDOWS, most.each, strict=True):
            pairs = {
                (whose, person)
                for at, whose, person in released
                if begins <= at <= begins + window and account in {None, whose}
            }
            assert len(pairs) <= people, (window, account)

    def account(self, number: int) -> UUID:
        """One of the two accounts."""
        return self.staff[number][0].session.account

    def _handle(self, number: int) -> str:
        return str(
            self.bench.database.one("select handle from cloison.account where account = %s", self.account(number))
        )

    def close(self) -> None:
        """Close the connections of this example."""
        for staff in self.staff:
            for borrower in staff:
                borrower.desk.close()


def play(bench: Bench, sequence: Sequence[Step], *, has_cap: bool) -> Run:
    """Take every step with new accounts, and count."""
    run = Run(bench, CAPS if has_cap else None)
    for step in sequence:
        run.take(step)
    run.judge()
    run.close()
    return run


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=steps, has_cap=st.booleans())
def test_no_sequence_passes_the_bound(bench: Bench, sequence: list[Step], *, has_cap: bool) -> None:
    """No sequence releases more people, or pairs, in any window than was said when it began."""
    play(bench, sequence, has_cap=has_cap)


@pytest.mark.soak
@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=steps, has_cap=st.booleans())
def test_many_sequences(bench: Bench, sequence: list[Step], *, has_cap: bool) -> None:
    """The same, for as many sequences as some minutes have room for."""
    play(bench, sequence, has_cap=has_cap)


@pytest.mark.parametrize("has_cap", [False, True])
def test_cleverest_hour(bench: Bench, *, has_cap: bool) -> None:
    """Strangers found before, opened at once; lists, openings and cards of others: exactly what was said, no fewer."""
    run, strangers = Run(bench, CAPS if has_cap else None), range(HOME + AWAY, EVERYBODY)
    before: tuple[Step, ...] = (_found(strangers[0]), Leap(400 * SECOND), _found(strangers[1]), Leap(1_200 * SECOND))
    for step in before:
        run.take(step)
    followed = [n for n in range(HOME) if n != FOLLOWED and n < FOLLOWED + SHIELDED + SHOWN]
    third = sorted(followed, key=lambda n: run.staff[0][0].people[n])[2]
    clever: tuple[Step, ...] = (
        *(Open(0, 0, [strangers[0]], 0), Open(0, 1, [HOME, HOME + 1], 0), Listed(0, whole=True, after=-1)),
        *(Leap(330 * SECOND), Open(0, 0, [strangers[1]], 0), Open(0, 0, [HOME + 2], 0)),
        *(Listed(0, whole=True, after=third), _found(strangers[2]), Leap(2_000 * SECOND), _found(strangers[3])),
        *(Leap(420 * SECOND), _found(strangers[4])),
    )
    began = run.now
    for step in clever:
        run.take(step)
    run.judge()
    (said,) = (each for each in run.said[began].accounts if each.role == "adviser")
    taken = {person for at, _, person in run.opened + run.labels if began <= at <= began + WINDOWS[1]}
    assert len(taken) == said.people.hour == said.opened.hour + 4 + 3
    assert said.opened.hour == (4 if has_cap else 5)
    run.close()


def _found(stranger: int) -> Search:
    return Search(0, 0, [stranger], proven=True)


@pytest.mark.parametrize("has_cap", [False, True])
def test_everybody_in_reach(bench: Bench, *, has_cap: bool) -> None:
    """With budgets for all, whoever asks for everybody gets exactly whom blast-radius counts: now, and in a day."""
    database, wide = bench.database, (100, 100, 100, 100)
    change = "update cloison.role_budget set (minutes_5, hour, day, days_28) = (%s, %s, %s, %s) where meter = %s"
    for meter in BUDGETS:
        database.owner.execute(change, (*wide, meter))
    bench.clock.advance(hours=24 + EPOCH.hour - bench.clock.now.hour)
    run = Run(bench, Caps(50, 50, 50, 50) if has_cap else None)
    everybody: tuple[Step, ...] = (
        *(Listed(1, whole=True, after=-1), Listed(1, whole=False, after=-1)),
        *(Open(1, 0, list(range(HOME + AWAY)), 0), Search(1, 0, list(range(EVERYBODY)), proven=True)),
    )
    began = run.now
    for step in (*everybody, Leap(4 * 3_600 * SECOND), *everybody):
        run.take(step)
    run.judge()
    run.close()
    for meter, budget in BUDGETS.items():
        database.owner.execute(change, (*budget, meter))
    (said,) = (each for each in run.said[began].accounts if each.role == "partner")
    taken = [{person for at, _, person in run.opened + run.labels if at <= began + window} for window in WINDOWS]
    assert [len(people) for people in taken] == list(said.people.each)
    assert said.people.hour == HOME + AWAY - SHIELDED
    assert said.opened.hour + TO_COME == said.opened.day == HOME + AWAY - SHIELDED - OVER
