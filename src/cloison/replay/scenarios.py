"""The scenarios: who is stolen, how it goes with the controls off and on, and how many people it can take at most.

A bound is computed from budgets, relations and the keeper's settings before the attack begins. Off is the register as
it was, attacked for 6 seconds at most; nothing is extrapolated.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import psycopg

from cloison.client import Client
from cloison.client.signin import SigninClient
from cloison.replay import attackers, attackers_signin, dumps
from cloison.replay.attackers import Prey
from cloison.replay.attackers_batch import mixed_batch
from cloison.replay.attackers_clock import Night, window_edges
from cloison.replay.attackers_dba import Administrator, dba_and_adviser
from cloison.replay.attackers_desk import desk_login
from cloison.replay.attackers_door import door_and_dump, texts_in_memory
from cloison.replay.attackers_keeper import StolenSession
from cloison.replay.bounds import most_people
from cloison.replay.logged import LoggedRegister, logged_register
from cloison.replay.loot import Loot
from cloison.replay.rewritten import restored_backup, rewritten_log
from cloison.replay.scoreboard import Row, WindowRow
from cloison.replay.simulated import SEGMENT, simulated_register
from cloison.replay.stage import Agent, Cast, Stage
from cloison.replay.throwaway import temporary_folder
from cloison.replay.windows import worst

OFF_SECONDS, ON_SECONDS = 6.0, 30.0
ROWS_A_FETCH = 5_000
OPENED_BEFORE = 2  # people whom each live session opened before the desk was captured
OUTLIER = 1_125
WINDOWS = {
    "minutes_5": timedelta(minutes=5),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "days_28": timedelta(days=28),
}
NOTHING_READABLE, NOTHING_LEFT = "sealed", "nothing left"

Off = Callable[[Stage, Loot], Awaitable[None]]
On = Callable[["Scene", Loot], Awaitable[dict[str, WindowRow] | None]]
Bound = Callable[["Scene"], int]


class Scene(msgspec.Struct, frozen=True):
    """A scenario about to be played: its stage, the owner's connection, the agents whose sessions were stolen."""

    stage: Stage
    owner: psycopg.Connection
    agents: list[Agent]


class Scenario(msgspec.Struct, frozen=True):
    """One known attack."""

    name: str
    cast: tuple[Cast, ...]
    off: Off
    on: On
    bound: Bound


async def play(scenario: Scenario, scene: Scene) -> Row:
    """Play it off, then on; the line of the scoreboard."""
    bound = scenario.bound(scene)
    off = Loot(OFF_SECONDS)
    await scenario.off(scene.stage, off)
    on = Loot(ON_SECONDS)
    windows = await scenario.on(scene, on)
    taken = on.people if windows is None else windows["hour"].worst
    stopped_by = on.stopped_by or NOTHING_LEFT
    return Row(scenario.name, off.people, taken, bound, stopped_by, on.seconds_to_stop, windows or {})


def chosen(names: Sequence[str]) -> list[Scenario]:
    """The scenarios of these names or beginnings of names, all if there is none; raises KeyError with one unknown."""
    for name in names:
        if not any(scenario.name.startswith(name) for scenario in SCENARIOS):
            raise KeyError(name)
    return [s for s in SCENARIOS if not names or any(s.name.startswith(name) for name in names)]


# -- with a stolen session --------------------------------------------------------------------------------------------


def _off(attack: Callable[[Prey, Loot], Awaitable[None]]) -> Off:
    async def attack_as_it_was(stage: Stage, loot: Loot) -> None:
        await attack(stage.prey_off(), loot)

    return attack_as_it_was


async def _greedy(scene: Scene, loot: Loot) -> None:
    agent = scene.agents[0]
    people = [*agent.session.people, *scene.stage.strangers(scene.owner, agent)]
    await attackers.greedy_session(scene.stage.prey_on(agent, people), loot)


async def _parallel(scene: Scene, loot: Loot) -> None:
    agent = scene.agents[0]
    prey = scene.stage.prey_on(agent, agent.session.people, scene.stage.facts_of(agent))
    await attackers.parallel_connections(msgspec.structs.replace(prey, batch=2), loot)


async def _guessed(scene: Scene, loot: Loot) -> None:
    agent = scene.agents[0]
    strangers = scene.stage.strangers(scene.owner, agent)
    prey = scene.stage.prey_on(agent, strangers, scene.stage.leaked(agent.session.segment))
    await attackers.guessed_identifiers(prey, loot)


