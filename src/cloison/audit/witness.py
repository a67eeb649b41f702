"""Looks after a log from outside: has its newest checkpoint, and signs that it only ever grew.

A witness runs apart: a login that sees heads, tiles and numbers and no entry, a key and a disk of its own. What it has
once signed it keeps (`record.py`) and never takes back. Any one of several suffices; each signs for itself.

What it looks at, of each log, in this order; the first that does not hold is an alarm, and the log is not signed:
  1. the database's clock is within two minutes of its own;
  2. the checkpoint is signed by the log's key, which it was handed, and is this log's;
  3. it has no fewer leaves than the one that was signed before;
  4. it continues that one: the tiles prove it (RFC 6962, 2.1.2);
  5. of each author the numbers follow one another (`order.py`).
Beside, a log that nobody has signed for two minutes is an alarm: something has stopped, or is kept from it.
"""

import contextlib
import fcntl
import logging
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from threading import Event

import msgspec
import psycopg

from cloison.audit import record, tree, verify
from cloison.audit.checkpoint import Signer
from cloison.audit.order import Batch, Order
from cloison.audit.record import Kept, Record
from cloison.audit.verify import Checkpoint, Key, read_checkpoint
from cloison.audit.witnesses import OWN
from cloison.config import Home, read_secret, write_secret
from cloison.errors import ConfigError
from cloison.store.pools import connect

HEADS = "select segment, note, signed_at, cloison.log_now_v1() from cloison.log_heads_v1()"
NOW = "select cloison.log_now_v1()"
TILE = "select cloison.log_tile_v1(%s, %s::int2, %s)"
BATCHES = "select first, authors, numbers, counts from cloison.log_batches_v1(%s, %s, %s)"
COSIGN = "select cloison.cosign_v1(%s, %s, %s)"
TELL = "select cloison.log_alarm_v1(%s, %s)"
PAUSE_SECONDS = 4.0
AGAIN_SECONDS = 20.0  # after which a checkpoint that did not grow is signed again
MOST_APART = 120.0  # seconds between the database's clock and ours
STALLED = timedelta(seconds=120)
PAGE_BATCHES = 1_000
SAVE_SECONDS = 60.0  # between two times that the order is written down: what is lost of it is read again
ORDERS = "orders"  # of its folder
KEY, LOG_KEY, LOCK = "witness.key", "log.pub", "lock"
EVERYWHERE = ""  # in the place of a segment: what is wrong with all of them
SEED_BYTES = 32

_log = logging.getLogger("cloison.witness")


class Alarm(StrEnum):
    """What a witness has seen, and does not sign."""

    UNSIGNED = "unsigned"  # not signed by the log's key, or not this log's
    ROLLED_BACK = "rolled_back"  # smaller than what was signed before, or gone
    FORKED = "forked"  # not a continuation of it
    OUT_OF_ORDER = "out_of_order"  # an author's numbers, or the leaves, do not follow one another
    STALLED = "stalled"  # no checkpoint for two minutes
    CLOCK = "clock"  # the database's clock is more than two minutes off


class Found(msgspec.Struct, frozen=True):
    """A log that is not as it must be; no segment: all of them."""

    segment: str
    alarm: Alarm


