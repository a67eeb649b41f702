"""Many clients at once, each opening its own people over and over, whatever happens to what they talk to."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID, uuid4

from cloison.client import Client, Credentials, PersonRequest
from cloison.config import Home
from cloison.errors import CloisonError
from cloison.model import Outcome
from cloison.store.pools import connect
from support.desk import Agent, RunningRegister
from support.operated import wait_until

CLIENTS = 32
PEOPLE_A_CLIENT = 8  # below the budget of 5 minutes, so that nobody is refused for it
ROUNDS_AT_ONCE = 2  # requests of one client under way
PAUSE_SECONDS = 0.05  # after an error


class Opening(NamedTuple):
    """One person opened, as the client was told."""

    request: UUID
    person: UUID


class Load:
    """The load and what came of it."""

    def __init__(self, url: str, people: dict[Credentials, list[UUID]]) -> None:
        """Open `people` (by their clients' sessions) at the desk of `url`; nothing is sent yet."""
        self.opened: list[Opening] = []
        self.others: Counter[str] = Counter()  # outcomes but open, and codes of faults in answers that are open
        self.problems: Counter[str] = Counter()  # codes of errors
        self.details: set[str] = set()  # what the errors said
        self._url = url
        self._people = people
        self._ending = threading.Event()

    async def run(self) -> None:
        """Go on until `end`."""
        async with asyncio.TaskGroup() as clients:
            for held, people in self._people.items():
                for _ in range(ROUNDS_AT_ONCE):
                    clients.create_task(self._repeat(held, people))

    def end(self) -> None:
        """Ends the load once what is under way is answered; from any thread."""
        self._ending.set()

    async def _repeat(self, held: Credentials, people: list[UUID]) -> None:
        async with Client(self._url, held) as desk:
            while not self._ending.is_set():
                try:
                    await self._open(desk, people)
                except CloisonError as error:
                    self.problems[error.code] += 1
                    self.details.add(str(error))
                    await asyncio.sleep(PAUSE_SECONDS)

    async def _open(self, desk: Client, people: list[UUID]) -> None:
        asked = [
            PersonRequest(request=uuid4(), person=person, compartments=["identity"], purpose="follow_up")
            for person in people
        ]
        for wanted, answer in zip(asked, await desk.open(asked), strict=True):
            if answer.outcome is Outcome.OPEN and answer.fields is not None:
                self.opened.append(Opening(wanted.request, wanted.person))
            else:
                self.others[answer.error.code if answer.error else answer.outcome.value] += 1


@contextmanager
def loaded(url: str, people: dict[Credentials, list[UUID]]) -> Iterator[Load]:
    """The load, for the length of the block, in a thread of its own; it has opened people before the block begins."""
    load = Load(url, people)
    thread = threading.Thread(target=asyncio.run, args=(load.run(),))
    thread.start()
    try:
        wait_until(lambda: len(load.opened) > CLIENTS)
        yield load
    finally:
        load.end()
        thread.join()


def goes_on(load: Load) -> None:
    """Wait until as many people as there are clients are opened anew, and nothing fails any more."""
    wait_until(lambda: _opens_without_problem(load))


def _opens_without_problem(load: Load) -> bool:
    before, problems = len(load.opened), sum(load.problems.values())
    wait_until(lambda: len(load.opened) > before + CLIENTS or sum(load.problems.values()) > problems)
    return sum(load.problems.values()) == problems


def agents_with_people(register: RunningRegister, clients: int = CLIENTS) -> dict[Credentials, list[UUID]]:
    """The sessions of new accounts, and the people that each follows."""
    agents = [register.agent(PEOPLE_A_CLIENT) for _ in range(clients)]
    return {agent.held: people_of(register.home, agent) for agent in agents}


def people_of(home: Home, agent: Agent) -> list[UUID]:
    """The people of an agent's caseload."""
    with connect(home, "owner") as owner:
        rows = owner.execute(
            "select person from cloison.relation join cloison.account using (segment, account) where handle = %s",
            (agent.handle,),
        ).fetchall()
    return [row[0] for row in rows]


def logged(home: Home) -> set[Opening]:
    """All openings in the audit log."""
    with connect(home, "owner") as owner:
        rows = owner.execute(
            "select request, person from cloison.entry where event = 'open' and outcome = 'open'"
        ).fetchall()
    return {Opening(*row) for row in rows}
