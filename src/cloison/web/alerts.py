"""How many alerts there were, for the figures that Prometheus reads.

The count is the database's, kept for some seconds: /metrics needs no session, so that asking often must cost nothing.
Where the database does not answer, the count of before stands.
"""

import asyncio
import time

from cloison.errors import CloisonError
from cloison.store.metered import Meter

COUNTED = "select * from cloison.alerts_counted_v1()"
COUNT_SECONDS = 1.0
KEPT_SECONDS = 5.0


class AlertCount:
    """The count of one desk's database, by kind."""

    def __init__(self, meter: Meter) -> None:
        """Ask this; nothing is asked yet."""
        self._meter = meter
        self._counted_at = float("-inf")
        self._counts: dict[str, int] = {}

    async def counts(self) -> dict[str, int]:
        """How many alerts there were of each kind, some seconds ago; empty before the first answer."""
        if time.monotonic() - self._counted_at > KEPT_SECONDS:
            self._counted_at = time.monotonic()  # first, so that who asks meanwhile does not ask again
            try:
                async with asyncio.timeout(COUNT_SECONDS):
                    self._counts = dict(await self._meter.ask(COUNTED, ()))
            except (CloisonError, TimeoutError, OSError):
                return self._counts
        return self._counts
