"""Sealed compartments: what was changed, moved, swapped or put back does not open, and lengths say little."""

import csv
import math
import os
from collections import Counter
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloison.errors import TamperedRowError, TooLargeError
from cloison.register import synthetic
from cloison.register.layout import Layout
from cloison.register.profile import load_profile
from cloison.register.sealing import (
    LARGEST_BYTES,
    LENGTH_BYTES,
    SHORT_BYTES,
    STEP_BYTES,
    Place,
    padded_bytes,
    seal,
    unseal,
)

JOBSEEKERS, POPULATION = "jobseekers-fr", 5_000
PERSON = UUID("6f1d2c3b-0000-4000-8000-000000000001")
PLACE = Place("59", PERSON, 3)
KEYS = [bytes([n]) * 32 for n in range(1, 6)]
TEXTS = [msgspec.msgpack.encode({"birth_name": "Fictive"}), b"", b"x", b"y" * 200, b"z" * 31]


def test_sealed_compartments_open() -> None:
    """Each compartment opens with its own key in its own place."""
    sealed = seal(KEYS, TEXTS, place=PLACE)
    assert [
        unseal(k, s, place=PLACE, compartment=i) for i, (k, s) in enumerate(zip(KEYS, sealed, strict=True))
    ] == TEXTS


@given(st.binary(max_size=2_000))
@settings(max_examples=200)
def test_any_text_opens_as_it_was(text: bytes) -> None:
    """Whatever the text, trailing zeros included, it comes back as it was."""
    [sealed] = seal(KEYS[:1], [text], place=PLACE)
    assert unseal(KEYS[0], sealed, place=PLACE, compartment=0) == text


def test_flipped_bits() -> None:
    """A change of any single bit of a sealed compartment is found."""
    [sealed] = seal(KEYS[:1], [b"a fictional text"], place=PLACE)
    for bit in range(8 * len(sealed)):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(TamperedRowError):
            unseal(KEYS[0], bytes(flipped), place=PLACE, compartment=0)


def test_truncated_row() -> None:
    """A sealed compartment that was cut anywhere, or lengthened, is refused."""
    [sealed] = seal(KEYS[:1], [b"a fictional text"], place=PLACE)
    for changed in [*(sealed[:size] for size in range(len(sealed))), sealed + b"\0"]:
        with pytest.raises(TamperedRowError):
            unseal(KEYS[0], changed, place=PLACE, compartment=0)


@pytest.mark.parametrize(
    "elsewhere",
    [PLACE._replace(segment="13"), PLACE._replace(person=uuid4()), PLACE._replace(version=4)],
    ids=["segment", "person", "version"],
)
def test_swapped_rows(elsewhere: Place) -> None:
    """A row moved to another segment, person or version does not open there, with the right key neither."""
    [sealed] = seal(KEYS[:1], [b"a fictional text"], place=PLACE)
    with pytest.raises(TamperedRowError):
        unseal(KEYS[0], sealed, place=elsewhere, compartment=0)


def test_older_row_put_back() -> None:
    """The row of an older version is refused in the place of the newer one."""
    older = seal(KEYS, TEXTS, place=PLACE._replace(version=2))
    with pytest.raises(TamperedRowError):
        unseal(KEYS[0], older[0], place=PLACE, compartment=0)


def test_swapped_compartments() -> None:
    """One compartment's bytes do not open as another's, were their keys the same."""
    same_keys = [KEYS[0]] * 2
    sealed = seal(same_keys, TEXTS[:2], place=PLACE)
    with pytest.raises(TamperedRowError):
        unseal(KEYS[0], sealed[0], place=PLACE, compartment=1)


def test_wrong_key() -> None:
    """Another compartment's key, or one of a wrong length, opens nothing."""
    [sealed] = seal(KEYS[:1], [b"a fictional text"], place=PLACE)
    for key in (KEYS[1], b"", b"short", bytes(64)):
        with pytest.raises(TamperedRowError):
            unseal(key, sealed, place=PLACE, compartment=0)


def test_unknown_format() -> None:
    """A sealed compartment of another format, or none at all, is refused."""
    [sealed] = seal(KEYS[:1], [b"a fictional text"], place=PLACE)
    for changed in (b"", b"\x01" + sealed[1:]):
        with pytest.raises(TamperedRowError):
            unseal(KEYS[0], changed, place=PLACE, compartment=0)


def test_same_text_never_looks_the_same() -> None:
    """Nonces are fresh: sealing the same record again gives other bytes."""
    sealed = [tuple(seal(KEYS, TEXTS, place=PLACE)) for _ in range(50)]
    assert len({one for row in sealed for one in row}) == 50 * len(KEYS)


def test_lengths_say_little() -> None:
    """A filled NIR is as long as an empty one, and all records have one of few lengths."""
    nir = [msgspec.msgpack.encode(fields) for fields in ({}, {"nir": "295139912611193"})]
    assert len({len(sealed) for sealed in seal(KEYS[:2], nir, place=PLACE)}) == 1
    lengths = {len(seal(KEYS[:1], [os.urandom(size)], place=PLACE)[0]) for size in range(1_000)}
    assert len(lengths) == 18


def test_lengths_of_a_population_say_little(tmp_path: Path) -> None:
    """All five lengths together tell a database administrator less than three bits of whom a record is."""
    profile = load_profile(JOBSEEKERS)
    synthetic.write(tmp_path / "people.csv", POPULATION, seed=3)
    with (tmp_path / "people.csv").open(encoding="utf-8") as file:
        people = list(csv.DictReader(file))
    values: dict[str, list[str | int]] = {name: [each.get(name) or "" for each in people] for name in profile.fields}
    values["label"] = [f"{each['usage_name'] or each['birth_name']} {each['first_names']}" for each in people]
    values["birth_year"] = [int(each["birth_date"][:4]) for each in people]
    values["place"] = [each["commune"] for each in people]
    lengths = Counter(tuple(padded_bytes(len(text)) for text in record) for record in Layout(profile).columns(values))
    shares = [count / POPULATION for count in lengths.values()]
    assert -sum(share * math.log2(share) for share in shares) < 3
    assert sum(share for share in shares if share < 5 / POPULATION) < 0.02


def test_padding_has_room() -> None:
    """The padded length holds the text and its length, in steps of 24 bytes where it is short, else of powers."""
    for size in range(5_000):
        padded = padded_bytes(size)
        assert padded >= size + LENGTH_BYTES
        assert (padded + 1) % STEP_BYTES == 0 if padded < SHORT_BYTES else padded & (padded - 1) == 0


def test_a_short_compartment_fills_whole_words() -> None:
    """What PostgreSQL keeps of it has no gap: its items begin at every fourth byte."""
    assert {len(seal(KEYS[:1], [b"x" * size], place=PLACE)[0]) % 4 for size in range(SHORT_BYTES - STEP_BYTES)} == {0}


def test_text_too_long() -> None:
    """The longest text fits exactly; one byte more is refused by name."""
    longest = b"x" * (LARGEST_BYTES - LENGTH_BYTES)
    [sealed] = seal(KEYS[:1], [longest], place=PLACE)
    assert unseal(KEYS[0], sealed, place=PLACE, compartment=0) == longest
    with pytest.raises(TooLargeError):
        seal(KEYS[:1], [longest + b"x"], place=PLACE)


def test_a_key_too_few() -> None:
    """A record with a compartment more than keys is not sealed in part."""
    with pytest.raises(ValueError, match="one key a text"):
        seal(KEYS[:4], TEXTS, place=PLACE)
