"""The keeper's windows, moment by moment: no mix of people and times gets more than the ceiling in any window."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloison.config import KeeperConfig
from cloison.errors import KeeperCeilingError
from cloison.keeper import ceilings as module
from cloison.keeper.ceilings import Ceilings, PastUse, SlidingCount, SlidingPeople, Use
from cloison.model import Window

NOW = 1_800_000_000.0
WIDE = [10_000] * 4


def use(key_id: int, full_people: list[int] | None = None, *, account: str = "a", label: bool = False) -> Use:
    """A use of the person with this key."""
    return Use(account, "59", key_id, label, full_people or WIDE, 10_000)


def fits(ceilings: Ceilings, one: Use, now: float) -> bool:
    """Whether a use is allowed; it counts if so."""
    try:
        ceilings.charge(one, now)
    except KeeperCeilingError:
        return False
    return True


def empty(config: KeeperConfig | None = None) -> Ceilings:
    """Windows without a past."""
    return Ceilings(config or KeeperConfig(), lambda _: [])


@given(st.lists(st.tuples(st.integers(0, 12), st.floats(0, 200)), max_size=120), st.integers(0, 6))
@settings(max_examples=150)
def test_no_window_wherever_it_starts(steps: list[tuple[int, float]], ceiling: int) -> None:
    """Whatever people come at whatever times, no 5 minutes hold more distinct ones than the ceiling."""
    ceilings, now, used = empty(), NOW, list[tuple[float, int]]()
    for key_id, pause in steps:
        now += pause
        if fits(ceilings, use(key_id, [ceiling, 99, 99, 99]), now):
            used.append((now, key_id))
    for start, _ in used:
        assert len({k for at, k in used if start <= at < start + Window.MINUTES_5}) <= ceiling


def test_window_edges() -> None:
    """A person leaves the window exactly its length after the last use, not a moment before."""
    ceilings = empty()
    assert fits(ceilings, use(1, [1, 9, 9, 9]), NOW)
    assert not fits(ceilings, use(2, [1, 9, 9, 9]), NOW + 299.999)
    assert fits(ceilings, use(2, [1, 9, 9, 9]), NOW + 300)


def test_reopening_keeps_a_person_in_the_window() -> None:
    """Whoever keeps one person open cannot trade them for another: each use begins the window anew."""
    ceilings = empty()
    for minute in range(0, 60, 4):
        assert fits(ceilings, use(1, [1, 9, 9, 9]), NOW + 60 * minute)
        assert not fits(ceilings, use(2, [1, 9, 9, 9]), NOW + 60 * minute + 200)


def test_refused_use_counts_nowhere() -> None:
    """A use that the narrowest window refuses leaves all others as they were."""
    ceilings = empty(KeeperConfig(segment_people_hour=1))
    assert fits(ceilings, use(1), NOW)
    assert not fits(ceilings, use(2), NOW)
    assert not fits(ceilings, use(3, account="b"), NOW)
    assert fits(ceilings, use(1, account="b"), NOW)
    assert ceilings.register_people(NOW) == 1


def test_retry_after_is_true() -> None:
    """After the seconds a refusal names, and not one earlier, the use is allowed."""
    ceilings = empty()
    for second in range(5):
        assert fits(ceilings, use(second, [5, 5, 5, 5]), NOW + 10 * second)
    with pytest.raises(KeeperCeilingError) as refused:
        ceilings.charge(use(9, [3, 99, 99, 99]), NOW + 50)
    wait = int(str(refused.value.fields["retry_after_seconds"]))
    assert wait == 270
    assert not fits(ceilings, use(9, [3, 99, 99, 99]), NOW + 50 + wait - 1)
    assert fits(ceilings, use(9, [3, 99, 99, 99]), NOW + 50 + wait)


def test_ceiling_of_zero() -> None:
    """A ceiling of zero lets nobody through and names the whole window."""
    with pytest.raises(KeeperCeilingError) as refused:
        empty().charge(use(1, [0, 9, 9, 9]), NOW)
    assert refused.value.fields["retry_after_seconds"] == Window.MINUTES_5
    assert "5 minutes" in str(refused.value)


def test_clock_turned_back() -> None:
    """A clock that steps back lets nobody out of a window sooner."""
    window = SlidingPeople("people", 300)
    window.use(1, NOW)
    window.use(2, NOW - 1_000)
    assert window.people(NOW - 1_000) == 2
    assert window.people(NOW + 299) == 2
    assert window.people(NOW + 300) == 0


def test_account_read_again_from_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that memory dropped has the same windows once it comes back."""
    monkeypatch.setattr(module, "ACCOUNTS_IN_MEMORY", 1)
    stored: dict[str, list[PastUse]] = {"a": [], "b": []}
    ceilings = Ceilings(KeeperConfig(), lambda account: stored[account])
    for key_id in range(3):
        assert fits(ceilings, use(key_id, [3, 3, 3, 3]), NOW + key_id)
        stored["a"].append(PastUse(key_id, label_only=False, last=NOW + key_id))
    assert fits(ceilings, use(9, account="b"), NOW + 3)
    ceilings.tidy(NOW + 3)
    assert not fits(ceilings, use(8, [3, 3, 3, 3]), NOW + 4)
    assert fits(ceilings, use(2, [3, 3, 3, 3]), NOW + 4)


