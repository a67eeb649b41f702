"""What may be shown of counts: rule by rule, and against an attacker with a solver who has every table there is."""

from collections.abc import Callable, Iterator, Mapping
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from cloison.register.suppression import LEAST_SHOWN, Month, Sheet, hidden, month_shown, opened, pooled, sheet_shown

CATEGORIES, SEGMENTS, AGES, SEXES = ("in", "out"), ("13", "59", "75"), ("0", "25", "50"), ("1", "2")
FINEST = list(product(CATEGORIES, SEGMENTS, AGES, SEXES))
Item = tuple[str | None, str | None, str | None, str | None]  # None: all of them
Truth = dict[tuple[str, str, str, str], int]

# most cells small, some at the threshold, some large
COUNT = st.one_of(st.just(0), st.integers(1, 10), st.integers(9, 14), st.integers(11, 60), st.integers(100, 400))


def items() -> Iterator[Item]:
    """Every count that some table could hold."""
    yield from product((*CATEGORIES, None), (*SEGMENTS, None), (*AGES, None), (*SEXES, None))


def row(item: Item) -> NDArray[np.float64]:
    """Which of the finest cells an item is the sum of."""
    return np.array([all(a in {None, b} for a, b in zip(item, cell, strict=True)) for cell in FINEST], dtype=float)


def shown(truth: Truth) -> Month:
    """What the rules show of it."""
    counts: dict[str, dict[tuple[str, str, str], int]] = {category: {} for category in CATEGORIES}
    for (category, segment, age, sex), people in truth.items():
        if people:
            counts[category][segment, age, sex] = people
    return month_shown(counts)


def published(month: Month) -> dict[Item, int]:
    """Every count that some table of this month shows."""
    found = {}
    for category, segment, age, sex in items():
        if category is None:
            people = month.total if (segment, age, sex) == (None, None, None) else None
        else:
            people = month.sheets[category].people(segment, age, sex)
        if people is not None:
            found[category, segment, age, sex] = people
    return found


def not_nobody(month: Month) -> list[Item]:
    """Hidden parts beside which others are shown as 0: an attacker knows that each is somebody."""
    found: list[Item] = []
    totals = {category: sheet.total for category, sheet in month.sheets.items()}
    if any(total is not None for total in totals.values()):
        found += [(category, None, None, None) for category, total in totals.items() if total is None]
    for category, sheet in month.sheets.items():
        for place, parts in enumerate((SEGMENTS, AGES, SEXES)):
            asked: list[Item] = []
            for part in parts:
                item: list[str | None] = [category, None, None, None]
                item[place + 1] = part
                asked.append((item[0], item[1], item[2], item[3]))
            told = [sheet.people(*item[1:]) for item in asked]
            if any(people is not None for people in told):
                found += [item for item, people in zip(asked, told, strict=True) if people is None]
    return found


class Attacker:
    """Has every table, and a solver: the least and the most that a count can be."""

    def __init__(self, facts: Mapping[Item, int], somebody: list[Item]) -> None:
        """Know these counts, and that `somebody` is in each of these."""
        self._equal = np.array([row(item) for item in facts]) if facts else None
        self._to = np.array([float(people) for people in facts.values()]) if facts else None
        self._least = -np.array([row(item) for item in somebody]) if somebody else None

    def bound(self, item: Item, sign: int) -> float:
        """The least (sign 1) or the most (-1) that `item` can be."""
        found = linprog(
            sign * row(item),
            A_eq=self._equal,
            b_eq=self._to,
            A_ub=self._least,
            b_ub=None if self._least is None else -np.ones(len(self._least)),
            method="highs",
        )
        if found.status == 3:  # unbounded
            return float("inf")
        assert found.status == 0, found.message
        return float(sign * found.fun)


def audit(truth: Truth) -> None:
    """Fails if some count from 1 to 10 can be told, or told to be small, from all tables together."""
    month = shown(truth)
    facts = published(month)
    for item, people in facts.items():
        assert people == sum(n for cell, n in truth.items() if row(item)[FINEST.index(cell)]), item
        assert not 0 < people < LEAST_SHOWN, item
    plain, informed = Attacker(facts, []), Attacker(facts, not_nobody(month))
    for item in items():
        people = int(row(item) @ np.array([truth[cell] for cell in FINEST]))
        if 0 < people < LEAST_SHOWN:
            assert plain.bound(item, 1) < 1 + 1e-6, (item, people)
            assert informed.bound(item, -1) > LEAST_SHOWN - 1e-6, (item, people)


@settings(max_examples=25)
@given(st.lists(COUNT, min_size=len(FINEST), max_size=len(FINEST)))
def test_no_small_count_can_be_told_from_all_tables_together(counts: list[int]) -> None:
    """Whatever the counts: a solver that has every table finds that a small count may be 1 or less, or 11 or more."""
    audit(dict(zip(FINEST, counts, strict=True)))


