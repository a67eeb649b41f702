"""The names and places that fictional people are drawn from, as arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cloison.errors import BadRequestError
from cloison.register.places import communes, department, table
from cloison.register.terms import name as plain_name

Numbers = NDArray[np.int64]

FIRST_DECADE, DECADES = 1930, 8
# the most frequent countries of birth, as INSEE codes; their shares are assumed equal
COUNTRIES = (
    "99352", "99350", "99351", "99139", "99134", "99127", "99208", "99109", "99110", "99326", "99341", "99322",
)  # fmt: skip
BORN_NEAR, BORN_IN_FRANCE = 0.60, 0.88  # cumulated shares, assumed: in the department of their home, in France


class Draw:
    """Draws row numbers by weight, within groups of rows that stand together."""

    def __init__(self, weights: NDArray[np.float64], groups: Numbers) -> None:
        """`groups` is each row's group, ascending from 0 without a gap; `weights` have any total."""
        total = np.cumsum(weights)
        last = np.flatnonzero(np.diff(groups, append=groups[-1] + 1))
        before = np.concatenate([[0.0], total[last][:-1]])
        within = (total - before[groups]) / (total[last] - before)[groups]
        self._until = groups + within  # ascending through all groups: one search draws from any
        self._last = last

    def draw(self, rng: np.random.Generator, groups: Numbers) -> Numbers:
        """A row number for each item of `groups`."""
        found = np.searchsorted(self._until, groups + rng.random(len(groups)), side="right")
        return np.minimum(found, self._last[groups]).astype(np.int64)


class Tables:
    """Everything drawn from. Place numbers are those of the communes, then of countries."""

    def __init__(self, departments: Sequence[str] | None) -> None:
        """Read the tables; people live in `departments` (None: all), else BadRequestError is raised."""
        self._load_places(departments)
        self._load_names()

    def _load_places(self, departments: Sequence[str] | None) -> None:
        rows = sorted(communes(), key=lambda row: row.department)
        self.codes = _objects([row.code for row in rows])
        self.cities = _objects([row.name for row in rows])
        # invented, but of the right department
        self.postcodes = _objects([_postcode(row.code) for row in rows])
        weights = np.array([row.population + 1.0 for row in rows])
        names, groups = np.unique([row.department for row in rows], return_inverse=True)
        self.department = groups.astype(np.int64)
        self._near = Draw(weights, self.department)
        self.departments = names.tolist()
        self._anywhere = Draw(weights, np.zeros(len(rows), np.int64))
        lived_in = np.isin(names, departments)[groups] if departments is not None else np.ones(len(rows), bool)
        if departments is not None and not (departments and set(departments) <= set(names)):
            raise BadRequestError(reason="there is a department without a commune of the table among those asked for")
        self.weights = np.where(lived_in, weights, 0.0)
        self.homes = Draw(self.weights, np.zeros(len(rows), np.int64))
        self.places = np.concatenate([self.codes, _objects(list(COUNTRIES))])

    def _load_names(self) -> None:
        surnames = table("surnames.csv")
        self.family = _objects([row["name"] for row in surnames])
        self.family_plain = _plain(self.family)
        self.surnames = Draw(_births(surnames), np.zeros(len(surnames), np.int64))
        given = sorted(table("first_names.csv"), key=lambda row: (row["sex"], row["decade"]))
        self.given = _objects([row["name"] for row in given])
        self.given_further = " " + self.given
        self.given_plain = _plain(self.given)
        sexes, decades = (np.array([int(row[column]) for row in given]) for column in ("sex", "decade"))
        self.first_names = Draw(_births(given), decade_group(sexes, decades))

    def near(self, rng: np.random.Generator, homes: Numbers) -> Numbers:
        """A commune of the same department for each of these communes."""
        return self._near.draw(rng, self.department[homes])

    def birth_places(self, rng: np.random.Generator, homes: Numbers) -> Numbers:
        """Place numbers where people who live in the communes `homes` were born."""
        share = rng.random(len(homes))
        near = self.near(rng, homes)
        anywhere = self._anywhere.draw(rng, np.zeros(len(homes), np.int64))
        abroad = len(self.codes) + rng.integers(0, len(COUNTRIES), len(homes))
        return np.select([share < BORN_NEAR, share < BORN_IN_FRANCE], [near, anywhere], abroad)


def decade_group(sex: Numbers, years: Numbers) -> Numbers:
    """The group of first names for a sex (1, 2) and a year of birth; the nearest decade there is."""
    decade = np.clip((years - FIRST_DECADE) // 10, 0, DECADES - 1)
    return ((sex - 1) * DECADES + decade).astype(np.int64)


def _postcode(code: str) -> str:
    if len(department(code)) > 2:  # noqa: PLR2004 - overseas departments have three characters
        return code
    return ("20" if code[0] == "2" and not code[1].isdigit() else code[:2]) + f"{int(code[2:]) // 10 * 10:03d}"


def _births(rows: list[dict[str, str]]) -> NDArray[np.float64]:
    return np.array([float(row["births"]) for row in rows])


def _plain(names: NDArray[np.object_]) -> NDArray[np.object_]:
    return _objects([plain_name(name).lower() for name in names])


def _objects(values: list[str]) -> NDArray[np.object_]:
    return np.array(values, dtype=object)
