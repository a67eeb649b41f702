"""The Merkle tree of RFC 6962, section 2.1, over leaves that are only ever added; no I/O.

Hashes are 32 bytes of SHA-256. A log is kept as tiles (C2SP tlog-tiles): tile `number` of `level` holds up to 256
hashes, each of a complete subtree of 256 ** level leaves. Everything else is computed from these.
`docs/audit-format.md` tells the same in words; this module imports nothing of ours.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

HASH_BYTES = 32
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT  # hashes
TILE_BYTES = TILE_WIDTH * HASH_BYTES
EMPTY = hashlib.sha256().digest()  # the root of no leaves

_sha256 = hashlib.sha256


class Tile(NamedTuple):
    """The place of a tile: the `number`-th of its level."""

    level: int
    number: int


def tile_path(tile: Tile, width: int) -> str:
    """Where C2SP tlog-tiles keeps a tile of so many hashes, below a log's address."""
    digits = f"{tile.number:d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    place = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
    return f"tile/{tile.level}/{place}" + (f".p/{width}" if width < TILE_WIDTH else "")


def tiles_of(size: int) -> Iterator[tuple[Tile, int]]:
    """The tiles of a log of so many leaves, each with how many hashes it has."""
    level = 0
    while size:
        for number in range(-(-size // TILE_WIDTH)):
            yield Tile(level, number), min(TILE_WIDTH, size - number * TILE_WIDTH)
        size >>= TILE_HEIGHT
        level += 1


Tiles = Callable[[Tile], bytes]  # the hashes of a tile as one string, as many as are there; raises LookupError for none


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf, from the bytes that it stands for."""
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node, from those of its children."""
    return _sha256(b"\x01" + left + right).digest()


# -- growing -----------------------------------------------------------------------------------------------------------


class Edge:
    """The right edge of a growing log: of each level the tile that is not full. 8 KiB a level are all that is kept."""

    def __init__(self, size: int = 0, partial: Sequence[bytes] = ()) -> None:
        """Continue a log of `size` leaves; `partial[level]` are the hashes of that level's last tile.

        Raises ValueError where these are not as many as a log of that size has.
        """
        self.size = size
        self._partial = [bytearray(each) for each in partial]
        for level, width in enumerate(_widths(size)):
            if level >= len(partial) or len(partial[level]) != width * HASH_BYTES:
                raise ValueError(f"level {level} of a log of {size} leaves has {width} hashes in its last tile")

    @classmethod
    def of(cls, size: int, tiles: Tiles) -> "Edge":
        """The edge of a log whose tiles are stored; raises LookupError where one is missing, ValueError as above."""
        widths = _widths(size)
        whole = [size >> TILE_HEIGHT * (level + 1) for level in range(len(widths))]
        partial = [
            tiles(Tile(level, index))[: width * HASH_BYTES] if width else b""
            for level, (index, width) in enumerate(zip(whole, widths, strict=True))
        ]
        return cls(size, partial)

    def append(self, hashes: Iterable[bytes]) -> dict[Tile, bytes]:
        """Add leaves by their hashes; the tiles that are new or longer, by place."""
        changed: dict[Tile, bytes] = {}
        touched = set()
        for each in hashes:
            self.size += 1
            level, added = 0, each
            while True:
                if level == len(self._partial):
                    self._partial.append(bytearray())
                tile = self._partial[level]
                tile += added
                touched.add(level)
                if len(tile) < TILE_BYTES:
                    break
                full = bytes(tile)
                changed[Tile(level, (self.size >> TILE_HEIGHT * (level + 1)) - 1)] = full
                tile.clear()
                touched.discard(level)
                level, added = level + 1, _tile_root(full)
        for level in touched:
            changed[Tile(level, self.size >> TILE_HEIGHT * (level + 1))] = bytes(self._partial[level])
        return changed

    def root(self) -> bytes:
        """The hash of the whole tree."""
        if self.size == 0:
            return EMPTY
        peaks = [peak for tile in reversed(self._partial) for peak in _peaks(bytes(tile))]
        root = peaks.pop()
        while peaks:
            root = node_hash(peaks.pop(), root)
        return root


def _widths(size: int) -> list[int]:
    """How many hashes the last, not full, tile of each level has."""
    widths = []
    while size:
        widths.append(size % TILE_WIDTH)
        size >>= TILE_HEIGHT
    return widths


def _tile_root(tile: bytes) -> bytes:
    """The root over the hashes of a tile, whose number is a power of two."""
    row = [tile[i : i + HASH_BYTES] for i in range(0, len(tile), HASH_BYTES)]
    while len(row) > 1:
        row = [_sha256(b"\x01" + row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
    return row[0]


def _peaks(tile: bytes) -> Iterator[bytes]:
    """The roots of the largest complete subtrees of a tile that is not full, from left to right."""
    count, begin = len(tile) // HASH_BYTES, 0
    for height in range(TILE_HEIGHT, -1, -1):
        width = 1 << height
        if count & width:
            yield _tile_root(tile[begin * HASH_BYTES : (begin + width) * HASH_BYTES])
            begin += width


# -- proofs: made from tiles -------------------------------------------------------------------------------------------


def root_of(size: int, tiles: Tiles) -> bytes:
    """The root of the log's first `size` leaves; raises LookupError where a tile is missing or too short."""
    return EMPTY if size == 0 else _range_hash(0, size, tiles)


def inclusion_proof(index: int, size: int, tiles: Tiles) -> list[bytes]:
    """That leaf `index` is in the log of `size` leaves (RFC 6962, 2.1.1); raises ValueError, LookupError."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is none of {size}")
    return list(_path(index, 0, size, tiles))


def consistency_proof(old: int, new: int, tiles: Tiles) -> list[bytes]:
    """That the log of `old` leaves is the beginning of the one of `new` (RFC 6962, 2.1.2); raises as above.

    Empty where there is nothing to show: from no leaves, and to the same.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a log of {old} leaves does not grow to {new}")
    return [] if old in {0, new} else list(_subproof(old, 0, new, tiles, whole=True))


def _path(index: int, begin: int, end: int, tiles: Tiles) -> Iterator[bytes]:
    if end - begin == 1:
        return
    middle = begin + _split(end - begin)
    if index < middle:
        yield from _path(index, begin, middle, tiles)
        yield _range_hash(middle, end, tiles)
    else:
        yield from _path(index, middle, end, tiles)
        yield _range_hash(begin, middle, tiles)


def _subproof(old: int, begin: int, end: int, tiles: Tiles, *, whole: bool) -> Iterator[bytes]:
    if old == end:
        if not whole:
            yield _range_hash(begin, end, tiles)
        return
    middle = begin + _split(end - begin)
    if old <= middle:
        yield from _subproof(old, begin, middle, tiles, whole=whole)
        yield _range_hash(middle, end, tiles)
    else:
        yield from _subproof(old, middle, end, tiles, whole=False)
        yield _range_hash(begin, middle, tiles)


def _split(width: int) -> int:
    """The largest power of two that is smaller."""
    return 1 << (width - 1).bit_length() - 1


def _range_hash(begin: int, end: int, tiles: Tiles) -> bytes:
    """The hash of a subtree: complete ones are in tiles, the one at the right edge is put together."""
    width = end - begin
    if width & (width - 1) == 0:
        level, height = divmod(width.bit_length() - 1, TILE_HEIGHT)
        first = begin >> TILE_HEIGHT * level
        tile = tiles(Tile(level, first >> TILE_HEIGHT))
        start = (first % TILE_WIDTH) * HASH_BYTES
        part = tile[start : start + (HASH_BYTES << height)]
        if len(part) != HASH_BYTES << height:
            raise LookupError(f"tile {first >> TILE_HEIGHT} of level {level} is too short")
        return _tile_root(part)
    middle = begin + _split(width)
    return node_hash(_range_hash(begin, middle, tiles), _range_hash(middle, end, tiles))


# -- proofs: checked ---------------------------------------------------------------------------------------------------


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof leads from a leaf's hash to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(each, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, each)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof leads from one root to the other (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(each, first), node_hash(each, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, each)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root
