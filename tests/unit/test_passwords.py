"""Passwords of people: what is refused, and that what is kept is of no use to a thief."""

import os
from uuid import uuid4

import pytest
from argon2 import PasswordHasher

from cloison.access import passwords
from cloison.access.passwords import hash_of, outdated, refuse_weak, verified
from cloison.errors import WeakPasswordError

KEY = os.urandom(32)
LOGIN = uuid4()
GOOD = "quatre girafes repeignent un vélodrome"


@pytest.mark.parametrize(
    "password", [GOOD, "x7!Lq-v2_Rz9", "\uff46\uff55ll gnat ossuary 88 brume", "é" * 3 + "turnip-kiosque-baobab" * 4]
)
def test_good_passwords_are_taken(password: str) -> None:
    """Long sentences, random characters, other scripts and any length up to 128 are taken."""
    refuse_weak(password, [])


@pytest.mark.parametrize(
    "password",
    [
        "short-1!xQz",  # 11
        "kiosque-baobab-" * 9,  # 135
        "motdepasse2024",
        "azertyuiop123",
        "aaaaaaaaaaaaaaaa",
        "1234567890123456",
        "bonjoursoleil",
        "unbelievable",  # of the list
        "francetravail2026",
    ],
)
def test_weak_passwords_are_refused(password: str) -> None:
    """Too short, too long, common, French and common, or a pattern."""
    with pytest.raises(WeakPasswordError):
        refuse_weak(password, [])


def test_own_facts_are_no_password() -> None:
    """What the person told us about themselves is among the first things somebody guesses."""
    password = "wilhelmine-quatrefages"
    refuse_weak(password, [])
    with pytest.raises(WeakPasswordError):
        refuse_weak(password, ["wilhelmine.quatrefages@lezoux.example.org"])


def test_length_is_counted_after_normalisation() -> None:
    """A password is 12 characters long after NFKC: one sign that stands for three letters counts as three."""
    refuse_weak("㎧ojd￮qwv7z", [])
    assert passwords.normal("ﬁ") == "fi"
    kept = hash_of(KEY, LOGIN, "cafe\u0301 " + GOOD)
    assert verified(KEY, LOGIN, "café " + GOOD, kept)


def test_wrong_password_key_and_login() -> None:
    """Another password, another key (a dump without the door's secret), login, or a row of nonsense verify nothing."""
    kept = hash_of(KEY, LOGIN, GOOD)
    assert kept.startswith("$argon2id$")
    assert verified(KEY, LOGIN, GOOD, kept)
    assert not verified(KEY, LOGIN, GOOD + " ", kept)
    assert not verified(KEY, uuid4(), GOOD, kept), "the hash of another login"
    assert not verified(os.urandom(32), LOGIN, GOOD, kept)
    assert not verified(KEY, LOGIN, GOOD, "nonsense")


def test_two_hashes_of_one_password_differ() -> None:
    """Each has a salt of its own."""
    assert hash_of(KEY, LOGIN, GOOD) != hash_of(KEY, LOGIN, GOOD)


def test_old_parameters_are_noticed() -> None:
    """A hash made with less is verified as ever, and known to be made anew."""
    old = PasswordHasher(1, 8_192, 1).hash(passwords._keyed(KEY, LOGIN, GOOD))  # noqa: SLF001 - as an older version kept it
    assert verified(KEY, LOGIN, GOOD, old)
    assert outdated(old)
    assert not outdated(hash_of(KEY, LOGIN, GOOD))
