"""A home of a test's own, worked as an operator would: by the command line, in processes of its own.

For tests that kill, fill up or break what they use: never the shared home.
"""

import asyncio
import atexit
import contextlib
import csv
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import httpx
import msgspec
import psutil
import psycopg
import tomli_w

from cloison.access.accounts import find_account
from cloison.client import Credentials
from cloison.config import (
    Config,
    DatabaseConfig,
    Home,
    ProviderConfig,
    SigninConfig,
    SpaceConfig,
    WebConfig,
    write_secret,
)
from cloison.processes import base_url, keeper_of, running_keeper
from cloison.replay import sessions
from cloison.store.embedded import SUPERUSER, Embedded, start_database
from cloison.store.pools import connect
from cloison.tls import nobody

PROGRAM = Path(sys.executable).with_name("cloison")
COMMAND_SECONDS = 90.0
READY_SECONDS = 60.0
COPY = shutil.which("cp") or "cp"  # with owners: PostgreSQL's files may be another user's
POLL_SECONDS = 0.05
OFFICERS = ("first-officer", "second-officer")  # of a home that is made ready; they have not come in


class Done(NamedTuple):
    """How a command ended: its exit code, and what it wrote where."""

    status: int
    out: str
    err: str

    def json(self) -> Any:  # noqa: ANN401 - what JSON is
        """The last thing on standard output."""
        return json.loads(self.out)


