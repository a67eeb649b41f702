"""Chunks of the size that was asked for, out of tables of any. No I/O."""

from collections.abc import Iterator, Sequence

from cloison.register.files.chunks import Chunk
from cloison.register.files.mapping import Translation
from cloison.register.records import Reject


class Assembly:
    """Columns by field as they come together; at most a table more than a chunk."""

    def __init__(self, fields: Sequence[str | None], translations: dict[str, Translation], rows: int) -> None:
        """Take columns that are `fields` (None: passed over), and give chunks of `rows`."""
        self._fields = fields
        self._translations = translations
        self._rows = rows
        self._columns: dict[str, list[str]] = {field: [] for field in fields if field}
        self._numbers: list[int] = []
        self._faults: list[tuple[int, Reject]] = []
        self._read_bytes = 0

    def add(
        self,
        columns: Sequence[list[str]],
        numbers: Sequence[int],
        faults: Sequence[tuple[int, Reject]],
        *,
        read_bytes: int,
    ) -> None:
        """Take a table's columns, in the file's order, with the row numbers, and the faults found."""
        for field, column in zip(self._fields, columns, strict=True):
            if field:
                translate = self._translations.get(field)
                self._columns[field] += translate(column) if translate else column
        self._numbers += numbers
        self._faults += faults
        self._read_bytes = read_bytes

    def full(self) -> Iterator[Chunk]:
        """The chunks that are full."""
        while len(self._numbers) >= self._rows or len(self._faults) >= self._rows:
            yield self._cut()

    def rest(self) -> Iterator[Chunk]:
        """What is left at the end: a chunk that is not full, or none."""
        if self._numbers or self._faults:
            yield self._cut()

    def _cut(self) -> Chunk:
        rows = self._rows
        columns = {field: column[:rows] for field, column in self._columns.items()}
        for column in self._columns.values():
            del column[:rows]
        numbers, self._numbers = self._numbers[:rows], self._numbers[rows:]
        faults, self._faults = self._faults, []
        first = min([*numbers[:1], *(number for number, _ in faults[:1])])
        return Chunk(first, len(numbers), columns, numbers, faults, self._read_bytes)
