"""Puts committed entries into the tree of their segment, and signs checkpoints of it.

Which authors wrote something is looked for by time; what is taken of each goes by their numbers, so that neither a
clock nor the order of commits decides what the tree says. A batch is one transaction a segment: killed at any moment,
the next sequencer goes on where the tree ends, and of two at once one is refused (`89_log.sql`).
"""

import logging
import secrets
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby, takewhile
from operator import attrgetter
from threading import Event
from typing import NamedTuple
from uuid import UUID

import psycopg

from cloison.audit import entry, prover, tree
from cloison.audit.checkpoint import Signer
from cloison.config import Home, read_secret
from cloison.store.pools import connect

UNSEQUENCED = "select segment, account, number, at, follows, entry_values from cloison.unsequenced_v1(%s, %s)"
APPEND = (
    "select cloison.append_log_v1(%s, %s, %s::uuid[], %s::int8[], %s::int4[], %s::timestamptz[], %s::timestamptz[], "
    "%s::int2[], %s::int8[], %s::bytea[], %s)"
)
BLINDING = "select cloison.blinding_v1(%s, %s, %s)"
NOW = "select cloison.log_now_v1()"
HEADS = "select segment, size, signed_at from cloison.log_heads_v1()"
TILE = "select cloison.log_tile_v1(%s, %s::int2, %s)"
MAKE_MONTHS = "select cloison.make_log_months_v1()"
DROP_MONTH = "select cloison.drop_log_month_v1(%s)"
MOST_ENTRIES = 20_000  # a round: some 20 MB
PAUSE_SECONDS = 1.0
LOAD_ENTRIES, LOAD_SECONDS = 200, 4.0  # after a round of so many, a longer pause: what costs most is each log that grew
LATE = timedelta(seconds=10)  # a transaction that wrote before the last look and committed since
ALL_SECONDS = 60.0  # between two looks at all numbers, for what was later still
MONTHS_SECONDS = 3600.0  # between two looks at which months are to be made or dropped
AGAIN = timedelta(seconds=30)  # after which a log that does not grow is signed again, to show that it is looked after

_log = logging.getLogger("cloison.sequencer")


class Row(NamedTuple):
    """An entry that is not in a tree; `follows`: none of its author's is missing before it."""

    segment: str
    account: UUID
    number: int
    at: datetime
    follows: bool
    values: Sequence[bytes | None]

    @property
    def month(self) -> str:
        """By whose key it is blinded."""
        return f"{self.at.astimezone(UTC):%Y-%m}"


class Batch(NamedTuple):
    """What is added to a tree, of one month: of each author the entries from a number on, between two instants."""

    accounts: list[UUID]
    numbers: list[int]
    counts: list[int]
    since: list[datetime]
    until: list[datetime]
    leaves: list[bytes]


def batches(rows: Iterable[Row]) -> Iterator[tuple[str, list[list[Row]]]]:
    """A segment's rows month by month, and in each by author: of all that is next, the oldest month comes first.

    An author's numbers stay in their order, also where a clock was turned back between two of them.
    """
    waiting = [list(run) for _, mine in groupby(rows, attrgetter("account")) if (run := list(_following(mine)))]
    while waiting:
        month = min(run[0].month for run in waiting)
        taken = [_of_month(run, month) for run in waiting]
        yield month, [run for run in taken if run]
        waiting = [left for run, mine in zip(waiting, taken, strict=True) if (left := run[len(mine) :])]


def _of_month(run: list[Row], month: str) -> list[Row]:
    return list(takewhile(lambda row: row.month == month, run))


