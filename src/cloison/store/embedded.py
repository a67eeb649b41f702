"""The embedded PostgreSQL of a home: made by our own initdb, started by whichever command needs it first.

What holds, each with a test:

1. Every login needs its own password (scram-sha-256), the superuser too; nobody is trusted for being local.
2. It listens on a Unix socket in a folder of mode 0700, never on TCP.
3. Its folders have mode 0700, its files 0600; it never runs as root, and no mode is widened for that.
4. Creating, starting and stopping are safe to repeat, to run at the same moment, and to kill at any moment.

In the home's `database/`:

    data/         PostgreSQL's own; no key is in it
    local.conf    the operator's settings of memory and speed
    run/          its socket, only where it runs as another account than the commands
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import psutil
from psycopg.conninfo import make_conninfo

from cloison.config import Home, read_secret, write_secret
from cloison.errors import EmbeddedDatabaseError
from cloison.store import postgres_settings as settings
from cloison.store import postmaster
from cloison.store.postgres_binaries import Binaries, find_binaries
from cloison.store.unprivileged import Runner, choose_runner

SUPERUSER = "postgres"
PORT = 5432
PASSWORD_BYTES = 32
SOCKET_BYTES = 107  # the kernel's limit for a socket's path
CREATE_FREE_BYTES = 200 * 2**20
CREATE_SECONDS = 300
START_SECONDS = 600  # replaying max_wal_size after a crash on a slow disk
STOP_SECONDS = 300
ORPHAN_SECONDS = 15  # what the processes of a killed PostgreSQL take to notice
POLL_SECONDS = 0.05
LOG_BYTES = 10 * 2**20


def memory_bytes() -> int:
    """What this machine has, or the container that we are in if that is less."""
    least = int(psutil.virtual_memory().total)
    for limit in (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")):
        with contextlib.suppress(OSError, ValueError):
            least = min(least, int(limit.read_text(encoding="ascii")))
    return least


class Embedded:
    """The embedded PostgreSQL of one home."""

    def __init__(self, home: Home, runner: Runner | None = None) -> None:
        """Nothing is done yet. `runner` is how its programs run; by default the first way that works here."""
        self._home = home
        self._data = home.database / "data"
        self._chosen_runner = runner

    def create(self) -> None:
        """Make the database, if there is none.

        Raises:
            EmbeddedDatabaseError: it cannot be made, with what to do about it.
        """
        with self._alone():
            self._create()

    def start(self) -> None:
        """Make the database if need be, start it if it does not run, and return once it takes connections.

        Raises:
            EmbeddedDatabaseError: it cannot be made or started, with what to do about it.
        """
        with self._alone():
            self._create()
            deadline = time.monotonic() + START_SECONDS
            while not self.running():
                if postmaster.living(self._data) is None:
                    self._launch()
                elif time.monotonic() > deadline:
                    raise EmbeddedDatabaseError(reason=settings.explain(""))
                else:  # it recovers from a crash, or still stops: there is nothing to do but wait
                    time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End all sessions, write everything to disk and stop; nothing happens if it does not run.

        Raises:
            EmbeddedDatabaseError: it did not stop in time.
        """
        if not self._data.exists():
            return
        with self._alone():
            found = postmaster.living(self._data)
            if found is None:
                return
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(found.pid)
                process.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown
                _await_end(process)

    def running(self) -> bool:
        """Whether it takes connections."""
        found = postmaster.living(self._data)
        return found is not None and found.ready

    def dsn(self, user: str, dbname: str) -> str:
        """The connection string of a login, without its password.

        It makes the client insist on scram-sha-256, so that no impostor is ever sent a password in clear.
        """
        found = postmaster.living(self._data)
        host = found.sockets if found else str(self._sockets())
        return make_conninfo(host=host, port=PORT, user=user, dbname=dbname, require_auth="scram-sha-256")

    def conninfo(self, login: str, dbname: str) -> str:
        """The connection string of a login with its password.

        Raises:
            ConfigError: the password's file is missing or open to others.
        """
        return make_conninfo(self.dsn(login, dbname), password=read_secret(self._password_file(login)))

    # -- making it ---------------------------------------------------------------------------------

    def _create(self) -> None:
        if self._made_by() is not None:
            return
        if shutil.disk_usage(self._home.path).free < CREATE_FREE_BYTES:
            raise EmbeddedDatabaseError(
                reason=f"it takes {CREATE_FREE_BYTES // 2**20} MB; free space in {self._home.path}"
            )
        self._make_folder()
        if not self._password_file(SUPERUSER).exists():
            write_secret(self._password_file(SUPERUSER), secrets.token_urlsafe(PASSWORD_BYTES))
        if not (local := self._home.database / "local.conf").exists():
            self._runner().write(local, settings.LOCAL)
        self._initdb()

    def _make_folder(self) -> None:
        folder, runner = self._home.database, self._runner()
        folder.mkdir(mode=0o700, exist_ok=True)
        if runner.uid is not None and runner.gid is not None:
            os.chown(folder, runner.uid, runner.gid)

    def _initdb(self) -> None:
        """Make `data` under another name first, so that a half-made one is never taken for the whole."""
        new, password_file = self._data.with_name("data.new"), self._home.database / "initdb.password"
        runner = self._runner()
        runner.run(["rm", "-rf", "--", str(new)], timeout=CREATE_SECONDS)
        runner.write(password_file, read_secret(self._password_file(SUPERUSER)))
        try:
            command = [self._binaries().program("initdb"), *settings.initdb_arguments(new, password_file)]
            done = runner.run(command, timeout=CREATE_SECONDS)
        finally:
            password_file.unlink(missing_ok=True)
        if done.returncode:
            raise EmbeddedDatabaseError(reason=settings.explain(done.stdout.decode(errors="replace")))
        new.rename(self._data)

    # -- starting it -------------------------------------------------------------------------------

    def _launch(self) -> None:
        """Start it where nothing of it lives any more.

        All its processes inherit a lock of ours: survivors of a killed one are seen, in another container too.
        PostgreSQL's own files cannot tell, as the numbers in them may be anybody's.
        """
        with _append_private(self._home.path / "database.running") as held:
            _await_lock(held.fileno(), ORPHAN_SECONDS, settings.SURVIVORS)
            for lock in (self._data / "postmaster.pid", self._sockets() / f".s.PGSQL.{PORT}.lock"):
                postmaster.clear_stale_lock(lock, self._data)
            self._write_settings()
            printed = self._pg_ctl_start(held.fileno())
        if postmaster.living(self._data) is None:
            raise EmbeddedDatabaseError(reason=settings.explain(printed))

    def _write_settings(self) -> None:
        runner = self._runner()
        text = settings.settings_text(self._binaries().major, self._sockets(), memory_bytes())
        runner.write(self._data / "postgresql.conf", text)
        runner.write(self._data / "postgresql.auto.conf", "# emptied at each start\n")
        runner.write(self._data / "pg_hba.conf", settings.ACCESS)
        runner.write(self._data / "pg_ident.conf", "")

    def _pg_ctl_start(self, held: int) -> str:
        """Start it in a session of its own, which outlives us and keeps `held` open; what it printed."""
        # The folder goes by the environment, as pg_ctl hands its arguments to a shell.
        pg_ctl, printed = self._binaries().program("pg_ctl"), self._log_file()
        command = ["env", f"PGDATA={self._data}", pg_ctl, "start", "-s", "-w", "-t", str(START_SECONDS)]
        with _append_private(printed) as log:
            begun = os.fstat(log.fileno()).st_size
            # What runs out is the waiting, not the start: whether it lives is looked at next.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._runner().launch(command, log, held, timeout=START_SECONDS)
        return printed.read_bytes()[begun:].decode(errors="replace")

    def _log_file(self) -> Path:
        """The log, kept to two files of about LOG_BYTES."""
        self._home.log.mkdir(mode=0o700, exist_ok=True)
        log = self._home.log / "postgresql.log"
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        return log

    # -- where things are --------------------------------------------------------------------------

    def _sockets(self) -> Path:
        """The folder of its socket: the home's, or one that the account it runs as can use."""
        runner = self._runner()
        folder = self._home.sockets if runner.uid is None else self._home.database / "run"
        if runner.uid is not None:
            runner.run(["mkdir", "-p", "--", str(folder)], timeout=POLL_SECONDS * 100)
        if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) > SOCKET_BYTES or "," in str(folder):
            raise EmbeddedDatabaseError(reason=f"{folder} is too long or has a comma; move CLOISON_HOME")
        return folder

    def _password_file(self, login: str) -> Path:
        return self._home.logins / f"{login}.password"

    def _made_by(self) -> int | None:
        version = postmaster.read_if_there(self._data / "PG_VERSION")
        return int(version) if version else None

    def _binaries(self) -> Binaries:
        return find_binaries(os.environ, self._made_by())

    def _runner(self) -> Runner:
        if self._chosen_runner is None:
            program = Path(self._binaries().program("initdb"))
            self._chosen_runner = choose_runner(program, self._home.database)
        return self._chosen_runner

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the home's lock: of several commands at the same moment one creates, starts or stops."""
        try:
            self._home.path.mkdir(parents=True, exist_ok=True)
            with _append_private(self._home.path / "database.lock") as lock:
                _await_lock(lock.fileno(), START_SECONDS, "another command has held database.lock for long")
                yield
        except OSError as error:
            raise EmbeddedDatabaseError(reason=settings.explain(f"error: {error}")) from error


def _await_lock(descriptor: int, seconds: float, otherwise: str) -> None:
    """Lock an open file; raises EmbeddedDatabaseError for the reason `otherwise` if that takes too long."""
    deadline = time.monotonic() + seconds
    while not _locked(descriptor):
        if time.monotonic() > deadline:
            raise EmbeddedDatabaseError(reason=otherwise)
        time.sleep(POLL_SECONDS)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _append_private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600), "ab")


def _await_end(process: psutil.Process) -> None:
    """Wait until the process is gone; a zombie that nobody collects is gone too."""
    deadline = time.monotonic() + STOP_SECONDS
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            raise EmbeddedDatabaseError(reason=f"it has not stopped for {STOP_SECONDS} seconds")
        time.sleep(POLL_SECONDS)


def start_database(home: Home) -> None:
    """Start the embedded database if it is the one this home uses; raises EmbeddedDatabaseError."""
    if not home.config.database.url:
        Embedded(home).start()


def stop_database(home: Home) -> None:
    """Stop the embedded database if it is the one this home uses; raises EmbeddedDatabaseError."""
    if not home.config.database.url:
        Embedded(home).stop()
