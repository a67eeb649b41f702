"""Files of people as they come in, column by column, and the file of those refused.

`open_people` opens a CSV or Parquet file: what it is, is told by its first bytes. No error of these modules repeats
a value: what stands where a header should be may be somebody's name.
"""

from pathlib import Path

from cloison.errors import ImportFileError
from cloison.register.files.chunks import Chunk, PeopleFile
from cloison.register.files.csv_file import CsvFile
from cloison.register.files.header import delimiter_of
from cloison.register.files.kinds import Kind, kind_of
from cloison.register.files.mapping import Mapping, load_mapping
from cloison.register.files.rejects import RejectFile, escaped
from cloison.register.files.swapped import looks_swapped, swapped_error
from cloison.register.profile import Profile

__all__ = [
    "Chunk",
    "Mapping",
    "PeopleFile",
    "RejectFile",
    "delimiter_of",
    "escaped",
    "load_mapping",
    "looks_swapped",
    "open_people",
    "swapped_error",
]


def open_people(
    path: Path,
    profile: Profile,
    mapping: Mapping | None = None,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> PeopleFile:
    """The file of people `path`, its header checked; a context manager.

    `encoding` and `delimiter` go before those of the mapping; where neither says, they are detected. Raises
    ImportFileError if the file is not there, is of another kind, or its header does not fit.
    """
    mapping = mapping or Mapping()
    if kind_of(path) is Kind.PARQUET:
        if encoding or delimiter:
            raise ImportFileError(reason=f"{path.name} is Parquet, which has neither encoding nor delimiter to give")
        # its library costs every start a fifth of a second
        from cloison.register.files.parquet_file import ParquetFile  # noqa: PLC0415

        return ParquetFile(path, profile, mapping)
    return CsvFile(
        path, profile, mapping, encoding=encoding or mapping.encoding, delimiter=delimiter or mapping.delimiter
    )
