"""The file of sealed keys: SQLite, every commit on the disk before it returns.

Nothing in it is readable without the root key, and it names nobody: a person's row is a number, the version
of the record and a key sealed for a person whom only the register knows. Numbers are never given twice,
destroyed ones neither. Destroyed keys are overwritten (`secure_delete`) and the log of writes is emptied at
once.

Reading has a connection of its own, so that it never waits for an enrolment's write, which runs in a thread.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from cloison.errors import ConfigError

_SCHEMA = """
create table if not exists setting (name text primary key, value int not null) without rowid;
create table if not exists secret (
    kind text not null, segment text not null, number int not null, year int not null, sealed blob not null,
    primary key (kind, segment, number, year)) without rowid;
create table if not exists person (
    key_id integer primary key autoincrement,
    version int not null,
    sealed blob not null,
    versions text, -- of each compartment, as JSON; null: all have the row's
    pending text, -- versions being prepared, and the mask of compartments that each seals anew, as JSON
    issued int, -- the highest version ever prepared
    former int); -- the key that this one takes the place of, destroyed once this one is in use
"""


class KeyKind(StrEnum):
    """What a key of the keeper is for."""

    COHORT = "cohort"  # seals person keys; number: the cohort
    DOMAIN = "domain"  # goes into compartment keys; number: the compartment
    SEARCH = "search"  # makes search terms; number: the slot, year: of the cohorts
    LOCATOR = "locator"  # makes register-wide terms; number: the kind
    GROUP = "group"  # makes the numbers of miss groups
    CELL = "cell"  # makes the numbers of the statistics' cells
    TICKET = "ticket"  # signs tickets


class KeyName(NamedTuple):
    """Which key."""

    kind: KeyKind
    segment: str = ""
    number: int = 0
    year: int = 0

    def bound(self) -> bytes:
        """The associated data of the sealed key: a row put under another name does not open."""
        return f"cloison-key-1|{self.kind}|{self.segment}|{self.number}|{self.year}".encode()


class PersonRow(NamedTuple):
    """A person's key as stored."""

    key_id: int
    version: int
    sealed: bytes
    versions: str | None
    pending: str | None
    issued: int | None
    former: int | None

    def newest(self, count: int) -> list[int]:
        """The version of each of `count` compartments."""
        return [self.version] * count if self.versions is None else list(json.loads(self.versions))

    def masks(self) -> dict[int, int]:
        """The compartments that each version being prepared seals anew."""
        return {} if self.pending is None else {int(v): mask for v, mask in json.loads(self.pending).items()}

    def next_version(self) -> int:
        """A version that was never prepared before: two who prepare at once must not take each other's for theirs."""
        return max(self.version, self.issued or 0) + 1

    def prepared(self, version: int, count: int) -> list[int] | None:
        """The versions of `count` compartments once `version` is the newest; None if it is not being prepared."""
        mask = self.masks().get(version)
        if mask is None:
            return None
        return [version if mask >> number & 1 else older for number, older in enumerate(self.newest(count))]


class NewKey(NamedTuple):
    """A key about to be stored."""

    key_id: int
    version: int
    sealed: bytes
    former: int | None


