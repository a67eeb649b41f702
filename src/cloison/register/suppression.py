"""Which counts of a month may be shown, so that nobody in a small one is found out. No I/O.

Decided once a month, for every table that can be printed of it: a table is put together from what is shown here and
from nothing else, so that tables printed side by side tell no more than this module decided. The rules, in order:

1. A count from 1 to 10 is not shown.
2. Where a total and all its other parts are known, what is not shown can be subtracted. So the parts left out are at
   least two, and any of them could be 11 or more for all that their sum tells: else the next smallest is left out too;
   where that does not do, all are, those of nobody too (`hidden`). This holds for a month's categories, and inside each
   category shown for its segments and its sexes. Nothing of a hidden category is shown.
3. An age is shown by sex or not at all. Those with a small count share one column, `others`: at least two ages, of each
   sex in it 0 or at least 11 people; else the next smallest age joins them (`pooled`).
4. A segment is shown by age and sex (in the columns of 3) whole or not at all: only if each of its counts is 0 or at
   least 11. What all other segments have in each column must be 0 or at least 11 too, as it can be subtracted; else the
   smallest segment shown is closed (`opened`). Of closed segments the totals alone are shown: any way to spread
   the columns' rest over them agrees with what is shown.
5. But row and column bound what lies in their cross: a segment that is nearly all of the rest has nearly all of each
   column. Where that tells of a small count that it is 2 or more, the segment's total is hidden too, by rule 2
   (`_told`).

Left out on purpose: who knows these rules knows of a closed segment that one of its counts is small, never which. That
a hidden part is not 0 is known where others are shown as 0. Two editions of one month differ by those whose record
changed in between: docs/adr/0015-statistics.md says what follows.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypeVar

import msgspec

LEAST_SHOWN = 11
FEWEST_HIDDEN = 2
OTHERS = "*others"  # the column of hidden ages, and of hidden sexes

Key = TypeVar("Key", bound=Hashable)
Part = TypeVar("Part", bound=Hashable)
Column = tuple[str, str]  # age, sex
Counts = Mapping[tuple[str, str, str], int]  # by segment, age, sex


class Sheet(msgspec.Struct):
    """What is shown of one category in one month.

    `segments`: None where hidden. `columns`: by age and sex of all segments together; `open_segments`: of those shown
    by age and sex. `ages` and `sexes`: those that are among `others`.
    """

    total: int | None = None
    segments: dict[str, int | None] = {}
    columns: dict[Column, int] = {}
    open_segments: dict[str, dict[Column, int]] = {}
    ages: frozenset[str] = frozenset()
    sexes: frozenset[str] = frozenset()

    def people(self, segment: str | None = None, age: str | None = None, sex: str | None = None) -> int | None:
        """How many people of a segment, an age, a sex (None: of all of them) are shown; None where that is hidden."""
        if not self.total:
            return self.total
        if segment is None:
            return self._among(self.columns, age, sex)
        if segment not in self.segments:
            return None if all(people is None for people in self.segments.values()) else 0
        if age is None and sex is None:
            return self.segments[segment]
        line = self.open_segments.get(segment)
        return None if line is None else self._among(line, age, sex)

    def _among(self, line: Mapping[Column, int], age: str | None, sex: str | None) -> int | None:
        """The people of an age and a sex; None where some of them may be among others."""
        found = 0
        for (column_age, column_sex), people in line.items():
            same_age, same_sex = age in {None, column_age}, sex in {None, column_sex}
            if same_age and same_sex:
                found += people
            elif (same_age or self._may_be(age, column_age, self.ages, 0)) and (
                same_sex or self._may_be(sex, column_sex, self.sexes, 1)
            ):
                return None
        return found

    def _may_be(self, part: str | None, column: str, others: frozenset[str], place: int) -> bool:
        """Whether `part` is among the others, whose column this is; where all are, those of nobody are too."""
        return column == OTHERS and (part in others or all(shown[place] == OTHERS for shown in self.columns))


class Month(msgspec.Struct):
    """What is shown of one month: its total, and a sheet a category."""

    total: int | None
    sheets: dict[str, Sheet]


def month_shown(counts: Mapping[str, Counts]) -> Month:
    """What may be shown of a month's counts, by category; every category is there."""
    totals = {category: sum(people.values()) for category, people in counts.items()}
    everybody = sum(totals.values())
    if _small(everybody):
        return Month(None, {category: Sheet() for category in counts})
    away = hidden(totals)
    sheets = {category: Sheet() if category in away else sheet_shown(counts[category]) for category in counts}
    return Month(everybody, sheets)


