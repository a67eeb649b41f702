"""Answers people who ask for proofs of their own lines: `89_reading.sql`, rule 6.

Of an entry the proof discloses the fields that its person may see, by salt and value, and the leaf, in which all others
stand as commitments. It is made where entries and blinding keys are anyway, and neither leaves here.
"""

import json
import logging
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import psycopg

from cloison.audit import proof, tree

ASKED = "select proof, segment, place, size, note, key, entry_values, disclosed from cloison.proofs_asked_v1(%s)"
PROVE = "select cloison.prove_v1(%s, %s)"
TILE = "select cloison.log_tile_v1(%s, %s::int2, %s)"
AT_ONCE = 50

_log = logging.getLogger("cloison.sequencer")


class Asked(NamedTuple):
    """A proof that waits: of the leaf at `place`, in the log as a witness signed it, and what of the entry it shows."""

    proof: UUID
    segment: str
    place: int
    size: int
    note: str
    key: bytes
    values: Sequence[bytes | None]
    disclosed: Sequence[str]


def answer(connection: psycopg.Connection) -> int:
    """Make the proofs that wait; how many were made. Raises psycopg.Error."""
    with connection.cursor(binary=True) as cursor:
        waiting = [Asked(*row) for row in cursor.execute(ASKED, (AT_ONCE,)).fetchall()]
    for asked in waiting:
        try:
            made = json.dumps(_made(connection, asked))
        except (LookupError, ValueError) as error:  # a tree that is not what it was: verifying says more
            _log.error("segment %s: a leaf cannot be proved: %s", asked.segment, type(error).__name__)
            made = ""
        connection.execute(PROVE, (asked.proof, made))
    return len(waiting)


def _made(connection: psycopg.Connection, asked: Asked) -> proof.Proof:
    def tile(place: tree.Tile) -> bytes:
        row = connection.execute(TILE, (asked.segment, *place)).fetchone()
        if row is None or row[0] is None:
            raise LookupError(f"tile {place.number} of level {place.level}")
        return bytes(row[0])

    included = proof.inclusion(asked.note, asked.size, asked.place, tile)
    return included | proof.disclosing(asked.values, asked.key, asked.disclosed)
