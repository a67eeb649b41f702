"""Talking to an OpenID Connect provider: its description, its keys, the exchange of a code.

What is decided stands in `oidc.py`, `oidc_state.py` and `oidc_tokens.py`. Here:

1. Each call has a deadline and a bound on its answer's size; no redirect is followed, nothing compressed is unpacked.
2. Description and keys are kept for an hour. A token that names a key not among them has the keys fetched anew, at most
   once a minute however many such tokens come, so that a rotation is followed and nobody makes us flood the provider.
3. What cannot be fetched is `ProviderUnavailableError`: nobody is signed in on old keys while the provider is down.
4. A code is exchanged once: not even a lost answer has it sent again.
"""

import asyncio
import base64
import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Self
from urllib.parse import quote_plus

import httpx
import msgspec
from joserfc import jwt

from cloison.access.oidc import (
    Ask,
    Callback,
    Ceremony,
    Fault,
    Metadata,
    Proved,
    Provider,
    authorization_url,
    check_callback,
    decoded,
    discovery_url,
    doubt,
    proves,
    read_metadata,
    refusal,
)
from cloison.access.oidc_state import Ceremonies
from cloison.access.oidc_tokens import Key, choose, header_of, private_key, read_keys, verify
from cloison.errors import ConfigError, FactorsNotProvedError, ProviderUnavailableError

CALL_SECONDS = 10.0
CONNECT_SECONDS = 3.0
ANSWER_BYTES = 262_144
KEPT_SECONDS = 3_600
KEYS_AGAIN_SECONDS = 60
CONNECTIONS = 16
ASSERTION_SECONDS = 60
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


class _Tokens(msgspec.Struct, frozen=True):
    """What we use of a token endpoint's answer; the access token in it is dropped unread."""

    id_token: str


class _Refusal(msgspec.Struct, frozen=True):
    error: str = ""


