"""The initial load, which drops the indexes of search terms and makes them at its end: what may come between."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from support.api import Api, problem
from support.contents import assert_counted, assert_holds
from support.desk import ELSEWHERE, SEGMENT
from support.disks import full, small_disk
from support.imports import Present, acts, imported, loading, saved, term_indexes
from support.operated import OperatedHome, rows_of, served, wait_until

from cloison.doctor import examine
from cloison.register import synthetic
from cloison.store.pools import connect

PEOPLE = 6_000
HALF = PEOPLE // 2
TERM_INDEXES = 7
WAITING = (
    "select pid from pg_stat_activity where application_name = 'cloison intake' and wait_event_type = 'Lock' "
    "and query like %s"
)


@pytest.fixture
def operated(tmp_path: Path) -> Iterator[OperatedHome]:
    """A home with nobody in it, and files."""
    operated = OperatedHome(tmp_path)
    operated.initialise()
    synthetic.write(operated.folder / "people.csv", PEOPLE, seed=31, departments=[SEGMENT, ELSEWHERE])
    rows = rows_of(operated.folder / "people.csv")
    saved(operated.folder / "one.csv", rows[:HALF])
    saved(operated.folder / "other.csv", rows[HALF:])
    yield operated
    operated.stop()


@contextmanager
def indexing_held(operated: OperatedHome) -> Iterator[psycopg.Connection]:
    """Somebody's transaction that people may be written beside, but no index made, for the length of the block."""
    with operated.superuser() as superuser, superuser.transaction():
        superuser.execute("lock table cloison.person in row exclusive mode")
        yield superuser


def waiting(operated: OperatedHome, function: str) -> list[int]:
    """The processes of PostgreSQL that call this function and wait for a lock."""
    with operated.superuser() as another:  # a transaction sees activity as it was at its first look
        return [row[0] for row in another.execute(WAITING, (f"%{function}%",)).fetchall()]


def left_unfinished(operated: OperatedHome, file: str = "people.csv") -> str:
    """An import whose connection ends while it makes indexes; what it says."""
    process = operated.start("people", "import", file)
    wait_until(lambda: process.poll() is not None or acts(operated) > 0)
    with indexing_held(operated) as superuser:
        wait_until(lambda: process.poll() is not None or waiting(operated, "intake_end_load_v1"))
        [pid] = waiting(operated, "intake_end_load_v1")
        superuser.execute("select pg_terminate_backend(%s)", (pid,))
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    return err


def failing(operated: OperatedHome) -> dict[str, str]:
    """The checks of `cloison doctor` that fail, but for those of what does not run here."""
    found = {check.name: check.advice for check in examine(operated.home) if not check.ok}
    return {
        name: advice for name, advice in found.items() if name not in {"keeper", "intake door", "sign-in door", "disk"}
    }


def test_a_load_left_before_its_indexes(operated: OperatedHome, tmp_path: Path) -> None:
    """Doctor says so, searches are refused without a charge and by name; the next import ends it, and all is well."""
    err = left_unfinished(operated)
    assert err.splitlines()[-1].startswith(
        "database_unavailable: PostgreSQL does not answer (the connection was ended)"
    )
    assert loading(operated)
    assert term_indexes(operated) == 0
    assert "run cloison people import again" in failing(operated)["initial load"]

    rows = rows_of(operated.folder / "people.csv")
    with served(operated):
        register = Present(operated, tmp_path, rows)
        agent = register.agent(3)
        api = Api(register.url, agent.held)
        wish = {"purpose": "follow_up", "identifier": agent.people[0]["identifier"]}
        told = problem(api.post("/v1/people/search", wish), 503, "register_loading")
        assert "searches begin when its first import ends" in told.detail
        french = api.post("/v1/people/search", wish, **{"Accept-Language": "fr"})
        assert "les recherches commenceront" in french.json()["detail"]
        with connect(operated.home, "owner") as owner:
            for table in ("refusal", "search_miss", "asked"):
                assert owner.execute(f"select from cloison.{table}".encode()).fetchall() == []
        imported(operated, "people.csv")
        assert len(api.search(**wish)["cards"]) == 1
        api.close()
        assert not loading(operated)
        assert term_indexes(operated) == TERM_INDEXES
        assert "initial load" not in failing(operated)
        assert_holds(operated, rows)


