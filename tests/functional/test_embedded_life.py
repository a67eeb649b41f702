"""Creating, starting, stopping and killing the embedded PostgreSQL."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
from support.versions import programs_of

from cloison.config import Home
from cloison.errors import EmbeddedDatabaseError
from cloison.store.embedded import Embedded

START = "import sys; from cloison.config import Home; from cloison.store.embedded import Embedded; "
START += "Embedded(Home(sys.argv[1])).start()"


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[Callable[[str], Embedded]]:
    """Makes the database of a home by name; whatever was started is stopped at the end."""
    made: list[Embedded] = []

    def make(name: str) -> Embedded:
        made.append(Embedded(Home(tmp_path / name)))
        return made[-1]

    yield make
    for embedded in made:
        with contextlib.suppress(EmbeddedDatabaseError):
            embedded.stop()


def answer(embedded: Embedded, query: str) -> object:
    """The one value that a query gives the superuser."""
    with psycopg.connect(embedded.conninfo("postgres", "postgres"), autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def pid_of(embedded: Embedded) -> int:
    """The number of the database's first process."""
    with psycopg.connect(embedded.conninfo("postgres", "postgres")) as connection:
        parent = psutil.Process(connection.info.backend_pid).parent()
    assert parent is not None
    return parent.pid


def kill_9(pid: int) -> None:
    """Kill a process and wait until it is dead; what it leaves behind is not waited for."""
    process = psutil.Process(pid)
    process.kill()
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)


def reuse_pid(lock: Path) -> None:
    """Make a lock file name this process, as if the number had been given anew."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n", encoding="utf-8")


def test_repeating_every_step(homes: Callable[[str], Embedded]) -> None:
    """Creating, starting and stopping twice is the same as once."""
    embedded = homes("home")
    embedded.stop()
    embedded.create()
    embedded.create()
    assert not embedded.running()
    embedded.start()
    first = pid_of(embedded)
    embedded.start()
    assert pid_of(embedded) == first
    embedded.stop()
    embedded.stop()
    assert not embedded.running()


@pytest.mark.parametrize("major", [18, 16])
def test_versions_of_the_wheel(homes: Callable[[str], Embedded], monkeypatch: pytest.MonkeyPatch, major: int) -> None:
    """Both versions of the wheel run with our settings, and a later command finds the version by itself."""
    monkeypatch.setenv("CLOISON_POSTGRES", str(major))
    homes("home").create()
    monkeypatch.delenv("CLOISON_POSTGRES")
    embedded = homes("home")
    embedded.start()
    assert str(answer(embedded, "show server_version_num")).startswith(str(major))
    assert answer(embedded, "select count(*) from pg_file_settings where error is not null") == 0


def test_version_of_the_distribution(homes: Callable[[str], Embedded], monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of programs may be named: the oldest supported version runs with the same settings."""
    monkeypatch.setenv("CLOISON_POSTGRES_BIN", str(programs_of(15)))
    embedded = homes("home")
    embedded.start()
    assert str(answer(embedded, "show server_version_num")).startswith("15")
    assert answer(embedded, "select count(*) from pg_file_settings where error is not null") == 0


def test_another_version_than_the_one_that_made_it(
    homes: Callable[[str], Embedded], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database of 16 is not opened by 18; the message names the setting that helps."""
    monkeypatch.setenv("CLOISON_POSTGRES", "16")
    homes("home").create()
    monkeypatch.setenv("CLOISON_POSTGRES", "18")
    with pytest.raises(EmbeddedDatabaseError, match="CLOISON_POSTGRES=16"):
        homes("home").start()


def test_two_homes_at_once(homes: Callable[[str], Embedded]) -> None:
    """Two homes run side by side, and the password of one does not open the other."""
    one, other = homes("one"), homes("other")
    one.start()
    other.start()
    assert answer(one, "show data_directory") != answer(other, "show data_directory")
    stolen = psycopg.conninfo.conninfo_to_dict(one.conninfo("postgres", "postgres"))["password"]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(other.dsn("postgres", "postgres"), password=stolen)
    one.stop()
    assert other.running()


def test_commands_starting_at_the_same_moment(homes: Callable[[str], Embedded], tmp_path: Path) -> None:
    """Four commands that find no database make and start exactly one, and all of them succeed."""
    commands = [subprocess.Popen([sys.executable, "-c", START, str(tmp_path / "home")]) for _ in range(4)]
    assert [command.wait(timeout=60) for command in commands] == [0, 0, 0, 0]
    assert homes("home").running()
    log = (tmp_path / "home" / "log" / "postgresql.log").read_text(encoding="utf-8")
    assert log.count("starting PostgreSQL") == 1


def test_threads_starting_at_the_same_moment(homes: Callable[[str], Embedded]) -> None:
    """The lock also holds between threads of one process."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda embedded: embedded.start(), [homes("home") for _ in range(4)]))
    assert homes("home").running()


def test_database_outlives_the_command(homes: Callable[[str], Embedded], tmp_path: Path) -> None:
    """It runs on after the command that started it, even if that command's whole group is killed."""
    path = str(tmp_path / "home")
    script = f"{START}; input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, start_new_session=True
    ) as command:
        embedded = homes("home")
        deadline = time.monotonic() + 30
        while not embedded.running() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(command.pid, signal.SIGKILL)
    assert answer(embedded, "select 1") == 1