class OidcClient:
    """Sign-ins at one provider, for one process. Use as a context manager, or call `aclose`.

    `clock` is the time that tokens are held against; the process's monotonic clock measures everything else.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        tls: ssl.SSLContext | None = None,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        """A client that has asked nothing yet; raises ConfigError where the private key cannot be read."""
        self.provider = provider
        self._clock, self._monotonic, self._call_seconds = clock, monotonic, call_seconds
        self._signer = _signer(provider)
        self._ceremonies = Ceremonies()
        self._http = httpx.AsyncClient(
            verify=tls or ssl.create_default_context(),
            timeout=httpx.Timeout(call_seconds, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=CONNECTIONS),
            headers=HEADERS,
            trust_env=False,
        )
        self._metadata: tuple[Metadata, float] | None = None
        self._keys: tuple[list[Key], float] | None = None
        self._keys_tried_at = float("-inf")
        self._asking = asyncio.Lock()  # who waits for description or keys takes what the first one got

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def begin(self, ask: Ask, binding: bytes) -> str:
        """Where the browser that can show `binding` again goes to sign in.

        Raises ProviderUnavailableError and ProviderAnswerError.
        """
        metadata = await self._described()
        ceremony, state = self._ceremonies.begin(self.provider, ask, binding, self._monotonic())
        return authorization_url(self.provider, metadata, ask, ceremony, state)

    async def finish(self, callback: Callback, binding: bytes) -> Proved:
        """Who came back, having proved two factors as agreed.

        Raises StaleSigninError, ProviderUnavailableError, ProviderRefusedError, ProviderAnswerError,
        FactorsNotProvedError and OverloadedError.
        """
        ceremony = self._ceremonies.take(callback, binding, self._monotonic())
        metadata = await self._described()
        code = check_callback(self.provider, metadata, callback)
        token = await self._exchanged(metadata, ceremony, code)
        key = await self._key_of(metadata, token)
        proved = verify(self.provider, token, key, ceremony, self._clock())
        if not proves(self.provider, proved.acr, proved.amr):
            raise FactorsNotProvedError(provider=self.provider.name)
        return proved

    async def _described(self) -> Metadata:
        async with self._asking:
            now = self._monotonic()
            if self._metadata is None or now - self._metadata[1] > KEPT_SECONDS:
                document = await self._fetched(discovery_url(self.provider))
                self._metadata = read_metadata(self.provider, document), now
            return self._metadata[0]

    async def _key_of(self, metadata: Metadata, token: str) -> Key:
        """The key that signed, fetched anew where it is unknown; raises ProviderAnswerError."""
        header = header_of(self.provider, token)
        async with self._asking:
            now = self._monotonic()
            if self._keys is None or now - self._keys[1] > KEPT_SECONDS:
                await self._fetch_keys(metadata, now)
            key = choose(self._known_keys, header)
            if key is None and now - self._keys_tried_at >= KEYS_AGAIN_SECONDS:
                await self._fetch_keys(metadata, now)
                key = choose(self._known_keys, header)
        if key is None:
            raise doubt(self.provider, Fault.KEYS)
        return key

    @property
    def _known_keys(self) -> list[Key]:
        return [] if self._keys is None else self._keys[0]

    async def _fetch_keys(self, metadata: Metadata, now: float) -> None:
        self._keys_tried_at = now
        self._keys = read_keys(self.provider, await self._fetched(metadata.jwks_uri)), now

    async def _fetched(self, url: str) -> bytes:
        status, body = await self._call(self._http.build_request("GET", url))
        if status != httpx.codes.OK:
            raise doubt(self.provider, Fault.UNREADABLE)
        return body

    async def _exchanged(self, metadata: Metadata, ceremony: Ceremony, code: str) -> str:
        """The ID token for a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": ceremony.redirect_uri,
            "code_verifier": ceremony.verifier,
        }
        credentials, headers = self._credentials(metadata)
        request = self._http.build_request("POST", metadata.token_endpoint, data=form | credentials, headers=headers)
        status, body = await self._call(request)
        if status != httpx.codes.OK:
            raise refusal(self.provider, decoded(self.provider, body, _Refusal).error)
        return decoded(self.provider, body, _Tokens).id_token

    def _credentials(self, metadata: Metadata) -> tuple[dict[str, str], Mapping[str, str]]:
        """By what the provider knows us: fields of the form, and headers."""
        ours = {"client_id": self.provider.client_id}
        methods = metadata.token_endpoint_auth_methods_supported
        if self._signer is not None:
            return ours | {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self._assertion()}, {}
        if "client_secret_basic" in methods:
            return {}, {"Authorization": _basic(self.provider)}
        if "client_secret_post" in methods:
            return ours | {"client_secret": self.provider.client_secret}, {}
        raise doubt(self.provider, Fault.METADATA)

    def _assertion(self) -> str:
        """Who we are, signed by our own key (RFC 7523), for this provider alone."""
        assert self._signer is not None  # noqa: S101 - asked for only where there is one
        key, algorithm = self._signer
        now = int(self._clock())
        claims = {
            "iss": self.provider.client_id,
            "sub": self.provider.client_id,
            "aud": self.provider.issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        header = {"alg": algorithm} | ({"kid": str(key["kid"])} if key.get("kid") else {})
        return jwt.encode(header, claims, key, algorithms=[algorithm])

    async def _call(self, request: httpx.Request) -> tuple[int, bytes]:
        """Status and body of one call; raises ProviderUnavailableError, and ProviderAnswerError for one too large."""
        try:
            async with asyncio.timeout(self._call_seconds):  # of the whole: httpx's own is of each piece
                response = await self._http.send(request, stream=True)
                try:
                    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                        raise self._unavailable("error")
                    return response.status_code, await self._bounded(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            raise self._unavailable("too slow") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise self._unavailable("no connection") from None

    async def _bounded(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for piece in response.aiter_raw():  # as sent: a few packed bytes could unpack to any number
            body += piece
            if len(body) > ANSWER_BYTES:
                raise doubt(self.provider, Fault.TOO_LARGE)
        return bytes(body)

    def _unavailable(self, reason: str) -> ProviderUnavailableError:
        return ProviderUnavailableError(provider=self.provider.name, reason=reason)


def _basic(provider: Provider) -> str:
    """RFC 6749, 2.3.1: both parts are encoded as in a form first, which HTTP's own Basic does not do."""
    pair = f"{quote_plus(provider.client_id)}:{quote_plus(provider.client_secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _signer(provider: Provider) -> tuple[Key, str] | None:
    """Our own key and its algorithm, where a private key was agreed."""
    if not provider.private_key:
        return None
    key = private_key(provider.private_key.encode())
    if key is None:
        raise ConfigError(reason=f"identity provider {provider.name!r}: its private key is no private JWK with an alg")
    return key, str(key.get("alg"))
