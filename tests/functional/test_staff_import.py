"""`cloison staff import`: organisations, agencies and accounts from files, with the people and caseloads they have."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.operated import OFFICERS, OperatedHome, rows_of
from support.operated_acts import signed

from cloison.register import synthetic
from cloison.store.pools import connect

PEOPLE = 1_500
SEGMENTS = ["59", "2A"]


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedHome]:
    """A home with a database, in which nobody works."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"))
    operated.initialise()
    yield operated
    operated.stop()


@pytest.fixture(scope="module")
def synth(operated: OperatedHome) -> Path:
    """Fictional people of two departments and the folder of their staff."""
    folder = operated.folder / "staff"
    synthetic.write(operated.folder / "people.csv", PEOPLE, seed=9, departments=SEGMENTS, staff=folder)
    return folder


def brought_in(operated: OperatedHome, folder: Path) -> Any:  # noqa: ANN401 - what JSON is
    """What was created of a folder's files, after officers signed."""
    asked = signed(operated, "staff", "import", folder)
    return operated.do("staff", "import", "--act", asked["act"])


def write(folder: Path, name: str, *rows: str) -> Path:
    """A file of a folder, which is made; the folder."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def test_synthetic_staff_works_in_the_register(operated: OperatedHome, synth: Path) -> None:
    """People, staff and caseloads that were made together are imported without a row refused; twice is once."""
    accounts = rows_of(synth / "accounts.csv")
    organisations = rows_of(synth / "organisations.csv")
    agencies = len(rows_of(synth / "agencies.csv"))
    assert operated.do("people", "import", operated.folder / "people.csv")["inserted"] == PEOPLE
    first = brought_in(operated, synth)
    assert first == {
        "organisations": len(organisations), "organisations_known": 0, "agencies": agencies,
        "accounts": len(accounts), "accounts_known": 0,
    }  # fmt: skip
    caseload = operated.do("caseload", "import", synth / "caseload.csv")
    assert (caseload["written"], caseload["refused"]) == (len(rows_of(synth / "caseload.csv")), {})
    again = brought_in(operated, synth)
    assert again == {
        "organisations": 0, "organisations_known": len(organisations), "agencies": agencies,
        "accounts": 0, "accounts_known": len(accounts),
    }  # fmt: skip
    listed = [one for one in operated.do("accounts", "list")["accounts"] if one["handle"] not in OFFICERS]
    columns = ("handle", "organisation", "agency", "segment", "role")
    assert sorted([tuple(row[column] for column in columns) for row in listed]) == sorted(
        [tuple(row[column] for column in columns) for row in accounts]
    )


def test_partners_get_the_agreement_of_their_row(operated: OperatedHome, tmp_path: Path) -> None:
    """Segments, roles and number of accounts hold at once, and stay when the file says otherwise later.

    Columns may be parted by semicolons, as French spreadsheets do.
    """
    folder = write(tmp_path / "s", "organisations.csv", "name;segments;roles;accounts", "Partner;59 2A;partner;1")
    write(folder, "accounts.csv", "handle,organisation,agency,segment,role", "p-1,Partner,main,59,partner")
    assert brought_in(operated, folder)["accounts"] == 1
    for row, reason in (
        ("p-2,Partner,main,59,partner", "as many accounts"),
        ("p-2,Partner,main,59,adviser", "role"),
        ("p-2,Partner,main,75,partner", "segment"),
    ):
        write(folder, "accounts.csv", "handle,organisation,agency,segment,role", "p-1,Partner,main,59,partner", row)
        write(folder, "organisations.csv", "name,segments,roles,accounts", "Partner,,,")
        asked = signed(operated, "staff", "import", folder)
        done = operated.run("staff", "import", "--act", asked["act"])
        assert done.status == 1
        assert "row 3 of accounts.csv" in done.err
        assert reason in done.err


def test_what_was_before_a_refused_row_stays_and_the_rest_follows(operated: OperatedHome, tmp_path: Path) -> None:
    """A file with one wrong row among hundreds names it; corrected, it brings in the rest, and nobody twice.

    What was before stays by 200 rows, of which the organisation's is the first.
    """
    header = "handle,organisation,agency,segment,role"
    rows = [f"many-{number},Many,main,59,adviser" for number in range(450)]
    folder = write(tmp_path / "s", "organisations.csv", "name,segments,roles,accounts", "Many,59,,")
    write(folder, "accounts.csv", header, *rows[:300], "many-300,Many,main,62,adviser", *rows[301:])
    asked = signed(operated, "staff", "import", folder)
    done = operated.run("staff", "import", "--act", asked["act"])
    assert done.status == 1
    assert "row 302 of accounts.csv: the segment is not one of the agreement" in done.err
    write(folder, "accounts.csv", header, *rows)
    summary = brought_in(operated, folder)
    assert (summary["accounts"], summary["accounts_known"]) == (251, 199)
    handles = Counter(account["handle"] for account in operated.do("accounts", "list")["accounts"])
    assert [handles[f"many-{number}"] for number in range(450)] == [1] * 450


def test_an_account_that_exists_otherwise_is_refused(operated: OperatedHome, tmp_path: Path) -> None:
    """A file does not change somebody's role, agency or home."""
    header = "handle,organisation,agency,segment,role"
    folder = write(tmp_path / "s", "organisations.csv", "name,segments,roles,accounts", "Same,,,")
    write(folder, "accounts.csv", header, "same,Same,main,59,adviser")
    brought_in(operated, folder)
    for row in ("same,Same,main,59,manager", "same,Same,other,59,adviser", "same,Same,main,2A,adviser"):
        write(folder, "accounts.csv", header, row)
        done = operated.run("staff", "import", folder)
        assert (done.status, "row 2 of accounts.csv" in done.err) == (1, True)
        assert "the name is taken" in done.err
    (found,) = (a for a in operated.do("accounts", "list")["accounts"] if a["handle"] == "same")
    assert (found["role"], found["agency"], found["segment"]) == ("adviser", "main", "59")


