"""Files that say who may open whom, as they come in. CSV, comma, semicolon, tab or |, UTF-8.

No error here repeats a value: what stands where a header should be may be somebody's name.
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from cloison.errors import ImportFileError
from cloison.register.fields import InvalidValueError, check, mask
from cloison.register.files import delimiter_of
from cloison.register.profile import Profile
from cloison.register.terms import locator_inputs

LINE_BYTES = 1 << 16  # a longer line is no row of these files
LAST_DAY = "9999-12-31"  # locators are no dates, so that today does not matter


class Columns(NamedTuple):
    """What a file's header must and may have, beside one of the profile's locators."""

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()


class Refused(NamedTuple):
    """Why a row is refused; `value` is masked."""

    field: str
    reason: str
    value: str = ""


class RelationFile:
    """An open file whose header is checked; rows are counted as a spreadsheet does, the header being 1."""

    def __init__(self, path: Path, profile: Profile, columns: Columns) -> None:
        """Open `path`; raises ImportFileError if it cannot be read or its header does not fit."""
        self._path = path
        self._profile = profile
        try:
            self._file: BinaryIO = path.open("rb")
            self._bytes = path.stat().st_size
        except OSError as error:
            raise ImportFileError(reason=f"{path} cannot be read ({error.strerror})") from error
        try:
            self._row = 1
            self._read_bytes = 0
            lines = self._lines()
            first = self._first(lines)
            delimiter = delimiter_of(first.rstrip("\r\n"))
            self._reader = csv.reader(_again(first, lines), delimiter=delimiter, strict=True)
            self._columns = [column.strip() for column in self._next() or []]
            self.locator = _locator(self._columns, profile, columns)
        except BaseException:
            self._file.close()
            raise
        self.kind = profile.locators.index(self.locator)

    def __enter__(self) -> Self:
        """The file itself."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._file.close()

    @property
    def share(self) -> float:
        """How much of the file was read, between 0 and 1."""
        return self._read_bytes / self._bytes if self._bytes else 1.0

    def rows(self) -> Iterator[tuple[int, dict[str, str] | None]]:
        """Row number and values by column; None for a row whose columns are more or fewer than the header's.

        Blank lines are passed over. Raises ImportFileError at the first row that is not UTF-8 or not CSV.
        """
        while (row := self._next()) is not None:
            self._row += 1
            if row:
                fits = len(row) == len(self._columns)
                yield self._row, {n: v.strip() for n, v in zip(self._columns, row, strict=True)} if fits else None

    def person(self, row: dict[str, str]) -> bytes | Refused:
        """What the keeper hashes to find the person of this row, or why nobody can be found by it."""
        value = row[self.locator]
        try:
            kept = check(self._profile.fields[self.locator], value, today=LAST_DAY)
        except InvalidValueError as error:
            return Refused(self.locator, error.reason.value, mask(value))
        found = dict(locator_inputs(self._profile, {self.locator: kept} if kept else {}))
        return found.get(self.kind) or Refused(self.locator, "missing")

    def person_and_times(self, row: dict[str, str]) -> tuple[bytes, datetime | None, datetime | None] | Refused:
        """What the keeper hashes to find the row's person, and from when until when; or why the row is refused."""
        person = self.person(row)
        if isinstance(person, Refused):
            return person
        begins, ends = time_of(row, "from"), time_of(row, "until")
        if isinstance(begins, Refused):
            return begins
        if isinstance(ends, Refused):
            return ends
        return person, begins, ends

    def _next(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except (UnicodeDecodeError, csv.Error):
            # not chained: the error holds the line
            raise ImportFileError(reason=f"row {self._row + 1} is not UTF-8 or not CSV") from None

    @staticmethod
    def _first(lines: Iterator[str]) -> str:
        try:
            return next(lines, "")
        except UnicodeDecodeError:  # not chained, as below
            raise ImportFileError(reason="row 1 is not UTF-8 or not CSV") from None

    def _lines(self) -> Iterator[str]:
        encoding = "utf-8-sig"
        while line := self._file.readline(LINE_BYTES):
            self._read_bytes += len(line)
            if len(line) == LINE_BYTES:
                raise ImportFileError(reason=f"row {self._row + 1} is longer than {LINE_BYTES:,} bytes")
            yield line.decode(encoding)
            encoding = "utf-8"


def time_of(row: dict[str, str], column: str) -> datetime | Refused | None:
    """An ISO date or time, in the machine's time zone unless it says one; None where nothing stands."""
    text = row.get(column, "")
    try:
        return datetime.fromisoformat(text).astimezone() if text else None
    except (ValueError, OverflowError):
        return Refused(column, "value", mask(text))


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _locator(header: Sequence[str], profile: Profile, columns: Columns) -> str:
    """The one locator among the columns; raises ImportFileError if the header does not fit."""
    found = [name for name in profile.locators if name in header]
    allowed = {*columns.needed, *columns.optional, *profile.locators}
    if not set(columns.needed) <= set(header) or len(found) != 1 or not set(header) <= allowed:
        needed, locators = ", ".join(columns.needed), ", ".join(profile.locators)
        may = f"; {', '.join(columns.optional)} may follow" if columns.optional else ""
        raise ImportFileError(reason=f"it needs the columns {needed} and one of {locators}{may}")
    return found[0]
