"""Makes fictional people chunk by chunk, as columns of an import file."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from cloison.register.synthetic_lives import SPACE, Households, Lives, households, lives, years
from cloison.register.synthetic_names import Names, Namesakes, make_namesakes, names, sexes
from cloison.register.synthetic_nir import NirIssuer
from cloison.register.synthetic_tables import Tables

COLUMNS = (
    "identifier", "sex", "birth_name", "usage_name", "first_names", "birth_date", "birth_place",
    "address", "postcode", "commune", "city", "email", "phone",
    "nir",
    "category", "registered_on", "ended_on", "space_used_on", "adapted_follow_up", "deceased_on",
)  # fmt: skip
CHUNK_PEOPLE = 20_000  # what is in memory at one time

CATEGORIES = np.array(["registered", "formerly", "space"], dtype=object)
SEXES = np.array(["", "1", "2"], dtype=object)
# yes, no, unknown; by category
ADAPTED = np.array(["yes", "no", ""], dtype=object)
ADAPTED_UNTIL = np.array([[0.05, 0.95, 1.0], [0.05, 0.50, 1.0], [0.0, 0.0, 1.0]])

# Arcep's blocks for fiction: mobile first, as most people give theirs
PHONE_BLOCKS = np.array(["06 39 98", "01 99 00", "02 61 91", "03 53 01", "04 65 71", "05 36 49"], dtype=object)
PHONE_SHARES = (0.75, 0.05, 0.05, 0.05, 0.05, 0.05)
PHONE_ENDS = np.array([f" {end // 100:02d} {end % 100:02d}" for end in range(10_000)], dtype=object)
WAYS = ("RUE", "AVENUE", "PLACE", "CHEMIN", "BOULEVARD", "ALLÉE", "IMPASSE", "SQUARE")
OF = (
    "DES LILAS", "DU MOULIN", "DE LA GARE", "DE L'ÉGLISE", "DU MARCHÉ", "VERT", "DES ÉCOLES", "DU NORD", "DES CHÊNES",
    "DU PUITS", "DE LA MAIRIE", "DU STADE", "DES ACACIAS", "DE LA FONTAINE", "DU LAVOIR", "DES ROSES", "DU CHÂTEAU",
    "DES PRÉS", "DE LA POSTE", "DU PONT", "DES TILLEULS", "DES VIGNES", "DU LAC", "DES CERISIERS", "DE LA FORÊT",
)  # fmt: skip
STREETS = np.array([f" {way} {of}" for way in WAYS for of in OF], dtype=object)
NUMBERS = np.array([str(number) for number in range(150)], dtype=object)

NEW_IDENTIFIERS_FROM = np.datetime64("2025-03-01")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# a step without a common factor walks through every number once: unique, without remembering any
NEW_IDENTIFIERS, NEW_STEP = 10**11, 61_803_398_873
OLD_IDENTIFIERS, OLD_STEP = 26 * 10**7, 160_690_837
SEEDS = 10**6

FIRST_DAY = np.datetime64("1900-01-01")
DAY_TEXTS = np.array(
    ["", *np.datetime_as_string(np.arange(FIRST_DAY, np.datetime64("2100-01-01")), unit="D").tolist()], dtype=object
)

Days = NDArray[np.datetime64]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]
Texts = NDArray[np.object_]
Column = list[str]


class Chunk(msgspec.Struct, frozen=True):
    """People one after the other from number `start`: their columns, and what staff and caseloads follow from.

    `home` is the row of each one's commune, `adapted` whether their follow-up is.
    """

    start: int
    columns: list[Column]
    home: Numbers
    lives: Lives
    adapted: Flags

    def first(self, count: int) -> "Chunk":
        """The first `count` of them, or all."""
        if count >= len(self.home):
            return self
        cut = {name: getattr(self.lives, name)[:count] for name in self.lives.__struct_fields__}
        columns = [column[:count] for column in self.columns]
        return Chunk(self.start, columns, self.home[:count], Lives(**cut), self.adapted[:count])


class Generator:
    """Makes people; chunks are asked for in order, as NIRs are numbered in it."""

    def __init__(self, seed: int, as_of: np.datetime64, tables: Tables) -> None:
        """Prepare for people as of a day, from the tables' names and places."""
        self._seed = seed
        self._as_of = as_of
        self._tables = tables
        self._nirs = NirIssuer(tables.places)
        self._rng = np.random.default_rng(seed)

    def chunk(self, start: int) -> Chunk:
        """People `start` to `start + CHUNK_PEOPLE`, with columns in the order of COLUMNS."""
        # a generator a chunk: what comes does not depend on the file's length
        rng = self._rng = np.random.default_rng([self._seed, start])
        homes = households(rng, CHUNK_PEOPLE)
        life = lives(rng, self._as_of, homes)
        sex = sexes(rng, homes)
        namesakes = make_namesakes(rng, homes, life, sex)
        home = self._homes(homes, namesakes)
        nir, birth_place = self._nir(life, sex, home)
        named = names(rng, self._tables, (homes, life, sex), namesakes)
        adapted = (rng.random(CHUNK_PEOPLE)[:, None] >= ADAPTED_UNTIL[life.category]).sum(axis=1)
        columns = [
            self._identifiers(life, start), _taken(SEXES, sex), *self._names(named), _texts(life.birth), birth_place,
            *self._address(homes, home), *self._reached(named, start),
            nir,
            _taken(CATEGORIES, life.category), _texts(life.registered), _texts(life.ended),
            _texts(life.space_used), _taken(ADAPTED, adapted), _texts(life.deceased),
        ]  # fmt: skip
        return Chunk(start, columns, home, life, adapted == 0)

    def _homes(self, homes: Households, namesakes: Namesakes) -> Numbers:
        everybody = np.zeros(CHUNK_PEOPLE, np.int64)
        home = self._tables.homes.draw(self._rng, everybody)[homes.head]
        # half of the homonyms are of the same department: those whom a search there finds together
        rows, of = namesakes.rows[::2], namesakes.of[::2]
        home[rows] = self._tables.near(self._rng, home[of])
        return home

    def _some(self, share: float) -> Flags:
        return np.asarray(self._rng.random(CHUNK_PEOPLE) < share)

    def _nir(self, life: Lives, sex: Numbers, home: Numbers) -> tuple[Column, Column]:
        place = self._tables.birth_places(self._rng, home)
        nirs, place = self._nirs.issue(self._rng, sex, years(life.birth), place)
        # some who only have a space never gave their number
        without = (life.category == SPACE) & self._some(0.3)
        return np.where(without, "", nirs).tolist(), _taken(self._tables.places, place)

    def _names(self, named: Names) -> tuple[Column, Column, Column]:
        tables = self._tables
        given = tables.given[named.first]
        for further in (named.second, named.third):
            given = np.where(further >= 0, given + tables.given_further[further], given)
        usage = np.where(named.usage >= 0, tables.family[named.usage], "")
        return _taken(tables.family, named.birth), usage.tolist(), given.tolist()

    def _address(self, homes: Households, home: Numbers) -> tuple[Column, Column, Column, Column]:
        tables = self._tables
        number = self._rng.integers(1, len(NUMBERS), CHUNK_PEOPLE)[homes.head]
        street = self._rng.integers(0, len(STREETS), CHUNK_PEOPLE)[homes.head]
        address = NUMBERS[number] + STREETS[street]
        return address.tolist(), _taken(tables.postcodes, home), _taken(tables.codes, home), _taken(tables.cities, home)

    def _reached(self, named: Names, start: int) -> tuple[Column, Column]:
        given = self._tables.given_plain[named.first].tolist()
        surnames = self._tables.family_plain[named.birth].tolist()
        known = self._some(0.9).tolist()
        rows = zip(given, surnames, known, range(start, start + CHUNK_PEOPLE), strict=True)
        emails = [f"{first}.{last}.{person}@example.org" if has else "" for first, last, has, person in rows]
        block = self._rng.choice(len(PHONE_BLOCKS), CHUNK_PEOPLE, p=PHONE_SHARES)
        phones = PHONE_BLOCKS[block] + PHONE_ENDS[self._rng.integers(0, len(PHONE_ENDS), CHUNK_PEOPLE)]
        return emails, np.where(self._some(0.92), phones, "").tolist()

    def _identifiers(self, life: Lives, start: int) -> Column:
        people = np.arange(start, start + CHUNK_PEOPLE, dtype=np.int64)
        return identifiers(people, has_new_identifier(life), self._seed)


