"""People of another department, and organisations with a cap, over HTTP: as one more segment of the same register."""

import time
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from support.api import Api, Json, calling, strangers, wanted
from support.desk import ELSEWHERE, SEGMENT, Agent, RunningRegister

from cloison.access import accounts as staff
from cloison.access.agreements import Caps, Terms, agree, end
from cloison.access.organisations import create_organisation, find_organisation
from cloison.store.pools import connect


def agent_of(register: RunningRegister, organisation: str, terms: Terms) -> Agent:
    """A new account of a new organisation, with a session and nobody to follow yet."""
    handle = f"guest-{uuid4().hex[:8]}"
    with connect(register.home, "owner") as owner:
        create_organisation(owner, organisation, terms)
        staff.create_account(owner, staff.Account(staff.NOBODY, handle, SEGMENT, organisation, "main", "adviser"))
    return Agent(handle, register.session(handle), [])


def follow(register: RunningRegister, agent: Agent, count: int, segment: str = ELSEWHERE) -> list[UUID]:
    """People of a segment whom the account follows from now on."""
    people = strangers(register.home, agent, count, segment)
    with connect(register.home, "owner") as owner:
        owner.execute(
            "insert into cloison.relation (segment, account, person, kind, valid_from) "
            "select %s, account, person, 'caseload', now() from cloison.account, unnest(%s::uuid[]) person "
            "where handle = %s",
            (segment, people, agent.handle),
        )
    return people


def outcomes(results: Sequence[Json]) -> list[str]:
    """The outcomes of an answer."""
    return [str(result["outcome"]) for result in results]


def test_people_of_another_department_are_opened(register: RunningRegister) -> None:
    """Who follows people of two departments opens both in one call, with their fields, on one budget."""
    agent = register.agent(0)
    there, here = follow(register, agent, 7), follow(register, agent, 5, SEGMENT)
    requests = [wanted(person, segment=ELSEWHERE) for person in there] + [wanted(person) for person in here]
    with calling(register, agent) as api:
        answer = api.post("/v1/people/open", {"requests": requests}).json()["results"]
        again = api.open(there, segment=ELSEWHERE)
    assert [result["request"] for result in answer] == [request["request"] for request in requests]
    assert sorted(outcomes(answer)) == ["budget"] * 2 + ["open"] * 10
    assert all(result["fields"]["birth_name"] for result in answer if result["outcome"] == "open")
    first = dict(zip(there, outcomes(answer), strict=False))
    assert outcomes(again) == [first[person] for person in there]


def test_another_department_without_relation(register: RunningRegister) -> None:
    """People of another department who are not followed are out of reach, and so they are in the one that is home."""
    agent = register.agent(0)
    (person,) = follow(register, agent, 1)
    with calling(register, agent) as api:
        assert outcomes(api.open(strangers(register.home, agent, 2, ELSEWHERE), segment=ELSEWHERE)) == ["scope"] * 2
        assert outcomes(api.open([person])) == ["scope"]
        assert outcomes(api.open([person], segment="zz")) == ["scope"]
        assert outcomes(api.open([person], segment=ELSEWHERE)) == ["open"]


def test_department_beside_the_agreement(register: RunningRegister) -> None:
    """Where the agreement does not reach, somebody followed is out of reach, until another agreement does."""
    organisation = f"Nord {uuid4().hex}"
    agent = agent_of(register, organisation, Terms(segments=(SEGMENT,)))
    (person,) = follow(register, agent, 1)
    with calling(register, agent) as api:
        assert outcomes(api.open([person], segment=ELSEWHERE)) == ["scope"]
        with connect(register.home, "owner") as owner:
            found = find_organisation(owner, organisation)
            agree(owner, found.organisation, organisation, Terms(segments=(SEGMENT, ELSEWHERE)))
        assert outcomes(api.open([person], segment=ELSEWHERE)) == ["open"]


def test_cap_of_an_organisation(register: RunningRegister) -> None:
    """A cap of five opens five pairs, of two accounts, at home and elsewhere; the rest are told when to come back."""
    organisation = f"Mission {uuid4().hex}"
    agents = [agent_of(register, organisation, Terms(caps=Caps(hour=5)))]
    handle = f"guest-{uuid4().hex[:8]}"
    with connect(register.home, "owner") as owner:
        staff.create_account(owner, staff.Account(staff.NOBODY, handle, SEGMENT, organisation, "main", "adviser"))
    agents.append(Agent(handle, register.session(handle), []))
    found: list[str] = []
    for agent in agents:
        here, there = follow(register, agent, 2, SEGMENT), follow(register, agent, 2)
        with calling(register, agent) as api:
            results = api.open(here) + api.open(there, segment=ELSEWHERE)
        found += outcomes(results)
        assert all(result["fields"] for result in results if result["outcome"] == "open")
        assert all(result["retry_after"] <= 3_700 for result in results if result["outcome"] == "budget")
    assert (found.count("open"), found.count("budget")) == (5, 3)


def within_a_second(api: Api, person: UUID, outcome: str) -> bool:
    """Whether the person's outcome is this one, for a second at most from now on."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        if outcomes(api.open([person])) == [outcome]:
            return True
    return False


@pytest.mark.parametrize("segment", [SEGMENT, ELSEWHERE])
def test_agreement_that_ends_stops_sessions_alive(register: RunningRegister, segment: str) -> None:
    """Within a second of an agreement's end its accounts open nobody, in sessions begun before it."""
    organisation = f"Ends {uuid4().hex}"
    agent = agent_of(register, organisation, Terms())
    (person,) = follow(register, agent, 1, segment)
    with calling(register, agent) as api:
        assert outcomes(api.open([person], segment=segment)) == ["open"]
        with connect(register.home, "owner") as owner:
            end(owner, find_organisation(owner, organisation).organisation, organisation)
        assert within_a_second(api, person, "scope")
        assert api.http.get("/v1/session").json()["frozen"] is True
