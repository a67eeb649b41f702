"""The attacks on the meter have teeth: where a rule is taken out, the attack against it gets in.

Each test that takes out a rule puts it back by throwing its database away; the others share one that is intact.
"""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloison.access.accounts import NOBODY, Account, create_account
from cloison.config import Home
from cloison.register.profile import load_profile
from cloison.replay import tricks
from cloison.replay.attackers_clock import Night, instants, window_edges
from cloison.replay.attackers_door import texts_in_memory
from cloison.replay.attackers_keeper import StolenDesk, StolenSession
from cloison.replay.desk_login import DeskLogin, attempt
from cloison.replay.loot import Loot
from cloison.replay.scenarios import WINDOWS
from cloison.replay.simulated import SEGMENT, SimulatedRegister, simulated_register
from cloison.replay.throwaway import throw_away_home
from cloison.replay.tricks import TRICKS
from cloison.replay.windows import worst

MIDNIGHT = datetime(2030, 6, 3, tzinfo=UTC)
_numbers = itertools.count(1)
KEEPS = "import sys; print('kept', flush=True); sys.stdin.read()"  # its word of the command line
# How limits are usually counted: from the last full hour, midnight or month on.
CALENDAR_WINDOWS = """
create or replace function cloison.cutoffs_v1(p_now timestamptz) returns timestamptz[]
language sql stable as $$ select array[
    date_trunc('minute', p_now) - make_interval(mins => extract(minute from p_now)::integer % 5, secs => 0.000001),
    date_trunc('hour', p_now) - interval '0.000001 s', date_trunc('day', p_now) - interval '0.000001 s',
    date_trunc('month', p_now) - interval '0.000001 s'] $$
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Home]:
    """A throw-away database server."""
    with throw_away_home() as home:
        yield home


@pytest.fixture
def register(server: Home) -> Iterator[SimulatedRegister]:
    """A register under a simulated clock, with an adviser who follows an outlier's caseload."""
    with simulated_register(server, load_profile("jobseekers-fr"), "adviser") as register:
        register.set_clock(MIDNIGHT - timedelta(minutes=2))
        register.owner.execute("update cloison.account set reviewed_at = cloison.clock_v1()")  # years ago it was made
        register.follow(1_125)
        yield register


@pytest.fixture
def login(register: SimulatedRegister) -> DeskLogin:
    """The desk's database login with one session."""
    return stolen(register)


@pytest.fixture(scope="module")
def shared() -> Iterator[SimulatedRegister]:
    """A register whose rules stay; in a server of its own, as another register there would change its passwords."""
    with throw_away_home() as home, simulated_register(home, load_profile("jobseekers-fr"), "adviser") as register:
        register.set_clock(MIDNIGHT)
        yield register


@pytest.fixture
def intact(shared: SimulatedRegister) -> SimulatedRegister:
    """The shared register, with another adviser, who follows people of their own."""
    ours = shared.account
    owl = create_account(
        shared.owner, Account(NOBODY, f"owl{next(_numbers)}", SEGMENT, ours.organisation, "a", ours.role)
    )
    another = SimulatedRegister(shared.owner, shared.logins, owl)
    another.follow(200)
    return another


def stolen(register: SimulatedRegister) -> DeskLogin:
    """The desk's database login with one session of the register's account."""
    desk = StolenDesk(register.desk_conninfo, Path("no-keeper"), "")
    return DeskLogin(desk, StolenSession(SEGMENT, register.sign_in(), register.people, []), Loot(20))


def without(register: SimulatedRegister, function: str, rule: str) -> None:
    """Take a rule out of a function of the meter: the condition `rule` never holds any more."""
    row = register.owner.execute("select pg_get_functiondef(%s::regproc)", (f"cloison.{function}",)).fetchone()
    assert row is not None
    assert row[0].count(rule) == 1, "the rule has moved"
    register.owner.execute(row[0].replace(rule, "false").encode())


def edges(register: SimulatedRegister) -> dict[str, int]:
    """The worst windows of an attack at the edges."""
    with psycopg.connect(register.desk_conninfo, autocommit=True) as desk:
        night = Night(desk, SEGMENT, register.sign_in, register.people, register.set_clock)
        releases = window_edges(night, MIDNIGHT, Loot(60))
    return {name: worst(releases, length) for name, length in WINDOWS.items()}


