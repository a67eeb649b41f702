"""Proofs as a stranger's program checks them, in another language by somebody else; proofs that prove nothing."""

import hashlib
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from uuid import UUID

import metamorphic_log as stranger
import pytest

from cloison.audit import entry, proof, tree, verify
from cloison.audit.checkpoint import Signer
from cloison.audit.proof import Fault, FaultyProofError, Proof, check

SIZES = (1, 2, 7, 255, 256, 257, 300)
KEY = bytes(range(32))
NAMES = ("event", "at", "evidence", "person")
LOG = Signer("log.example.org", verify.ED25519, bytes([1]) * 32)
WITNESS = Signer("witness.example.org", verify.COSIGNATURE, bytes([2]) * 32)
SECOND = Signer("second.example.org", verify.COSIGNATURE, bytes([3]) * 32)
KEYS = [WITNESS.key, SECOND.key]
ORIGIN = "log.example.org/59"
DOCUMENT = Path(__file__).parents[2] / "docs" / "audit-format.md"


def values(number: int) -> list[bytes | None]:
    """An entry's, of one author's, by number."""
    fields: dict[str, entry.Value] = {
        "segment": "59",
        "account": UUID(int=0xA1),
        "number": number,
        "at": number,
        "event": "open",
        "outcome": "open",
        "person": UUID(int=number),
    }
    return [entry.written(fields.get(field.name)) for field in entry.FIELDS]


class Made:
    """A log of so many entries, with a checkpoint of each size that both witnesses have signed."""

    def __init__(self, size: int, first_person: int = 0) -> None:
        """`first_person`: of another log with the same authors and numbers."""
        self.values = [values(number + 1) for number in range(size)]
        if first_person:
            self.values[0] = values(first_person)
        self.tiles: dict[tree.Tile, bytes] = {}
        self.notes: dict[int, str] = {}
        edge = tree.Edge()
        for one in self.values:
            self.tiles |= edge.append([tree.leaf_hash(entry.leaf(one, KEY))])
            if edge.size in SIZES:
                note = LOG.checkpoint(ORIGIN, edge.size, edge.root())
                self.notes[edge.size] = SECOND.cosigned(WITNESS.cosigned(note, 1_764_000_000), 1_764_000_001)

    def inclusion(self, index: int, size: int) -> Proof:
        """With some fields disclosed."""
        made = proof.inclusion(self.notes[size], size, index, self.tiles.__getitem__)
        return made | proof.disclosing(self.values[index], KEY, NAMES)

    def consistency(self, old: int, new: int) -> Proof:
        """Between two sizes."""
        return proof.consistency((self.notes[old], old), (self.notes[new], new), self.tiles.__getitem__)


LONG = Made(300)
OTHER = Made(300, first_person=1_000)


def path_of(made: Proof) -> list[bytes]:
    """A proof's path in bytes."""
    path = made["path"]
    assert isinstance(path, list)
    return [bytes.fromhex(each) for each in path]


