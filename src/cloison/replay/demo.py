"""`cloison demo` and `cloison replay`: a register of fictional people, attacked, and what each attack got.

The steps, each told on standard error with its seconds:

1. the home is claimed and initialised, the database runs, keeper and desk serve;
2. fictional people are written to a temporary file and imported, then staff with their caseloads (once a home);
3. new accounts are made for the attackers, so that budgets spent in an earlier run flatter nobody;
4. the register as it was is set up in a throw-away database of its own;
5. each scenario is played, off, then on;
6. the scoreboard is printed; `demo` then serves until interrupted.

Whatever ends it, what it started is stopped: the throw-away database, desk, keeper, and the home's database if it did
not run before.
"""

import asyncio
import contextlib
import signal
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import NoReturn

import msgspec
import psutil
import psycopg

from cloison.access.accounts import find_account
from cloison.config import Home
from cloison.errors import ConfigError
from cloison.installation import Wish, initialise
from cloison.passphrase import beside
from cloison.processes import Process, base_url, keeper_answers, serving, supervise
from cloison.register import synthetic
from cloison.register.profile import load_profile
from cloison.replay import scoreboard, settle
from cloison.replay.demo_home import DemoState, claim, passkey_file, remember
from cloison.replay.known_people import read_people
from cloison.replay.population import Segment, Worker, segments_of, staff
from cloison.replay.reaping import reaping
from cloison.replay.scenarios import SCENARIOS, Scenario, Scene, chosen, play
from cloison.replay.scoreboard import Row, Scoreboard
from cloison.replay.sessions import give_passkey
from cloison.replay.stage import Cast, Files, Stage, handle_of
from cloison.replay.throwaway import SIGNALS, register_as_it_was, temporary_folder, temporary_home, throw_away_home
from cloison.store.embedded import Embedded
from cloison.store.pools import connect
from cloison.terminal import notes, results

PEOPLE_AN_ACCOUNT = 50
ACCOUNTS_MOST = 2_000
STOLEN_CASELOAD = 92  # of the account that is stolen from the register as it was
HONEST = Cast("adviser", 224, 8)

Connection = psycopg.Connection

__all__ = ["SCENARIOS", "Plan", "chosen", "replay", "run"]


class Plan(msgspec.Struct, frozen=True):
    """What a demo shall do."""

    people: int
    serve_after: bool
    as_json: bool
    scenarios: Sequence[Scenario] = tuple(SCENARIOS)


class Steps:
    """Tells each step's seconds on standard error."""

    def __init__(self) -> None:
        """The first step begins now."""
        self._began = self._last = time.monotonic()

    def done(self, what: str) -> None:
        """A step ended; the next one begins."""
        now = time.monotonic()
        _note(f"{now - self._last:6.1f} s  {what}")
        self._last = now

    def total(self) -> float:
        """Seconds since the first step began."""
        return time.monotonic() - self._began


TO_TRY = """\
{python} - <<'END'
import asyncio
from pathlib import Path
from uuid import uuid4
from cloison.client import Client, PersonRequest
from cloison.client.passkey import SoftwarePasskey
from cloison.client.signin import SigninClient

async def day() -> None:
    async with SigninClient("{signin}", SoftwarePasskey(Path("{passkey}"))) as door:
        signed_in = await door.sign_in()
    async with Client("{desk}", signed_in.held) as desk:
        print(await desk.caseload(whole=True))
        (card,) = (await desk.search("identifier", "{identifier}", purpose="follow_up")).cards
        print(await desk.open([PersonRequest(
            request=uuid4(), person=card.person, compartments=["identity"], purpose="follow_up")]))

asyncio.run(day())
END
"""


def run(home: Home, plan: Plan) -> bool:
    """Make or take up the demo's home, play the scenarios, print the scoreboard, serve if asked.

    Answers whether every promise held. Raises ConfigError for a home that no demo made, or that is being served.
    """
    with _interruptible(), _stopped_afterwards(home):
        state = claim(home, plan.people)
        if state.people != plan.people:
            _note(f"{home.path} has {state.people} people already, and keeps them.")
        with _served(home, Steps()) as (processes, steps):
            board, how_to_try = _attacked(Setting(home, state, processes, plan.scenarios), steps)
            _print(board, as_json=plan.as_json)
            if plan.serve_after:
                _note(how_to_try)
                _supervise(home, processes)
    return not scoreboard.broken(board)


def replay(scenarios: Sequence[Scenario], people: int, *, as_json: bool) -> bool:
    """Play these scenarios on a throw-away home, and print the scoreboard; whether every promise held."""
    with _interruptible(), temporary_home() as home, _stopped_afterwards(home):
        state = claim(home, people, any_ports=True)
        with _served(home, Steps()) as (processes, steps):
            board, _ = _attacked(Setting(home, state, processes, scenarios), steps)
    _print(board, as_json=as_json)
    return not scoreboard.broken(board)


class Setting(msgspec.Struct, frozen=True):
    """A served home, what it has been filled with, and what shall be played on it."""

    home: Home
    state: DemoState
    processes: list[Process]
    scenarios: Sequence[Scenario]


@contextlib.contextmanager
def _served(home: Home, steps: Steps) -> Iterator[tuple[list[Process], Steps]]:
    """Step 1."""
    if keeper_answers(home):
        raise ConfigError(reason=f"{home.path} is being served; end that first")
    initialise(home, beside(home), Wish())
    steps.done("database, schema and keys")
    with serving(home, beside(home)) as processes:
        steps.done("keeper and desk")
        yield processes, steps


