"""The processes of a running home: PostgreSQL, the keeper, the desk; started, watched and ended together.

Each is a program of its own with the secrets of its own task: the keeper alone knows the passphrase, the desk has the
desk's database password and the desk's secret for the keeper.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psycopg
import structlog

from cloison.config import Home, read_secret
from cloison.errors import CloisonError, ConfigError, KeeperUnavailableError
from cloison.keeper.client import Keeper
from cloison.store import reaper
from cloison.store.embedded import Embedded
from cloison.store.pools import connect

READY_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.05
RESTART_SECONDS = 1.0

log = structlog.get_logger()


def start_database(home: Home) -> None:
    """Start the embedded database if it is the one this home uses; raises EmbeddedDatabaseError."""
    if not home.config.database.url:
        Embedded(home).start()


class Process:
    """A child of ours: `python -m module`, its output in the home's log folder."""

    def __init__(self, home: Home, module: str, environment: dict[str, str] | None = None) -> None:
        """Nothing is started yet."""
        self.home = home
        self.module = module
        self._environment = {**os.environ, "CLOISON_HOME": str(home.path), **(environment or {})}
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return None if self._child is None or self._child.poll() is not None else self._child.pid

    def start(self) -> None:
        """Start it in a session of its own, so that an interrupt at the terminal reaches us first."""
        self.home.log.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.home.log / f"{self.module.rsplit('.', maxsplit=1)[-1]}.log"
        with path.open("ab") as output:
            self._child = subprocess.Popen(
                [sys.executable, "-m", self.module],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, by force after 10 seconds."""
        if self._child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._child.send_signal(how)
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def keeper_process(home: Home, passphrase_file: Path) -> Process:
    """The keeper, started and answering; raises KeeperUnavailableError."""
    process = Process(home, "cloison.keeper", {"CLOISON_PASSPHRASE_FILE": str(passphrase_file)})
    process.start()
    deadline = time.monotonic() + READY_SECONDS
    while not keeper_answers(home):
        if process.pid is None or time.monotonic() > deadline:
            process.stop()
            raise KeeperUnavailableError(reason=f"it did not start; {home.log / 'keeper.log'} says why")
        time.sleep(POLL_SECONDS)
    return process


def keeper_answers(home: Home) -> bool:
    """Whether a keeper answers at this home's socket."""

    async def ask() -> None:
        async with keeper_of(home, "issuer") as keeper:
            await keeper.status()

    try:
        asyncio.run(ask())
    except (CloisonError, OSError):
        return False
    return True


@contextlib.asynccontextmanager
async def keeper_of(home: Home, caller: str) -> AsyncIterator[Keeper]:
    """A connection to the home's keeper as `caller` (desk, intake, issuer); raises KeeperUnavailableError."""
    secret = read_secret(home.callers / f"{caller}.secret")
    async with await Keeper.connect(home.keeper_socket, caller, secret) as keeper:
        yield keeper


@contextlib.contextmanager
def running_keeper(home: Home, passphrase_file: Path) -> Iterator[None]:
    """The home's keeper for the length of one command: the one that runs, else one of our own."""
    if keeper_answers(home):
        yield
        return
    process = keeper_process(home, passphrase_file)
    try:
        yield
    finally:
        process.stop()


def desk_process(home: Home) -> Process:
    """The desk, started and answering on its port; raises ConfigError where it does not come up."""
    process = Process(home, "cloison.web")
    process.start()
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(home):
        if process.pid is None or time.monotonic() > deadline:
            process.stop()
            raise ConfigError(reason=f"the desk did not start; {home.log / 'web.log'} says why")
        time.sleep(POLL_SECONDS)
    return process


def base_url(home: Home) -> str:
    """Where the desk answers."""
    return f"http://{home.config.web.host}:{home.config.web.port}"


def _answers(home: Home) -> bool:
    try:
        return httpx.get(f"{base_url(home)}/healthz", timeout=2.0).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


@contextlib.contextmanager
def serving(home: Home, passphrase_file: Path) -> Iterator[list[Process]]:
    """Database, keeper and desk, up and answering; the keeper and the desk end with the block."""
    start_database(home)
    processes: list[Process] = []
    try:
        if not keeper_answers(home):
            processes.append(keeper_process(home, passphrase_file))
        processes.append(desk_process(home))
        yield processes
    finally:
        for process in reversed(processes):
            process.stop()


def supervise(home: Home, processes: list[Process]) -> None:
    """Watch until interrupted: start again what ended, end the desk's transactions that hold locks too long."""
    pauses = 0
    while True:
        for process in processes:
            if process.pid is None:
                log.error("restarted", process=process.module)
                process.start()
        try:
            with connect(home, "reaper") as connection:
                while all(process.pid is not None for process in processes):
                    if ended := reaper.reap(connection):
                        log.warning("ended old transactions", transactions=ended)
                    if pauses % reaper.SWEEP_PAUSES == 0:
                        reaper.sweep(connection)
                    pauses += 1
                    time.sleep(reaper.PAUSE_SECONDS)
        except psycopg.OperationalError:
            log.exception("the reaper lost the database")
            with contextlib.suppress(CloisonError):
                start_database(home)
        time.sleep(RESTART_SECONDS)
