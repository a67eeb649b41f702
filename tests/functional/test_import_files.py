"""Files of people through the whole import, with a real database and keeper: other people's forms, and broken ones."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.database import Database

from cloison.config import Home
from cloison.errors import ImportFileError
from cloison.processes import keeper_of, running_keeper
from cloison.register import synthetic
from cloison.register.files import load_mapping
from cloison.register.intake import Reading, Register, Summary, import_file
from cloison.register.profile import load_profile
from cloison.store.pools import pool

PEOPLE = 400
PROFILE = load_profile("jobseekers-fr")
MAPPING = """
dates = "day-first"
ignore = ["Commentaire"]
[columns]
birth_name = "Nom de naissance"
first_names = "Prénoms"
birth_date = "Né(e) le"
[values.category]
"Inscrit" = "registered"
"Ancien inscrit" = "formerly"
"Espace personnel" = "space"
"""
WORDS = {"registered": "Inscrit", "formerly": "ANCIEN INSCRIT", "space": "Espace personnel"}
NAMES = {"birth_name": "NOM DE NAISSANCE", "first_names": "Prénoms", "birth_date": "Né(e) le"}

Rows = list[dict[str, str]]


@pytest.fixture(scope="module", autouse=True)
def _keeper(home: Home, passphrase_file: Path) -> Iterator[None]:
    """The keeper of the home, for this module."""
    with running_keeper(home, passphrase_file):
        yield


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A file of people of two departments."""
    path = tmp_path / "people.csv"
    synthetic.write(path, PEOPLE, seed=5, departments=["59", "2A"])
    return path


async def bring_in(database: Database, path: Path, reading: Reading | None = None) -> Summary:
    """Import a file as the command does."""
    connections = pool(database.conninfo("intake"), 2)
    async with keeper_of(database.home, "intake") as keeper, connections:
        return await import_file(path, Register(PROFILE, keeper, connections), reading=reading)


def rows_of(path: Path) -> Rows:
    """The rows of a file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def save(path: Path, rows: Rows, *, encoding: str = "utf-8", delimiter: str = ",") -> Path:
    """Write rows to a CSV file."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def rejects_of(path: Path) -> list[tuple[str, str, str]]:
    """Row, field and reason of those refused."""
    return [(row["row"], row["field"], row["reason"]) for row in rows_of(path.with_name(f"{path.name}.rejects.csv"))]


def files_of_rejects(folder: Path) -> list[Path]:
    """The files of rejects in a folder."""
    return list(folder.glob("*.rejects.csv"))


def people_in(database: Database) -> object:
    """How many people the register has."""
    return database.one("select count(*) from cloison.person")


def day_first(iso: str) -> str:
    """A date as French forms have it."""
    return "/".join(reversed(iso.split("-"))) if iso else ""


def in_french(row: dict[str, str]) -> dict[str, str]:
    """A row as somebody else's system exports it."""
    dates = {name for name, field in PROFILE.fields.items() if field.type == "date"}
    values = {name: day_first(value) if name in dates else value for name, value in row.items()}
    values["category"] = WORDS[values["category"]]
    return {NAMES.get(name, name): value for name, value in values.items()} | {"Commentaire": "a\nrappelé"}


async def test_somebody_elses_file_gives_the_same_register(database: Database, people: Path, tmp_path: Path) -> None:
    """Latin-1, semicolons, French headers, words and dates day first: everybody is known when the plain file comes."""
    foreign = save(tmp_path / "f.csv", [in_french(row) for row in rows_of(people)], encoding="cp1252", delimiter=";")
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING, encoding="utf-8")
    summary = await bring_in(database, foreign, Reading(load_mapping(mapping, PROFILE)))
    assert (summary.inserted, summary.rejected) == (PEOPLE, 0)
    summary = await bring_in(database, people)
    assert (summary.inserted, summary.updated, summary.known, summary.rejected) == (0, 0, PEOPLE, 0)


async def test_parquet_gives_the_same_register(database: Database, people: Path, tmp_path: Path) -> None:
    """Real dates, numbers and nothings in typed columns are the same people as their text in a CSV."""
    rows = rows_of(people)
    table = pa.table({name: pa.array([row[name] or None for row in rows], pa.string()) for name in rows[0]})
    for name, field in PROFILE.fields.items():
        if field.type == "date" and name in table.column_names:
            index = table.column_names.index(name)
            table = table.set_column(index, name, table[name].cast(pa.date32()))
    path = tmp_path / "people.parquet"
    pq.write_table(table, path)
    assert (await bring_in(database, path)).inserted == PEOPLE
    summary = await bring_in(database, people)
    assert (summary.inserted, summary.updated, summary.known) == (0, 0, PEOPLE)


