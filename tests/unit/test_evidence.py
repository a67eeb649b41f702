"""Who signed an act can be verified offline by a stranger, and nothing that was touched afterwards passes.

The vectors of `evidence.json` were made once, by the software passkey with fixed keys. They are for other
implementations too: each has what a verifier is given, and what it must find.
"""

import hashlib
import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from support.factors import DEMO, ORIGIN, RP_ID, known, registered
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor

from cloison.access.acts import Act, ActKind, Who, canonical, challenge
from cloison.access.evidence import Finding, Flaw, verify_evidence
from cloison.access.factors import signin_options
from cloison.client.passkey import HONEST, Lies, PrivateKey, SoftwarePasskey, cose_key

VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("evidence.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ACT = Act(
    act=UUID(int=7),
    kind=ActKind.GRANT_BREAK_GLASS,
    asked_by=Who("59", UUID(int=11)),
    organisation=UUID(int=1),
    details={
        "account": str(UUID(int=11)),
        "handle": "demo.adviser",
        "person": str(UUID(int=99)),
        "reason": "called back by another agency",
        "hours": 8,
    },
    asked_at=NOW,
    expires_at=NOW + timedelta(days=1),
)
PARTS = ["clientDataJSON", "authenticatorData", "signature"]


class Signed:
    """An act that somebody signed, as an audit entry keeps it."""

    def __init__(self, lies: Lies = HONEST, *, signed: bytes | None = None) -> None:
        """Sign the act, or other bytes, with these lies."""
        passkey = SoftwarePasskey()
        self.public_key = known(registered(passkey)).public_key
        passkey.lies = lies
        options = signin_options(DEMO, challenge(ACT) if signed is None else signed)
        self.assertion = passkey.touch(options, ORIGIN)

    def found(self, act: bytes | None = None, rp_id: str = RP_ID, origin: str = ORIGIN) -> Finding:
        """What a stranger finds."""
        return verify_evidence(canonical(ACT) if act is None else act, self.assertion, self.public_key, rp_id, origin)


ONCE = Signed()  # for the tests that change bytes of it many times


def test_evidence_holds() -> None:
    """What was signed is found to be signed, and the act is read from it."""
    found = Signed().found()
    assert found
    assert (found.act, found.flaws) == (ACT, ())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_golden_vector(vector: dict[str, Any]) -> None:
    """What was found once is found for ever, whatever libraries become."""
    found = verify_evidence(
        vector["act"].encode(),
        vector["assertion"],
        base64url_to_bytes(vector["public_key"]),
        vector["rp_id"],
        vector["origin"],
    )
    assert [flaw.value for flaw in found.flaws] == vector["flaws"]
    assert bool(found) is (vector["flaws"] == [])


def test_vectors_cover_every_flaw() -> None:
    """Each thing that can be wrong has a vector for other implementations, and each kind of key one that holds."""
    assert {flaw for vector in VECTORS for flaw in vector["flaws"]} == {flaw.value for flaw in Flaw}
    assert {vector["name"] for vector in VECTORS if not vector["flaws"]} == {"es256", "eddsa", "rs256"}