def test_labels_and_openings_of_the_past_stay_apart() -> None:
    """What the ledger has of labels fills the window of labels only."""
    past = [PastUse(n, label_only=n < 2, last=NOW) for n in range(5)]
    ceilings = Ceilings(KeeperConfig(account_labels_hour=2), lambda _: past)
    assert not fits(ceilings, use(9, label=True), NOW)
    assert fits(ceilings, use(9, [4, 4, 4, 4]), NOW)
    assert not fits(ceilings, use(10, [4, 4, 4, 4]), NOW)


def test_terms_of_an_hour() -> None:
    """Terms count each time, in one call or many, and come back an hour later."""
    ceilings = empty(KeeperConfig(account_terms_hour=10))
    ceilings.charge_terms("a", 4, NOW)
    ceilings.charge_terms("a", 6, NOW + 60)
    with pytest.raises(KeeperCeilingError) as refused:
        ceilings.charge_terms("a", 5, NOW + 120)
    assert refused.value.fields["retry_after_seconds"] == Window.HOUR - 60
    ceilings.charge_terms("b", 10, NOW + 120)
    ceilings.charge_terms("a", 4, NOW + Window.HOUR)
    with pytest.raises(KeeperCeilingError):
        ceilings.charge_terms("a", 1, NOW + Window.HOUR)


def test_more_terms_than_an_hour_has() -> None:
    """A call that could never fit is refused with the whole hour."""
    assert SlidingCount().wait_seconds(11, 10, NOW) == Window.HOUR


def test_tidying_forgets_no_terms_that_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """However the tidying goes round, terms of the last hour stay counted."""
    monkeypatch.setattr(module, "ACCOUNTS_A_TIDYING", 2)
    ceilings = empty(KeeperConfig(account_terms_hour=1))
    for number in range(5):
        ceilings.charge_terms(str(number), 1, NOW + number)
    for _ in range(9):
        ceilings.tidy(NOW + Window.HOUR + 1)
    for number, free in enumerate([True, True, False, False, False]):
        if free:
            ceilings.charge_terms(str(number), 1, NOW + Window.HOUR + 1)
        else:
            with pytest.raises(KeeperCeilingError):
                ceilings.charge_terms(str(number), 1, NOW + Window.HOUR + 1)


def test_windows_against_a_plain_count() -> None:
    """Over a random day of one account, every decision is the one that counting all uses again would give."""
    chance, ceilings, limits = random.Random(7), empty(), [4, 9, 30, 40]  # noqa: S311 - a reproducible day
    last: dict[int, float] = {}
    now = NOW
    for _ in range(4_000):
        now += chance.expovariate(1 / 40)
        key_id = chance.randrange(120)
        others = [[at for k, at in last.items() if k != key_id and at > now - w] for w in Window]
        expected = all(len(found) < limit for found, limit in zip(others, limits, strict=True))
        assert fits(ceilings, use(key_id, limits), now) == expected
        if expected:
            last[key_id] = now