@pytest.mark.soak
def test_one_import_ends_the_load_while_another_writes(operated: OperatedHome) -> None:
    """The other waits until the indexes are made, then goes on: nobody fails, nobody is lost."""
    first = operated.start("people", "import", "one.csv", "--json")
    wait_until(lambda: first.poll() is not None or acts(operated) > 0)
    with indexing_held(operated):
        wait_until(lambda: first.poll() is not None or waiting(operated, "intake_end_load_v1"))
        other = operated.start("people", "import", "other.csv", "--json")
        # it waits for its turn to begin: the load is being ended
        wait_until(lambda: other.poll() is not None or waiting(operated, "intake_begin_load_v1"))
    told = [process.communicate(timeout=60) for process in (first, other)]
    assert [process.returncode for process in (first, other)] == [0, 0], told
    assert_holds(operated, rows_of(operated.folder / "people.csv"))
    assert_counted(operated)
    assert term_indexes(operated) == TERM_INDEXES


def test_writes_wait_for_the_indexes_and_do_not_fail(operated: OperatedHome) -> None:
    """Two imports load together; the one that ends first makes the indexes behind and before writes of the other."""
    first, other = (operated.start("people", "import", name, "--json") for name in ("one.csv", "people.csv"))
    wait_until(lambda: first.poll() is not None or acts(operated) > 0)
    with indexing_held(operated):
        wait_until(lambda: first.poll() is not None or waiting(operated, "intake_end_load_v1"))
        # whoever writes now stands behind who makes indexes
        wait_until(lambda: other.poll() is not None or len(waiting(operated, "cloison.intake_")) > 1)
    told = [process.communicate(timeout=60) for process in (first, other)]
    assert [process.returncode for process in (first, other)] == [0, 0], told
    assert_holds(operated, rows_of(operated.folder / "people.csv"))
    assert term_indexes(operated) == TERM_INDEXES


def test_postgresql_killed_while_indexes_are_made(operated: OperatedHome) -> None:
    """None of them is there; the next import makes all."""
    process = operated.start("people", "import", "people.csv")
    wait_until(lambda: process.poll() is not None or acts(operated) > 0)
    superuser = operated.superuser()
    superuser.execute("begin; lock table cloison.person in row exclusive mode")
    wait_until(lambda: process.poll() is not None or waiting(operated, "intake_end_load_v1"))
    operated.postmaster().send_signal(signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    superuser.close()
    assert (process.returncode, out) == (1, "")
    assert err.splitlines()[-1].startswith("database_unavailable: ")
    assert imported(operated, "people.csv")["known"] == PEOPLE
    assert not loading(operated)
    assert term_indexes(operated) == TERM_INDEXES
    assert_holds(operated, rows_of(operated.folder / "people.csv"))


@pytest.mark.soak
def test_a_full_disk_while_indexes_are_made(tmp_path: Path) -> None:
    """The import says that the disk is full; with room the next one makes the indexes, and everybody is in once."""
    with small_disk(tmp_path / "small", 320) as disk:
        operated = OperatedHome(tmp_path, home=disk / "home")
        try:
            operated.initialise()
            synthetic.write(tmp_path / "people.csv", PEOPLE, seed=31, departments=[SEGMENT, ELSEWHERE])
            left_unfinished(operated)
            with full(disk, but_bytes=2**17):
                done = operated.run("people", "import", "people.csv", "--json")
            assert (done.status, done.out) == (1, "")
            assert "its disk is full" in done.err
            assert loading(operated)
            assert term_indexes(operated) == 0
            assert imported(operated, "people.csv")["known"] == PEOPLE
            assert term_indexes(operated) == TERM_INDEXES
            assert_holds(operated, rows_of(tmp_path / "people.csv"))
        finally:
            operated.stop()