async def _mixed(scene: Scene, loot: Loot) -> None:
    agent = scene.agents[0]
    prey = scene.stage.prey_on(agent, scene.stage.strangers(scene.owner, agent))
    await mixed_batch(prey, agent.session.people, loot)


async def _mixed_off(stage: Stage, loot: Loot) -> None:
    prey = stage.prey_off()
    await mixed_batch(prey, prey.people[:40], loot)


# -- to come in ------------------------------------------------------------------------------------------------------


async def _password(scene: Scene, loot: Loot) -> None:
    stage, agent = scene.stage, scene.agents[0]
    await attackers_signin.stolen_password(_wanted(scene), stage.victim(agent), loot)


async def _help_desk(scene: Scene, loot: Loot) -> None:
    stage, (agent, manager) = scene.stage, scene.agents
    door = SigninClient(stage.victim(agent).signin, stage.passkey(scene.owner, manager))
    await attackers_signin.help_desk_reset(_wanted(scene), stage.victim(agent), door, loot)


async def _cookie(scene: Scene, loot: Loot) -> None:
    stage, agent = scene.stage, scene.agents[0]
    await attackers_signin.hijacked_cookie(_wanted(scene), stage.victim(agent), loot)


async def _manager(scene: Scene, loot: Loot) -> None:
    stage, (agent, manager) = scene.stage, scene.agents
    passkey = stage.passkey(scene.owner, manager)
    await attackers_signin.hijacked_manager(_wanted(scene), stage.victim(agent), passkey, loot)


def _wanted(scene: Scene) -> Prey:
    """Whom a thief who came in would take: the adviser's own people, strangers, and who is on a leaked list."""
    stage, agent = scene.stage, scene.agents[0]
    people = [*agent.session.people, *stage.strangers(scene.owner, agent)]
    return stage.prey_on(agent, people, stage.leaked(agent.session.segment))


# -- with a stolen login, desk or database ----------------------------------------------------------------------------


async def _select_everything(stage: Stage, loot: Loot) -> None:
    """What the web server's database login was good for, as it was."""

    def fetch() -> None:
        with psycopg.connect(stage.unguarded.conninfo) as connection, connection.cursor("everybody") as cursor:
            cursor.execute("select * from person")
            while not loot.over and (rows := cursor.fetchmany(ROWS_A_FETCH)):
                loot.got(row[0] for row in rows)

    await asyncio.to_thread(fetch)


async def _desk_login(scene: Scene, loot: Loot) -> None:
    await desk_login(scene.stage.stolen_desk, scene.agents[0].session, loot)


async def _door_and_dump(scene: Scene, loot: Loot) -> None:
    stage = scene.stage
    desk = stage.fresh_desk()
    opened: dict[str, object] = {}
    for agent in scene.agents:
        opened |= await _serve(stage.prey_on(agent, agent.session.people), loot)
    try:
        texts = await asyncio.to_thread(texts_in_memory, desk.pid or 0)
    except OSError as error:
        loot.refused(type(error).__name__)
    else:
        known = stage.files.known
        found = dumps.owners_of(texts, known)
        loot.got(opened.get(known[place].identifier, place) for place in found)
    rows = await asyncio.to_thread(stage.dumped_rows)
    await door_and_dump(stage.stolen_desk, [agent.session for agent in scene.agents], rows, loot)


async def _serve(prey: Prey, loot: Loot) -> dict[str, object]:
    """What a live session did before the desk was captured; whom it opened, by identifier."""
    people = list(prey.people[:OPENED_BEFORE])
    async with Client(prey.base_url, prey.held) as desk:
        results = await desk.open(attackers.asked_for(prey, people))
    attackers.count_opened(people, results, loot)
    return {str((r.fields or {}).get("identifier")): p for p, r in zip(people, results, strict=True)}


async def _dba(scene: Scene, loot: Loot) -> None:
    stage = scene.stage

    async def sign_in() -> StolenSession:
        return (await stage.sign_in(scene.owner, scene.agents[0].handle)).session

    administrator = Administrator(stage.superuser, sign_in)
    await dba_and_adviser(administrator, stage.stolen_desk, scene.agents[0].session, loot)


# -- with stolen files, and with time ---------------------------------------------------------------------------------


async def _dump_off(stage: Stage, loot: Loot) -> None:
    found = await asyncio.to_thread(lambda: dumps.readable_people(stage.dump_as_it_was(), stage.files.known))
    loot.got(found)


