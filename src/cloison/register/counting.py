"""From the counters to tables: what `cloison statistics` reads and how it puts tables together.

1. The keeper turns the cells of the months asked for into the numbers they are counted under, segment by segment.
2. The database notes in its log that they are asked for, then says how many people are counted under each: no record is
   read, and no right to read one is needed.
3. Each month is judged as a whole, all segments of it, whatever was asked for (`suppression.py`).
4. A table is put together from what is shown of its months and nothing else. Where parts of a sum are hidden, the sum
   is what is shown of it, and says that it is not complete.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import msgspec
import psycopg

from cloison.keeper.client import Keeper
from cloison.register.profile import Profile
from cloison.register.statistics import cells
from cloison.register.suppression import Month, month_shown

BY = ("month", "category", "segment", "age", "sex")
SEGMENTS = "select segment from cloison.counted_segments_v1()"
ASK = "select cloison.ask_counters_v1(%b, %b::int4)"
COUNTERS = "select ordinal, people from cloison.counters_v1(%b, %b::bigint[])"

Counts = dict[str, dict[str, dict[tuple[str, str, str], int]]]  # by month, by category, by (segment, age, sex)


class Question(msgspec.Struct, frozen=True):
    """Which table is asked for: of these months and segments, `everywhere` where those are all there are."""

    months: Sequence[str]
    by: tuple[str, ...]
    segments: tuple[str, ...]
    everywhere: bool = True


class Row(msgspec.Struct, frozen=True):
    """One line of a table: what it is of, in the order of `by`.

    `people`: those shown, None where none may be; not `complete`: more are counted, but not shown.
    """

    of: tuple[str, ...]
    people: int | None
    complete: bool


def counted_segments(connection: psycopg.Connection) -> tuple[str, ...]:
    """The segments in which anybody is counted; `connection` is the login `statistics`."""
    return tuple(row[0] for row in connection.execute(SEGMENTS).fetchall())


async def counted(connection: psycopg.Connection, keeper: Keeper, profile: Profile, months: Sequence[str]) -> Counts:
    """The counters of these months, of all segments; `keeper` is called as `statistics`, too.

    Raises KeeperUnavailableError, and psycopg's errors.
    """
    asked = list(cells(profile, months))
    values = [cell.value for cell in asked]
    found: Counts = {month: {category: {} for category in profile.retention} for month in months}
    for segment in counted_segments(connection):
        numbers = await keeper.cells(segment, values)  # 1
        connection.execute(ASK, (segment, len(numbers)))
        for ordinal, people in connection.execute(COUNTERS, (segment, numbers)).fetchall():  # 2
            cell = asked[ordinal - 1]
            found[cell.month][cell.category][segment, cell.age, cell.sex] = people
    return found


def shown(counts: Counts) -> dict[str, Month]:
    """What is shown of each month."""
    return {month: month_shown(categories) for month, categories in counts.items()}  # 3


def table(months: Mapping[str, Month], profile: Profile, asked: Question) -> list[Row]:
    """The lines of a table in which some people are shown or hidden; who is in none of them is nobody."""
    sums: dict[tuple[str, ...], _Sum] = {}
    for month in asked.months:
        for of, people in _parts(months[month], month, profile, asked):
            sums.setdefault(of, _Sum()).add(people)
    rows = [Row(of, found.people or (None if found.hidden else 0), not found.hidden) for of, found in sums.items()]
    return sorted((row for row in rows if row.people != 0), key=lambda row: row.of)


class _Sum:
    """What is shown of a sum, and how many of its parts are hidden."""

    def __init__(self) -> None:
        self.people, self.hidden = 0, 0

    def add(self, people: int | None) -> None:
        self.people += people or 0
        self.hidden += people is None


def _parts(
    shown_month: Month, month: str, profile: Profile, asked: Question
) -> Iterator[tuple[tuple[str, ...], int | None]]:
    """What a month adds to each line of a table."""
    if asked.everywhere and not set(asked.by) - {"month"}:
        yield (month,) * len(asked.by), shown_month.total
        return
    for category, sheet in shown_month.sheets.items():
        for segment, age, sex in product(*_chosen(profile, asked)):
            of = {"month": month, "category": category, "segment": segment, "age": age, "sex": sex}
            yield tuple(of[dimension] or "" for dimension in asked.by), sheet.people(segment, age, sex)


def _chosen(profile: Profile, asked: Question) -> list[Sequence[str | None]]:
    """Segments, ages and sexes that a table tells apart; None for all of them together."""
    rule = profile.statistics
    everyone: Sequence[str | None] = (None,)
    if rule is None:
        return [(), (), ()]
    return [
        everyone if asked.everywhere and "segment" not in asked.by else asked.segments,
        ("", *map(str, rule.ages)) if "age" in asked.by else everyone,
        ("", *profile.fields[rule.sex].choices) if "sex" in asked.by else everyone,
    ]
