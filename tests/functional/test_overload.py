"""More requests than can be answered: those that are answered are right, the others hear at once when to come back.

What is asserted of rates leaves a wide margin, as a test shares its machine with others; the exact figures are those of
`make soak ARGS="-k overload"`, in docs/benchmarks/overload.md.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import msgspec
import pytest
import uvloop
from support.crowd import Crowd, Opening
from support.desk import RunningRegister
from support.load import agents_with_people

from cloison.bench.flood import Asked, Told, flood
from cloison.client import Credentials
from cloison.client.wire import OpenAnswer, Problem
from cloison.store.pools import connect

ACCOUNTS = 32
PEOPLE = 8  # within the budget of 5 minutes
WORST_SECONDS = 3.0  # that an answer takes beside a flood
GOOD_SECONDS = 1.5  # an answer that comes later is none; 1 second in the figures
ENTRIES = "select request, event, outcome, count(*) from cloison.entry where request = any(%s) group by 1, 2, 3"
COUNTED = "select count(*) from cloison.opening join cloison.account using (segment, account) where handle = %s"


@pytest.fixture(scope="module")
def crowd(register: RunningRegister) -> Crowd:
    """Accounts that nobody else's tests use."""
    return Crowd(register, agents_with_people(register, ACCOUNTS))


@contextmanager
def asked_meanwhile(*urls: str) -> Iterator[list[int]]:
    """The status of these addresses, asked one after the other for the length of the block."""
    found: list[int] = []
    ending = threading.Event()

    def ask() -> None:
        with httpx.Client(timeout=10.0, trust_env=False) as client:
            while not ending.is_set():
                found.extend(client.get(url).status_code for url in urls)
                time.sleep(0.1)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield found
    finally:
        ending.set()
        thread.join()


def opened(told: list[Told]) -> list[Told]:
    """The answers that opened somebody."""
    return [one for one in told if one.status == 200 and b'"outcome":"open"' in one.body]


def test_four_times_the_capacity(register: RunningRegister, crowd: Crowd) -> None:
    """What is answered is right and has its entry, what is refused left no trace; the desk does as much as before."""
    crowd.rate(0.5)
    before = crowd.rate(1.0).per_second
    with asked_meanwhile(f"{register.url}/healthz", f"{register.url}/metrics") as health:
        flooded = crowd.flood(4 * before, 3.0)
    after = crowd.rate(1.0).per_second

    given = opened(flooded.told)
    refused = [one for one in flooded.told if one.status == 503]
    statuses = Counter(one.status for one in flooded.told)
    assert statuses.keys() == {200, 503}
    assert len(given) > 0.99 * statuses[200]  # on a slow machine some are charged and then too late to be released
    assert_each_its_own(given)
    assert_refused_early(refused)
    assert_logged_once(register, given, refused)
    assert set(health) == {200}
    assert len(health) > 4
    good = sum(one.seconds < GOOD_SECONDS for one in given) / flooded.seconds
    assert good > min(before, after) / 4  # an overload that is not turned away leaves next to nothing


def assert_each_its_own(given: list[Told]) -> None:
    """Each answer is the one to its request, and each person is one and the same in all of them."""
    seen: dict[object, set[object]] = {}
    for one in given:
        asked: Opening = one.known_as
        result = msgspec.json.decode(one.body, type=OpenAnswer).results[0]
        assert result.request == asked.request
        seen.setdefault(asked.person, set()).add((result.fields or {})["identifier"])
    assert {len(names) for names in seen.values()} == {1}
    assert len(set.union(*seen.values())) == len(seen)


def assert_refused_early(refused: list[Told]) -> None:
    """Each refusal says when to come back, in the language of whoever asked."""
    assert refused
    for one in refused:
        problem = msgspec.json.decode(one.body, type=Problem)
        assert (problem.code, problem.status, str(problem.retry_after)) == (
            "overloaded",
            503,
            (one.retry_after or b"").decode(),
        )
        assert 1 <= (problem.retry_after or 0) <= 3
        assert problem.title == ("Surcharge" if one.known_as.french else "Overloaded")
    assert {msgspec.json.decode(one.body, type=Problem).retry_after for one in refused} == {1, 2, 3}


