"""Lives of records as tests tell them: an agent who changes people over HTTP, and what the log says of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any
from uuid import UUID

import httpx

from cloison.store.pools import connect
from support.api import Api, Json, calling
from support.desk import Agent, RunningRegister

PURPOSE = "correction"
LOGIN = (
    "insert into cloison.space_login (segment, login, person, made_at) "
    "select segment, gen_random_uuid(), person, now() from cloison.person where person = %s returning login"
)
_numbers = count(1)


class Life:
    """One session's way to change people."""

    def __init__(self, register: RunningRegister, agent: Agent, api: Api) -> None:
        """Act as `agent`."""
        self.register = register
        self.agent = agent
        self.api = api

    def send(self, method: str, path: str, body: object = None) -> httpx.Response:
        """A request as it is."""
        return self.api.http.request(method, path, json=body)

    def did(self, method: str, path: str, body: object = None) -> Json:
        """A request that succeeds as a request."""
        answer = self.send(method, path, body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def create(self, **fields: str) -> Json:
        """Bring somebody in."""
        return self.did("POST", "/v1/people", {"purpose": PURPOSE, "fields": fields})

    def bring_in(self, **changes: str) -> UUID:
        """Somebody new whom the agent follows from then on, and not only for half an hour."""
        row = newcomer(**changes)
        made = self.create(**row)
        assert made["outcome"] == "created", made
        self.follow(row)
        return UUID(made["person"])

    def follow(self, row: Mapping[str, str]) -> None:
        """Have the agent follow whoever has this row's identifier."""
        self.register.relate(self.agent.handle, [dict(row)])

    def change(self, person: object, **fields: str | None) -> Json:
        """Change fields of somebody."""
        return self.did("PATCH", f"/v1/people/{person}", {"purpose": PURPOSE, "fields": fields})

    def act(self, person: object, act: str, **body: str) -> Json:
        """End or resume a registration, note a death."""
        return self.did("POST", f"/v1/people/{person}/{act}", {"purpose": PURPOSE, **body})

    def merge(self, survivor: object, absorbed: object) -> Json:
        """Ask that two be merged."""
        body = {"purpose": PURPOSE, "survivor": str(survivor), "absorbed": str(absorbed)}
        return self.did("POST", "/v1/merges", body)

    def fields(self, person: object) -> dict[str, Any]:
        """All that the desk shows of somebody to an account that may see it all."""
        compartments = ["identity", "contact", "nir", "situation"]
        (opened,) = self.api.open([str(person)], compartments=compartments, purpose=PURPOSE)
        assert opened["outcome"] == "open", opened
        return dict(opened["fields"])

    def outcome(self, person: object) -> str:
        """What becomes of opening somebody."""
        (opened,) = self.api.open([str(person)], purpose=PURPOSE)
        return str(opened["outcome"])


@contextmanager
def living(
    register: RunningRegister, people: int = 0, role: str = "adviser", *, touched: bool = True
) -> Iterator[Life]:
    """An agent of the role who follows so many people."""
    agent = register.agent(people, role, touched=touched)
    with calling(register, agent) as api:
        yield Life(register, agent, api)


@contextmanager
def two(register: RunningRegister) -> Iterator[tuple[Life, Life]]:
    """Somebody who asks, and a manager who approves."""
    with living(register) as asks, living(register, 0, "manager") as approves:
        yield asks, approves


def approve(approves: Life, merge: object) -> dict[str, object]:
    """Approve what was asked."""
    return approves.did("POST", f"/v1/merges/{merge}/approve")


def split(asks: Life, merge: object) -> dict[str, object]:
    """Ask that a merge be taken back."""
    return asks.did("POST", f"/v1/merges/{merge}/split", {"purpose": "correction"})


def person_of(register: RunningRegister, row: Mapping[str, str]) -> UUID:
    """Whom an account sees by this row's identifier: asked of an agent of the test's own, who follows them."""
    with living(register) as life:
        register.relate(life.agent.handle, [dict(row)])
        return UUID(life.api.found(row))


def newcomer(**changes: str) -> dict[str, str]:
    """Somebody new and fictional, a different one each time."""
    number = next(_numbers)
    base = {
        "birth_name": "Fictif",
        "first_names": f"Camille {number}",
        "birth_date": "1990-02-03",
        "identifier": f"{77_000_000_000 + number}",
        "commune": "59350",
        "category": "registered",
        "registered_on": "2024-01-08",
    }
    return {**base, **changes}


def nir(sex: int, order: int, *, year: int = 90, month: int = 13, place: str = "59350") -> str:
    """A NIR that is nobody's: month 13 to 19; the first digit 7 or 8 makes it provisional."""
    body = f"{sex}{year:02}{month:02}{place}{order:03}"
    return f"{body}{97 - int(body) % 97:02}"


def entries(register: RunningRegister, person: object) -> list[tuple[Any, ...]]:
    """The audit entries about somebody: event, outcome, whether an account's, compartments, version, hash."""
    with connect(register.home, "owner") as owner:
        return owner.execute(
            "select event::text, outcome::text, account <> '00000000-0000-0000-0000-000000000001', compartments, "
            "version, sealed_hash from cloison.entry where person = %s order by at, number",
            (person,),
        ).fetchall()


def one(register: RunningRegister, statement: str, *values: object) -> Any:  # noqa: ANN401 - whatever the column holds
    """The first column of the first row, as the owner."""
    with connect(register.home, "owner") as owner:
        row = owner.execute(statement.encode(), values).fetchone()
    return None if row is None else row[0]
