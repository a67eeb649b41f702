"""The processes of a running home: PostgreSQL, the keeper, the doors; started, watched and ended together.

Each is a program of its own with the secrets of its own task: the keeper alone knows the passphrase, the desk has the
desk's database password and the desk's secret for the keeper, the intake door those of intake. All three end with
whoever started them, by kill -9 too; PostgreSQL does not, as several commands use it at once, but for `cloison serve`,
which stops it at its end.
"""

import asyncio
import contextlib
import fcntl
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import NoReturn

import httpx
import psycopg
import structlog

from cloison.config import Home, SigninConfig, SpaceConfig, WebConfig, read_secret
from cloison.errors import CloisonError, ConfigError, KeeperUnavailableError
from cloison.keeper.client import Keeper
from cloison.store import reaper
from cloison.store.embedded import start_database
from cloison.store.pools import connect
from cloison.tls import nobody

LAST_BYTES = 4_096  # of a log: more than a line of ours
READY_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.05
# Who died before the kernel was told to say so is never said to have died; their child has another parent by then.
IF_OURS = 'test "$PPID" = "$0" && exec "$@"'

log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))  # standard output is for results


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
                [*ending_with_us(), sys.executable, "-m", self.module],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def ensure(self) -> None:
        """Start it again if it ended."""
        if self.pid is None:
            log.warning("started again", process=self.module, status=self._child and self._child.returncode)
            self.start()

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


