"""A session that ends in the middle of a call: what was charged is given out, the rest says why not."""

from uuid import uuid4

import httpx
from support.desk import RunningRegister

from cloison.client import DeviceAuth


def test_what_was_charged_before_the_session_ended_is_given_out(register: RunningRegister) -> None:
    """Sixteen of a session are charged at a time; strangers among them end it, and the sixteen are not lost."""
    agent = register.agent(10)
    desk = httpx.Client(base_url=register.url, auth=DeviceAuth(agent.held))
    cards = desk.get("/v1/caseload?whole=true").json()["cards"]
    people = [card["person"] for card in cards] + [str(uuid4()) for _ in range(54)]
    requests = [
        {"request": str(uuid4()), "person": person, "compartments": ["identity"], "purpose": "follow_up"}
        for person in people
    ]
    answer = desk.post("/v1/people/open", json={"requests": requests})
    results = answer.json()["results"]
    assert [result["outcome"] for result in results[:10]] == ["open"] * 10
    assert {result["outcome"] for result in results[10:32]} == {"scope"}
    assert {result["outcome"] for result in results[32:]} == {"stale"}
    assert {result["error"]["code"] for result in results[32:]} == {"no_session"}
    again = desk.post("/v1/people/open", json={"requests": requests[:1]})
    assert again.status_code == 401
