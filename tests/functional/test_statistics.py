"""`cloison statistics` against a count of the file that was imported, and against somebody who has the database."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.operated import OperatedHome

from cloison.register import synthetic

PEOPLE = 1_500
MONTHS = ("2026-03", "2026-04")
Rows = list[dict[str, str]]


def someone(row: dict[str, str], number: int) -> dict[str, str]:
    """A fictional person whose cell is ours to choose: large ones, and two small segments."""
    category = "formerly" if number % 5 == 0 else "registered"
    day = f"{MONTHS[number % 2]}-{number % 28 + 1:02d}"
    commune = "13055" if number % 3 == 0 else "48095" if number % 250 in {1, 2} else row["commune"]
    dates = {"registered_on": day, "ended_on": day if category == "formerly" else "", "space_used_on": ""}
    return row | dates | {
        "category": category,
        "commune": commune,
        "birth_date": "1990-06-15" if number % 7 else "1969-06-15",
        "sex": str(number // 2 % 2 + 1) if number % 4 else "1",
    }  # fmt: skip


def save(path: Path, rows: Rows) -> Path:
    """Write people to a file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, synthetic.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedHome]:
    """A home with a database."""
    operated = OperatedHome(tmp_path_factory.mktemp("statistics"))
    operated.initialise()
    yield operated
    operated.stop()


@pytest.fixture(scope="module")
def people(operated: OperatedHome) -> Rows:
    """Fictional people, brought in by the command."""
    synthetic.write(operated.folder / "made.csv", PEOPLE, seed=11, departments=["59"])
    with (operated.folder / "made.csv").open(encoding="utf-8", newline="") as file:
        rows = [someone(row, number) for number, row in enumerate(csv.DictReader(file))]
    operated.do("people", "import", save(operated.folder / "people.csv", rows))
    return rows


def truth(rows: Rows, *by: str) -> Counter[tuple[str, ...]]:
    """A direct count of the file."""
    return Counter(tuple(parts[name] for name in by) for parts in map(told, rows))


def told(row: dict[str, str]) -> dict[str, str]:
    """What the statistics tell apart of a person."""
    month = row["ended_on" if row["category"] == "formerly" else "registered_on"][:7]
    born = int(row["birth_date"][:4])
    return row | {"month": month, "segment": row["commune"][:2], "age": "30-39" if born == 1990 else "50-59"}


def statistics(operated: OperatedHome, *words: str) -> Any:  # noqa: ANN401 - what JSON is
    """The command's JSON, of both months unless said otherwise."""
    return operated.do("statistics", *(words or ("--from", MONTHS[0], "--to", MONTHS[1])))


@pytest.mark.parametrize(
    "by",
    [("month", "category"), ("month", "category", "segment"), ("segment",), ("month", "age", "sex"),
     ("month", "category", "segment", "age", "sex")],
)  # fmt: skip
def test_counts_are_those_of_the_file(operated: OperatedHome, people: Rows, by: tuple[str, ...]) -> None:
    """Each count that is shown is the file's; what is not shown is small or covers what is; nobody is left out."""
    found = statistics(operated, "--from", MONTHS[0], "--to", MONTHS[1], "--by", ",".join(by))
    counted = truth(people, *by)
    rows = {tuple(row[name] for name in by): row for row in found["rows"]}
    assert {key for key, row in rows.items() if row["complete"]} <= counted.keys()
    assert counted.keys() <= rows.keys()
    for key, row in rows.items():
        if row["complete"]:
            assert row["people"] == counted[key] >= 11
        else:
            assert (row["people"] or 0) < counted[key] or not counted[key]
    assert any(row["complete"] for row in rows.values())
    assert found["total"] == {"people": PEOPLE, "complete": True}


def test_small_segment_is_not_shown(operated: OperatedHome, people: Rows) -> None:
    """48 has from 1 to 10 people in each month and category: no table tells how many."""
    few = truth(people, "month", "category", "segment")
    assert all(0 < number < 11 for (_, _, segment), number in few.items() if segment == "48")
    for by in ("month,category,segment", "segment", "segment,age", "segment,sex"):
        rows = statistics(operated, "--from", MONTHS[0], "--to", MONTHS[1], "--by", by)["rows"]
        assert [row for row in rows if row["segment"] == "48" and row["people"] is not None] == []


def test_table_and_file(operated: OperatedHome, people: Rows) -> None:
    """People read a table with a legend, a spreadsheet a file in which nothing is calculated."""
    assert people
    path = operated.folder / "table.csv"
    words = ("statistics", "--month", MONTHS[0], "--by", "category,segment", "--csv", str(path))
    done = operated.run(*words)
    assert done.status == 0, done
    assert "·" in done.out
    assert "from 1 to 10 people" in done.err
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["segment"] for row in rows} == {"13", "48", "59"}
    assert {row["complete"] for row in rows} == {"yes", "no"}
    assert all(row["people"].isdigit() or not row["people"] for row in rows)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--month", "2026-13"), "YYYY-MM"),
        (("--month", "2199-01"), "over"),
        (("--from", "2026-04", "--to", "2026-03"), "in order"),
        (("--month", "2026-03", "--to", "2026-03"), "either"),
        (("--by", "name"), "not name"),
    ],
)
def test_question_that_cannot_be_asked(operated: OperatedHome, words: tuple[str, ...], said: str) -> None:
    """A month that is not over, or a dimension there is not, is wrong use."""
    done = operated.run("statistics", *words)
    assert (done.status, said in " ".join(done.err.split())) == (2, True), done


def test_database_alone_says_no_cell(operated: OperatedHome, people: Rows) -> None:
    """Who has the whole database, counters and cells of people, finds no category, month, age or sex in it."""
    assert people
    with operated.superuser() as administrator:
        counters = administrator.execute("select row_to_json(c)::text from cloison.counter c").fetchall()
        cells = administrator.execute("select count(distinct (segment, cell)), count(cell) from cloison.person")
        row = cells.fetchone()
    text = "\n".join(line for (line,) in counters)
    assert row == (len(counters), PEOPLE)
    assert {frozenset(json.loads(line)) for (line,) in counters} == {frozenset({"segment", "cell", "people"})}
    assert not any(word in text for word in ("registered", "formerly", *MONTHS))
    by_segment: dict[str, set[int]] = {}
    for (line,) in counters:
        by_segment.setdefault(json.loads(line)["segment"], set()).add(json.loads(line)["cell"])
    assert not by_segment["13"] & by_segment["59"], "the same cell has another number in each segment"


def test_person_who_changes_cell(operated: OperatedHome, people: Rows) -> None:
    """Those whose registration ends are counted where they are now, and no longer where they were."""
    moving = [row for row in people if row["category"] == "registered" and row["commune"] == "13055"][:15]
    changed = [row | {"category": "formerly", "ended_on": "2026-04-20"} for row in moving]
    operated.do("people", "import", save(operated.folder / "changed.csv", changed))
    now = [next((new for new in changed if new["nir"] == row["nir"]), row) for row in people]
    expected = truth(now, "month", "category")
    assert expected != truth(people, "month", "category")
    found = statistics(operated)
    assert {(row["month"], row["category"]): row["people"] for row in found["rows"]} == expected
    with operated.superuser() as administrator:
        sums = administrator.execute("select sum(people), min(people) from cloison.counter").fetchone()
    assert sums is not None
    assert (int(sums[0]), int(sums[1]) > 0) == (PEOPLE, True)
