"""What a file of people gives, whatever its kind: chunks of columns, all text."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from cloison.register.records import Reject


class Chunk(NamedTuple):
    """Some rows of a file.

    Rows are numbered as a spreadsheet does: the header of a CSV is row 1, a line end inside quotes makes no new row,
    a blank line does. Parquet has no header row: its first person is row 1.
    """

    first_row: int  # the first row this chunk is about, be it one of `numbers` or of `faults`
    rows: int
    columns: dict[str, list[str]]  # by field of the profile; every value text, "" where nothing; each `rows` long
    numbers: Sequence[int]  # the row of each; blank lines and malformed rows have none
    faults: list[tuple[int, Reject]]  # rows that cannot be read as rows
    read_bytes: int  # how far into the file this is, for the time left


class PeopleFile(ABC):
    """An import file whose header is checked. Made by `open_people`; a context manager."""

    columns: tuple[str, ...]  # the fields of the profile that the file has, in the file's order
    size_bytes: int
    rows_known: int | None = None  # people in it, where the file says so
    encoding: str = ""  # of a CSV
    detected: bool = False  # whether the encoding was worked out rather than given

    @abstractmethod
    def chunks(self, rows: int = 1_024) -> Iterator[Chunk]:
        """All rows, once, at most `rows` at a time.

        Raises ImportFileError at what cannot be read, after the chunks before it.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    def __enter__(self) -> Self:
        """The file itself."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()
