"""The Merkle tree: against RFC 6962 written down literally, and proofs that show nothing else than they should."""

import hashlib
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloison.audit.tree import (
    EMPTY,
    HASH_BYTES,
    Edge,
    Tile,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

SIZES = (1, 2, 3, 4, 5, 7, 8, 255, 256, 257, 511, 512, 513, 700)
# Certificate Transparency's own: the leaves of its reference tree, and the roots of its first one to eight
LEAVES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "60" * 16)]
LEAVES[-1] = bytes.fromhex("606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def literal(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as it stands there."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node_hash(literal(leaves[:half]), literal(leaves[half:]))


class Grown:
    """A log of so many leaves, with the root of every size."""

    def __init__(self, size: int, step: int = 1) -> None:
        """Leaves are added `step` at a time."""
        self.leaves = [b"leaf %d" % number for number in range(size)]
        self.tiles: dict[Tile, bytes] = {}
        self.roots = {0: EMPTY}
        edge = Edge()
        for begin in range(0, size, step):
            self.tiles |= edge.append(map(leaf_hash, self.leaves[begin : begin + step]))
            self.roots[edge.size] = edge.root()


@pytest.fixture(scope="module")
def grown() -> Grown:
    """A log of three levels' worth of partial tiles."""
    return Grown(700)


def test_roots_of_certificate_transparency() -> None:
    """The reference tree's roots."""
    edge = Edge()
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        edge.append([leaf_hash(leaf)])
        assert edge.root().hex() == root


@pytest.mark.parametrize("size", SIZES)
def test_root_is_what_the_rfc_says(grown: Grown, size: int) -> None:
    """By the edge, by the tiles, and by the RFC's recursion; an edge read again goes on as before."""
    assert grown.roots[size] == literal(grown.leaves[:size]) == root_of(size, grown.tiles.__getitem__)
    part = Grown(size, step=13)
    assert part.roots[size] == grown.roots[size]
    edge = Edge.of(size, part.tiles.__getitem__)
    assert edge.root() == grown.roots[size]
    edge.append([leaf_hash(b"leaf %d" % size)])
    assert edge.root() == literal([*grown.leaves[:size], b"leaf %d" % size])


def test_tiles_only_grow() -> None:
    """A tile that is there is the beginning of what it becomes."""
    edge, tiles = Edge(), dict[Tile, bytes]()
    for number in range(600):
        for place, tile in edge.append([leaf_hash(b"%d" % number)]).items():
            assert tile.startswith(tiles.get(place, b""))
            assert len(tile) <= 256 * HASH_BYTES
            tiles[place] = tile


@given(st.data())
def test_inclusion(data: st.DataObject) -> None:
    """A proof holds for its leaf, place, size and root, and for no others."""
    log = GROWN
    size = data.draw(st.integers(1, 700))
    index = data.draw(st.integers(0, size - 1))
    leaf, root = leaf_hash(log.leaves[index]), log.roots[size]
    proof = inclusion_proof(index, size, log.tiles.__getitem__)
    assert verify_inclusion(leaf, index, size, proof, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda each: each != index)) if size > 1 else 1
    assert not verify_inclusion(leaf, other, size, proof, root)
    assert not verify_inclusion(leaf_hash(b"another"), index, size, proof, root)
    assert not verify_inclusion(leaf, index, size, [*proof, leaf], root)
    if proof:
        assert not verify_inclusion(leaf, index, size, proof[:-1], root)
        changed = list(proof)
        changed[data.draw(st.integers(0, len(proof) - 1))] = leaf_hash(b"another")
        assert not verify_inclusion(leaf, index, size, changed, root)


@given(st.data())
def test_consistency(data: st.DataObject) -> None:
    """A proof leads from one root to a later one, and from no other."""
    log = GROWN
    old, new = sorted(data.draw(st.tuples(st.integers(0, 700), st.integers(0, 700))))
    proof = consistency_proof(old, new, log.tiles.__getitem__)
    assert verify_consistency(old, log.roots[old], new, log.roots[new], proof)
    forged = leaf_hash(b"another")
    assert not verify_consistency(old, forged, new, log.roots[new], proof)
    if 0 < old < new:
        assert not verify_consistency(old, log.roots[old], new, forged, proof)
        assert not verify_consistency(old, log.roots[old], new, log.roots[new], [*proof, forged])
        assert not verify_consistency(old, log.roots[old], new, log.roots[new], proof[:-1])
        assert not verify_consistency(new, log.roots[new], old, log.roots[old], proof)


def test_every_pair_of_a_small_log() -> None:
    """All sizes up to 20, all leaves."""
    log = Grown(20)
    for size in range(1, 21):
        for index in range(size):
            proof = inclusion_proof(index, size, log.tiles.__getitem__)
            assert verify_inclusion(leaf_hash(log.leaves[index]), index, size, proof, log.roots[size])
    for old, new in itertools.combinations_with_replacement(range(21), 2):
        proof = consistency_proof(old, new, log.tiles.__getitem__)
        assert verify_consistency(old, log.roots[old], new, log.roots[new], proof)


def test_what_is_no_log_is_refused() -> None:
    """Leaves that are not there, logs that shrink, tiles that are cut off or gone."""
    log = Grown(300)
    with pytest.raises(ValueError, match="none of 300"):
        inclusion_proof(300, 300, log.tiles.__getitem__)
    with pytest.raises(ValueError, match="does not grow"):
        consistency_proof(5, 4, log.tiles.__getitem__)
    cut = {place: tile[:-HASH_BYTES] for place, tile in log.tiles.items()}
    with pytest.raises(LookupError):
        root_of(300, cut.__getitem__)
    with pytest.raises(ValueError, match="hashes in its last tile"):
        Edge.of(300, cut.__getitem__)
    with pytest.raises(LookupError):
        Edge.of(300, dict[Tile, bytes]().__getitem__)


def test_random_hashes_prove_nothing() -> None:
    """Proofs of any length out of nothing."""
    chance = random.Random(5)  # noqa: S311 - a game
    for _ in range(200):
        proof = [chance.randbytes(HASH_BYTES) for _ in range(chance.randrange(12))]
        assert not verify_inclusion(leaf_hash(b"x"), chance.randrange(700), 700, proof, GROWN.roots[700])
        assert not verify_consistency(chance.randrange(1, 700), EMPTY, 700, GROWN.roots[700], proof)


GROWN = Grown(700)