async def _dump(scene: Scene, loot: Loot) -> None:
    stage = scene.stage
    loot.got(await asyncio.to_thread(lambda: dumps.readable_people(stage.register_dump, stage.files.known)))
    loot.refused(NOTHING_READABLE)


async def _rewritten(scene: Scene, loot: Loot) -> None:
    with _logged(scene.stage) as it:
        await asyncio.to_thread(rewritten_log, it, loot)


async def _backup(scene: Scene, loot: Loot) -> None:
    """Stolen, it is a dump; put back, it forgets whom somebody consulted since."""
    await _dump(scene, loot)
    with _logged(scene.stage) as it:
        await asyncio.to_thread(restored_backup, it, scene.stage.files.folder, loot)


@contextmanager
def _logged(stage: Stage) -> Iterator[LoggedRegister]:
    if stage.throwaway is None:
        raise RuntimeError
    with (
        temporary_folder("cloison-witness-") as folder,
        logged_register(stage.throwaway, stage.profile, folder) as it,
    ):
        yield it


async def _edges(scene: Scene, loot: Loot) -> dict[str, WindowRow]:
    if scene.stage.throwaway is None:
        raise RuntimeError
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    with (
        simulated_register(scene.stage.throwaway, scene.stage.profile, "adviser") as register,
        psycopg.connect(register.desk_conninfo, autocommit=True) as desk,
    ):
        register.set_clock(midnight - timedelta(minutes=2))
        register.follow(OUTLIER)
        night = Night(desk, SEGMENT, register.sign_in, register.people, register.set_clock)
        releases = await asyncio.to_thread(window_edges, night, midnight, loot)
        budgets = register.budgets()
    return {name: WindowRow(worst(releases, length), budgets[name]) for name, length in WINDOWS.items()}


# -- bounds -----------------------------------------------------------------------------------------------------------


def _accounts(scene: Scene) -> int:
    """The most people of all stolen accounts together in an hour."""
    labels = scene.stage.home.config.keeper.account_labels_hour
    return most_people(scene.owner, [agent.handle for agent in scene.agents], labels)


def _keys(scene: Scene) -> int:
    """The most people whose keys the keeper gives to the stolen session in an hour, whatever the database says."""
    keeper = scene.stage.home.config.keeper
    return len(scene.agents) * (keeper.account_people[1] + keeper.account_labels_hour)


def _adviser_hour(scene: Scene) -> int:
    return scene.stage.profile.roles["adviser"].budgets["open"][0]


def _nobody(_scene: Scene) -> int:
    return 0


PARTNER = Cast("partner", 92, 6)
ADVISER, MANAGER = Cast("adviser", 92, 6), Cast("manager", 0)
SCENARIOS = (
    Scenario("greedy-session", (PARTNER,), _off(attackers.greedy_session), _greedy, _accounts),
    Scenario(
        "parallel-connections", (Cast("adviser", 432, 8),), _off(attackers.parallel_connections), _parallel, _accounts
    ),
    Scenario("window-edges", (), _off(attackers.greedy_session), _edges, _adviser_hour),
    Scenario(
        "guessed-identifiers",
        (Cast("reception", 0, 40),),
        _off(attackers.guessed_identifiers),
        _guessed,
        _accounts,
    ),
    Scenario("mixed-batch", (Cast("benefits", 0, 40),), _mixed_off, _mixed, _accounts),
    Scenario("stolen-password", (PARTNER,), _off(attackers_signin.stolen_password_off), _password, _nobody),
    Scenario("help-desk-reset", (ADVISER, MANAGER), _off(attackers_signin.help_desk_reset_off), _help_desk, _nobody),
    Scenario("hijacked-cookie", (PARTNER,), _off(attackers.greedy_session), _cookie, _nobody),
    Scenario("hijacked-manager", (ADVISER, MANAGER), _off(attackers_signin.hijacked_manager_off), _manager, _nobody),
    Scenario("desk-login", (Cast("adviser", 432, 8),), _select_everything, _desk_login, _accounts),
    Scenario("door-and-dump", (PARTNER, PARTNER), _select_everything, _door_and_dump, _accounts),
    Scenario("dba-and-adviser", (PARTNER,), _select_everything, _dba, _keys),
    Scenario("stolen-dump", (), _dump_off, _dump, _nobody),
    Scenario("stolen-backup", (), _dump_off, _backup, _nobody),
    Scenario("rewritten-log", (), _select_everything, _rewritten, _nobody),
)