@settings(max_examples=15)
@given(st.lists(st.one_of(st.integers(11, 60), st.integers(1, 10), st.just(0)), min_size=2, max_size=2), st.data())
def test_nor_where_few_counts_are_small(small: list[int], data: st.DataObject) -> None:
    """One or two small counts among large ones are as safe: that is where subtraction tells most."""
    truth = dict.fromkeys(FINEST, 0)
    for cell in FINEST:
        truth[cell] = data.draw(st.integers(11, 60))
    for people in small:
        truth[data.draw(st.sampled_from(FINEST))] = people
    audit(truth)


def test_parts_of_a_total() -> None:
    """A small part takes the next smallest with it, until each of them could be 1, or 11."""
    assert hidden({"a": 40, "b": 30, "c": 0}) == set()
    assert hidden({"a": 40, "b": 30, "c": 5}) == {"b", "c"}
    assert hidden({"a": 40, "b": 5, "c": 6, "d": 0}) == {"a", "b", "c"}
    assert hidden({"a": 40, "b": 6, "c": 6, "d": 0}) == {"b", "c"}
    assert hidden({"a": 5, "b": 6, "c": 0}) == {"a", "b", "c"}, "those of nobody too, as nothing else covers them"


def test_ages_that_share_a_column() -> None:
    """An age with a small count joins the smallest of the others, of each sex nobody or enough."""
    assert pooled({"18": {"1": 20, "2": 20}, "25": {"1": 30}}) == set()
    assert pooled({"18": {"1": 20, "2": 2}, "25": {"1": 30, "2": 15}, "40": {"1": 60, "2": 60}}) == {"18", "25"}
    assert pooled({"18": {"1": 20, "2": 2}, "25": {"1": 30}, "40": {"1": 60, "2": 60}}) == {"18", "25", "40"}


def test_segments_shown_whole() -> None:
    """A segment is open if its counts are large and what it leaves of each column is nobody or enough."""
    rows = {"59": {"1": 20, "2": 20}, "75": {"1": 40, "2": 40}, "13": {"1": 30, "2": 4}}
    assert opened(rows, ()) == {"75"}
    assert opened(rows, {"75"}) == {"59"}
    assert opened({"59": {"1": 20}, "75": {"1": 12}}, ()) == {"59", "75"}


def test_segment_that_is_nearly_all_of_the_rest() -> None:
    """Its total and the columns' would tell that at least 4 of its people are of a sex: both totals are hidden."""
    sheet = sheet_shown({("13", "25", "1"): 92, ("13", "25", "2"): 8, ("59", "25", "1"): 4, ("59", "25", "2"): 8})
    assert sheet.segments == {"13": None, "59": None}
    assert (sheet.people(sex="1"), sheet.people(sex="2"), sheet.people(age="25")) == (96, 16, 112)


def one_category(*lines: tuple[str, str, str, int]) -> Truth:
    """Counts of one category by segment, age and sex; nobody elsewhere."""
    return dict.fromkeys(FINEST, 0) | {("in", segment, age, sex): people for segment, age, sex, people in lines}


EXAMPLES: dict[str, Truth] = {
    "_covered": one_category(("13", "25", "1", 5), ("59", "25", "1", 30), ("75", "25", "1", 40)),
    "_told": one_category(("13", "25", "1", 92), ("13", "25", "2", 8), ("59", "25", "1", 4), ("59", "25", "2", 8)),
    "opened": one_category(("13", "25", "1", 20), ("13", "25", "2", 4), ("59", "25", "1", 20), ("59", "25", "2", 20)),
    "pooled": one_category(("13", "25", "1", 30), ("13", "25", "2", 4), ("13", "50", "2", 40)),
}


def with_small(rows: Mapping[str, Mapping[str, int]]) -> set[str]:
    """The rows that have a small count, and no others with them."""
    return {key for key, line in rows.items() if any(0 < people < LEAST_SHOWN for people in line.values())}


WITHOUT: dict[str, Callable[..., object]] = {
    "_covered": lambda _away: True,
    "_told": lambda _closed, _away: set(),
    "opened": lambda rows, _closed: rows.keys() - with_small(rows),
    "pooled": with_small,
}


@pytest.mark.parametrize("rule", EXAMPLES)
def test_attacker_without_one_of_the_rules(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a rule taken away the same attacker finds somebody out: each is needed, and the attacker has teeth."""
    audit(EXAMPLES[rule])
    monkeypatch.setattr(f"cloison.register.suppression.{rule}", WITHOUT[rule])
    with pytest.raises(AssertionError):
        audit(EXAMPLES[rule])


def test_month_of_few_people() -> None:
    """A month in which fewer than 11 people are counted shows nothing, not even who is nobody."""
    truth = dict.fromkeys(FINEST, 0) | {("in", "13", "25", "1"): 10}
    assert published(shown(truth)) == {}
    assert published(shown(dict.fromkeys(FINEST, 0)))[None, None, None, None] == 0


def test_sheet_shown_in_full() -> None:
    """Where no count is small everything is shown."""
    truth = dict.fromkeys(FINEST, 11)
    facts = published(shown(truth))
    assert all(item in facts for item in items() if item[0] is not None)
    assert isinstance(shown(truth).sheets["in"], Sheet)
