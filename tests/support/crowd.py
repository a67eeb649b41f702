"""A crowd at the desk: many accounts whose people are opened over and over, at full speed or at a rate."""

import random
from collections.abc import Sequence
from typing import NamedTuple, Self
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psutil
import uvloop

from cloison.bench import workload
from cloison.bench.flood import Asked, Flooded, flood
from cloison.bench.load import NextRequest, Sample, drive
from cloison.client import Credentials
from support.desk import Agent, RunningRegister
from support.load import people_of

CLIENTS = 64
OPEN = "/v1/people/open"
FRENCH = "Accept-Language: fr\r\n"


class Opening(NamedTuple):
    """A request of the crowd: who asked for whom, by which number."""

    held: Credentials
    person: UUID
    request: UUID
    french: bool


class Crowd:
    """Accounts with people of their own."""

    def __init__(self, register: RunningRegister, people: dict[Credentials, list[UUID]]) -> None:
        """The people whom each session's account follows, by the session."""
        self.people = people
        address = urlsplit(register.url)
        self.address = (address.hostname or "", address.port or 0)
        self.desk = workload.Desk(self.address[1])
        self._pick = random.Random(4)  # noqa: S311 - who is asked for, not a secret

    @classmethod
    def of(cls, register: RunningRegister, agents: Sequence[Agent]) -> Self:
        """These accounts."""
        return cls(register, {agent.held: people_of(register.home, agent) for agent in agents})

    def rate(self, seconds: float, clients: int = CLIENTS, sessions: Sequence[Credentials] | None = None) -> Sample:
        """What so many clients get that wait for each answer, of these accounts or all."""
        self.desk.renew()
        known = list(sessions or self.people)

        def maker(number: int) -> NextRequest:
            held = known[number % len(known)]
            return lambda: self.opening(held).request

        return uvloop.run(drive(self.address, [maker(number) for number in range(clients)], seconds))

    def flood(self, per_second: float, seconds: float) -> Flooded:
        """What becomes of openings that come at a rate; signed before, as many devices would at once."""
        self.desk.renew()
        made = [self.opening() for _ in range(round(per_second * seconds) + 1)]
        return uvloop.run(flood(self.address, lambda: made.pop() if made else self.opening(), per_second, seconds))

    def opening(self, held: Credentials | None = None) -> Asked:
        """A request for somebody whom the account follows, of any account by default."""
        asking = held or self._pick.choice(list(self.people))
        person, request, french = self._pick.choice(self.people[asking]), uuid4(), self._pick.random() < 1 / 2
        body = (
            f'{{"requests":[{{"request":"{request}","person":"{person}","compartments":["identity"],'
            '"purpose":"follow_up"}]}'
        )
        head = f"POST {OPEN} HTTP/1.1\r\nHost: desk\r\n{self.signed(asking, 'POST', OPEN, body)}"
        text = f"{head}{FRENCH if french else ''}Content-Length: {len(body)}\r\n\r\n{body}"
        return Asked(text.encode(), Opening(asking, person, request, french))

    def signed(self, held: Credentials, method: str, path: str, body: str = "") -> str:
        """The headers of a request that this session's device signed."""
        url, nonce = self.desk.origin + path, self.desk.nonce
        proof = held.key.proof(method, url, token=held.token, body=body.encode(), nonce=nonce)
        return f"Authorization: DPoP {held.token}\r\nDPoP: {proof}\r\n"


def desk_process(port: int) -> psutil.Process:
    """The process that listens at `port`, one of our children."""
    for process in psutil.Process().children(recursive=True):
        if any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in process.net_connections("tcp")):
            return process
    raise LookupError
