"""Checks an audit log without trusting whoever keeps it: entries, tree, checkpoints. Runs alone.

    python verify.py FOLDER --key LOG_KEY [--witness WITNESS_KEY …]

with a folder that `cloison audit export` wrote. This file, `entry.py` and `tree.py` beside it, and the package
`cryptography` are all it needs. The rules, for each segment's log:
  1. its checkpoint is signed by the log's key, and by a witness's where keys of witnesses are given: within ten minutes
     of its first entry, until when nothing of it is anchored;
  2. the leaves' hashes, as stored, have the root that the checkpoint says;
  3. each entry is the one that was hashed; of each author the numbers go from 1 on without a gap, in this order.
     What a witness has kept of the log is its beginning;
  4. entries that the checkpoint does not cover yet, the tail, go on where it ends, and are counted;
  5. of months that were dropped, which an entry of the log says of each, no sooner than six months after its end, the
     entries are gone, and only their hashes and numbers are looked at.
Where rule 2 holds, rule 3 names the very entry that was changed or taken away; where it does not, the log was written
anew, and its own checkpoint convicts it.

Notes have the forms of C2SP: signed-note, tlog-checkpoint, tlog-cosignature.
"""

import argparse
import base64
import binascii
import hashlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from multiprocessing import get_context, pool
from pathlib import Path
from typing import NamedTuple, Protocol, Self, TextIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

try:
    from cloison.audit import entry, tree
except ImportError:  # outside of Cloison, with the three files in one folder
    import entry  # type: ignore[import-not-found,no-redef]
    import tree  # type: ignore[import-not-found,no-redef]

KEY_ID_BYTES = 4
ED25519, COSIGNATURE = b"\x01", b"\x04"  # kinds of keys in a note
COSIGNED = "cosignature/v1\ntime {time}\n"
SIGNATURE_LINE = "\u2014 "
PATIENCE_MICROSECONDS = 600 * 1_000_000  # within which a witness has signed a log that is new
INSTANT_BYTES = 8
HOUR_MICROSECONDS = 3600 * 1_000_000
LENGTH_BYTES = 2  # before each entry in a file
PIECE_LEAVES = 1 << 14  # what is looked at together: 64 tiles, some 30 MB
ENTRIES, LEAVES, TAIL, CHECKPOINT = "entries", "leaves", "tail", "checkpoint"
BLINDING, DROPPED = "blinding.json", "dropped.json"
ACCOUNT, NUMBER, AT, EVENT, AMOUNT, EVIDENCE = (
    entry.NUMBERS[name] - 1 for name in ("account", "number", "at", "event", "amount", "evidence")
)
LOG_DROPPED = b"log_dropped"  # an event; its amount is the month, such as 202511
OWNER = bytes(16)  # the author of such entries
MONTHS_KEPT = 6
MOST_FINDINGS = 1_000  # a segment


class Kind(StrEnum):
    """What a finding looks like."""

    UNSIGNED = "unsigned"  # no checkpoint, or none that the log's key, or a witness's, has signed
    REWRITTEN = "rewritten"  # the hashes are not those of the checkpoint: rewritten, reordered, forked or cut off
    CHANGED = "changed"  # an entry is not the one that was hashed
    MISSING = "missing"  # an entry that was hashed is not there
    OUT_OF_ORDER = "out_of_order"  # an author's numbers do not follow one another
    UNREADABLE = "unreadable"  # what is there is no entry, or its month's key is not there
    WITHHELD = "withheld"  # the tail lacks an entry, though a later one of the same author is there
    ROLLED_BACK = "rolled_back"  # a witness has seen more than is there
    FORKED = "forked"  # a witness has seen something else
    INSERTED = "inserted"  # an entry whose number nobody gives
    CUT_OFF = "cut_off"  # the newest entries of an author, which its ledger has counted, are gone
    UNAPPROVED = "unapproved"  # an act without the passkeys of those who must sign it, or done otherwise than signed
    PUT_BACK = "put_back"  # a person's row is not the one that the newest change wrote


class Finding(NamedTuple):
    """Something that does not hold. `entry` is the leaf's place in the tree, from 0 on; None: all of it."""

    segment: str
    entry: int | None
    kind: Kind


