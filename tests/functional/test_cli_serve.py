"""`cloison serve`: it starts, answers, starts again what is killed, and leaves nothing behind."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import pytest
from support.desk import Agent, RunningRegister
from support.operated import OperatedHome, Served, healthy, kill_9, processes_of, served, wait_until

from cloison.client import Client, Outcome, PersonRequest
from cloison.errors import NoSessionError

SECONDS = 15


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedHome]:
    """A home that the tests of this module serve, one after the other."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"))
    operated.do("init")
    yield operated
    operated.stop()


@pytest.fixture
def serving(operated: OperatedHome) -> Iterator[Served]:
    """The home, served."""
    with served(operated) as serving:
        yield serving


async def outcome(register: RunningRegister, agent: Agent) -> Outcome:
    """What becomes of opening the first person that the agent follows."""
    async with Client(register.url, agent.token) as desk:
        card = (await desk.caseload(whole=True)).cards
        person = card[0].person if card else uuid4()
        request = PersonRequest(request=uuid4(), person=person, compartments=["identity"], purpose="follow_up")
        return (await desk.open([request]))[0].outcome


async def test_freezing_and_signing_out_reach_a_living_session(serving: Served, tmp_path: Path) -> None:
    """`accounts freeze` closes an open session's records at once, `unfreeze` opens them, `sign-out` ends the session."""
    operated = serving.operated
    register = await asyncio_free(operated, tmp_path)
    agent = register.agent(1)
    assert await outcome(register, agent) is Outcome.OPEN
    assert operated.do("accounts", "freeze", agent.handle)["state"] == "frozen"
    assert await outcome(register, agent) is Outcome.FROZEN
    assert operated.do("accounts", "unfreeze", agent.handle)["state"] == "active"
    assert await outcome(register, agent) is Outcome.OPEN
    assert operated.do("accounts", "sign-out", agent.handle)["state"] == "signed out"
    with pytest.raises(NoSessionError):
        await outcome(register, agent)
    token = operated.do("accounts", "session", agent.handle)["token"]
    assert await outcome(register, agent._replace(token=token)) is Outcome.OPEN
