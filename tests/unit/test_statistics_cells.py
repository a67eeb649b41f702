"""The cell that a record is counted in, and the tables that are put together from what is shown."""

import time
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from cloison.cli.statistics import write_csv
from cloison.errors import ProfileError
from cloison.register.counting import Counts, Question, Row, shown, table
from cloison.register.profile import load_profile
from cloison.register.statistics import Cell, CellMaker, age_bands, cells, month_before, months_between

PROFILE = load_profile("jobseekers-fr")
SOMEBODY = {"category": "registered", "registered_on": "2026-03-09", "birth_date": "2001-03-31", "sex": "1"}
MONTH = "2026-03"


@pytest.mark.parametrize(
    ("changes", "cell"),
    [
        ({}, Cell("registered", "2026-03", "25", "1")),
        ({"birth_date": "2001-04-01"}, Cell("registered", "2026-03", "18", "1")),
        ({"birth_date": "1890-01-01"}, Cell("registered", "2026-03", "65", "1")),
        ({"birth_date": "2026-05-01"}, Cell("registered", "2026-03", "0", "1")),
        ({"birth_date": ""}, Cell("registered", "2026-03", "", "1")),
        ({"sex": ""}, Cell("registered", "2026-03", "25", "")),
        ({"registered_on": ""}, Cell("registered", "", "", "1")),
        ({"registered_on": "", "birth_date": ""}, Cell("registered", "", "", "1")),
        ({"registered_on": "1999-12-31"}, Cell("registered", "earlier", "0", "1")),
        ({"category": "formerly", "ended_on": "2020-01-15"}, Cell("formerly", "2020-01", "18", "1")),
        ({"category": "space"}, Cell("space", "", "", "1")),
    ],
)
def test_cell_of_a_record(changes: dict[str, str], cell: Cell) -> None:
    """The month is the category's own, the age what they were at its end; what is not told is empty."""
    assert CellMaker(PROFILE).of({**SOMEBODY, **changes}) == cell.value


def test_every_cell_can_be_named() -> None:
    """Whatever a record says, its cell is among those that the statistics ask for."""
    months = ["", "earlier", *months_between("2000-01", "2026-12")]
    known = {cell.value for cell in cells(PROFILE, months)}
    for category in PROFILE.retention:
        for day in ("", "1950-05-05", "2000-01-01", "2026-11-30"):
            for born in ("", "1890-01-01", "1961-07-14", "2008-02-29"):
                dates = dict.fromkeys(("registered_on", "ended_on", "space_used_on"), day)
                for sex in ("", "1", "2"):
                    record = {"category": category, "birth_date": born, "sex": sex, **dates}
                    assert CellMaker(PROFILE).of(record) in known, record


def test_a_record_costs_about_a_microsecond() -> None:
    """An import of millions is not slowed down: 100,000 records in well under a second."""
    rows = 100_000
    columns = {name: [value] * rows for name, value in SOMEBODY.items()}
    maker, started = CellMaker(PROFILE), time.perf_counter()
    assert len(maker.columns(columns, rows)) == rows
    assert time.perf_counter() - started < 0.5


def test_profile_without_statistics() -> None:
    """Where a profile counts nobody, records have no cell and no cell is asked for."""
    patients = load_profile(str(Path(__file__).parent / "patients.toml"))
    assert CellMaker(patients).of({"state": "open"}) == b""
    assert list(cells(patients, [MONTH])) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("ages = [0, 18", "ages = [18, 0", "grow from 0"),
        ("ages = [0, 18", "ages = [18", "grow from 0"),
        ('since = "2000-01"', 'since = "2000"', "since"),
        ('sex = "sex"', 'sex = "city"', "city must be a choice"),
        ('birth_date = "birth_date"\nsex', 'birth_date = "birth_name"\nsex', "birth_name must be a past date"),
        ('formerly = "ended_on", ', "", "exactly the categories"),
    ],
)
def test_statistics_that_cannot_be(tmp_path: Path, old: str, new: str, told: str) -> None:
    """A profile whose statistics cannot hold together is refused with the reason."""
    text = (files("cloison.register") / "profiles" / "jobseekers-fr.toml").read_text(encoding="utf-8")
    before, statistics = text.split("[statistics]")
    assert old in statistics
    path = tmp_path / "changed.toml"
    path.write_text(f"{before}[statistics]{statistics.replace(old, new)}", encoding="utf-8")
    with pytest.raises(ProfileError, match=told):
        load_profile(str(path))


