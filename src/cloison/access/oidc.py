"""OpenID Connect as a client: who a provider is, what is asked of it, what its answers must be. No I/O.

The rules, in the order of a sign-in:

1. A provider is believed under the exact issuer that it was set up with: its metadata must repeat it, and all its
   addresses are https (http on the loopback alone, for tests).
2. Code flow with PKCE (S256), state and nonce; nothing else is asked for. What is asked never names a person.
3. `state` is the ceremony sealed (`oidc_state.py`): it comes back once, within ten minutes, to the browser that it was
   given to, at the address of the provider that it was made for.
4. The answer's `iss` (RFC 9207) is that provider's issuer; it may be missing only where the metadata does not promise
   it. With an address of its own for each provider this is twice what stops a mix-up.
5. The code is exchanged once, with the verifier, and never again whatever happens.
6. The ID token is believed by `oidc_tokens.py`, and must then prove two factors: `proves`.

Left out on purpose: access and refresh tokens, user info (who somebody is stands in the register, and a token that is
not asked for cannot be lost); dynamic registration; encrypted ID tokens; the implicit and hybrid flows.
"""

import base64
import hashlib
import re
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from cloison.errors import ConfigError, ProviderAnswerError, ProviderRefusedError

ASYMMETRIC = ("RS256", "PS256", "ES256", "ES384", "PS384", "RS384", "PS512", "RS512", "ES512", "EdDSA", "Ed25519")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
SUBJECT_CHARACTERS = 255  # what the standard allows
MULTIPLE = "mfa"  # RFC 8176: the provider says that it was more than one factor

_T = TypeVar("_T")

KNOWLEDGE, POSSESSION, INHERENCE = "knowledge", "possession", "inherence"
# The methods of RFC 8176 by what they show. Left out, as they are no factor: geo, ip, risk, rba, user, wia, mca; kba,
# which asks for facts about somebody. sms and tel are weak: a deployer who accepts them names them.
METHODS = {
    **dict.fromkeys(("pwd", "pin"), KNOWLEDGE),
    **dict.fromkeys(("hwk", "swk", "otp", "sc", "pop", "sms", "tel"), POSSESSION),
    **dict.fromkeys(("face", "fpt", "iris", "retina", "vbm"), INHERENCE),
}

# The refusals of RFC 6749, OpenID Connect and RFC 9470 that are passed on; anything else that is sent is `other`.
REFUSALS = frozenset({
    "access_denied", "account_selection_required", "consent_required", "interaction_required", "invalid_client",
    "invalid_grant", "invalid_request", "invalid_scope", "login_required", "server_error", "temporarily_unavailable",
    "unauthorized_client", "unmet_authentication_requirements", "unsupported_response_type",
})  # fmt: skip


class Fault(StrEnum):
    """Why an answer of a provider is not believed."""

    ISSUER = "issuer"  # metadata, answer or token speak of another issuer
    METADATA = "metadata"  # an address or a capability is missing, or an address is not https
    UNREADABLE = "unreadable"  # no JSON, a redirect, or not of the form that the standard gives
    TOO_LARGE = "too_large"  # longer than any honest answer
    KEYS = "keys"  # no usable key, or none that the token names
    ALGORITHM = "algorithm"  # not one of those agreed with this provider
    SIGNATURE = "signature"  # not signed by this provider's key
    AUDIENCE = "audience"  # made for another client, or for others too
    NONCE = "nonce"  # made for another sign-in
    TIME = "time"  # expired, not yet valid, or too old
    FRESHNESS = "freshness"  # the person signed in at the provider longer ago than was asked
    SUBJECT = "subject"  # says nobody


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A provider as agreed, and how we are known there: by a secret or by a private key (a JWK with its `alg`).

    A secret of letters and digits is safest: providers disagree on how others are encoded.
    `acr_values`: the token's `acr` must be one of them. `amr`: the token's `amr` must hold one of these combinations
    whole, each of which is `mfa` or shows two kinds of factor. One of both must be set; where both are, both hold.
    """

    name: str
    issuer: str
    client_id: str
    client_secret: str = ""
    private_key: str = ""
    acr_values: tuple[str, ...] = ()
    amr: tuple[tuple[str, ...], ...] = ()
    scopes: tuple[str, ...] = ("openid",)
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256", "Ed25519", "EdDSA")

    def __post_init__(self) -> None:
        """Raise ConfigError for one that cannot be safe."""
        checks = {
            "its name is not of the form a-z, 0-9 and hyphens": NAME.fullmatch(self.name),
            "its issuer is no https address": is_safe(self.issuer) and not _has_query(self.issuer),
            "one of client_secret and private_key is needed": bool(self.client_secret) != bool(self.private_key),
            "its scopes lack openid": "openid" in self.scopes,
            "an algorithm is not asymmetric": self.algorithms and set(self.algorithms) <= set(ASYMMETRIC),
            "neither acr_values nor amr is set: nothing would prove two factors": self.acr_values or self.amr,
            "a combination of amr does not show two kinds of factor": all(map(shows_two_kinds, self.amr)),
        }
        for reason, holds in checks.items():
            if not holds:
                raise ConfigError(reason=f"identity provider {self.name!r}: {reason}")

    def __repr__(self) -> str:
        """Without the secrets: a log may print it."""
        return f"Provider(name={self.name!r}, issuer={self.issuer!r}, client_id={self.client_id!r})"


class Metadata(msgspec.Struct, frozen=True):
    """What we use of a provider's description of itself; everything else in it is ignored."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    code_challenge_methods_supported: list[str] | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a sign-in is to be: where the answer goes, and how fresh the person's presence must be.

    `login`: the person is asked again, whatever session they have at the provider. `max_age_seconds`: not longer ago.
    `carried`: what the asker wants back with the answer; sealed meanwhile, so that nobody puts another in its place.
    """

    redirect_uri: str
    login: bool = False
    max_age_seconds: int | None = None
    carried: bytes = b""


class Ceremony(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A sign-in that has begun; `binding` is what only the browser that began it can show again."""

    provider: str
    redirect_uri: str
    nonce: str
    verifier: str
    binding: bytes
    begun_at: float
    max_age_seconds: int | None = None
    carried: bytes = b""


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """What came back to the address of `provider`, by way of the browser: nothing of it is to be trusted."""

    provider: str
    state: str = ""
    code: str = ""
    iss: str | None = None
    error: str = ""


