"""Fictional NIRs: right in every part and in their key, but of a month that does not exist."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

FIRST_MONTH, MONTHS = 13, 7  # 13 to 19
ORDERS = 999
CELL = MONTHS * ORDERS  # people of one sex, year and place
YEARS = 100
TRIES = 20
CORSICA = {"2A": "19", "2B": "18"}  # what the key counts for them
SEINE_UNTIL, SEINE, OF_SEINE = 1968, "75", "92"  # births before that year in today's 92 carry 75


class NirIssuer:
    """Numbers people within sex, year of birth and place, in the order in which they come."""

    def __init__(self, places: NDArray[np.object_]) -> None:
        """Begin with nobody; `places` are the INSEE codes that place numbers stand for."""
        self._places = places
        self._numeric = np.array([int(CORSICA.get(code[:2], code[:2]) + code[2:]) for code in places], dtype=np.int64)
        self._of_seine = np.array([code.startswith(OF_SEINE) for code in places])
        self._issued = np.zeros(2 * YEARS * len(places), dtype=np.uint16)  # 14 MB, whatever the number of people

    def issue(
        self, rng: np.random.Generator, sex: Numbers, years: Numbers, place: Numbers
    ) -> tuple[list[str], Numbers]:
        """A NIR a person, and the place of birth it says.

        Where a place has no number left for a sex and year, another is drawn: that of a person elsewhere.
        """
        number = np.full(len(sex), CELL, dtype=np.int64)
        place = place.copy()
        for _ in range(TRIES):
            waiting = np.flatnonzero(number >= CELL)
            if not len(waiting):
                break
            cells = ((sex[waiting] - 1) * YEARS + years[waiting] % YEARS) * len(self._places) + place[waiting]
            number[waiting] = take_numbers(self._issued, cells, CELL)
            full = waiting[number[waiting] >= CELL]
            place[full] = rng.integers(0, len(self._places), len(full))
        return self._texts(sex, years, place, number), place

    def _texts(self, sex: Numbers, years: Numbers, place: Numbers, number: Numbers) -> list[str]:
        month, order, year = FIRST_MONTH + number % MONTHS, 1 + number // MONTHS, years % YEARS
        codes, numeric = self._places[place], self._numeric[place]
        old = np.flatnonzero((years < SEINE_UNTIL) & self._of_seine[place])
        codes[old] = [SEINE + code[2:] for code in codes[old]]
        numeric[old] -= (int(OF_SEINE) - int(SEINE)) * 1000
        digits = ((sex * 100 + year) * 100 + month) * 10**8 + numeric * 1000 + order
        parts = zip(
            (digits // 10**8).tolist(), codes.tolist(), order.tolist(), (97 - digits % 97).tolist(), strict=True
        )
        return [f"{begin}{code}{order:03d}{key:02d}" for begin, code, order, key in parts]


def take_numbers(taken: NDArray[np.uint16] | Numbers, cells: Numbers, most: int) -> Numbers:
    """The next number of each item's cell, in their order; `taken` counts them, a cell at most to `most`."""
    order = np.argsort(cells, kind="stable")
    groups, first, counts = np.unique(cells[order], return_index=True, return_counts=True)
    rank = np.arange(len(cells)) - np.repeat(first, counts)
    numbers = np.empty(len(cells), dtype=np.int64)
    numbers[order] = taken[cells[order]] + rank
    taken[groups] = np.minimum(taken[groups] + counts, most)
    return numbers
