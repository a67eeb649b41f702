"""One-time codes: which are taken, and how their secrets are kept."""

import os
from uuid import uuid4

import pyotp

from cloison.access import totp

NOW = 1_795_000_000.0


def test_code_of_now_and_of_the_steps_beside_it() -> None:
    """Clocks may differ by one step, not by two."""
    secret = totp.new_secret()
    made = pyotp.TOTP(secret)
    steps = [totp.step_of(secret, made.at(NOW + 30 * shift), NOW) for shift in (-2, -1, 0, 1, 2)]
    present = int(NOW) // 30
    assert steps == [None, present - 1, present, present + 1, None]


def test_what_is_no_code() -> None:
    """Nothing, letters, other digits and lone surrogates are refused without an error; spaces do not matter."""
    secret = totp.new_secret()
    right = pyotp.TOTP(secret).at(NOW)
    assert totp.step_of(secret, f" {right[:3]} {right[3:]}\n", NOW) is not None
    for wrong in ("", "abcdef", "١٢٣٤٥٦", "\ud800", right + "0", right[1:]):
        assert totp.step_of(secret, wrong, NOW) is None


def test_nobodys_code_is_never_right() -> None:
    """The secret that stands for nobody's is public, and its codes are refused."""
    code = pyotp.TOTP("A" * 32).at(NOW)
    assert totp.step_of("A" * 32, code, NOW) is not None
    assert totp.step_of(None, code, NOW) is None


def test_sealed_secret_is_its_logins_alone() -> None:
    """Another login's row, another key, or a changed byte gives no secret."""
    key, login, secret = os.urandom(32), uuid4(), totp.new_secret()
    sealed = totp.seal(key, login, secret)
    assert secret.encode() not in sealed
    assert totp.unseal(key, login, sealed) == secret
    assert totp.unseal(key, uuid4(), sealed) is None
    assert totp.unseal(os.urandom(32), login, sealed) is None
    assert totp.unseal(key, login, sealed[:-1] + bytes([sealed[-1] ^ 1])) is None
    assert totp.unseal(key, login, b"") is None


def test_address_names_nobody() -> None:
    """What the phone reads holds the secret and words that are everybody's."""
    secret = totp.new_secret()
    assert totp.address(secret, "Mon espace").startswith("otpauth://totp/Cloison:Mon%20espace?secret=" + secret)
