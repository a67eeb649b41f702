"""One connection to the keeper, from greeting to end: requests go out at once, each answer finds its own."""

import asyncio
import hmac
import itertools
import os
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from cloison.errors import CloisonError, KeeperRefusedError, KeeperUnavailableError
from cloison.keeper import messages as m
from cloison.keeper.wire import caller_proof, frame, keeper_proof, read_frame

CONNECT_SECONDS = 2.0
NONCE_BYTES = 32

Result = TypeVar("Result")
_replies = msgspec.msgpack.Decoder(m.Answer | m.Failed)


class Link:
    """A greeted connection; once it is not `alive`, it never is again."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Use `open` instead, which greets."""
        self._writer = writer
        self._numbers = itertools.count(1)
        self._pending: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._reading = asyncio.create_task(self._read(reader))

    @classmethod
    async def open(cls, socket: Path, caller: m.Caller, secret: str) -> Self:
        """Connect and greet; raises KeeperUnavailableError, or KeeperRefusedError on a wrong secret."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_unix_connection(socket)
                try:
                    await _greet(reader, writer, caller, secret)
                except BaseException:
                    writer.close()
                    raise
        except (OSError, EOFError, msgspec.DecodeError) as error:  # a TimeoutError is an OSError
            raise KeeperUnavailableError(reason=f"no connection: {type(error).__name__}") from error
        return cls(reader, writer)

    @property
    def alive(self) -> bool:
        """Whether requests can go out."""
        return not self._reading.done()

    async def ask(self, operation: m.Operation, result: type[Result]) -> Result:
        """One request's answer; raises the keeper's refusal, TooLargeError or KeeperUnavailableError."""
        number = next(self._numbers)
        request = frame(m.Request.of(number, operation), m.MESSAGE_BYTES)
        answered: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self._pending[number] = answered
        try:
            self._writer.write(request)
            await self._writer.drain()
            body = await answered
        except OSError as error:
            raise KeeperUnavailableError(reason="the connection broke") from error
        finally:
            self._pending.pop(number, None)
        return msgspec.msgpack.decode(body, type=result)

    async def close(self) -> None:
        """End the connection; what is under way ends with KeeperUnavailableError."""
        self._reading.cancel()
        await asyncio.wait({self._reading})

    async def _read(self, reader: StreamReader) -> None:
        """Hands out answers until the connection ends, then ends all that wait."""
        end: CloisonError = KeeperUnavailableError(reason="the connection ended")
        try:
            while True:
                reply = _replies.decode(await read_frame(reader, m.MESSAGE_BYTES))
                if isinstance(reply, m.Failed) and reply.id == 0:
                    end = reply.refusal.error()
                self._hand_out(reply)
        except (OSError, EOFError, msgspec.DecodeError, CloisonError):
            pass
        finally:
            self._writer.close()
            for waiting in self._pending.values():
                if not waiting.done():
                    waiting.set_exception(end)
                    waiting.exception()  # seen: whose sending failed has an error already, and never asks for this one

    def _hand_out(self, reply: m.Answer | m.Failed) -> None:
        """Gives a reply to whom it belongs, if anybody still waits for it."""
        waiting = self._pending.get(reply.id)
        if waiting is None or waiting.done():
            return
        if isinstance(reply, m.Failed):
            waiting.set_exception(reply.refusal.error())
        else:
            waiting.set_result(reply.body)


async def _greet(reader: StreamReader, writer: StreamWriter, caller: m.Caller, secret: str) -> None:
    """Proves who calls and has the keeper prove itself; raises KeeperRefusedError where either fails."""
    challenge = msgspec.msgpack.decode(await read_frame(reader, m.GREETING_BYTES), type=m.Challenge | m.Failed)
    if isinstance(challenge, m.Failed):
        raise challenge.refusal.error()
    nonce = os.urandom(NONCE_BYTES)
    proof = caller_proof(secret, caller, challenge.nonce, nonce)
    writer.write(frame(m.Hello(caller, nonce, proof), m.GREETING_BYTES))
    welcome = msgspec.msgpack.decode(await read_frame(reader, m.GREETING_BYTES), type=m.Welcome | m.Failed)
    if isinstance(welcome, m.Failed):
        raise welcome.refusal.error()
    if not hmac.compare_digest(welcome.proof, keeper_proof(secret, caller, challenge.nonce, nonce)):
        raise KeeperRefusedError(reason="what answers on its socket does not have the secret")
