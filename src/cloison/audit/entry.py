"""An entry of the audit log as bytes, and the commitments that stand for it in the tree; no I/O.

Canonical bytes: for each field of `FIELDS`, in order, one byte with the length of its value, then the value; 255 and
nothing for a field that the entry does not have. Whole numbers are 8 bytes, big-endian, in two's complement; instants
are microseconds since 1970 in UTC, written as a whole number; texts are UTF-8; UUIDs are 16 bytes.

A leaf is `LEAF_VERSION`, then 32 bytes a field, its commitment: SHA-256 of the field's salt, its number in `FIELDS`
from 1 on, and its value; the salt itself where the entry has no such field. Whoever is shown salt and value of one
field can check that field, and learns nothing of the others, nor whether they are there. The salts of an entry are
SHAKE-256 of the month's blinding key, the author and the number: with the key gone, leaves say nothing any more, and
the tree still holds.

`docs/audit-format.md` tells the same in words, with golden vectors; this module imports nothing of ours.
"""

import hashlib
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

ABSENT = 255
LEAF_VERSION = b"\x01"
KEY_BYTES = 32
COMMITMENT_BYTES = SALT_BYTES = 32  # a field without a value stands in the leaf as its salt

_sha256, _shake_256 = hashlib.sha256, hashlib.shake_256
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Value = str | int | datetime | UUID | bytes


class Field(NamedTuple):
    """A field of an entry: its name, and what its value is."""

    name: str
    kind: type[Value]


FIELDS = (
    Field("segment", str),
    Field("account", UUID),  # the author; numbers below 2^64 are nobody's account, see docs/audit-format.md
    Field("number", int),  # of the author's entries in the segment, from 1 on, without gaps
    Field("at", datetime),
    Field("event", str),
    Field("outcome", str),
    Field("organisation", UUID),  # the author's
    Field("session", UUID),
    Field("device", bytes),  # thumbprint of the key that the session is bound to
    Field("request", UUID),
    Field("person", UUID),
    Field("compartments", int),  # a set of bits, as the profile numbers them
    Field("purpose", int),
    Field("relation", str),
    Field("subject", UUID),  # whom or what an administrative act is about
    Field("amount", int),
    Field("version", int),  # of a change: the row's from then on
    Field("sealed_hash", bytes),  # of a change: SHA-256 of the sealed compartments, one after the other
    Field("evidence", bytes),  # of an act that was signed: SHA-256 of the act's bytes and of the passkey's answer
)
NUMBERS = {field.name: number for number, field in enumerate(FIELDS, 1)}
_WIDTHS = {UUID: 16, int: 8, datetime: 8}
_MARKS = [bytes([number]) for number in range(1, len(FIELDS) + 1)]
_SALTS = struct.Struct(f"{SALT_BYTES}s" * len(FIELDS))
_ABSENT = bytes([ABSENT])
_LENGTHS = [bytes([length]) for length in range(ABSENT)]


def written(value: Value | None) -> bytes | None:
    """A value as it stands in the canonical bytes; raises ValueError for one that is too long."""
    match value:
        case None:
            return None
        case int():
            raw = struct.pack(">q", value)
        case datetime():
            raw = struct.pack(">q", (value - _EPOCH) // timedelta(microseconds=1))
        case UUID():
            raw = value.bytes
        case str():
            raw = value.encode()
        case _:
            raw = value
    if len(raw) >= ABSENT:
        raise ValueError(f"a value of {len(raw)} bytes does not fit into an entry")
    return raw


def read(number: int, raw: bytes) -> Value:
    """The value that a field's bytes stand for; raises ValueError where they are none of its kind."""
    kind = FIELDS[number - 1].kind
    if len(raw) != _WIDTHS.get(kind, len(raw)):
        raise ValueError(f"{FIELDS[number - 1].name} does not have {len(raw)} bytes")
    if kind is int:
        return int(struct.unpack(">q", raw)[0])
    if kind is datetime:
        return _EPOCH + timedelta(microseconds=struct.unpack(">q", raw)[0])
    if kind is UUID:
        return UUID(bytes=raw)
    return raw.decode() if kind is str else raw


def canonical(values: Sequence[bytes | None]) -> bytes:
    """The canonical bytes of an entry whose fields' values are written; raises ValueError unless there are all."""
    if len(values) != len(FIELDS):
        raise ValueError(f"an entry has {len(FIELDS)} fields")
    return b"".join(map(_part, values))


def parsed(data: bytes) -> list[bytes | None]:
    """The written values in canonical bytes; raises ValueError where they are none."""
    values: list[bytes | None] = []
    at, end = 0, len(data)
    for _ in FIELDS:
        if at >= end:
            raise ValueError("an entry ends too early")
        length = data[at]
        at += 1
        if length == ABSENT:
            values.append(None)
            continue
        values.append(data[at : at + length])
        at += length
    if at != end:
        raise ValueError("an entry is too short or too long")
    return values


def salts(key: bytes, account: bytes, number: bytes) -> tuple[bytes, ...]:
    """The salts of an entry's fields, in their order; `key` is the month's, author and number as written."""
    return _SALTS.unpack(_shake_256(key + account + number).digest(_SALTS.size))


def commitment(number: int, salt: bytes, value: bytes | None) -> bytes:
    """What stands for one field in the leaf; `number` as in `FIELDS` from 1 on."""
    return salt if value is None else _sha256(salt + _MARKS[number - 1] + value).digest()


def leaf(values: Sequence[bytes | None], key: bytes) -> bytes:
    """The leaf of an entry whose fields' values are written, blinded by the month's key; raises ValueError."""
    account, number = values[NUMBERS["account"] - 1], values[NUMBERS["number"] - 1]
    if account is None or number is None or len(values) != len(FIELDS):
        raise ValueError(f"an entry has {len(FIELDS)} fields, an author and a number")
    salted = zip(salts(key, account, number), _MARKS, values, strict=True)
    made = [salt if value is None else _sha256(salt + mark + value).digest() for salt, mark, value in salted]
    return LEAF_VERSION + b"".join(made)


def discloses(leaf: bytes, number: int, salt: bytes, value: bytes) -> bool:
    """Whether the leaf stands for an entry whose field has this value. That it has none, only the month's key shows."""
    start = len(LEAF_VERSION) + COMMITMENT_BYTES * (number - 1)
    whole = leaf.startswith(LEAF_VERSION) and len(leaf) == len(LEAF_VERSION) + COMMITMENT_BYTES * len(FIELDS)
    return whole and leaf[start : start + COMMITMENT_BYTES] == commitment(number, salt, value)


def _part(value: bytes | None) -> bytes:
    return _ABSENT if value is None else _LENGTHS[len(value)] + value


def month(at: bytes) -> str:
    """The month of a written instant, in UTC, such as 2026-11: whose key blinds the entry; raises ValueError."""
    when = read(NUMBERS["at"], at)
    if not isinstance(when, datetime):
        raise ValueError("no instant")  # noqa: TRY004 - of the canonical bytes
    return f"{when:%Y-%m}"
