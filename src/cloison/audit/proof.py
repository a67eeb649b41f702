"""Proofs about a log for somebody who has its keys and nothing else: made from tiles, checked offline. Runs alone.

    python proof.py PROOF.json --key LOG_KEY [--witness WITNESS_KEY …]

with `verify.py`, `entry.py` and `tree.py` beside it, and the package `cryptography`. A proof is a JSON object:

    {"proves": "inclusion", "index", "hash", "path", "checkpoint", "leaf"?, "disclosed"?: {field: {"salt", "value"}}}
    {"proves": "consistency", "old", "new", "path"}

`checkpoint`, `old` and `new` are signed notes; hashes, leaf, salts and values are hexadecimal, `path` a list of hashes
as in RFC 6962, 2.1.1 and 2.1.2. The rules:
  1. checkpoints are signed by the log's key, and by a witness's where keys of witnesses are given;
  2. the path leads from the leaf's hash to the checkpoint's root, or from the older root to the newer; both checkpoints
     are of one log;
  3. the leaf, where it is shown, has that hash; each field that is disclosed is the one in the leaf.
What is not disclosed stays unknown: the leaf holds blinded commitments.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

try:
    from cloison.audit import entry, tree
    from cloison.audit.verify import Checkpoint, Key, read_checkpoint
except ImportError:  # outside of Cloison, with the four files in one folder
    import entry  # type: ignore[import-not-found,no-redef]
    import tree  # type: ignore[import-not-found,no-redef]
    from verify import Checkpoint, Key, read_checkpoint  # type: ignore[import-not-found,no-redef]

Proof = dict[str, object]  # what JSON is
INCLUSION, CONSISTENCY = "inclusion", "consistency"


class Fault(StrEnum):
    """Why a proof proves nothing."""

    UNREADABLE = "unreadable"  # what is there is no proof
    UNSIGNED = "unsigned"  # a checkpoint that the log's key, or every witness, has not signed
    NOT_INCLUDED = "not_included"  # the leaf is not at this place of the log
    NOT_DISCLOSED = "not_disclosed"  # a field is not the one in the leaf
    NOT_CONSISTENT = "not_consistent"  # the newer checkpoint does not continue the older: forked or rolled back


class Shown(NamedTuple):
    """What a proof shows: of the log `origin`, by size; which leaf, and of its fields those that are disclosed."""

    origin: str
    size: int
    leaf: int | None
    fields: dict[str, str]


class FaultyProofError(ValueError):
    """A proof that proves nothing; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        """For this reason."""
        super().__init__(fault.value)
        self.fault = fault


# -- made --------------------------------------------------------------------------------------------------------------


