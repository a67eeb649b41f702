"""Proof, for strangers, that the holder of a passkey signed an act: offline, from bytes alone. No I/O.

The rules, in order; a finding names every one that does not hold:
  1. the act's bytes are canonical (`acts.py`): they read in one way only;
  2. the client data say once what they say, of a sign-in ceremony (`webauthn.get`);
  3. their challenge is the SHA-256 of the act's bytes;
  4. their origin is exactly the sign-in door's, and the page was not shown inside another site's;
  5. the authenticator data are for the RP ID, with somebody present whose PIN or body was verified;
  6. the key is of a kind we accept: ES256 on P-256, EdDSA on Ed25519, RS256 of 2048 bits or more;
  7. the signature over both is right.

Left out: whose key it is. No signature covers the user handle, so that the audit log's entry of the registration says
it; whether the key was frozen then, and the sign count, are the log's to tell as well.

This module imports nothing else of ours than `acts.py`, and `factors.py` judges sign-ins by the same rules.
"""

import hashlib
import hmac
import json
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    parse_authenticator_data,
    parse_backup_flags,
    parse_cbor,
    verify_signature,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import AuthenticatorData

from cloison.access.acts import Act, read_act

ALGORITHMS = (
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
)
LEAST_RSA_BITS = 2_048
# What the libraries raise for bytes that are not what they should be.
UNREADABLE = (
    *(WebAuthnException, UnsupportedAlgorithm, ValueError, KeyError, TypeError, IndexError, AttributeError),
    *(OverflowError, RecursionError),
)


class Ceremony(StrEnum):
    """What a browser says that it was asked for."""

    CREATE = "webauthn.create"
    GET = "webauthn.get"


class Flaw(StrEnum):
    """What does not hold, by the rules above."""

    ACT = "act"  # 1
    MALFORMED = "malformed"  # 2, 5: it cannot be read, or says two things at once
    CEREMONY = "ceremony"  # 2
    CHALLENGE = "challenge"  # 3
    ORIGIN = "origin"  # 4
    CROSS_ORIGIN = "cross_origin"  # 4
    RP_ID = "rp_id"  # 5
    PRESENCE = "presence"  # 5
    VERIFICATION = "verification"  # 5
    ALGORITHM = "algorithm"  # 6
    SIGNATURE = "signature"  # 7


class Assertion(NamedTuple):
    """A passkey's answer to a challenge; nothing covers the user handle."""

    credential: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes
    user: bytes | None


class Finding(msgspec.Struct, frozen=True):
    """The act that was signed, if its bytes are one, and what is wrong; true where nothing is."""

    act: Act | None
    flaws: tuple[Flaw, ...]

    def __bool__(self) -> bool:
        """Whether the evidence holds."""
        return self.act is not None and not self.flaws


def verify_evidence(
    act_bytes: bytes, assertion: Mapping[str, Any] | str, public_key: bytes, rp_id: str, origin: str
) -> Finding:
    """What becomes of an assertion (WebAuthn's JSON form) said to sign an act with a public key (COSE form)."""
    try:
        return verify_assertion(act_bytes, read_assertion(assertion), public_key, rp_id, [origin])
    except ValueError:
        act, flaws = _read(act_bytes)
        return Finding(act, (*flaws, Flaw.MALFORMED))


def verify_assertion(
    act_bytes: bytes, assertion: Assertion, public_key: bytes, rp_id: str, origins: Collection[str]
) -> Finding:
    """The same of one that was read, at any of these origins."""
    act, flaws = _read(act_bytes)
    challenge = hashlib.sha256(act_bytes).digest()
    flaws += client_data_flaws(assertion.client_data, Ceremony.GET, challenge, origins)
    try:
        flaws += authenticator_flaws(read_authenticator_data(assertion.authenticator_data), rp_id)
    except ValueError:
        flaws.append(Flaw.MALFORMED)
    flaws += signature_flaws(assertion, public_key)
    return Finding(act, tuple(dict.fromkeys(flaws)))


def _read(act_bytes: bytes) -> tuple[Act | None, list[Flaw]]:
    """Rule 1."""
    try:
        return read_act(act_bytes), []
    except ValueError:
        return None, [Flaw.ACT]