class Witness:
    """What was signed, and what is signed next. `folder` is the witness's own."""

    def __init__(self, folder: Path, signer: Signer, log_key: Key) -> None:
        """Read what was signed before; raises OSError where the folder cannot be used."""
        self._signer, self._log_key = signer, log_key
        self._record = Record(folder)
        self._orders = Orders(folder / ORDERS)

    @property
    def sizes(self) -> dict[str, int]:
        """How many leaves of each log it has signed for."""
        return {segment: kept.size for segment, kept in sorted(self._record.last.items())}

    def step(self, connection: psycopg.Connection) -> list[Found]:
        """Sign what has grown as it should; what is wrong. Raises psycopg.Error, OSError: nothing was signed by it."""
        ((now,),) = connection.execute(NOW).fetchall()
        if abs(now.timestamp() - time.time()) > MOST_APART:  # 1
            return [Found(EVERYWHERE, Alarm.CLOCK)]
        found = []
        heads = {row[0]: row[1:] for row in connection.execute(HEADS).fetchall()}
        for segment, (note, signed_at, at) in heads.items():
            if signed_at is None or at - signed_at > STALLED:
                found.append(Found(segment, Alarm.STALLED))
            alarm = self._look(connection, segment, note)
            if alarm is not None:
                found.append(Found(segment, alarm))
        self._orders.save()
        gone = self._record.last.keys() - heads.keys()
        return found + [Found(segment, Alarm.ROLLED_BACK) for segment in sorted(gone)]

    def _look(self, connection: psycopg.Connection, segment: str, note: str) -> Alarm | None:
        try:
            found = read_checkpoint(note, self._log_key)
        except ValueError:
            return Alarm.UNSIGNED
        if found.origin != f"{self._log_key.name}/{segment}" or not record.SEGMENT.fullmatch(segment):
            return Alarm.UNSIGNED  # 2
        kept = self._record.last.get(segment)
        seen = kept.seen if kept else verify.Seen(0, tree.EMPTY)
        if found.size < seen.size:
            return Alarm.ROLLED_BACK  # 3
        grown = kept is None or (found.size, found.root) != seen
        if grown and not _continues(connection, segment, seen, found):
            return Alarm.FORKED  # 4
        if not self._in_order(connection, segment, found.size):
            return Alarm.OUT_OF_ORDER  # 5
        now = int(time.time())
        if grown or now - self._orders.signed.get(segment, 0) >= AGAIN_SECONDS:
            signed = self._signer.cosigned(note, now)
            if grown:  # before it is given out, so that no kill makes it sign two of one size
                self._record.keep(segment, Kept(found.size, found.root.hex(), now, signed))
            connection.execute(COSIGN, (segment, found.size, signed))
            self._orders.signed[segment] = now
        return None

    def _in_order(self, connection: psycopg.Connection, segment: str, size: int) -> bool:
        order = self._orders[segment]
        while order.size < size:
            rows = connection.execute(BATCHES, (segment, order.size, PAGE_BATCHES)).fetchall()
            if not rows:
                return False
            for row in rows:
                if order.size == size:
                    break
                if not order.follow(Batch(*row)):
                    return False
        return order.size == size


class Orders:
    """How far each log was in order, with a copy on disk that may be older; `signed`: when each log was signed last."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._orders: dict[str, Order] = {}
        self._saved: dict[str, int] = {}
        self._saved_at = time.monotonic()
        self.signed: dict[str, int] = {}

    def __getitem__(self, segment: str) -> Order:
        """That of a log: where nothing is known of it, from its first leaf on."""
        if segment not in self._orders:
            self._orders[segment] = self._read(segment)
            self._saved[segment] = self._orders[segment].size
        return self._orders[segment]

    def save(self) -> None:
        """Write down what has grown, once a minute."""
        if time.monotonic() - self._saved_at < SAVE_SECONDS:
            return
        for segment, order in self._orders.items():
            if order.size > self._saved[segment]:
                new = self._folder / f"{segment}.new"
                new.write_bytes(msgspec.json.encode(order))
                new.replace(self._folder / segment)
                self._saved[segment] = order.size
        self._saved_at = time.monotonic()

    def _read(self, segment: str) -> Order:
        try:
            return msgspec.json.decode((self._folder / segment).read_bytes(), type=Order)
        except (FileNotFoundError, msgspec.DecodeError):
            return Order()


def _continues(connection: psycopg.Connection, segment: str, seen: verify.Seen, found: Checkpoint) -> bool:
    """Whether the tiles prove that a checkpoint continues what was signed; of a log that is new, that it is theirs."""

    def tile(place: tree.Tile) -> bytes:
        row = connection.execute(TILE, (segment, *place)).fetchone()
        if row is None or row[0] is None:
            raise LookupError(place)
        return bytes(row[0])

    try:
        if seen.size == 0:
            return tree.root_of(found.size, tile) == found.root
        proof = tree.consistency_proof(seen.size, found.size, tile)
    except LookupError:
        return False
    return tree.verify_consistency(seen.size, seen.root, found.size, found.root, proof)


# -- its folder --------------------------------------------------------------------------------------------------------


def make_key(folder: Path, name: str) -> Key:
    """The witness's public key; where it has none, a new one under this name. Raises ConfigError, ValueError."""
    path = folder / KEY
    if not path.exists():
        signer = Signer(name, verify.COSIGNATURE, secrets.token_bytes(SEED_BYTES))
        write_secret(path, signer.text)
        path.with_suffix(".pub").write_text(signer.key.text + "\n", encoding="utf-8")
    return Signer.read(read_secret(path)).key


