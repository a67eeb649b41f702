"""Files that are not as they should be, by the command line: what is said, and the register before or after."""

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.contents import assert_holds, assert_part_of
from support.desk import ELSEWHERE, SEGMENT
from support.disks import PAGE, full, small_disk
from support.imports import imported, loading, saved, term_indexes
from support.operated import OperatedHome, rows_of

from cloison.register import synthetic

PEOPLE = 2_000
STRAY_ROW = 1_700
STRAY_ROW_FAR = 10_000_000
Row = dict[str, str]


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedHome]:
    """A home of this module's own, nobody in it until a test succeeds."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"))
    operated.initialise()
    synthetic.write(operated.folder / "people.csv", PEOPLE, seed=21, departments=[SEGMENT, ELSEWHERE])
    yield operated
    operated.stop()


@pytest.fixture
def people(operated: OperatedHome) -> list[Row]:
    """The rows of a file that is as it should be."""
    return rows_of(operated.folder / "people.csv")


def text_of(people: list[Row], path: Path) -> str:
    """Those rows as the text of a CSV."""
    return saved(path, people).read_text(encoding="utf-8")


def cut(people: list[Row], path: Path) -> Path:
    """A Parquet file of which half arrived."""
    whole = path.with_name("whole.parquet")
    synthetic.write(whole, len(people), seed=21, departments=[SEGMENT, ELSEWHERE])
    path = path.with_name("cut.parquet")
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return path


def damaged(people: list[Row], path: Path) -> Path:
    """A Parquet file whose end is there, and whose middle is not what was written."""
    path = path.with_name("damaged.parquet")
    synthetic.write(path, len(people), seed=21, departments=[SEGMENT, ELSEWHERE])
    content = bytearray(path.read_bytes())
    group = pq.read_metadata(path).row_group(0)
    for column in range(group.num_columns):
        start = group.column(column).data_page_offset
        content[start : start + 200] = b"\xff" * 200
    path.write_bytes(content)
    return path


def empty(people: list[Row], path: Path) -> Path:
    """Nothing at all."""
    assert people
    path.write_bytes(b"")
    return path


def doubled(people: list[Row], path: Path) -> Path:
    """One column's name twice."""
    path.write_text(text_of(people, path).replace("usage_name", "birth_name", 1), encoding="utf-8")
    return path


def swapped(people: list[Row], path: Path) -> Path:
    """Dates under the postcodes' name and the other way round."""
    return saved(path, [{**row, "birth_date": row["postcode"], "postcode": row["birth_date"]} for row in people])


def headless(people: list[Row], path: Path) -> Path:
    """The first row is somebody."""
    path.write_text(text_of(people, path).partition("\n")[2], encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (cut, r"cut short"),
        (damaged, r"damaged\.parquet is damaged or encrypted"),
        (empty, r"it is empty; its first row must name the columns"),
        (doubled, r"doubled columns: birth_name"),
        (swapped, r"birth_date seems to stand under postcode.*Nobody was imported"),
        (headless, r"its first row names no column of jobseekers-fr"),
    ],
)
def test_a_file_that_cannot_be_imported_leaves_the_register_as_it_was(
    operated: OperatedHome, people: list[Row], broken: Callable[[list[Row], Path], Path], told: str, tmp_path: Path
) -> None:
    """Exit code 1, one line that says what is wrong and none of anybody's data; nobody is in, searches work."""
    path = broken(people, tmp_path / "broken.csv")
    before = assert_part_of(operated, people)
    done = operated.run("people", "import", path, "--json")
    assert (done.status, done.out) == (1, "")
    [line] = done.err.splitlines()
    assert re.match(f"import_file: The file cannot be imported: .*{told}", line), line
    assert not any(row["birth_name"] in line for row in people[:50] if len(row["birth_name"]) > 4)
    assert assert_part_of(operated, people) == before
    assert not loading(operated)
    assert term_indexes(operated) == 7


