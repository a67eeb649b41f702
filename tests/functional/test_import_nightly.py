"""The nightly import: changes, moves, ends and newcomers among people who are as they were; its memory, its words."""

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.api import calling
from support.contents import assert_counted, assert_holds
from support.desk import ELSEWHERE, SEGMENT
from support.imports import Delta, Present, delta_of, imported, saved, watched
from support.load import people_of
from support.operated import PROGRAM, OperatedHome, rows_of, served

from cloison.register import synthetic
from cloison.store.pools import connect

PEOPLE = 6_000
MANY = 30_000  # so that the second half of a file could take more memory than the first
NEW = PEOPLE // 100
CHANGING_PLACES = 3_000
OPENED = 8  # within the budget of five minutes
MOST_MEGABYTES = 500
GROWTH = 1.25  # of the second half's peak over the first's, at most


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedHome]:
    """A home with nobody in it and the file of a first day."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"))
    operated.initialise()
    synthetic.write(operated.folder / "all.csv", PEOPLE + NEW, seed=41, departments=[SEGMENT, ELSEWHERE])
    saved(operated.folder / "people.csv", rows_of(operated.folder / "all.csv")[:PEOPLE])
    yield operated
    operated.stop()


@pytest.fixture(scope="module")
def night(operated: OperatedHome) -> Delta:
    """What is in the file of the night."""
    rows = rows_of(operated.folder / "all.csv")
    delta = delta_of(rows[:PEOPLE], rows[PEOPLE:])
    saved(operated.folder / "night.csv", delta.rows)
    return delta


@pytest.mark.soak
def test_memory_stays_within_its_bound_whatever_the_files_size(tmp_path: Path) -> None:
    """Importer and keeper together stay below 500 MB, and in the second half of a file take what they took before."""
    operated = OperatedHome(tmp_path)
    operated.initialise()
    synthetic.write(tmp_path / "people.csv", MANY, seed=42, departments=[SEGMENT, ELSEWHERE])
    try:
        with watched(operated) as seen:
            summary = imported(operated, "people.csv")
    finally:
        operated.stop()
    assert summary["inserted"] == MANY
    assert len(seen.samples) > 10
    assert seen.peak_megabytes < MOST_MEGABYTES
    first, second = seen.peaks_of_halves()
    assert second < GROWTH * first


def test_a_night_leaves_everything_right(operated: OperatedHome, night: Delta, tmp_path: Path) -> None:
    """New, changed, moved and ended are counted and written once; the rest is known; again, all of it is known."""
    imported(operated, "people.csv")
    summary = imported(operated, "night.csv")
    assert (summary["read"], summary["inserted"]) == (PEOPLE + NEW, NEW)
    assert summary["updated"] == night.updated
    assert summary["known"] == PEOPLE - night.updated
    again = imported(operated, "night.csv")
    assert (again["inserted"], again["updated"], again["known"]) == (0, 0, PEOPLE + NEW)
    assert again["read"] / again["seconds"] > 1_000  # known people a second, on whatever machine this is
    assert_holds(operated, rows_of(operated.folder / "night.csv"))
    assert_counted(operated)
    moved = sum(row["commune"] == "75113" and row["city"] == "Paris" for row in night.rows)
    with connect(operated.home, "owner") as owner:
        events: dict[str, int] = dict(
            owner.execute(
                "select event::text, count(*) from cloison.entry where event in ('person_changed', 'person_moved') "
                "group by 1"
            ).fetchall()
        )
    assert events == {"person_changed": night.changed + night.ended, "person_moved": night.moved}
    assert moved >= night.moved
    changed = [row for row in night.rows if row["usage_name"] == "NEUVILLE"][:OPENED]
    with served(operated):
        register = Present(operated, tmp_path, changed)
        agent = register.agent(OPENED)
        with calling(register, agent) as api:
            opened = api.open(people_of(operated.home, agent), compartments=["identity", "contact"])
    wanted = sorted((row["birth_name"], row["address"]) for row in changed)
    assert sorted((result["fields"]["birth_name"], result["fields"]["address"]) for result in opened) == wanted


def test_a_terminal_is_told_how_far_it_is(operated: OperatedHome, night: Delta) -> None:
    """At a terminal: rate, share and time left, in a line that is drawn again; the counts at the end."""
    assert night.rows
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "people", "import", "night.csv"],
        env=operated.environment(TERM="xterm"),
        cwd=operated.folder,
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
    )
    os.close(slave)
    shown = b""
    with suppress(OSError):  # what a terminal answers once nobody writes to it any more
        while block := os.read(master, 65_536):
            shown += block
    os.close(master)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert re.search(rb"Importing: [\d,]+ rows, [\d,]+ a second, 0 rejected, \d+%, \d:\d\d:\d\d left", shown)
    assert re.match(r"\d+ people new, \d+ changed, \d+ known, 0 rows rejected, in \d", out)


def test_moves_in_both_directions_never_wait_for_each_other_in_a_circle(tmp_path: Path) -> None:
    """Everybody of two departments changes places, in batches at once: no deadlock, not even one tried again."""
    operated = OperatedHome(tmp_path)
    operated.initialise()
    try:
        synthetic.write(tmp_path / "people.csv", CHANGING_PLACES, seed=43, departments=[SEGMENT, ELSEWHERE])
        assert imported(operated, "people.csv")["inserted"] == CHANGING_PLACES
        places = {SEGMENT: ("75113", "75013", "Paris"), ELSEWHERE: ("59350", "59000", "Lille")}
        rows = rows_of(tmp_path / "people.csv")
        for row in rows:
            row["commune"], row["postcode"], row["city"] = places[row["commune"][:2]]
        saved(tmp_path / "moved.csv", rows)
        assert imported(operated, "moved.csv")["updated"] == CHANGING_PLACES
        assert "deadlock detected" not in (operated.home.log / "postgresql.log").read_text(encoding="utf-8")
        assert_holds(operated, rows)
        assert_counted(operated)
    finally:
        operated.stop()
