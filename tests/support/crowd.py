"""A crowd at the desk: many accounts whose people are opened over and over, at full speed or at a rate."""

import random
from collections.abc import Sequence
from typing import NamedTuple, Self
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psutil
import uvloop

from cloison.bench.flood import Asked, Flooded, flood
from cloison.bench.load import NextRequest, Sample, drive
from support.desk import Agent, RunningRegister
from support.load import people_of

CLIENTS = 64
FRENCH = "Accept-Language: fr\r\n"


class Opening(NamedTuple):
    """A request of the crowd: who asked for whom, by which number."""

    token: str
    person: UUID
    request: UUID
    french: bool


class Crowd:
    """Accounts with people of their own."""

    def __init__(self, register: RunningRegister, people: dict[str, list[UUID]]) -> None:
        """The people whom each session's account follows, by its token."""
        self.people = people
        address = urlsplit(register.url)
        self.address = (address.hostname or "", address.port or 0)
        self._pick = random.Random(4)  # noqa: S311 - who is asked for, not a secret

    @classmethod
    def of(cls, register: RunningRegister, agents: Sequence[Agent]) -> Self:
        """These accounts."""
        return cls(register, {agent.token: people_of(register.home, agent) for agent in agents})

    def rate(self, seconds: float, clients: int = CLIENTS, tokens: Sequence[str] | None = None) -> Sample:
        """What so many clients get that wait for each answer, of these accounts or all."""
        known = list(tokens or self.people)

        def maker(number: int) -> NextRequest:
            token = known[number % len(known)]
            return lambda: self.opening(token).request

        return uvloop.run(drive(self.address, [maker(number) for number in range(clients)], seconds))

    def flood(self, per_second: float, seconds: float) -> Flooded:
        """What becomes of openings that come at a rate."""
        return uvloop.run(flood(self.address, self.opening, per_second, seconds))

    def opening(self, token: str | None = None) -> Asked:
        """A request for somebody whom the account follows, of any account by default."""
        asking = token or self._pick.choice(list(self.people))
        person, request, french = self._pick.choice(self.people[asking]), uuid4(), self._pick.random() < 1 / 2
        body = (
            f'{{"requests":[{{"request":"{request}","person":"{person}","compartments":["identity"],'
            '"purpose":"follow_up"}]}'
        )
        head = f"POST /v1/people/open HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {asking}\r\n"
        text = f"{head}{FRENCH if french else ''}Content-Length: {len(body)}\r\n\r\n{body}"
        return Asked(text.encode(), Opening(asking, person, request, french))


def desk_process(port: int) -> psutil.Process:
    """The process that listens at `port`, one of our children."""
    for process in psutil.Process().children(recursive=True):
        if any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in process.net_connections("tcp")):
            return process
    raise LookupError
