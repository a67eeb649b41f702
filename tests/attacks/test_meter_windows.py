"""What a ledger remembers of its windows is never less than they hold, whatever clock, budgets and roll-backs do."""

from uuid import uuid4

from support.database import Database, charge, release
from support.meter import Clock, thief

SMALL = (10, 30, 80, 12)  # people in 5 minutes, an hour, a day, 28 days


def test_a_clock_turned_back_refills_nothing(database: Database) -> None:
    """Whoever turns the clock forward, so that all windows are empty, and back again, finds them as full as before."""
    clock, it = Clock(database), thief(database, people=20)
    it.budget("open", *SMALL)
    assert charge(it.desk, it.session, it.people[:10])[1] == ["open"] * 10
    clock.advance(days=29)
    assert charge(it.desk, it.session, it.people[10:11])[1] == ["open"]
    clock.advance(days=-29, minutes=10)
    _, outcomes = charge(it.desk, it.session, it.people[11:15])
    assert outcomes == ["open", "budget", "budget", "budget"]


def test_a_refusal_behind_a_turned_clock_refills_nothing(database: Database) -> None:
    """What was counted later is not trusted because a request was refused in between: only a count is."""
    clock, it = Clock(database), thief(database, people=20)
    it.budget("open", 10, 1000, 1000, 1000)
    assert charge(it.desk, it.session, it.people[:10])[1] == ["open"] * 10
    clock.advance(days=29)
    assert charge(it.desk, it.session, it.people[10:11])[1] == ["open"]
    clock.advance(days=-29, minutes=1)
    assert charge(it.desk, it.session, [uuid4()])[1] == ["scope"]
    assert charge(it.desk, it.session, it.people[11:15])[1] == ["budget"] * 4


def test_what_is_refused_beside_it_hides_no_opening(database: Database) -> None:
    """An opening counts although a later request of the same call is refused, or is charged to another meter."""
    it = thief(database, people=20)
    it.budget("open", *SMALL)
    for person in it.people[:10]:
        assert charge(it.desk, it.session, [person, uuid4()])[1] == ["open", "scope"]
    assert charge(it.desk, it.session, it.people[10:12])[1] == ["budget"] * 2


def test_a_lowered_budget_holds_at_once(database: Database) -> None:
    """What was counted against a larger budget counts against the smaller one."""
    it = thief(database, people=20)
    assert charge(it.desk, it.session, it.people[:6])[1] == ["open"] * 6
    it.budget("open", 8, 8, 8, 8)
    assert charge(it.desk, it.session, it.people[6:10])[1] == ["open", "open", "budget", "budget"]


def test_what_left_a_window_makes_room(database: Database) -> None:
    """A window that was full by what it could hold at most is counted again: nobody is refused within a budget."""
    clock, it = Clock(database), thief(database, people=40)
    it.budget("open", 4, 30, 80, 600)
    for first in range(0, 24, 4):
        requests, outcomes = charge(it.desk, it.session, it.people[first : first + 4])
        assert outcomes == ["open"] * 4
        assert len(release(it.desk, it.session, requests, it.people[first : first + 4])) == 4
        clock.advance(minutes=6)


def test_a_charge_rolled_back_leaves_what_is_remembered(database: Database) -> None:
    """Roll-backs neither use room up nor make any."""
    it = thief(database, people=20)
    it.budget("open", *SMALL)
    for _ in range(5):
        with it.desk.transaction(force_rollback=True):
            assert charge(it.desk, it.session, it.people[:8])[1] == ["open"] * 8
    assert charge(it.desk, it.session, it.people[:12])[1] == ["open"] * 10 + ["budget"] * 2
