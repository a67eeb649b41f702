"""The keeper's socket: greets callers, reads their requests, writes the answers.

1. A stranger may send one small message within seconds, and must prove which caller it is.
2. A request is bounded in size; a connection has a bounded number under way, beyond which nothing more is
   read; the number of connections is bounded too.
3. What cannot be read ends the connection: after it, nothing on it can be trusted to begin where a message
   begins.
"""

import asyncio
import errno
import hmac
import logging
import os
import socket
import sqlite3
import traceback
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from cloison.errors import (
    BadRequestError,
    CloisonError,
    KeeperRefusedError,
    KeeperUnavailableError,
    OverloadedError,
)
from cloison.keeper import messages as m
from cloison.keeper.service import Service
from cloison.keeper.wire import caller_proof, frame, keeper_proof, read_frame

GREETING_SECONDS = 5.0
CONNECTIONS = 128
BACKLOG = 1_024  # a caller that finds it full is told nothing, and takes a dead socket for a connection
NONCE_BYTES = 32

_log = logging.getLogger("cloison.keeper")
_requests = msgspec.msgpack.Decoder(m.Request)
_operations: msgspec.msgpack.Decoder[m.Operation] = msgspec.msgpack.Decoder(m.Operation)


class Server:
    """Serves one socket."""

    def __init__(self, service: Service, secrets: dict[m.Caller, str]) -> None:
        """Serve `service` to the callers who hold these secrets."""
        self._service = service
        self._secrets = secrets
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, path: Path, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Listen at `path` until `stop`, calling `ready` once; no other keeper may have the path."""
        with _listening(path) as listener:
            server = await asyncio.start_unix_server(self._accept, sock=listener, backlog=BACKLOG)
            ready()
            try:
                await self._run_until(stop)
            finally:
                server.close()
                await _cancel(self._connections)

    async def _run_until(self, stop: asyncio.Event) -> None:
        """Sweeps until `stop`; a sweep that fails ends the keeper, as nobody would keep its windows."""
        sweeping = asyncio.ensure_future(self._service.sweep_forever())
        stopping = asyncio.ensure_future(stop.wait())
        done, _ = await asyncio.wait({sweeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await _cancel({sweeping, stopping} - done)
        if sweeping in done:
            sweeping.result()

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection, from greeting to end."""
        task = asyncio.current_task()
        if task is None or len(self._connections) >= CONNECTIONS:
            await _refuse(writer, OverloadedError(retry_after_seconds=1))
            return
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except CloisonError as error:
            await _refuse(writer, error)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the caller went away, or the keeper stops
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Greets, then answers until the caller goes."""
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                caller = await self._greet(reader, writer)
        except TimeoutError as error:
            raise KeeperRefusedError(reason="no greeting came") from error
        connection = _Connection(self._service, caller, writer)
        try:
            await connection.read_requests(reader)
        finally:
            await connection.close()

    async def _greet(self, reader: StreamReader, writer: StreamWriter) -> m.Caller:
        """Finds out who calls; raises KeeperRefusedError where the proof is wrong."""
        nonce = os.urandom(NONCE_BYTES)
        writer.write(frame(m.Challenge(nonce), m.GREETING_BYTES))
        hello = _decode(await read_frame(reader, m.GREETING_BYTES))
        secret = self._secrets[hello.caller]
        if not hmac.compare_digest(hello.proof, caller_proof(secret, hello.caller, nonce, hello.nonce)):
            _log.warning("a connection did not prove that it is %s", hello.caller)
            raise KeeperRefusedError(reason=f"the secret of {hello.caller} is wrong")
        writer.write(frame(m.Welcome(keeper_proof(secret, hello.caller, nonce, hello.nonce)), m.GREETING_BYTES))
        return hello.caller


class _Connection:
    """What one caller has under way."""

    def __init__(self, service: Service, caller: m.Caller, writer: StreamWriter) -> None:
        self._service = service
        self._caller = caller
        self._writer = writer
        self._slots = asyncio.Semaphore(m.PENDING_REQUESTS)
        self._tasks: set[asyncio.Task[None]] = set()

    async def read_requests(self, reader: StreamReader) -> None:
        """Begins each request as it comes; raises BadRequestError or TooLargeError on what cannot be one."""
        while True:
            await self._slots.acquire()
            body = await read_frame(reader, m.MESSAGE_BYTES)
            try:
                request = _requests.decode(body)
            except msgspec.DecodeError as error:
                raise BadRequestError(reason="it is no message of the keeper") from error
            task = asyncio.create_task(self._answer(request))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    async def close(self) -> None:
        """Ends what is under way; what a thread is storing is stored all the same."""
        await _cancel(self._tasks)

    async def _answer(self, request: m.Request) -> None:
        """Works one request off and writes its answer."""
        reply = await self._reply(request)
        self._writer.write(frame(reply, m.MESSAGE_BYTES))
        await self._writer.drain()

    async def _reply(self, request: m.Request) -> m.Answer | m.Failed:
        """The answer, or the refusal of the whole request."""
        try:
            operation = _operations.decode(request.operation)
            result = await self._service.answer(self._caller, operation)
        except msgspec.DecodeError:
            error = BadRequestError(reason="the keeper has no such operation, or a value is out of bounds")
            return m.Failed(request.id, m.Refusal.of(error))
        except CloisonError as error:
            return m.Failed(request.id, m.Refusal.of(error))
        except (sqlite3.OperationalError, OSError) as error:
            _log.error("the store failed: %s", type(error).__name__)
            return m.Failed(request.id, m.Refusal.of(KeeperUnavailableError(reason=_trouble_of(error))))
        except Exception as error:  # noqa: BLE001 - logged by type and place, as its text could hold a value
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("a request failed: %s\n%s", type(error).__name__, where)
            return m.Failed(request.id, m.Refusal(CloisonError.code))
        return m.Answer(request.id, msgspec.Raw(msgspec.msgpack.encode(result)))

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slots.release()
        if not task.cancelled() and task.exception() is not None:
            self._writer.close()


def _trouble_of(error: sqlite3.OperationalError | OSError) -> str:
    """What is wrong with the keeper's files, for whoever keeps the machine; no text of the error, but its kind."""
    kind = getattr(error, "sqlite_errorname", None) or errno.errorcode.get(
        getattr(error, "errno", None) or 0, "unknown"
    )
    return "its disk is full" if kind in {"SQLITE_FULL", "ENOSPC", "EDQUOT"} else f"its store failed: {kind}"


def _decode(body: bytes) -> m.Hello:
    """The greeting in `body`; raises BadRequestError."""
    try:
        return msgspec.msgpack.decode(body, type=m.Hello)
    except msgspec.DecodeError as error:
        raise BadRequestError(reason="it is no greeting of the keeper's callers") from error


async def _refuse(writer: StreamWriter, error: CloisonError) -> None:
    """Tells the caller why its connection ends, if it still listens."""
    try:
        writer.write(frame(m.Failed(0, m.Refusal.of(error)), m.MESSAGE_BYTES))
        await asyncio.wait_for(writer.drain(), GREETING_SECONDS)
    except (OSError, TimeoutError):
        pass
    finally:
        writer.close()


@contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """A socket at `path` that only our own user may connect to; removed at the end."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(CONNECTIONS)
        yield listener
    path.unlink(missing_ok=True)


async def _cancel(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancels tasks and waits until they are over."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
