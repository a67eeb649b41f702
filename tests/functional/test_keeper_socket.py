"""Attacks on the keeper's socket: strangers, false callers, floods and nonsense."""

import asyncio
import os
import struct
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from support.keeper import Callers, RunningKeeper

from cloison.errors import (
    BadRequestError,
    CloisonError,
    KeeperRefusedError,
    OverloadedError,
    TooLargeError,
)
from cloison.keeper import messages as m
from cloison.keeper.client import WAITING_CALLS, Keeper
from cloison.keeper.server import CONNECTIONS
from cloison.keeper.wire import caller_proof, frame, read_frame

pytest_plugins = ["support.keeper_fixtures"]


class Stranger:
    """A bare connection, on which anything can be sent."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Use `stranger`."""
        self.reader, self.writer = reader, writer

    async def receive(self) -> m.Challenge | m.Welcome | m.Answer | m.Failed:
        """The next message."""
        body = await asyncio.wait_for(read_frame(self.reader, m.MESSAGE_BYTES), 10)
        return msgspec.msgpack.decode(body, type=m.Challenge | m.Welcome | m.Answer | m.Failed)

    async def send(self, content: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(content)
        await self.writer.drain()

    async def greet(self, caller: str, secret: str) -> m.Welcome | m.Answer | m.Failed | m.Challenge:
        """Greet as the protocol says; what comes back."""
        challenge = await self.receive()
        assert isinstance(challenge, m.Challenge)
        nonce, name = os.urandom(32), m.Caller(caller)
        proof = caller_proof(secret, name, challenge.nonce, nonce)
        await self.send(frame(m.Hello(name, nonce, proof), m.GREETING_BYTES))
        return await self.receive()

    async def refused(self) -> CloisonError:
        """The refusal with which the connection ends."""
        failed = await self.receive()
        assert isinstance(failed, m.Failed)
        assert await asyncio.wait_for(self.reader.read(), 10) == b""
        return failed.refusal.error()


async def stranger(running: RunningKeeper) -> Stranger:
    """A new connection that has not greeted."""
    return Stranger(*await asyncio.open_unix_connection(running.home.keeper_socket))


async def test_wrong_secret_of_a_caller(shared_keeper: RunningKeeper) -> None:
    """Who does not hold a caller's secret is refused, another caller's secret or an empty one included."""
    for secret in ("0" * 64, "", shared_keeper.secret("desk")):
        with pytest.raises(KeeperRefusedError):
            await Keeper.connect(shared_keeper.home.keeper_socket, "intake", secret)


async def test_replayed_greeting(shared_keeper: RunningKeeper) -> None:
    """A greeting that was overheard is worth nothing on the next connection."""
    first, second = await stranger(shared_keeper), await stranger(shared_keeper)
    challenge = await first.receive()
    assert isinstance(challenge, m.Challenge)
    nonce = os.urandom(32)
    proof = caller_proof(shared_keeper.secret("desk"), m.Caller.DESK, challenge.nonce, nonce)
    overheard = frame(m.Hello(m.Caller.DESK, nonce, proof), m.GREETING_BYTES)
    await first.send(overheard)
    assert isinstance(await first.receive(), m.Welcome)
    await second.receive()
    await second.send(overheard)
    assert isinstance(await second.refused(), KeeperRefusedError)


async def test_false_keeper(tmp_path: Path) -> None:
    """Whoever took the keeper's socket, without the secret, is not told any token."""
    heard = bytearray()

    async def pretend(reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(frame(m.Challenge(os.urandom(32)), m.GREETING_BYTES))
        heard.extend(await read_frame(reader, m.MESSAGE_BYTES))
        writer.write(frame(m.Welcome(os.urandom(32)), m.GREETING_BYTES))
        heard.extend(await reader.read())
        writer.close()

    async with await asyncio.start_unix_server(pretend, tmp_path / "false.sock"):
        with pytest.raises(KeeperRefusedError):
            await Keeper.connect(tmp_path / "false.sock", "desk", "5" * 64)
    assert b"5" * 64 not in heard


OPERATIONS: dict[str, m.Operation] = {
    "open": m.Open([]),
    "terms": m.Terms(bytes(32), m.TermQuery("59", 1, b"")),
    "enrol": m.Enrol([]),
    "prepare_change": m.PrepareChange([]),
    "confirm_change": m.ConfirmChange([]),
    "recognise": m.Recognise([]),
    "locate": m.Locate([]),
    "cells": m.Cells("59", []),
    "register_session": m.RegisterSession(m.SessionCeilings(uuid4(), bytes(32), uuid4(), "59", [1, 1, 1, 1], 1, 0.0)),
    "end_session": m.EndSession(uuid4()),
    "register_export": m.RegisterExport(m.ExportCeilings(uuid4(), uuid4(), 1, 1, 0.0)),
    "ticket_key": m.TicketKey(),
    "destroy_cohort": m.DestroyCohort("59", 4),
    "destroy_people": m.DestroyPeople([]),
}
ALLOWED = {
    "desk": {"open", "terms"},
    "intake": {"open", "enrol", "prepare_change", "confirm_change", "recognise", "locate"},
    "issuer": {"register_session", "end_session", "register_export", "ticket_key"},
    "retention": {"destroy_cohort", "destroy_people"},
    "statistics": {"cells"},
}


@pytest.mark.parametrize("caller", ALLOWED)
async def test_operation_not_allowed_to_a_caller(shared_keeper: RunningKeeper, caller: str) -> None:
    """A captured caller can do what its own task needs and nothing else, whatever it sends."""
    connection = await stranger(shared_keeper)
    assert isinstance(await connection.greet(caller, shared_keeper.secret(caller)), m.Welcome)
    refused = set()
    for number, (name, operation) in enumerate(OPERATIONS.items(), 1):
        await connection.send(frame(m.Request.of(number, operation), m.MESSAGE_BYTES))
        reply = await connection.receive()
        if isinstance(reply, m.Failed) and reply.refusal.code == KeeperRefusedError.code:
            refused.add(name)
    assert refused == OPERATIONS.keys() - ALLOWED[caller]


@pytest.mark.parametrize(
    "content", [b"\0\0\0\0", b"\0\0\0\x03abc", b"\0\0\0\x10" + bytes(16), b"GET / HTTP/1.1\r\n\r\n" + bytes(64)]
)
async def test_garbage_from_a_stranger(shared_keeper: RunningKeeper, content: bytes) -> None:
    """What is no greeting ends the connection, with an error that repeats nothing of it."""
    connection = await stranger(shared_keeper)
    await connection.receive()
    await connection.send(content)
    assert isinstance(await connection.refused(), BadRequestError | TooLargeError)


async def test_garbage_from_a_caller(shared_keeper: RunningKeeper, acting: Callers) -> None:
    """Nonsense on a greeted connection ends this one and disturbs no other."""
    for body in (b"", b"\xc1", os.urandom(64)):
        connection = await stranger(shared_keeper)
        await connection.greet("desk", shared_keeper.secret("desk"))
        await connection.send(struct.pack(">I", len(body)) + body)
        assert isinstance(await connection.refused(), BadRequestError)
    assert await acting.issuer.status()


async def test_oversize_message(shared_keeper: RunningKeeper) -> None:
    """A message longer than the limit is refused before it is read, from strangers a much shorter one."""
    connection = await stranger(shared_keeper)
    await connection.receive()
    await connection.send(struct.pack(">I", m.GREETING_BYTES + 1))
    assert isinstance(await connection.refused(), TooLargeError)
    connection = await stranger(shared_keeper)
    await connection.greet("desk", shared_keeper.secret("desk"))
    await connection.send(struct.pack(">I", m.MESSAGE_BYTES + 1))
    assert isinstance(await connection.refused(), TooLargeError)


async def test_oversize_request_stays_with_its_sender(acting: Callers) -> None:
    """The client refuses to send what the keeper would not take, and the connection lives on."""
    people = [m.NewPerson("59", 8104, uuid4(), [(1, bytes(512))] * 32) for _ in range(100)]
    with pytest.raises(TooLargeError):
        await acting.intake.enrol(people)
    assert await acting.enrol()


@pytest.mark.parametrize(
    "operation",
    [
        m.Open([m.TicketUse("t", bytes(32), bytes(32))] * (m.TICKETS_A_REQUEST + 1)),
        m.Open([m.TicketUse("t", bytes(31), bytes(32))]),
        m.Terms(bytes(32), m.TermQuery("59\n", 1, b"")),
        m.Terms(bytes(32), m.TermQuery("59", 1, bytes(513))),
        m.Terms(bytes(32), m.TermQuery("59", 1, b""), None, [-2]),
    ],
)
async def test_values_out_of_bounds_spoil_no_other_call(shared_keeper: RunningKeeper, operation: m.Operation) -> None:
    """What a user typed may be refused, but the calls of others on the same connection go on."""
    connection = await stranger(shared_keeper)
    await connection.greet("desk", shared_keeper.secret("desk"))
    requests = [m.Request.of(1, operation), m.Request.of(2, m.AskStatus())]
    await connection.send(b"".join(frame(request, m.MESSAGE_BYTES) for request in requests))
    replies = {}
    for _ in requests:
        reply = await connection.receive()
        assert isinstance(reply, m.Answer | m.Failed)
        replies[reply.id] = reply
    refused = replies[1]
    assert isinstance(refused, m.Failed)
    assert isinstance(refused.refusal.error(), BadRequestError)
    assert isinstance(replies[2], m.Answer)


async def test_operation_that_does_not_exist(shared_keeper: RunningKeeper) -> None:
    """An operation of a newer version is refused by name, not taken for another."""
    connection = await stranger(shared_keeper)
    await connection.greet("desk", shared_keeper.secret("desk"))
    unknown = m.Request(1, msgspec.Raw(msgspec.msgpack.encode(["export_all"])))
    await connection.send(frame(unknown, m.MESSAGE_BYTES))
    reply = await connection.receive()
    assert isinstance(reply, m.Failed)
    assert isinstance(reply.refusal.error(), BadRequestError)


async def test_silent_stranger(shared_keeper: RunningKeeper) -> None:
    """Who connects and says nothing is put out after seconds."""
    connection = await stranger(shared_keeper)
    await connection.receive()
    assert isinstance(await connection.refused(), KeeperRefusedError)


async def test_too_many_connections(own_keeper: RunningKeeper) -> None:
    """Beyond its number of connections the keeper refuses politely, and takes new ones once some are gone."""
    own_keeper.start()
    crowd = [await stranger(own_keeper) for _ in range(CONNECTIONS)]
    for one in crowd:
        await one.receive()
    late = await stranger(own_keeper)
    assert isinstance(await late.refused(), OverloadedError)
    for one in crowd:
        one.writer.close()
    await asyncio.sleep(0.2)
    async with await own_keeper.call("issuer") as issuer:
        assert await issuer.status()


async def test_flood_from_one_caller(shared_keeper: RunningKeeper, acting: Callers) -> None:
    """A caller that sends without reading answers is made to wait; others are served meanwhile."""
    flood = await stranger(shared_keeper)
    await flood.greet("issuer", shared_keeper.secret("issuer"))
    request = frame(m.Request.of(1, m.AskStatus()), m.MESSAGE_BYTES)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_send_without_end(flood, request * 1_000), 2)
    assert await asyncio.wait_for(acting.issuer.status(), 5)
    flood.writer.transport.abort()


async def _send_without_end(flood: Stranger, content: bytes) -> None:
    while True:
        await flood.send(content)


async def test_many_calls_on_one_connection(acting: Callers) -> None:
    """A thousand calls at once on one connection are all answered, each with its own answer."""
    values = [(1, f"value {i}".encode()) for i in range(1_000)]
    at_once = await asyncio.gather(*(acting.intake.locate([value]) for value in values))
    assert [term for [term] in at_once] == await acting.intake.locate(values)


async def test_more_calls_than_may_wait(acting: Callers) -> None:
    """The client itself refuses calls beyond a number, so that memory is bounded on its side too."""
    calls = [acting.issuer.status() for _ in range(WAITING_CALLS + 10)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(answer, OverloadedError) for answer in answers) == 10
    assert sum(isinstance(answer, m.Status) for answer in answers) == WAITING_CALLS


async def test_cancelled_call(acting: Callers) -> None:
    """A call that its caller gave up leaves the connection and the other calls as they were."""
    given_up = asyncio.create_task(acting.enrol(200))
    await asyncio.sleep(0.001)
    given_up.cancel()
    assert len(await acting.enrol(10)) == 10