def _attacked(setting: Setting, steps: Steps) -> tuple[Scoreboard, str]:
    """Steps 2 to 5; the scoreboard, and how to try by hand."""
    home, state = setting.home, setting.state
    profile = load_profile(home.config.profile)
    with temporary_folder("cloison-people-") as folder, connect(home, "owner") as owner:
        people = folder / "people.csv"
        synthetic.write(people, state.people, seed=state.seed, as_of=state.as_of)
        files = Files(people, read_people(people), folder)
        stage = Stage(home, profile, setting.processes, files)
        steps.done(f"{state.people} fictional people written")
        honest = _settled(setting, stage, owner, steps)
        with (
            reaping(home),
            throw_away_home() as throwaway,
            register_as_it_was(throwaway, people, range(1, 1 + STOLEN_CASELOAD)) as as_it_was,
        ):
            stage.throwaway, stage.as_it_was = throwaway, as_it_was
            steps.done("the register as it was")
            rows = [_played(scenario, stage, owner, steps) for scenario in setting.scenarios]
        give_passkey(home, owner, find_account(owner, honest.handle), passkey_file(home, honest.handle))
        _note(f"{steps.total():6.1f} s  in all")
        return Scoreboard(state.people, rows), advice(home, honest)


def _settled(setting: Setting, stage: Stage, owner: Connection, steps: Steps) -> Worker:
    """Steps 2 and 3; an honest adviser."""
    home, state = setting.home, setting.state
    segments = segments_of(stage.files.known)
    if not state.imported:
        asyncio.run(settle.bring_people_in(home, stage.profile, stage.files.people))
        state = msgspec.structs.replace(state, imported=True)
        remember(home, state)
        steps.done("imported: checked, sealed, indexed")
    workers = [] if state.staffed else staff(segments, min(ACCOUNTS_MOST, state.people // PEOPLE_AN_ACCOUNT))
    stolen = list(_stolen(setting.scenarios, segments[0]))
    honest = HONEST.worker(handle_of("adviser", 0), segments[0])
    stage.workers = {worker.handle: worker for worker in (honest, *stolen)}
    everybody = [*workers, *stage.workers.values()]
    settle.create_accounts(owner, everybody)
    relations = asyncio.run(
        settle.bring_relations_in(home, stage.profile, everybody, stage.files.folder / "caseloads.csv")
    )
    remember(home, msgspec.structs.replace(state, staffed=True))
    owner.execute("analyze cloison.person, cloison.relation")
    steps.done(f"{len(everybody)} accounts, {relations.written} relations")
    return honest


def _stolen(scenarios: Sequence[Scenario], segment: Segment) -> Iterator[Worker]:
    """The accounts that will be stolen, all of the largest department."""
    for scenario in scenarios:
        for number, cast in enumerate(scenario.cast):
            yield cast.worker(handle_of(scenario.name, number), segment, number)


def _played(scenario: Scenario, stage: Stage, owner: Connection, steps: Steps) -> Row:
    """Step 5."""

    async def act() -> Row:
        handles = [handle for handle in stage.workers if handle.startswith(f"{scenario.name}-")]
        agents = [await stage.sign_in(owner, handle) for handle in handles]
        return await play(scenario, Scene(stage, owner, agents))

    row = asyncio.run(act())
    steps.done(f"{row.scenario}: {row.people_off} people off, {row.people_on} on, {row.bound} at most")
    return row


def advice(home: Home, honest: Worker) -> str:
    """How to try by hand, as an adviser who signs in by a software passkey: a demonstration's home alone takes one."""
    url, signin = base_url(home), home.config.signin.public_origin
    passkey, identifier = passkey_file(home, honest.handle), honest.caseload[0]
    script = TO_TRY.format(python=sys.executable, desk=url, signin=signin, passkey=passkey, identifier=identifier)
    return f"""
The desk answers at {url}, people sign in at {signin}; the API is described at {url}/openapi.json
{honest.handle}, an adviser of department {honest.segment}, signs in and opens somebody:

{textwrap.indent(script, "  ")}
Ctrl-C ends it; `cloison serve` takes it up again, with the same CLOISON_HOME."""


def _note(text: str) -> None:
    """Tell people something, in so many words: brackets are no markup."""
    notes.print(text, soft_wrap=True, markup=False)


def _print(board: Scoreboard, *, as_json: bool) -> None:
    """Step 6."""
    if as_json:
        sys.stdout.write(scoreboard.as_json(board) + "\n")
        sys.stdout.flush()
    else:
        results.print(scoreboard.as_table(board))


def _supervise(home: Home, processes: list[Process]) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        supervise(home, processes)


@contextlib.contextmanager
def _stopped_afterwards(home: Home) -> Iterator[None]:
    """Stop the home's database at the end, unless it ran before."""
    ran = home.path.exists() and Embedded(home).running()
    try:
        yield
    finally:
        if not ran:
            Embedded(home).stop()


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """One signal ends the demo and lets it put everything away; a second one is not listened to meanwhile."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        notes.print("Stopping.")
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for child in psutil.Process().children():  # caught by the interrupt while it began
            with contextlib.suppress(psutil.Error):
                child.terminate()
        for number, handler in before.items():
            signal.signal(number, handler)
