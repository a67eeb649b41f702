"""The door between desk and register: killed, gone, slow; its socket, its tickets, its halves."""

import asyncio
import stat
import threading
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from psycopg import sql
from support.api import calling, problem
from support.desk import RunningRegister
from support.life import Life, living, newcomer, one
from support.operated import OperatedHome, Served, kill_9, served, wait_until

from cloison.access.sessions import bearer
from cloison.errors import ForgedTicketError, ReusedTicketError
from cloison.intake.reading import CHARGE, RELEASE, Read, Wish, read
from cloison.intake.writing import Cause, as_change, recorded, sealed, write
from cloison.keeper.client import Keeper
from cloison.keeper.messages import KeyGrant, Refusal, TicketUse
from cloison.model import Permission
from cloison.processes import intake_answers, keeper_of
from cloison.register.profile import load_profile
from cloison.register.resealing import Register
from cloison.store.metered import Bearer
from cloison.store.pools import conninfo, pool

CORRECTION = 5
KILLS = 3


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedHome]:
    """A home that the tests of this module may break."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"))
    operated.initialise()
    yield operated
    operated.stop()


@pytest.fixture
def serving(operated: OperatedHome) -> Iterator[Served]:
    """The home, served."""
    with served(operated) as serving:
        yield serving


def test_killed_again_and_again_it_loses_no_change(serving: Served, tmp_path: Path) -> None:
    """Kill -9 of the door at any moment: what was answered is there, what was not can be sent again, all opens."""
    register = RunningRegister(serving.operated.home, tmp_path)
    with living(register) as life:
        people = [life.bring_in() for _ in range(2)]
        stop, sent, done = threading.Event(), count(1), dict.fromkeys(people, 0)

        def change() -> None:
            with calling(register, life.agent) as api:
                while not stop.is_set():
                    for person in people:
                        number = next(sent)
                        body = {"purpose": "correction", "fields": {"city": f"Ville {number}"}}
                        answer = api.http.patch(f"/v1/people/{person}", json=body)
                        if answer.status_code == 200 and answer.json()["outcome"] == "changed":
                            done[person] = number

        worker = threading.Thread(target=change)
        worker.start()
        for _ in range(KILLS):
            door = serving.child("cloison.intake")
            before = dict(done)
            while any(done[person] == before[person] for person in people) and worker.is_alive():
                stop.wait(0.05)
            kill_9(door)
            serving.await_child("cloison.intake", besides=door.pid)
        stop.set()
        worker.join()
        wait_until(lambda: intake_answers(serving.operated.home))
        for person in people:
            assert int(life.fields(person)["city"].split()[1]) >= done[person] > 0
            assert life.change(person, city="Lille")["outcome"] == "changed"
            assert life.fields(person)["city"] == "Lille"


def test_without_the_door_records_are_opened_and_changes_refused(serving: Served, tmp_path: Path) -> None:
    """A door that hangs or is gone is a 503 with a time to come back, in the caller's language; the rest goes on."""
    register = RunningRegister(serving.operated.home, tmp_path)
    with living(register) as life:
        person = life.bring_in()
        door = serving.child("cloison.intake")
        kill_9(door)
        body = {"purpose": "correction", "fields": {"city": "Lille"}}
        answer = life.api.http.patch(f"/v1/people/{person}", json=body, headers={"Accept-Language": "fr"})
        assert "ne répond pas" in problem(answer, 503, "door_unavailable").detail
        assert int(answer.headers["retry-after"]) > 0
        assert life.outcome(person) == "open"
        assert httpx.get(f"{register.url}/healthz").status_code == 200
        wait_until(lambda: intake_answers(serving.operated.home))
        assert life.change(person, city="Lille")["outcome"] == "changed"


def test_the_socket_is_its_own_users_alone(register: RunningRegister) -> None:
    """Nobody else can connect to the door, in the folder that nobody else can enter."""
    path = register.home.intake_socket
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_body_that_is_too_large_never_reaches_the_door(register: RunningRegister) -> None:
    """The desk refuses it by its size, as any other."""
    with living(register) as life:
        body = b'{"purpose": "correction", "fields": {"city": "' + b"x" * 70_000 + b'"}}'
        problem(life.api.post("/v1/people", body), 413, "too_large")


def test_problems_of_the_door_come_back_whole(register: RunningRegister) -> None:
    """Code, sentence in the caller's language and path are the door's own."""
    with living(register) as life:
        body = {"purpose": "correction", "fields": newcomer(birth_date="2999-01-01")}
        answer = life.api.http.post("/v1/people", json=body, headers={"Accept-Language": "fr"})
        assert problem(answer, 422, "invalid_fields").detail.startswith("Le dossier ne serait pas valide")
        assert answer.headers["content-language"] == "fr"
        assert answer.headers["cache-control"] == "no-store"