class Checkpoint(NamedTuple):
    """How many leaves a log has, and their root; `cosigned`: by witnesses' names, seconds since 1970."""

    origin: str
    size: int
    root: bytes
    cosigned: dict[str, int]


NOT_BEGUN = Checkpoint("", 0, tree.EMPTY, {})


class Seen(NamedTuple):
    """What a witness has signed of a log, by its own record: so many leaves, with this root."""

    size: int
    root: bytes


class Report(NamedTuple):
    """What became of a segment's log: entries that its checkpoint covers, those since, and what does not hold.

    `dropped`: how many of the former are gone with their months. Of findings at most `MOST_FINDINGS`, the first ones.
    """

    segment: str
    anchored: int
    unanchored: int
    dropped: int
    findings: list[Finding]


class Piece(NamedTuple):
    """What was found out about `PIECE_LEAVES` leaves of a log, or fewer at its end.

    `roots`: by size of the log, where it ends, or where a checkpoint does; `runs`: of each author the first number here
    with its place, and the last; `gone`: places whose entries are not there, from one to before another; `dropped`:
    what entries say of months that were dropped, with the hash of which leaves these were.
    """

    entries: int
    roots: dict[int, bytes]
    findings: list[Finding]
    runs: dict[bytes, tuple[int, int, int]]
    gone: list[tuple[int, int]]
    dropped: dict[str, bytes]
    oldest: int


class Log(Protocol):
    """One segment's log, wherever it is kept."""

    segment: str

    def checkpoints(self) -> Sequence[str]:
        """Notes with their signatures, of which the newest that a witness has signed counts; none if there is none."""

    def size(self) -> int:
        """How many leaves' hashes are stored."""

    def leaves(self, piece: int) -> bytes:
        """The leaves' hashes of a piece as stored, one after the other."""

    def entries(self, piece: int) -> Iterable[tuple[int, Sequence[bytes | None]]]:
        """Place in the tree and written values of a piece's entries, in order.

        Of one that is gone only author and number are known; no values at all are no entry.
        """

    def tail(self) -> Iterable[Sequence[bytes | None]]:
        """Those of the entries that are not in the tree, by author and number."""

    def blinding(self, month: str) -> bytes | None:
        """The key of a month, such as 2026-11."""

    def dropped(self) -> dict[str, str]:
        """By month, which leaves' entries were dropped: as PostgreSQL writes an int8multirange."""


# -- notes -------------------------------------------------------------------------------------------------------------


class Key(NamedTuple):
    """A public key as a note knows it: its name, what it signs, its 32 bytes."""

    name: str
    kind: bytes
    public: bytes

    @property
    def number(self) -> bytes:
        """What stands before the key's signatures."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.kind + self.public).digest()[:KEY_ID_BYTES]

    @property
    def text(self) -> str:
        """As a line that can be handed out."""
        return f"{self.name}+{self.number.hex()}+{base64.b64encode(self.kind + self.public).decode()}"

    @classmethod
    def read(cls, text: str) -> "Key":
        """A key from its line; raises ValueError."""
        try:
            name, number, data = text.strip().split("+", 2)
            raw = base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise ValueError("no key of a note") from error
        key = cls(name, raw[:1], raw[1:])
        if not name or key.number.hex() != number or key.kind not in {ED25519, COSIGNATURE}:
            raise ValueError("no key of a note")
        return key

    def holds(self, text: str, signature: bytes) -> bool:
        """Whether this key signed the text; of a cosignature the time comes first."""
        signed = text
        if self.kind == COSIGNATURE:
            signed, signature = COSIGNED.format(time=int.from_bytes(signature[:8], "big")) + text, signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, signed.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """What is signed."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def signature_line(key: Key, signature: bytes) -> str:
    """A signature as it stands in a note."""
    return f"{SIGNATURE_LINE}{key.name} {base64.b64encode(key.number + signature).decode()}\n"


def text_of(note: str) -> str:
    """What a note's signatures sign; raises ValueError."""
    text, gap, _ = note.rpartition("\n\n")
    if not gap:
        raise ValueError("no signed note")
    return text + "\n"


