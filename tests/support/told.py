"""What sources of interactions tell over HTTP, with a token of their own."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from cloison.client import Credentials
from cloison.store.pools import connect
from support import clients
from support.api import calling
from support.desk import Agent, RunningRegister

HOUR = timedelta(hours=1)


def source(register: RunningRegister, *segments: str) -> Credentials:
    """What a new source tells with."""
    return opened(register, f"book-{uuid4().hex[:8]}", segments)


def opened(register: RunningRegister, name: str, segments: Sequence[str] = ()) -> Credentials:
    """What a new source of this name tells with."""
    with connect(register.home, "owner") as owner:
        return clients.feed(owner, name, segments or None)


def told(agent: Agent, row: dict[str, str], **changes: object) -> dict[str, Any]:
    """An interaction of an hour, from now on."""
    now = datetime.now(UTC)
    person = {"identifier": row["identifier"]}
    times = {"from": now.isoformat(), "until": (now + HOUR).isoformat()}
    return {"interaction": uuid4().hex, "account": agent.handle, **person, **times, **changes}


def tell(register: RunningRegister, held: Credentials | str, items: Sequence[object]) -> httpx.Response:
    """Tell of interactions."""
    with calling(register, held) as api:
        return api.post("/v1/feeds/interactions", {"interactions": items})


def results(answer: httpx.Response) -> list[str]:
    """What became of each."""
    assert answer.status_code == 200, answer.text
    return [one["result"] for one in answer.json()["results"]]
