"""Proofs of the device: whatever was copied, delayed, altered or made with another key is refused."""

import base64
import json
import time
from collections.abc import Callable

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey

from cloison.access import proofs
from cloison.access.proofs import Call, Proofs
from cloison.client.device import DeviceKey
from cloison.errors import ProofError, ProofNonceError

ORIGIN = "https://desk.example.org"
CALL = Call("POST", "/v1/people/open", "59.token", b'{"requests":[]}')
URL = ORIGIN + CALL.path


class Clock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        """Now."""
        self.now = time.time()

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self.now


def proof_of(key: DeviceKey, checks: Proofs, call: Call = CALL, ahead: float = 0) -> str:
    """A proof as the client makes it."""
    return key.proof(
        call.method, ORIGIN + call.path, token=call.token, body=call.body, nonce=checks.nonce(), ahead=ahead
    )


def test_proof_names_its_key() -> None:
    """A good proof gives the thumbprint of its key."""
    key, checks = DeviceKey(), Proofs(ORIGIN)
    assert checks.thumbprint(proof_of(key, checks), CALL) == key.thumbprint


def test_replayed_proof_is_refused() -> None:
    """The same proof a second time, by whoever saw it."""
    checks = Proofs(ORIGIN)
    proof = proof_of(DeviceKey(), checks)
    checks.thumbprint(proof, CALL)
    with pytest.raises(ProofError, match="used before"):
        checks.thumbprint(proof, CALL)


def test_proof_of_one_process_is_refused_by_another() -> None:
    """What one process remembers is enough: another one never takes the first one's nonce."""
    first, second = Proofs(ORIGIN), Proofs(ORIGIN)
    with pytest.raises(ProofNonceError) as refused:
        second.thumbprint(proof_of(DeviceKey(), first), CALL)
    assert refused.value.fields == {"nonce": second.nonce()}


def test_proof_without_nonce_is_told_one() -> None:
    """A client's first request learns the nonce; an empty one is no nonce before any was given."""
    key, checks = DeviceKey(), Proofs(ORIGIN)
    for nonce in ("", "old"):
        with pytest.raises(ProofNonceError):
            checks.thumbprint(key.proof("POST", URL, token=CALL.token, body=CALL.body, nonce=nonce), CALL)


def test_nonces_are_good_for_two_slots_and_replays_are_known_as_long() -> None:
    """A proof is taken in the slot after its nonce's, once, and never later."""
    clock, key = Clock(), DeviceKey()
    checks = Proofs(ORIGIN, clock)
    used, unused, late = (proof_of(key, checks) for _ in range(3))
    checks.thumbprint(used, CALL)
    clock.now += proofs.NONCE_SECONDS
    checks.thumbprint(unused, CALL)
    for again in (used, unused):
        with pytest.raises(ProofError, match="used before"):
            checks.thumbprint(again, CALL)
    clock.now += proofs.NONCE_SECONDS
    for old in (used, unused, late):
        with pytest.raises(ProofNonceError):
            checks.thumbprint(old, CALL)


def test_idle_hours_void_all_nonces() -> None:
    """After a pause without any request no nonce of before is good."""
    clock, key = Clock(), DeviceKey()
    checks = Proofs(ORIGIN, clock)
    proof = proof_of(key, checks)
    clock.now += 10 * proofs.NONCE_SECONDS
    with pytest.raises(ProofNonceError):
        checks.thumbprint(proof, CALL)


@pytest.mark.parametrize(("ahead", "words"), [(400, "400 seconds ahead"), (-400, "400 seconds behind")])
def test_skewed_clock_is_told_by_how_much(ahead: float, words: str) -> None:
    """A device whose clock is more than five minutes off hears by how much."""
    clock = Clock()
    clock.now = float(int(clock.now))
    checks = Proofs(ORIGIN, clock)
    with pytest.raises(ProofError, match=words):
        checks.thumbprint(proof_of(DeviceKey(), checks, ahead=ahead + clock.now - time.time() + 0.5), CALL)


def test_small_skew_is_taken() -> None:
    """Four minutes off, either way, work."""
    checks = Proofs(ORIGIN)
    for ahead in (-240, 240):
        checks.thumbprint(proof_of(DeviceKey(), checks, ahead=ahead), CALL)


@pytest.mark.parametrize(
    "other",
    [
        Call("GET", CALL.path, CALL.token, CALL.body),
        Call(CALL.method, "/v1/people/search", CALL.token, CALL.body),
        Call(CALL.method, CALL.path, "59.other", CALL.body),
        Call(CALL.method, CALL.path, "", CALL.body),
        Call(CALL.method, CALL.path, CALL.token, CALL.body + b" "),
    ],
)
def test_proof_of_another_request_is_refused(other: Call) -> None:
    """Method, address, token and body are those that were signed."""
    checks = Proofs(ORIGIN)
    with pytest.raises(ProofError, match="another"):
        checks.thumbprint(proof_of(DeviceKey(), checks), other)


