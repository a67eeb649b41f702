"""Quotes as CSV means them: where a row stands in them, and when several rows lie glued in one field. No I/O.

A field is quoted if it begins with a quote; inside, a quote is written twice. So one stray quote at the beginning of
a field takes all that follows for the field's, until the next quote. Left out on purpose: guessing where the field
should have ended. A reader that guesses drops people silently.
"""

import re
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

QUOTE = '"'
LINES_MOST = 100  # in one field


class Flaw(Enum):
    """Why a row does not end properly."""

    NONE = auto()
    OPEN = auto()  # the text ends inside quotes
    GOES_ON = auto()  # something other than a delimiter follows the closing quote


class Scan(NamedTuple):
    """What a row's text is like, and the column (from 1) of the flaw, or the last one."""

    flaw: Flaw
    column: int


def scan(text: str, delimiter: str) -> Scan:
    """The first row of `text`, read until its end, the text's, or the first flaw."""
    stop = re.compile(f"[{re.escape(delimiter)}\n]")
    position, column = 0, 1
    while True:
        if text.startswith(QUOTE, position):
            position = _after_quoted(text, position)
            if position < 0:
                return Scan(Flaw.OPEN, column)
            if text[position : position + 1] not in {delimiter, "\n", ""}:
                return Scan(Flaw.GOES_ON, column)
        found = stop.search(text, position)
        if found is None or found[0] == "\n":
            return Scan(Flaw.NONE, column)
        position = found.end()
        column += 1


def _after_quoted(text: str, start: int) -> int:
    """The place after the quote that closes the field which begins at `start`; -1 if nothing closes it."""
    position = start + 1
    while (closing := text.find(QUOTE, position)) >= 0:
        if not text.startswith(QUOTE, closing + 1):
            return closing + 1
        position = closing + 2
    return -1


def glued(row: Sequence[str], delimiter: str, width: int) -> int:
    """The column (from 1) of a field that swallowed whole rows between two stray quotes; 0 if there is none.

    A field that runs over lines is a comment or such, unless the row has, with the delimiters inside, as many of
    them as its lines would have had as rows of `width` columns; or unless its lines are more than a hundred.
    """
    lines = [field.count("\n") for field in row]
    if not any(lines):
        return 0
    column = lines.index(max(lines))
    inside = sum(field.count(delimiter) for field, count in zip(row, lines, strict=True) if count)
    if max(lines) > LINES_MOST or len(row) - 1 + inside >= (sum(lines) + 1) * (width - 1):
        return column + 1
    return 0
