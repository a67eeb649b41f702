"""Where passwords are hashed and compared: outside the event loop, one at a time in each of two lanes."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from cloison.access.throttle import TOGETHER, TOGETHER_SECONDS, Lane, Networks
from cloison.errors import OverloadedError, ProofError, ProofNonceError, TooManyTriesError

RETRY_SECONDS = 2
NOTHING_TRIED = (OverloadedError, ProofError, ProofNonceError)
STRANGERS = "strangers"  # all of them are one network
Result = TypeVar("Result")


class Comparing:
    """What bounds tries by password: networks, and two lanes with a thread each."""

    def __init__(self) -> None:
        """Threads are started when they are needed."""
        self.networks = Networks(time.monotonic)
        self._strangers = Networks(time.monotonic, TOGETHER, TOGETHER_SECONDS)
        self._lanes = {known: Lane() for known in (False, True)}
        self._threads = {known: ThreadPoolExecutor(1) for known in (False, True)}

    def close(self) -> None:
        """End the threads."""
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def admitted(self, network: str) -> Iterator[None]:
        """Take a try of the network, given back where the block ends well, or before anything was tried.

        Whoever goes away before the answer has tried. Raises TooManyTriesError.
        """
        seconds = self.networks.wait(network)
        if seconds:
            raise TooManyTriesError(retry_after_seconds=seconds)
        try:
            yield
        except NOTHING_TRIED:
            self.networks.give_back(network)
            raise
        self.networks.give_back(network)

    def refuse_full(self) -> None:
        """Raise OverloadedError for a stranger whom the lane would send away: before its proof costs anything."""
        if self._lanes[False].full or not self._strangers.spare(STRANGERS):
            raise OverloadedError(retry_after_seconds=RETRY_SECONDS)

    @contextmanager
    def lane(self, *, known: bool) -> Iterator[None]:
        """A place in one of the lanes, for a stranger one of strangers' tries too; raises OverloadedError."""
        if self._lanes[known].full or (not known and self._strangers.wait(STRANGERS)):
            raise OverloadedError(retry_after_seconds=RETRY_SECONDS)
        self._lanes[known].enter()
        try:
            yield
        finally:
            self._lanes[known].leave()

    def succeeded(self, *, known: bool) -> None:
        """A stranger's try is given back."""
        if not known:
            self._strangers.give_back(STRANGERS)

    async def run(self, work: Callable[[], Result], *, known: bool) -> Result:
        """Do `work` in the lane's thread, when it is its turn; whoever asks is in the lane."""
        return await asyncio.get_running_loop().run_in_executor(self._threads[known], work)
