"""The load: clients that each wait for an answer before they ask again, over HTTP/1.1 with keep-alive.

A client is a connection; requests are bytes made ahead but for their number, and answers are parsed by httptools and
only looked through for outcomes: on two cores whatever the load generator takes is taken from what it measures.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import httptools

from cloison.errors import ConfigError

OPEN = b'"outcome":"open"'

NextRequest = Callable[[], bytes]


class Sample(NamedTuple):
    """What one run gave: seconds it took, people opened, other outcomes and errors, and each answer's latency."""

    seconds: float
    opened: int
    refused: int
    latencies: list[float]  # in seconds, one an answer

    @property
    def per_second(self) -> float:
        """People opened a second."""
        return self.opened / self.seconds


class _Client(asyncio.Protocol):
    """One connection: asks, waits, asks again until `until`."""

    def __init__(self, make: NextRequest, people: int, done: "asyncio.Future[None]") -> None:
        self._make = make
        self._people = people
        self._done = done
        self._until = 0.0
        self._asked_at = 0.0
        self._body = b""
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self.opened = 0
        self.refused = 0
        self.latencies: list[float] = []

    # -- asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._fail(exc or ConnectionResetError("the server closed the connection"))

    # -- httptools calls these

    def on_message_begin(self) -> None:
        self._body = b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self.latencies.append(now - self._asked_at)
        opened = self._body.count(OPEN)
        self.opened += opened
        self.refused += self._people - opened
        if now < self._until:
            self._ask(now)
        elif not self._done.done():
            self._done.set_result(None)

    # -- ours

    def start(self, until: float) -> None:
        """Begin to ask."""
        self._until = until
        self._ask(time.perf_counter())

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def _ask(self, now: float) -> None:
        self._asked_at = now
        if self._transport is not None:
            self._transport.write(self._make())

    def _fail(self, error: Exception) -> None:
        if not self._done.done():
            self._done.set_exception(error)


async def drive(address: tuple[str, int], makers: Sequence[NextRequest], seconds: float, *, people: int = 1) -> Sample:
    """Let one client a maker ask `address` for `seconds`; each request is for `people` people.

    Raises ConfigError where the server does not answer.
    """
    loop = asyncio.get_running_loop()
    ends: list[asyncio.Future[None]] = []
    clients: list[_Client] = []
    try:
        for make in makers:
            ends.append(loop.create_future())
            client = _Client(make, people, ends[-1])
            await loop.create_connection(lambda client=client: client, *address)  # type: ignore[misc]
            clients.append(client)
        started = time.perf_counter()
        for client in clients:
            client.start(started + seconds)
        await asyncio.gather(*ends)
        took = time.perf_counter() - started
    except OSError as error:
        raise ConfigError(reason=f"the measured server broke off: {type(error).__name__}") from error
    finally:
        for client in clients:
            client.close()
    return Sample(
        took,
        sum(client.opened for client in clients),
        sum(client.refused for client in clients),
        [latency for client in clients for latency in client.latencies],
    )
