"""A year of interactions of fictional people with the staff who follow them, in the order of time.

The rules:

1. An adviser has about as many a year, however many people are followed (assumed), so that who is followed by few has
   more. A person has none before they are followed.
2. Some are with the agency's reception or benefits, where there are any.
3. An adviser has one appointment at a time.

They are drawn chunk by chunk and laid aside by week in files, then sorted and written week by week: what is in memory
is a chunk of people, or a week.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from cloison.register.synthetic_calendar import (
    APPOINTMENT,
    DAY_MINUTES,
    KINDS,
    day_shares,
    offsets,
    times,
    without_overlap,
)
from cloison.register.synthetic_caseloads import Followed
from cloison.register.synthetic_people import identifiers
from cloison.register.synthetic_staff import STREAM, Workforce

HEADER = ("account", "identifier", "interaction", "from", "until", "kind")
YEAR_DAYS, WEEK_DAYS = 365, 7
WEEKS = -(-YEAR_DAYS // WEEK_DAYS)
AN_ADVISER_A_YEAR, A_PERSON_MOST = 1_000, 24
KIND_SHARES = (0.40, 0.35, 0.25)
ELSEWHERE_SHARES = {"reception": 0.08, "benefits": 0.14}
ROWS_A_CHUNK = 100_000  # written at one time
ROW = np.dtype([("minute", "i4"), ("length", "i2"), ("kind", "i1"), ("new", "?"), ("worker", "i4"), ("person", "i8")])
CLOCK = np.array([f"{minute // 60:02d}:{minute % 60:02d}:00" for minute in range(DAY_MINUTES)], dtype=object)

Column = list[str]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]
Rows = np.ndarray[tuple[int], np.dtype[np.void]]


class Interactions:
    """The interactions of the year that ends with a day; used as a context, as it keeps files for a while."""

    def __init__(self, staff: Workforce, seed: int, as_of: np.datetime64, folder: Path) -> None:
        """Prepare for the workers of `staff`; files are kept inside `folder`."""
        self._seed = seed
        self._first = as_of - (YEAR_DAYS - 1)
        days = np.arange(self._first, as_of + 1)
        self._shares = day_shares(days)
        # of the day behind the year too: messages are answered by then
        further = np.arange(self._first, as_of + 2)
        self._day_texts = np.array([f"{day}T" for day in further.astype(str).tolist()], dtype=object)
        self._offsets = np.array(offsets(further), dtype=object)
        self._handles = np.array([worker.handle for worker in staff.workers], dtype=object)
        self._elsewhere = {role: _by_agency(staff, role) for role in ELSEWHERE_SHARES}
        self._folder = folder
        self._stack = ExitStack()
        self._weeks: list[BinaryIO] = []

    def __enter__(self) -> Self:
        """Make the files of the weeks."""
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(dir=self._folder, prefix=".weeks-"))
        self._weeks = [self._stack.enter_context((Path(folder) / f"{week}").open("w+b")) for week in range(WEEKS)]
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Remove the files of the weeks."""
        self._stack.close()

    def add(self, start: int, followed: Followed) -> None:
        """Draw the interactions of the people of the chunk that begins with number `start`."""
        rng = np.random.default_rng([self._seed, STREAM, start, 1])
        rows = self._drawn(rng, followed)
        week = rows["minute"] // (WEEK_DAYS * DAY_MINUTES)
        order = np.argsort(week, kind="stable")
        ends = np.searchsorted(week[order], np.arange(WEEKS + 1))
        for number, file in enumerate(self._weeks):
            file.write(rows[order[ends[number] : ends[number + 1]]].tobytes())

    def columns(self) -> Iterator[list[Column]]:
        """All of them in the order of time, as columns in the order of HEADER, some at a time."""
        written = 0
        for file in self._weeks:
            file.seek(0)
            rows: Rows = np.frombuffer(file.read(), dtype=ROW).copy()
            _spread(rows)
            rows = rows[np.lexsort((rows["person"], rows["worker"], rows["minute"]))]
            for begin in range(0, len(rows), ROWS_A_CHUNK):
                part = rows[begin : begin + ROWS_A_CHUNK]
                yield self._texts(part, written)
                written += len(part)

    def _drawn(self, rng: np.random.Generator, followed: Followed) -> Rows:
        since = np.clip((followed.since - self._first).astype(np.int64) + 1, 0, YEAR_DAYS - 1)
        # what share of each kind's year lies before the first day on which there can be one
        before = np.where(since > 0, self._shares[:, np.maximum(since - 1, 0)], 0.0)
        a_year = np.minimum(AN_ADVISER_A_YEAR / np.maximum(followed.size, 1), A_PERSON_MOST)
        number = rng.poisson(a_year * (1 - before[APPOINTMENT]))
        who = np.repeat(np.arange(len(number)), number)
        kind = rng.choice(len(KINDS), len(who), p=KIND_SHARES)
        least = before[kind, who]
        share = least + rng.random(len(who)) * (1 - least)
        day = np.select(
            [kind == one for one in range(len(KINDS))],
            [np.searchsorted(shares, share, "right") for shares in self._shares],
        )
        begins, length = times(rng, kind)
        rows = np.empty(len(who), dtype=ROW)
        rows["minute"] = np.minimum(day, YEAR_DAYS - 1) * DAY_MINUTES + begins
        rows["length"], rows["kind"] = length, kind
        rows["new"], rows["person"] = followed.new_identifier[who], followed.person[who]
        rows["worker"] = self._met(rng, followed.worker[who], followed.agency[who])
        return rows

    def _met(self, rng: np.random.Generator, worker: Numbers, agency: Numbers) -> Numbers:
        """Whom each interaction is with: the adviser, or somebody else of the agency."""
        share, before = rng.random(len(worker)), 0.0
        for role, (first, number) in self._elsewhere.items():
            theirs = (share >= before) & (share < before + ELSEWHERE_SHARES[role]) & (number[agency] > 0)
            colleague = first[agency] + (rng.random(len(worker)) * number[agency]).astype(np.int64)
            worker = np.where(theirs, colleague, worker)
            before += ELSEWHERE_SHARES[role]
        return worker

    def _texts(self, rows: Rows, written: int) -> list[Column]:
        kinds = np.array(KINDS, dtype=object)[rows["kind"]].tolist()
        numbers = range(written + 1, written + 1 + len(rows))
        minute = rows["minute"].astype(np.int64)
        return [
            self._handles[rows["worker"]].tolist(),
            identifiers(rows["person"], rows["new"], self._seed),
            [f"{kind[0]}{number:010d}" for kind, number in zip(kinds, numbers, strict=True)],
            self._times(minute),
            self._times(minute + rows["length"]),
            kinds,
        ]

    def _times(self, minute: Numbers) -> Column:
        day, clock = np.divmod(minute, DAY_MINUTES)
        texts: Column = (self._day_texts[day] + CLOCK[clock] + self._offsets[day]).tolist()
        return texts


def _by_agency(staff: Workforce, role: str) -> tuple[Numbers, Numbers]:
    """The first worker of a role in each agency, where they stand together, and how many there are."""
    first, number = np.zeros((2, len(staff.agencies)), np.int64)
    for place, worker in enumerate(staff.workers):
        if worker.role == role:
            if not number[worker.agency]:
                first[worker.agency] = place
            number[worker.agency] += 1
    return first, number


def _spread(rows: Rows) -> None:
    """One appointment at a time for each worker."""
    chosen = np.flatnonzero(rows["kind"] == APPOINTMENT)
    day, begins = np.divmod(rows["minute"][chosen].astype(np.int64), DAY_MINUTES)
    rows["minute"][chosen] = day * DAY_MINUTES + without_overlap(rows["worker"][chosen].astype(np.int64), day, begins)