def test_kill_9(homes: Callable[[str], Embedded], tmp_path: Path) -> None:
    """After kill -9 of the first process, with a session open, a start works and nothing is lost."""
    embedded = homes("home")
    embedded.start()
    answer(embedded, "create table kept as select 7 as n")
    with psycopg.connect(embedded.conninfo("postgres", "postgres")) as busy:
        kill_9(pid_of(embedded))
        assert (tmp_path / "home" / "database" / "data" / "postmaster.pid").exists()
        embedded.start()
        with pytest.raises(psycopg.OperationalError):
            busy.execute("select 1")
    assert answer(embedded, "select n from kept") == 7


@pytest.mark.parametrize("stale_pid", ["dead", "reused"])
def test_survivor_of_kill_9(homes: Callable[[str], Embedded], tmp_path: Path, stale_pid: str) -> None:
    """While one process of a killed database still lives, a start waits: two at once would ruin the files."""
    embedded = homes("home")
    embedded.start()
    with psycopg.connect(embedded.conninfo("postgres", "postgres")) as busy:
        survivor = psutil.Process(busy.info.backend_pid)
        survivor.suspend()
        kill_9(pid_of(embedded))
        if stale_pid == "reused":
            reuse_pid(tmp_path / "home" / "database" / "data" / "postmaster.pid")
        with ThreadPoolExecutor(1) as pool:
            starting = pool.submit(embedded.start)
            time.sleep(1)
            assert not starting.done()
            survivor.resume()
            starting.result(timeout=30)
    assert answer(embedded, "select 1") == 1


def test_stale_pid_of_another_process(homes: Callable[[str], Embedded], tmp_path: Path) -> None:
    """A stale lock whose number now belongs to this very process does not stop a start."""
    embedded = homes("home")
    embedded.start()
    kill_9(pid_of(embedded))
    reuse_pid(tmp_path / "home" / "database" / "data" / "postmaster.pid")
    reuse_pid(Home(tmp_path / "home").sockets / ".s.PGSQL.5432.lock")
    assert not embedded.running()
    embedded.start()
    assert answer(embedded, "select 1") == 1


def test_killed_while_it_was_made(homes: Callable[[str], Embedded], tmp_path: Path) -> None:
    """A database half made by a killed command is made anew."""
    half = tmp_path / "home" / "database" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n", encoding="utf-8")
    embedded = homes("home")
    embedded.start()
    assert answer(embedded, "select 1") == 1
    assert not half.exists()


def test_stopping_is_clean(homes: Callable[[str], Embedded], tmp_path: Path) -> None:
    """Stopping ends open sessions, leaves no process and no socket, and the next start recovers nothing."""
    embedded = homes("home")
    embedded.start()
    first = psutil.Process(pid_of(embedded))
    family = [first, *first.children(recursive=True)]
    with psycopg.connect(embedded.conninfo("postgres", "postgres")):
        embedded.stop()
    assert not any(process.is_running() and process.status() != "zombie" for process in family)
    assert list(Home(tmp_path / "home").sockets.glob(".s.PGSQL*")) == []
    embedded.start()
    log = (tmp_path / "home" / "log" / "postgresql.log").read_text(encoding="utf-8")
    assert "database system is shut down" in log
    assert "not properly shut down" not in log


def test_settings_of_safety_cannot_be_changed(
    homes: Callable[[str], Embedded], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither ALTER SYSTEM nor local.conf opens a TCP port or lets commits be lost; memory may be changed."""
    monkeypatch.setenv("CLOISON_POSTGRES", "16")  # where ALTER SYSTEM cannot be forbidden
    embedded = homes("home")
    embedded.start()
    answer(embedded, "alter system set fsync = off")
    embedded.stop()
    local = tmp_path / "home" / "database" / "local.conf"
    local.write_text("shared_buffers = 64MB\nlisten_addresses = '*'\nfsync = off\n", encoding="utf-8")
    embedded.start()
    shown = [answer(embedded, f"show {name}") for name in ("fsync", "listen_addresses", "shared_buffers")]
    assert shown == ["on", "", "64MB"]


def test_alter_system_is_refused(homes: Callable[[str], Embedded]) -> None:
    """From PostgreSQL 17 on, ALTER SYSTEM is refused outright."""
    embedded = homes("home")
    embedded.start()
    with pytest.raises(psycopg.Error, match="ALTER SYSTEM is not allowed"):
        answer(embedded, "alter system set fsync = off")
