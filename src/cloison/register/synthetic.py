"""Realistic people who do not exist, as an import file of the profile `jobseekers-fr`.

Names follow sex and decade of birth, homes follow population, families share a home and a name, and a NIR agrees
with sex, birth year and place; but its month is 13 to 19, phones lie in the blocks kept for fiction and e-mail
addresses at example.org, so that none is anybody's. No two people of a file share a NIR or an identifier. Ages,
durations and shares are assumed.

The same seed, day and departments give the same people; a longer file begins with the shorter one.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

import numpy as np

from cloison.register.synthetic_files import PARQUET, Sink, sink
from cloison.register.synthetic_people import CHUNK_PEOPLE, COLUMNS, Chunk, Generator
from cloison.register.synthetic_staff_files import write_staff
from cloison.register.synthetic_tables import Tables

__all__ = ["COLUMNS", "people", "write"]


def write(  # noqa: PLR0913 - what decides a file is named, and has a default
    path: Path | str,
    count: int,
    *,
    seed: int = 0,
    as_of: date | None = None,
    departments: Sequence[str] | None = None,
    staff: Path | None = None,
) -> None:
    """Write `count` people to a file, replacing it: Parquet if its name ends in .parquet, else CSV.

    `as_of` (default: today) is the day the file is from, 20 years of registrations before it; `departments`
    limits where people live. `staff` is a folder for the files of those who work for them.
    Raises BadRequestError if there is no commune in the departments, OSError if a file cannot be written.
    """
    day, tables = _day(as_of), Tables(departments)
    with sink(Path(path), COLUMNS) as file:
        chunks = _written(_chunks(count, Generator(seed, day, tables)), file)
        if staff is None:
            deque(chunks, maxlen=0)
        else:
            write_staff(staff, chunks, (count, seed, day, tables), parquet=Path(path).suffix == PARQUET)


def _written(chunks: Iterable[Chunk], file: Sink) -> Iterator[Chunk]:
    for chunk in chunks:
        file.write(chunk.columns)
        yield chunk


def people(count: int, *, seed: int = 0, as_of: date | None = None) -> Iterator[dict[str, str]]:
    """The same people as `write` gives, as rows by column; for tests and the bench."""
    for chunk in _chunks(count, Generator(seed, _day(as_of), Tables(None))):
        for row in zip(*chunk.columns, strict=True):
            yield dict(zip(COLUMNS, row, strict=True))


def _chunks(count: int, generator: Generator) -> Iterator[Chunk]:
    for start in range(0, count, CHUNK_PEOPLE):
        yield generator.chunk(start).first(count - start)


def _day(as_of: date | None) -> np.datetime64:
    return np.datetime64(as_of or datetime.now().astimezone().date())
