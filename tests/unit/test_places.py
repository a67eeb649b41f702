"""How many calls may be under way: what the number follows, and what it does not."""

import pytest

from cloison.web.places import FEWEST_ANSWERS, SESSION_CALLS, TURN_SECONDS, WAIT_SECONDS, Places


def crowd(count: int) -> list[bytes]:
    """So many sessions."""
    return [f"{number}".encode() for number in range(count)]


def test_as_many_calls_as_there_are_places() -> None:
    """The call beyond the last place is refused, and taken once one is given back."""
    places = Places(first=20, fewest=10, most=40)
    assert [places.take(session) for session in crowd(21)] == [True] * 20 + [False]
    places.give_back(b"7")
    assert places.take(b"somebody")
    assert places.taken == 20


def test_one_session_has_a_few_places() -> None:
    """A session that asks and asks leaves places to others, and has its own back with its answers."""
    places = Places(first=100, fewest=10, most=100)
    assert [places.take(b"flood") for _ in range(SESSION_CALLS + 1)] == [True] * SESSION_CALLS + [False]
    assert places.take(b"other")
    places.give_back(b"flood")
    assert places.take(b"flood")


def test_sessions_without_a_call_are_forgotten() -> None:
    """Whoever comes with ever new tokens does not fill the memory."""
    places = Places(first=100, fewest=10, most=100)
    for session in crowd(1_000):
        assert places.take(session)
        places.give_back(session)
    assert places.taken == len(places._sessions) == 0  # noqa: SLF001 - what must not grow


def turn(places: Places, seconds: float, *, full: bool) -> int:
    """The number of places after a turn of answers that took `seconds`, with all places taken or not."""
    held = crowd(places.number + 1 if full else 1)
    taken = [session for session in held if places.take(session)]
    for session in taken:
        places.give_back(session)
    for _ in range(places.number):
        places.learn(seconds, now=0.0)
    return places.number


def test_the_number_follows_the_rate() -> None:
    """Answers that took too long leave as many places as would have been answered in time."""
    places = Places(first=256, fewest=64, most=1_024)
    assert turn(places, WAIT_SECONDS * 1.6, full=True) == pytest.approx(160, abs=1)
    assert turn(places, WAIT_SECONDS * 1.25, full=True) == pytest.approx(128, abs=1)


def test_it_grows_only_where_places_are_wanted() -> None:
    """Quick answers make places where calls were refused, none where there was room."""
    places = Places(first=256, fewest=64, most=1_024)
    assert turn(places, WAIT_SECONDS / 2, full=False) == 256
    assert turn(places, WAIT_SECONDS / 2, full=True) == 256 + 33


@pytest.mark.parametrize(("seconds", "bound"), [(60.0, 64), (0.001, 1_024)])
def test_it_stays_within_its_bounds(seconds: float, bound: int) -> None:
    """Neither a database that hangs nor one that is quick takes it beyond the fewest and the most."""
    places = Places(first=256, fewest=64, most=1_024)
    for _ in range(40):
        turn(places, seconds, full=True)
    assert places.number == bound


def test_a_few_long_calls_take_nobodys_places() -> None:
    """A session whose own ledger is locked waits for seconds, sixteen times over; the others' answers outweigh it."""
    places = Places(first=256, fewest=64, most=1_024)
    for _ in range(SESSION_CALLS):
        places.learn(3.0, now=0.0)
    for _ in range(256 - SESSION_CALLS):
        places.learn(0.05, now=0.0)
    assert places.number == 256


def test_slow_answers_are_heard_of_within_a_second_or_two() -> None:
    """Where few calls are answered a turn ends with the time, long before all places were answered."""
    places = Places(first=256, fewest=64, most=1_024)
    for number in range(FEWEST_ANSWERS + 1):
        places.learn(2.0, now=number * TURN_SECONDS / 10)
    assert places.number == 128
