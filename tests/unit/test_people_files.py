"""CSV files as they come: separators, line ends, headers that do not fit, rows that are none."""

import csv
import io
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.people_files import (
    FIELDS,
    HEADER,
    PROFILE,
    ROW,
    SECRET,
    chunks_of,
    columns_of,
    faults_of,
    numbers_of,
    refusal,
    saved,
)

from cloison.errors import ImportFileError
from cloison.register.fields import Reason
from cloison.register.files import Mapping, RejectFile, escaped, open_people
from cloison.register.files.table import table_of
from cloison.register.records import Reject


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}\n{ROW}\n",
        f"{HEADER}\r\n{ROW}\r\n",
        f"{HEADER}\r{ROW}\r",
        f"{HEADER}\n{ROW}",
        f"\ufeff{HEADER}\n{ROW}\n",
        f"{HEADER}\n{ROW}\n".replace(",", ";"),
        f"{HEADER}\n\n{ROW}\n\n",
        f'"{HEADER}"\n"{ROW}"\n'.replace(",", '","'),
        f"{HEADER}\n{ROW}\n".replace("LE GALL", '"LE GALL"'),
        f" {HEADER} \n{ROW}\n".replace(",", " , ", 2).replace(" , LE", ",LE"),
        f"{HEADER.upper()}\n{ROW}\n",
    ],
    ids=[
        "lf",
        "crlf",
        "cr",
        "no-end",
        "bom",
        "semicolon",
        "blank-lines",
        "quoted",
        "some-quoted",
        "spaces",
        "capitals",
    ],
)
def test_one_file_written_in_many_ways_is_read_alike(tmp_path: Path, content: str) -> None:
    """Comma or semicolon, with or without BOM, quotes and case, and any line end."""
    assert columns_of(saved(tmp_path, content)) == {
        field: [value] for field, value in zip(FIELDS, ROW.split(","), strict=True)
    }


def test_rows_are_counted_as_a_spreadsheet_does(tmp_path: Path) -> None:
    """The header is row 1; a line end inside quotes makes no new row; a blank line does."""
    content = f'{HEADER}\n{ROW}\n\n"284132A00401203","LE\nGALL",ZOÉ,1984-02-29,space,59350\n{ROW}\n'
    path = saved(tmp_path, content)
    assert numbers_of(path) == [2, 4, 5]
    assert columns_of(path)["birth_name"] == ["LE GALL", "LE\nGALL", "LE GALL"]


@pytest.mark.parametrize("row", [f"{ROW},more", ROW.rpartition(",")[0]], ids=["more", "fewer"])
@pytest.mark.parametrize("quote", ["", '"'], ids=["plain", "quoted"])
def test_a_row_of_other_columns_is_a_row_and_no_person(tmp_path: Path, row: str, quote: str) -> None:
    """It is counted and refused; those before and after it are read."""
    rows = [row, ROW, row.replace("ZOÉ", f"{quote}ZOÉ{quote}"), ROW]
    path = saved(tmp_path, "\n".join([HEADER, *rows]))
    assert faults_of(path) == [(2, "columns"), (4, "columns")]
    assert numbers_of(path) == [3, 5]


def test_more_and_fewer_columns_do_not_make_up_for_each_other(tmp_path: Path) -> None:
    """A cell moved from one row into the next shifts nobody's values into another person's."""
    path = saved(tmp_path, f"{HEADER}\n{ROW},x\n{ROW.rpartition(',')[0]}\n{ROW}\n")
    assert faults_of(path) == [(2, "columns"), (3, "columns")]
    assert columns_of(path)["commune"] == ["59350"]


@pytest.mark.parametrize("rows", [1, 7, 100, 5_000])
def test_chunks_are_as_long_as_asked_for(tmp_path: Path, rows: int) -> None:
    """Every row is in one chunk, in order, and the bytes read grow to the file's size."""
    lines = [ROW.replace("LE GALL", f"P{number}") for number in range(2, 2_502)]
    path = saved(tmp_path, "\n".join([HEADER, *lines]))
    chunks = chunks_of(path, rows=rows)
    assert [chunk.rows for chunk in chunks[:-1]] == [rows] * (len(chunks) - 1)
    assert [number for chunk in chunks for number in chunk.numbers] == list(range(2, 2_502))
    assert [value for chunk in chunks for value in chunk.columns["birth_name"]] == [f"P{n}" for n in range(2, 2_502)]
    assert chunks[-1].read_bytes == path.stat().st_size
    assert [chunk.first_row for chunk in chunks] == [chunk.numbers[0] for chunk in chunks]


