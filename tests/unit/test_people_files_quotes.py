"""Stray quotes: found quickly, named by row and column, and nobody swallowed silently."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.people_files import FIELDS, HEADER, PROFILE, ROW, chunks_of, columns_of, refusal, saved

from cloison.errors import ImportFileError
from cloison.register.files import Mapping, open_people

STRAY = ROW.replace("LE GALL", '"QUERCY')  # row and column of the quote are what must be told
QUOTED = '"' + ROW.replace(",", '","') + '"'
MANY = 60_000  # rows: 3 MB, many blocks


@pytest.mark.parametrize("before", [0, 1, 2_000])
@pytest.mark.parametrize("after", [0, 1, 50, 5_000])
def test_a_stray_quote_is_found_where_it_begins(tmp_path: Path, before: int, after: int) -> None:
    """However many rows follow it, the message names its own row and column."""
    path = saved(tmp_path, "\n".join([HEADER, *[ROW] * before, STRAY, *[ROW] * after]))
    assert f"row {before + 2}, column 2 (birth_name) begins with a quote" in refusal(path)


def test_the_rows_before_a_stray_quote_are_read(tmp_path: Path) -> None:
    """All of them and none after: the import can say how far it came."""
    path = saved(tmp_path, "\n".join([HEADER, *[ROW] * 2_500, STRAY, *[ROW] * 10]))
    with open_people(path, PROFILE) as file:
        chunks = file.chunks()
        assert [next(chunks).rows for _ in range(3)] == [1_024, 1_024, 452]
        with pytest.raises(ImportFileError):
            next(chunks)


def test_a_stray_quote_is_found_without_reading_the_rest(tmp_path: Path) -> None:
    """A quote in the second row of a long file costs a few blocks, not the file, and no square of it."""
    path = saved(tmp_path, "\n".join([HEADER, ROW, STRAY, *[ROW] * MANY]))
    begun = time.process_time()
    refusal(path)
    seconds = time.process_time() - begun
    begun = time.process_time()
    chunks_of(saved(tmp_path, "\n".join([HEADER, *[ROW] * MANY]), "sound.csv"))
    assert seconds < max(0.5, 2 * (time.process_time() - begun))


@pytest.mark.parametrize("lines", [1, 2, 5, 90])
@pytest.mark.parametrize("column", [1, 3, 6])
def test_two_stray_quotes_do_not_swallow_the_rows_between(tmp_path: Path, lines: int, column: int) -> None:
    """Between them several rows look like one cell of a sound row: that is told, not taken."""
    cells = ROW.split(",")
    opened = ",".join([*cells[: column - 1], f'"{cells[column - 1]}', *cells[column:]])
    closed = ",".join([*cells[: column - 1], f'{cells[column - 1]}"', *cells[column:]])
    path = saved(tmp_path, "\n".join([HEADER, ROW, opened, *[ROW] * (lines - 1), closed, ROW]))
    assert f"row 3, column {column} ({FIELDS[column - 1]}) begins with a quote" in refusal(path)


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (QUOTED.replace("LE GALL", 'LE "GALL'), 2),
        (QUOTED.replace("ZOÉ", 'Z"OÉ"'), 3),
        (QUOTED.replace('"59350"', '"59350"x'), 6),
        (ROW.replace("LE GALL", '"LE" GALL'), 2),
    ],
)
def test_a_quote_inside_quotes_is_told_with_its_column(tmp_path: Path, row: str, column: int) -> None:
    """What a lenient reader would make a name of is refused."""
    path = saved(tmp_path, f"{HEADER}\n{QUOTED}\n{row}\n{QUOTED}\n")
    assert f"row 3, column {column} ({FIELDS[column - 1]}) holds a quote" in refusal(path)


def test_a_quote_inside_a_bare_value_is_a_character(tmp_path: Path) -> None:
    """Only at the beginning of a cell does it open anything."""
    path = saved(tmp_path, f"{HEADER}\n{ROW.replace('LE GALL', 'LE' + chr(34) + 'GALL')}\n{ROW}\n")
    assert columns_of(path)["birth_name"] == ['LE"GALL', "LE GALL"]


@pytest.mark.parametrize("rows", [3, 3_000])
def test_comments_over_several_lines_are_passed_over(tmp_path: Path, rows: int) -> None:
    """A column that the mapping ignores may hold what it likes, over the ends of blocks too."""
    comment = '"called, wrote\r\n\nand ""waits"", again"'
    path = saved(tmp_path, "\r\n".join([f"{HEADER},Commentaire", *[f"{ROW},{comment}"] * rows]))
    chunks = chunks_of(path, Mapping(ignore=("commentaire",)))
    assert [number for chunk in chunks for number in chunk.numbers] == list(range(2, rows + 2))
    assert all(set(chunk.columns["birth_name"]) == {"LE GALL"} for chunk in chunks)
    assert list(chunks[0].columns) == FIELDS


def test_a_comment_of_a_hundred_lines_is_too_many(tmp_path: Path) -> None:
    """A quoted cell ends within a hundred lines, wherever a block ends."""
    path = saved(tmp_path, f'{HEADER},Commentaire\n{ROW},"{"x" * 10}{chr(10) * 101}"\n{ROW},\n')
    assert "row 2, column 7 begins with a quote" in refusal(path, Mapping(ignore=("commentaire",)))


@given(
    rows=st.integers(0, 6),
    place=st.tuples(st.integers(0, 6), st.integers(0, 200)),
)
def test_one_quote_anywhere_loses_nobody(
    tmp_path_factory: pytest.TempPathFactory, rows: int, place: tuple[int, int]
) -> None:
    """A file with a quote too many is refused, or all of its rows are accounted for."""
    lines = [ROW] * (rows + 1)
    line, at = place[0] % len(lines), place[1] % (len(ROW) + 1)
    lines[line] = ROW[:at] + '"' + ROW[at:]
    path = saved(tmp_path_factory.getbasetemp(), "\n".join([HEADER, *lines]), "quote.csv")
    told, accounted_for = "", 0
    with open_people(path, PROFILE) as file:
        try:
            for chunk in file.chunks():
                accounted_for += chunk.rows + len(chunk.faults)
        except ImportFileError as error:
            told = str(error)
    if told:
        assert f"row {line + 2}, column {ROW[:at].count(',') + 1} " in told
        assert accounted_for == line
    else:
        assert accounted_for == len(lines)