@pytest.mark.parametrize("size", SIZES)
def test_a_stranger_checks_inclusion(size: int) -> None:
    """Leaf, path, root and signatures, all by the other program; it refuses another leaf, place and checkpoint."""
    keys = [LOG.key.text]
    for index in {0, size // 2, size - 1}:
        made = LONG.inclusion(index, size)
        leaf = hashlib.sha256(b"\0" + bytes.fromhex(str(made["leaf"]))).digest()
        assert check(made, LOG.key, KEYS).leaf == index
        stranger.checkpoint_verify_inclusion(LONG.notes[size], keys, index, leaf, path_of(made))
        for note, place, found in (
            (LONG.notes[size], index, hashlib.sha256(leaf).digest()),
            (LONG.notes[size], index + 1, leaf),
            (OTHER.notes[size], index, leaf),
        ):
            with pytest.raises(stranger.VerifyError):
                stranger.checkpoint_verify_inclusion(note, keys, place, found, path_of(made))


def test_a_stranger_checks_consistency() -> None:
    """Between any two sizes; not with the checkpoint of a fork."""
    keys = [LOG.key.text]
    for old in SIZES:
        for new in SIZES[SIZES.index(old) :]:
            made = LONG.consistency(old, new)
            assert check(made, LOG.key, KEYS).size == new
            stranger.checkpoint_verify_consistency(LONG.notes[old], LONG.notes[new], keys, path_of(made))
            with pytest.raises(stranger.VerifyError):
                stranger.checkpoint_verify_consistency(OTHER.notes[old], LONG.notes[new], keys, path_of(made))


def test_a_stranger_reads_every_signature() -> None:
    """The log's and both witnesses' are C2SP's: the other program counts those whose keys it has."""
    assert stranger.verify_signed_note(LONG.notes[7], [LOG.key.text]) == 1
    head = stranger.checkpoint_verify(LONG.notes[7], [LOG.key.text])
    assert (head.origin, head.size) == (ORIGIN, 7)
    with pytest.raises(stranger.VerifyError):
        stranger.checkpoint_verify(LONG.notes[7], [Signer("log.example.org", verify.ED25519, bytes(32)).key.text])


def test_only_what_is_named_is_disclosed() -> None:
    """Fields of which nothing was said stay blinded; one that the entry does not have is not there."""
    made = LONG.inclusion(5, 7)
    shown = check(made, LOG.key, KEYS)
    assert (shown.origin, shown.size, shown.leaf) == (ORIGIN, 7, 5)
    assert shown.fields == {"event": "open", "at": "1970-01-01 00:00:00.000006+00:00", "person": str(UUID(int=6))}
    assert UUID(int=0xA1).hex not in json.dumps(made)


def changed(made: Proof, **what: object) -> Proof:
    """A proof with something else in it."""
    return made | what


def faulty() -> dict[str, tuple[Proof, Fault]]:
    """Proofs that prove nothing, and why."""
    inclusion, consistency = LONG.inclusion(5, 7), LONG.consistency(7, 300)
    path, fields = list(inclusion["path"]), dict(inclusion["disclosed"])  # type: ignore[call-overload]
    unsigned = LOG.checkpoint(ORIGIN, 7, verify.read_checkpoint(LONG.notes[7], LOG.key).root)
    elsewhere = LOG.checkpoint("log.example.org/75", 7, verify.read_checkpoint(LONG.notes[7], LOG.key).root)
    return {
        "another place": (changed(inclusion, index=4), Fault.NOT_INCLUDED),
        "no place": (changed(inclusion, index=7), Fault.NOT_INCLUDED),
        "a place below": (changed(inclusion, index=-1), Fault.NOT_INCLUDED),
        "a path cut off": (changed(inclusion, path=path[:-1]), Fault.NOT_INCLUDED),
        "a longer path": (changed(inclusion, path=[*path, path[0]]), Fault.NOT_INCLUDED),
        "a path turned round": (changed(inclusion, path=path[::-1]), Fault.NOT_INCLUDED),
        "another hash": (changed(inclusion, hash="00" * 32), Fault.NOT_INCLUDED),
        "another leaf": (changed(inclusion, leaf=LONG.inclusion(4, 7)["leaf"]), Fault.NOT_INCLUDED),
        "another log": (changed(inclusion, checkpoint=OTHER.notes[7]), Fault.NOT_INCLUDED),
        "no witness": (changed(inclusion, checkpoint=unsigned), Fault.UNSIGNED),
        "no log": (changed(inclusion, checkpoint=LONG.notes[7].replace("7\n", "8\n")), Fault.UNSIGNED),
        "no note": (changed(inclusion, checkpoint=None), Fault.UNSIGNED),
        "another value": (
            changed(inclusion, disclosed=fields | {"event": fields["event"] | {"value": b"list".hex()}}),
            Fault.NOT_DISCLOSED,
        ),
        "another field": (changed(inclusion, disclosed={"outcome": fields["event"]}), Fault.NOT_DISCLOSED),
        "a field without a leaf": (changed(inclusion, leaf=""), Fault.NOT_DISCLOSED),
        "no such field": (changed(inclusion, disclosed={"name": fields["event"]}), Fault.UNREADABLE),
        "no fields": (changed(inclusion, disclosed=[1]), Fault.UNREADABLE),
        "no number": (changed(inclusion, index="5"), Fault.UNREADABLE),
        "no hashes": (changed(inclusion, path=["00"]), Fault.UNREADABLE),
        "no path": (changed(inclusion, path=None), Fault.UNREADABLE),
        "nothing": ({}, Fault.UNREADABLE),
        "no proof": (changed(inclusion, proves="much"), Fault.UNREADABLE),
        "a fork": (changed(consistency, old=OTHER.notes[7]), Fault.NOT_CONSISTENT),
        "a fork of one size": (changed(LONG.consistency(7, 7), new=OTHER.notes[7]), Fault.NOT_CONSISTENT),
        "a rollback": (changed(consistency, old=LONG.notes[300], new=LONG.notes[7]), Fault.NOT_CONSISTENT),
        "another segment's": (
            changed(LONG.consistency(7, 7), old=WITNESS.cosigned(elsewhere, 1)),
            Fault.NOT_CONSISTENT,
        ),
    }


@pytest.mark.parametrize("name", faulty())
def test_proof_that_proves_nothing(name: str) -> None:
    """Each is refused, by its reason."""
    made, fault = faulty()[name]
    with pytest.raises(FaultyProofError) as raised:
        check(made, LOG.key, KEYS)
    assert raised.value.fault == fault


@pytest.mark.parametrize("made", [None, [], "proof", 7, [{"proves": "inclusion"}]])
def test_what_is_no_object(made: object) -> None:
    """Other JSON is unreadable."""
    with pytest.raises(FaultyProofError, match="unreadable"):
        check(made, LOG.key, KEYS)


def test_vectors_of_the_document() -> None:
    """The proofs that docs/audit-format.md publishes hold, for us and for the stranger's program."""
    text = DOCUMENT.read_text(encoding="utf-8")
    notes: dict[int, str] = {}
    for size in (2, 7):
        root = verify.read_checkpoint(LONG.notes[size], LOG.key).root
        assert f"{root.hex()}" in text
        notes[size] = LONG.notes[size]
    for made in (LONG.inclusion(5, 7), LONG.consistency(2, 7)):
        assert [each for each in path_of(made) if each.hex() not in text] == []
    assert LOG.key.text in text
    assert WITNESS.key.text in text
    assert all(line in text for line in notes[7].splitlines())


def test_checked_alone(tmp_path: Path) -> None:
    """Four files of ours and `cryptography`: no Cloison can be imported."""
    for name in ("proof.py", "verify.py", "entry.py", "tree.py"):
        (tmp_path / name).write_bytes(files("cloison.audit").joinpath(name).read_bytes())
    (tmp_path / "good.json").write_text(json.dumps(LONG.inclusion(5, 7)), encoding="utf-8")
    (tmp_path / "bad.json").write_text(json.dumps(changed(LONG.inclusion(5, 7), index=4)), encoding="utf-8")
    (tmp_path / "none.json").write_text("{", encoding="utf-8")
    alone = "import sys; sys.modules['cloison'] = None; sys.path.insert(0, '.'); import proof; sys.exit(proof.main())"
    found = {}
    for name in ("good", "bad", "none"):
        words = [sys.executable, "-c", alone, f"{name}.json", "--key", LOG.key.text, "--witness", SECOND.key.text]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        found[name] = (done.returncode, done.stdout.splitlines()[:2])
    assert found == {
        "good": (0, [f"holds: {ORIGIN}, 7 leaves, leaf 5", "event: open"]),
        "bad": (1, ["not_included"]),
        "none": (1, ["unreadable"]),
    }