def read_checkpoint(note: str, log_key: Key, witness_keys: Sequence[Key] = ()) -> Checkpoint:
    """A checkpoint that the log's key has signed, and who of the witnesses did; raises ValueError."""
    text = text_of(note)
    origin, size, root, *others = text.split("\n")
    if others != [""] or not origin or not size.isdecimal() or str(int(size)) != size:
        raise ValueError("no checkpoint")
    if not any(log_key.holds(text, signature) for _, signature in _signatures(note, log_key)):
        raise ValueError("not signed by the log")
    cosigned = {
        key.name: int.from_bytes(signature[:INSTANT_BYTES], "big")
        for key in witness_keys
        for _, signature in _signatures(note, key)
        if key.holds(text, signature)
    }
    return Checkpoint(origin, int(size), base64.b64decode(root, validate=True), cosigned)


def believed(notes: Sequence[str], log_key: Key, witness_keys: Sequence[Key]) -> list[tuple[str, Checkpoint]]:
    """Those checkpoints that the log has signed, the best first: that a witness has signed, and of these the newest.

    A checkpoint has the signatures of all who hold, of whichever note. None replaces another's: what somebody else
    wrote under a witness's name is left out, and its own stays. Of two of one size the first in `notes` comes first,
    which is the log's own: the other is then its fork.
    """
    found: dict[str, tuple[Checkpoint, dict[str, None]]] = {}
    for note in notes:
        try:
            checkpoint = read_checkpoint(note, log_key, witness_keys)
        except ValueError:
            continue
        text = text_of(note)
        together, lines = found.setdefault(text, (checkpoint, {}))
        together.cosigned.update(checkpoint.cosigned)
        for key in (log_key, *witness_keys):
            lines.update({line: None for line, signature in _signatures(note, key) if key.holds(text, signature)})
    whole = [("\n".join([text, *lines, ""]), checkpoint) for text, (checkpoint, lines) in found.items()]
    return sorted(whole, key=lambda one: (not one[1].cosigned, -one[1].size))


def newest(notes: Sequence[str], log_key: Key, witness_keys: Sequence[Key]) -> str:
    """The best of these; where none can be believed, the first as it is, of which `read_checkpoint` says why."""
    return next((note for note, _ in believed(notes, log_key, witness_keys)), next(iter(notes), ""))


def _signatures(note: str, key: Key) -> Iterator[tuple[str, bytes]]:
    """The lines under a key's name and number, with what they say, which may be anything; other lines are nobody's."""
    for line in note.rpartition("\n\n")[2].splitlines():
        if line.startswith(f"{SIGNATURE_LINE}{key.name} "):
            try:
                raw = base64.b64decode(line.rpartition(" ")[2], validate=True)
            except binascii.Error:
                continue
            if raw[:KEY_ID_BYTES] == key.number:
                yield line, raw[KEY_ID_BYTES:]


# -- a log -------------------------------------------------------------------------------------------------------------