def test_edges_beat_windows_of_the_calendar(register: SimulatedRegister) -> None:
    """Counters set back at full hours and midnights give the attacker more than each budget; the meter's do not."""
    register.owner.execute(CALENDAR_WINDOWS)
    taken, budgets = edges(register), register.budgets()
    assert all(taken[name] > budgets[name] for name in ("minutes_5", "hour", "day")), taken


def test_edges_get_exactly_the_budgets(register: SimulatedRegister) -> None:
    """The same attack on the meter reaches every budget and passes none."""
    assert edges(register) == register.budgets()


def test_instants_go_forward() -> None:
    """The simulated clock never steps back, and every release comes within a receipt's lifetime."""
    times = list(instants(MIDNIGHT))
    assert all(before[1] <= after[0] for before, after in pairwise(times))
    assert all(timedelta(0) <= late - at < timedelta(seconds=10) for at, late in times)
    assert times[-1][0] - times[0][0] > timedelta(days=28)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 9)), max_size=40), st.integers(1, 200))
def test_worst_window_is_found(opened: list[tuple[int, int]], seconds: int) -> None:
    """No window of any beginning holds more distinct people than the worst one found."""
    releases = sorted((MIDNIGHT + timedelta(seconds=at), person) for at, person in opened)
    begins = [at - timedelta(seconds=seconds) for at, _ in releases]
    by_hand = [
        len({person for at, person in releases if begin < at <= begin + timedelta(seconds=seconds)}) for begin in begins
    ]
    assert worst(releases, timedelta(seconds=seconds)) == max(by_hand, default=0)


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.__name__)
def test_no_trick_gives_a_record_without_its_charge(
    intact: SimulatedRegister, trick: Callable[[DeskLogin], None]
) -> None:
    """Whoever was released by whatever trick has a committed opening and an audit entry."""
    login = stolen(intact)
    attempt(trick, login)
    released = {row.person for row in login.taken()}
    assert released <= people_in(intact, "select person from cloison.opening")
    assert released <= people_in(intact, "select person from cloison.entry where outcome = 'open' and event = 'open'")
    assert login.named == set()


def test_release_in_the_charges_transaction_has_teeth(register: SimulatedRegister, login: DeskLogin) -> None:
    """Without the rule that release needs a transaction of its own, records come and their charge is rolled back."""
    without(register, "release_each_v1", "pg_current_xact_id_if_assigned() is not null")
    attempt(tricks.release_in_the_charges_transaction, login)
    assert login.taken()
    assert people_in(register, "select person from cloison.opening") == set()


def test_forbidden_statements_have_teeth(register: SimulatedRegister, login: DeskLogin) -> None:
    """One right too many is noticed: whoever a statement names is counted."""
    register.owner.execute("grant select on cloison.relation to cloison_desk")
    attempt(tricks.read_what_is_forbidden, login)
    assert login.named == set(register.people)


def test_copy_has_teeth(register: SimulatedRegister, login: DeskLogin) -> None:
    """One right too many, and COPY takes the table of people."""
    register.owner.execute("grant select on cloison.person to cloison_desk")
    attempt(tricks.copy_out, login)
    assert login.named == set(register.people)


def test_forbidden_statements_end_soon(intact: SimulatedRegister) -> None:
    """None of the statements hangs or takes the session's connection away."""
    login = stolen(intact)
    began = time.monotonic()
    attempt(tricks.read_what_is_forbidden, login)
    assert time.monotonic() - began < 10
    login.tell()
    assert "42501" in login.loot.stopped_by


def test_memory_is_looked_into() -> None:
    """Whoever's data a process holds is found in its memory."""
    address = f"nobody.{os.getpid()}@example.org"
    with subprocess.Popen([sys.executable, "-c", KEEPS, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one:
        assert one.stdout is not None
        one.stdout.readline()
        assert address.encode() in texts_in_memory(one.pid)
        one.communicate()


def people_in(register: SimulatedRegister, statement: str) -> set[object]:
    """The people that a statement of the owner's names."""
    return {row[0] for row in register.owner.execute(statement.encode()).fetchall()}
