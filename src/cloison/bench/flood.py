"""The flood: requests that come at a rate, whether or not those before were answered, as those of a crowd do.

Each goes out when it is due, on a connection that waits for no answer, or on a new one. Its time runs from when it was
due, so that a generator which cannot keep up makes the server look slow, never fast.
"""

import asyncio
import resource
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import httptools

MOST_CONNECTIONS = 4_000
SPARE_FILES = 200  # for what else the process has open
PAUSE_SECONDS = 0.002
PATIENCE_SECONDS = 10.0  # for what is not answered when the last request has gone out


class Asked(NamedTuple):
    """A request: its bytes, and what the caller knows it by."""

    request: bytes
    known_as: Any = None


class Told(NamedTuple):
    """What became of a request: status 0 where the connection ended instead of an answer."""

    known_as: Any
    status: int
    seconds: float
    body: bytes = b""
    retry_after: bytes | None = None


class Flooded(NamedTuple):
    """All answers, the seconds from the first request until the last one went out, and what found no connection."""

    told: list[Told]
    seconds: float
    unsent: int


async def flood(address: tuple[str, int], make: Callable[[], Asked], per_second: float, seconds: float) -> Flooded:
    """Send what `make` makes to `address` at a rate."""
    pool = _Pool(address)
    started = time.perf_counter()
    total, sent = int(per_second * seconds), 0
    while sent < total:
        due = min(total, int((time.perf_counter() - started) * per_second) + 1)
        for number in range(sent, due):
            pool.send(make(), started + number / per_second)
        sent = due
        await asyncio.sleep(PAUSE_SECONDS)
    took = time.perf_counter() - started
    await pool.end()
    return Flooded(pool.told, took, pool.unsent)


async def ask_again(address: tuple[str, int], make: Callable[[], Asked], clients: int, seconds: float) -> Flooded:
    """Have so many clients ask again as soon as they are told anything, a refusal too, whatever it says of when."""
    started = time.perf_counter()
    pool = _Impatient(address, make, started + seconds)
    for _ in range(clients):
        pool.send(make(), time.perf_counter())
    await asyncio.sleep(seconds)
    await pool.end()
    return Flooded(pool.told, seconds, pool.unsent)


class _Pool:
    """Connections, and the answers that came on them."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.told: list[Told] = []
        self.unsent = 0
        self._most = min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES)
        self._address = address
        self._idle: list[_Connection] = []
        self._all: set[_Connection] = set()
        self._connecting: set[asyncio.Task[None]] = set()

    def send(self, asked: Asked, due: float) -> None:
        if self._idle:
            self._idle.pop().ask(asked, due)
        elif len(self._all) + len(self._connecting) < self._most:
            task = asyncio.ensure_future(self._connect(asked, due))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)
        else:
            self.unsent += 1

    def answered(self, connection: "_Connection", told: Told) -> None:
        self.told.append(told)
        self._idle.append(connection)

    def lost(self, connection: "_Connection") -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.asked is not None:
            known_as = connection.asked.known_as
            self.told.append(Told(known_as, 0, time.perf_counter() - connection.due))

    async def end(self) -> None:
        """Wait for the last answers, for a while, and close."""
        for _ in range(int(PATIENCE_SECONDS / PAUSE_SECONDS)):
            if len(self._idle) >= len(self._all) and not self._connecting:
                break
            await asyncio.sleep(PAUSE_SECONDS)
        for connection in list(self._all):
            connection.close()
        await asyncio.sleep(0)

    async def _connect(self, asked: Asked, due: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: _Connection(self), *self._address)
        except OSError:
            self.unsent += 1
        else:
            self._all.add(connection)
            connection.ask(asked, due)


class _Impatient(_Pool):
    """Connections that ask again until it is time."""

    def __init__(self, address: tuple[str, int], make: Callable[[], Asked], until: float) -> None:
        super().__init__(address)
        self._make = make
        self._until = until

    def answered(self, connection: "_Connection", told: Told) -> None:
        super().answered(connection, told)
        now = time.perf_counter()
        if now < self._until:
            self._idle.pop().ask(self._make(), now)


class _Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self, pool: _Pool) -> None:
        self.asked: Asked | None = None
        self.due = 0.0
        self._pool = pool
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._body = b""
        self._retry_after: bytes | None = None

    def ask(self, asked: Asked, due: float) -> None:
        self.asked, self.due = asked, due
        self._body, self._retry_after = b"", None
        if self._transport is not None:
            self._transport.write(asked.request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._pool.lost(self)

    # -- httptools calls these

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._retry_after = value

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        asked, self.asked = self.asked, None
        if asked is not None:
            seconds = time.perf_counter() - self.due
            status = self._parser.get_status_code()
            self._pool.answered(self, Told(asked.known_as, status, seconds, self._body, self._retry_after))