def written(operated: OperatedHome) -> object:
    """How many organisations, accounts and agencies there are."""
    with connect(operated.home, "owner") as owner:
        return owner.execute(
            "select (select count(*) from cloison.organisation), (select count(*) from cloison.account), "
            "(select count(*) from cloison.agency)"
        ).fetchone()


@pytest.mark.parametrize(
    ("name", "rows", "told"),
    [
        ("accounts.csv", ["handle,organisation"], "the first row of accounts.csv"),
        ("accounts.csv", [], "the first row of accounts.csv"),
        ("accounts.csv", ["handle,organisation,agency,segment,role", "a,b,c"], "row 2 of accounts.csv"),
        ("accounts.csv", ["handle,organisation,agency,segment,role", "a,Nowhere,c,59,"], "row 2 of accounts.csv"),
        (
            "accounts.csv",
            ["handle,organisation,agency,segment,role", "a,Nowhere,c,59,adviser"],
            "row 2 of accounts.csv",
        ),
        (
            "accounts.csv",
            ["handle,organisation,agency,segment,role", *["a,O,c,59,adviser"] * 2],
            "row 3 of accounts.csv",
        ),
        ("accounts.csv", ["handle,organisation,agency,segment,role", "a\0,O,c,59,adviser"], "accounts.csv"),
        ("accounts.csv", ["handle,organisation,agency,segment,role", 'a"b,"O"x,c,59,adviser'], "not CSV"),
        ("agencies.csv", ["organisation,agency,segment", "Nowhere,main,59"], "row 2 of agencies.csv"),
        ("organisations.csv", ["name,segments,roles,accounts", "O,59,partner,many"], "row 2 of organisations.csv"),
        ("organisations.csv", ["name,segments,roles,accounts", "O,59,nobody,1"], "row 2 of organisations.csv"),
        ("organisations.csv", ["name,segments,roles,accounts", "O,5/9,partner,1"], "row 2 of organisations.csv"),
        ("other.csv", ["name"], "has none of organisations.csv"),
    ],
)
def test_files_that_cannot_be_used_are_refused(
    operated: OperatedHome, tmp_path: Path, name: str, rows: list[str], told: str
) -> None:
    """With the file, the row and what is wrong; nothing is made of them."""
    before = written(operated)
    done = operated.run("staff", "import", write(tmp_path / "s", name, *rows))
    assert done.status == 1
    assert "import_file" in done.err
    assert told in done.err
    assert written(operated) == before


def test_synth_writes_what_it_says(operated: OperatedHome) -> None:
    """CSV and Parquet, with and without staff; another kind of file is refused as wrong use."""
    out = operated.folder / "out.parquet"
    assert operated.do("people", "synth", "30", "--out", out) == {"people": 30, "file": str(out)}
    staff = operated.folder / "out-staff"
    told = operated.do("people", "synth", "30", "--out", operated.folder / "out.csv", "--staff", staff)
    assert told == {"people": 30, "file": str(operated.folder / "out.csv"), "staff": str(staff)}
    with (staff / "interactions.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.reader(file)) == ["account", "identifier", "interaction", "from", "until", "kind"]
    assert operated.run("people", "synth", "30", "--out", operated.folder / "out.txt").status == 2


def test_synth_is_the_same_for_the_same_seed_and_day(operated: OperatedHome) -> None:
    """Of another day it is another file."""
    files = [operated.folder / f"{name}.csv" for name in "abc"]
    for file, day in zip(files, ("2026-03-01", "2026-03-01", "2026-03-02"), strict=True):
        operated.do("people", "synth", "40", "--out", file, "--seed", "3", "--as-of", day)
    first, second, other = (file.read_bytes() for file in files)
    assert first == second != other