def read_assertion(credential: Mapping[str, Any] | str) -> Assertion:
    """The parts of a PublicKeyCredential in JSON form; raises ValueError where one is missing or written loosely."""
    try:
        read = json.loads(credential) if isinstance(credential, str) else credential
        response = read["response"]
        handle = response.get("userHandle")
        if read["type"] != "public-key" or read["id"] != read["rawId"]:
            raise ValueError("no credential")
        return Assertion(
            credential=strict_bytes(read["id"]),
            client_data=strict_bytes(response["clientDataJSON"]),
            authenticator_data=strict_bytes(response["authenticatorData"]),
            signature=strict_bytes(response["signature"]),
            user=None if handle is None else strict_bytes(handle),
        )
    except UNREADABLE as error:
        raise ValueError("no assertion") from error


def strict_bytes(text: str) -> bytes:
    """Base64url without padding, written in the one way there is; raises ValueError for any other."""
    made = base64url_to_bytes(text)
    if bytes_to_base64url(made) != text:
        raise ValueError("no base64url")
    return made


def client_data_flaws(written: bytes, ceremony: Ceremony, challenge: bytes, origins: Collection[str]) -> Iterator[Flaw]:
    """Rules 2 to 4."""
    try:
        said = json.loads(written.decode("utf-8"), object_pairs_hook=_once)
        kind, its_challenge, its_origin = said["type"], strict_bytes(said["challenge"]), said["origin"]
        crossed, top = said.get("crossOrigin", False), said.get("topOrigin")
    except UNREADABLE:
        yield Flaw.MALFORMED
        return
    if kind != ceremony.value:
        yield Flaw.CEREMONY
    if not hmac.compare_digest(its_challenge, challenge):
        yield Flaw.CHALLENGE
    if its_origin not in origins:
        yield Flaw.ORIGIN
    if crossed is not False or top is not None:
        yield Flaw.CROSS_ORIGIN


def read_authenticator_data(written: bytes) -> AuthenticatorData:
    """The authenticator data; raises ValueError where they contradict themselves."""
    try:
        read = parse_authenticator_data(written)
        parse_backup_flags(read.flags)  # backed up without being able to: refused
    except UNREADABLE as error:
        raise ValueError("no authenticator data") from error
    return read


def authenticator_flaws(data: AuthenticatorData, rp_id: str) -> Iterator[Flaw]:
    """Rule 5."""
    if not hmac.compare_digest(data.rp_id_hash, hashlib.sha256(rp_id.encode()).digest()):
        yield Flaw.RP_ID
    if not data.flags.up:
        yield Flaw.PRESENCE
    if not data.flags.uv:
        yield Flaw.VERIFICATION


def signature_flaws(assertion: Assertion, public_key: bytes) -> Iterator[Flaw]:
    """Rules 6 and 7."""
    try:
        algorithm, key = accepted_key(public_key)
    except ValueError:
        yield Flaw.ALGORITHM
        return
    signed = assertion.authenticator_data + hashlib.sha256(assertion.client_data).digest()
    try:
        verify_signature(public_key=key, signature_alg=algorithm, signature=assertion.signature, data=signed)
    except (InvalidSignature, *UNREADABLE):
        yield Flaw.SIGNATURE


def accepted_key(cose: bytes) -> tuple[COSEAlgorithmIdentifier, PublicKeyTypes]:
    """Rule 6: algorithm and key; raises ValueError for a key of any other kind, were it mislabelled."""
    try:
        if not isinstance(parse_cbor(cose), dict):  # the library would take a bare point, which no passkey sends
            raise ValueError("no COSE key")  # noqa: TRY004 - the caller catches one kind
        decoded = decode_credential_public_key(cose)
        algorithm, key = COSEAlgorithmIdentifier(decoded.alg), decoded_public_key_to_cryptography(decoded)
    except UNREADABLE as error:
        raise ValueError("no key") from error
    fits = {
        ALGORITHMS[0]: isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1),
        ALGORITHMS[1]: isinstance(key, ed25519.Ed25519PublicKey),
        ALGORITHMS[2]: isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_RSA_BITS,
    }
    if not fits.get(algorithm, False):
        raise ValueError("a key of another kind")
    return algorithm, key


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are there once: of two, readers would choose differently."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made
