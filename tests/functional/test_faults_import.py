"""An import by the command line, and what it needs, are killed: the register ends as if nothing had happened."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.api import calling
from support.contents import assert_counted, assert_holds, assert_part_of
from support.desk import ELSEWHERE, SEGMENT
from support.imports import (
    Kill,
    Present,
    acts,
    assert_said,
    delta_of,
    import_killed,
    imported,
    keepers,
    random_kills,
    saved,
    strike,
    term_indexes,
    up,
)
from support.load import people_of
from support.operated import OperatedHome, rows_of, served, wait_until

from cloison.register import synthetic

PEOPLE = 3_000
MANY = 6_000  # so that a kill comes before the end
LONG = 2 * MANY
NEW = 100
KILLS = 3
OPENED = 8  # within the budget of five minutes


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedHome]:
    """A home of this module's own, with a file to bring in."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"))
    operated.initialise()
    synthetic.write(operated.folder / "all.csv", PEOPLE + NEW, seed=11, departments=[SEGMENT, ELSEWHERE])
    saved(operated.folder / "people.csv", rows_of(operated.folder / "all.csv")[:PEOPLE])
    yield operated
    operated.stop()


def test_an_import_killed_again_and_again(operated: OperatedHome) -> None:
    """An initial load, and what it needs, killed at random moments: everybody once in the end, with all indexes."""
    for kill in random_kills(KILLS, PEOPLE // (KILLS + 2), 1.5):
        assert_said(import_killed(operated, "people.csv", kill), kill)
    up(operated)
    summary = imported(operated, "people.csv")
    assert (summary["read"], summary["inserted"] + summary["known"]) == (PEOPLE, PEOPLE)
    assert imported(operated, "people.csv")["known"] == PEOPLE
    assert_holds(operated, rows_of(operated.folder / "people.csv"))
    assert_counted(operated)
    assert term_indexes(operated) == 7


@pytest.mark.soak
def test_a_nights_changes_killed_again_and_again(operated: OperatedHome, tmp_path: Path) -> None:
    """Changes, moves and ends are killed at random moments: all of them are made once, and those changed open."""
    rows = rows_of(operated.folder / "all.csv")
    imported(operated, str(saved(operated.folder / "people.csv", rows[:PEOPLE])))
    delta = delta_of(rows[:PEOPLE], rows[PEOPLE:], share=10)
    path = saved(operated.folder / "night.csv", delta.rows)
    before = acts(operated)
    for kill in random_kills(KILLS, (delta.updated + delta.new) // (KILLS + 2), 1.5):
        assert_said(import_killed(operated, "night.csv", kill), kill)
    up(operated)
    imported(operated, "night.csv")
    assert imported(operated, "night.csv")["known"] == PEOPLE + NEW
    assert acts(operated) == before + delta.updated + delta.new
    assert_holds(operated, rows_of(path))
    assert_counted(operated)
    changed = [row for row in delta.rows if row["usage_name"] == "NEUVILLE"][:OPENED]
    with served(operated):
        register = Present(operated, tmp_path, changed)
        agent = register.agent(OPENED)
        with calling(register, agent) as api:
            opened = api.open(people_of(operated.home, agent))
    assert sorted(result["fields"]["birth_name"] for result in opened) == sorted(row["birth_name"] for row in changed)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[OperatedHome]:
    """A home with nobody in it, and a file."""
    operated = OperatedHome(tmp_path)
    operated.initialise()
    synthetic.write(operated.folder / "people.csv", MANY, seed=12, departments=[SEGMENT, ELSEWHERE])
    yield operated
    operated.stop()


@pytest.mark.parametrize(
    ("victim", "told"),
    [
        pytest.param(
            "keeper",
            r"^keeper_unavailable: The keeper does not answer \(.*\); records stay sealed",
            marks=pytest.mark.soak,
        ),
        pytest.param(
            "backend",
            r"^database_unavailable: PostgreSQL does not answer \(.*\)\. Run `cloison doctor`",
            marks=pytest.mark.soak,
        ),
        ("postmaster", r"^database_unavailable: PostgreSQL does not answer \(.*\)\. Run `cloison doctor`"),
        ("importer", ""),
    ],
)
def test_what_an_import_needs_is_killed(fresh: OperatedHome, victim: str, told: str) -> None:
    """It ends with exit code 1 and says what does not answer; nobody is half in; run again, everybody is in once."""
    rows = rows_of(fresh.folder / "people.csv")
    done = import_killed(fresh, "people.csv", Kill(victim, 200, 0.0))
    assert done.status == (1 if told else -signal.SIGKILL)
    assert re.search(told, done.err, re.MULTILINE), done
    assert done.out == ""
    up(fresh)

    summary = imported(fresh, "people.csv")
    assert (summary["read"], summary["inserted"] + summary["known"]) == (MANY, MANY)
    assert 200 <= summary["known"] < MANY
    assert_holds(fresh, rows)


def test_an_interrupt_at_the_terminal_ends_an_import(fresh: OperatedHome) -> None:
    """Ctrl-C: exit code 1, what to do, no trace of Python; whoever is in is whole, and nothing of ours goes on."""
    # of one department: people of all of them wait in memory until they are enough
    synthetic.write(fresh.folder / "long.csv", LONG, seed=5, departments=["59"])
    process = fresh.start("people", "import", "long.csv")
    wait_until(lambda: process.poll() is not None or acts(fresh) > 0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, ""), err
    assert err.splitlines()[-1].startswith("import_stopped: The import was stopped. Run it again")
    assert "Traceback" not in err
    assert keepers(fresh) == []
    assert 0 < assert_part_of(fresh, rows_of(fresh.folder / "long.csv")) < LONG
    assert term_indexes(fresh) == 7  # so small a register does not wait for them
    assert imported(fresh, "long.csv")["inserted"] < LONG
    assert_holds(fresh, rows_of(fresh.folder / "long.csv"))


def test_two_imports_of_one_file_at_once(fresh: OperatedHome) -> None:
    """Both end well, whoever's keeper it is; what one has brought in is known to the other."""
    one, other = (fresh.start("people", "import", "people.csv", "--json") for _ in range(2))
    told = [process.communicate(timeout=60) for process in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0), told
    assert_holds(fresh, rows_of(fresh.folder / "people.csv"))
    assert imported(fresh, "people.csv")["known"] == MANY
    assert_counted(fresh)


@pytest.mark.soak
def test_two_files_with_people_in_common_at_once(fresh: OperatedHome) -> None:
    """The one overlaps the other by half, in another order: each person is in once, and neither import fails."""
    rows = rows_of(fresh.folder / "people.csv")
    saved(fresh.folder / "one.csv", rows[: 2 * MANY // 3])
    saved(fresh.folder / "other.csv", rows[: MANY // 3 - 1 : -1])
    processes = [fresh.start("people", "import", name, "--json") for name in ("one.csv", "other.csv")]
    told = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert_holds(fresh, rows)
    assert_counted(fresh)


def test_the_keeper_of_a_killed_import_serves_nobody(fresh: OperatedHome) -> None:
    """An import begun right after another was killed does not lean on the dying keeper of that one."""
    first = fresh.start("people", "import", "people.csv")
    wait_until(lambda: first.poll() is not None or acts(fresh) > 0)
    strike(fresh, first, "importer")
    assert imported(fresh, "people.csv")["read"] == MANY
    first.communicate()
    assert_holds(fresh, rows_of(fresh.folder / "people.csv"))
