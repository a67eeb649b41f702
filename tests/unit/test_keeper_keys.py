"""The keeper's keys at rest: what is changed, swapped or copied elsewhere does not open, what is destroyed is gone."""

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHMAC

from cloison.errors import ConfigError, MissingKeyError, PassphraseError, TamperedRowError
from cloison.keeper.derive import Owner, compartment_key, keyed, open_key, seal_key, term
from cloison.keeper.keyring import Keyring
from cloison.keeper.providers.file import FileRootKey, create_root_key, open_root_key
from cloison.keeper.store import KeyKind, KeyName, KeyStore, NewKey

ROOT = FileRootKey(b"r" * 32)
PASSPHRASE = "a fictional passphrase"
OWNER = Owner("59", 8104, UUID("6f1d2c3b-0000-4000-8000-000000000001").bytes)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KeyStore]:
    """A store for five compartments."""
    store = KeyStore(tmp_path / "keys.db")
    store.set_up(5)
    yield store
    store.close()


def test_flipped_bits_in_a_sealed_key() -> None:
    """A change of any single bit of a sealed key is found."""
    sealed = ROOT.seal(b"k" * 32, b"name")
    assert ROOT.open(sealed, b"name") == b"k" * 32
    for bit in range(8 * len(sealed)):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(TamperedRowError):
            ROOT.open(bytes(flipped), b"name")


@pytest.mark.parametrize(
    "other", [OWNER._replace(segment="13"), OWNER._replace(cohort=8105), OWNER._replace(person=b"x")]
)
def test_key_of_somebody_else(other: Owner) -> None:
    """A person's sealed key opens for no other segment, cohort or person under the same cohort key."""
    cohort = AESGCM(b"c" * 32)
    sealed = seal_key(cohort, b"k" * 32, OWNER.bound())
    with pytest.raises(TamperedRowError):
        open_key(cohort, sealed, other.bound())


def test_compartment_keys_are_the_librarys() -> None:
    """A compartment's key is the one-step derivation of SP 800-56C, as the library does it."""
    record = OWNER.record(7)
    expected = ConcatKDFHMAC(SHA256(), 32, salt=b"d" * 32, otherinfo=record + b"\x02").derive(b"p" * 32)
    assert compartment_key(b"p" * 32, keyed(b"d" * 32), record, 2) == expected
    assert record == b"cloison-compartment-1|59|7|" + OWNER.person


def test_compartment_keys_need_both_keys() -> None:
    """Without the person's key or without the domain's, the key is another."""
    record = OWNER.record(1)
    keys = [compartment_key(p * 32, keyed(d * 32), record, 0) for p, d in ((b"p", b"d"), (b"x", b"d"), (b"p", b"x"))]
    keys += [compartment_key(b"p" * 32, keyed(b"d" * 32), OWNER.record(v), c) for c, v in ((1, 1), (0, 2))]
    assert len(set(keys)) == len(keys)


def test_terms_are_truncated_hmac() -> None:
    """A term is the first 64 bits of HMAC-SHA256, signed, as the column holds it."""
    for value in (b"", b"value", b"x" * 300):
        digest = hmac.digest(b"s" * 32, value, hashlib.sha256)
        assert term(keyed(b"s" * 32), value) == int.from_bytes(digest[:8], "big", signed=True)


def test_wrong_passphrase(tmp_path: Path) -> None:
    """The root key opens with its passphrase alone."""
    path = tmp_path / "root.json"
    create_root_key(path, PASSPHRASE)
    sealed = open_root_key(path, PASSPHRASE).seal(b"k" * 32, b"name")
    assert open_root_key(path, PASSPHRASE).open(sealed, b"name") == b"k" * 32
    for wrong in ("", PASSPHRASE + " ", PASSPHRASE.upper()):
        with pytest.raises(PassphraseError):
            open_root_key(path, wrong)


def test_short_passphrase(tmp_path: Path) -> None:
    """A passphrase of eleven characters makes no root key."""
    with pytest.raises(ConfigError):
        create_root_key(tmp_path / "root.json", "x" * 11)
    assert not (tmp_path / "root.json").exists()


@pytest.mark.parametrize("change", [{"memory_kib": 19_456}, {"passes": 1}, {"lanes": 1}])
def test_weakened_stretching(tmp_path: Path, change: dict[str, int]) -> None:
    """Whoever lowers the cost of guessing in the file gets a root key that does not open."""
    path = tmp_path / "root.json"
    create_root_key(path, PASSPHRASE)
    kept = json.loads(path.read_text())
    kept["stretching"] |= change
    path.write_text(json.dumps(kept))
    with pytest.raises(PassphraseError):
        open_root_key(path, PASSPHRASE)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"type": "cloison-root-2"}'])
def test_damaged_root_key_file(tmp_path: Path, content: str) -> None:
    """A file that is no root key is said to be damaged, not taken for a wrong passphrase."""
    path = tmp_path / "root.json"
    path.write_text(content)
    with pytest.raises(ConfigError):
        open_root_key(path, PASSPHRASE)


def test_stretching_cannot_ask_for_all_memory(tmp_path: Path) -> None:
    """A file that asks for more than a gigabyte is refused before any is taken."""
    path = tmp_path / "root.json"
    create_root_key(path, PASSPHRASE)
    kept = json.loads(path.read_text())
    kept["stretching"]["memory_kib"] = 2**30
    path.write_text(json.dumps(kept))
    with pytest.raises(ConfigError):
        open_root_key(path, PASSPHRASE)


