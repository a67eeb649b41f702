"""Follows the trees of the audit log and forwards what stands in them, at least once, to wherever `outlets.py` leads.

The log is the database's: nothing here is waited for by anybody. A receiver that is slow or gone makes the forwarder
lag behind the trees; it holds a page of one log at most, and no transaction while it sends. How far it is stands in the
database, a leaf a log, and only ever as far as the receiver is known to have it: killed at any moment, the next one
sends what was not confirmed again, with the same `metadata.uid`.
"""

import fcntl
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg

from cloison import __version__
from cloison.audit import ocsf, rfc5424
from cloison.audit.outlets import Outlet, outlet_of
from cloison.audit.verify import Key
from cloison.config import Home
from cloison.errors import CloisonError, ConfigError
from cloison.register.profile import load_profile
from cloison.store.faults import error_of
from cloison.store.pools import connect

HEADS = "select segment, size, next from cloison.forward_heads_v1(%s)"
ENTRIES = "select leaf, entry_values from cloison.forward_entries_v1(%s, %s, %s)"
FORWARDED = "select cloison.forwarded_v1(%s, %s::text[], %s::int8[])"
BEHIND = "select entries from cloison.forward_behind_v1(%s)"
PAGE = 500  # entries: some 600 KB as events
MOST_UNCONFIRMED = 10_000  # entries, and
CONFIRM_SECONDS = 5.0  # after which what was sent is confirmed
PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0  # between two attempts at a receiver that is not there
TELL_SECONDS = 10.0
GRACE_SECONDS = 5.0  # for what was sent to be confirmed, when we are told to end

_log = logging.getLogger("cloison.forwarder")


class Progress(NamedTuple):
    """How far it is: entries confirmed since it began, how long that took, how many wait."""

    confirmed: int
    seconds: float
    behind: int

    def __str__(self) -> str:
        """For people and logs."""
        rate = self.confirmed / self.seconds if self.seconds else 0
        return f"{self.confirmed:,} entries forwarded, {rate:,.0f} a second, {self.behind:,} wait"


class Forwarder:
    """What goes out over one outlet; `connection` is in autocommit."""

    def __init__(self, connection: psycopg.Connection, outlet: Outlet, names: ocsf.Names, destination: str) -> None:
        """Nothing is read yet."""
        self._connection, self._outlet, self._names, self._destination = connection, outlet, names, destination
        self._sent: dict[str, int] = {}  # the first leaf of each log that was not sent; what is stored may be less
        self._unconfirmed, self._since = 0, 0.0
        self.confirmed = 0

    def step(self) -> int:
        """Send the next page of each log, and have it confirmed where that is due; how many leaves were passed.

        Raises ForwardError, psycopg.Error: the caller begins anew, from what is stored.
        """
        passed = 0
        for segment, size, stored in self._rows(HEADS, self._destination):
            first = max(stored, self._sent.get(segment, 0))
            if first < size:
                passed += self._page(segment, first, min(PAGE, size - first))
            if self._due():
                self.confirm()
        return passed

    def confirm(self) -> None:
        """Have all that was sent confirmed, then note it."""
        if not self._sent:
            return
        self._outlet.confirm()
        self._rows(FORWARDED, self._destination, list(self._sent), list(self._sent.values()))
        self.confirmed += self._unconfirmed
        self._sent, self._unconfirmed = {}, 0

    def behind(self) -> int:
        """How many entries wait, those that were sent and are not confirmed among them."""
        return int(self._rows(BEHIND, self._destination)[0][0])

    def _page(self, segment: str, first: int, most: int) -> int:
        rows = self._rows(ENTRIES, segment, first, most)
        if len(rows) < most:
            _log.error(
                "%d entries from leaf %d of segment %s on are gone; run audit verify", most - len(rows), first, segment
            )
        self._outlet.send(b"".join(self._written(leaf, values) for leaf, values in rows))
        if not self._sent:
            self._since = time.monotonic()
        self._sent[segment] = first + most
        self._unconfirmed += len(rows)
        return most

    def _written(self, leaf: int, values: list[bytes | None]) -> bytes:
        fields = ocsf.read(values)
        return self._outlet.written(fields, rfc5424.json_line(ocsf.event_of(self._names, leaf, fields)))

    def _due(self) -> bool:
        late = time.monotonic() - self._since >= CONFIRM_SECONDS
        return bool(self._sent) and (late or self._unconfirmed >= MOST_UNCONFIRMED)

    def _rows(self, statement: str, *values: object) -> list[Any]:
        with self._connection.cursor(binary=True) as cursor:
            return cursor.execute(statement.encode(), values).fetchall()


