"""The people file as an attacker holds it: what leaked elsewhere, and what a dump is searched for."""

import csv
from pathlib import Path

import msgspec

from cloison.register.places import department


class Known(msgspec.Struct, frozen=True):
    """What is known of one person; `segment` is where they live, empty values are not known."""

    identifier: str
    nir: str
    email: str
    phone: str
    birth_name: str
    birth_date: str
    segment: str
    category: str


def read_people(path: Path) -> list[Known]:
    """The people of a synthetic file, in its order."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Known(
                identifier=row["identifier"],
                nir=row["nir"].replace(" ", ""),
                email=row["email"],
                phone=row["phone"].replace(" ", ""),
                birth_name=row["birth_name"],
                birth_date=row["birth_date"],
                segment=department(row["commune"]),
                category=row["category"],
            )
            for row in csv.DictReader(file)
        ]
