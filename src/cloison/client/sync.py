"""The client for programs without an event loop: the same calls, answers and errors, one after the other.

    held = sign_in("https://signin.example.org", SoftwarePasskey(Path("adviser.passkey")))
    with SyncClient("https://desk.example.org", held, tries=4) as desk:
        cards = desk.search("identifier", "12345678901", purpose="follow_up").cards

Each client has a thread of its own in which the asynchronous one works: there is one way to speak to the desk.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import ParamSpec, Self, TypeVar
from uuid import UUID, uuid4

from anyio.from_thread import start_blocking_portal

from cloison.client import TIMEOUT_SECONDS, Client, Credentials
from cloison.client.signin import Passkey, SigninClient
from cloison.client.wire import Cards, Caseload, Health, Opened, PersonRequest, Session

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def sign_in(base_url: str, passkey: Passkey) -> Credentials:
    """A session of the desk, by a passkey at the sign-in door of this origin; raises as `SigninClient.sign_in`."""

    async def begin() -> Credentials:
        async with SigninClient(base_url, passkey) as door:
            return (await door.sign_in()).held

    return asyncio.run(begin())


class SyncClient:
    """A session's way into the desk, to be used as a context manager; each call raises as the one of `Client`."""

    def __init__(
        self,
        base_url: str,
        held: Credentials | None,
        *,
        language: str = "en",
        timeout: float = TIMEOUT_SECONDS,
        tries: int = 1,
    ) -> None:
        """As `Client`; nothing is sent yet."""
        self._client = Client(base_url, held, language=language, timeout=timeout, tries=tries)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Its thread begins here."""
        self._portal = self._stack.enter_context(start_blocking_portal())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections, end the thread."""
        self._call(self._client.close)
        self._stack.__exit__(kind, error, trace)

    def search(self, by: str, value: str, *, purpose: str, **facts: str) -> Cards:
        """Find people by one fact, and others that it needs."""
        return self._call(self._client.search, by, value, purpose=purpose, **facts)

    def open(self, requests: Sequence[PersonRequest]) -> list[Opened]:
        """Open people's compartments, 64 people at most; results in order."""
        return self._call(self._client.open, requests)

    def open_one(
        self, person: UUID, compartments: Sequence[str], *, purpose: str, segment: str | None = None
    ) -> Opened:
        """Open one person; each call is a request of its own, and charged."""
        asked = PersonRequest(
            request=uuid4(), person=person, segment=segment, compartments=list(compartments), purpose=purpose
        )
        return self.open([asked])[0]

    def caseload(self, *, whole: bool = False, after: UUID | None = None) -> Caseload:
        """One page of today's appointments, or of the whole caseload."""
        return self._call(self._client.caseload, whole=whole, after=after)

    def session(self) -> Session:
        """Whose session this is."""
        return self._call(self._client.session)

    def health(self) -> Health:
        """Whether the desk can open records."""
        return self._call(self._client.health)

    def _call(
        self,
        method: Callable[Arguments, Awaitable[Answer]],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Answer:
        return self._portal.call(functools.partial(method, *arguments, **named))
