"""The INSEE codes of places: the bundled table, and what it leaves out."""

import csv
import re
from functools import cache
from importlib import resources

import msgspec

# five characters: department and commune, 2A and 2B for Corsica; 99 and the country for a birth abroad
PLACE = re.compile(r"(?:\d\d|2[AB])\d{3}", re.ASCII)
OVERSEAS = ("97", "98")  # their departments have three characters

# INSEE codes that the bundled table leaves out though people live there: first, last
BEYOND_THE_TABLE = (
    (13055, 13055),  # Marseille as a whole: the table has its arrondissements
    (69123, 69123),  # Lyon
    (75056, 75056),  # Paris
    (97501, 97502),  # Saint-Pierre-et-Miquelon
    (97601, 97617),  # Mayotte
    (97701, 97701),  # Saint-Barthélemy
    (97801, 97801),  # Saint-Martin
)


class Commune(msgspec.Struct, frozen=True):
    """A row of the bundled table; `population` in people."""

    code: str
    name: str
    department: str
    population: int


def table(name: str) -> list[dict[str, str]]:
    """The rows of a bundled CSV file, by column."""
    text = (resources.files("cloison.register") / "data" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def communes() -> list[Commune]:
    """The communes of the bundled table, 34,970 of them."""
    rows = table("communes.csv")
    return [Commune(row["code"], row["name"], row["department"], int(row["population"] or 0)) for row in rows]


@cache
def commune_codes() -> frozenset[str]:
    """Every INSEE code that an address may have."""
    beyond = {str(code) for first, last in BEYOND_THE_TABLE for code in range(first, last + 1)}
    return frozenset(beyond.union(commune.code for commune in communes()))


@cache
def _commune_names() -> dict[str, str]:
    return {commune.code: commune.name for commune in communes()}


def commune_name(code: str) -> str:
    """The name of a commune; the code itself where the bundled table has none, which is what an address says then."""
    return _commune_names().get(code, code)


def department(code: str) -> str:
    """The department of an INSEE code: 2 characters (2A and 2B for Corsica), 3 overseas."""
    return code[:3] if code.startswith(OVERSEAS) else code[:2]
