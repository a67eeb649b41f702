"""Early refusal: whoever would wait too long hears so at once, before anything is routed, read or charged.

This stands before Litestar, whose own way to an error costs as much as opening somebody. The rules, in order:

1. Calls of three kinds have places of their own (`places.py`): openings, the desk's other acts, and what goes on to the
   intake door. A door that hangs, or a flood of searches, takes no opening's place. Health, figures and the document
   need none.
2. A call that gets no place is answered here, with bytes made beforehand: `overloaded`, and when to come back, spread
   over some seconds so that not all of them come back at once.
3. Three refusals an answer are sent at once. What comes beyond is held back, the longer the more are, a second at most,
   a thousand at most: clients that ask again at once, whatever they are told, would else be refused thousands of times
   a second, and that would be all that the desk does.
4. Whoever sends a body slowly gives the place back until all of it is there, and is refused then if there is none.
5. A session has few calls under way at a time, and so has the network of those who have none, as at sign-in: a flood of
   anonymous calls keeps out its own network.
"""

import asyncio
import itertools
import time
from typing import Any, cast

import msgspec
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from cloison.access.throttle import network_of
from cloison.errors import OverloadedError
from cloison.web import problems
from cloison.web.application import HEADERS
from cloison.web.language import ENGLISH, TRANSLATED, chosen
from cloison.web.metrics import Metrics
from cloison.web.places import Places

OPENINGS, ACTS, CHANGES = "openings", "acts", "changes"
OPEN, SEARCH = "/v1/people/open", "/v1/people/search"
CALLS = "/v1/"
FORWARDED = ("/v1/people", "/v1/merges", "/v1/feeds")
FEWEST, FIRST = 64, 256
FEW = 4  # acts and changes have so many times fewer places at most
BODY_SECONDS = 0.1  # a body that takes longer is a slow one
REFUSALS_AN_ANSWER = 3  # sent at once
HELD = 1_000  # refusals held back at most, and how many of those are sent a second
COME_BACK_SECONDS = (1, 2, 3)
TOKEN_END = slice(-43, -1)  # the secret but its last letter, which has four spellings


class Admission:
    """The ASGI application before the desk."""

    def __init__(self, app: ASGIApp, most: int, metrics: Metrics, address_header: str = "") -> None:
        """At most `most` openings are under way, whatever the rate; refusals are counted in `metrics`.

        `address_header`: where a reverse proxy says from which address a request comes.
        """
        self._app = app
        self._address_header = address_header.lower().encode()
        few = max(most // FEW, 1)
        self._places = {
            OPENINGS: Places(FIRST, FEWEST, most),
            ACTS: Places(FIRST // FEW, FEWEST, few),
            CHANGES: Places(FIRST // FEW, FEWEST, few),
        }
        self._count = {kind: metrics.watch_places(kind, places) for kind, places in self._places.items()}
        self._at_once, self._held = HELD, 0
        self._refusals = itertools.cycle([_refusals(seconds) for seconds in COME_BACK_SECONDS])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a call that has a place, refuse one that has none."""
        kind = _kind(scope["path"]) if "path" in scope else None  # none: the message that begins and ends a life
        if kind is None:
            await self._app(scope, receive, send)
            return
        call = _Call(self._places[kind], self._whose(scope), receive)
        if not call.take():
            self._count[kind]()
            await self._refuse(scope, send)
            return
        try:
            await self._app(scope, call.receive, send)
        finally:
            call.end()
            self._at_once = min(self._at_once + REFUSALS_AN_ANSWER, HELD)

    def _whose(self, scope: Scope) -> bytes:
        """Rule 5: by whom few calls are under way at a time: a session, or the network of who has none."""
        token = _header(scope, b"authorization")[TOKEN_END]
        if token:
            return token
        client = scope.get("client") or ("", 0)
        told = _header(scope, self._address_header) if self._address_header else b""
        return network_of(told.decode("latin-1") or client[0]).encode()

    async def _refuse(self, scope: Scope, send: Send) -> None:
        if self._at_once:
            self._at_once -= 1
        elif self._held < HELD:
            self._held += 1
            try:
                await asyncio.sleep(self._held / HELD)
            finally:
                self._held -= 1
        for message in next(self._refusals)[chosen(_header(scope, b"accept-language").decode("latin-1"))]:
            await send(message)


class _Call:
    """A call and its place."""

    def __init__(self, places: Places, session: bytes, receive: Receive) -> None:
        self._places = places
        self._session = session
        self._receive = receive
        self._has_place = False
        self._slow = False
        self._began = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def take(self) -> bool:
        """Take a place, if there is one."""
        self._has_place = self._places.take(self._session)
        self._began = time.perf_counter()
        return self._has_place

    async def receive(self) -> Any:  # noqa: ANN401 - one of many kinds of message, passed on
        """Rule 4: the next part of the body; raises OverloadedError where it was slow and no place is left."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BODY_SECONDS, self._wait_outside)
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            self._timer.cancel()
            if not self._has_place and not self.take():
                raise OverloadedError(retry_after_seconds=COME_BACK_SECONDS[-1])
        return message

    def end(self) -> None:
        """Give the place back; how long an answer took is learnt from, but not how long a body."""
        if self._timer is not None:
            self._timer.cancel()
        if self._has_place:
            self._places.give_back(self._session)
            if not self._slow:
                now = time.perf_counter()
                self._places.learn(now - self._began, now)

    def _wait_outside(self) -> None:
        self._slow, self._has_place = True, False
        self._places.give_back(self._session)


def _kind(path: str) -> str | None:
    if path == OPEN:
        return OPENINGS
    if not path.startswith(CALLS):
        return None
    return CHANGES if path.startswith(FORWARDED) and path != SEARCH else ACTS


def _header(scope: Scope, name: bytes) -> bytes:
    """The first header of this name, as the desk takes it; a second one makes nobody somebody else."""
    return next((value for key, value in scope["headers"] if key == name), b"")


def _refusals(seconds: int) -> dict[str, tuple[Message, Message]]:
    """The whole answer in each language."""
    error = OverloadedError(retry_after_seconds=seconds)
    found = {}
    for language in (ENGLISH, *TRANSLATED):
        body = msgspec.json.encode(problems.problem_of(error, language))
        told = {**problems.headers_of(error, language), "Content-Type": problems.MEDIA_TYPE}
        told["Content-Length"] = str(len(body))
        headers = [(name.lower().encode(), value.encode()) for name, value in told.items()]
        start = {"type": "http.response.start", "status": error.status, "headers": [*headers, *HEADERS]}
        found[language] = (cast("Message", start), cast("Message", {"type": "http.response.body", "body": body}))
    return found
