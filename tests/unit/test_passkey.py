"""The software passkey: py_webauthn takes it unmodified, it keeps its keys to itself, and behaves as a browser does."""

import json
import secrets
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import webauthn
from support.factors import DEMO, ORIGIN, RP_ID, USER, known, registered, to_register, to_touch
from webauthn.helpers import bytes_to_base64url

from cloison.access.factors import Rules, presented_by, signin_options, verify_assertion
from cloison.client.passkey import SoftwarePasskey
from cloison.errors import PasskeyError
from cloison.model import SOFTWARE_AAGUID

Json = dict[str, Any]


@pytest.mark.parametrize("attestation", ["none", "direct"])
def test_py_webauthn_takes_it_unmodified(attestation: str) -> None:
    """Registration and sign-in go through the library alone, as text and as an object, with and without attestation."""
    passkey, challenge = SoftwarePasskey(), secrets.token_bytes(32)
    options = webauthn.options_to_json(
        webauthn.generate_registration_options(rp_id=RP_ID, rp_name="x", user_name="x", challenge=challenge)
    )
    asked = json.loads(options) | {"attestation": attestation}
    registration = webauthn.verify_registration_response(
        credential=json.dumps(passkey.register(asked, ORIGIN)),
        expected_challenge=challenge,
        expected_rp_id=RP_ID,
        expected_origin=ORIGIN,
        require_user_verification=True,
    )
    assert registration.aaguid == str(SOFTWARE_AAGUID)
    asked_again = webauthn.options_to_json(webauthn.generate_authentication_options(rp_id=RP_ID, challenge=challenge))
    signed = webauthn.verify_authentication_response(
        credential=passkey.touch(asked_again, ORIGIN),
        expected_challenge=challenge,
        expected_rp_id=RP_ID,
        expected_origin=ORIGIN,
        credential_public_key=registration.credential_public_key,
        credential_current_sign_count=registration.sign_count,
        require_user_verification=True,
    )
    assert (signed.new_sign_count, signed.credential_backed_up, signed.user_verified) == (1, False, True)


def test_page_with_another_address_gets_no_answer() -> None:
    """Like a browser it answers only for the page's own host, or a domain above it."""
    passkey = SoftwarePasskey()
    asked, touch = to_register().options, to_touch().options
    for origin in ("https://localhost.example.net", "https://example.org", "https://notlocalhost"):
        with pytest.raises(PasskeyError, match="address"):
            passkey.register(asked, origin)
        with pytest.raises(PasskeyError, match="address"):
            passkey.touch(touch, origin)
    assert passkey.credentials == []


def test_domain_above_the_page_is_the_pages_own() -> None:
    """A page of a host may use the passkeys of its domain; the door still takes its own origin only."""
    rules = Rules(rp_id="example.org", origin="https://example.org", software=True)
    asked = to_register(rules).options
    assert SoftwarePasskey().register(asked, "https://desk.example.org")["type"] == "public-key"


def test_several_accounts_in_one_passkey() -> None:
    """It has a key for each; whoever asks for one account's key gets that one, else the newest."""
    passkey = SoftwarePasskey()
    first, second = known(registered(passkey)), known(registered(passkey))
    assert passkey.credentials == [first.credential, second.credential]
    challenge = secrets.token_bytes(32)
    credential = passkey.touch(signin_options(DEMO, challenge, {first.credential: ()}), ORIGIN)
    assert verify_assertion(DEMO, challenge, credential, first).sign_count == 1
    anybody = presented_by(passkey.touch(signin_options(DEMO, challenge), ORIGIN))
    assert (anybody.credential, anybody.user) == (second.credential, USER)


def test_passkey_without_a_key_for_it_says_so() -> None:
    """Neither another account's key nor none makes an answer; an account's second registration is refused."""
    passkey = SoftwarePasskey()
    with pytest.raises(PasskeyError, match="no key"):
        passkey.touch(to_touch().options, ORIGIN)
    factor = known(registered(passkey))
    with pytest.raises(PasskeyError, match="no key"):
        passkey.touch(signin_options(DEMO, bytes(32), {b"another": ()}), ORIGIN)
    excluding = to_register().options
    excluding["excludeCredentials"] = [{"id": bytes_to_base64url(factor.credential), "type": "public-key"}]
    with pytest.raises(PasskeyError, match="already"):
        passkey.register(excluding, ORIGIN)


def test_file_keeps_keys_and_counts(tmp_path: Path) -> None:
    """Another process goes on where the last one stopped, so that nobody looks like a clone."""
    path = tmp_path / "adviser.passkey"
    factor = known(registered(SoftwarePasskey(path)))
    counts = []
    for _ in range(3):
        challenge, options = to_touch()
        credential = SoftwarePasskey(path).touch(options, ORIGIN)
        counts.append(verify_assertion(DEMO, challenge, credential, factor).sign_count)
    assert counts == [1, 2, 3]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["adviser.passkey"]


def test_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """A key that others could have copied signs nothing more."""
    path = tmp_path / "adviser.passkey"
    registered(SoftwarePasskey(path))
    path.chmod(0o640)
    with pytest.raises(PasskeyError, match="chmod 600"):
        SoftwarePasskey(path).touch(to_touch().options, ORIGIN)


def test_two_at_once_never_use_a_count_twice(tmp_path: Path) -> None:
    """Processes that share a file count on, one after the other."""
    path = tmp_path / "shared.passkey"
    factor = known(registered(SoftwarePasskey(path)))

    def count(_: int) -> int:
        challenge, options = to_touch()
        return verify_assertion(DEMO, challenge, SoftwarePasskey(path).touch(options, ORIGIN), factor).sign_count

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(count, range(12))) == list(range(1, 13))