def test_proof_for_another_origin_is_refused() -> None:
    """A proof that a look-alike got is none here."""
    checks = Proofs(ORIGIN)
    proof = DeviceKey().proof(
        "POST", "https://desk.example.com" + CALL.path, token=CALL.token, body=CALL.body, nonce=checks.nonce()
    )
    with pytest.raises(ProofError, match="another request"):
        checks.thumbprint(proof, CALL)


def part(data: object) -> str:
    """A part of a JWS."""
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


def forged(checks: Proofs, change: Callable[[dict[str, object], dict[str, object]], None]) -> str:
    """A proof whose header and claims were changed before it was signed."""
    key = ECKey.generate_key("P-256")
    public = key.as_dict(private=False)
    header: dict[str, object] = {
        "typ": "dpop+jwt",
        "alg": "ES256",
        "jwk": {name: public[name] for name in ("kty", "crv", "x", "y")},
    }
    good = DeviceKey().proof("POST", URL, token=CALL.token, body=CALL.body, nonce=checks.nonce())
    claims = json.loads(base64.urlsafe_b64decode(good.split(".")[1] + "=="))
    change(header, claims)
    signing = f"{part(header)}.{part(claims)}"
    algorithm = jws.JWSRegistry.algorithms["ES256"]
    signature = algorithm.sign(signing.encode(), key)
    return f"{signing}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def test_forger_can_make_a_good_one() -> None:
    """What the next tests change is taken where nothing is changed."""
    checks = Proofs(ORIGIN)
    checks.thumbprint(forged(checks, lambda header, claims: None), CALL)  # noqa: ARG005 - as the others


@pytest.mark.parametrize(
    "change",
    [
        lambda h, _: h.update(alg="none"),
        lambda h, _: h.update(alg="HS256"),
        lambda h, _: h.update(typ="JWT"),
        lambda h, _: h.pop("typ"),
        lambda h, _: h.pop("jwk"),
        lambda h, _: h.update(kid="1"),
        lambda h, _: h.update(crit=["b64"], b64=False),
        lambda h, _: h["jwk"].update(d="A" * 43),
        lambda h, _: h["jwk"].update(crv="P-384"),
        lambda h, _: h["jwk"].update(x="A" * 43),
        lambda _, c: c.pop("jti"),
        lambda _, c: c.update(jti="short"),
        lambda _, c: c.update(jti="x" * 65),
        lambda _, c: c.pop("iat"),
        lambda _, c: c.update(iat="now"),
        lambda _, c: c.update(iat=1e300),
        lambda _, c: c.pop("htu"),
        lambda _, c: c.pop("ath"),
        lambda _, c: c.pop("body_sha256"),
        lambda _, c: c.update(pad="x" * 3_000),
    ],
)
def test_malformed_proof_is_refused(change: Callable[[dict[str, object], dict[str, object]], None]) -> None:
    """A header or a claim that is missing, of another kind or too much."""
    checks = Proofs(ORIGIN)
    with pytest.raises(ProofError):
        checks.thumbprint(forged(checks, change), CALL)


def test_signature_of_another_key_is_refused() -> None:
    """The victim's public key in the header, the thief's signature."""
    checks = Proofs(ORIGIN)
    victim, thief = proof_of(DeviceKey(), checks).split("."), proof_of(DeviceKey(), checks).split(".")
    for parts in ([*victim[:2], thief[2]], [victim[0], thief[1], thief[2]], [*victim[:2], ""]):
        with pytest.raises(ProofError):
            checks.thumbprint(".".join(parts), CALL)


def test_key_as_shared_secret_is_refused() -> None:
    """The public key used as an HMAC's secret, which some libraries took."""
    checks = Proofs(ORIGIN)
    header, claims, _ = proof_of(DeviceKey(), checks).split(".")
    token = jws.serialize_compact({"alg": "HS256"}, base64.urlsafe_b64decode(claims + "=="), OctKey.import_key(header))
    for parts in ([header, *token.split(".")[1:]], token.split(".")):
        with pytest.raises(ProofError):
            checks.thumbprint(".".join(parts), CALL)


@pytest.mark.parametrize("proof", ["", ".", "..", "a.b.c", "é.é.é", "A" * 3_000, "e30.e30.e30", "\x00"])
def test_rubbish_is_refused(proof: str) -> None:
    """What is no proof at all."""
    with pytest.raises(ProofError):
        Proofs(ORIGIN).thumbprint(proof, CALL)


def test_flood_of_proofs_stays_within_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where too many were used, all nonces are void; what was used is not forgotten, as its nonce is good no more."""
    monkeypatch.setattr(proofs, "REMEMBERED", 5)
    key, checks = DeviceKey(), Proofs(ORIGIN)
    used = [proof_of(key, checks) for _ in range(6)]
    for proof in used[:5]:
        checks.thumbprint(proof, CALL)
    with pytest.raises(ProofNonceError):
        checks.thumbprint(used[5], CALL)
    for proof in used:
        with pytest.raises(ProofNonceError):
            checks.thumbprint(proof, CALL)
    checks.thumbprint(proof_of(key, checks), CALL)
