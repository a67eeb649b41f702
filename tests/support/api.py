"""The desk's JSON API as a test calls it: raw bodies, so that what no client would send can be sent too."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec

from cloison.client import Credentials, DeviceAuth
from cloison.client.wire import Problem
from cloison.config import Home
from cloison.store.pools import connect
from support.desk import Agent, RunningRegister

PURPOSE = "follow_up"
Json = dict[str, Any]


class Api:
    """One session's raw way into the desk."""

    def __init__(self, url: str, held: Credentials | str | None) -> None:
        """Speak to the desk at `url` with a session, signed by its device, or a source's token, or as nobody."""
        auth = DeviceAuth(held) if isinstance(held, Credentials) else None
        headers = {"Authorization": f"Bearer {held}"} if held and isinstance(held, str) else {}
        self.http = httpx.Client(base_url=url, auth=auth, headers=headers, timeout=30.0, trust_env=False)

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        """Send `body`: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return self.http.post(path, content=content, headers={"Content-Type": "application/json", **headers})

    def search(self, **facts: object) -> Json:
        """A search that succeeds as a request."""
        answer = self.post("/v1/people/search", {"purpose": PURPOSE, **facts})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def open(self, people: Sequence[UUID | str], **changes: object) -> list[Json]:
        """Open the identity of `people`, or as `changes` say, in one call that succeeds as a request."""
        answer = self.post("/v1/people/open", {"requests": [wanted(person, **changes) for person in people]})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["results"])

    def found(self, row: Mapping[str, str]) -> str:
        """The person whom the account finds by this row's identifier."""
        cards = self.search(identifier=row["identifier"])["cards"]
        assert len(cards) == 1
        return str(cards[0]["person"])

    def close(self) -> None:
        """Close the connections."""
        self.http.close()


@contextmanager
def calling(register: RunningRegister, who: Agent | Credentials | str | None) -> Iterator[Api]:
    """The API for an agent, for a session, for a source's token, or for nobody."""
    api = Api(register.url, who.held if isinstance(who, Agent) else who)
    try:
        yield api
    finally:
        api.close()


def signed_head(url: str, held: Credentials, method: str, path: str, body: bytes = b"") -> str:
    """The first lines of a request that this session's device signed; its length and an empty line are to come."""
    nonce = httpx.get(f"{url}/healthz").headers["dpop-nonce"]
    proof = held.key.proof(method, url + path, token=held.token, body=body, nonce=nonce)
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: DPoP {held.token}\r\nDPoP: {proof}\r\n"


def wanted(person: UUID | str, /, **changes: object) -> Json:
    """A well-formed request for one person, with `changes`."""
    asked = {"request": str(uuid4()), "person": str(person), "compartments": ["identity"], "purpose": PURPOSE}
    return {**asked, **changes}


def problem(answer: httpx.Response, status: int, code: str) -> Problem:
    """The problem of an answer that must be one, of this status and code."""
    assert answer.headers["content-type"] == "application/problem+json"
    found = msgspec.json.decode(answer.content, type=Problem)
    assert (answer.status_code, found.status, found.code) == (status, status, code), answer.text
    return found


def strangers(home: Home, agent: Agent, count: int, segment: str = "59") -> list[UUID]:
    """People of the segment, or of another, with whom the agent has no relation."""
    with connect(home, "owner") as owner:
        rows = owner.execute(
            "select person from cloison.person p where p.segment = %s and not exists (select from cloison.relation r "
            "join cloison.account a using (account) where r.person = p.person and a.handle = %s) limit %s",
            (segment, agent.handle, count),
        ).fetchall()
    assert len(rows) == count
    return [row[0] for row in rows]


@contextmanager
def unbounded(home: Home, role: str) -> Iterator[None]:
    """A role that nobody else's tests use may open, for the length of the block, its caseload's identities without end.

    Sessions are to be issued within the block: the keeper takes its ceilings from the budgets of then.
    """
    with connect(home, "owner") as owner:
        owner.execute("update cloison.role set purposes = 1, relations = 1, compartments = 17 where name = %s", (role,))
        owner.execute(
            "insert into cloison.role_budget (role, meter, minutes_5, hour, day, days_28) "
            "select role, meter, 20000, 20000, 20000, 20000 from cloison.role, "
            "unnest(array['open', 'search', 'refusal']::cloison.meter[]) meter where name = %s "
            "on conflict (role, meter) do update set minutes_5 = 20000, hour = 20000, day = 20000, days_28 = 20000",
            (role,),
        )
    try:
        yield
    finally:
        with connect(home, "owner") as owner:
            owner.execute(
                "update cloison.role set purposes = 0, relations = 0, compartments = 0 where name = %s", (role,)
            )
            owner.execute(
                "delete from cloison.role_budget b using cloison.role r where r.role = b.role and r.name = %s", (role,)
            )
