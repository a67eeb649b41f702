"""Files of text columns, written a chunk at a time: CSV (UTF-8, comma, one header) or Parquet.

Both hold the same texts, an empty one where there is no value.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

CSV, PARQUET = ".csv", ".parquet"

Column = Sequence[str]


class Sink(Protocol):
    """A file that takes columns, chunk after chunk."""

    def __enter__(self) -> Self:
        """The file itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is left, and close it."""

    def write(self, columns: Sequence[Column]) -> None:
        """Add rows, given as one list a column, in the order of the header."""


class CsvSink:
    """A CSV file."""

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        """Make the file, replacing an older one; raises OSError if it cannot be."""
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(header)

    def __enter__(self) -> Self:
        """The file itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._file.close()

    def write(self, columns: Sequence[Column]) -> None:
        """Add rows, given as one list a column."""
        self._writer.writerows(zip(*columns, strict=True))


def sink(path: Path, header: Sequence[str]) -> Sink:
    """A new file: Parquet if its name ends so, else CSV; raises OSError if it cannot be made."""
    if path.suffix == PARQUET:
        from cloison.register.synthetic_parquet import ParquetSink  # noqa: PLC0415 - pyarrow takes a while to load

        return ParquetSink(path, header)
    return CsvSink(path, header)
