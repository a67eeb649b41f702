"""Believing an ID token: the keys that may have signed it, and what it must say. No I/O.

The rules, in order; the first that fails is the refusal:

1. The header's `alg` is one of those agreed with the provider, all of them asymmetric: `none` and HS256 with the public
   key as secret are not in the list, whatever the header or the key set says.
2. The key is one of the provider's own set, named by `kid`; without one, the only key that suits. Keys and addresses in
   the header (`jwk`, `jku`, `x5c`) are not looked at. A key is for one kind of algorithm; RSA has 2,048 bits or more.
3. `iss` is the provider; `aud` is us and nobody else; `azp`, if there, is us.
4. `exp` is to come, `iat` and `nbf` are not, and `iat` is at most ten minutes ago; clocks may differ by a minute.
5. `nonce` is the ceremony's.
6. Where freshness was asked for, `auth_time` is there and recent enough.
7. `sub` says somebody.

Whether that proves two factors is a question apart (`oidc.proves`). Left out: `at_hash` and `c_hash`, as we use no
access token and the code came to us alone; `sid`, as we take part in no sign-out of the provider's.
"""

import base64
import hmac
from collections.abc import Iterable

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from cloison.access.oidc import SUBJECT_CHARACTERS, Ceremony, Fault, Proved, Provider, decoded, doubt

Key = ECKey | OKPKey | RSAKey

SKEW_SECONDS = 60
AGE_SECONDS = 600
TOKEN_CHARACTERS = 16_384
KEYS_READ = 64
RSA_BITS = 2_048
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519", "Ed25519": "Ed25519"}


class Claims(msgspec.Struct, frozen=True):
    """What we read of an ID token."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    iat: float
    nonce: str = ""
    azp: str | None = None
    nbf: float = 0
    auth_time: float | None = None
    acr: str | None = None
    amr: list[str] | None = None


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str | None = None
    crit: list[str] | None = None


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[msgspec.Raw]


class _KeyHead(msgspec.Struct, frozen=True):
    kty: str
    use: str = "sig"
    key_ops: tuple[str, ...] = ("verify",)


def read_keys(provider: Provider, document: bytes) -> list[Key]:
    """The usable keys of a set; those of another kind or use are passed over. Raises ProviderAnswerError."""
    raw = decoded(provider, document, _KeySet).keys[:KEYS_READ]
    return [key for key in map(_key, raw) if key is not None]


def _key(raw: msgspec.Raw) -> Key | None:
    try:
        head = msgspec.json.decode(raw, type=_KeyHead)
        if head.kty not in {"RSA", "EC", "OKP"} or head.use != "sig" or {"verify", "sign"}.isdisjoint(head.key_ops):
            return None
        key = JWKRegistry.import_key(msgspec.json.decode(raw))
    except (msgspec.DecodeError, JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAKey):
        return key if key.public_key.key_size >= RSA_BITS else None
    return key if isinstance(key, ECKey | OKPKey) else None


def private_key(document: bytes) -> Key | None:
    """Our own signing key; None where the document is no private JWK that names an algorithm fit for it."""
    key = _key(msgspec.Raw(document))
    return key if key is not None and key.is_private and suits(key, str(key.get("alg"))) else None


def header_of(provider: Provider, token: str) -> _Header:
    """Rule 1, before a key is looked for; raises ProviderAnswerError."""
    if len(token) > TOKEN_CHARACTERS:
        raise doubt(provider, Fault.TOO_LARGE)
    try:
        document = base64.b64decode(token.partition(".")[0] + "==", altchars=b"-_")
    except ValueError:
        raise doubt(provider, Fault.UNREADABLE) from None
    header = decoded(provider, document, _Header)
    if header.crit is not None:  # an extension that must be understood; we understand none
        raise doubt(provider, Fault.UNREADABLE)
    if header.alg not in provider.algorithms:
        raise doubt(provider, Fault.ALGORITHM)
    return header


def choose(keys: Iterable[Key], header: _Header) -> Key | None:
    """Rule 2: the key that the header means; None where the set has none, or two that it may mean."""
    suiting = [key for key in keys if suits(key, header.alg) and header.kid in {None, key.kid}]
    return suiting[0] if len(suiting) == 1 else None


def suits(key: Key, algorithm: str) -> bool:
    """Whether a key may sign by that algorithm: each is for one kind only."""
    if key.get("alg", algorithm) != algorithm:
        return False
    if isinstance(key, RSAKey):
        return algorithm.startswith(("RS", "PS"))
    return key.curve_name == CURVES.get(algorithm)


def verify(provider: Provider, token: str, key: Key, ceremony: Ceremony, now: float) -> Proved:
    """Rules 3 to 7, of a token whose header chose `key`; raises ProviderAnswerError."""
    claims = decoded(provider, _payload(provider, token, key), Claims)
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    fresh = ceremony.max_age_seconds
    checks = {
        Fault.ISSUER: claims.iss == provider.issuer,
        Fault.AUDIENCE: audience == [provider.client_id] and claims.azp in {None, provider.client_id},
        Fault.TIME: _in_time(claims, now),
        Fault.NONCE: hmac.compare_digest(claims.nonce.encode(), ceremony.nonce.encode()),
        Fault.FRESHNESS: fresh is None or _recent(claims.auth_time, now, fresh),
        Fault.SUBJECT: 0 < len(claims.sub) <= SUBJECT_CHARACTERS and claims.sub.isascii() and claims.sub.isprintable(),
    }
    for fault, holds in checks.items():
        if not holds:
            raise doubt(provider, fault)
    return Proved(
        issuer=claims.iss,
        subject=claims.sub,
        acr=claims.acr,
        amr=tuple(claims.amr or ()),
        authenticated_at=None if claims.auth_time is None else int(claims.auth_time),
        carried=ceremony.carried,
    )


def _payload(provider: Provider, token: str, key: Key) -> bytes:
    # unknown names in the header are allowed, as the standard has it; `crit` was refused with the header
    registry = jws.JWSRegistry(algorithms=provider.algorithms, strict_check_header=False)
    try:
        return jws.deserialize_compact(token, key, registry=registry).payload
    except (JoseError, ValueError, TypeError):
        raise doubt(provider, Fault.SIGNATURE) from None


def _in_time(claims: Claims, now: float) -> bool:
    begun = max(claims.iat, claims.nbf)
    return begun - SKEW_SECONDS <= now < claims.exp + SKEW_SECONDS and now - claims.iat <= AGE_SECONDS + SKEW_SECONDS


def _recent(auth_time: float | None, now: float, seconds: int) -> bool:
    return auth_time is not None and -SKEW_SECONDS <= now - auth_time <= seconds + SKEW_SECONDS