@functools.cache
def ending_with_us() -> tuple[str, ...]:
    """Words before a command that make the kernel end it when we end; none where the system has no such program."""
    words = (shutil.which("setpriv") or "", "--pdeathsig", "TERM")
    try:
        subprocess.run([*words, words[0], "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return ()
    return (*words, "sh", "-c", IF_OURS, str(os.getpid()))


class _KeeperProcess(Process):
    def ensure(self) -> None:
        # An import that began before us has a keeper of its own; when that ends it is our turn.
        if self.pid is None and not keeper_answers(self.home):
            super().ensure()


def keeper_process(home: Home, passphrase_file: Path) -> Process:
    """The keeper, answering: a child of ours, unless another command's keeper runs; raises KeeperUnavailableError."""
    process = _KeeperProcess(home, "cloison.keeper", {"CLOISON_PASSPHRASE_FILE": str(passphrase_file)})
    with (home.path / "keeper.start").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)  # of two commands at once the second uses the keeper of the first
        if not _answers_or_ended(home) and not _started(process, lambda: keeper_answers(home)):
            raise KeeperUnavailableError(reason=_last_words(home.log / "keeper.log"))
    return process


def _last_words(path: Path) -> str:
    """Why the keeper did not start: what it said itself, if that came last, else where to look."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LAST_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    name, _, said = (lines or [""])[-1].partition(": ")  # a traceback's last line may hold anything
    return f"it did not start: {said.rstrip('.')}" if name == "cloison.keeper" else f"it did not start; {path} says why"


def _answers_or_ended(home: Home) -> bool:
    """Whether a keeper answers; one that does not, as its command was killed, is waited for until it has ended."""
    deadline = time.monotonic() + STOP_SECONDS
    while not (answers := keeper_answers(home)) and _held(home.keeper / "lock") and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return answers


def _held(path: Path) -> bool:
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def _started(process: Process, answers: Callable[[], bool]) -> bool:
    """Start `process`; whether it answers before it ends or is late. Interrupted or not: one that does not is ended."""
    try:
        process.start()
    except BaseException:
        process.stop()
        raise
    return _answering(process, answers)


def _answering(process: Process, answers: Callable[[], bool]) -> bool:
    try:
        deadline = time.monotonic() + READY_SECONDS
        while process.pid is not None and time.monotonic() < deadline:
            if answers():
                return True
            time.sleep(POLL_SECONDS)
    except BaseException:
        process.stop()
        raise
    process.stop()
    return False


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
    """The home's keeper for the length of one command: the one that runs, else one of our own.

    One of our own ends with the last of the commands that use it, so that none takes it away from another.
    """
    with (home.path / "keeper.used").open("w") as used:
        fcntl.flock(used, fcntl.LOCK_SH)
        process = keeper_process(home, passphrase_file)
        try:
            yield
        except KeyboardInterrupt:  # somebody wants an end now
            process.stop()
            raise
        finally:
            try:
                if process.pid is not None:
                    _await_others(used.fileno())
            finally:
                process.stop()


def _await_others(used: int) -> None:
    try:
        fcntl.flock(used, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.info("waiting for other commands, which use the keeper of this one")
        fcntl.flock(used, fcntl.LOCK_EX)


def desk_process(home: Home) -> Process:
    """The desk, started and answering on its port; raises ConfigError where it does not come up."""
    process = Process(home, "cloison.web")
    _refuse_taken_port(home.config.web, "web")  # or another home's desk would answer for ours
    if not _started(process, lambda: _answers(base_url(home))):
        raise ConfigError(reason=f"the desk did not start; {home.log / 'web.log'} says why")
    return process


def signin_process(home: Home) -> Process:
    """The sign-in door, started and answering on its port; raises ConfigError where it does not come up."""
    process = Process(home, "cloison.signin")
    _refuse_taken_port(home.config.signin, "signin")
    if not _started(process, lambda: signin_answers(home)):
        raise ConfigError(reason=f"the sign-in door did not start; {home.log / 'signin.log'} says why")
    return process


def signin_answers(home: Home) -> bool:
    """Whether a sign-in door answers at this home's port."""
    return _answers(signin_url(home))


def space_process(home: Home) -> Process:
    """The door of people's own space, started and answering; raises ConfigError where it does not come up."""
    process = _space_begun(home)
    _await_space(home, process)
    return process


def _space_begun(home: Home) -> Process:
    """The same, started: it needs nothing of the others until it is asked, so that they start while it does."""
    _refuse_taken_port(home.config.space, "space")
    process = Process(home, "cloison.space")
    process.start()
    return process


def _await_space(home: Home, process: Process) -> None:
    if not _answering(process, lambda: _answers(space_url(home))):
        raise ConfigError(reason=f"the door of the space did not start; {home.log / 'space.log'} says why")


def intake_process(home: Home) -> Process:
    """The intake door, started and answering on its socket; raises ConfigError where it does not come up."""
    process = Process(home, "cloison.intake")
    if not _started(process, lambda: intake_answers(home)):
        raise ConfigError(reason=f"the intake door did not start; {home.log / 'intake.log'} says why")
    return process


def intake_answers(home: Home) -> bool:
    """Whether an intake door answers at this home's socket."""
    try:
        transport = httpx.HTTPTransport(uds=str(home.intake_socket), verify=nobody())
        with httpx.Client(transport=transport, timeout=2.0, trust_env=False) as door:
            return door.get("http://intake/healthz").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _refuse_taken_port(door: WebConfig | SigninConfig | SpaceConfig, name: str) -> None:
    family = socket.AF_INET6 if ":" in door.host else socket.AF_INET
    try:
        socket.create_server((door.host, door.port), family=family).close()
    except OSError as error:
        why = f"{door.host} port {door.port} ({os.strerror(error.errno or 0)})"
        raise ConfigError(reason=f"nobody can listen on {why}; set {name}.port in cloison.toml") from None


def base_url(home: Home) -> str:
    """Where the desk answers."""
    return f"http://{home.config.web.host}:{home.config.web.port}"


def signin_url(home: Home) -> str:
    """Where the sign-in door answers."""
    return f"http://{home.config.signin.host}:{home.config.signin.port}"


def space_url(home: Home) -> str:
    """Where the door of people's own space answers."""
    return f"http://{home.config.space.host}:{home.config.space.port}"


def _answers(url: str) -> bool:
    try:
        answer = httpx.get(f"{url}/healthz", timeout=2.0, verify=nobody(), trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


@contextlib.contextmanager
def serving(home: Home, passphrase_file: Path) -> Iterator[list[Process]]:
    """Database, keeper, the doors and the desk, up and answering; all but the database end with the block.

    Raises ConfigError where the home is served already or its port is taken, EmbeddedDatabaseError,
    KeeperUnavailableError.
    """
    processes: list[Process] = []
    with _alone(home):
        try:
            _refuse_taken_port(home.config.web, "web")
            _refuse_taken_port(home.config.signin, "signin")
            start_database(home)
            processes.append(space := _space_begun(home))
            processes.append(keeper_process(home, passphrase_file))
            # Before the desk: whoever finds it answering finds all the others started, and they end after it.
            followers = ("forwarder",) if home.config.forward.wanted else ()
            for module in ("sequencer", "witness", *followers):
                processes.append(Process(home, f"cloison.audit.{module}"))
                processes[-1].start()
            processes.append(intake_process(home))
            processes.append(signin_process(home))
            processes.append(desk_process(home))
            _await_space(home, space)
            yield processes
        finally:
            for process in reversed(processes):
                process.stop()


@contextlib.contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Hold the home's lock against a second `cloison serve`; the kernel frees it with the process."""
    with (home.path / "serve.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(reason=f"another command serves {home.path}") from None
        yield


def supervise(home: Home, processes: list[Process]) -> NoReturn:
    """Watch until interrupted: start again what ended, end the desk's transactions that hold locks too long."""
    caretaker = _Caretaker(home)
    while True:
        for process in processes:
            process.ensure()
        caretaker.work()
        time.sleep(reaper.PAUSE_SECONDS)


class _Caretaker:
    """Keeps the database up and swept, one round a second; trouble is logged and looked at again in the next."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._connection: psycopg.Connection | None = None
        self._rounds = 0

    def work(self) -> None:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect(self._home, "reaper")
            self._reap(self._connection)
        except psycopg.Error as error:
            log.error("the reaper cannot work", sqlstate=error.sqlstate)  # noqa: TRY400 - the text may quote the server
            if self._connection is None or self._connection.closed:
                self._start_database()

    def _reap(self, connection: psycopg.Connection) -> None:
        if ended := reaper.reap(connection):
            log.warning("ended old transactions", transactions=ended)
        if self._rounds % reaper.SWEEP_PAUSES == 0:
            reaper.sweep(connection)
        self._rounds += 1

    def _start_database(self) -> None:
        self._connection = None
        try:
            start_database(self._home)
        except CloisonError as error:
            log.error("the database does not start", reason=str(error))  # noqa: TRY400 - it says what to do by itself
