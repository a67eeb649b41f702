"""A CSV file of people, read in blocks: memory is bounded whatever the file's size, its lines' or a quote's.

Carriage returns before line feeds go; in a file without line feeds they end rows. Any other is a character that no
field takes.
"""

import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from cloison.errors import ImportFileError
from cloison.register.files.assembly import Assembly
from cloison.register.files.chunks import Chunk, PeopleFile
from cloison.register.files.encodings import SAMPLE_BYTES, Block, blocks, detect
from cloison.register.files.header import delimiter_of, fields_of
from cloison.register.files.mapping import DELIMITERS, Mapping, translations
from cloison.register.files.quotes import LINES_MOST, Flaw, scan
from cloison.register.files.table import LINE_LONGEST, Table, table_of
from cloison.register.profile import Profile

QUOTED_LONGEST = 1 << 17  # characters of a row that runs over lines
STRAY_RETURN = "\v"  # as unprintable as a carriage return, but no end of a line


class CsvFile(PeopleFile):
    """A CSV file whose header is checked."""

    def __init__(
        self, path: Path, profile: Profile, mapping: Mapping, *, encoding: str | None, delimiter: str | None
    ) -> None:
        """Open `path`; raises ImportFileError if it cannot be read or its header does not fit."""
        if delimiter and delimiter not in DELIMITERS:
            raise ImportFileError(reason="the delimiter must be a comma, a semicolon, a tab or |")
        self._fields: list[str | None] = []
        self._row = 1  # the next one to be read
        self._file = _opened(path)
        try:
            sample = self._file.read(SAMPLE_BYTES)
            found = detect(sample, encoding)
            self.encoding, self.detected = found.name, found.detected
            self.size_bytes = path.stat().st_size
            self._blocks: Iterator[Block] = blocks(self._file, sample, found)
            header = self._first_line()
            self.delimiter = delimiter or delimiter_of(header)
            self._fields = fields_of(_cells(header, self.delimiter), profile, mapping)
        except BaseException:
            self._file.close()
            raise
        self.columns = tuple(field for field in self._fields if field)
        self._translations = translations(mapping, profile, self.columns)
        self._row = 2

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def chunks(self, rows: int = 1_024) -> Iterator[Chunk]:
        """All rows, once, at most `rows` at a time; see PeopleFile."""
        assembly = Assembly(self._fields, self._translations, rows)
        failure = None
        try:
            for table, read_bytes in self._tables():
                assembly.add(table.columns, table.numbers, table.faults, read_bytes=read_bytes)
                yield from assembly.full()
        except ImportFileError as error:
            failure = error
        yield from assembly.rest()
        if failure is not None:
            raise failure

    def _first_line(self) -> str:
        """The header; the blocks begin after it."""
        first = next(self._blocks)
        self._returns_end_rows = "\r" in first.text and "\n" not in first.text
        line, end, rest = self._with_line_feeds(first.text).partition("\n")
        if not end and first.broken:
            raise self._not_in_encoding(1, line, ",")
        if not end and first.read_bytes < self.size_bytes:
            raise ImportFileError(reason=f"row 1 is longer than {len(line):,} characters: is this a CSV file?")
        self._blocks = chain([first._replace(text=rest)], self._blocks)
        return line.rstrip("\r")

    def _with_line_feeds(self, text: str) -> str:
        return text.replace("\r", "\n") if self._returns_end_rows else text

    def _tables(self) -> Iterator[tuple[Table, int]]:
        """Tables of whole rows and how far they are; raises ImportFileError after those before what is wrong."""
        open_row = tail = ""  # a row that goes on inside quotes, then a line that does
        read_bytes = 0
        for block in self._blocks:
            read_bytes = block.read_bytes
            tail += self._with_line_feeds(block.text)
            end = tail.rfind("\n") + 1
            if end:
                table = self._table(open_row + _plain_ends(tail[:end]))
                open_row, tail = table.rest, tail[end:]
                yield table, read_bytes
                self._refuse_stray_quote(table, last=False)
            if block.broken:
                raise self._not_in_encoding(self._row, open_row + tail, self.delimiter)
            if len(tail) > LINE_LONGEST:
                raise self._error(f"is longer than {LINE_LONGEST:,} characters: is this a CSV file?")
        if open_row or tail:
            table = self._table(open_row + _plain_ends(f"{tail}\n" if tail else ""))
            yield table, read_bytes
            self._refuse_stray_quote(table, last=True)

    def _table(self, lines: str) -> Table:
        table = table_of(lines, self.delimiter, len(self._fields), self._row)
        self._row += table.taken
        return table

    def _refuse_stray_quote(self, table: Table, *, last: bool) -> None:
        if table.glued is not None:
            raise self._stray_quote(*table.glued)
        if not table.rest:
            return
        flaw, column = scan(table.rest, self.delimiter)
        short = len(table.rest) <= QUOTED_LONGEST and table.rest.count("\n") <= LINES_MOST
        if flaw is Flaw.OPEN and short and not last:
            return
        if flaw is Flaw.GOES_ON:
            raise self._error("holds a quote where none can be: inside quotes, write a quote twice", column)
        raise self._stray_quote(self._row, column)

    def _stray_quote(self, row: int, column: int) -> ImportFileError:
        told = "begins with a quote that is not closed in its row: remove it, or close it. Rows after it are not read"
        return self._error(told, column, row)

    def _not_in_encoding(self, row: int, begun: str, delimiter: str) -> ImportFileError:
        column = scan(begun, delimiter).column
        if self.detected:
            told = f"is not {self.encoding.upper()}: give the encoding (--encoding latin-1, cp1252 …), or save as UTF-8"
        else:
            told = f"is not {self.encoding.upper()}, the encoding given"
        return self._error(told, column, row)

    def _error(self, told: str, column: int | None = None, row: int | None = None) -> ImportFileError:
        name = self._fields[column - 1] if column and column <= len(self._fields) else None
        place = f", column {column}" if column else ""
        return ImportFileError(reason=f"row {row or self._row}{place}{f' ({name})' if name else ''} {told}")


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise ImportFileError(reason=f"{path} cannot be read ({error.strerror})") from error


def _plain_ends(lines: str) -> str:
    """Lines without the carriage returns of their ends; others become a character that does not end a line."""
    if "\r" not in lines:
        return lines
    return lines.replace("\r\n", "\n").replace("\r", STRAY_RETURN)


def _cells(header: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([header], delimiter=delimiter, strict=True), [])
    except csv.Error:
        # not chained: the error may quote the line
        raise ImportFileError(reason="row 1 is not CSV: a quote is not closed, or a line ends within a name") from None
