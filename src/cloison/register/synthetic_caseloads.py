"""Who follows which fictional person: chunk by chunk, nobody twice, and nothing is remembered but counts.

The rules:

1. Who is registered is followed, in their own department, from some day after the registration on; newcomers of the
   last days and those for whom no caseload has room are not.
2. Who needs an adapted follow-up is the partner office's, if there is one; everybody else their agency's.
3. Within an office caseloads are filled one after the other, in the order in which people come.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from cloison.register.synthetic_lives import REGISTERED
from cloison.register.synthetic_nir import take_numbers
from cloison.register.synthetic_people import Chunk, has_new_identifier
from cloison.register.synthetic_staff import STREAM, Workforce
from cloison.register.synthetic_tables import Tables

NEWCOMER_DAYS = 7
HANDED_OVER_SHARE = 0.4  # of people who are not with their first adviser any more
FIRST_MEETING_DAYS = 30
GOLDEN = 0.6180339887498949  # its multiples fill a large commune's agencies evenly
ROOM = 1 << 40  # more than any office follows

Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]


class Followed(msgspec.Struct, frozen=True):
    """Followed people: their number, form of identifier, agency, worker, size of that caseload, and first day."""

    person: Numbers
    new_identifier: Flags
    agency: Numbers
    worker: Numbers
    size: Numbers
    since: NDArray[np.datetime64]


class Caseloads:
    """Fills the caseloads of a workforce."""

    def __init__(self, staff: Workforce, tables: Tables, seed: int, as_of: np.datetime64) -> None:
        """Begin with empty ones."""
        self._staff = staff
        self._department = tables.department
        self._seed, self._as_of = seed, as_of
        sizes = [np.array(agency.advisers, dtype=np.int64) for agency in staff.agencies]
        self._sizes = np.concatenate([*sizes, np.zeros(0, np.int64)])
        self._until = np.concatenate(
            [number * ROOM + np.cumsum(size) for number, size in enumerate(sizes)] + [np.zeros(0, np.int64)]
        )
        self._end = np.cumsum([len(size) for size in sizes])  # of each agency's advisers among all of them
        self._followed = np.zeros(len(sizes), np.int64)
        roles = np.array([worker.role in {"adviser", "partner"} for worker in staff.workers], dtype=bool)
        self._workers = np.flatnonzero(roles)

    def follow(self, chunk: Chunk) -> Followed:
        """Who of these people is followed, by whom."""
        rng = np.random.default_rng([self._seed, STREAM, chunk.start])
        life = chunk.lives
        known = (life.category == REGISTERED) & (life.registered <= self._as_of - NEWCOMER_DAYS)
        row = np.flatnonzero(known)
        agency = self._agencies(chunk, row)
        rank = take_numbers(self._followed, agency, ROOM)
        adviser = np.searchsorted(self._until, agency * ROOM + rank, side="right")
        days = (self._as_of - life.registered[row]).astype(np.int64)
        handed_over = rng.random(len(row)) < HANDED_OVER_SHARE
        later = np.where(handed_over, rng.random(len(row)) * days, rng.integers(1, FIRST_MEETING_DAYS, len(row)))
        since = life.registered[row] + np.minimum(later, days - 1).astype("timedelta64[D]")
        room = adviser < self._end[agency]
        row, agency, adviser = row[room], agency[room], adviser[room]
        return Followed(
            person=chunk.start + row,
            new_identifier=has_new_identifier(life)[row],
            agency=agency,
            worker=self._workers[adviser],
            size=self._sizes[adviser],
            since=since[room],
        )

    def _agencies(self, chunk: Chunk, row: Numbers) -> Numbers:
        home = chunk.home[row]
        begin, end = self._staff.area_from[home], self._staff.area_until[home]
        agency = (begin + (end - begin) * ((chunk.start + row) * GOLDEN % 1)).astype(np.int64)
        office = self._staff.office[self._department[home]]
        return np.where(chunk.adapted[row] & (office >= 0), office, agency)