def test_named_keys_survive(store: KeyStore) -> None:
    """A keyring opened again has the same keys."""
    ring = Keyring(ROOT, store)
    ring.provide([KeyName(KeyKind.TICKET)])
    domains = [term(domain, b"") for domain in ring.provide_cohort("59", 8104).domains]
    again = Keyring(ROOT, store)
    assert again.ticket() == ring.ticket()
    assert [term(domain, b"") for domain in again.cohort("59", 8104).domains] == domains
    assert again.cohorts() == [("59", 8104)]


def test_another_root_key(store: KeyStore) -> None:
    """A store copied beside another root key opens nothing."""
    Keyring(ROOT, store).provide([KeyName(KeyKind.TICKET)])
    with pytest.raises(TamperedRowError):
        Keyring(FileRootKey(b"x" * 32), store).ticket()


def test_swapped_named_keys(store: KeyStore, tmp_path: Path) -> None:
    """A key's row put under another name does not open there."""
    ring = Keyring(ROOT, store)
    ring.provide_cohort("59", 8104)
    ring.provide_cohort("13", 8104)
    with sqlite3.connect(tmp_path / "keys.db") as db:
        [[sealed]] = db.execute("select sealed from secret where kind = 'cohort' and segment = '59'")
        db.execute("update secret set sealed = ? where kind = 'cohort' and segment = '13'", (sealed,))
    with pytest.raises(TamperedRowError):
        Keyring(ROOT, store).cohort("13", 8104)


def test_missing_cohort(store: KeyStore) -> None:
    """A cohort that never was, and one that was destroyed, is a missing key."""
    ring = Keyring(ROOT, store)
    ring.provide_cohort("59", 8104)
    assert ring.destroy_cohort("59", 8104)
    for segment in ("59", "13"):
        with pytest.raises(MissingKeyError):
            ring.cohort(segment, 8104)


def test_destroyed_keys_are_overwritten(store: KeyStore, tmp_path: Path) -> None:
    """After destruction no file of the store holds the sealed key any more: a later copy cannot bring it back."""
    ring = Keyring(ROOT, store)
    ring.provide_cohort("59", 8104)
    store.add_people([NewKey(1, 1, b"sealed key of a person" * 3, None), NewKey(2, 1, b"another sealed key" * 3, None)])
    cohort = store.secrets()[KeyName(KeyKind.COHORT, "59", 8104)]
    ring.destroy_cohort("59", 8104)
    assert store.destroy_people([1]) == 1
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert cohort not in content
    assert b"sealed key of a person" not in content
    assert b"another sealed key" in content


def test_numbers_are_never_given_twice(store: KeyStore) -> None:
    """Destroying the newest key does not free its number."""
    assert store.last_key_id() == 0
    store.add_people([NewKey(1, 1, b"a", None), NewKey(2, 1, b"b", None)])
    store.destroy_people([2])
    assert store.last_key_id() == 2
    with pytest.raises(sqlite3.IntegrityError):
        store.add_people([NewKey(1, 1, b"another", None)])


def test_failed_write_leaves_nothing(store: KeyStore) -> None:
    """A batch of which one row fails is not stored in part, and the store goes on."""
    store.add_people([NewKey(1, 1, b"a", None)])
    with pytest.raises(sqlite3.IntegrityError):
        store.add_people([NewKey(2, 1, b"b", None), NewKey(1, 1, b"again", None)])
    assert set(store.people([1, 2])) == {1}
    store.add_people([NewKey(2, 1, b"b", None)])
    assert set(store.people([1, 2, 3])) == {1, 2}


def test_versions(store: KeyStore) -> None:
    """Only a version that was prepared can become the newest, once."""
    store.add_people([NewKey(1, 1, b"a", None)])
    store.confirm_versions([(1, 0), (1, 2)])
    assert store.people([1])[1].version == 1
    store.prepare_versions([(1, 2, 0b1)])
    store.confirm_versions([(1, 3), (1, 0)])
    assert store.people([1])[1].masks() == {2: 0b1}
    store.confirm_versions([(1, 2), (1, 2)])
    row = store.people([1])[1]
    assert (row.version, row.masks(), row.newest(5)) == (2, {}, [2, 1, 1, 1, 1])


def test_two_prepare_at_once(store: KeyStore) -> None:
    """Each has a version of its own: whichever is written is known by its compartments, the other is spent."""
    store.add_people([NewKey(1, 1, b"a", None)])
    store.prepare_versions([(1, 2, 0b00001)])
    store.prepare_versions([(1, 3, 0b11111)])
    row = store.people([1])[1]
    assert (row.prepared(2, 5), row.prepared(3, 5)) == ([2, 1, 1, 1, 1], [3, 3, 3, 3, 3])
    store.confirm_versions([(1, 2)])
    row = store.people([1])[1]
    assert (row.newest(5), row.prepared(3, 5), row.next_version()) == ([2, 1, 1, 1, 1], None, 4)


def test_store_not_set_up(tmp_path: Path) -> None:
    """A store without its settings says what to do."""
    with pytest.raises(ConfigError):
        KeyStore(tmp_path / "keys.db").compartments()