def test_a_header_twice_is_a_row_that_is_refused(operated: OperatedHome, people: list[Row], tmp_path: Path) -> None:
    """Two files put together: the second header is told as a row that is nobody, and everybody else is in."""
    first = text_of(people[: PEOPLE // 2], tmp_path / "first.csv")
    second = text_of(people[PEOPLE // 2 :], tmp_path / "second.csv")
    path = tmp_path / "both.csv"
    path.write_text(first + second, encoding="utf-8")
    done = operated.run("people", "import", path, "--json")
    assert (done.status, done.json()["rejected"]) == (1, 1)
    rejects = rows_of(path.with_name("both.csv.rejects.csv"))
    assert {reject["row"] for reject in rejects} == {str(PEOPLE // 2 + 2)}
    assert {"birth_date", "category"} <= {reject["field"] for reject in rejects}
    assert_holds(operated, people)


def test_ten_per_cent_bad_rows_are_told_and_nobody_else_kept_out(
    operated: OperatedHome, people: list[Row], tmp_path: Path
) -> None:
    """Exit code 1; FILE.rejects.csv has each bad row's number, field, reason and a mask; the counts agree."""
    faults = {"birth_date": "31/12/1980", "nir": "123", "category": "x", "commune": "99999"}
    rows = [dict(row) for row in people]
    wanted = {}
    for number, index in enumerate(random.Random(1).sample(range(PEOPLE), PEOPLE // 10)):  # noqa: S311 - a test's choice
        field = list(faults)[number % len(faults)]
        rows[index][field] = faults[field]
        wanted[str(index + 2)] = field
    done = operated.run("people", "import", saved(tmp_path / "bad.csv", rows), "--json")
    summary = done.json()
    assert (done.status, summary["read"], summary["rejected"]) == (1, PEOPLE, PEOPLE // 10)
    assert summary["inserted"] + summary["known"] == PEOPLE - PEOPLE // 10
    told = rows_of(tmp_path / "bad.csv.rejects.csv")
    assert {reject["row"]: reject["field"] for reject in told} == wanted
    assert {reject["value"] for reject in told} & set(faults.values()) <= {"x"}  # which is a mask of itself, or shorter
    assert_part_of(operated, people)


def stray(lines: list[str], row: int) -> str:
    """Those lines with one quote too many, before the third column of that row."""
    cells = lines[row - 1].split(",")
    cells[2] = f'"{cells[2]}'
    return "\n".join([*lines[: row - 1], ",".join(cells), *lines[row:]])


def test_a_stray_quote_is_told_with_row_and_column(tmp_path: Path) -> None:
    """The import stops there: whoever is in is whole and stands before it; mended, the file completes the register."""
    operated = OperatedHome(tmp_path)
    operated.initialise()
    try:
        path = tmp_path / "people.csv"
        synthetic.write(path, PEOPLE, seed=22, departments=[SEGMENT, ELSEWHERE])
        right, rows = path.read_text(encoding="utf-8"), rows_of(path)
        path.write_text(stray(right.split("\n"), STRAY_ROW), encoding="utf-8")
        done = operated.run("people", "import", "people.csv", "--json")
        assert (done.status, done.out) == (1, "")
        assert re.search(rf"row {STRAY_ROW}, column 3 \(\w+\) begins with a quote that is not closed", done.err)
        assert_part_of(operated, rows[: STRAY_ROW - 2])
        assert not loading(operated)
        path.write_text(right, encoding="utf-8")
        summary = imported(operated, "people.csv")
        assert summary["inserted"] + summary["known"] == PEOPLE
        assert_holds(operated, rows)
    finally:
        operated.stop()


@pytest.mark.soak
def test_a_stray_quote_in_row_ten_million(operated: OperatedHome, people: list[Row], tmp_path: Path) -> None:
    """Among ten million rows, nearly all of them known, the one quote is told with its row and column."""
    path = tmp_path / "people.csv"
    lines = text_of(people, path).splitlines(keepends=True)
    cells = lines[1].split(",")
    cells[2] = f'"{cells[2]}'
    with path.open("w", encoding="utf-8") as file:
        file.write(lines[0])
        row = 2
        while row < STRAY_ROW_FAR:
            block = lines[1 : 1 + STRAY_ROW_FAR - row]
            file.writelines(block)
            row += len(block)
        file.write(",".join(cells))
        file.writelines(lines[1:])
    process = operated.start("people", "import", path, "--json")
    out, err = process.communicate()
    assert (process.returncode, out) == (1, "")
    assert f"row {STRAY_ROW_FAR}, column 3 (" in err
    assert_holds(operated, people)


def test_no_room_for_the_rejects(operated: OperatedHome, people: list[Row], tmp_path: Path) -> None:
    """The disk of the file is full: the import stops and says which file it cannot write; run again, all are told."""
    with small_disk(tmp_path / "small", 8) as disk:
        bad = [{**row, "birth_date": "31/12/1980"} if number % 2 else row for number, row in enumerate(people)]
        path = saved(disk / "people.csv", bad)
        with full(disk, but_bytes=PAGE):
            done = operated.run("people", "import", path, "--json")
        assert (done.status, done.out) == (1, "")
        assert done.err.splitlines()[-1] == (
            f"import_file: The file cannot be imported: {path}.rejects.csv cannot be written (No space left on device)."
        )
        assert_part_of(operated, people)
        again = operated.run("people", "import", path, "--json")
        assert (again.status, again.json()["rejected"]) == (1, PEOPLE // 2)
        assert len(rows_of(disk / "people.csv.rejects.csv")) == PEOPLE // 2
