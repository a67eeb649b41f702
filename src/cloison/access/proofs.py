"""Proofs that a request comes from the device its session belongs to: RFC 9449 (DPoP), stricter. No I/O.

The device keeps a private key that cannot be exported and signs each request with it. A token that is copied elsewhere
is worthless there: the database knows a session only by the token's secret *and* the thumbprint of this key together
(`sessions.py: bearer`), so that no function of it takes one with another key.

The rules, in order, cheapest first:

1. one proof, a JWS of 2,048 bytes at most; its header is `typ` dpop+jwt, `alg` ES256 and a public P-256 key, no more;
2. `nonce` was given by this process in the last two minutes: a proof made ahead, or shown to another process, is
   refused and told a nonce of ours, so that what is remembered by one process (rule 7) is enough;
3. `iat` is within five minutes of our clock;
4. `htm`, `htu` and `ath` are this method, this address and this token; `body_sha256` is the body's SHA-256;
5. `jti` has 16 to 64 characters;
6. the signature is the key's;
7. `jti` was not used before. What is remembered is bounded: where it is full, all nonces are void, and clients learn
   new ones by their next request.

Left out on purpose: the query string. RFC 9449 leaves it out of `htu`, and a proof is used once, so that nobody can
take it to another query after its sender's request has arrived.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Literal

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from msgspec import Meta

from cloison.errors import ProofError, ProofNonceError

ALGORITHM = "ES256"
PROOF_BYTES = 2_048
NONCE_SECONDS = 60  # a nonce is good for this long, and as long again
CLOCK_SECONDS = 300
REMEMBERED = 500_000  # proofs in NONCE_SECONDS; about 60 MB
NONCE_BYTES = 12
SECRET_BYTES = 32

Coordinate = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]
Hash = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]


class _Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The device's public key as RFC 7517 writes it; fields in the order in which RFC 7638 hashes them."""

    crv: Literal["P-256"]
    kty: Literal["EC"]
    x: Coordinate
    y: Coordinate


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    typ: Literal["dpop+jwt"]
    alg: Literal["ES256"]
    jwk: _Key


class _Claims(msgspec.Struct, frozen=True):
    htm: str
    htu: str
    iat: int
    jti: Annotated[str, Meta(min_length=16, max_length=64)]
    ath: Hash | None = None  # none where there is no token yet
    nonce: str = ""
    body_sha256: Hash = ""


class Call(msgspec.Struct, frozen=True):
    """What a proof must be about; `token`: the access token's text, empty where there is none yet."""

    method: str
    path: str
    token: str
    body: bytes


class Proofs:
    """Checks the proofs of requests to one origin; remembers each as long as it could be shown again."""

    def __init__(self, origin: str, clock: Callable[[], float] = time.time) -> None:
        """For requests to `origin` (scheme, host and port); `clock` gives seconds since 1970."""
        self._origin = origin
        self._clock = clock
        self._secret = secrets.token_bytes(SECRET_BYTES)
        self._slot = -1
        self._nonces = ("", "")  # of this slot, of the one before
        self._used: set[str] = set()
        self._used_before: set[str] = set()

    def nonce(self) -> str:
        """The nonce to be put into the next proof."""
        self._turn()
        return self._nonces[0]

    def thumbprint(self, proof: str, call: Call) -> bytes:
        """The thumbprint (RFC 7638, 32 bytes) of the key that signed `proof` for `call`.

        Raises ProofError, and ProofNonceError where another try with the nonce that it names may do.
        """
        header, _, rest = proof.partition(".")
        if len(proof) > PROOF_BYTES:  # 1
            raise ProofError(reason="it is too long")
        key, thumbprint = _device_key(header)
        claims = _claims(rest.partition(".")[0])
        self._turn()
        if claims.nonce not in self._nonces or not claims.nonce:  # 2
            raise ProofNonceError(nonce=self._nonces[0])
        ahead = round(claims.iat - self._clock())
        if abs(ahead) > CLOCK_SECONDS:  # 3
            raise ProofError(reason=f"the device's clock is {abs(ahead)} seconds {'ahead' if ahead > 0 else 'behind'}")
        self._compare(claims, call)  # 4, 5
        try:
            jws.deserialize_compact(proof, key, [ALGORITHM])  # 6
        except (JoseError, ValueError) as error:
            raise ProofError(reason="its signature is not that of its key") from error
        self._remember(claims)  # 7
        return thumbprint

    def _compare(self, claims: _Claims, call: Call) -> None:
        if (claims.htm, claims.htu) != (call.method, self._origin + call.path):
            raise ProofError(reason="it is for another request")
        if claims.ath != (_sha256(call.token.encode()) if call.token else None):
            raise ProofError(reason="it is for another token")
        if claims.body_sha256 != _sha256(call.body):
            raise ProofError(reason="it is for another body")

    def _remember(self, claims: _Claims) -> None:
        used = self._used if claims.nonce == self._nonces[0] else self._used_before
        if claims.jti in used:
            raise ProofError(reason="it was used before")
        if len(used) >= REMEMBERED:
            self._secret, self._slot = secrets.token_bytes(SECRET_BYTES), -1
            raise ProofNonceError(nonce=self.nonce())
        used.add(claims.jti)

    def _turn(self) -> None:
        """Go on to the present slot's nonce; forget the proofs whose nonce is good no more."""
        slot = int(self._clock()) // NONCE_SECONDS
        if slot == self._slot:
            return
        follows = slot == self._slot + 1 and self._slot >= 0
        self._nonces = (self._nonce_of(slot), self._nonces[0] if follows else "")
        self._used, self._used_before = set(), self._used if follows else set()
        self._slot = slot

    def _nonce_of(self, slot: int) -> str:
        return _text(hmac.digest(self._secret, slot.to_bytes(8, "big"), "sha256")[:NONCE_BYTES])


@lru_cache(maxsize=8_192)
def _device_key(header: str) -> tuple[ECKey, bytes]:
    """The key of a proof's header, and its thumbprint: the same in all of a device's proofs, so that it is kept."""
    try:
        jwk = msgspec.json.decode(_bytes(header), type=_Header).jwk
        key = ECKey.import_key(msgspec.to_builtins(jwk))
    except (msgspec.DecodeError, JoseError, ValueError) as error:
        raise ProofError(reason=f"its header is not that of an {ALGORITHM} proof") from error
    return key, hashlib.sha256(msgspec.json.encode(jwk)).digest()


def thumbprint_of(jkt: str) -> bytes:
    """The 32 bytes of a thumbprint's text; raises ProofError for anything else."""
    try:
        thumbprint = _bytes(jkt)
    except ValueError as error:
        raise ProofError(reason="the key's thumbprint cannot be read") from error
    if len(thumbprint) != SECRET_BYTES:
        raise ProofError(reason="the key's thumbprint has not 32 bytes")
    return thumbprint


def _claims(payload: str) -> _Claims:
    try:
        return msgspec.json.decode(_bytes(payload), type=_Claims)
    except (msgspec.DecodeError, ValueError) as error:
        raise ProofError(reason="it lacks one of its parts, or one is not what it should be") from error


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError from error


def _sha256(data: bytes) -> str:
    return _text(hashlib.sha256(data).digest())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
