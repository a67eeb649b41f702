"""Files of people as they come in, and the file of those refused. CSV, comma or semicolon, UTF-8.

No error here repeats a value: what stands where a header should be may be somebody's name.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TextIO

from cloison.errors import ImportFileError
from cloison.register.profile import Profile
from cloison.register.records import Reject

LINE_BYTES = 1 << 20  # a longer line is not a row of people
COLUMN_NAME_LONGEST = 40
REJECT_COLUMNS = ("row", "field", "reason", "value")


class PeopleFile:
    """An import file whose header is checked; rows are counted as a spreadsheet does, the header being 1."""

    def __init__(self, path: Path, profile: Profile) -> None:
        """Open `path`; raises ImportFileError if it is not there, empty, or its header does not fit."""
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise ImportFileError(reason=f"{path} cannot be read ({error.strerror})") from error
        try:
            self._lines = _lines(self._file)
            first = next(self._lines, "")
            # a quoted header is a header too: the reader of all rows reads the first line again
            delimiter = ";" if first.count(";") > first.count(",") else ","
            self._reader = csv.reader(_again(first, self._lines), delimiter=delimiter)
            self.columns = _checked_header(next(self._reader, []), profile)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """The file itself."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._file.close()

    def rows(self) -> Iterator[tuple[int, dict[str, str] | None]]:
        """Row number and values by column; None for a row whose columns are more or fewer than the header's.

        Blank lines are passed over. Raises ImportFileError at the first row that is not UTF-8 or not CSV.
        """
        number = 1
        try:
            for number, row in enumerate(self._reader, 2):
                if row:
                    yield (
                        number,
                        dict(zip(self.columns, row, strict=True)) if len(row) == len(self.columns) else None,
                    )
        except csv.Error as error:
            raise ImportFileError(reason=f"row {number + 1} is not CSV ({error})") from None


class RejectFile:
    """`FILE.rejects.csv`: row, field, reason and masked value of everything refused, in the order found."""

    def __init__(self, people: Path) -> None:
        """Make the file beside `people`, replacing an older one; raises ImportFileError if it cannot."""
        self.path = people.with_name(people.name + ".rejects.csv")
        try:
            self._file: TextIO = self.path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise ImportFileError(reason=f"{self.path} cannot be written ({error.strerror})") from error
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(REJECT_COLUMNS)

    def __enter__(self) -> Self:
        """The file itself."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._file.close()

    def write(self, row: int, rejects: Iterable[Reject]) -> None:
        """Add the reasons why a row is refused."""
        self._writer.writerows((row, reject.field, reject.reason.value, reject.masked) for reject in rejects)


def _lines(file: BinaryIO) -> Iterator[str]:
    encoding = "utf-8-sig"
    for number, line in enumerate(iter(lambda: file.readline(LINE_BYTES), b""), 1):
        if len(line) == LINE_BYTES:
            raise ImportFileError(reason=f"row {number} is longer than {LINE_BYTES:,} bytes: is this a CSV file?")
        try:
            yield line.decode(encoding)
        except UnicodeDecodeError:
            # not chained: the error holds the line
            raise ImportFileError(reason=f"row {number} is not UTF-8; save the file as UTF-8") from None
        encoding = "utf-8"


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _checked_header(header: Sequence[str], profile: Profile) -> list[str]:
    columns = [column.strip() for column in header]
    if not any(columns):
        raise ImportFileError(reason="it is empty; its first row must name the columns")
    if not set(columns) & profile.fields.keys():
        raise ImportFileError(reason=f"its first row names no column of {profile.name}: is the header there?")
    faults = {
        "missing": _missing(columns, profile),
        "unknown": [_shown(column) for column in columns if column not in profile.fields],
        "doubled": [column for column in profile.fields if columns.count(column) > 1],
    }
    if any(faults.values()):
        told = "; ".join(f"{kind} columns: {', '.join(names)}" for kind, names in faults.items() if names)
        raise ImportFileError(reason=told)
    return columns


def _missing(columns: Sequence[str], profile: Profile) -> list[str]:
    needed: list[tuple[str, ...]] = [(name,) for name, field in profile.fields.items() if field.required]
    needed += [*profile.required_any, (profile.segment.field,)]
    return list(dict.fromkeys(" or ".join(group) for group in needed if not set(group) & set(columns)))


def _shown(column: str) -> str:
    """A column's name, harmless in a terminal; empty ones are said to be so."""
    plain = "".join(character if character.isprintable() else "?" for character in column)
    return plain[:COLUMN_NAME_LONGEST] or "(without a name)"
