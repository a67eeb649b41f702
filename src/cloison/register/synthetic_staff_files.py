"""The files of a fictional staff: who works where, who follows whom, and a year of interactions.

| file | columns |
| --- | --- |
| `organisations.csv` | `name`, `segments` and `roles` (separated by spaces; empty: all), `accounts` (how many) |
| `agencies.csv` | `organisation`, `agency`, `segment` |
| `accounts.csv` | `handle`, `organisation`, `agency`, `segment`, `role` |
| `caseload.csv` | `account`, `identifier`, `relation`, `from`, `until`: what `cloison caseload import` takes |
| `interactions.csv` or `.parquet` | `account`, `identifier`, `interaction`, `from`, `until`, `kind` |
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cloison.register.synthetic_caseloads import Caseloads, Followed
from cloison.register.synthetic_files import CSV, PARQUET, CsvSink, sink
from cloison.register.synthetic_interactions import HEADER, Interactions
from cloison.register.synthetic_people import Chunk, identifiers
from cloison.register.synthetic_staff import SERVICE, Workforce, workforce
from cloison.register.synthetic_tables import Tables

ORGANISATIONS = ("name", "segments", "roles", "accounts")
AGENCIES = ("organisation", "agency", "segment")
ACCOUNTS = ("handle", "organisation", "agency", "segment", "role")
CASELOAD = ("account", "identifier", "relation", "from", "until")


def write_staff(
    folder: Path, chunks: Iterable[Chunk], of: tuple[int, int, np.datetime64, Tables], *, parquet: bool
) -> None:
    """Write the files of those who work for the people of these chunks, into `folder`, which is made.

    `of` is how many people there are, the seed, the day and the tables that they are made of. Interactions are
    Parquet if asked for. Raises OSError if a file cannot be written.
    """
    count, seed, as_of, tables = of
    folder.mkdir(parents=True, exist_ok=True)
    staff = workforce(count, seed, tables)
    _write_workforce(folder, staff)
    handles = np.array([worker.handle for worker in staff.workers], dtype=object)
    caseloads = Caseloads(staff, tables, seed, as_of)
    with Interactions(staff, seed, as_of, folder) as interactions:
        with CsvSink(folder / "caseload.csv", CASELOAD) as file:
            for chunk in chunks:
                followed = caseloads.follow(chunk)
                file.write(_relations(followed, handles, seed))
                interactions.add(chunk.start, followed)
        with sink(folder / f"interactions{PARQUET if parquet else CSV}", HEADER) as file:
            for columns in interactions.columns():
                file.write(columns)


def _relations(followed: Followed, handles: NDArray[np.object_], seed: int) -> list[Sequence[str]]:
    n = len(followed.person)
    return [
        handles[followed.worker].tolist(),
        identifiers(followed.person, followed.new_identifier, seed),
        ["caseload"] * n,
        np.datetime_as_string(followed.since, unit="D").tolist(),
        [""] * n,
    ]


def _write_workforce(folder: Path, staff: Workforce) -> None:
    agencies = staff.agencies
    _write(folder / "agencies.csv", AGENCIES, [(a.organisation, a.name, a.segment) for a in agencies])
    of = [(worker, agencies[worker.agency]) for worker in staff.workers]
    _write(folder / "accounts.csv", ACCOUNTS, [(w.handle, a.organisation, a.name, a.segment, w.role) for w, a in of])
    rows = []
    for name in dict.fromkeys(agency.organisation for agency in agencies):
        theirs = [(worker.role, agency.segment) for worker, agency in of if agency.organisation == name]
        roles, segments = (" ".join(sorted(set(column))) for column in zip(*theirs, strict=True))
        # the service itself is without limit, which is what empty says
        rows.append((name, "", "", "") if name == SERVICE else (name, segments, roles, str(len(theirs))))
    _write(folder / "organisations.csv", ORGANISATIONS, rows)


def _write(path: Path, header: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    with CsvSink(path, header) as file:
        file.write(list(zip(*rows, strict=True)))
