"""Arrays and rows in PostgreSQL's binary form, written by hand: an import packs some thirty values a person.

psycopg packs a list value by value, each through an object of its own, which costs an import of millions as much as the
sealing. The forms are those of `array_send` and `record_send`; PostgreSQL checks them on receipt, types included.
"""

import struct
from collections.abc import Iterable, Sequence

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

BOOL, INT8, INT4, BYTEA, TEXT, UUID_ = 16, 20, 23, 17, 25, 2950  # of pg_type
INT4_ARRAY, BYTEA_ARRAY, INT8_ARRAY = 1007, 1001, 1016
NULL = b"\xff\xff\xff\xff"
NO, YES = b"\x00\x00\x00\x01\x00", b"\x00\x00\x00\x01\x01"

_length = struct.Struct(">i").pack
_int4 = struct.Struct(">ii").pack
_int8 = struct.Struct(">iq").pack
_head = struct.Struct(">iiiii").pack
_long_head = struct.Struct(">iiiiii").pack
HEAD_BYTES = 20


class Packed(bytes):
    """A parameter that is in its binary form already; the query casts it to its type."""

    __slots__ = ()


class _PackedDumper(Dumper):
    format = Format.BINARY
    oid = 0  # the cast says it

    def dump(self, obj: Packed) -> Buffer | None:
        return obj


psycopg.adapters.register_dumper(Packed, _PackedDumper)


def int8(value: int | None) -> bytes:
    """A bigint with its length."""
    return NULL if value is None else _int8(8, value)


def int4(value: int) -> bytes:
    """An integer with its length."""
    return _int4(4, value)


def item(value: bytes) -> bytes:
    """Bytes with their length: a bytea, a text in UTF-8, a uuid."""
    return _length(len(value)) + value


def byteas(values: Sequence[bytes]) -> bytes:
    """A `bytea[]` with its length."""
    parts: list[bytes] = []
    for value in values:
        parts += (_length(len(value)), value)
    body = b"".join(parts)
    return _long_head(HEAD_BYTES + len(body), 1, 1, BYTEA, len(values), 1) + body


def int8_array(values: Iterable[int | None]) -> bytes:
    """A `bigint[]` with its length."""
    items = [NULL if value is None else _int8(8, value) for value in values]
    body = b"".join(items)
    return _long_head(HEAD_BYTES + len(body), 1, 1, INT8, len(items), 1) + body


def array(oid: int, items: Sequence[bytes]) -> bytes:
    """A one-dimensional array of items that have their lengths."""
    return _head(1, 1, oid, len(items), 1) + b"".join(items)


def int8s(values: Iterable[int | None]) -> Packed:
    """A `bigint[]`."""
    return Packed(array(INT8, [NULL if value is None else _int8(8, value) for value in values]))


class Row:
    """A composite type, by the types of its columns."""

    def __init__(self, *oids: int) -> None:
        """Prepare the lengthless part of each column: its type."""
        self._types = [_length(oid) for oid in oids]
        self._count = _length(len(oids))

    def pack(self, *columns: bytes) -> bytes:
        """A row of columns that have their lengths; itself without."""
        parts = [self._count]
        for pair in zip(self._types, columns, strict=True):
            parts += pair
        return b"".join(parts)
