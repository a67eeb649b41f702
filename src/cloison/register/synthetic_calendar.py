"""When people meet, call and write to the staff of fictional agencies: days of a year, times of a day. All assumed.

Agencies are closed at weekends and on the eleven public holidays; messages of the personal space come every day. Calls
and messages are most around the end of a month, when people say again that they look for work. August and the days
after Christmas are quiet.
"""

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

KINDS = ("appointments", "space", "telephone")
APPOINTMENT, SPACE, TELEPHONE = range(3)
# Monday to Sunday
WEEKDAYS = np.array([
    [1.10, 1.10, 0.90, 1.05, 0.85, 0.00, 0.00],
    [1.10, 1.00, 0.95, 0.95, 0.90, 0.40, 0.35],
    [1.30, 1.10, 0.90, 0.95, 0.75, 0.00, 0.00],
])  # fmt: skip
HOLIDAY = np.array([0.0, 0.3, 0.0])
MONTH_END = np.array([0.9, 1.7, 1.6])
MONTH_END_DAYS = (28, 3)  # from that day of a month to that of the next
QUIET = np.array([0.7, 0.85, 0.8])
AUGUST, CHRISTMAS = 8, (12, 24)
FIXED = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
AFTER_EASTER = (1, 39, 50)  # Monday, Ascension, Whit Monday

DAY_MINUTES, SLOT_MINUTES = 1_440, 30
# when appointments begin, in minutes of the day; those behind the first twelve only if an adviser's day is full
SLOTS = np.array([*range(540, 720, 30), *range(810, 990, 30), *range(990, 1_140, 30), *range(720, 810, 30)])
SLOT_SHARES = np.array([1.0, 1.2, 1.3, 1.3, 1.1, 0.8, 0.8, 1.1, 1.2, 1.1, 0.9, 0.6])
# shares of the 24 hours
SPACE_HOURS = np.array([1, 0, 0, 0, 0, 1, 2, 4, 7, 9, 9, 8, 6, 7, 8, 8, 7, 7, 7, 6, 7, 7, 5, 3])
TELEPHONE_HOURS = np.array([0] * 8 + [6, 13, 14, 11, 4, 8, 12, 11, 6] + [0] * 7)

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]
Numbers = NDArray[np.int64]


def day_shares(days: Days) -> Floats:
    """For each kind (rows) what share of its interactions each of these days has, added up; the last is 1."""
    weekday = (days.astype(np.int64) + 3) % 7  # the first day of 1970 was a Thursday
    shares = WEEKDAYS[:, weekday]
    plain = days.tolist()
    closed = {day for year in {day.year for day in plain} for day in holidays(year)}
    for number, day in enumerate(plain):
        if day in closed:
            shares[:, number] *= HOLIDAY
        if day.day >= MONTH_END_DAYS[0] or day.day <= MONTH_END_DAYS[1]:
            shares[:, number] *= MONTH_END
        if day.month == AUGUST or (day.month, day.day) >= CHRISTMAS:
            shares[:, number] *= QUIET
    total: Floats = np.cumsum(shares, axis=1)
    return total / total[:, -1:]


def holidays(year: int) -> list[date]:
    """The public holidays of a year, those of the whole country."""
    return [date(year, *day) for day in FIXED] + [easter(year) + timedelta(days) for days in AFTER_EASTER]


def easter(year: int) -> date:
    """Easter Sunday, by the rule of Gauss as Meeus, Jones and Butcher wrote it down."""
    golden, century, in_century = year % 19, year // 100, year % 100
    skipped, moon = century // 4, (century + 8) // 25
    epact = (19 * golden + century - skipped - (century - moon + 1) // 3 + 15) % 30
    sunday = (32 + 2 * (century % 4) + 2 * (in_century // 4) - epact - in_century % 4) % 7
    late = (golden + 11 * epact + 22 * sunday) // 451
    month, day = divmod(epact + sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def times(rng: np.random.Generator, kind: Numbers) -> tuple[Numbers, Numbers]:
    """For interactions of these kinds the minute of the day, and how many minutes each lasts."""
    n = len(kind)
    slot = SLOTS[rng.choice(len(SLOT_SHARES), n, p=SLOT_SHARES / SLOT_SHARES.sum())]
    hour = [rng.choice(24, n, p=shares / shares.sum()) for shares in (SPACE_HOURS, TELEPHONE_HOURS)]
    minute = rng.integers(0, 60, n)
    # a message is answered within a day; 23 hours, so that it is one when clocks are turned back too
    lengths = [np.full(n, SLOT_MINUTES), rng.integers(60, 23 * 60, n), rng.integers(3, 30, n)]
    is_kind = [kind == APPOINTMENT, kind == SPACE]
    begins = np.select(is_kind, [slot, hour[0] * 60 + minute], hour[1] * 60 + minute)
    return begins, np.select(is_kind, lengths[:2], lengths[2])


def without_overlap(account: Numbers, day: Numbers, begins: Numbers) -> Numbers:
    """Appointments of one account on one day, each moved to the next free slot; rows come in this order."""
    place = np.empty(SLOTS.max() + 1, np.int64)
    place[SLOTS] = np.arange(len(SLOTS))
    slot = place[begins]
    order = np.lexsort((slot, day, account))
    group = np.cumsum(np.diff(account[order], prepend=-1).astype(bool) | np.diff(day[order], prepend=-1).astype(bool))
    rank = np.arange(len(order))
    # the running maximum of slot less rank, a step up for each account and day so that none sees another's
    apart = group * 2 * (len(order) + len(SLOTS))
    moved = np.maximum.accumulate(slot[order] - rank + apart) - apart + rank
    found = np.empty_like(slot)
    found[order] = np.minimum(moved, len(SLOTS) - 1)
    return np.asarray(SLOTS[found])


def offsets(days: Days) -> list[str]:
    """What the clocks of these days differ from UTC by at noon, in France."""
    found = []
    for day in days.tolist():
        turned = [
            date(day.year, month, 31) - timedelta((date(day.year, month, 31).weekday() + 1) % 7) for month in (3, 10)
        ]
        found.append("+02:00" if turned[0] <= day < turned[1] else "+01:00")
    return found