@settings(max_examples=300)
@given(position=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_act_tampered_byte_by_byte_fails(position: int, flip: int) -> None:
    """No byte of the act can change afterwards."""
    written = bytearray(canonical(ACT))
    written[position % len(written)] ^= flip
    assert Flaw.CHALLENGE in ONCE.found(bytes(written)).flaws


@settings(max_examples=300)
@given(part=st.sampled_from(PARTS), position=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_answer_tampered_byte_by_byte_fails(part: str, position: int, flip: int) -> None:
    """No byte of what was signed, or of the signature, can change afterwards."""
    content = bytearray(base64url_to_bytes(ONCE.assertion["response"][part]))
    content[position % len(content)] ^= flip
    response = ONCE.assertion["response"] | {part: bytes_to_base64url(bytes(content))}
    found = verify_evidence(canonical(ACT), ONCE.assertion | {"response": response}, ONCE.public_key, RP_ID, ORIGIN)
    assert not found
    assert Flaw.SIGNATURE in found.flaws


@settings(max_examples=100)
@given(part=st.sampled_from(PARTS), cut=st.integers(1, 60))
def test_answer_cut_or_lengthened_fails(part: str, cut: int) -> None:
    """Neither a shorter nor a longer answer holds."""
    content = base64url_to_bytes(ONCE.assertion["response"][part])
    for other in (content[:-cut], content + bytes(cut)):
        response = ONCE.assertion["response"] | {part: bytes_to_base64url(other)}
        assert not verify_evidence(
            canonical(ACT), ONCE.assertion | {"response": response}, ONCE.public_key, RP_ID, ORIGIN
        )


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("suffix", ["=", "==", "\n", " ", "!"])
def test_answer_written_otherwise_is_malformed(part: str, suffix: str) -> None:
    """Characters that decoders skip would make many writings of one proof."""
    signed = Signed()
    signed.assertion["response"][part] += suffix
    assert signed.found().flaws == (Flaw.MALFORMED,)


ATTACKS = {
    "signed_on_the_desks_page": (Lies(origin="http://localhost:8440"), Flaw.ORIGIN),
    "signed_inside_another_page": (Lies(client_data={"crossOrigin": True}), Flaw.CROSS_ORIGIN),
    "signed_for_another_rp_id": (Lies(rp_id="example.org"), Flaw.RP_ID),
    "signed_without_verification": (Lies(verified=False), Flaw.VERIFICATION),
    "signed_without_presence": (Lies(present=False), Flaw.PRESENCE),
    "registration_in_place_of_a_signature": (Lies(ceremony="webauthn.create"), Flaw.CEREMONY),
    "sign_in_in_place_of_a_signature": (Lies(challenge=secrets.token_bytes(32)), Flaw.CHALLENGE),
    "backed_up_but_not_eligible": (Lies(backed_up=True), Flaw.MALFORMED),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_evidence_refuses(attack: str) -> None:
    """Each attack is found, alone, though the signature is right."""
    lies, flaw = ATTACKS[attack]
    assert Signed(lies).found().flaws == (flaw,)


def test_signature_of_another_act_does_not_do() -> None:
    """Who approved one opening did not approve the next."""
    other = canonical(ACT).replace(b'"hours":8', b'"hours":9')
    found = Signed().found(other)
    assert found.act is not None
    assert found.flaws == (Flaw.CHALLENGE,)


def test_bytes_that_are_no_act_prove_nothing() -> None:
    """Even if somebody signed them."""
    written = canonical(ACT).replace(b"{", b'{"z":1,', 1)
    found = Signed(signed=hashlib.sha256(written).digest()).found(written)
    assert (found.act, found.flaws) == (None, (Flaw.ACT,))
    assert not found


def test_key_of_somebody_else_does_not_verify() -> None:
    """Evidence is against one public key, and no other passes for it."""
    signed = Signed()
    signed.public_key = Signed().public_key
    assert signed.found().flaws == (Flaw.SIGNATURE,)


def test_wrong_expectations_are_told_together() -> None:
    """A stranger who verifies for another address learns each thing that does not fit."""
    assert Signed().found(rp_id="example.org", origin="https://example.org").flaws == (Flaw.ORIGIN, Flaw.RP_ID)


def short_rsa() -> PrivateKey:
    """A key too short to trust, which the library would take."""
    return rsa.generate_private_key(65_537, 1_024)  # noqa: S505 - that is the attack


def bare_point() -> bytes:
    """A public key as older devices sent it, which the library would take."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    return b"\x04" + point.x.to_bytes(32) + point.y.to_bytes(32)


def of_p384() -> dict[int, object]:
    """A key that says ES256 and lies on another curve, where the library would take it."""
    point = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    return {1: 2, 3: -7, -1: 2, -2: point.x.to_bytes(48), -3: point.y.to_bytes(48)}


@pytest.mark.parametrize(
    "public_key",
    [
        b"",
        bare_point(),
        encode_cbor(of_p384()),
        b"\x04" + bytes(10),
        encode_cbor({}),
        encode_cbor({1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)}),  # not on the curve
        encode_cbor({1: 2, 3: -7, -1: 1, -2: "x", -3: b""}),
        encode_cbor({1: 2, 3: -36, -1: 1, -2: bytes(32), -3: bytes(32)}),
        encode_cbor(cose_key(short_rsa())),
        encode_cbor(cose_key(ed25519.Ed25519PrivateKey.generate()) | {3: -7}),
        encode_cbor(cose_key(ec.generate_private_key(ec.SECP256R1())) | {3: -257}),
    ],
    ids=range(11),  # keys made anew would be names that differ from worker to worker
)
def test_key_of_another_kind_is_told(public_key: bytes) -> None:
    """Weak, mislabelled and broken keys verify nothing, and break nothing."""
    signed = Signed()
    signed.public_key = public_key
    assert signed.found().flaws == (Flaw.ALGORITHM,)


@pytest.mark.parametrize(
    "assertion", ["", "{}", "[]", "null", '{"id":"AA","rawId":"AA","type":"public-key"}', "[" * 10_000]
)
def test_something_else_in_place_of_an_answer_is_malformed(assertion: str) -> None:
    """Whatever a stranger is handed, there is a finding."""
    assert verify_evidence(canonical(ACT), assertion, b"", RP_ID, ORIGIN).flaws == (Flaw.MALFORMED,)


def test_strangers_need_two_files() -> None:
    """Of ours, the verifier loads `acts.py` and itself, nothing that knows a database, a door or a setting."""
    code = "import sys, cloison.access.evidence; print(sorted(m for m in sys.modules if m.startswith('cloison')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(["cloison", "cloison.access", "cloison.access.acts", "cloison.access.evidence"])


# -- how the vectors were made ------------------------------------------------------------------------------------

FIXED: dict[str, Callable[[], PrivateKey]] = {
    "es256": lambda: ec.derive_private_key(0xC101504, ec.SECP256R1()),
    "eddsa": lambda: ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))),
    "rs256": lambda: rsa.generate_private_key(65_537, 2_048),  # cannot be fixed in a line; its public half is kept
}


def made_vectors() -> list[dict[str, Any]]:
    """Vectors like those of the file: `python tests/unit/test_evidence.py` prints them."""
    holding = [_vector(name, [], key=FIXED[name]) for name in FIXED]
    failing = [_vector(name, [flaw.value], lies) for name, (lies, flaw) in ATTACKS.items()]
    tampered = _vector("act_tampered", [Flaw.CHALLENGE.value])
    tampered["act"] = tampered["act"].replace('"hours":8', '"hours":9')
    no_act = _vector("act_with_a_space", [Flaw.ACT.value, Flaw.CHALLENGE.value])
    no_act["act"] += " "
    wrong_key = _vector("key_of_somebody_else", [Flaw.SIGNATURE.value])
    wrong_key["public_key"] = bytes_to_base64url(encode_cbor(cose_key(ec.derive_private_key(7, ec.SECP256R1()))))
    short = _vector("short_rsa_key", [Flaw.ALGORITHM.value], key=short_rsa)
    return [*holding, *failing, tampered, no_act, wrong_key, short]


def _vector(
    name: str, flaws: list[str], lies: Lies = HONEST, key: Callable[[], PrivateKey] = FIXED["es256"]
) -> dict[str, Any]:
    made = key()
    passkey = SoftwarePasskey(new_key=lambda: made)
    passkey.register({"rp": {"id": RP_ID}, "user": {"id": bytes_to_base64url(b"59|demo")}, "challenge": "AA"}, ORIGIN)
    passkey.lies = lies
    return {
        "name": name,
        "act": canonical(ACT).decode(),
        "assertion": passkey.touch(signin_options(DEMO, challenge(ACT)), ORIGIN),
        "public_key": bytes_to_base64url(encode_cbor(cose_key(made))),
        "rp_id": RP_ID,
        "origin": ORIGIN,
        "flaws": flaws,
    }


if __name__ == "__main__":
    print(json.dumps(made_vectors(), indent=1, ensure_ascii=False))  # noqa: T201 - a file to be redirected