def test_names_of_bands_and_months() -> None:
    """Bands are called by their first and last year; the month before January is last year's December."""
    assert PROFILE.statistics is not None
    assert list(age_bands(PROFILE.statistics).values())[:2] == ["0-17", "18-24"]
    assert age_bands(PROFILE.statistics)["65"] == "65+"
    assert months_between("2025-11", "2026-02") == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert month_before(date(2026, 1, 31)) == "2025-12"


COUNTS: Counts = {
    MONTH: {
        "registered": {("59", "25", "1"): 40, ("59", "25", "2"): 30, ("48", "25", "1"): 4, ("13", "25", "2"): 12},
        "formerly": {("59", "50", "1"): 25},
        "space": {},
    },
    "2026-04": {
        "registered": {("59", "25", "1"): 20, ("59", "25", "2"): 20, ("13", "25", "1"): 15, ("13", "25", "2"): 11},
        "formerly": {("59", "50", "1"): 25},
        "space": {},
    },
}
SEGMENTS = ("13", "48", "59")


def asked(*by: str, months: tuple[str, ...] = (MONTH,), segments: tuple[str, ...] = ()) -> list[Row]:
    """A table of the counts above."""
    return table(shown(COUNTS), PROFILE, Question(months, by, segments or SEGMENTS, not segments))


def test_small_segment_and_its_complement_are_not_shown() -> None:
    """48 has 4 people; 13, the next smallest, goes with it, and their sum is all that the rest tells."""
    assert asked("category", "segment") == [
        Row(("formerly", "59"), 25, True),
        Row(("registered", "13"), None, False),
        Row(("registered", "48"), None, False),
        Row(("registered", "59"), 70, True),
    ]
    assert asked("category") == [Row(("formerly",), 25, True), Row(("registered",), 86, True)]


def test_sum_of_months_is_of_what_is_shown() -> None:
    """A sum some of whose parts are hidden says so, and holds the others alone."""
    both = asked("segment", months=(MONTH, "2026-04"))
    assert both == [Row(("13",), 26, False), Row(("48",), None, False), Row(("59",), 160, True)]
    assert asked(months=(MONTH, "2026-04")) == [Row((), 202, True)]


def test_one_segment_alone_tells_nothing_more() -> None:
    """Asking for one segment shows of it what the whole table shows."""
    assert asked("category", segments=("48",)) == [Row(("registered",), None, False)]
    assert asked(segments=("13",), months=("2026-04",)) == [Row((), 26, True)]
    assert asked("age", "sex", segments=("59",), months=("2026-04",)) == [
        Row(("25", "1"), 20, True),
        Row(("25", "2"), 20, True),
        Row(("50", "1"), 25, True),
    ]


def test_hidden_category_is_hidden_in_every_table() -> None:
    """Of a category with few people nothing is shown, nor of the one that would tell of it."""
    counts: Counts = {MONTH: {"registered": {("59", "25", "1"): 40}, "formerly": {("59", "25", "1"): 3}, "space": {}}}
    for by in (("category",), ("segment",), ("age",), ("sex",), ("segment", "age", "sex")):
        assert all(row.people is None for row in table(shown(counts), PROFILE, Question([MONTH], by, ("59",)))), by
    assert table(shown(counts), PROFILE, Question([MONTH], ("month",), ("59",))) == [Row((MONTH,), 43, True)]


def test_formula_in_a_segment(tmp_path: Path) -> None:
    """A spreadsheet that opens the file calculates nothing, whatever a segment is called."""
    write_csv(tmp_path / "t.csv", ("segment",), [Row(("-1",), 12, True), Row(("=1+1",), None, False)])
    lines = (tmp_path / "t.csv").read_text(encoding="utf-8").split()
    assert lines == ["segment,people,complete", "'-1,12,yes", "'=1+1,,no"]
