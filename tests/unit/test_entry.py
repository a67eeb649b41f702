"""Entries as bytes and as leaves: golden vectors, what may be disclosed, and what can be read out of rubbish."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloison.audit import entry
from cloison.audit.tree import leaf_hash

KEY = bytes(range(32))
OPENED: dict[str, entry.Value] = {
    "segment": "59",
    "account": UUID("00000000-0000-4000-8000-0000000000a1"),
    "number": 7,
    "at": datetime(2026, 11, 23, 9, 30, 0, 125_000, tzinfo=UTC),
    "event": "open",
    "outcome": "open",
    "organisation": UUID("00000000-0000-4000-8000-0000000000b1"),
    "session": UUID("00000000-0000-4000-8000-0000000000c1"),
    "request": UUID("00000000-0000-4000-8000-0000000000d1"),
    "person": UUID("00000000-0000-4000-8000-0000000000e1"),
    "compartments": 3,
    "purpose": 0,
    "relation": "caseload",
}
# The same stands in docs/audit-format.md, where a stranger checks their own program by it.
CANONICAL = (
    "02353910000000000000400080000000000000a108000000000000000708000660ee3ce0fe48046f70656e046f70656e"
    "10000000000000400080000000000000b110000000000000400080000000000000c1ff1000000000000040008000000000"
    "0000d110000000000000400080000000000000e108000000000000000308000000000000000008636173656c6f6164"
    "ffffffffff"
)
HASH = "56fc8b0f1f81579a5b9bd776ff0e39186f8327f25594509965c3910539334d1c"


def written(values: dict[str, entry.Value]) -> list[bytes | None]:
    """The values of all fields, in order."""
    return [entry.written(values.get(field.name)) for field in entry.FIELDS]


def test_canonical_bytes_read_in_one_way() -> None:
    """What is written is read again, field by field."""
    values = written(OPENED)
    data = entry.canonical(values)
    assert data.hex() == CANONICAL
    assert leaf_hash(entry.leaf(values, KEY)).hex() == HASH
    assert entry.parsed(data) == values
    read = {
        field.name: entry.read(number, value)
        for number, (field, value) in enumerate(zip(entry.FIELDS, values, strict=True), 1)
        if value is not None
    }
    assert read == OPENED


@given(st.lists(st.none() | st.binary(max_size=254), min_size=len(entry.FIELDS), max_size=len(entry.FIELDS)))
def test_no_two_entries_have_the_same_bytes(values: list[bytes | None]) -> None:
    """Whatever stands in the fields comes back."""
    assert entry.parsed(entry.canonical(values)) == values


@given(st.binary(max_size=300))
def test_rubbish_is_refused_or_canonical(data: bytes) -> None:
    """Bytes are either exactly one entry's, or none's."""
    try:
        values = entry.parsed(data)
    except ValueError:
        return
    assert entry.canonical(values) == data


def test_one_field_is_shown_and_nothing_else() -> None:
    """Each field's salt and value fit the leaf in their own place alone; none is shown that the entry does not have."""
    values = written(OPENED)
    leaf = entry.leaf(values, KEY)
    salts = entry.salts(KEY, values[1] or b"", values[2] or b"")
    for number, (salt, value) in enumerate(zip(salts, values, strict=True), 1):
        assert value is None or entry.discloses(leaf, number, salt, value)
        assert not entry.discloses(leaf, number, salt, b"other")
        assert not entry.discloses(leaf, number, bytes(entry.SALT_BYTES), value or b"")
        assert not entry.discloses(leaf, number % len(values) + 1, salt, value or b"")
        assert not entry.discloses(leaf[:-1], number, salt, value or b"")


@pytest.mark.parametrize("name", [field.name for field in entry.FIELDS])
def test_every_field_changes_the_leaf(name: str) -> None:
    """No field can be changed, given or taken away without another hash."""
    values = written(OPENED)
    before = leaf_hash(entry.leaf(values, KEY))
    values[entry.NUMBERS[name] - 1] = b"\x00" * 8 if name == "number" else b"\x01" * 16
    assert leaf_hash(entry.leaf(values, KEY)) != before


def test_leaves_say_nothing_without_the_key() -> None:
    """Of the same entry another month's key makes another leaf, in every commitment."""
    values = written(OPENED)
    one, other = entry.leaf(values, KEY), entry.leaf(values, bytes(32))
    size = entry.COMMITMENT_BYTES
    parts = [(one[i : i + size], other[i : i + size]) for i in range(1, len(one), size)]
    assert len(parts) == len(entry.FIELDS)
    assert all(mine != its for mine, its in parts)
    assert len({mine for mine, _ in parts}) == len(parts)  # absent fields do not look alike


def test_what_does_not_fit_is_refused() -> None:
    """Too long a text, too few fields, numbers of another width."""
    with pytest.raises(ValueError, match="does not fit"):
        entry.written("x" * 255)
    with pytest.raises(ValueError, match="fields"):
        entry.canonical([None])
    with pytest.raises(ValueError, match="number does not have"):
        entry.read(3, b"\x01")
    with pytest.raises(ValueError, match="author"):
        entry.leaf([None] * len(entry.FIELDS), KEY)


def test_month_of_an_instant() -> None:
    """In UTC, by which keys go."""
    at = entry.written(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert entry.month(at or b"") == "2026-12"
