"""Looks after the log from outside: has its newest checkpoint, and signs that it only ever grew.

A witness runs apart: a login that sees heads and tiles and no entry, a key and a disk of its own. What it has once
signed it keeps, a line a checkpoint, and never takes back: a log that shrinks, forks or stalls is not signed, and it
says so. Any one of several suffices; each adds its signature to the same note.
"""

import base64
import logging
import os
import signal
import sys
import time
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from threading import Event

import msgspec
import psycopg

from cloison.audit import tree, verify
from cloison.audit.checkpoint import Signer
from cloison.audit.verify import Checkpoint, Key, read_checkpoint
from cloison.config import Home, read_secret
from cloison.store.pools import connect

HEADS = "select segment, note, signed_at, cloison.log_now_v1() from cloison.log_heads_v1()"
TILE = "select cloison.log_tile_v1(%s, %s::int2, %s)"
COSIGN = "select cloison.cosign_v1(%s, %s, %s)"
PAUSE_SECONDS = 4.0
AGAIN_SECONDS = 20.0  # after which a checkpoint that did not grow is signed again
MOST_APART = 120.0  # seconds between the database's clock and ours
SEEN = "seen"  # of its folder: what it signed, a file a log
STALLED = timedelta(seconds=120)

_log = logging.getLogger("cloison.witness")


class Alarm(StrEnum):
    """What a witness does not sign, or has seen."""

    UNSIGNED = "unsigned"  # not signed by the log's key
    ROLLED_BACK = "rolled_back"  # smaller than what was signed before, or gone
    FORKED = "forked"  # not a continuation of it
    STALLED = "stalled"  # no checkpoint for two minutes
    CLOCK = "clock"  # the database's clock is more than two minutes off


class Seen(msgspec.Struct, frozen=True):
    """A checkpoint that this witness signed, as it keeps it; `root` in base64, `at` in seconds since 1970."""

    size: int
    root: str
    at: int


NOTHING = Seen(0, base64.b64encode(tree.EMPTY).decode(), 0)


class Witness:
    """What was signed, and what is signed next. `folder` is the witness's own: a file a log, only ever added to."""

    def __init__(self, folder: Path, signer: Signer, log_key: Key) -> None:
        """Read what was signed before; a torn last line is one that was never given out."""
        self._folder, self._signer, self._log_key = folder, signer, log_key
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._seen = _read(folder)

    def step(self, connection: psycopg.Connection) -> list[tuple[str, Alarm]]:
        """Sign what has grown as it should; what is wrong, by segment."""
        alarms = []
        heads = {row[0]: row[1:] for row in connection.execute(HEADS).fetchall()}
        for segment, (note, signed_at, now) in heads.items():
            if abs(now.timestamp() - time.time()) > MOST_APART:
                alarms.append((segment, Alarm.CLOCK))
                continue
            if signed_at is None or now - signed_at > STALLED:
                alarms.append((segment, Alarm.STALLED))
            alarm = self._look(connection, segment, note)
            if alarm is not None:
                alarms.append((segment, alarm))
        alarms += [(segment, Alarm.ROLLED_BACK) for segment in self._seen.keys() - heads.keys()]
        return alarms

    def _look(self, connection: psycopg.Connection, segment: str, note: str) -> Alarm | None:
        try:
            found = read_checkpoint(note, self._log_key)
        except ValueError:
            return Alarm.UNSIGNED
        if found.origin != f"{self._log_key.name}/{segment}":
            return Alarm.UNSIGNED
        seen = self._seen.get(segment, NOTHING)
        if found.size < seen.size:
            return Alarm.ROLLED_BACK
        new = Seen(found.size, base64.b64encode(found.root).decode(), int(time.time()))
        if (new.size, new.root) != (seen.size, seen.root) and not _continues(connection, segment, seen, found):
            return Alarm.FORKED
        if (new.size, new.root) != (seen.size, seen.root) or new.at - seen.at >= AGAIN_SECONDS:
            self._keep(segment, new)  # before it is given out, so that no kill makes it sign two of one size
            connection.execute(COSIGN, (segment, found.size, self._signer.cosigned(note, new.at)))
        return None

    def _keep(self, segment: str, seen: Seen) -> None:
        with (self._folder / segment).open("ab") as file:
            file.write(msgspec.json.encode(seen) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._seen[segment] = seen


def _continues(connection: psycopg.Connection, segment: str, seen: Seen, found: Checkpoint) -> bool:
    """Whether the tiles prove that a checkpoint continues what was signed."""

    def tile(place: tree.Tile) -> bytes:
        row = connection.execute(TILE, (segment, *place)).fetchone()
        if row is None or row[0] is None:
            raise LookupError(place)
        return bytes(row[0])

    try:
        proof = tree.consistency_proof(seen.size, found.size, tile)
    except LookupError:
        return False
    return tree.verify_consistency(seen.size, base64.b64decode(seen.root), found.size, found.root, proof)


def seen_in(folder: Path) -> dict[str, verify.Seen]:
    """What the witness whose folder this is has signed last, by segment; nothing where it has not been."""
    kept = folder / SEEN
    found = _read(kept) if kept.is_dir() else {}
    return {segment: verify.Seen(seen.size, base64.b64decode(seen.root)) for segment, seen in found.items()}


def _read(folder: Path) -> dict[str, Seen]:
    return {path.name: seen for path in folder.iterdir() if (seen := _last(path))}


def _last(path: Path) -> Seen | None:
    """The last whole line of a log's file."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 1024))
        lines = file.read().split(b"\n")[:-1]
    for line in reversed(lines):
        try:
            return msgspec.json.decode(line, type=Seen)
        except msgspec.DecodeError:
            continue
    return None


def run(home: Home, stop: Event) -> None:
    """Witness until told to stop; an alarm is said once until it is over."""
    signer = Signer.read(read_secret(home.witness_key))
    witness = Witness(home.witness / SEEN, signer, Key.read(home.log_public.read_text(encoding="utf-8")))
    said: set[tuple[str, Alarm]] = set()
    while not stop.is_set():
        try:
            with connect(home, "witness") as connection:
                while not stop.is_set():
                    alarms = set(witness.step(connection))
                    for segment, alarm in sorted(alarms - said):
                        _log.error("the log of segment %s is %s; it is not signed until that is over", segment, alarm)
                    said = alarms
                    stop.wait(PAUSE_SECONDS)
        except psycopg.Error as error:
            _log.error("again in a second: %s", error.sqlstate)
            stop.wait(PAUSE_SECONDS)


def main() -> int:
    """The witness of `CLOISON_HOME`, until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(Home(), stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
