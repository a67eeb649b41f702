"""The typed client against a running desk: answers as types, refusals as the classes of `errors.py`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from support.desk import RunningRegister

from cloison.client import Client, PersonRequest, State
from cloison.errors import (
    BadRequestError,
    DeskUnavailableError,
    MalformedRequestError,
    NoSessionError,
    TooLargeError,
    UnknownSearchError,
)
from cloison.model import Outcome


def request(person: object, **changes: object) -> PersonRequest:
    """A well-formed request for one person, with `changes`."""
    parts = {"request": uuid4(), "person": person, "compartments": ["identity"], "purpose": "follow_up"}
    return PersonRequest(**{**parts, **changes})  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def speaking(words: bytes) -> AsyncIterator[str]:
    """The address of something that answers every connection with `words`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(words)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_search_then_open(register: RunningRegister) -> None:
    """What a partner's program does: find somebody, open the record, read a field."""
    agent = await asyncio.to_thread(register.agent, 1)
    row = agent.people[0]
    async with Client(register.url, agent.held) as desk:
        found = await desk.search("identifier", row["identifier"], purpose="follow_up")
        card = found.cards[0]
        (opened,) = await desk.open([request(card.person, segment=card.segment)])
    assert (found.outcome, opened.outcome) == (Outcome.OPEN, Outcome.OPEN)
    assert opened.fields is not None
    assert opened.fields["birth_name"] == row["birth_name"]
    assert str(card.birth_year) == row["birth_date"][:4]


async def test_search_takes_further_facts(register: RunningRegister) -> None:
    """A search that needs a second fact gets it by its field's name."""
    agent = await asyncio.to_thread(register.agent, 1)
    row = agent.people[0]
    async with Client(register.url, agent.held) as desk:
        facts = {"birth_date": row["birth_date"], "segment": "59"}
        found = await desk.search("birth_name", row["birth_name"], purpose="follow_up", **facts)
        assert found.outcome is Outcome.OPEN
        with pytest.raises(BadRequestError, match="needs birth_date"):
            await desk.search("birth_name", row["birth_name"], purpose="follow_up")


async def test_caseload_session_and_health(register: RunningRegister) -> None:
    """The smaller answers are types too."""
    agent = await asyncio.to_thread(register.agent, 2)
    async with Client(register.url, agent.held) as desk:
        whole = await desk.caseload(whole=True)
        behind = await desk.caseload(whole=True, after=whole.cards[0].person)
        session, health = await desk.session(), await desk.health()
    assert (len(whole.cards), len(behind.cards), whole.next) == (2, 1, None)
    assert (session.account, session.role, session.frozen) == (agent.handle, "adviser", False)
    assert session.expires_at > datetime.now(UTC)
    assert health.status is State.OK


async def test_refusals_are_raised_by_their_code(register: RunningRegister) -> None:
    """Each problem becomes the error of its code, with the desk's sentence and the place in the request."""
    agent = await asyncio.to_thread(register.agent, 0)
    async with Client(register.url, agent.held) as desk, Client(register.url, None, language="fr") as nobody:
        with pytest.raises(NoSessionError, match="Connectez-vous"):
            await nobody.session()
        with pytest.raises(TooLargeError):
            await desk.open([request(uuid4()) for _ in range(65)])
        with pytest.raises(UnknownSearchError):
            await desk.search("birth_date", "1990-01-01", purpose="follow_up")
        with pytest.raises(MalformedRequestError) as raised:
            await desk.open([request(uuid4(), purpose="curiosity")])
    assert raised.value.fields["path"] == "$.requests[0].purpose"


async def test_desk_that_does_not_answer_is_named_so() -> None:
    """Nothing there, and something else there, are DeskUnavailableError, never a guess."""
    async with Client("http://127.0.0.1:9", None, timeout=2) as desk:
        with pytest.raises(DeskUnavailableError):
            await desk.session()


@pytest.mark.parametrize(
    "words",
    [
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\noops!",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\noops!",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/problem+json\r\nContent-Length: 2\r\n\r\n{}",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
)
async def test_what_is_no_desk_is_not_believed(words: bytes) -> None:
    """A proxy's page, a page in an answer's place, half a problem or another protocol raise DeskUnavailableError."""
    async with speaking(words) as url, Client(url, None, timeout=5) as desk:
        with pytest.raises(DeskUnavailableError):
            await desk.session()