def assert_logged_once(register: RunningRegister, given: list[Told], refused: list[Told]) -> None:
    """Each opening has exactly one entry, and nobody who was refused has any."""
    with connect(register.home, "owner") as owner:
        rows = owner.execute(ENTRIES, ([one.known_as.request for one in given],)).fetchall()
        left = owner.execute(ENTRIES, ([one.known_as.request for one in refused],)).fetchall()
    assert {tuple(row[1:]) for row in rows} == {("open", "open", 1)}
    assert {row[0] for row in rows} == {one.known_as.request for one in given}
    assert left == []


async def flooding_session(crowd: Crowd, flooder: Credentials, calls: int) -> Counter[int]:
    """What a session is told that asks for its people on so many connections at once."""
    crowd.desk.renew()
    made = iter([crowd.opening(flooder) for _ in range(calls)])
    told = (await flood(crowd.address, lambda: next(made), 1e6, calls / 1e6)).told
    return Counter(one.status for one in told)


def test_one_session_takes_nobodys_place(register: RunningRegister, crowd: Crowd) -> None:
    """A session that asks two hundred times at once, again and again, is refused most of it; others get theirs."""
    agent = register.agent(PEOPLE)
    flooder = Crowd.of(register, [agent])
    others = crowd.rate(1.5, clients=32)
    told: Counter[int] = Counter()
    ending = threading.Event()

    def ask() -> None:
        while not ending.is_set():
            told.update(uvloop.run(flooding_session(flooder, agent.held, 200)))

    thread = threading.Thread(target=ask)
    thread.start()
    meanwhile = crowd.rate(1.5, clients=32)
    ending.set()
    thread.join()
    assert told[503] > told[200] > 0
    assert told.keys() == {200, 503}
    assert meanwhile.refused == 0
    assert meanwhile.per_second > others.per_second / 3  # the flood is made on the same processors
    with connect(register.home, "owner") as owner:
        row = owner.execute(COUNTED, (agent.handle,)).fetchone()
    assert row == (PEOPLE,)


def test_second_header_is_no_other_session(register: RunningRegister) -> None:
    """Whoever adds a second Authorization header, another one each time, still is the session that the first says."""
    agent = register.agent(1)
    crowd = Crowd.of(register, [agent])
    crowd.desk.renew()
    made = iter(range(200))

    def make() -> Asked:
        asked = crowd.opening(agent.held)
        more = f"\r\nAuthorization: Bearer 59.{next(made):043}\r\nContent-Length".encode()
        return Asked(asked.request.replace(b"\r\nContent-Length", more, 1), asked.known_as)

    statuses = Counter(one.status for one in uvloop.run(flood(crowd.address, make, 1e6, 100 / 1e6)).told)
    assert statuses.keys() == {200, 503}


def test_other_acts_take_no_openings_place(crowd: Crowd) -> None:
    """Hundreds of calls of another kind at once are answered or refused, and openings go on beside them."""
    held = list(crowd.people)
    crowd.desk.renew()
    asking = iter(range(10**9))

    def make() -> Asked:
        signed = crowd.signed(held[next(asking) % len(held)], "GET", "/v1/session")
        return Asked(f"GET /v1/session HTTP/1.1\r\nHost: desk\r\n{signed}\r\n".encode())

    told: list[Told] = []
    thread = threading.Thread(
        target=lambda: told.extend(uvloop.run(flood(crowd.address, make, 1_500, 2.0)).told),
    )
    thread.start()
    sample = crowd.rate(1.5, clients=16)
    thread.join()
    assert {one.status for one in told} <= {200, 503}
    assert sample.refused == 0
    assert max(sample.latencies) < WORST_SECONDS