def inclusion(note: str, size: int, index: int, tiles: tree.Tiles) -> Proof:
    """That leaf `index` is in the log of the checkpoint, of `size` leaves; raises ValueError, LookupError."""
    path = tree.inclusion_proof(index, size, tiles)
    place = (index % tree.TILE_WIDTH) * tree.HASH_BYTES
    found = tiles(tree.Tile(0, index // tree.TILE_WIDTH))[place : place + tree.HASH_BYTES]
    return {"proves": INCLUSION, "index": index, "hash": found.hex(), "path": _hex(path), "checkpoint": note}


def disclosing(values: Sequence[bytes | None], key: bytes, names: Iterable[str]) -> Proof:
    """The leaf of an entry and the salts and values of some of its fields, for a proof of its inclusion.

    A field that the entry does not have is left out. Raises KeyError for a name that is no field's, ValueError.
    """
    account, number = values[entry.NUMBERS["account"] - 1] or b"", values[entry.NUMBERS["number"] - 1] or b""
    salts = entry.salts(key, account, number)
    chosen = {name: entry.NUMBERS[name] - 1 for name in names}
    shown = {
        name: {"salt": salts[place].hex(), "value": value.hex()}
        for name, place in chosen.items()
        if (value := values[place]) is not None
    }
    return {"leaf": entry.leaf(values, key).hex(), "disclosed": shown}


def consistency(old: tuple[str, int], new: tuple[str, int], tiles: tree.Tiles) -> Proof:
    """That the second note, of so many leaves, continues the first; raises ValueError, LookupError."""
    path = tree.consistency_proof(old[1], new[1], tiles)
    return {"proves": CONSISTENCY, "old": old[0], "new": new[0], "path": _hex(path)}


def _hex(path: Iterable[bytes]) -> list[str]:
    return [each.hex() for each in path]


# -- checked -----------------------------------------------------------------------------------------------------------


def check(proof: object, log_key: Key, witness_keys: Sequence[Key] = ()) -> Shown:
    """What a proof shows; raises FaultyProofError."""
    try:
        return _CHECKS[str(proof["proves"])](proof, log_key, witness_keys)  # type: ignore[index,arg-type]
    except FaultyProofError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FaultyProofError(Fault.UNREADABLE) from error


def _check_inclusion(proof: Mapping[str, object], log_key: Key, witness_keys: Sequence[Key]) -> Shown:
    checkpoint = _signed(proof["checkpoint"], log_key, witness_keys)  # 1
    index, found = proof["index"], _bytes(proof["hash"])
    if type(index) is not int:
        raise FaultyProofError(Fault.UNREADABLE)
    if not tree.verify_inclusion(found, index, checkpoint.size, _path(proof), checkpoint.root):  # 2
        raise FaultyProofError(Fault.NOT_INCLUDED)
    leaf, disclosed = _bytes(proof.get("leaf", "")), proof.get("disclosed", {})
    if leaf and tree.leaf_hash(leaf) != found:  # 3
        raise FaultyProofError(Fault.NOT_INCLUDED)
    if not isinstance(disclosed, Mapping):
        raise FaultyProofError(Fault.UNREADABLE)
    fields = {str(name): _disclosed(leaf, name, shown) for name, shown in disclosed.items()}
    return Shown(checkpoint.origin, checkpoint.size, index, fields)


def _check_consistency(proof: Mapping[str, object], log_key: Key, witness_keys: Sequence[Key]) -> Shown:
    old, new = (_signed(proof[name], log_key, witness_keys) for name in ("old", "new"))  # 1
    path = _path(proof)
    if old.origin != new.origin or not tree.verify_consistency(old.size, old.root, new.size, new.root, path):  # 2
        raise FaultyProofError(Fault.NOT_CONSISTENT)
    return Shown(new.origin, new.size, None, {})


_CHECKS: dict[str, Callable[[Mapping[str, object], Key, Sequence[Key]], Shown]] = {
    INCLUSION: _check_inclusion,
    CONSISTENCY: _check_consistency,
}


def _signed(note: object, log_key: Key, witness_keys: Sequence[Key]) -> Checkpoint:
    try:
        checkpoint = read_checkpoint(str(note), log_key, witness_keys)
    except ValueError as error:
        raise FaultyProofError(Fault.UNSIGNED) from error
    if witness_keys and not checkpoint.cosigned:
        raise FaultyProofError(Fault.UNSIGNED)
    return checkpoint


def _disclosed(leaf: bytes, name: str, shown: Mapping[str, str]) -> str:
    number, value = entry.NUMBERS[name], _bytes(shown["value"])
    if not entry.discloses(leaf, number, _bytes(shown["salt"]), value):
        raise FaultyProofError(Fault.NOT_DISCLOSED)
    found = entry.read(number, value)
    return found.hex() if isinstance(found, bytes) else str(found)


def _path(proof: Mapping[str, object]) -> list[bytes]:
    path = proof["path"]
    if not isinstance(path, list):
        raise FaultyProofError(Fault.UNREADABLE)
    hashes = [_bytes(each) for each in path]
    if any(len(each) != tree.HASH_BYTES for each in hashes):
        raise FaultyProofError(Fault.UNREADABLE)
    return hashes


def _bytes(text: object) -> bytes:
    if not isinstance(text, str):
        raise FaultyProofError(Fault.UNREADABLE)
    return bytes.fromhex(text)


def main() -> int:
    """Check a proof; 1 where it proves nothing."""
    words = argparse.ArgumentParser(description="Check a proof about an audit log.")
    words.add_argument("proof", type=Path)
    words.add_argument("--key", required=True, help="the log's public key")
    words.add_argument("--witness", action="append", default=[], help="a witness's public key; any of them suffices")
    given = words.parse_args()
    try:
        read = json.loads(given.proof.read_text(encoding="utf-8"))
        shown = check(read, Key.read(given.key), [Key.read(text) for text in given.witness])
    except FaultyProofError as error:
        sys.stdout.write(f"{error.fault}\n")
        return 1
    except ValueError:
        sys.stdout.write(f"{Fault.UNREADABLE}\n")
        return 1
    place = "" if shown.leaf is None else f", leaf {shown.leaf}"
    sys.stdout.write(f"holds: {shown.origin}, {shown.size} leaves{place}\n")
    sys.stdout.writelines(f"{name}: {value}\n" for name, value in shown.fields.items())
    return 0


if __name__ == "__main__":
    sys.exit(main())
