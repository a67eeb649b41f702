"""Realistic people who do not exist, as an import file of the profile `jobseekers-fr`.

Names follow sex and decade of birth, homes follow population, and a NIR agrees with sex, birth year and
place; but its month is 13 to 19, phones lie in the blocks kept for fiction and e-mail addresses at
example.org, so that none is anybody's. No two people of a file share a NIR or an identifier. Ages, durations
and shares are assumed.

The same seed, day and departments give the same people; a longer file begins with the shorter one.
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from cloison.register.synthetic_nir import NirIssuer
from cloison.register.synthetic_tables import Tables, decade_group

COLUMNS = (
    "identifier", "sex", "birth_name", "usage_name", "first_names", "birth_date", "birth_place",
    "address", "postcode", "commune", "city", "email", "phone",
    "nir",
    "category", "registered_on", "ended_on", "space_used_on", "adapted_follow_up",
)  # fmt: skip
CHUNK_PEOPLE = 20_000  # what is in memory at one time

WOMAN = 2  # as in a NIR
REGISTERED, FORMERLY, SPACE = 0, 1, 2
CATEGORIES = np.array(["registered", "formerly", "space"], dtype=object)
CATEGORY_SHARES = (0.17, 0.70, 0.13)

YEARS_KEPT = 20
DAYS_A_YEAR = 365.25
SPACE_DAYS = 390  # 13 months: who did not use their space for longer is gone
MEAN_DAYS_REGISTERED = 400
MEAN_DAYS_UNTIL_END = 300

# Arcep's blocks for fiction: mobile first, as most people give theirs
PHONE_BLOCKS = np.array(["06 39 98", "01 99 00", "02 61 91", "03 53 01", "04 65 71", "05 36 49"], dtype=object)
PHONE_SHARES = (0.75, 0.05, 0.05, 0.05, 0.05, 0.05)
STREETS = np.array(
    ["RUE DES LILAS", "RUE DU MOULIN", "AVENUE DE LA GARE", "RUE DE L'ÉGLISE", "PLACE DU MARCHÉ",
     "CHEMIN VERT", "RUE DES ÉCOLES", "BOULEVARD DU NORD", "ALLÉE DES CHÊNES", "IMPASSE DU PUITS"],
    dtype=object,
)  # fmt: skip

NEW_IDENTIFIERS_FROM = np.datetime64("2025-03-01")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# a step without a common factor walks through every number once: unique, without remembering any
NEW_IDENTIFIERS, NEW_STEP = 10**11, 61_803_398_873
OLD_IDENTIFIERS, OLD_STEP = 26 * 10**7, 160_690_837

Days = NDArray[np.datetime64]
Numbers = NDArray[np.int64]
Column = Sequence[object]


class _Life(msgspec.Struct):
    """The dates of a chunk of people, one item a person; a date that does not exist is NaT."""

    category: Numbers
    birth: Days
    registered: Days
    ended: Days
    space_used: Days


def write(
    path: Path | str,
    count: int,
    *,
    seed: int = 0,
    as_of: date | None = None,
    departments: Sequence[str] | None = None,
) -> None:
    """Write `count` people to a CSV file, replacing it: UTF-8, comma, one header.

    `as_of` (default: today) is the day the file is from, 20 years of registrations before it; `departments`
    limits where people live. Raises BadRequestError if there is no commune in them, OSError if the file
    cannot be written.
    """
    day = np.datetime64(as_of or datetime.now().astimezone().date())
    generator = Generator(seed, day, Tables(departments))
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for start in range(0, count, CHUNK_PEOPLE):
            rows = zip(*generator.chunk(start), strict=True)
            writer.writerows(row for _, row in zip(range(count - start), rows, strict=False))


class Generator:
    """Makes people chunk by chunk; chunks are asked for in order, as NIRs are numbered in it."""

    def __init__(self, seed: int, as_of: np.datetime64, tables: Tables) -> None:
        """Prepare for people as of a day, from the tables' names and places."""
        self._seed = seed
        self._as_of = as_of
        self._tables = tables
        self._nirs = NirIssuer(tables.places)
        self._rng = np.random.default_rng(seed)

    def chunk(self, start: int) -> list[Column]:
        """The columns of people `start` to `start + CHUNK_PEOPLE`, in the order of COLUMNS."""
        # a generator a chunk: what comes does not depend on the file's length
        self._rng = np.random.default_rng([self._seed, start])
        life = self._life()
        sex = self._rng.integers(1, 3, CHUNK_PEOPLE)
        home = self._tables.homes.draw(self._rng, np.zeros(CHUNK_PEOPLE, np.int64))
        nir, birth_place = self._nir(life, sex, home)
        birth_name, usage_name, first_names, email = self._names(life, sex, start)
        address, postcode = self._address(home)
        return [
            self._identifiers(life, start), sex.tolist(), birth_name, usage_name, first_names,
            _texts(life.birth), birth_place,
            address, postcode, self._tables.codes[home].tolist(), self._tables.cities[home].tolist(),
            email, self._phones(),
            nir,
            CATEGORIES[life.category].tolist(), _texts(life.registered), _texts(life.ended),
            _texts(life.space_used), self._pick(["yes", "no", ""], (0.05, 0.45, 0.50)),
        ]  # fmt: skip

    def _life(self) -> _Life:
        rng, n = self._rng, CHUNK_PEOPLE
        category = rng.choice(3, n, p=CATEGORY_SHARES)
        ago = np.where(
            category == REGISTERED,
            np.minimum(rng.exponential(MEAN_DAYS_REGISTERED, n), 10 * DAYS_A_YEAR),
            rng.uniform(30, YEARS_KEPT * DAYS_A_YEAR, n),
        )
        registered = self._before(np.where(category == SPACE, 0, ago))
        age = 16 + 50 * rng.beta(1.6, 2.4, n)
        birth = registered - (age * DAYS_A_YEAR).astype("timedelta64[D]")
        ended = registered + rng.exponential(MEAN_DAYS_UNTIL_END, n).astype("timedelta64[D]") + np.timedelta64(1)
        ended = np.minimum(ended, self._as_of - np.timedelta64(1))
        return _Life(
            category=category,
            birth=birth,
            registered=_only(category != SPACE, registered),
            ended=_only(category == FORMERLY, ended),
            space_used=self._space_used(category, registered, ended),
        )

    def _space_used(self, category: Numbers, registered: Days, ended: Days) -> Days:
        rng, n = self._rng, CHUNK_PEOPLE
        since = np.select([category == REGISTERED, category == FORMERLY], [registered, ended], self._before(SPACE_DAYS))
        longest = np.where(category == REGISTERED, 60, 3 * DAYS_A_YEAR)
        days = np.minimum((self._as_of - since).astype(np.int64), longest)
        used = self._some(np.array([0.85, 0.20, 1.0])[category])
        return _only(used, self._before(rng.random(n) * days))

    def _some(self, share: float | NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.asarray(self._rng.random(CHUNK_PEOPLE) < share)

    def _before(self, days: float | NDArray[np.float64]) -> Days:
        return np.asarray(self._as_of - np.asarray(days).astype("timedelta64[D]"))

    def _nir(self, life: _Life, sex: Numbers, home: Numbers) -> tuple[Column, Column]:
        place = self._tables.birth_places(self._rng, home)
        nirs, place = self._nirs.issue(self._rng, sex, _years(life.birth), place)
        # some who only have a space never gave their number
        without = (life.category == SPACE) & self._some(0.3)
        return np.where(without, "", nirs).tolist(), self._tables.places[place].tolist()

    def _names(self, life: _Life, sex: Numbers, start: int) -> tuple[Column, Column, Column, Column]:
        rng, n, tables = self._rng, CHUNK_PEOPLE, self._tables
        birth, usage = (tables.surnames.draw(rng, np.zeros(n, np.int64)) for _ in range(2))
        own = decade_group(sex, _years(life.birth))
        older = decade_group(sex, _years(life.birth) - 10)  # second names are a generation's older ones
        first, second, third = (tables.first_names.draw(rng, group) for group in (own, older, older))
        married = self._some(np.where(sex == WOMAN, 0.30, 0.03))
        number = rng.choice(3, n, p=(0.35, 0.40, 0.25))
        given = tables.given[first]
        given = np.where(number >= 1, given + " " + tables.given[second], given)
        given = np.where(number > 1, given + " " + tables.given[third], given)
        email = [
            f"{given_name}.{surname}.{person}@example.org"
            for given_name, surname, person in zip(
                tables.given_plain[first], tables.family_plain[birth], range(start, start + n), strict=True
            )
        ]
        return (
            tables.family[birth].tolist(),
            np.where(married, tables.family[usage], "").tolist(),
            given.tolist(),
            np.where(self._some(0.9), np.array(email, dtype=object), "").tolist(),
        )

    def _address(self, home: Numbers) -> tuple[Column, Column]:
        numbers = self._rng.integers(1, 150, CHUNK_PEOPLE).tolist()
        streets = self._rng.choice(STREETS, CHUNK_PEOPLE).tolist()
        return [f"{number} {street}" for number, street in zip(numbers, streets, strict=True)], self._tables.postcodes[
            home
        ].tolist()

    def _phones(self) -> Column:
        blocks = self._rng.choice(PHONE_BLOCKS, CHUNK_PEOPLE, p=PHONE_SHARES)
        ends = self._rng.integers(0, 10_000, CHUNK_PEOPLE).tolist()
        given = self._some(0.92).tolist()
        rows = zip(blocks, ends, given, strict=True)
        return [f"{block} {end // 100:02d} {end % 100:02d}" if known else "" for block, end, known in rows]

    def _identifiers(self, life: _Life, start: int) -> Column:
        people = np.arange(start, start + CHUNK_PEOPLE, dtype=np.int64) + self._seed % 10**6
        new = (life.category == SPACE) | (life.registered >= NEW_IDENTIFIERS_FROM)
        of_today = (people * NEW_STEP % NEW_IDENTIFIERS).tolist()
        older = (people * OLD_STEP % OLD_IDENTIFIERS).tolist()
        rows = zip(new.tolist(), of_today, older, strict=True)
        return [f"{today:011d}" if is_new else _old_identifier(old) for is_new, today, old in rows]

    def _pick(self, choices: list[str], shares: tuple[float, ...]) -> Column:
        picked = self._rng.choice(np.array(choices, dtype=object), CHUNK_PEOPLE, p=shares)
        return list(picked)


def _old_identifier(number: int) -> str:
    """Seven digits and a letter; one in eight longer, as some were."""
    letter, digits = divmod(number, 10**7)
    prefix = f"{digits % 1000:03d}" if digits % 8 == 0 else ""
    return f"{prefix}{digits:07d}{LETTERS[letter]}"


def _years(days: Days) -> Numbers:
    return days.astype("datetime64[Y]").astype(np.int64) + 1970


def _only(keep: NDArray[np.bool_], days: Days) -> Days:
    return np.where(keep, days, np.datetime64("NaT"))


def _texts(days: Days) -> Column:
    return list(np.where(np.isnat(days), "", np.datetime_as_string(days, unit="D")).tolist())


def people(count: int, *, seed: int = 0, as_of: date | None = None) -> Iterator[dict[str, str]]:
    """The same people as `write` gives, as rows by column; for tests and the bench."""
    day = np.datetime64(as_of or datetime.now().astimezone().date())
    generator = Generator(seed, day, Tables(None))
    for start in range(0, count, CHUNK_PEOPLE):
        rows = zip(*generator.chunk(start), strict=True)
        for _, row in zip(range(count - start), rows, strict=False):
            yield dict(zip(COLUMNS, map(str, row), strict=True))
