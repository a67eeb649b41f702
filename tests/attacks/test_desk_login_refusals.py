"""A thief with the desk's login is refused again and again: refusals have a budget, beyond it the session ends."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from support.database import Database, charge, cloned
from support.meter import Thief, thief

from cloison.config import Home


@pytest.fixture(scope="module")
def shared(home: Home) -> Iterator[Database]:
    """One database whose advisers may be refused six times in five minutes."""
    with cloned(home) as database:
        database.owner.execute("update cloison.role_budget set minutes_5 = 6 where meter = 'refusal'")
        yield database


def counting(it: Thief) -> list[int]:
    """The amounts of the account's counting entries."""
    rows = it.database.owner.execute(
        "select amount from cloison.entry where account = %s and event = 'refusals_exceeded'", (it.session.account,)
    ).fetchall()
    return [row[0] for row in rows]


def test_refusals_beyond_their_budget(shared: Database) -> None:
    """The seventh refusal is one counting entry with nobody in it, and the session is over."""
    it = thief(shared)
    for _ in range(6):
        assert charge(it.desk, it.session, [uuid4()])[1] == ["scope"]
    assert charge(it.desk, it.session, it.people[:1])[1] == ["open"]
    assert charge(it.desk, it.session, [uuid4()])[1] == ["scope"]
    assert charge(it.desk, it.session, it.people[:1])[1] == ["no_session"]
    assert counting(it) == [1]
    assert it.entries("scope") == 6


def test_batch_of_refusals(shared: Database) -> None:
    """128 refusals in one call are six entries and one that counts the rest; its openings are charged all the same."""
    it = thief(shared)
    outcomes = charge(it.desk, it.session, [*(uuid4() for _ in range(120)), *it.people[:8]])[1]
    assert Counter(outcomes) == {"scope": 120, "open": 8}
    assert (it.entries("scope"), it.entries("open"), counting(it)) == (6, 8, [114])
    assert charge(it.desk, it.session, it.people[:1])[1] == ["no_session"]


def test_refusals_from_many_connections(shared: Database) -> None:
    """Sixteen connections at once are refused six times in all, counted once, and then have no session."""
    it = thief(shared)
    desks = [shared.connect("desk") for _ in range(16)]

    def guess(number: int) -> list[str]:
        outcomes = []
        for _ in range(6):
            outcomes += charge(desks[number], it.session, [uuid4() for _ in range(3)])[1]
        return outcomes

    with ThreadPoolExecutor(16) as threads:
        outcomes = Counter(outcome for each in threads.map(guess, range(16)) for outcome in each)
    for desk in desks:
        desk.close()
    assert outcomes["scope"] <= 9
    assert (it.entries("scope"), len(counting(it))) == (6, 1)
    assert charge(it.desk, it.session, it.people[:1])[1] == ["no_session"]


def test_refusals_in_another_session(shared: Database) -> None:
    """A new session of the same account has no refusals left either, and what it opens is charged as ever."""
    it = thief(shared)
    charge(it.desk, it.session, [uuid4() for _ in range(7)])
    second = it._replace(session=shared.session(it.session.account))
    assert charge(it.desk, second.session, it.people[:1])[1] == ["open"]
    assert charge(it.desk, second.session, [uuid4()])[1] == ["scope"]
    assert charge(it.desk, second.session, it.people[:1])[1] == ["no_session"]
    assert counting(it) == [1, 1]


def test_refusals_rolled_back(shared: Database) -> None:
    """Refusals that are rolled back tell whom one follows oneself, which the list tells too, and release nobody."""
    it, other = thief(shared), thief(shared)
    for _ in range(20):
        with it.desk.transaction(force_rollback=True):
            guessed = [other.people[0], uuid4(), it.people[0]]
            assert charge(it.desk, it.session, guessed)[1] == ["scope", "scope", "open"]
    assert it.entries("scope") == it.entries("open") == 0


def test_numbers_of_an_account_without_a_gap(shared: Database) -> None:
    """Openings, refusals, lists and searches of an account are numbered from 1 without a gap."""
    it = thief(shared)
    for i in range(5):
        charge(it.desk, it.session, [it.people[i], uuid4()])
        it.desk.execute("select * from cloison.list_v1('59', %s, %s, true, null)", (it.session.token, uuid4()))
    numbers = shared.owner.execute(
        "select number from cloison.entry where account = %s order by number", (it.session.account,)
    ).fetchall()
    assert [number for (number,) in numbers] == list(range(1, len(numbers) + 1))
