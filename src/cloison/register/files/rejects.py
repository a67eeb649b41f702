"""The file of those refused, and how a value is written into any CSV that a spreadsheet may open."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from cloison.errors import ImportFileError
from cloison.register.records import Reject

REJECT_COLUMNS = ("row", "field", "reason", "value")
# what begins a formula in a spreadsheet, full-width signs too; a line end or tab before one is passed over by some
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - those are meant


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
        with self._told():
            self._writer.writerow(REJECT_COLUMNS)

    def __enter__(self) -> Self:
        """The file itself."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close it; raises ImportFileError if its last lines cannot be written."""
        with self._told():
            self._file.close()

    def write(self, row: int, rejects: Iterable[Reject]) -> None:
        """Add the reasons why a row is refused; raises ImportFileError if they cannot be written."""
        for reject in rejects:
            self.add(row, reject.field, reject.reason.value, reject.masked)

    def add(self, row: int, field: str, reason: str, masked: str) -> None:
        """Add one reason, of other files than those of people too; raises as `write` does."""
        with self._told():
            self._writer.writerow((row, escaped(field), reason, escaped(masked)))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ImportFileError(reason=f"{self.path} cannot be written ({error.strerror})") from error


def escaped(value: str) -> str:
    """`value` as it goes into a CSV for people: with an apostrophe before what a spreadsheet would calculate.

    Values stay as they are inside; only an export escapes them.
    """
    return f"'{value}" if value.lstrip(" \u00a0").startswith(FORMULA_SIGNS) else value
