"""What people are counted by: the cell of the statistics that each record belongs to. No I/O.

A cell is category x month x age band x sex, inside one segment. The month is the one in which somebody came into their
category (registered, ended, last used the space), the age what they were at the end of that month: a cell follows from
the record alone, so that the same record is always counted in the same cell, and only a change of the
record moves somebody.

The register's database never sees which cell a number stands for: it holds a keyed hash, and the keeper the key.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from cloison.keeper.messages import BETWEEN_FACTS
from cloison.register.profile import Profile, StatisticsRule

MONTHS_A_YEAR = 12
MONTH_LENGTH = 7  # of YYYY-MM
NO_MONTH, NO_BIRTH = -10_000_000, -1_000_000  # numbers of months that are not told: no age comes of them
UNKNOWN = ""
EARLIER = "earlier"  # months before the profile's first


class Cell(NamedTuple):
    """A cell of the statistics, without its segment; empty where a record does not say."""

    category: str
    month: str  # YYYY-MM, or `earlier`
    age: str  # the first year of the band
    sex: str

    @property
    def value(self) -> bytes:
        """What the keeper hashes."""
        return BETWEEN_FACTS.join(part.encode() for part in self)


class CellMaker:
    """Finds the cells of records of one profile; none where it has no statistics."""

    def __init__(self, profile: Profile) -> None:
        """Count as `profile` says."""
        self._rule = profile.statistics
        self._category = profile.category_field
        ages, since = (self._rule.ages, _number(self._rule.since)) if self._rule else ((), 0)
        self._came, self._born = _Months(NO_MONTH), _Months(NO_BIRTH)
        self._bands, self._values = _Bands(ages), _Values(since)

    def of(self, values: Mapping[str, str]) -> bytes:
        """What the keeper hashes for one record, from its values in their kept form; empty: it is not counted."""
        return self.columns({name: [value] for name, value in values.items()}, 1)[0]

    def columns(self, values: Mapping[str, Sequence[str]], rows: int) -> list[bytes]:
        """The same for many records, by column (some may be absent), each `rows` values long."""
        rule = self._rule
        if rule is None:
            return [b""] * rows
        empty = [UNKNOWN] * rows
        categories = values[self._category]
        dates = {category: values.get(field, empty) for category, field in rule.months.items()}
        came, born = self._came, self._born
        months = [came[dates[category][i][:MONTH_LENGTH]] for i, category in enumerate(categories)]
        births = [born[day[:MONTH_LENGTH]] for day in values.get(rule.birth_date, empty)]
        sexes = values.get(rule.sex, empty)
        cell, band = self._values, self._bands
        return [
            cell[category, month, band[month - birth], sex]
            for category, month, birth, sex in zip(categories, months, births, sexes, strict=True)
        ]


def cells(profile: Profile, months: Sequence[str]) -> Iterator[Cell]:
    """Every cell there can be of these months (YYYY-MM, `earlier`, or empty: unknown)."""
    rule = profile.statistics
    if rule is None:
        return
    for category in rule.months:
        for month in months:
            for age in (UNKNOWN, *map(str, rule.ages)) if month else (UNKNOWN,):
                for sex in (UNKNOWN, *profile.fields[rule.sex].choices):
                    yield Cell(category, month, age, sex)


def months_between(first: str, last: str) -> list[str]:
    """The months from `first` to `last`, both included (YYYY-MM)."""
    return list(map(_month, range(_number(first), _number(last) + 1)))


def month_before(day: date) -> str:
    """The month before the one of `day`: the last that is over."""
    return _month(day.year * MONTHS_A_YEAR + day.month - 2)


def age_bands(rule: StatisticsRule) -> dict[str, str]:
    """What each band is called: its first and last year, `65+` for the last."""
    ends = [*(f"-{after - 1}" for after in rule.ages[1:]), "+"]
    return {str(age): f"{age}{end}" for age, end in zip(rule.ages, ends, strict=True)}


class _Months(dict[str, int]):
    """The number of a month in all months since year 0, `none` for an empty one: a few thousand at most."""

    def __init__(self, none: int) -> None:
        super().__init__({UNKNOWN: none})

    def __missing__(self, month: str) -> int:
        number = self[month] = _number(month)
        return number


class _Bands(dict[int, str]):
    """The band of an age in months, as whole years at the end of a month; unknown where either month is."""

    def __init__(self, ages: tuple[int, ...]) -> None:
        super().__init__()
        self._ages = ages

    def __missing__(self, months: int) -> str:
        years = max(months // MONTHS_A_YEAR, 0)
        known = NO_MONTH // 2 < months < -NO_BIRTH // 2
        band = self[months] = str(max(first for first in self._ages if first <= years)) if known else UNKNOWN
        return band


class _Values(dict[tuple[str, int, str, str], bytes]):
    """What is hashed for each cell that occurs: some ten thousand at most."""

    def __init__(self, since: int) -> None:
        super().__init__()
        self._since = since

    def __missing__(self, key: tuple[str, int, str, str]) -> bytes:
        category, number, age, sex = key
        month = UNKNOWN if number == NO_MONTH else EARLIER if number < self._since else _month(number)
        value = self[key] = Cell(category, month, age, sex).value
        return value


def _month(number: int) -> str:
    return f"{number // MONTHS_A_YEAR:04d}-{number % MONTHS_A_YEAR + 1:02d}"


def _number(month: str) -> int:
    return int(month[:4]) * MONTHS_A_YEAR + int(month[5:7]) - 1