class Proved(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody is at a provider, and what they have shown. Issuer and subject together are the identity.

    `carried`: of the `Ask` that the sign-in began with, not of the provider.
    """

    issuer: str
    subject: str
    acr: str | None
    amr: tuple[str, ...]
    authenticated_at: int | None
    carried: bytes = b""


def is_safe(url: str) -> bool:
    """Whether nobody between us and that address can read or answer: https, or http that stays on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    plain = parts.scheme == "http" and host in LOOPBACK
    return bool(host) and (parts.scheme == "https" or plain) and parts.username is None and not parts.fragment


def _has_query(url: str) -> bool:
    return "?" in url


def shows_two_kinds(methods: tuple[str, ...]) -> bool:
    """Whether these methods together are two factors: said so, or of different kinds."""
    return MULTIPLE in methods or len({METHODS[method] for method in methods if method in METHODS}) > 1


def discovery_url(provider: Provider) -> str:
    """Where a provider describes itself."""
    return provider.issuer.rstrip("/") + "/.well-known/openid-configuration"


def read_metadata(provider: Provider, document: bytes) -> Metadata:
    """Rule 1; raises ProviderAnswerError."""
    metadata = decoded(provider, document, Metadata)
    if metadata.issuer != provider.issuer:
        raise doubt(provider, Fault.ISSUER)
    endpoints = (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri)
    methods = metadata.code_challenge_methods_supported
    if not all(map(is_safe, endpoints)) or (methods is not None and "S256" not in methods):
        raise doubt(provider, Fault.METADATA)
    return metadata


def authorization_url(provider: Provider, metadata: Metadata, ask: Ask, ceremony: Ceremony, state: str) -> str:
    """Rule 2: where the browser goes."""
    parameters = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": ask.redirect_uri,
        "scope": " ".join(provider.scopes),
        "state": state,
        "nonce": ceremony.nonce,
        "code_challenge": challenge(ceremony.verifier),
        "code_challenge_method": "S256",
    }
    if provider.acr_values:
        parameters["acr_values"] = " ".join(provider.acr_values)
    if ask.login:
        parameters["prompt"] = "login"
    if ask.max_age_seconds is not None:
        parameters["max_age"] = str(ask.max_age_seconds)
    joint = "&" if urlsplit(metadata.authorization_endpoint).query else "?"
    return metadata.authorization_endpoint + joint + urlencode(parameters)


def challenge(verifier: str) -> str:
    """PKCE's S256 of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def check_callback(provider: Provider, metadata: Metadata, callback: Callback) -> str:
    """Rule 4, and the code; raises ProviderAnswerError, and ProviderRefusedError where the provider said no."""
    promised = metadata.authorization_response_iss_parameter_supported
    if callback.iss != provider.issuer and (promised or callback.iss is not None):
        raise doubt(provider, Fault.ISSUER)
    if callback.error:
        raise refusal(provider, callback.error)
    if not callback.code:
        raise doubt(provider, Fault.UNREADABLE)
    return callback.code


def proves(provider: Provider, acr: str | None, amr: tuple[str, ...]) -> bool:
    """Rule 6: whether what was shown is what this provider's agreement demands."""
    by_acr = not provider.acr_values or acr in provider.acr_values
    by_amr = not provider.amr or any(set(methods) <= set(amr) for methods in provider.amr)
    return by_acr and by_amr


def decoded(provider: Provider, document: bytes, kind: type[_T]) -> _T:
    """A JSON answer of a provider; raises ProviderAnswerError without a word of it."""
    try:
        return msgspec.json.decode(document, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise doubt(provider, Fault.UNREADABLE) from None


def doubt(provider: Provider, fault: Fault) -> ProviderAnswerError:
    """The error that says why an answer is not believed."""
    return ProviderAnswerError(provider=provider.name, reason=fault.value)


def refusal(provider: Provider, word: str) -> ProviderRefusedError:
    """The error that passes on a provider's refusal: its word if it is a known one, never its description."""
    return ProviderRefusedError(provider=provider.name, reason=word if word in REFUSALS else "other")
