"""Files of fictional people for the tests of reading, and what is read of them."""

from itertools import chain
from pathlib import Path
from typing import TypedDict, Unpack

import pytest

from cloison.errors import ImportFileError
from cloison.register.files import Chunk, Mapping, open_people
from cloison.register.profile import load_profile

PROFILE = load_profile("jobseekers-fr")
HEADER = "nir,birth_name,first_names,birth_date,category,commune"
ROW = "284132A00401203,LE GALL,ZOÉ,1984-02-29,space,59350"
FIELDS = HEADER.split(",")
SECRET = "QUERCY"  # a name that no error may repeat


def saved(folder: Path, content: str | bytes, name: str = "people.csv") -> Path:
    """A file of this content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


class Given(TypedDict, total=False):
    """What may be given beside a file."""

    encoding: str
    delimiter: str


def chunks_of(path: Path, mapping: Mapping | None = None, rows: int = 1_024, **given: Unpack[Given]) -> list[Chunk]:
    """All chunks of a file."""
    with open_people(path, PROFILE, mapping, **given) as file:
        return list(file.chunks(rows))


def columns_of(
    path: Path, mapping: Mapping | None = None, rows: int = 1_024, **given: Unpack[Given]
) -> dict[str, list[str]]:
    """All values of a file, by field."""
    chunks = chunks_of(path, mapping, rows, **given)
    fields = chunks[0].columns if chunks else {}
    return {field: list(chain.from_iterable(chunk.columns[field] for chunk in chunks)) for field in fields}


def numbers_of(path: Path) -> list[int]:
    """The row numbers of a file's people."""
    return [number for chunk in chunks_of(path) for number in chunk.numbers]


def faults_of(path: Path) -> list[tuple[int, str]]:
    """Row numbers and reasons of rows that are none."""
    return [(row, reject.reason.value) for chunk in chunks_of(path) for row, reject in chunk.faults]


def refusal(path: Path, mapping: Mapping | None = None, **given: Unpack[Given]) -> str:
    """Why a file is refused; nothing of what it holds is told or chained."""
    with pytest.raises(ImportFileError) as caught:
        chunks_of(path, mapping, **given)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None or isinstance(caught.value.__cause__, OSError)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return str(caught.value)
