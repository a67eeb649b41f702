"""The reaper at work while the scenarios are played, as it is while a home is served."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from cloison.config import Home
from cloison.store import reaper
from cloison.store.pools import connect


@contextmanager
def reaping(home: Home) -> Iterator[None]:
    """End the desk's transactions that hold locks too long, for the length of the block."""
    stop = threading.Event()
    with connect(home, "reaper") as connection:
        thread = threading.Thread(target=_reap, args=(connection, stop), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def _reap(connection: psycopg.Connection, stop: threading.Event) -> None:
    while not stop.wait(reaper.PAUSE_SECONDS):
        reaper.reap(connection)
