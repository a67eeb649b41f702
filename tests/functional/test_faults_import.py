"""An import by the command line is killed again and again: the register ends as if nothing had happened."""

import random
from collections.abc import Iterator

import pytest
from support.contents import assert_holds
from support.operated import OperatedHome, processes_of, rows_of, wait_until

from cloison.register import synthetic
from cloison.store.pools import connect

PEOPLE = 4_000
KILLS = 3
PART = PEOPLE // (KILLS + 2)  # people brought in between two kills, at least one


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedHome]:
    """A home of this module's own, with a file to bring in."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"))
    operated.do("init")
    synthetic.write(operated.folder / "people.csv", PEOPLE, seed=11)
    yield operated
    operated.stop()


def brought_in(operated: OperatedHome) -> int:
    """How many people are in the register."""
    with connect(operated.home, "owner") as owner:
        row = owner.execute("select count(*) from cloison.person").fetchone()
    return 0 if row is None else int(row[0])


def import_killed(operated: OperatedHome, when: int) -> None:
    """Begin an import, and kill it once `when` people are in; its keeper ends with it."""
    process = operated.start("people", "import", "people.csv")
    wait_until(lambda: brought_in(operated) >= when or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    process.kill()
    process.communicate()
    wait_until(lambda: not any("cloison.keeper" in words for words in processes_of(operated.home)))


def test_an_import_killed_again_and_again(operated: OperatedHome) -> None:
    """Killed at random moments and started again, it brings in everybody once, and leaves no keeper behind."""
    moments = random.SystemRandom()
    for _ in range(KILLS):
        import_killed(operated, brought_in(operated) + moments.randint(1, PART))
    assert 0 < brought_in(operated) < PEOPLE
    summary = operated.do("people", "import", "people.csv")
    assert (summary["read"], summary["inserted"] + summary["known"], summary["rejected"]) == (PEOPLE, PEOPLE, 0)
    assert operated.do("people", "import", "people.csv")["known"] == PEOPLE
    assert_holds(operated, rows_of(operated.folder / "people.csv"))
