"""Covers and handovers over HTTP, with the typed client and without."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from support.api import calling, problem
from support.desk import Agent, RunningRegister

from cloison.client import Client, CoverRequest, HandoverRequest
from cloison.model import Outcome

WEEK = timedelta(days=7)


def until() -> str:
    """A week from now."""
    return (datetime.now(UTC) + WEEK).isoformat()


def outcome(register: RunningRegister, agent: Agent, person: str) -> str:
    """What becomes of opening this person."""
    with calling(register, agent) as api:
        return str(api.open([person])[0]["outcome"])


def person_of(register: RunningRegister, agent: Agent) -> str:
    """The first person that an agent follows."""
    with calling(register, agent) as api:
        return api.found(agent.people[0])


def test_holiday_cover_with_two_managers(register: RunningRegister) -> None:
    """One asks, the other finds it waiting and approves; then the stand-in opens the colleague's people."""
    away, stand_in = register.agent(3), register.agent(0)
    managers = register.agent(0, "manager"), register.agent(0, "manager")
    person = person_of(register, away)
    assert outcome(register, stand_in, person) == "scope"
    asyncio.run(cover(register, managers, away, stand_in))
    assert outcome(register, stand_in, person) == "open"
    assert outcome(register, away, person) == "open"


async def cover(register: RunningRegister, managers: tuple[Agent, Agent], away: Agent, stand_in: Agent) -> None:
    """Have two managers cover a caseload of three."""
    first, second = managers
    async with Client(register.url, first.held) as one, Client(register.url, second.held) as two:
        asked = await one.cover(CoverRequest(giver=away.handle, taker=stand_in.handle, until=datetime.now(UTC) + WEEK))
        assert (asked.outcome, asked.people) == (Outcome.OPEN, None)
        waiting = (await two.waiting("covers")).waiting
        assert [(w.asked_by, w.giver, w.taker) for w in waiting if w.transfer == asked.transfer] == [
            (first.handle, away.handle, stand_in.handle)
        ]
        assert asked.transfer is not None
        assert (await one.approve("covers", asked.transfer)).outcome == Outcome.SCOPE
        done = await two.approve("covers", asked.transfer)
        assert (done.outcome, done.people) == (Outcome.OPEN, 3)
        assert asked.transfer not in {w.transfer for w in (await two.waiting("covers")).waiting}


def test_handover_with_two_managers(register: RunningRegister) -> None:
    """The whole portfolio changes hands: who gave it is out of reach of it."""
    leaving, taking = register.agent(4), register.agent(0)
    managers = register.agent(0, "manager"), register.agent(0, "manager")
    person = person_of(register, leaving)
    asyncio.run(hand_over(register, managers, leaving, taking))
    assert outcome(register, taking, person) == "open"
    assert outcome(register, leaving, person) == "scope"


async def hand_over(register: RunningRegister, managers: tuple[Agent, Agent], leaving: Agent, taking: Agent) -> None:
    """Have two managers hand a caseload of four over."""
    first, second = managers
    async with Client(register.url, first.held) as one, Client(register.url, second.held) as two:
        asked = await one.hand_over(HandoverRequest(giver=leaving.handle, taker=taking.handle))
        assert asked.transfer is not None
        assert (await two.approve("covers", asked.transfer)).outcome == Outcome.SCOPE
        assert (await two.approve("handovers", asked.transfer)).people == 4


def test_one_manager_covers_a_few_by_name(register: RunningRegister) -> None:
    """Named people are covered at once, others of the same caseload are not."""
    away, stand_in, manager = register.agent(2), register.agent(0), register.agent(0, "manager")
    with calling(register, away) as api:
        named, other = (api.found(row) for row in away.people)
    with calling(register, manager) as api:
        body = {"for": away.handle, "by": stand_in.handle, "until": until(), "people": [named]}
        answer = api.post("/v1/covers", body)
        assert (answer.status_code, answer.json()["people"]) == (200, 1), answer.text
    assert [outcome(register, stand_in, person) for person in (named, other)] == ["open", "scope"]


@pytest.mark.parametrize("role", ["adviser", "reception", "partner"])
def test_who_is_no_manager_is_refused(register: RunningRegister, role: str) -> None:
    """An adviser who would cover a colleague by their own word gets the same answer as for somebody unknown."""
    away, agent = register.agent(1), register.agent(0, role)
    with calling(register, agent) as api:
        for taker in (agent.handle, "nobody"):
            body = {"for": away.handle, "by": taker, "until": until()}
            assert api.post("/v1/covers", body).text == '{"outcome":"scope"}'
        assert api.post("/v1/handovers", {"from": away.handle, "to": agent.handle}).text == '{"outcome":"scope"}'
        assert api.post(f"/v1/covers/{uuid4()}/approve", b"").text == '{"outcome":"scope"}'
        assert api.http.get("/v1/covers").json() == {"outcome": "scope", "waiting": []}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"until": "tomorrow"}, "$.until"),
        ({"until": "2031-01-01T12:00:00"}, "$.until"),
        ({"for": "a b"}, "$.for"),
        ({"people": []}, "$.people"),
        ({"people": ["x"]}, "$.people[0]"),
        ({"why": "holiday"}, "$"),
    ],
)
def test_what_is_no_cover(register: RunningRegister, change: dict[str, object], path: str) -> None:
    """A body that cannot be read is a problem which says where."""
    manager = register.agent(0, "manager")
    body = {"for": "a", "by": "b", "until": until(), **change}
    with calling(register, manager) as api:
        assert problem(api.post("/v1/covers", body), 400, "malformed_request").path == path


def test_nobody_without_a_session(register: RunningRegister) -> None:
    """None of the addresses answers without a session."""
    with calling(register, None) as api:
        for path in (
            "/v1/covers",
            "/v1/handovers",
            f"/v1/covers/{uuid4()}/approve",
            f"/v1/handovers/{UUID(int=1)}/approve",
        ):
            problem(api.post(path, {}), 401, "no_session")
        for path in ("/v1/covers", "/v1/handovers"):
            problem(api.http.get(path), 401, "no_session")
