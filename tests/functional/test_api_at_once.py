"""Many callers at once: each gets the answers to its own requests, all of them."""

import asyncio
from uuid import UUID, uuid4

from support.api import unbounded
from support.desk import Agent, RunningRegister

from cloison.client import Client, Opened, PersonRequest
from cloison.model import Outcome
from cloison.store.pools import connect

ROLE = "dpo"
CALLERS = 6
PEOPLE = 64  # as many as a call may have
ROUNDS = 3


async def opened(url: str, agent: Agent, people: list[UUID]) -> list[Opened]:
    """One call for all these people."""
    requests = [
        PersonRequest(request=uuid4(), person=person, compartments=["identity"], purpose="follow_up")
        for person in people
    ]
    async with Client(url, agent.held) as desk:
        results = await desk.open(requests)
    assert [result.request for result in results] == [request.request for request in requests]
    return results


def numbers(register: RunningRegister, agent: Agent) -> list[UUID]:
    """The people whom the account follows, without a list's charge."""
    with connect(register.home, "owner") as owner:
        rows = owner.execute(
            "select person from cloison.relation join cloison.account using (segment, account) where handle = %s",
            (agent.handle,),
        ).fetchall()
    return [row[0] for row in rows]


async def test_full_calls_at_once_are_all_answered(register: RunningRegister) -> None:
    """More tickets at a time than the keeper takes in one request spoil no record, and nobody gets another's."""
    with unbounded(register.home, ROLE):
        agents = [await asyncio.to_thread(register.agent, PEOPLE, ROLE) for _ in range(CALLERS)]
        people = [await asyncio.to_thread(numbers, register, agent) for agent in agents]
        for _ in range(ROUNDS):
            answers = await asyncio.gather(*(opened(register.url, a, p) for a, p in zip(agents, people, strict=True)))
            for agent, results in zip(agents, answers, strict=True):
                assert {(result.outcome, result.error) for result in results} == {(Outcome.OPEN, None)}
                mine = {row["identifier"] for row in agent.people}
                assert {(result.fields or {})["identifier"] for result in results} <= mine