class OperatedHome:
    """One home and its commands."""

    def __init__(self, folder: Path, *, home: Path | None = None, database: DatabaseConfig | None = None) -> None:
        """Write settings with a free port into `home`, by default a folder of that name in `folder`; nothing runs."""
        self.folder = folder
        self.home = Home(home or folder / "home")
        self.passphrase_file = folder / "passphrase"
        write_secret(self.passphrase_file, "a passphrase for the tests alone")
        self.home.path.mkdir(mode=0o700, exist_ok=True)
        signin = SigninConfig(port=free_port(), software_passkeys=True)
        space = SpaceConfig(port=free_port(), software_passkeys=True)
        web = WebConfig(port=free_port())
        settings = Config(web=web, signin=signin, space=space, database=database or DatabaseConfig())
        self.home.settings_file.write_text(tomli_w.dumps(msgspec.to_builtins(settings)), encoding="utf-8")
        self.url = base_url(self.home)

    def know_provider(self, provider: ProviderConfig) -> None:
        """Write an OpenID provider to the settings."""
        config = self.home.config
        signin = msgspec.structs.replace(config.signin, providers=(provider,))
        changed = msgspec.structs.replace(config, signin=signin)
        self.home.settings_file.write_text(tomli_w.dumps(msgspec.to_builtins(changed)), encoding="utf-8")
        self.home.__dict__.pop("config", None)

    def environment(self, **changes: str | None) -> dict[str, str]:
        """What commands are run with; a change to None leaves a variable out."""
        ours = {
            "CLOISON_HOME": str(self.home.path),
            "CLOISON_PASSPHRASE_FILE": str(self.passphrase_file),
            "COLUMNS": "200",
        }
        every: Mapping[str, str | None] = {**os.environ, **ours, **changes}
        return {name: value for name, value in every.items() if value is not None}

    def initialise(self, officers: tuple[str, str] = OFFICERS) -> dict[str, str]:
        """Make the home ready: a copy of one that `cloison init` made, which takes a tenth of the time.

        The codes that it gave the officers.
        """
        template = _initialised(officers)
        made = template.operated.home.path
        for path in made.iterdir():
            if path.name not in {"cloison.toml", "run", "log"}:
                subprocess.run([COPY, "--archive", path, self.home.path], check=True)
        start_database(self.home)
        return template.codes

    def run(self, *words: str | Path, **changes: str | None) -> Done:
        """Run `cloison words…` to its end, nobody at its terminal."""
        done = subprocess.run(
            [PROGRAM, *words],
            env=self.environment(**changes),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def do(self, *words: str | Path) -> Any:  # noqa: ANN401 - what JSON is
        """Run a command that must succeed; its JSON."""
        done = self.run(*words, "--json")
        assert done.status == 0, done
        return done.json()

    def key(self, name: str) -> Path:
        """The file of a new system's public key; its private one is NAME.pem in the folder."""
        return self.folder / str(self.do("clients", "key", f"{name}.pem")["public"])

    def start(self, *words: str | Path, errors: IO[str] | int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Begin `cloison words…` without waiting; nobody reads a pipe meanwhile, and a full one stops who writes."""
        return subprocess.Popen(
            [PROGRAM, *words],
            env=self.environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )

    def superuser(self, database: str = "cloison") -> psycopg.Connection:
        """The embedded database as its superuser, in autocommit: what somebody who took the server can do."""
        return psycopg.connect(Embedded(self.home).conninfo(SUPERUSER, database), autocommit=True)

    def postmaster(self) -> psutil.Process:
        """The embedded database's first process."""
        lines = (self.home.database / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return psutil.Process(int(lines[0]))

    def session(self, handle: str, seconds: int = 3600) -> Credentials:
        """A session of the account, as the replay begins one: without any sign-in."""

        async def issue() -> Credentials:
            async with keeper_of(self.home, "issuer") as keeper:
                with connect(self.home, "owner") as owner:
                    return await sessions.issue(owner, keeper, find_account(owner, handle), seconds=seconds)

        with running_keeper(self.home, self.passphrase_file):
            return asyncio.run(issue())

    def stop(self) -> None:
        """Stop the embedded database; nothing happens where there is none."""
        if not self.home.config.database.url:
            Embedded(self.home).stop()


class _Initialised(NamedTuple):
    """A home that `cloison init` made, and the codes that it gave the officers."""

    operated: OperatedHome
    codes: dict[str, str]


@functools.cache
def _initialised(officers: tuple[str, str]) -> _Initialised:
    """A home that was made ready and is not used; one a test process and pair of officers."""
    folder = Path(tempfile.mkdtemp(prefix="cloison-initialised-"))
    atexit.register(shutil.rmtree, folder)
    operated = OperatedHome(folder)
    made = operated.do("init", *(word for officer in officers for word in ("--officer", officer)))
    operated.stop()
    return _Initialised(operated, {one["handle"]: one["code"] for one in made["officers"]})


class Served:
    """`cloison serve` of one home, running."""

    def __init__(self, operated: OperatedHome) -> None:
        """Start it and wait until it answers; raises AssertionError with its words if it ends instead."""
        self.operated = operated
        self.errors = operated.folder / "serve.err"
        with self.errors.open("w", encoding="utf-8") as errors:
            self.process = operated.start("serve", errors=errors)
        wait_until(self._up, READY_SECONDS)
        assert self.process.poll() is None, self.errors.read_text(encoding="utf-8")

    def _up(self) -> bool:
        return self.process.poll() is not None or healthy(self.operated.url)

    def child(self, module: str) -> psutil.Process:
        """The process of `cloison.web` or `cloison.keeper`; raises StopIteration while there is none."""
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if module in _words(child))

    def await_child(self, module: str, besides: int = 0) -> psutil.Process:
        """The same, waited for; another than the process number `besides`."""
        found: list[psutil.Process] = []

        def there() -> bool:
            with contextlib.suppress(StopIteration):
                found.append(self.child(module))
            return bool(found) and found[-1].pid != besides

        wait_until(there, READY_SECONDS)
        return found[-1]

    def end(self, how: signal.Signals = signal.SIGTERM) -> Done:
        """End it by a signal; what it said."""
        self.process.send_signal(how)
        out, _ = self.process.communicate(timeout=COMMAND_SECONDS)
        return Done(self.process.returncode, out, self.errors.read_text(encoding="utf-8"))


@contextlib.contextmanager
def served(operated: OperatedHome) -> Iterator[Served]:
    """`cloison serve`, for the length of the block."""
    serving = Served(operated)
    try:
        yield serving
    finally:
        if serving.process.poll() is None:
            serving.end()


def healthy(url: str) -> bool:
    """Whether the desk answers that records can be opened."""
    try:
        return httpx.get(f"{url}/healthz", timeout=3.0, verify=nobody(), trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def wait_until(condition: Callable[[], object], seconds: float = READY_SECONDS) -> None:
    """Wait for `condition` to hold; raises AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} seconds"
        time.sleep(POLL_SECONDS)


def kill_9(process: psutil.Process) -> None:
    """Kill a process and wait until it is dead."""
    process.kill()
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def processes_of(home: Home) -> list[str]:
    """What of a home still runs: keeper, desk, PostgreSQL, commands; their words."""
    return [" ".join(_words(process)) for process in psutil.process_iter() if _belongs(process, home)]


def _belongs(process: psutil.Process, home: Home) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        of_home = process.environ().get("CLOISON_HOME") == str(home.path) and process.pid != os.getpid()
        return of_home or Path(process.cwd()) == (home.database / "data").resolve()
    except (psutil.Error, OSError):
        return False


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def free_port() -> int:
    """A TCP port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
