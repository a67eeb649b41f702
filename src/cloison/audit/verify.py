"""Checks an audit log without trusting whoever keeps it: entries, tree, checkpoints. Runs alone.

    python verify.py FOLDER --key LOG_KEY [--witness WITNESS_KEY …]

with a folder that `cloison audit export` wrote. This file, `entry.py` and `tree.py` beside it, and the package
`cryptography` are all it needs. The rules, for each segment's log:
  1. its checkpoint is signed by the log's key, and by a witness's where keys of witnesses are given: within ten minutes
     of its first entry, until when nothing of it is anchored;
  2. the leaves' hashes, as stored, have the root that the checkpoint says;
  3. each entry is the one that was hashed; of each author the numbers go from 1 on without a gap, in this order;
     What a witness has kept of the log is its beginning;
  4. entries that the checkpoint does not cover yet, the tail, go on where it ends, and are counted.
Where rule 2 holds, rule 3 names the very entry that was changed or taken away; where it does not, the log was written
anew, and its own checkpoint convicts it.

Notes have the forms of C2SP: signed-note, tlog-checkpoint, tlog-cosignature.
"""

import argparse
import base64
import binascii
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

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
LENGTH_BYTES = 2  # before each entry in a file
ENTRIES, LEAVES, TAIL, CHECKPOINT, BLINDING = "entries", "leaves", "tail", "checkpoint", "blinding.json"
ACCOUNT, NUMBER, AT = (entry.NUMBERS[name] - 1 for name in ("account", "number", "at"))


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
    """What became of a segment's log: entries that its checkpoint covers, those since, and what does not hold."""

    segment: str
    anchored: int
    unanchored: int
    findings: list[Finding]


class Log(Protocol):
    """One segment's log, wherever it is kept."""

    segment: str

    def checkpoint(self) -> str:
        """The note, with its signatures; empty if there is none."""

    def leaves(self) -> Iterable[bytes]:
        """The leaves' hashes as stored, in pieces of whole hashes."""

    def entries(self) -> Iterable[Sequence[bytes | None] | None]:
        """The written values of each entry in the order of the tree; None for one that is gone, none for no entry."""

    def tail(self) -> Iterable[Sequence[bytes | None]]:
        """Those of the entries that are not in the tree, by author and number."""

    def blinding(self, month: str) -> bytes | None:
        """The key of a month, such as 2026-11."""


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
    signed: dict[tuple[str, bytes], bytes] = {}
    for line in note[len(text) + 1 :].splitlines():
        name, _, data = line.removeprefix(SIGNATURE_LINE).partition(" ")
        raw = base64.b64decode(data, validate=True)
        signed[name, raw[:KEY_ID_BYTES]] = raw[KEY_ID_BYTES:]
    if not log_key.holds(text, signed.get((log_key.name, log_key.number), b"")):
        raise ValueError("not signed by the log")
    cosigned = {}
    for key in witness_keys:
        signature = signed.get((key.name, key.number), b"")
        if key.holds(text, signature):
            cosigned[key.name] = int.from_bytes(signature[:8], "big")
    return Checkpoint(origin, int(size), base64.b64decode(root, validate=True), cosigned)


# -- a log -------------------------------------------------------------------------------------------------------------


def verify(log: Log, log_key: Key, witness_keys: Sequence[Key] = (), seen: Seen | None = None) -> Report:
    """Look at the whole of a segment's log by the rules above; `seen`: the last that a witness has kept of it."""
    leaves = b"".join(log.leaves())
    note = log.checkpoint()
    try:
        checkpoint = read_checkpoint(note, log_key, witness_keys) if note or leaves else NOT_BEGUN
    except ValueError:
        return Report(log.segment, 0, sum(1 for _ in log.tail()), [Finding(log.segment, None, Kind.UNSIGNED)])
    findings = [Finding(log.segment, None, kind) for kind in _faults_of_the_tree(checkpoint, leaves, seen)]
    last: dict[bytes, int] = {}
    place, oldest = -1, _now()
    for place, values in enumerate(log.entries()):
        kind = _fault(values, leaves[place * tree.HASH_BYTES : (place + 1) * tree.HASH_BYTES], last, log.blinding)
        if kind is not None:
            findings.append(Finding(log.segment, place, kind))
        oldest = min(oldest, _instant(values))
    if place + 1 < checkpoint.size:
        findings.append(Finding(log.segment, place + 1, Kind.MISSING))
    tail = list(_tail(log, last))
    findings += [Finding(log.segment, None, kind) for kind, _ in tail if kind is not None]
    anchored = min(place + 1, checkpoint.size)
    if witness_keys and not checkpoint.cosigned:  # a log that is new, or whose signature somebody has taken away
        anchored = 0
        if _now() - min([oldest, *(at for _, at in tail)]) > PATIENCE_MICROSECONDS:
            findings.append(Finding(log.segment, None, Kind.UNSIGNED))
    return Report(log.segment, anchored, place + 1 - anchored + len(tail), findings)


