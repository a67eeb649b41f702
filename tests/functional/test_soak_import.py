"""Promise 11, attacked: an import and what it needs are killed at a hundred random moments; a file of a million people.

`SOAK_PEOPLE` says how many people are killed among, if not 40,000; `SOAK_KILLS` how often, if not a hundred times.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.contents import assert_counted, assert_holds, assert_part_of
from support.imports import (
    acts,
    assert_said,
    delta_of,
    import_killed,
    imported,
    loading,
    random_kills,
    saved,
    term_indexes,
    up,
    watched,
)
from support.operated import OperatedHome, rows_of

from cloison.register import synthetic

PEOPLE = int(os.environ.get("SOAK_PEOPLE", "40000"))
NEW = PEOPLE // 20
KILLS = int(os.environ.get("SOAK_KILLS", "100"))
LOOKED_AT = 10  # times at the whole register, between kills
MOST_SECONDS = 3.0
MILLION = 25 * PEOPLE
MOST_MEGABYTES = 500
GROWTH = 1.15  # of the second half's peak over the first's, at most

pytestmark = pytest.mark.soak


@pytest.fixture
def operated(tmp_path: Path) -> Iterator[OperatedHome]:
    """A home with nobody in it."""
    operated = OperatedHome(tmp_path)
    operated.initialise()
    yield operated
    operated.stop()


def killed(operated: OperatedHome, path: Path, most_acts: int) -> None:
    """Half the kills, over one file; whoever is in is whole all along."""
    rows = rows_of(path)
    for number, kill in enumerate(random_kills(KILLS // 2, most_acts, MOST_SECONDS)):
        assert_said(import_killed(operated, path.name, kill), kill)
        if number % LOOKED_AT == LOOKED_AT - 1:
            up(operated)
            assert_part_of(operated, rows)
            assert_counted(operated)


def test_a_hundred_kills_lose_and_double_nobody(operated: OperatedHome) -> None:
    """Over an initial load, then over a night of changes, moves, ends and newcomers: the register ends as it should."""
    everybody = operated.folder / "all.csv"
    synthetic.write(everybody, PEOPLE + NEW, seed=71, departments=["59", "75", "13", "69"])
    rows = rows_of(everybody)
    people = saved(operated.folder / "people.csv", rows[:PEOPLE])
    killed(operated, people, 2 * PEOPLE // (KILLS + 4))
    imported(operated, "people.csv")
    assert imported(operated, "people.csv")["known"] == PEOPLE
    assert_holds(operated, rows[:PEOPLE])
    assert_counted(operated)
    assert (term_indexes(operated), loading(operated)) == (7, False)

    delta = delta_of(rows[:PEOPLE], rows[PEOPLE:], share=20)
    night = saved(operated.folder / "night.csv", delta.rows)
    before = acts(operated)
    killed(operated, night, 2 * (delta.updated + NEW) // (KILLS + 4))
    imported(operated, "night.csv")
    assert imported(operated, "night.csv")["known"] == PEOPLE + NEW
    assert acts(operated) == before + delta.updated + NEW
    assert_holds(operated, delta.rows)
    assert_counted(operated)


def test_a_million_people_take_no_more_memory(operated: OperatedHome) -> None:
    """Importer and keeper together stay below 500 MB, and do not grow with the file."""
    synthetic.write(operated.folder / "people.csv", MILLION, seed=72)
    with watched(operated, 0.2) as seen:
        process = operated.start("people", "import", "people.csv", "--json")
        seen.root = process.pid
        out, err = process.communicate()
    assert process.returncode == 0, err
    assert f'"inserted":{MILLION}' in out
    assert seen.peak_megabytes < MOST_MEGABYTES
    first, second = seen.peaks_of_halves()
    assert second < GROWTH * first
