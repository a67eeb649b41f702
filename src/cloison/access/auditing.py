"""The audit log for auditors: its checkpoint, its tiles, proofs from them. Rules: `89_log_read.sql`.

A proof is made of a few tiles, which are asked for at once: first it is made of empty ones, to see which these are.
"""

from collections.abc import Callable
from typing import NamedTuple

from cloison.audit import tree
from cloison.audit.tree import Tile, Tiles
from cloison.audit.verify import Checkpoint, Key, newest, read_checkpoint
from cloison.errors import LogScopeError, NoSessionError, NotFoundError
from cloison.store.metered import Bearer, Meter

NOTES = "select verdict, note from cloison.audit_notes_v1(%b::text, %b::bytea, %b::text)"
TILES = (
    "select verdict, level, index, hashes "
    "from cloison.audit_tiles_v1(%b::text, %b::bytea, %b::text, %b::int2[], %b::int8[])"
)


class Head(NamedTuple):
    """A log's checkpoint: the note, and what it says."""

    note: str
    checkpoint: Checkpoint


class Auditor:
    """One log, read by the bearer of a session."""

    def __init__(self, meter: Meter, bearer: Bearer, log: str) -> None:
        """`log`: the segment whose log it is."""
        self._meter, self._bearer, self._log = meter, bearer, log

    async def head(self, log_key: Key, witness_keys: list[Key]) -> Head:
        """The newest checkpoint that a witness has signed; raises NotFoundError where there is none, as `tile`."""
        rows = await self._meter.ask(NOTES, (*self._bearer, self._log))
        _refuse(rows[0][0])
        note = newest([row[1] for row in rows if row[1]], log_key, witness_keys)
        try:
            return Head(note, read_checkpoint(note, log_key, witness_keys))
        except ValueError:
            raise NotFoundError from None

    async def tile(self, tile: Tile, width: int) -> bytes:
        """The first hashes of a tile, so many; raises NotFoundError, NoSessionError, LogScopeError."""
        hashes = (await self._tiles({tile}))(tile)[: width * tree.HASH_BYTES]
        if len(hashes) < width * tree.HASH_BYTES:
            raise NotFoundError
        return hashes

    async def proof(self, made: Callable[[Tiles], list[bytes]]) -> list[bytes]:
        """What is made of the log's tiles; raises NotFoundError for what cannot be made, as `tile`."""
        wanted: set[Tile] = set()

        def want(tile: Tile) -> bytes:
            wanted.add(tile)
            return bytes(tree.TILE_BYTES)

        try:
            made(want)
            return made(await self._tiles(wanted))
        except (LookupError, ValueError):
            raise NotFoundError from None

    async def _tiles(self, wanted: set[Tile]) -> Tiles:
        levels, numbers = [tile.level for tile in wanted], [tile.number for tile in wanted]
        rows = await self._meter.ask(TILES, (*self._bearer, self._log, levels, numbers))
        _refuse(rows[0][0])
        found = {Tile(row[1], row[2]): bytes(row[3]) for row in rows if row[3] is not None}

        def tile(place: Tile) -> bytes:
            if place not in found:
                raise NotFoundError
            return found[place]

        return tile


def _refuse(verdict: str) -> None:
    if verdict == "no_session":
        raise NoSessionError
    if verdict != "open":
        raise LogScopeError