async def test_ten_per_cent_bad_rows_keep_nobody_else_out(database: Database, people: Path) -> None:
    """Each bad row is told with its number, field and reason; all others are in."""
    rows = rows_of(people)
    faults = {"birth_date": "31/12/1980", "birth_name": "A\0B", "nir": "123", "category": "x"}
    told = []
    for number, index in enumerate(range(0, PEOPLE, 10)):
        field = list(faults)[number % len(faults)]
        rows[index][field] = faults[field]
        reason = {"birth_date": "date", "birth_name": "character", "nir": "nir_form", "category": "choice"}[field]
        told.append((str(index + 2), field, reason))
    save(people, rows)
    summary = await bring_in(database, people)
    assert (summary.rejected, summary.inserted) == (PEOPLE // 10, PEOPLE - PEOPLE // 10)
    assert rejects_of(people) == told


def with_stray_quote(path: Path, row: int, column: int) -> Path:
    """A copy of a file with one quote too many."""
    lines = path.read_text(encoding="utf-8").split("\n")
    cells = lines[row - 1].split(",")
    cells[column - 1] = f'"{cells[column - 1]}'
    lines[row - 1] = ",".join(cells)
    return saved(path.with_name("stray.csv"), "\n".join(lines))


def saved(path: Path, text: str) -> Path:
    """A file of this text."""
    path.write_text(text, encoding="utf-8")
    return path


async def test_after_a_stray_quote_is_mended_everybody_is_in_once(database: Database, people: Path) -> None:
    """The import stops with row and column; the second run brings in who is missing and doubles nobody."""
    with pytest.raises(ImportFileError, match=r"row 301, column 3 \(\w+\) begins with a quote"):
        await bring_in(database, with_stray_quote(people, 301, 3))
    summary = await bring_in(database, people)
    assert summary.inserted + summary.known == PEOPLE
    assert people_in(database) == PEOPLE


async def test_swapped_columns_bring_nobody_in(database: Database, people: Path) -> None:
    """The header fits, the values do not: the error names both columns, and the register stays as it was."""
    names = {"birth_date": "postcode", "postcode": "birth_date"}
    swapped = [{names.get(name, name): value for name, value in row.items()} for row in rows_of(people)]
    with pytest.raises(ImportFileError, match="birth_date seems to stand under postcode"):
        await bring_in(database, save(people, swapped))
    assert people_in(database) == 0


async def test_a_formula_is_a_name_like_any_other(database: Database, people: Path) -> None:
    """It is kept as it is written: only what leaves for a spreadsheet is escaped."""
    rows = rows_of(people)
    rows[0]["birth_name"] = "=HYPERLINK(A1)"
    summary = await bring_in(database, save(people, rows))
    assert (summary.inserted, summary.rejected) == (PEOPLE, 0)


def broken(people: Path, fault: str) -> tuple[Path, str]:
    """A file of people with that fault, and what is told of it."""
    text = people.read_text(encoding="utf-8")
    if fault == "cut":
        rows = rows_of(people)
        path = people.with_name("people.parquet")
        pq.write_table(pa.table({name: [row[name] for row in rows] for name in rows[0]}), path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return path, "cut short"
    if fault == "packed":
        return people.rename(people.with_name("people.csv.gz")), "unpack it first"
    changed, told = {
        "empty": ("", "it is empty"),
        "doubled": (text.replace("usage_name", "birth_name", 1), "doubled columns: birth_name"),
        "missing": (text.replace("birth_name", "usage", 1), "missing columns: birth_name; unknown columns: usage"),
    }[fault]
    return saved(people, changed), told


@pytest.mark.parametrize("fault", ["cut", "empty", "doubled", "missing", "packed"])
async def test_a_broken_file_brings_nobody_in(database: Database, people: Path, fault: str) -> None:
    """What can be known before the first row is known before anybody is written."""
    path, told = broken(people, fault)
    with pytest.raises(ImportFileError, match=told):
        await bring_in(database, path)
    assert people_in(database) == 0
    assert not files_of_rejects(path.parent)
