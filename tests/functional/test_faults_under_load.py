"""PostgreSQL, the keeper and the desk are killed while 32 clients open records: nothing is released without its entry.

Everything is served as an operator would serve it, by `cloison serve`, which starts again what is killed. Clients go on
asking meanwhile, as browsers would; what they are told is compared with the audit log afterwards.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import httpx
import psycopg
import pytest
from support.api import calling, problem, wanted
from support.desk import RunningRegister
from support.load import CLIENTS, Load, agents_with_people, goes_on, loaded, logged, people_of
from support.operated import OperatedHome, Served, healthy, kill_9, served, wait_until

from cloison.client import Credentials
from cloison.store.pools import connect

RECEIPTS = "select count(*) from cloison.receipt where request = %s"
ENTRIES = "select count(*) from cloison.entry where event = 'open' and outcome = 'open' and request = %s"
RUNNING = "select count(*) from pg_stat_activity where state = 'active' and usename = %s"
COUNTED = "select count(*) from cloison.opening join cloison.account using (segment, account) where handle = %s"
OPENINGS = """
select count(*) from cloison.entry e join cloison.account a using (segment, account)
where e.event = 'open' and e.outcome = 'open' and a.handle = %s
"""


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A home of this module's own, served."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"))
    operated.initialise()
    with served(operated) as serving:
        yield serving
    operated.stop()


@pytest.fixture(scope="module")
def register(serving: Served, tmp_path_factory: pytest.TempPathFactory) -> RunningRegister:
    """People in it."""
    return RunningRegister(serving.operated.home, tmp_path_factory.mktemp("register"))


@pytest.fixture(scope="module")
def people(register: RunningRegister) -> dict[Credentials, list[UUID]]:
    """32 accounts with their people."""
    return agents_with_people(register)


def assert_told_is_logged(load: Load, register: RunningRegister) -> None:
    """Every opening that a client was told of has its entry, each client opened its own people, and none more."""
    assert len(load.opened) > 2 * CLIENTS
    assert set(load.opened) <= logged(register.home)
    assert load.others.keys() <= {"stale"}  # charged, and too late to be released


def test_postgresql_is_killed_under_load(
    serving: Served, register: RunningRegister, people: dict[Credentials, list[UUID]]
) -> None:
    """While it is gone requests are told so; the same desk goes on by itself once it is back."""
    desk, postmaster = serving.child("cloison.web"), serving.operated.postmaster()
    with loaded(register.url, people) as load:
        kill_9(postmaster)
        goes_on(load)
    assert load.problems.keys() == {"database_unavailable"}, load.details
    assert serving.child("cloison.web") == desk
    assert serving.operated.postmaster() != postmaster
    assert_told_is_logged(load, register)


def test_the_keeper_is_killed_under_load(
    serving: Served, register: RunningRegister, people: dict[Credentials, list[UUID]]
) -> None:
    """While it is gone records stay sealed and requests are told so; the same desk goes on once it is back."""
    desk, keeper = serving.child("cloison.web"), serving.child("cloison.keeper")
    with loaded(register.url, people) as load:
        kill_9(keeper)
        serving.await_child("cloison.keeper", besides=keeper.pid)
        goes_on(load)
    assert load.problems.keys() == {"keeper_unavailable"}, load.details
    assert serving.child("cloison.web") == desk
    assert_told_is_logged(load, register)


def test_the_desk_is_killed_in_the_middle_of_batches(
    serving: Served, register: RunningRegister, people: dict[Credentials, list[UUID]]
) -> None:
    """Whoever waited gets no answer; whatever was told before has its entry; another desk goes on.

    For a while some sessions are `overloaded`: what was charged for them and released to nobody may still be released.
    """
    with loaded(register.url, people) as load:
        for _ in range(2):
            desk = serving.child("cloison.web")
            kill_9(desk)
            serving.await_child("cloison.web", besides=desk.pid)
            goes_on(load)
    assert load.problems.keys() <= {"desk_unavailable", "keeper_unavailable", "database_unavailable", "overloaded"}
    assert load.problems["desk_unavailable"]
    assert_told_is_logged(load, register)


def test_a_killed_database_says_so_to_each(serving: Served, register: RunningRegister) -> None:
    """A single request meanwhile gets 503 with what to do and when to come back, and nothing is charged for it."""
    agent = register.agent(1)
    (person,) = people_of(register.home, agent)
    with calling(register, agent) as api:
        kill_9(serving.operated.postmaster())
        asked = wanted(person)
        answer = api.post("/v1/people/open", {"requests": [asked]})
        if answer.is_success:  # it was back that quickly
            assert answer.json()["results"][0]["outcome"] == "open"
        else:
            said = problem(answer, 503, "database_unavailable")
            assert "nothing was opened" in said.detail
            assert answer.headers["retry-after"] == str(said.retry_after)
        wait_until(lambda: healthy(register.url))
        assert (UUID(asked["request"]) in {opening.request for opening in logged(register.home)}) == answer.is_success
        assert api.open([person])[0]["outcome"] == "open"


def test_the_desk_is_killed_between_charge_and_release(serving: Served, register: RunningRegister) -> None:
    """What was charged is in the audit log and was released to nobody; asked again, it is no further person.

    The owner locks the table of people: a charge does not look at it, a release waits for it. So the desk dies for
    certain between the two.
    """
    agent = register.agent(1)
    (person,) = people_of(register.home, agent)
    asked, desk = wanted(person), serving.child("cloison.web")
    with calling(register, agent) as api, connect(register.home, "owner") as owner, ThreadPoolExecutor() as background:
        with owner.transaction():
            owner.execute("lock table cloison.person in access exclusive mode")
            answer = background.submit(api.post, "/v1/people/open", {"requests": [asked]})
            wait_until(lambda: count(owner, RECEIPTS, asked["request"]))
            kill_9(desk)
            assert isinstance(answer.exception(), httpx.HTTPError)
            assert count(owner, ENTRIES, asked["request"]) == 1
            with serving.operated.superuser() as superuser:  # until the reaper ends what the dead desk began
                wait_until(lambda: not count(superuser, RUNNING, "cloison_desk"))
            assert count(owner, RECEIPTS, asked["request"]) == 1
        serving.await_child("cloison.web", besides=desk.pid)
        wait_until(lambda: healthy(register.url))
        assert count(owner, COUNTED, agent.handle) == 1
        assert api.open([person])[0]["fields"]["birth_name"] == agent.people[0]["birth_name"]
        assert count(owner, COUNTED, agent.handle) == 1
        assert count(owner, OPENINGS, agent.handle) == 2


def count(owner: psycopg.Connection, what: str, of: str) -> int:
    """What one of the queries above counts."""
    row = owner.execute(what.encode(), (of,)).fetchone()
    return 0 if row is None else int(row[0])
