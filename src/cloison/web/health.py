"""Whether the desk can open records: does the database answer, does the keeper?

One check at a time, kept for a second: /healthz needs no session, so that asking it often must cost nothing.
"""

import asyncio
import time
from collections.abc import Awaitable

from cloison.client.wire import Health, State
from cloison.errors import CloisonError, NoSessionError
from cloison.keeper.client import Keeper
from cloison.store.metered import Bearer, Meter

CHECK_SECONDS = 1.8  # both checks run at once, so that the answer is there within 2
KEPT_SECONDS = 1.0
NOBODY = Bearer("healthz", bytes(32))


class HealthCheck:
    """The state of one desk's database and keeper."""

    def __init__(self, meter: Meter, keeper: Keeper) -> None:
        """Ask these; nothing is asked yet."""
        self._meter = meter
        self._keeper = keeper
        self._checking: asyncio.Task[Health] | None = None
        self._checked_at = float("-inf")

    async def health(self) -> Health:
        """The state now, at most a second old; an answer in less than 2 seconds, whatever hangs."""
        if self._checking is None or (self._checking.done() and time.monotonic() - self._checked_at > KEPT_SECONDS):
            self._checking = asyncio.create_task(self._check())
        # a caller who goes away must not end the check for the others
        return await asyncio.shield(self._checking)

    async def _check(self) -> Health:
        database, keeper = await asyncio.gather(_state(self._database()), _state(self._keeper.status()))
        self._checked_at = time.monotonic()
        whole = State.OK if database is keeper is State.OK else State.DOWN
        return Health(whole, database, keeper)

    async def _database(self) -> None:
        """Asks for the session of a token that nobody has: the smallest thing that the desk's login may ask."""
        try:
            await self._meter.session(NOBODY)
        except NoSessionError:
            return


async def _state(check: Awaitable[object]) -> State:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check
    except (CloisonError, TimeoutError, OSError):
        return State.DOWN
    return State.OK
