"""The disk fills up: under openings, under PostgreSQL's own log, under an import. Nothing is lost, nothing let out.

The audit log is on that disk as well: no number of it is missing afterwards, and its tree goes on where it was.

The whole home lies on a small disk of its own, as it would on a machine that nobody looked after.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from support.contents import assert_holds
from support.desk import ELSEWHERE, SEGMENT, RunningRegister
from support.desk import PEOPLE as SERVED_PEOPLE
from support.disks import MEGABYTE, full, small_disk
from support.load import agents_with_people, goes_on, loaded, logged
from support.operated import OperatedHome, Served, rows_of, served, wait_until

from cloison.register import synthetic

DISK_MEGABYTES = 320
CLIENTS = 8
PEOPLE = 3_000
MOST_SEGMENTS = 100  # of the write-ahead log, 16 MB each


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The disk."""
    with small_disk(tmp_path_factory.mktemp("disks") / "small", DISK_MEGABYTES) as disk:
        yield disk


@pytest.fixture(scope="module")
def operated(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedHome]:
    """A home on it."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"), home=disk / "home")
    operated.initialise()
    yield operated
    operated.stop()


@pytest.fixture
def serving(operated: OperatedHome) -> Iterator[Served]:
    """The home, served."""
    with served(operated) as serving:
        yield serving


def test_a_full_disk_under_openings(serving: Served, disk: Path, tmp_path: Path) -> None:
    """Openings fail and say why, until there is room; whatever was released meanwhile has its entry."""
    register = RunningRegister(serving.operated.home, tmp_path)
    with loaded(register.url, agents_with_people(register, CLIENTS)) as load:
        with full(disk):
            wait_until(lambda: any("its disk is full" in detail for detail in load.details))
        goes_on(load)
    assert load.problems.keys() <= {"database_unavailable", "keeper_unavailable"}
    assert not load.others
    assert set(load.opened) <= logged(register.home)
    assert_verifies(serving.operated)


def test_a_full_disk_under_the_write_ahead_log(serving: Served, disk: Path, tmp_path: Path) -> None:
    """PostgreSQL ends itself when its log cannot grow; with room it is back, with all that was committed."""
    register = RunningRegister(serving.operated.home, tmp_path)
    with loaded(register.url, agents_with_people(register, CLIENTS)) as load:
        with full(disk):
            with serving.operated.superuser() as superuser, pytest.raises(psycopg.OperationalError):
                fill_log(superuser)
            wait_until(lambda: load.problems["database_unavailable"])
        goes_on(load)
    assert load.problems.keys() <= {"database_unavailable", "keeper_unavailable"}
    assert not load.others
    assert set(load.opened) <= logged(register.home)
    assert_verifies(serving.operated)


def assert_verifies(operated: OperatedHome) -> None:
    """Every entry comes into the tree and is witnessed, and the whole log verifies."""
    wait_until(lambda: operated.do("audit", "verify")["unanchored"] == 0)
    assert operated.do("audit", "verify")["findings"] == []


def fill_log(superuser: psycopg.Connection) -> None:
    """Begin new files of the write-ahead log until there is no room for one."""
    for _ in range(MOST_SEGMENTS):
        superuser.execute("select pg_logical_emit_message(true, '', 'x'), pg_switch_wal()")


def test_a_full_disk_under_an_import(operated: OperatedHome, disk: Path) -> None:
    """The import says that the disk is full; run again with room it completes, and nobody is lost or doubled."""
    people = operated.folder / "people.csv"
    # Its first rows are the people whom the other tests of this file brought in, if they ran.
    synthetic.write(people, SERVED_PEOPLE + PEOPLE, seed=59, departments=[SEGMENT, ELSEWHERE])
    with full(disk, but_bytes=2 * MEGABYTE):
        stopped = operated.run("people", "import", "people.csv", "--json")
    assert (stopped.status, stopped.out) == (1, "")
    assert "its disk is full" in stopped.err
    summary = operated.do("people", "import", "people.csv")
    assert summary["rejected"] == 0
    assert summary["inserted"] >= 1
    assert summary["known"] >= SERVED_PEOPLE
    assert_holds(operated, rows_of(people))
