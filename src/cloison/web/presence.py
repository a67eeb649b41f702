"""Which sessions are in use, and which tokens were shown by another device: told to the database beside the requests.

1. Sessions that were used since the last time are told once a minute, in one call: who is idle for too long is signed
   out by the database (`seen_v1`). What is not told for want of an answer is told the next time.
2. A request whose token finds no session may show one that was copied: the database looks whether the token's secret is
   a living session's, bound to another key, and raises an alert (`copied_v1`). The answer is the same for all.
3. Both are bounded: whoever shows thousands of made-up tokens makes a few calls a second, no more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from cloison.errors import CloisonError
from cloison.store.metered import Bearer

SEEN = "select cloison.seen_v1(%s::text[], %s::bytea[])"
COPIED = "select cloison.copied_v1(%s::text, %s::bytea, %s::bytea)"
TOLD_SECONDS = 60.0
USED_MOST = 20_000  # sessions a minute; more is a flood of made-up ones
SUSPECTS_MOST = 64  # waiting to be looked at
LOOK_SECONDS = 0.1  # between two looks

Ask = Callable[[str, Sequence[Any]], Awaitable[object]]


class Presence:
    """What one door noticed of its sessions."""

    def __init__(self, ask: Ask) -> None:
        """`ask` the door's database; nothing is asked before `run`."""
        self._ask = ask
        self._used: set[Bearer] = set()
        self._suspects: asyncio.Queue[tuple[str, bytes, bytes]] = asyncio.Queue(SUSPECTS_MOST)

    def used(self, who: Bearer) -> None:
        """Rule 1: note that a session was used, or something that looks like one."""
        if len(self._used) < USED_MOST:
            self._used.add(who)

    def unknown(self, secret: Bearer, shown: Bearer) -> None:
        """Rule 2: note that a token found no session; `secret` is what it says, `shown` that with its device."""
        if not self._suspects.full():
            self._suspects.put_nowait((*secret, shown.token))

    async def run(self) -> None:
        """Tell and look, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell())
            tasks.create_task(self._look())

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TOLD_SECONDS)
            told, self._used = self._used, set()
            if told and not await self._asked(SEEN, ([who.segment for who in told], [who.token for who in told])):
                self._used |= told

    async def _look(self) -> None:
        while True:
            await self._asked(COPIED, await self._suspects.get())
            await asyncio.sleep(LOOK_SECONDS)

    async def _asked(self, statement: str, values: Sequence[Any]) -> bool:
        """Whether the database answered; where it did not, its own trouble is told elsewhere."""
        try:
            await self._ask(statement, values)
        except (CloisonError, TimeoutError, OSError):
            return False
        return True