class Sequencer:
    """The trees of all segments, over one connection in autocommit."""

    def __init__(self, connection: psycopg.Connection, signer: Signer) -> None:
        """Nothing is read yet."""
        self._connection, self._signer = connection, signer
        self._edges: dict[str, tree.Edge] = {}
        self._blinding: dict[tuple[str, str], bytes] = {}
        self._since: datetime | None = None
        self._looked_at_all = -ALL_SECONDS

    def step(self) -> int:
        """Add what was committed; how many entries. Raises psycopg.Error, ValueError: the caller begins anew."""
        heads = self._heads()
        whole = time.monotonic() - self._looked_at_all > ALL_SECONDS
        with self._connection.cursor(binary=True) as cursor:
            found = cursor.execute(UNSEQUENCED, (None if whole else self._since, MOST_ENTRIES)).fetchall()
        rows = [Row(*each) for each in found]
        if whole:  # else what comes before is only older than what was looked for
            _tell_of_gaps(rows)
        if len(rows) < MOST_ENTRIES:  # else there is more of the same
            self._since = heads.now - LATE
            if whole:
                self._looked_at_all = time.monotonic()
        added = 0
        try:
            with self._connection.transaction():  # one commit for all logs: each is a flush that charges wait for, too
                for segment, mine in groupby(rows, attrgetter("segment")):
                    for month, runs in batches(mine):
                        added += self._append(segment, self._batch(segment, month, runs))
                        heads.quiet.discard(segment)
                for segment in heads.quiet:
                    self._append(segment, Batch([], [], [], [], [], []))
        except BaseException:
            self._edges.clear()  # what was stored is read again
            self._blinding.clear()
            raise
        return added

    def keep(self, months: int) -> list[str]:
        """Make tables for the months to come, and drop what is older than so many; which months were dropped.

        Raises psycopg.Error, also where a table is in use for two seconds: it is for the next time.
        """
        self._connection.execute(MAKE_MONTHS)
        dropped: list[str] = []
        while (month := self._connection.execute(DROP_MONTH, (months,)).fetchone()) and month[0] is not None:
            dropped.append(f"{month[0]:%Y-%m}")
        self._blinding = {each: key for each, key in self._blinding.items() if each[1] not in dropped}
        return dropped

    def _heads(self) -> "_Heads":
        ((now,),) = self._connection.execute(NOW).fetchall()
        quiet = set()
        for segment, size, signed_at in self._connection.execute(HEADS).fetchall():
            if segment not in self._edges:
                self._edges[segment] = tree.Edge.of(size, partial(self._tile, segment))
            if signed_at is None or now - signed_at > AGAIN:
                quiet.add(segment)
        return _Heads(now, quiet)

    def _tile(self, segment: str, tile: tree.Tile) -> bytes:
        row = self._connection.execute(TILE, (segment, *tile)).fetchone()
        if row is None or row[0] is None:
            raise LookupError(f"tile {tile.number} of level {tile.level}")
        return bytes(row[0])

    def _batch(self, segment: str, month: str, runs: list[list[Row]]) -> Batch:
        key = self._key(segment, month)
        return Batch(
            accounts=[run[0].account for run in runs],
            numbers=[run[0].number for run in runs],
            counts=[len(run) for run in runs],
            since=[min(row.at for row in run) for run in runs],
            until=[max(row.at for row in run) for run in runs],
            leaves=[tree.leaf_hash(entry.leaf(row.values, key)) for run in runs for row in run],
        )

    def _key(self, segment: str, month: str) -> bytes:
        found = self._blinding.get((segment, month))
        if found is None:
            new = secrets.token_bytes(entry.KEY_BYTES)
            row = self._connection.execute(BLINDING, (segment, f"{month}-01", new)).fetchone()
            found = self._blinding[segment, month] = bytes(row[0])  # type: ignore[index]
        return found

    def _append(self, segment: str, batch: Batch) -> int:
        edge = self._edges.setdefault(segment, tree.Edge())
        first = edge.size
        tiles = edge.append(batch.leaves)
        note = self._signer.checkpoint(origin(self._signer, segment), edge.size, edge.root())
        levels, indexes = [tile.level for tile in tiles], [tile.number for tile in tiles]
        values = (segment, first, batch.accounts, batch.numbers, batch.counts, batch.since, batch.until)
        self._connection.execute(APPEND, (*values, levels, indexes, list(tiles.values()), note))
        return len(batch.leaves)


class _Heads(NamedTuple):
    """The database's time, and the logs whose checkpoint is to be signed again."""

    now: datetime
    quiet: set[str]


def origin(signer: Signer, segment: str) -> str:
    """The name of a segment's log."""
    return f"{signer.key.name}/{segment}"


def _following(rows: Iterable[Row]) -> Iterator[Row]:
    """An author's entries as far as none is missing: behind a gap nothing is taken."""
    return takewhile(attrgetter("follows"), rows)


def _tell_of_gaps(rows: Iterable[Row]) -> None:
    for (segment, _), mine in groupby(rows, attrgetter("segment", "account")):
        number = next((row.number for row in mine if not row.follows), None)
        if number is not None:
            _log.error("segment %s: an entry before %s of an author is not there; those behind wait", segment, number)


def run(home: Home, stop: Event) -> None:
    """Sequence until told to stop; whatever fails is tried again in a second, from what is stored."""
    signer = Signer.read(read_secret(home.log_key))
    while not stop.is_set():
        try:
            with connect(home, "sequencer") as connection:
                sequencer = Sequencer(connection, signer)
                kept = -MONTHS_SECONDS
                while not stop.is_set():
                    if time.monotonic() - kept > MONTHS_SECONDS:
                        for month in sequencer.keep(home.config.audit.keep_months):
                            _log.info("the entries of %s were dropped: they are older than what is kept", month)
                        kept = time.monotonic()
                    added = sequencer.step()
                    prover.answer(connection)
                    if added < MOST_ENTRIES:
                        stop.wait(PAUSE_SECONDS if added < LOAD_ENTRIES else LOAD_SECONDS)
        except (psycopg.Error, LookupError, ValueError) as error:
            # of PostgreSQL's own errors only the code: their text may quote values
            _log.error("again in a second: %s", getattr(error, "sqlstate", None) or type(error).__name__)
            stop.wait(PAUSE_SECONDS)


def main() -> int:
    """The sequencer of `CLOISON_HOME`, until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(Home(), stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