def _tail(log: Log, last: dict[bytes, int]) -> Iterator[tuple[Kind | None, int]]:
    """Rule 4: what is wrong with each entry of the tail, and its instant."""
    for values in log.tail():
        if not _readable(values):
            yield Kind.UNREADABLE, _now()
            continue
        account, number = values[ACCOUNT] or b"", int.from_bytes(values[NUMBER] or b"", "big")
        follows = number == last.get(account, 0) + 1
        last[account] = number
        yield None if follows else Kind.WITHHELD, _instant(values)


def _instant(values: Sequence[bytes | None] | None) -> int:
    """Microseconds since 1970 of an entry; now, of one that has none."""
    return int.from_bytes(values[AT] or b"", "big") if values and values[AT] else _now()


def _now() -> int:
    return time.time_ns() // 1000


def _faults_of_the_tree(checkpoint: Checkpoint, leaves: bytes, seen: Seen | None) -> Iterator[Kind]:
    """Rule 2, and what a witness has kept: which may be newer than the checkpoint that it has cosigned here."""
    heads = [(checkpoint.size, checkpoint.root, Kind.REWRITTEN, Kind.REWRITTEN)]
    if seen is not None:
        heads.append((seen.size, seen.root, Kind.FORKED, Kind.ROLLED_BACK))
    edge = tree.Edge()
    for size, root, other, shorter in sorted(heads):
        edge.append(_hashes(leaves[edge.size * tree.HASH_BYTES : size * tree.HASH_BYTES]))
        if edge.size < size:
            yield shorter
        elif edge.root() != root:
            yield other


def _fault(
    values: Sequence[bytes | None] | None,
    expected: bytes,
    last: dict[bytes, int],
    blinding: Callable[[str], bytes | None],
) -> Kind | None:
    """What is wrong with an entry of the tree, and how far its author's numbers have come."""
    if values is None:
        return Kind.MISSING
    if not _readable(values):
        return Kind.UNREADABLE
    account, number, at = (values[each] or b"" for each in (ACCOUNT, NUMBER, AT))
    before = last.get(account, 0)
    last[account] = int.from_bytes(number, "big")
    key = blinding(entry.month(at))
    if key is None:
        return Kind.UNREADABLE
    if tree.leaf_hash(entry.leaf(values, key)) != expected:
        return Kind.CHANGED
    return None if last[account] == before + 1 else Kind.OUT_OF_ORDER


def _readable(values: Sequence[bytes | None]) -> bool:
    """Whether an entry has all its fields, and what it cannot be without."""
    if len(values) != len(entry.FIELDS):
        return False
    return all(len(values[each] or b"") == width for each, width in ((ACCOUNT, 16), (NUMBER, 8), (AT, 8)))


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
        self._blinding: dict[str, str] = json.loads((path / BLINDING).read_text(encoding="utf-8"))

    def checkpoint(self) -> str:
        """See `Log`."""
        return (self._path / CHECKPOINT).read_text(encoding="utf-8")

    def leaves(self) -> Iterator[bytes]:
        """See `Log`."""
        with (self._path / LEAVES).open("rb") as file:
            while piece := file.read(tree.TILE_BYTES):
                yield piece

    def entries(self) -> Iterator[list[bytes | None] | None]:
        """See `Log`."""
        return self._read(ENTRIES)

    def tail(self) -> Iterator[list[bytes | None]]:
        """See `Log`."""
        return (values for values in self._read(TAIL) if values is not None)

    def blinding(self, month: str) -> bytes | None:
        """See `Log`."""
        key = self._blinding.get(month)
        return None if key is None else bytes.fromhex(key)

    def _read(self, name: str) -> Iterator[list[bytes | None] | None]:
        with (self._path / name).open("rb") as file:
            while head := file.read(LENGTH_BYTES):
                size = int.from_bytes(head, "big")
                try:
                    yield entry.parsed(file.read(size)) if size else None
                except ValueError:
                    yield []  # what is there is none


def main() -> int:
    """Verify a folder of logs; 1 where something does not hold."""
    words = argparse.ArgumentParser(description="Verify an exported audit log.")
    words.add_argument("folder", type=Path)
    words.add_argument("--key", required=True, help="the log's public key")
    words.add_argument("--witness", action="append", default=[], help="a witness's public key; any of them suffices")
    given = words.parse_args()
    log_key, witnesses = Key.read(given.key), [Key.read(text) for text in given.witness]
    found = False
    for path in sorted(each for each in given.folder.iterdir() if each.is_dir()):
        report = verify(Folder(path), log_key, witnesses)
        sys.stdout.write(f"{report.segment}: {report.anchored} anchored, {report.unanchored} not yet\n")
        for finding in report.findings:
            sys.stdout.write(f"{finding.segment}: {finding.kind.value}, entry {finding.entry}\n")
        found = found or bool(report.findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
