"""Keeps a connection whose request is answered before its body was read: a refusal by the head, an act without a body.

Clients send a head and a body in two packets. Granian, or hyper beneath it, answers in between and then closes the
connection, as it cannot tell that body from a next request; whether it says so is a matter of microseconds. A client
that sends its next request there loses it without an answer. So what is left of a body is read before the answer
begins, if it is small and comes soon; if not, the answer says that the connection ends.
"""

import asyncio
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

LEFT_BYTES = 65_536  # read and thrown away at most; nobody sends more on purpose to what does not read it
LEFT_SECONDS = 1.0
ENDS = (b"connection", b"close")
BODIES = (b"content-length", b"transfer-encoding")


class Kept:
    """The ASGI application around a door's."""

    def __init__(self, app: ASGIApp) -> None:
        """Around `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a call; one that announces a body has it read to its end."""
        if scope["type"] == ScopeType.HTTP and any(name in BODIES for name, _ in scope["headers"]):
            call = _Call(receive, send)
            receive, send = call.receive, call.send
        await self._app(scope, receive, send)


class _Call:
    """A call with a body, and whether all of it was read."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._read = False

    async def receive(self) -> Any:  # noqa: ANN401 - one of many kinds of message, passed on
        """The next part of the body, or that the client went away."""
        message = await self._receive()
        self._read = message["type"] != "http.request" or not message.get("more_body")
        return message

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on, its head when the body was read."""
        if message["type"] == "http.response.start" and not self._read and not await self._left():
            message["headers"] = [*message["headers"], ENDS]
        await self._send(message)

    async def _left(self) -> bool:
        """Whether what is left of the body came, and soon."""
        size = 0
        try:
            async with asyncio.timeout(LEFT_SECONDS):
                while not self._read and size <= LEFT_BYTES:
                    size += len((await self.receive()).get("body", b""))
        except TimeoutError:
            pass
        return self._read
