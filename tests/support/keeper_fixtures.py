"""Keepers for tests: one that all share, one of one's own to kill."""

import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from support.keeper import Callers, RunningKeeper, callers


@pytest.fixture(scope="session")
def shared_keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningKeeper]:
    """One keeper for all tests that leave it running."""
    running = RunningKeeper(tmp_path_factory.mktemp("keeper")).start()
    yield running
    running.stop()


@pytest.fixture
def own_keeper(tmp_path: Path) -> Iterator[RunningKeeper]:
    """A keeper for a test that kills it; not started."""
    running = RunningKeeper(tmp_path)
    yield running
    running.stop(signal.SIGKILL)


@pytest.fixture
async def acting(shared_keeper: RunningKeeper) -> AsyncIterator[Callers]:
    """All callers of the shared keeper."""
    async with callers(shared_keeper) as all_of_them:
        yield all_of_them
