"""What the keeper must not forget besides keys: sessions, who had how many people, which tickets were used.

A SQLite file of its own, apart from the keys: it is written at every opening and may be lost without losing a
record. Written through the operating system before an answer leaves (kill -9 loses nothing) and flushed to
the disk every few seconds by `checkpoint` (a power cut loses at most those). It holds numbers of keys, not
people.

Two shapes: `consultation` has one row an account and person, found by account when its windows are needed;
`recent` and `recent_terms` are in order of time, read whole at the start and cut off at the old end.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from cloison.keeper.ceilings import PastUse, Use
from cloison.keeper.messages import ExportCeilings, SessionCeilings
from cloison.model import Window

_SCHEMA = """
create table if not exists session (
    session text primary key, expires_at real not null, body blob not null) without rowid;
create table if not exists consultation (
    account text not null, label_only int not null, key_id int not null, last real not null,
    primary key (account, label_only, key_id)) without rowid;
create table if not exists recent (
    at real not null, mark blob not null, key_id int not null, segment text not null,
    primary key (at, mark)) without rowid;
create table if not exists recent_terms (
    at real not null, account text not null, terms int not null, primary key (at, account)) without rowid;
create table if not exists export (
    export text primary key, expires_at real not null, body blob not null) without rowid;
create table if not exists exported (
    export text not null, key_id int not null, primary key (export, key_id)) without rowid;
"""
NO_SEGMENT = ""
_CHECKPOINT_PAGES = 20_000  # `checkpoint` comes long before; this is only the bound if it fails


class MarkedUse(NamedTuple):
    """A use and the mark of its ticket."""

    use: Use
    mark: bytes


class MarkedExport(NamedTuple):
    """Somebody opened for an export, and the mark of the ticket."""

    export: str
    key_id: int
    mark: bytes


class RecentUse(NamedTuple):
    """A use of the last hour; one for an export is of no segment, as it counts in none."""

    at: float
    mark: bytes
    key_id: int
    segment: str


class Ledger:
    """The file of counters and sessions, of one keeper at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file, making it if it is not there."""
        self._path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        self._db.execute(f"pragma wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        self._db.executescript(_SCHEMA)
        self._account_swept = ""

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def record_uses(self, uses: Sequence[MarkedUse], at: float, exported: Sequence[MarkedExport] = ()) -> None:
        """Writes one batch's uses in one transaction."""
        self._db.execute("begin immediate")
        with self._db:
            self._db.executemany(
                "insert into consultation values (?, ?, ?, ?) on conflict do update set last = excluded.last",
                [(use.account, use.label_only, use.key_id, at) for use, _ in uses],
            )
            self._db.executemany(
                "insert or replace into recent values (?, ?, ?, ?)",
                [
                    *((at, mark, use.key_id, use.segment) for use, mark in uses),
                    *((at, mark, key_id, NO_SEGMENT) for _, key_id, mark in exported),
                ],
            )
            self._db.executemany("insert or ignore into exported values (?, ?)", [each[:2] for each in exported])

    def record_terms(self, account: str, terms: int, at: float) -> None:
        """Writes how many search terms an account had."""
        self._db.execute(
            "insert into recent_terms values (?, ?, ?) on conflict do update set terms = terms + excluded.terms",
            (at, account, terms),
        )

    def history(self, account: str) -> Iterable[PastUse]:
        """One account's people at their last use, oldest first."""
        rows = self._db.execute(
            "select key_id, label_only, last from consultation where account = ? order by last", (account,)
        )
        return [PastUse(key_id, bool(label_only), last) for key_id, label_only, last in rows]

    def recent(self, since: float) -> Iterable[RecentUse]:
        """All uses since then, oldest first."""
        rows = self._db.execute("select at, mark, key_id, segment from recent where at > ? order by at", (since,))
        return [RecentUse(*row) for row in rows]

    def recent_terms(self, since: float) -> Iterable[tuple[float, str, int]]:
        """(time, account, terms) since then, oldest first."""
        return self._db.execute("select at, account, terms from recent_terms where at > ? order by at", (since,))

    def save_session(self, ceilings: SessionCeilings) -> None:
        """Stores a session, or replaces it."""
        self._db.execute(
            "insert or replace into session values (?, ?, ?)",
            (str(ceilings.session), ceilings.expires_at, msgspec.msgpack.encode(ceilings)),
        )

    def forget_session(self, session: str) -> None:
        """Removes a session."""
        self._db.execute("delete from session where session = ?", (session,))

    def sessions(self, now: float) -> list[SessionCeilings]:
        """The sessions that have not expired."""
        rows = self._db.execute("select body from session where expires_at > ?", (now,))
        return [msgspec.msgpack.decode(body, type=SessionCeilings) for (body,) in rows]

    def save_export(self, ceilings: ExportCeilings) -> None:
        """Stores an export, or replaces it."""
        self._db.execute(
            "insert or replace into export values (?, ?, ?)",
            (str(ceilings.export), ceilings.expires_at, msgspec.msgpack.encode(ceilings)),
        )

    def exports(self, now: float) -> list[ExportCeilings]:
        """The exports that are not over."""
        rows = self._db.execute("select body from export where expires_at > ?", (now,))
        return [msgspec.msgpack.decode(body, type=ExportCeilings) for (body,) in rows]

    def people_exported(self, export: str) -> int:
        """How many people an export had."""
        return int(self._db.execute("select count(*) from exported where export = ?", (export,)).fetchone()[0])

    def was_exported(self, export: str, key_id: int) -> bool:
        """Whether an export had this person."""
        found = self._db.execute("select 1 from exported where export = ? and key_id = ?", (export, key_id))
        return found.fetchone() is not None

    def sweep(self, now: float, accounts: int) -> None:
        """Forgets what no window reaches any more; of consultations, the next few accounts' only.

        A sweep of all accounts at once would hold up the openings of a whole morning's queue.
        """
        self._db.execute("begin immediate")
        with self._db:
            self._db.execute("delete from session where expires_at <= ?", (now,))
            over = "select export from export where expires_at <= ?"
            self._db.execute(f"delete from exported where export in ({over})", (now,))  # noqa: S608 - no value in it
            self._db.execute("delete from export where expires_at <= ?", (now,))
            self._db.execute("delete from recent where at <= ?", (now - Window.HOUR,))
            self._db.execute("delete from recent_terms where at <= ?", (now - Window.HOUR,))
            for _ in range(accounts):
                if not self._sweep_next_account(now):
                    break

    def checkpoint(self) -> None:
        """Flushes to the disk what was written, over a connection of its own: openings go on meanwhile."""
        db = sqlite3.connect(self._path)
        try:
            db.execute("pragma wal_checkpoint(passive)")
        finally:
            db.close()

    def _sweep_next_account(self, now: float) -> bool:
        """Forgets the old uses of one more account; False after the last, when it begins anew."""
        found = self._db.execute("select min(account) from consultation where account > ?", (self._account_swept,))
        self._account_swept = found.fetchone()[0] or ""
        for label_only, window in ((False, Window.DAYS_28), (True, Window.HOUR)):
            self._db.execute(
                "delete from consultation where account = ? and label_only = ? and last <= ?",
                (self._account_swept, label_only, now - window),
            )
        return bool(self._account_swept)