@contextmanager
def forwarding(home: Home) -> Iterator[Forwarder]:
    """A forwarder as the home's settings say; raises ConfigError."""
    config = home.config.forward
    outlet = outlet_of(config, __version__)
    profile = load_profile(home.config.profile)
    log = Key.read(home.log_public.read_text(encoding="utf-8")).name
    names = ocsf.Names(log, __version__, profile.compartments, profile.purposes)
    with connect(home, "forwarder") as connection:
        try:
            yield Forwarder(connection, outlet, names, config.destination)
        finally:
            outlet.close()


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Hold the home's lock against a second forwarder, which would send everything twice; raises ConfigError."""
    with (home.path / "forward.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                reason=f"another process forwards the audit log of {home.path}, perhaps cloison serve"
            ) from None
        yield


Tell = Callable[[Progress], None]


def once(home: Home, tell: Tell) -> Progress:
    """Forward what stands in the trees now; raises ConfigError, ForwardError, psycopg.Error."""
    began = time.monotonic()
    with alone(home), forwarding(home) as forwarder:
        left = forwarder.behind()
        told = Told(forwarder, tell)
        while left > 0 and (passed := forwarder.step()):
            left -= passed
            told.look()
        forwarder.confirm()
        return Progress(forwarder.confirmed, time.monotonic() - began, forwarder.behind())


class Told:
    """Tells every ten seconds how far a forwarder is, while there is something to tell."""

    def __init__(self, forwarder: Forwarder, tell: Tell) -> None:
        """Begin to count."""
        self._forwarder, self._tell = forwarder, tell
        self._began = self._told = time.monotonic()
        self._confirmed = 0

    def look(self) -> None:
        """Tell, if it is time."""
        now = time.monotonic()
        if now - self._told < TELL_SECONDS:
            return
        confirmed = self._forwarder.confirmed
        if confirmed > self._confirmed:
            self._tell(Progress(confirmed, now - self._began, self._forwarder.behind()))
        self._told, self._confirmed = now, confirmed


def run(home: Home, stop: threading.Event, tell: Tell) -> None:
    """Forward until told to stop; whatever fails is said once and tried again, at ever longer intervals."""
    pause, said = PAUSE_SECONDS, ""
    while not stop.is_set():
        try:
            with alone(home), forwarding(home) as forwarder:
                told = Told(forwarder, tell)
                while not stop.is_set():
                    passed = forwarder.step()
                    told.look()
                    if forwarder.confirmed:
                        pause, said = PAUSE_SECONDS, ""
                    if not passed:
                        stop.wait(PAUSE_SECONDS)
                forwarder.confirm()
        except (CloisonError, psycopg.Error) as error:
            reason = str(error_of(error) if isinstance(error, psycopg.Error) else error)
            if reason != said:
                _log.error("%s", reason)
            said = reason
            stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def main() -> int:
    """The forwarder of `CLOISON_HOME`, until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # A thread that may be left behind: a receiver that takes nothing must not keep us from ending.
    worker = threading.Thread(target=run, args=(Home(), stop, lambda progress: _log.info("%s", progress)), daemon=True)
    worker.start()
    while worker.is_alive() and not stop.wait(PAUSE_SECONDS):
        pass
    worker.join(GRACE_SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
