"""A real keeper in a process of its own, and what its callers do in tests."""

import asyncio
import contextlib
import hashlib
import hmac
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple, Self
from uuid import UUID, uuid4

import msgspec
import tomli_w

from cloison.config import Config, Home, KeeperConfig, read_secret, write_secret
from cloison.errors import CloisonError
from cloison.keeper import setup
from cloison.keeper.client import Keeper
from cloison.keeper.messages import KeyGrant, NewPerson, Refusal, SessionCeilings, TicketUse

PASSPHRASE = "a fictional passphrase"
COMPARTMENTS = 5
LABEL = 1 << (COMPARTMENTS - 1)
SEGMENT = "59"
COHORT = 2031 * 4
# The sessions of most tests say themselves how much an account may have.
UNBOUNDED = KeeperConfig(account_people=(100_000, 100_000, 100_000, 100_000))


class RunningKeeper:
    """A home with a keeper that can be started, stopped and killed."""

    def __init__(self, folder: Path, config: KeeperConfig | None = None) -> None:
        """Make the home in `folder`; nothing runs yet."""
        self.home = Home(folder / "home")
        self.home.path.mkdir(mode=0o700)
        settings = msgspec.to_builtins(Config(keeper=config or UNBOUNDED))
        self.home.settings_file.write_text(tomli_w.dumps(settings), encoding="utf-8")
        self.passphrase_file = folder / "passphrase"
        write_secret(self.passphrase_file, PASSPHRASE)
        setup.create(self.home, PASSPHRASE, COMPARTMENTS)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Start it and wait until it is ready; raises AssertionError with its words if it ends instead."""
        self._process = self.launch()
        line = self._process.stderr.readline() if self._process.stderr else ""
        assert line.startswith("cloison.keeper: ready"), line
        return self

    def launch(self, passphrase_file: Path | None = None) -> subprocess.Popen[str]:
        """Start it without waiting."""
        environment = {
            **os.environ,
            "CLOISON_HOME": str(self.home.path),
            "CLOISON_PASSPHRASE_FILE": str(passphrase_file or self.passphrase_file),
        }
        command = [sys.executable, "-m", "cloison.keeper"]
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    def refusal_to_start(self, passphrase_file: Path | None = None) -> str:
        """What it says when it will not start; fails if it does."""
        process = self.launch(passphrase_file)
        _, words = process.communicate(timeout=20)
        assert process.returncode == 1, words
        return words

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal; returns its exit status."""
        if self._process is None:
            return 0
        self._process.send_signal(number)
        self._process.communicate(timeout=20)
        status, self._process = self._process.returncode, None
        return status

    async def kill_and_start(self) -> None:
        """Kill -9, and start anew; the callers' event loop runs on meanwhile, as it would."""
        await asyncio.to_thread(self.stop, signal.SIGKILL)
        await asyncio.to_thread(self.start)

    def secret(self, caller: str) -> str:
        """A caller's secret."""
        return read_secret(self.home.callers / f"{caller}.secret")

    async def call(self, caller: str) -> Keeper:
        """A connection as `caller`."""
        return await Keeper.connect(self.home.keeper_socket, caller, self.secret(caller))


class Someone(NamedTuple):
    """An enrolled fictional person."""

    person: UUID
    segment: str
    cohort: int
    key_id: int
    keys: list[bytes]
    terms: list[int]


class Staff(NamedTuple):
    """An account with a session."""

    ceilings: SessionCeilings
    token: bytes


class Callers:
    """All callers of one keeper, with its ticket key: everything a test needs to act."""

    def __init__(self, desk: Keeper, intake: Keeper, issuer: Keeper, retention: Keeper) -> None:
        """Use `callers`."""
        self.desk, self.intake, self.issuer, self.retention = desk, intake, issuer, retention
        self.ticket_key = b""

    async def enrol(self, count: int = 1, *, segment: str = SEGMENT, cohort: int = COHORT) -> list[Someone]:
        """New people, each with one term in slots 1 and 5."""
        values = [[(1, f"nir {i}".encode()), (5, b"0639981234")] for i in range(count)]
        people = [NewPerson(segment, cohort, uuid4(), terms) for terms in values]
        enrolled = await self.intake.enrol(people)
        return [
            Someone(new.person, segment, cohort, made.key_id, made.keys, made.terms)
            for new, made in zip(people, enrolled, strict=True)
        ]

    async def sign_in(
        self,
        full_people: tuple[int, int, int, int] = (100, 100, 100, 100),
        *,
        labels: int = 100,
        seconds: float = 3600,
        account: UUID | None = None,
    ) -> Staff:
        """An account with a session and these ceilings."""
        token = os.urandom(32)
        ceilings = SessionCeilings(
            uuid4(),
            hashlib.sha256(token).digest(),
            account or uuid4(),
            SEGMENT,
            list(full_people),
            labels,
            time.time() + seconds,
        )
        await self.issuer.register_session(ceilings)
        return Staff(ceilings, token)

    def ticket(self, staff: Staff, someone: Someone, **changes: object) -> TicketUse:
        """The ticket that the meter would make, with `changes` to what it says."""
        says = {
            "request": uuid4(),
            "session": staff.ceilings.session,
            "account": staff.ceilings.account,
            "segment": someone.segment,
            "cohort": someone.cohort,
            "person": someone.person,
            "key_id": someone.key_id,
            "compartments": 0b00111,
            "version": 1,
            "at": int(time.time() * 1000),
        } | changes
        return self.signed("cloison-ticket-1|" + "|".join(str(value) for value in says.values()), staff.token)

    def signed(self, text: str, token: bytes) -> TicketUse:
        """Any text, signed with the ticket key: what a database administrator can make."""
        return TicketUse(text, hmac.digest(self.ticket_key, text.encode(), "sha256"), token)

    async def open_one(self, staff: Staff, someone: Someone, **changes: object) -> list[bytes]:
        """One person's keys; raises the refusal."""
        return keys_of((await self.desk.open([self.ticket(staff, someone, **changes)]))[0])

    async def opened(self, staff: Staff, people: list[Someone], **changes: object) -> int:
        """How many of `people` are opened when asked for one by one."""
        opened = 0
        for someone in people:
            with contextlib.suppress(CloisonError):
                opened += bool(await self.open_one(staff, someone, **changes))
        return opened


def keys_of(answer: KeyGrant | Refusal) -> list[bytes]:
    """The keys of a grant; raises the error of a refusal."""
    if isinstance(answer, Refusal):
        raise answer.error()
    return answer.keys


@contextlib.asynccontextmanager
async def callers(running: RunningKeeper) -> AsyncIterator[Callers]:
    """Connections as every caller, closed at the end."""
    desk, intake, issuer, retention = [await running.call(name) for name in ("desk", "intake", "issuer", "retention")]
    async with desk, intake, issuer, retention:
        all_of_them = Callers(desk, intake, issuer, retention)
        all_of_them.ticket_key = await issuer.ticket_key()
        yield all_of_them
