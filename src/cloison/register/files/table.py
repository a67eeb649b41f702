"""From lines of CSV to columns, as fast as Python goes. No I/O.

Text in which no value is quoted, or every one, takes the short way: one split for all of its rows. Everything else, and
rows of other columns, go through `csv`, which takes about twice as long.
"""

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from cloison.register.fields import Reason
from cloison.register.files.quotes import QUOTE, glued
from cloison.register.records import Reject

LINE_LONGEST = 1 << 20  # characters; a longer line is not a row of people
# The limit is the process's. Ours are on lines, so that no field is found too long before its line is.
csv.field_size_limit(2 * LINE_LONGEST)


class Table(NamedTuple):
    """Rows as columns, with the numbers of those that have them."""

    columns: list[list[str]]
    numbers: Sequence[int]
    faults: list[tuple[int, Reject]]
    taken: int  # rows of every kind
    rest: str = ""  # of the text: a row that does not end, or not properly
    glued: tuple[int, int] | None = None  # row and column of a quote too many: from this row on nothing is taken


def table_of(text: str, delimiter: str, width: int, first_row: int) -> Table:
    """The rows of `text`, which are whole lines ending in a line feed; the first has the number `first_row`."""
    columns = _split(text, delimiter, width)
    if columns is not None:
        rows = len(columns[0])
        return Table(columns, range(first_row, first_row + rows), [], rows)
    found = _parsed_by_line(text, delimiter)
    if found is not None:
        return _table(found, width, first_row)
    found, rest = _parsed(text, delimiter)
    place = next(((index, column) for index, row in enumerate(found) if (column := glued(row, delimiter, width))), None)
    if place is None:
        return _table(found, width, first_row, rest)
    index, column = place
    return _table(found[:index], width, first_row)._replace(glued=(first_row + index, column))


def _table(found: list[list[str]], width: int, first_row: int, rest: str = "") -> Table:
    if set(map(len, found)) == {width}:
        numbers: Sequence[int] = range(first_row, first_row + len(found))
        return Table([list(column) for column in zip(*found, strict=True)], numbers, [], len(found), rest)
    good = [(number, row) for number, row in enumerate(found, first_row) if len(row) == width]
    columns = [list(column) for column in zip(*(row for _, row in good), strict=True)]
    faults = [
        (number, Reject("", Reason.COLUMNS, ""))
        for number, row in enumerate(found, first_row)
        if row and len(row) != width
    ]
    numbers = [number for number, _ in good]
    return Table(columns or [[] for _ in range(width)], numbers, faults, len(found), rest)


def _split(text: str, delimiter: str, width: int) -> list[list[str]] | None:
    """The columns of rows where no value is quoted, or all are and hold no quote; None for all other text."""
    quotes, lines = text.count(QUOTE), text.count("\n")
    if width == 1 or quotes not in {0, 2 * lines * width}:
        return None  # of one column, a blank line would be a row
    # each line end becomes a column of its own: where they all stand one above the other, all rows have `width`
    if quotes:
        between = f"{QUOTE}{delimiter}{QUOTE}"
        cells = text[1:-2].replace(f"{QUOTE}\n{QUOTE}", f"{between}\n{between}").split(between)
        cells.append("\n")
    else:
        cells = text.replace("\n", f"{delimiter}\n{delimiter}").split(delimiter)
        cells.pop()
    ends = cells[width :: width + 1]
    if len(cells) != lines * (width + 1) or ends.count("\n") != lines or (quotes and text[0] + text[-2] != 2 * QUOTE):
        return None
    return [cells[index :: width + 1] for index in range(width)]


def _parsed_by_line(text: str, delimiter: str) -> list[list[str]] | None:
    """The rows of `text`, None if one runs over lines or does not end properly."""
    # a third faster than an iterator of lines with their ends, without which a field over lines would lose them
    lines = text.split("\n")
    lines.pop()
    try:
        found = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return found if len(found) == len(lines) else None


def _parsed(text: str, delimiter: str) -> tuple[list[list[str]], str]:
    """The rows of `text` up to the first that does not end properly, and the text from there."""
    lines = list(io.StringIO(text, newline="\n"))
    reader = csv.reader(iter(lines), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    done = 0
    try:
        for row in reader:
            rows.append(row)
            done = reader.line_num
    except csv.Error:
        pass  # not chained, as it may quote the row: the rest says where
    return rows, "".join(lines[done:])
