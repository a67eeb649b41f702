"""Systems that call for themselves: their keys, and the assertions by which they say who they are. No I/O.

A client has one public key (P-256) and no secret. It asks for a token by `private_key_jwt` (RFC 7523, section 2.2). The
rules of an assertion, in order, cheapest first:

1. one JWS of 4,096 bytes at most; `iss` and `sub` are the client's number, both;
2. it is signed by the client's key, by ES256 and nothing else;
3. `aud` is the address of the token endpoint, alone;
4. `exp` lies ahead, five minutes at most; `nbf`, where there is one, does not, but for half a minute;
5. `jti` has 16 to 128 characters; the database takes each once (`spend_v1`).

Left out on purpose: other algorithms and kinds of keys. One that is enough is one less to get wrong.
"""

import binascii
import hashlib
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from msgspec import Meta

from cloison.errors import BadRequestError, ClientRefusedError

ALGORITHM = "ES256"
CURVE = "P-256"
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BEARER_PLACE = "_client"  # where a session's token has its account's segment
LIVES_SECONDS = 300
EARLY_SECONDS = 30
ASSERTION_BYTES = 4_096
KEY = "a client's key is a public key of the curve P-256, as PEM or as JWK"


class ClientUse(StrEnum):
    """What a client is registered for; one that is none of these does nothing."""

    FEED = "feed"  # tells of interactions
    SCIM = "scim"  # says who joins and leaves its organisation
    DELEGATE = "delegate"  # acts for advisers who hand their session on
    CHANGES = "changes"  # reads which records changed


class PublicKey(msgspec.Struct, frozen=True):
    """A client's key as it is registered: the JWK whose SHA-256 is the thumbprint (RFC 7638), in hexadecimal."""

    jwk: str
    thumbprint: str


class Asserted(msgspec.Struct, frozen=True):
    """A sound assertion: whose, by what it is known once it is used, and for how many seconds that is remembered."""

    client: UUID
    spent: bytes
    seconds: int


class _Claims(msgspec.Struct, frozen=True):
    iss: UUID
    sub: UUID
    aud: str | list[str]
    exp: float
    jti: Annotated[str, Meta(min_length=16, max_length=128)]
    nbf: float = 0


def public_key(text: str) -> PublicKey:
    """The key of a file's text, PEM or JWK; raises BadRequestError, for a private key too: it stays where it is."""
    try:
        given: Any = msgspec.json.decode(text) if text.lstrip().startswith("{") else text
        key = ECKey.import_key(given)
        said = key.as_dict()
    except (JoseError, ValueError, TypeError, msgspec.DecodeError) as error:
        raise BadRequestError(reason=KEY) from error
    if key.is_private:
        raise BadRequestError(reason="this is a private key, which never leaves its client; give the public one")
    if said["crv"] != CURVE:
        raise BadRequestError(reason=KEY)
    jwk = msgspec.json.encode({name: said[name] for name in ("crv", "kty", "x", "y")})
    return PublicKey(jwk.decode(), hashlib.sha256(jwk).hexdigest())


def uses(words: Sequence[str]) -> list[str]:
    """Those of a client that is no source; raises BadRequestError."""
    try:
        found = sorted({ClientUse(word) for word in words})
    except ValueError as error:
        raise BadRequestError(reason=f"a client's uses are {', '.join(ClientUse)}") from error
    if not found or ClientUse.FEED in found:
        raise BadRequestError(reason="a client has one use at least; a source is created by `cloison feeds create`")
    return [use.value for use in found]


def claimed(assertion: str) -> UUID:
    """Rule 1: whose assertion this says it is, before its signature is looked at; raises ClientRefusedError."""
    if len(assertion) > ASSERTION_BYTES:
        raise ClientRefusedError(reason="its assertion is too long")
    claims = _claims(assertion)
    if claims.iss != claims.sub:
        raise ClientRefusedError(reason="iss and sub are not the same")
    return claims.iss


def verified(assertion: str, key: str, endpoint: str, now: float | None = None) -> Asserted:
    """Rules 2 to 5, with the key of whom `claimed` named; raises ClientRefusedError. `now`: seconds since 1970."""
    now = time.time() if now is None else now
    try:
        jws.deserialize_compact(assertion, ECKey.import_key(msgspec.json.decode(key)), [ALGORITHM])
    except (JoseError, ValueError) as error:
        raise ClientRefusedError(reason="its assertion is not signed by its key") from error
    claims = _claims(assertion)
    if claims.aud not in (endpoint, [endpoint]):
        raise ClientRefusedError(reason=f"its assertion is not for {endpoint}")
    if not now < claims.exp <= now + LIVES_SECONDS + EARLY_SECONDS or claims.nbf > now + EARLY_SECONDS:
        raise ClientRefusedError(reason="its assertion has expired, or is good for longer than five minutes")
    spent = hashlib.sha256(f"{claims.iss} {claims.jti}".encode()).digest()
    return Asserted(claims.iss, spent, int(claims.exp - now) + EARLY_SECONDS)


def _claims(assertion: str) -> _Claims:
    try:
        return msgspec.json.decode(jws.extract_compact(assertion.encode()).payload, type=_Claims)
    except (JoseError, msgspec.DecodeError, ValueError, binascii.Error) as error:
        raise ClientRefusedError(reason="its assertion cannot be read, or lacks a claim") from error