def verify(
    log: Log,
    log_key: Key,
    witness_keys: Sequence[Key] = (),
    seen: Seen | None = None,
    every: Callable[[Callable[[int], Piece], int], Iterable[Piece]] = lambda look, pieces: map(look, range(pieces)),
) -> Report:
    """Look at the whole of a segment's log by the rules above; `seen`: the last that a witness has kept of it.

    `every`: how a function is called for all numbers below another, the results in order: by other processes perhaps.
    """
    notes, size = log.checkpoints(), log.size()
    checkpoints = [checkpoint for _, checkpoint in believed(notes, log_key, witness_keys)]
    if not checkpoints and not notes and not size:
        checkpoints = [NOT_BEGUN]
    if not checkpoints:
        unsigned = Finding(log.segment, None, Kind.UNSIGNED)
        return Report(log.segment, 0, sum(1 for _ in log.tail()), 0, [unsigned])
    checkpoint, *others = checkpoints
    heads = [(checkpoint.size, checkpoint.root, Kind.REWRITTEN, Kind.REWRITTEN)]
    # What other witnesses have signed is its beginning, or they were shown another log.
    heads += [(other.size, other.root, Kind.FORKED, Kind.FORKED) for other in others if other.cosigned]
    if seen is not None:  # which may be newer than the checkpoint that the witness has cosigned here
        heads.append((seen.size, seen.root, Kind.FORKED, Kind.ROLLED_BACK))
    look = partial(look_at, log, [head[0] for head in heads])
    pieces = every(look, -(-max(size, checkpoint.size) // PIECE_LEAVES))
    whole = _together(log, pieces)
    findings = [
        Finding(log.segment, None, shorter if whole.roots.get(length) is None else other)
        for length, root, other, shorter in sorted(heads)
        if whole.roots.get(length) != root
    ]
    last = {account: run[2] for account, run in whole.runs.items()}
    tail = list(_tail(log, last, whole.dropped))
    lost = list(_outside(whole.gone, _allowed(log.dropped(), whole.dropped)))
    findings += [Finding(log.segment, None, kind) for kind, _ in tail if kind is not None]
    findings += [Finding(log.segment, first, Kind.MISSING) for first, _ in lost]
    anchored = min(whole.entries, checkpoint.size)
    dropped = sum(end - first for first, end in whole.gone) - sum(end - first for first, end in lost)
    if witness_keys and not checkpoint.cosigned:  # a log that is new, or whose signature somebody has taken away
        anchored = 0
        if _now() - min([whole.oldest, *(at for _, at in tail)]) > PATIENCE_MICROSECONDS:
            findings.append(Finding(log.segment, None, Kind.UNSIGNED))
    found = sorted(findings + whole.findings, key=lambda finding: -1 if finding.entry is None else finding.entry)
    return Report(log.segment, anchored, whole.entries - anchored + len(tail), dropped, found[:MOST_FINDINGS])


def look_at(log: Log, sizes: Sequence[int], piece: int) -> Piece:
    """Look at one piece of a log. `sizes`: of checkpoints, whose roots are wanted where they end in this piece."""
    start, stored = piece * PIECE_LEAVES, log.leaves(piece)
    end = start + len(stored) // tree.HASH_BYTES
    found = Piece(end - start, _roots(stored, start, end, sizes), [], {}, [], {}, _now())
    keys = _Keys(log)
    place, oldest = start, found.oldest
    for at, values in log.entries(piece):
        if place < at:
            found.gone.append((place, at))
        place = at + 1
        kind: Kind | None = Kind.UNREADABLE
        if _readable(values):
            kind = _follow(found.runs, values, at)
            when = values[AT]
            if when is None:
                found.gone.append((at, place))
            else:
                offset = (at - start) * tree.HASH_BYTES
                kind = kind or _hashed(values, keys[when], stored[offset : offset + tree.HASH_BYTES])
                oldest = min(oldest, int.from_bytes(when, "big"))
                if values[EVENT] == LOG_DROPPED and kind is None:
                    found.dropped.update(_dropped(values))
        if kind is not None:
            found.findings.append(Finding(log.segment, at, kind))
    if place < end:
        found.gone.append((place, end))
    return found._replace(oldest=oldest, findings=found.findings[:MOST_FINDINGS], gone=list(_joined(found.gone)))


class _Keys:
    """The blinding keys of a log, by instants: of those that fall into one hour a month is worked out once."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._months: dict[int, bytes | None] = {}

    def __getitem__(self, at: bytes) -> bytes | None:
        hour = int.from_bytes(at, "big") // HOUR_MICROSECONDS
        if hour not in self._months:
            self._months[hour] = self._log.blinding(entry.month(at))
        return self._months[hour]


def _follow(runs: dict[bytes, tuple[int, int, int]], values: Sequence[bytes | None], at: int) -> Kind | None:
    """Rule 3: an author's next number, or what is wrong with it."""
    account, number = values[ACCOUNT] or b"", int.from_bytes(values[NUMBER] or b"", "big")
    run = runs.get(account)
    if run is None:
        runs[account] = (number, at, number)
        return None
    runs[account] = (run[0], run[1], number)
    return None if run[2] + 1 == number else Kind.OUT_OF_ORDER


def _hashed(values: Sequence[bytes | None], key: bytes | None, expected: bytes) -> Kind | None:
    """Rule 3: whether an entry has the hash that is stored for it."""
    if key is None:
        return Kind.UNREADABLE
    return None if tree.leaf_hash(entry.leaf(values, key)) == expected else Kind.CHANGED


def _together(log: Log, pieces: Iterable[Piece]) -> Piece:
    """A log's pieces, in order, as one: the roots of the whole, and authors' numbers from one piece to the next."""
    whole = Piece(0, {0: tree.EMPTY}, [], {}, [], {}, _now())
    complete: list[bytes] = []  # pieces are as many leaves as a power of two: over them the same tree goes on
    for piece in pieces:
        for size, root in piece.roots.items():
            edge = tree.Edge()
            edge.append([*complete, root])
            whole.roots[size] = edge.root()
        complete.append(piece.roots[whole.entries + piece.entries])
        findings = list(piece.findings)
        for account, (first, place, last_number) in piece.runs.items():
            before = whole.runs.get(account)
            if first != (1 if before is None else before[2] + 1):
                findings.append(Finding(log.segment, place, Kind.OUT_OF_ORDER))
            whole.runs[account] = (1, 0, last_number)
        whole.gone.extend(piece.gone)
        whole.dropped.update(piece.dropped)
        whole.findings.extend(findings[: MOST_FINDINGS - len(whole.findings)])
        whole = whole._replace(entries=whole.entries + piece.entries, oldest=min(whole.oldest, piece.oldest))
    return whole


def _roots(stored: bytes, start: int, end: int, sizes: Iterable[int]) -> dict[int, bytes]:
    """Roots over the leaves of a piece up to its end, and to each of the sizes within."""
    roots, edge = {}, tree.Edge()
    for size in sorted({end, *(size for size in sizes if start < size < end)}):
        edge.append(_hashes(stored[edge.size * tree.HASH_BYTES : (size - start) * tree.HASH_BYTES]))
        roots[size] = edge.root()
    return roots


def _dropped(values: Sequence[bytes | None]) -> dict[str, bytes]:
    """Rule 5: the month that an entry says was dropped, if not too early, with the hash of its leaves' places."""
    if values[ACCOUNT] != OWNER:
        return {}
    year, month = divmod(int.from_bytes(values[AMOUNT] or b"", "big"), 100)
    now = entry.month(values[AT] or b"")
    late = int(now[:4]) * 12 + int(now[5:]) - (year * 12 + month) > MONTHS_KEPT
    return {f"{year:04}-{month:02}": values[EVIDENCE] or b""} if late else {}


def ranges(text: str) -> list[tuple[int, int]]:
    """What an int8multirange holds, as PostgreSQL writes one: {[0,7),[9,12)}; each up to before its end."""
    return [(int(first), int(end)) for first, end in re.findall(r"\[(\d+),(\d+)\)", text)]


def _allowed(texts: dict[str, str], said: dict[str, bytes]) -> list[tuple[int, int]]:
    """Places that may have no entry: of months which the log itself says were dropped, as it says it."""
    held = (text for month, text in texts.items() if said.get(month) == hashlib.sha256(text.encode()).digest())
    return sorted(each for text in held for each in ranges(text))


def _joined(runs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Runs in order, those as one that follow on one another."""
    last: tuple[int, int] | None = None
    for first, end in runs:
        if last is not None and last[1] == first:
            last = (last[0], end)
            continue
        if last is not None:
            yield last
        last = (first, end)
    if last is not None:
        yield last


def _outside(runs: Iterable[tuple[int, int]], allowed: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What of the runs is not in any of the ranges, which are in order."""
    for first, end in runs:
        at = first
        for start, stop in allowed:
            if at >= end or start >= end:
                break
            if stop > at:
                if start > at:
                    yield at, start
                at = max(at, stop)
        if at < end:
            yield at, end


def _tail(log: Log, last: dict[bytes, int], dropped: dict[str, bytes]) -> Iterator[tuple[Kind | None, int]]:
    """Rule 4: what is wrong with each entry of the tail, and its instant; months that the tail says were dropped."""
    for values in log.tail():
        if not _readable(values):
            yield Kind.UNREADABLE, _now()
            continue
        account, number = values[ACCOUNT] or b"", int.from_bytes(values[NUMBER] or b"", "big")
        follows = number == last.get(account, 0) + 1
        last[account] = number
        if values[EVENT] == LOG_DROPPED:
            dropped.update(_dropped(values))
        yield None if follows else Kind.WITHHELD, int.from_bytes(values[AT] or b"", "big")


def _now() -> int:
    return time.time_ns() // 1000


def _readable(values: Sequence[bytes | None]) -> bool:
    """Whether an entry has all its fields, and what it cannot be without."""
    if len(values) != len(entry.FIELDS):
        return False
    return all(len(values[each] or b"") == width for each, width in ((ACCOUNT, 16), (NUMBER, 8))) and (
        values[AT] is None or len(values[AT] or b"") == INSTANT_BYTES
    )


def _hashes(leaves: bytes) -> Iterator[bytes]:
    for start in range(0, len(leaves), tree.HASH_BYTES):
        yield leaves[start : start + tree.HASH_BYTES]


# -- an exported folder ------------------------------------------------------------------------------------------------


class Folder:
    """A log that was written into a folder, one of several beside each other."""

    def __init__(self, path: Path) -> None:
        """The folder is named after the segment."""
        self.segment = path.name
        self._path = path
        self._dropped: dict[str, str] = json.loads((path / DROPPED).read_text(encoding="utf-8"))
        self._blinding: dict[str, str] = json.loads((path / BLINDING).read_text(encoding="utf-8"))

    def checkpoints(self) -> Sequence[str]:
        """See `Log`."""
        return [(self._path / CHECKPOINT).read_text(encoding="utf-8")]

    def size(self) -> int:
        """See `Log`."""
        return (self._path / LEAVES).stat().st_size // tree.HASH_BYTES

    def leaves(self, piece: int) -> bytes:
        """See `Log`."""
        with (self._path / LEAVES).open("rb") as file:
            file.seek(piece * PIECE_LEAVES * tree.HASH_BYTES)
            return file.read(PIECE_LEAVES * tree.HASH_BYTES)

    def entries(self, piece: int) -> Iterator[tuple[int, list[bytes | None]]]:
        """See `Log`."""
        return enumerate(self._read(f"{ENTRIES}.{piece:06}"), piece * PIECE_LEAVES)

    def tail(self) -> Iterator[list[bytes | None]]:
        """See `Log`."""
        return self._read(TAIL)

    def blinding(self, month: str) -> bytes | None:
        """See `Log`."""
        key = self._blinding.get(month)
        return None if key is None else bytes.fromhex(key)

    def dropped(self) -> dict[str, str]:
        """See `Log`."""
        return self._dropped

    def _read(self, name: str) -> Iterator[list[bytes | None]]:
        if not (self._path / name).exists():
            return
        data = (self._path / name).read_bytes()
        at = 0
        while at < len(data):
            start = at + LENGTH_BYTES
            at = start + int.from_bytes(data[at:start], "big")
            try:
                yield entry.parsed(data[start:at])
            except ValueError:
                yield []  # what is there is none


class Workers:
    """Processes that look at a log's pieces, as many as the machine has cores; none for a log of one piece."""

    def __init__(self, told: Callable[[int], None] = lambda _: None) -> None:
        """`told` is called with the number of entries that were looked at, each time that there are more."""
        self._told, self._looked = told, 0
        self._pool: pool.Pool | None = None

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End them."""
        if self._pool is not None:
            self._pool.terminate()

    def every(self, look: Callable[[int], Piece], pieces: int) -> Iterator[Piece]:
        """See `verify`."""
        if pieces > 1 and self._pool is None:
            self._pool = get_context("spawn").Pool()
        for piece in map(look, range(pieces)) if self._pool is None else self._pool.imap(look, range(pieces)):
            self._looked += piece.entries
            self._told(self._looked)
            yield piece


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()


def main() -> int:
    """Verify a folder of logs; 1 where something does not hold."""
    words = argparse.ArgumentParser(description="Verify an exported audit log.")
    words.add_argument("folder", type=Path)
    words.add_argument("--key", required=True, help="the log's public key")
    words.add_argument("--witness", action="append", default=[], help="a witness's public key; any of them suffices")
    given = words.parse_args()
    log_key, witnesses = Key.read(given.key), [Key.read(text) for text in given.witness]
    paths = sorted(each for each in given.folder.iterdir() if each.is_dir()) if given.folder.is_dir() else []
    if not paths:
        words.error("there is no log in this folder")
    found = False
    with Workers(lambda entries: _write(sys.stderr, f"\r{entries:,} entries")) as workers:
        for path in paths:
            report = verify(Folder(path), log_key, witnesses, every=workers.every)
            dropped = f", {report.dropped} dropped" if report.dropped else ""
            sys.stdout.write(f"{report.segment}: {report.anchored} anchored, {report.unanchored} not yet{dropped}\n")
            for finding in report.findings:
                sys.stdout.write(f"{finding.segment}: {finding.kind.value}, entry {finding.entry}\n")
            found = found or bool(report.findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
