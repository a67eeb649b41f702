"""A thief with the desk's login commits without waiting for the disk, is released a record, and the server dies.

The server here is one of the test's own, so that it can be killed.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from support.database import Database, charge, cloned, release
from support.meter import Query, ask, first, thief

from cloison.config import Home
from cloison.installation import Wish, initialise
from cloison.store import postmaster
from cloison.store.embedded import Embedded


@pytest.fixture
def doomed(tmp_path: Path, passphrase_file: Path) -> Iterator[Home]:
    """A home of its own, whose server the test kills."""
    home = Home(tmp_path / "doomed")
    home.path.mkdir(mode=0o700)
    initialise(home, passphrase_file, Wish())
    yield home
    Embedded(home).stop()


def kill(home: Home) -> None:
    """End the home's PostgreSQL as a power cut would, all of its processes at once."""
    found = postmaster.living(home.database / "data")
    assert found is not None
    server = psutil.Process(found.pid)
    processes = [server, *server.children(recursive=True)]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


def test_server_killed_right_after_the_release(doomed: Home) -> None:
    """Whoever was released a record before the crash has an entry after it, though the charge did not wait."""
    with cloned(doomed) as database:
        it = thief(database)
        it.desk.execute("set synchronous_commit = off")
        taken = []
        for person in it.people[:8]:
            requests, _ = charge(it.desk, it.session, [person])
            taken += release(it.desk, it.session, requests, [person])
        kill(doomed)
        Embedded(doomed).start()
        database.owner = database.connect("owner")
        assert len(taken) == 8
        assert it.entries() == 8
        assert database.one("select count(*) from cloison.opening") == 8


def test_receipt_kept_across_a_crash(doomed: Home) -> None:
    """A receipt that was not released before the crash is not released after it: what was charged is charged again."""
    with cloned(doomed) as database:
        it = thief(database)
        requests, _ = charge(it.desk, it.session, it.people[:3])
        kill(doomed)
        Embedded(doomed).start()
        database.owner = database.connect("owner")
        desk = database.connect("desk")
        assert release(desk, it.session, requests, it.people[:3]) == []
        assert it.entries() == 3
        assert charge(desk, it.session, it.people[:3])[1] == ["open"] * 3


@pytest.mark.parametrize("setting", ["set synchronous_commit = off", "set synchronous_commit = local"])
def test_release_before_the_log_is_on_disk(database: Database, setting: str) -> None:
    """When a release answers, the log is on disk beyond the charge, whatever the caller's commits wait for."""
    it = thief(database)
    it.desk.execute(setting)
    for person in it.people[:10]:
        with it.desk.transaction():
            it.desk.execute("set local synchronous_commit = off")
            requests, _ = charge(it.desk, it.session, [person])
        charged = first(it.desk.execute("select pg_current_wal_insert_lsn()"))
        assert release(it.desk, it.session, requests, [person]) == [person]
        assert first(it.desk.execute("select pg_current_wal_flush_lsn() >= %s::pg_lsn", (charged,))) is True


def test_search_answered_before_the_log_is_on_disk(database: Database) -> None:
    """When a search answers, the miss that it was charged as is on disk."""
    it = thief(database)
    it.desk.execute("set synchronous_commit = off")
    for term in range(5):
        request = uuid4()
        assert ask(it.desk, it.session, Query(2, [term + 1000]), request) == "open"
        charged = first(it.desk.execute("select pg_current_wal_insert_lsn()"))
        it.desk.execute("select * from cloison.find_v1('59', %s, %s)", (it.session.token, request))
        assert first(it.desk.execute("select pg_current_wal_flush_lsn() >= %s::pg_lsn", (charged,))) is True