def test_what_the_file_is_like_is_known_before_its_rows(tmp_path: Path) -> None:
    """Columns in the file's order, size and encoding; how many people is not known."""
    path = saved(tmp_path, f"{HEADER}\n{ROW}\n")
    with open_people(path, PROFILE) as file:
        assert file.columns == tuple(FIELDS)
        assert file.size_bytes == path.stat().st_size
        assert file.rows_known is None
        assert (file.encoding, file.detected) == ("utf-8", True)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (HEADER.replace("birth_date,", ""), "missing columns: birth_date"),
        (HEADER.replace("nir,", ""), "missing columns: nir or identifier"),
        (HEADER.replace(",commune", ""), "missing columns: commune"),
        (f"{HEADER},colour,taste", "unknown columns: colour, taste. A mapping file (--mapping)"),
        (f"{HEADER},nir", "doubled columns: nir"),
        (f"{HEADER},NIR ", "doubled columns: NIR"),
        (f"{HEADER},", "unknown columns: (without a name)"),
        (f"{HEADER},\x1b[2J", "unknown columns: ?[2J"),
        (f"{HEADER},{'x' * 500}", "unknown columns: " + "x" * 40 + "."),
        (f"{HEADER},{','.join(f'c{n}' for n in range(30))}", "c19 and 10 more"),
        (f'{HEADER},"open', "row 1 is not CSV"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_by_name(tmp_path: Path, header: str, told: str) -> None:
    """Missing, unknown and doubled columns are named, harmlessly for a terminal."""
    assert told in refusal(saved(tmp_path, f"{header}\n"))


def test_a_file_without_a_header_does_not_spill_its_first_person(tmp_path: Path) -> None:
    """What stands where the header should be is somebody: the error repeats none of it."""
    told = refusal(saved(tmp_path, f"284132A00401203,{SECRET},ZOÉ,1984-02-29,space,59350\n"))
    assert "is the header there" in told
    assert "1984" not in told


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", "\ufeff\n", " ,, \n"])
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, content: str) -> None:
    """Nothing, blank lines or a mark alone."""
    assert "it is empty" in refusal(saved(tmp_path, content))


@pytest.mark.parametrize("content", [HEADER, f"{HEADER}\n", f"{HEADER}\n\n\n"])
def test_a_header_alone_holds_nobody(tmp_path: Path, content: str) -> None:
    """It is a file of no people, and no error."""
    assert chunks_of(saved(tmp_path, content)) == []


def test_a_line_without_end_is_refused_and_memory_stays_bounded(tmp_path: Path) -> None:
    """What comes before it is read; the error names its row."""
    path = saved(tmp_path, f"{HEADER}\n{ROW}\n".encode() + SECRET.encode() * 200_000)
    assert "row 3 is longer than 1,048,576 characters" in refusal(path)
    assert "row 1 is longer" in refusal(saved(tmp_path, f"{HEADER},".encode() + b"x" * 2_000_000))


@pytest.mark.parametrize("quote", ["", '"'])
def test_characters_that_end_nothing_stay_in_their_value(tmp_path: Path, quote: str) -> None:
    """NUL, a lone carriage return, vertical tab, line separators: for the check of the field to refuse."""
    for character in ("\0", "\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\x1a"):
        row = ROW.replace("LE GALL", f"{quote}LE{character}GALL{quote}")
        path = saved(tmp_path, f"{HEADER}\n{row}\n{ROW}\n")
        first, second = columns_of(path)["birth_name"]
        assert second == "LE GALL"
        assert not first.isprintable()
        assert numbers_of(path) == [2, 3]


def test_a_formula_stays_what_it_is(tmp_path: Path) -> None:
    """Inside, a value is kept as it was written; only exports escape it."""
    path = saved(tmp_path, f"{HEADER}\n{ROW}\n".replace("LE GALL", "=1+1"))
    assert columns_of(path)["birth_name"] == ["=1+1"]


cells = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"),
    max_size=12,
) | st.sampled_from(["", '"', '""', ",", ";", '","', '";"', "=1", " ", "'"])