class Beside:
    """The door's own rooms, in the test's hands: what a captured door has."""

    def __init__(self, register: Register, keeper: Keeper, who: Bearer) -> None:
        """Act for the session of `who`."""
        self.register, self.keeper, self.who = register, keeper, who

    async def whole(self, person: UUID) -> Read:
        """Somebody's record, read in order to be corrected."""
        found = await read(
            self.register, self.who, Wish((person,), self.who.segment, Permission.CORRECT, 1, CORRECTION)
        )
        assert isinstance(found, Read), found
        return found


def acting(life: Life, work: Callable[[Beside], Awaitable[None]]) -> None:
    """Run `work` with the rooms of a captured door."""

    async def run() -> None:
        home = life.register.home
        async with keeper_of(home, "intake") as keeper, pool(conninfo(home, "intake"), 2) as connections:
            register = Register(load_profile(home.config.profile), keeper, connections)
            await work(Beside(register, keeper, bearer(life.agent.held.token, life.agent.held.key.thumbprint)))

    asyncio.run(run())


def test_cut_between_its_halves_nothing_is_lost(register: RunningRegister) -> None:
    """Killed after the keeper made keys, or after the row was written, the record opens and can be changed again."""
    with living(register) as life:
        person = life.bring_in()

        async def prepared_alone(door: Beside) -> None:
            found = await door.whole(person)
            record = recorded(door.register, {**found.records[0].values, "city": "Nowhere"})
            await sealed(door.register, await as_change(door.register, found.records[0], record))

        async def written_alone(door: Beside) -> None:
            found = await door.whole(person)
            record = recorded(door.register, {**found.records[0].values, "city": "Roubaix"})
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Keeper, "confirm_change", killed)
                cause = Cause(door.who, Permission.CORRECT, "person_changed", CORRECTION)
                assert (await write(door.register, cause, found, record))[0] == "changed"

        acting(life, prepared_alone)
        assert "city" not in life.fields(person)
        assert life.change(person, city="Lille")["version"] == 3
        acting(life, written_alone)
        assert life.fields(person)["city"] == "Roubaix"
        assert life.change(person, city="Tourcoing")["version"] == 5
        assert life.fields(person)["city"] == "Tourcoing"


async def killed(*_: object) -> None:
    """The keeper is never told."""


def test_a_change_ticket_opens_for_intake_alone(register: RunningRegister) -> None:
    """The desk's caller cannot use the door's ticket, the door's cannot use the desk's, and neither twice."""
    with living(register) as life:
        person = life.bring_in()

        async def tickets(door: Beside) -> None:
            request = uuid4()
            async with door.register.pool.connection() as connection:
                values = (*door.who, request, [person], Permission.CORRECT.bit, 1, CORRECTION, None)
                await connection.execute(CHARGE.encode(), values)
                cursor = await connection.execute(RELEASE.encode(), (*door.who, request))
                row = await cursor.fetchone()
            assert row is not None
            assert row[5].startswith("cloison-change-1|")
            use = TicketUse(row[5], row[6], door.who.token)
            async with keeper_of(life.register.home, "desk") as desk:
                (refusal,) = await desk.open([use])
                assert isinstance(refusal, Refusal)
                assert refusal.code == ForgedTicketError.code
            other = TicketUse(row[5].replace("cloison-change", "cloison-ticket"), row[6], door.who.token)
            first, second, forged = [(await door.keeper.open([one]))[0] for one in (use, use, other)]
            assert isinstance(first, KeyGrant)
            assert isinstance(second, Refusal)
            assert isinstance(forged, Refusal)
            assert (second.code, forged.code) == (ReusedTicketError.code, ForgedTicketError.code)

        acting(life, tickets)
        with psycopg.connect(conninfo(register.home, "desk"), autocommit=True) as desk:
            who = bearer(life.agent.held.token, life.agent.held.key.thumbprint)
            request = uuid4()
            charge = "select outcome from cloison.charge_v1(%s, %s, %s, %s, array[1], array[0]::int2[])"
            desk.execute(charge, (who.segment, [who.token], [request], [person]))
            release = sql.SQL("select ticket, mac from cloison.release_v1(%s, %s, %s, %s)")
            row = desk.execute(release, (who.segment, [who.token], [request], [person])).fetchone()
        assert row is not None

        async def ordinary(door: Beside) -> None:
            assert row is not None
            (refusal,) = await door.keeper.open([TicketUse(row[0], row[1], door.who.token)])
            assert isinstance(refusal, Refusal)
            assert refusal.code == ForgedTicketError.code

        acting(life, ordinary)
    assert one(register, "select count(*) from cloison.receipt where person = %s", person) == 0
