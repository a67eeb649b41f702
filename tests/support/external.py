"""A PostgreSQL that is not the embedded one: made and started by the test, as an administrator of servers would."""

import secrets
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from cloison.store.unprivileged import Runner, choose_runner
from support.versions import programs_of

PORT = 5433
SECONDS = 60
HOSTED_ROLE = "rented"  # what a hosting company gives its customers: roles and databases, no superuser


class ExternalServer:
    """One server: scram for everybody, a socket in a folder, no TCP."""

    def __init__(self, folder: Path, programs: Path) -> None:
        """Make it in `folder` with the `programs` of one version, and start it."""
        self._folder, self._programs = folder, programs
        self._password = secrets.token_urlsafe()
        self._runner: Runner = choose_runner(programs / "initdb", folder)
        folder.chmod(0o700)
        self._initdb()
        self._pg_ctl("start", "-o", f"-c listen_addresses= -c unix_socket_directories={folder} -c port={PORT}")

    @property
    def url(self) -> str:
        """Its connection string, without user and password."""
        return make_conninfo(host=str(self._folder), port=PORT)

    def superuser(self) -> str:
        """The connection string of its superuser."""
        return make_conninfo(self.url, user="postgres", password=self._password, dbname="postgres")

    def hosted(self) -> str:
        """The connection string of an administrator who is no superuser; makes him."""
        password = secrets.token_urlsafe()
        with psycopg.connect(self.superuser(), autocommit=True) as superuser:
            superuser.execute(f"create role {HOSTED_ROLE} login createrole createdb password '{password}'")
        return make_conninfo(self.superuser(), user=HOSTED_ROLE, password=password)

    def log(self) -> str:
        """What it wrote to its log."""
        return (self._folder / "log").read_text(encoding="utf-8")

    def stop(self) -> None:
        """Stop it."""
        self._pg_ctl("stop", "-m", "immediate")

    def _initdb(self) -> None:
        file = self._folder / "password"
        self._runner.write(file, self._password)
        arguments = [f"--pgdata={self._folder / 'data'}", "--username=postgres", f"--pwfile={file}"]
        methods = ["--auth-local=scram-sha-256", "--auth-host=scram-sha-256", "--no-sync"]
        self._run(self._programs / "initdb", *arguments, *methods)

    def _pg_ctl(self, action: str, *more: str) -> None:
        log = self._folder / "log"
        self._run(self._programs / "pg_ctl", action, "-D", self._folder / "data", "-l", log, "-w", *more)

    def _run(self, *words: str | Path) -> None:
        done = self._runner.run([str(word) for word in words], timeout=SECONDS)
        assert done.returncode == 0, (shlex.join(map(str, words)), done.stdout)


@contextmanager
def external_server(folder: Path, major: int) -> Iterator[ExternalServer]:
    """A server of that version, for the length of the block; the test fails where its programs are missing."""
    server = ExternalServer(folder, programs_of(major))
    try:
        yield server
    finally:
        server.stop()