def sheet_shown(counts: Counts) -> Sheet:
    """What may be shown of one category in one month, whose total is shown."""
    sexes = hidden(_gathered(counts, lambda who: who[2]))  # 2

    def known_sex(sex: str) -> str:
        return OTHERS if sex in sexes else sex

    ages = pooled(_lines(counts, lambda who: who[1], lambda who: known_sex(who[2])))  # 3
    rows = _lines(counts, lambda who: who[0], lambda who: (OTHERS if who[1] in ages else who[1], known_sex(who[2])))
    totals, columns = _totals(rows), _columns(rows.values())
    away = hidden(totals)  # 2
    while True:
        whole = opened(rows, away)  # 4
        told = _told({segment: rows[segment] for segment in rows.keys() - whole}, away)  # 5
        if not told:
            break
        away = hidden(totals, away | told)
    return Sheet(
        sum(totals.values()),
        {segment: None if segment in away else people for segment, people in totals.items()},
        columns,
        {segment: rows[segment] for segment in whole},
        frozenset(ages),
        frozenset(sexes),
    )


def hidden(parts: Mapping[Key, int], first: Iterable[Key] = ()) -> set[Key]:
    """Which parts of a known total are not shown (rules 1 and 2), `first` among them."""
    away = {key for key, people in parts.items() if _small(people)} | set(first)
    others = _smallest_last(parts, parts.keys() - away)
    while away and not _covered([parts[key] for key in away]):
        if not others:
            return set(parts)
        away.add(others.pop())
    return away


def pooled(rows: Mapping[Key, Mapping[Part, int]]) -> set[Key]:
    """Which rows share one, of which only the sum by column is shown (rule 3)."""
    totals = _totals(rows)
    away = {key for key, line in rows.items() if any(map(_small, line.values()))}
    others = _smallest_last(totals, rows.keys() - away)
    while away and others:
        columns = _columns(rows[key] for key in away)
        if _covered([totals[key] for key in away]) and not any(map(_small, columns.values())):
            break
        away.add(others.pop())
    return away


def opened(rows: Mapping[Key, Mapping[Part, int]], closed: Iterable[Key]) -> set[Key]:
    """Which rows of a cross are shown whole (rule 4), none of `closed`."""
    apart = set(closed)
    whole = {key for key, line in rows.items() if key not in apart and not any(map(_small, line.values()))}
    left = _columns(rows[key] for key in rows.keys() - whole)
    smallest = _smallest_last(_totals(rows), whole)
    while smallest and any(map(_small, left.values())):
        key = smallest.pop()
        whole.discard(key)
        left = _columns((left, rows[key]))
    return whole


def _told(closed: Mapping[Key, Mapping[Column, int]], away: set[Key]) -> set[Key]:
    """Closed rows with a small count that their own total and the columns' rest tell to be 2 or more (rule 5)."""
    rest = _grouped(_columns(closed.values()))
    everybody = sum(sum(line.values()) for line in closed.values())
    told = set()
    for key in closed.keys() - away:
        spare = everybody - sum(closed[key].values())  # of any column, at most so many are in other rows
        line = _grouped(closed[key])
        if any(people - spare > 1 and _small(line.get(group, 0)) for group, people in rest.items()):
            told.add(key)
    return told


def _grouped(line: Mapping[Column, int]) -> dict[tuple[str | None, str | None], int]:
    """A line's counts, and those of each age and of each sex together."""
    grouped: dict[tuple[str | None, str | None], int] = defaultdict(int)
    for (age, sex), people in line.items():
        grouped[age, sex] += people
        grouped[age, None] += people
        grouped[None, sex] += people
    return grouped


def _small(people: int) -> bool:
    return 0 < people < LEAST_SHOWN


def _covered(away: list[int]) -> bool:
    """Whether of parts left out each could be 1, and each 11 or more, for all that their sum tells."""
    some = [people for people in away if people]
    return len(some) >= FEWEST_HIDDEN and sum(some) - len(some) + 1 >= LEAST_SHOWN


def _smallest_last(totals: Mapping[Key, int], keys: Iterable[Key]) -> list[Key]:
    """Those of `keys` that hold anybody; equals in an order of their own, so that two runs decide alike."""
    return sorted((key for key in keys if totals[key]), key=lambda key: (totals[key], str(key)), reverse=True)


def _lines(
    counts: Counts, row: Callable[[tuple[str, str, str]], str], column: Callable[[tuple[str, str, str]], Part]
) -> dict[str, dict[Part, int]]:
    """Counts as rows of columns."""
    lines: dict[str, dict[Part, int]] = {}
    for who, people in counts.items():
        line, place = lines.setdefault(row(who), {}), column(who)
        line[place] = line.get(place, 0) + people
    return lines


def _gathered(counts: Counts, part: Callable[[tuple[str, str, str]], str]) -> dict[str, int]:
    return _totals(_lines(counts, part, part))


def _columns(lines: Iterable[Mapping[Part, int]]) -> dict[Part, int]:
    """The sum of each column."""
    columns: dict[Part, int] = {}
    for line in lines:
        for part, people in line.items():
            columns[part] = columns.get(part, 0) + people
    return columns


def _totals(rows: Mapping[Key, Mapping[Part, int]]) -> dict[Key, int]:
    return {key: sum(line.values()) for key, line in rows.items()}
