"""Households of fictional people, and the dates of their lives. Shares and durations are assumed.

The rules:

1. Households stand together in a file; some of their people are a couple, the others share a family name.
2. Nobody registers before they are 16 or after they are 67; nobody older than that is registered still.
3. A registration begins within the last 20 years, on a working day mostly, and ends on the last day of a month
   mostly. Who is registered has no end; who was has one, before the day of the file; a space has no registration.
4. Who died was registered formerly: the registration ended with them or before. Nothing happens after a death.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

REGISTERED, FORMERLY, SPACE = 0, 1, 2
CATEGORY_SHARES = (0.17, 0.70, 0.13)
HEAD, PARTNER, RELATIVE = 0, 1, 2
SIZE_SHARES = (0.55, 0.28, 0.11, 0.06)  # of households: of one person in the register, two, three, four
PARTNER_SHARE = 0.6  # of the second people of a household
CHILD_SHARE, TWIN_SHARE = 0.7, 0.04  # of relatives; the others are brothers and sisters

DAYS_A_YEAR = 365.25
YEARS_KEPT, LONGEST_YEARS = 20, 10  # since a registration began; of one that goes on
YOUNGEST, OLDEST = 16 * DAYS_A_YEAR, 67 * DAYS_A_YEAR  # days of age at a registration
KIN_YOUNGEST, KIN_OLDEST = 16.5 * DAYS_A_YEAR, 86 * DAYS_A_YEAR  # days of age today; others have an age of their own
SPACE_DAYS = 390  # 13 months: who did not use their space for longer is gone
SPACE_SHARES = np.array([0.85, 0.20, 1.0])  # who has used one, by category
MEAN_DAYS_REGISTERED, MEAN_DAYS_UNTIL_END = 400, 300
MONDAY_SHARE, MONTH_END_SHARE = 0.8, 0.5  # registrations moved from a weekend, ends moved to the month's
DEATH_SHARE_AT_40, DEATHS_DOUBLE_YEARS, DEATH_SHARE_MOST = 0.006, 9, 0.4
DIED_REGISTERED_SHARE = 0.3
SATURDAY = 5

Days = NDArray[np.datetime64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


class Households(msgspec.Struct, frozen=True):
    """Of each person, the row of the first of their household, and what they are to that one."""

    head: Numbers
    kin: Numbers


class Lives(msgspec.Struct):
    """The dates of a chunk of people, one item a person; a date that does not exist is NaT."""

    category: Numbers
    birth: Days
    registered: Days
    ended: Days
    space_used: Days
    deceased: Days


def households(rng: np.random.Generator, count: int) -> Households:
    """Households for `count` people in a row; the last one may be cut."""
    sizes = rng.choice(len(SIZE_SHARES), count, p=SIZE_SHARES) + 1
    first = np.cumsum(sizes) - sizes
    head = np.repeat(first, sizes)[:count]
    rank = np.arange(count) - head
    partner = (rank == 1) & (rng.random(count) < PARTNER_SHARE)
    return Households(head, np.select([rank == 0, partner], [HEAD, PARTNER], RELATIVE))


def lives(rng: np.random.Generator, as_of: np.datetime64, homes: Households) -> Lives:
    """Lives for the people of these households, as of a day."""
    category, age, ago = _ages(rng, homes)
    registered = _on_working_days(rng, as_of - _days(ago), as_of)
    birth = as_of - _days(age)
    ended = _ended(rng, registered, as_of)
    deceased = _deceased(rng, category, age, ended, as_of)
    return Lives(
        category=category,
        birth=birth,
        registered=only(category != SPACE, registered),
        ended=only(category == FORMERLY, ended),
        space_used=_space_used(rng, as_of, category, (registered, ended, deceased)),
        deceased=deceased,
    )


def _ages(rng: np.random.Generator, homes: Households) -> tuple[Numbers, Floats, Floats]:
    """Category, age today and days since the registration, so that all fit each other."""
    n = len(homes.head)
    category = rng.choice(3, n, p=CATEGORY_SHARES)
    long_ago = rng.uniform(30, YEARS_KEPT * DAYS_A_YEAR, n)
    # the age of those who come alone: at the registration if that is long ago, else today
    age = YOUNGEST + 2 + (OLDEST - YOUNGEST - 370) * rng.beta(1.6, 2.4, n) + np.where(category == FORMERLY, long_ago, 0)
    kin_age = _kin_ages(rng, age, homes)
    own = (homes.kin == HEAD) | (kin_age < KIN_YOUNGEST)
    age = np.where(own, age, np.minimum(kin_age, KIN_OLDEST))
    category[(category == REGISTERED) & (age > OLDEST)] = FORMERLY
    least = np.maximum(30, age - OLDEST + 10)
    most = np.minimum(age - YOUNGEST - 1, YEARS_KEPT * DAYS_A_YEAR)
    formerly = np.where(own, long_ago, least + rng.random(n) * (most - least))
    lasting = _short(rng, MEAN_DAYS_REGISTERED, np.minimum(most, LONGEST_YEARS * DAYS_A_YEAR))
    return category, age, np.select([category == FORMERLY, category == REGISTERED], [formerly, lasting], 0.0)


def _kin_ages(rng: np.random.Generator, age: Floats, homes: Households) -> Floats:
    n = len(age)
    heads = age[homes.head]
    near = heads + rng.normal(0, 4, n) * DAYS_A_YEAR
    child = heads - rng.uniform(18, 38, n) * DAYS_A_YEAR
    found = np.where((homes.kin == RELATIVE) & (rng.random(n) < CHILD_SHARE), child, near)
    twin = np.flatnonzero((homes.kin[1:] == RELATIVE) & (homes.kin[:-1] == RELATIVE)) + 1
    twin = twin[(homes.head[twin] == homes.head[twin - 1]) & (rng.random(len(twin)) < TWIN_SHARE)]
    found[twin] = found[twin - 1]
    return np.asarray(found)


def _ended(rng: np.random.Generator, registered: Days, as_of: np.datetime64) -> Days:
    longest = (as_of - registered).astype(np.int64) - 2.0
    ended = registered + _days(1 + _short(rng, MEAN_DAYS_UNTIL_END, np.maximum(longest, 0)))
    month_end = (ended.astype("datetime64[M]") + 1).astype("datetime64[D]") - 1
    moved = (rng.random(len(ended)) < MONTH_END_SHARE) & (month_end < as_of)
    return np.where(moved, month_end, ended)


def _deceased(rng: np.random.Generator, category: Numbers, age: Floats, ended: Days, as_of: np.datetime64) -> Days:
    share = DEATH_SHARE_AT_40 * 2 ** ((age / DAYS_A_YEAR - 40) / DEATHS_DOUBLE_YEARS)
    died = (category == FORMERLY) & (rng.random(len(age)) < np.minimum(share, DEATH_SHARE_MOST))
    later = rng.random(len(age)) * (as_of - ended).astype(np.int64)
    later[rng.random(len(age)) < DIED_REGISTERED_SHARE] = 0
    return only(died, ended + _days(later))


def _space_used(
    rng: np.random.Generator, as_of: np.datetime64, category: Numbers, dates: tuple[Days, Days, Days]
) -> Days:
    registered, ended, deceased = dates
    n = len(category)
    until: Days = np.where(np.isnat(deceased), as_of, deceased)
    since: Days = np.select([category == REGISTERED, category == FORMERLY], [registered, ended], as_of - SPACE_DAYS)
    longest = np.where(category == REGISTERED, 60, 3 * DAYS_A_YEAR)
    days = rng.random(n) * np.minimum((until - since).astype(np.int64), longest)
    return only(rng.random(n) < SPACE_SHARES[category], until + _days(-days))


def _on_working_days(rng: np.random.Generator, days: Days, as_of: np.datetime64) -> Days:
    weekday = (days.astype(np.int64) + 3) % 7  # the first day of 1970 was a Thursday
    monday = days + np.where(weekday >= SATURDAY, 7 - weekday, 0)
    return np.where((monday < as_of - 1) & (rng.random(len(days)) < MONDAY_SHARE), monday, days)


def _short(rng: np.random.Generator, mean: float, most: Floats) -> Floats:
    """Exponential durations that none of them passes `most`: drawn below it, not cut at it."""
    return np.asarray(-mean * np.log1p(-rng.random(len(most)) * -np.expm1(-most / mean)))


def _days(days: Floats) -> NDArray[np.timedelta64]:
    return days.astype("timedelta64[D]")


def only(keep: Flags, days: Days) -> Days:
    """These days, NaT where they shall not be kept."""
    return np.where(keep, days, np.datetime64("NaT"))


def years(days: Days) -> Numbers:
    """The calendar years of days that exist."""
    return days.astype("datetime64[Y]").astype(np.int64) + 1970