def pin(folder: Path, text: str) -> Key | None:
    """The log's key that this witness goes by: the first that it was handed, and no other; raises ConfigError.

    `text`: its line, or nothing; None where it has never been handed one.
    """
    path = folder / LOG_KEY
    try:
        given = Key.read(text) if text else None
        pinned = Key.read(path.read_text(encoding="utf-8")) if path.exists() else None
    except ValueError as error:
        raise ConfigError(reason="this is no key of a log; log.pub of the register's folder audit has it") from error
    if given is not None and pinned is not None and given != pinned:
        raise ConfigError(reason=f"{folder} is of a witness to another log; give this log a folder of its own")
    if given is not None and pinned is None:
        path.write_text(given.text + "\n", encoding="utf-8")
    return pinned or given


def opened(folder: Path, log_key: Key) -> Witness:
    """The witness whose folder this is; raises ConfigError."""
    return Witness(folder, Signer.read(read_secret(folder / KEY)), log_key)


# -- as a process ------------------------------------------------------------------------------------------------------


def tell(connection: psycopg.Connection, found: Found) -> None:
    """Say it in our log, and, if that can be, to the register, which makes an alert of it."""
    where = f"the log of segment {found.segment}" if found.segment else "every log"
    _log.error("%s is %s; it is not signed until that is over", where, found.alarm)
    with contextlib.suppress(psycopg.Error):
        connection.execute(TELL, (found.segment, found.alarm))


def run(folder: Path, log_key: Key, connecting: Callable[[], psycopg.Connection], stop: Event) -> None:
    """Witness until told to stop; an alarm is told once until it is over, and so is a database that does not answer.

    Raises ConfigError where another process uses the folder.
    """
    with alone(folder):
        witness = opened(folder, log_key)
        said: set[Found] = set()
        silent: float | None = None  # since when the database does not answer
        while not stop.is_set():
            try:
                with connecting() as connection:
                    while not stop.is_set():
                        found = set(witness.step(connection))
                        for each in sorted(found - said, key=lambda one: (one.segment, one.alarm)):
                            tell(connection, each)
                        for each in said - found:
                            _log.info("over: %s %s", each.segment, each.alarm)
                        said, silent = found, None
                        stop.wait(PAUSE_SECONDS)
            except (psycopg.Error, OSError) as error:
                if silent is None:  # only the code: PostgreSQL's text may quote values
                    silent = time.monotonic()
                    why = getattr(error, "sqlstate", None) or type(error).__name__
                    _log.error("nothing can be signed (%s); tried again each second", why)
                away = Found(EVERYWHERE, Alarm.STALLED)
                if time.monotonic() - silent > STALLED.total_seconds() and away not in said:
                    _log.error("every log is %s: nothing could be signed for two minutes", away.alarm)
                    said = said | {away}
                stop.wait(PAUSE_SECONDS)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the witness's folder; of two processes with one record each could sign what the other does not know of.

    Raises ConfigError where another one has it; the kernel frees it with the process.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(reason=f"another process witnesses in {folder}") from None
        yield


def stopping() -> Event:
    """Set by SIGTERM and SIGINT."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def main() -> int:
    """The witness of `CLOISON_HOME`, until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    home = Home()
    log_key = Key.read(home.log_public.read_text(encoding="utf-8"))
    run(home.witness, log_key, lambda: connect(home, OWN), stopping())
    return 0


if __name__ == "__main__":
    sys.exit(main())
