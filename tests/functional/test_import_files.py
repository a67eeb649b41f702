"""Import files as they come: separators, encodings, headers that do not fit, rows that are none."""

import csv
from pathlib import Path

import pytest

from cloison.errors import ImportFileError
from cloison.register.fields import Reason
from cloison.register.people_files import PeopleFile, RejectFile
from cloison.register.profile import load_profile
from cloison.register.records import Reject

PROFILE = load_profile("jobseekers-fr")
HEADER = "nir,birth_name,first_names,birth_date,category,commune"
ROW = "284132A00401203,LE GALL,ZOÉ,1984-02-29,space,59350"
SECRET = "QUERCY"


def saved(tmp_path: Path, content: str | bytes) -> Path:
    """A file of this content."""
    path = tmp_path / "people.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows_of(path: Path) -> list[tuple[int, dict[str, str] | None]]:
    """All rows of a file."""
    with PeopleFile(path, PROFILE) as file:
        return list(file.rows())


def refusal(path: Path) -> str:
    """Why a file is refused."""
    with pytest.raises(ImportFileError) as caught:
        rows_of(path)
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}\n{ROW}\n",
        f"{HEADER}\r\n{ROW}\r\n",
        f"{HEADER}\n{ROW}",
        f"\ufeff{HEADER}\n{ROW}\n",
        f"{HEADER}\n{ROW}\n".replace(",", ";"),
        f"{HEADER}\n\n{ROW}\n\n",
        f'"{HEADER}"\n"{ROW}"\n'.replace(",", '","'),
        f" {HEADER} \n{ROW}\n".replace(",", " , ", 2).replace(" , LE", ",LE"),
    ],
    ids=["lf", "crlf", "no-end", "bom", "semicolon", "blank-lines", "quoted", "spaces-in-the-header"],
)
def test_one_file_written_in_many_ways_is_read_alike(tmp_path: Path, content: str) -> None:
    """Comma or semicolon, with or without BOM, quotes, and either line end."""
    (row,) = rows_of(saved(tmp_path, content))
    assert row[1] is not None
    assert row[1]["birth_name"] == "LE GALL"
    assert row[1]["first_names"] == "ZOÉ"


def test_rows_are_counted_as_a_spreadsheet_does(tmp_path: Path) -> None:
    """The header is row 1; a line end inside quotes makes no new row; a blank line does."""
    content = f'{HEADER}\n{ROW}\n\n"284132A00401203","LE\nGALL",ZOÉ,1984-02-29,space,59350\n{ROW}\n'
    rows = rows_of(saved(tmp_path, content))
    assert [number for number, _ in rows] == [2, 4, 5]
    assert rows[1][1] is not None
    assert rows[1][1]["birth_name"] == "LE\nGALL"


@pytest.mark.parametrize("row", [f"{ROW},more", ROW.rpartition(",")[0]], ids=["more", "fewer"])
def test_a_row_of_other_columns_is_a_row_and_no_person(tmp_path: Path, row: str) -> None:
    """It is counted and refused; those after it are read."""
    rows = rows_of(saved(tmp_path, f"{HEADER}\n{row}\n{ROW}\n"))
    assert rows[0] == (2, None)
    assert rows[1][1] is not None


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (HEADER.replace("birth_date,", ""), "missing columns: birth_date"),
        (HEADER.replace("nir,", ""), "missing columns: nir or identifier"),
        (HEADER.replace(",commune", ""), "missing columns: commune"),
        (f"{HEADER},colour,taste", "unknown columns: colour, taste"),
        (f"{HEADER},nir", "doubled columns: nir"),
        (f"{HEADER},", "unknown columns: (without a name)"),
        (f"{HEADER},\x1b[2J", "unknown columns: ?[2J"),
        (f"{HEADER},{'x' * 500}", "unknown columns: " + "x" * 40 + "."),
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


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        (f"{HEADER}\n{ROW}\n{SECRET} ZO".encode() + b"\xc9\n", "row 3 is not UTF-8"),
        (HEADER.encode("utf-16"), "row 1 is not UTF-8"),
        (f"{HEADER}\n{ROW}\n".encode() + SECRET.encode() * 200_000, "row 3 is longer"),
        (f'{HEADER}\n"{SECRET}'.encode() + b"x\n" * 70_000, "row 2 is not CSV"),
    ],
    ids=["empty", "blank", "bom-alone", "latin-1", "utf-16", "no-line-end", "open-quote"],
)
def test_what_is_no_file_of_people_is_refused_with_its_row(tmp_path: Path, content: bytes, told: str) -> None:
    """Empty, in another encoding, endless or with a quote left open: the reason and the row, none of the content."""
    assert told in refusal(saved(tmp_path, content))


def test_the_reason_is_not_chained_to_the_line(tmp_path: Path) -> None:
    """A traceback in a log shows no line of the file either."""
    with pytest.raises(ImportFileError) as caught:
        rows_of(saved(tmp_path, f"{HEADER}\n{SECRET} ZO".encode() + b"\xc9\n"))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    """With the path, which the operator typed."""
    assert "nobody.csv" in refusal(tmp_path / "nobody.csv")
    assert str(tmp_path) in refusal(tmp_path)


def test_rejects_lie_beside_the_file_and_an_older_one_is_replaced(tmp_path: Path) -> None:
    """One row a reason; what an earlier import refused is gone."""
    people = tmp_path / "people.csv"
    (tmp_path / "people.csv.rejects.csv").write_text("old", encoding="utf-8")
    with RejectFile(people) as rejects:
        rejects.write(7, [Reject("nir", Reason.NIR_KEY, "1•••"), Reject("email", Reason.EMAIL, "")])
    with rejects.path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["row", "field", "reason", "value"],
            ["7", "nir", "nir_key", "1•••"],
            ["7", "email", "email", ""],
        ]


def test_rejects_that_cannot_be_written_stop_the_import_before_it_begins(tmp_path: Path) -> None:
    """Nobody is refused silently."""
    (tmp_path / "people.csv.rejects.csv").mkdir()
    with pytest.raises(ImportFileError, match="cannot be written"):
        RejectFile(tmp_path / "people.csv")