class KeyStore:
    """The file of sealed keys."""

    def __init__(self, path: Path) -> None:
        """Open the file, making it if it is not there."""
        self._writer, self._reader = _connect(path), _connect(path)
        self._writing = threading.Lock()
        self._writer.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file once a write that is under way is done."""
        with self._writing:
            self._reader.close()
            self._writer.close()

    def compartments(self) -> int:
        """How many compartments a record has; raises ConfigError where the store was not set up."""
        row = self._reader.execute("select value from setting where name = 'compartments'").fetchone()
        if row is None:
            raise ConfigError(reason="the keeper's store is not set up; run cloison init")
        return int(row[0])

    def set_up(self, compartments: int) -> None:
        """Settles the number of compartments; raises ConfigError if it was settled otherwise."""
        with self._write() as db:
            db.execute("insert or ignore into setting values ('compartments', ?)", (compartments,))
        if self.compartments() != compartments:
            raise ConfigError(reason=f"the keeper was set up for {self.compartments()} compartments")

    def secrets(self) -> dict[KeyName, bytes]:
        """All named keys, sealed."""
        rows = self._reader.execute("select kind, segment, number, year, sealed from secret")
        return {KeyName(KeyKind(kind), *name): sealed for kind, *name, sealed in rows}

    def add_secrets(self, sealed: dict[KeyName, bytes]) -> None:
        """Stores new named keys in one transaction; raises sqlite3.IntegrityError if one exists."""
        rows = [(*name, key) for name, key in sealed.items()]
        with self._write() as db:
            db.executemany("insert into secret values (?, ?, ?, ?, ?)", rows)

    def destroy_secrets(self, names: list[KeyName]) -> None:
        """Deletes named keys and overwrites where they stood."""
        with self._write() as db:
            db.executemany("delete from secret where (kind, segment, number, year) = (?, ?, ?, ?)", names)
        self._empty_log()

    def last_key_id(self) -> int:
        """The highest number ever given, 0 at first."""
        row = self._reader.execute("select seq from sqlite_sequence where name = 'person'").fetchone()
        return int(row[0]) if row else 0

    def add_people(self, keys: list[NewKey]) -> None:
        """Stores keys in one transaction."""
        with self._write() as db:
            db.executemany("insert into person values (?, ?, ?, null, null, null, ?)", keys)

    def people(self, key_ids: list[int]) -> dict[int, PersonRow]:
        """The rows there are among `key_ids`."""
        rows = self._reader.execute(
            "select key_id, version, sealed, versions, pending, issued, former from person "
            "where key_id in (select value from json_each(?))",
            (json.dumps(key_ids),),
        )
        return {row[0]: PersonRow(*row) for row in rows}

    def prepare_versions(self, prepared: list[tuple[int, int, int]]) -> None:
        """Notes that versions are being made: (key_id, version, mask of the compartments that it seals anew)."""
        rows = self.people([key_id for key_id, _, _ in prepared])
        masks = {key_id: row.masks() for key_id, row in rows.items()}
        for key_id, version, mask in prepared:
            masks[key_id][version] = mask
        with self._write() as db:
            db.executemany(
                "update person set pending = ?, issued = ? where key_id = ?",
                [(json.dumps(found), max(found), key_id) for key_id, found in masks.items()],
            )

    def confirm_versions(self, versions: list[tuple[int, int]]) -> None:
        """Makes prepared versions, given as (key_id, version), the newest; what was not prepared stays."""
        count = self.compartments()
        rows = self.people([key_id for key_id, _ in versions])
        newest = []
        for key_id, version in versions:
            prepared = rows[key_id].prepared(version, count) if key_id in rows else None
            if prepared is not None:
                newest.append((version, json.dumps(prepared), key_id))
        with self._write() as db:
            db.executemany("update person set version = ?, versions = ?, pending = null where key_id = ?", newest)

    def forget_former(self, key_ids: list[int]) -> None:
        """Destroys the keys whose place these have taken."""
        former = [row.former for row in self.people(key_ids).values() if row.former is not None]
        if former:
            with self._write() as db:
                db.executemany("update person set former = null where key_id = ?", [(k,) for k in key_ids])
                db.executemany("delete from person where key_id = ?", [(k,) for k in former])
            self._empty_log()

    def destroy_people(self, key_ids: list[int]) -> int:
        """Deletes people's keys and overwrites where they stood; returns how many there were."""
        with self._write() as db:
            before = db.total_changes
            db.executemany("delete from person where key_id = ?", [(key_id,) for key_id in key_ids])
            destroyed = db.total_changes - before
        self._empty_log()
        return destroyed

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One transaction; one writer at a time."""
        with self._writing:
            self._writer.execute("begin immediate")
            with self._writer:
                yield self._writer

    def _empty_log(self) -> None:
        """Moves the log of writes into the file and cuts it: until then it still holds old pages."""
        with self._writing:
            self._writer.execute("pragma wal_checkpoint(truncate)")


def _connect(path: Path) -> sqlite3.Connection:
    """A connection that other threads may use in turn; the store sees to the turns."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for setting in ("journal_mode = wal", "synchronous = full", "secure_delete = on"):
        db.execute(f"pragma {setting}")
    return db