@given(
    rows=st.lists(st.lists(cells, min_size=6, max_size=6), max_size=30),
    delimiter=st.sampled_from([",", ";"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    delimiter: str,
    quoting: Literal[0, 1],
    line_end: str,
) -> None:
    """Any text in any cell comes back, however the writer quotes."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=line_end).writerows([FIELDS, *rows])
    path = saved(tmp_path_factory.getbasetemp(), text.getvalue(), "written.csv")
    expected = {field: [row[index] for row in rows] for index, field in enumerate(FIELDS)} if rows else {}
    assert columns_of(path, rows=7, encoding="utf-8", delimiter=delimiter) == expected


@given(st.text('ab",\n', max_size=60), st.integers(1, 3))
def test_the_short_way_reads_what_csv_reads(lines: str, width: int) -> None:
    """Where rows are split rather than parsed, every value is the one that Python's reader gives."""
    text = f"{lines}\n"
    try:
        expected = [row for row in csv.reader(io.StringIO(text, newline="\n"), strict=True) if len(row) == width]
    except csv.Error:
        return
    table = table_of(text, ",", width, 2)
    if table.glued is None:
        assert [list(row) for row in zip(*table.columns, strict=True)] == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+33", "'+33"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        (" =1", "' =1"),
        ("\uff1d1", "'\uff1d1"),
        ("LE GALL", "LE GALL"),
        ("", ""),
        ("L'HER-=", "L'HER-="),
    ],
)
def test_an_export_escapes_what_a_spreadsheet_would_calculate(value: str, shown: str) -> None:
    """An apostrophe makes text of it; what is no formula stays as it is."""
    assert escaped(value) == shown


def test_rejects_lie_beside_the_file_and_an_older_one_is_replaced(tmp_path: Path) -> None:
    """One row a reason; what an earlier import refused is gone; nothing in it is a formula."""
    people = tmp_path / "people.csv"
    (tmp_path / "people.csv.rejects.csv").write_text("old", encoding="utf-8")
    with RejectFile(people) as rejects:
        rejects.write(7, [Reject("nir", Reason.NIR_KEY, "1•••"), Reject("email", Reason.EMAIL, "")])
        rejects.write(8, [Reject("=x", Reason.EMAIL, "@•••")])
    with rejects.path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["row", "field", "reason", "value"],
            ["7", "nir", "nir_key", "1•••"],
            ["7", "email", "email", ""],
            ["8", "'=x", "email", "'@•••"],
        ]


def test_rejects_that_cannot_be_written_stop_the_import_before_it_begins(tmp_path: Path) -> None:
    """Nobody is refused silently."""
    (tmp_path / "people.csv.rejects.csv").mkdir()
    with pytest.raises(ImportFileError, match="cannot be written"):
        RejectFile(tmp_path / "people.csv")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("people.csv.gz", b"\x1f\x8b\x08\x00", "unpack it first (gunzip)"),
        ("people.csv", b"\x28\xb5\x2f\xfd", "unpack it first (unzstd)"),
        ("people.csv.zst", b"whatever", "unpack it first"),
        ("people.xlsx", b"PK\x03\x04", "save its sheet as CSV"),
        ("people.xls", b"\xd0\xcf\x11\xe0", "save its sheet as CSV"),
        ("people.pdf", b"%PDF-1.7", "is a PDF"),
    ],
)
def test_what_is_packed_or_a_workbook_is_refused_with_what_to_do(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    """By its first bytes, or its name."""
    assert told in refusal(saved(tmp_path, content, name))


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    """With the path, which the operator typed."""
    assert "nobody.csv" in refusal(tmp_path / "nobody.csv")
    assert str(tmp_path) in refusal(tmp_path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_delimiter_is_detected(tmp_path: Path, delimiter: str) -> None:
    """The header says it; nobody needs to."""
    path = saved(tmp_path, f"{HEADER}\n{ROW}\n".replace(",", delimiter))
    assert columns_of(path)["birth_name"] == ["LE GALL"]


def test_a_carriage_return_within_the_header_is_refused(tmp_path: Path) -> None:
    """As a row that is not CSV, without its text."""
    assert "row 1 is not CSV" in refusal(saved(tmp_path, f"{HEADER}\n{ROW}\n".replace(",", "\r,", 1)))


def test_a_delimiter_given_is_taken_and_a_wrong_one_refused(tmp_path: Path) -> None:
    """The one on the command line goes before the mapping's."""
    path = saved(tmp_path, f"{HEADER}\n{ROW}\n".replace(",", "\t"))
    assert columns_of(path, Mapping(delimiter=";"), delimiter="\t")["birth_name"] == ["LE GALL"]
    assert "the delimiter must be" in refusal(path, delimiter="x")