def has_new_identifier(life: Lives) -> Flags:
    """Whose identifier is of the form since March 2025."""
    return np.asarray((life.category == SPACE) | (life.registered >= NEW_IDENTIFIERS_FROM))


def identifiers(people: Numbers, new: Flags, seed: int) -> Column:
    """The identifiers of these people by their number, without making them again."""
    numbers = people + seed % SEEDS
    of_today = (numbers * NEW_STEP % NEW_IDENTIFIERS).tolist()
    older = (numbers * OLD_STEP % OLD_IDENTIFIERS).tolist()
    rows = zip(new.tolist(), of_today, older, strict=True)
    return [f"{today:011d}" if is_new else _old_identifier(old) for is_new, today, old in rows]


def _old_identifier(number: int) -> str:
    """Seven digits and a letter; one in eight longer, as some were."""
    letter, digits = divmod(number, 10**7)
    prefix = f"{digits % 1000:03d}" if digits % 8 == 0 else ""
    return f"{prefix}{digits:07d}{LETTERS[letter]}"


def _taken(texts: Texts, rows: Numbers) -> Column:
    taken: Column = texts[rows].tolist()
    return taken


def _texts(days: Days) -> Column:
    number = np.where(np.isnat(days), 0, (days - FIRST_DAY).astype(np.int64) + 1)
    return _taken(DAY_TEXTS, number)
