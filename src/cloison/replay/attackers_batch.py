"""An attacker who hides people out of reach among people in reach, and poison among both.

A server that judges a batch as a whole, matches answers by the caller's numbers, or gives up half-way through a batch
that it cannot read, would let somebody through.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec

from cloison.client import Client, DeviceAuth
from cloison.errors import CloisonError
from cloison.replay.attackers import CLIENT_SECONDS, Prey, asked_for, batches, count_opened
from cloison.replay.loot import Loot

OPEN = "/v1/people/open"
IN_EACH_BATCH = 4  # people in reach, and as many out of reach
POISONED_PEOPLE = 8
TOO_MANY = 10_000

Body = dict[str, Any]


async def mixed_batch(prey: Prey, in_reach: Sequence[UUID], loot: Loot) -> None:
    """Sends poisoned batches, then mixed ones until stopped; `prey.people` are those out of reach."""
    await _send_poison(prey, [*in_reach[:POISONED_PEOPLE], *prey.people[:POISONED_PEOPLE]], loot)
    half = max(IN_EACH_BATCH, prey.batch // 2)
    strangers = batches(prey.people, half)
    own = batches(in_reach, half)
    async with Client(prey.base_url, prey.held, timeout=CLIENT_SECONDS) as desk:
        for batch in strangers:
            people = [person for pair in _alternate(batch, next(own, list(in_reach[:half]))) for person in pair]
            if loot.over:
                return
            try:
                count_opened(people, await desk.open(asked_for(prey, people)), loot)
            except CloisonError as error:
                loot.refused(error.code)
                return


async def _send_poison(prey: Prey, people: Sequence[UUID], loot: Loot) -> None:
    async with httpx.AsyncClient(
        base_url=prey.base_url,
        headers={"Content-Type": "application/json"},
        auth=DeviceAuth(prey.held),
        timeout=CLIENT_SECONDS,
        trust_env=False,
    ) as http:
        for body in poisoned(prey, people):
            try:
                answer = await http.post(OPEN, content=body)
            except httpx.HTTPError as error:  # a body too large may be cut off half-way
                loot.refused(type(error).__name__)
                continue
            loot.got(_opened(answer, people))
            if not answer.is_success:
                loot.refused(f"HTTP {answer.status_code}")


def poisoned(prey: Prey, people: Sequence[UUID]) -> Iterator[bytes]:
    """Bodies that ask for `people`, each with one thing in it that no honest client sends."""
    good = [msgspec.to_builtins(request) for request in asked_for(prey, people)]
    first, *others = good
    same = str(uuid4())
    yield _body({**one, "request": same} for one in good)
    yield _body([first, *({**one, "request": first["request"]} for one in others)])
    for poison in _poisons():
        yield _body([*others, {**first, **poison}])
        yield _body([{**first, **poison}, *others])
    yield _body({**first, "request": str(uuid4())} for _ in range(TOO_MANY))
    yield _body(good)[:-2]
    yield _body(good).replace(prey.purpose.encode(), b"\xff\xfe" + prey.purpose.encode())
    yield b'{"requests":' + b"[" * TOO_MANY
    yield b'{"requests":[],' + _body(good)[1:]


def _poisons() -> list[Body]:
    return [
        {"person": "\0" * 36},
        {"segment": "59\0"},
        {"segment": "59' or '1'='1"},
        {"purpose": "x" * 40_000},
        {"purpose": 2**70},
        {"purpose": None},
        {"compartments": "identity"},
        {"compartments": -1},
        {"compartments": ["identity"] * 1_000},
        {"compartments": []},
        {"compartments": ["\ud7ff\0"]},
        {"request": 0},
        {"request": None},
        {"person": [str(uuid4())] * 100},
        {"unknown": {"deeply": {"nested": {}}}},
    ]


def _body(requests: Iterable[Body]) -> bytes:
    return json.dumps({"requests": list(requests)}).encode()


def _opened(answer: httpx.Response, people: Sequence[UUID]) -> list[UUID]:
    """Whose fields came back, matched by place: the attacker's own numbers are poisoned."""
    if not answer.is_success:
        return []
    results = msgspec.json.decode(answer.content)["results"]
    return [person for person, result in zip(people, results, strict=False) if result.get("fields")]


def _alternate(first: Sequence[UUID], second: Sequence[UUID]) -> Iterator[tuple[UUID, ...]]:
    for i in range(max(len(first), len(second))):
        yield (*first[i : i + 1], *second[i : i + 1])
