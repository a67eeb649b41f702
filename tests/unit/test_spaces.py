"""Names, invitations and keys of people's logins."""

import pytest

from cloison.access import spaces
from cloison.errors import InvitationError

KEYS = spaces.keys_of("a secret of the tests")


def test_name_is_kept_as_a_keyed_hash() -> None:
    """The same name in other letters is the same; another key, or another name, is another hash."""
    kept = spaces.name_hash(KEYS, "Marie.Dupont@example.org")
    assert kept == spaces.name_hash(KEYS, "  marie.dupont@EXAMPLE.org ")
    assert kept != spaces.name_hash(spaces.keys_of("another secret"), "marie.dupont@example.org")
    assert kept != spaces.name_hash(KEYS, "marie.dupond@example.org")
    assert len(kept) == 32


def test_each_key_is_for_one_use() -> None:
    """No two of the door's keys are the same."""
    assert len({KEYS.name, KEYS.password, KEYS.totp, KEYS.device}) == 4


def test_code_is_read_as_people_type_it() -> None:
    """Small letters, spaces, and I, L and O for digits are read as what was meant; segments may hold a dash."""
    code = spaces.new_code("9-A_b")
    read = spaces.read_code(code)
    assert read.segment == "9-A_b"
    head, tail = code[:5], code[5:]
    typed = head + tail.lower().replace("0", "o").replace("1", "l")
    assert spaces.read_code(f" {typed} \n") == read
    assert spaces.new_code("59") != spaces.new_code("59")


@pytest.mark.parametrize("code", ["", "59", "59-AAAA-AAAA-AAAA", "-AAAA-AAAA-AAAA-AAAA", "59-AAAA-AAAA-AAAA-AAA!"])
def test_what_is_no_code(code: str) -> None:
    """It invites nobody."""
    with pytest.raises(InvitationError):
        spaces.read_code(code)


def test_device_is_known_by_name_and_key() -> None:
    """The mark of one device is no other's, nor another login's."""
    mark = spaces.device_mark(KEYS, b"n" * 32, b"t" * 32)
    assert mark != spaces.device_mark(KEYS, b"n" * 32, b"u" * 32)
    assert mark != spaces.device_mark(KEYS, b"m" * 32, b"t" * 32)
