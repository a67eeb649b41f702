"""The device's key: what binds a session to the machine on which it began (RFC 9449, DPoP)."""

import base64
import hashlib
import time
from collections.abc import Generator
from email.utils import parsedate_to_datetime
from uuid import uuid4

import httpx
import msgspec
from joserfc import jws
from joserfc.jwk import ECKey

ALGORITHM = "ES256"
CURVE = "P-256"
NONCE_WANTED = "use_dpop_nonce"  # in the challenge of a 401


class DeviceKey:
    """An ES256 key in this process' memory; it never leaves it."""

    def __init__(self) -> None:
        """Make a new key."""
        self._key = ECKey.generate_key(CURVE, private=True)
        public = self._key.as_dict(private=False)
        jwk = {name: public[name] for name in ("crv", "kty", "x", "y")}  # what RFC 7638 hashes, in its order
        self._header = {"typ": "dpop+jwt", "alg": ALGORITHM, "jwk": jwk}
        self._thumbprint = hashlib.sha256(msgspec.json.encode(jwk)).digest()

    @property
    def thumbprint(self) -> bytes:
        """The key's thumbprint, 32 bytes; `jkt` is its text."""
        return self._thumbprint

    @property
    def jkt(self) -> str:
        """The thumbprint as text."""
        return _text(self._thumbprint)

    def proof(  # noqa: PLR0913 - each is something that the proof says
        self, method: str, url: str, *, token: str = "", body: bytes = b"", nonce: str = "", ahead: float = 0
    ) -> str:
        """A proof, good once, that this device sends `body` to `url` (without query) with `token`.

        `nonce`: the last one that the server gave; `ahead`: by how many seconds its clock is ahead of ours.
        """
        claims: dict[str, object] = {
            "htm": method,
            "htu": url,
            "iat": int(time.time() + ahead),
            "jti": uuid4().hex,
            "body_sha256": _sha256(body),
        }
        if nonce:
            claims["nonce"] = nonce
        if token:
            claims["ath"] = _sha256(token.encode())
        return jws.serialize_compact(self._header, msgspec.json.encode(claims), self._key, [ALGORITHM])


class Credentials(msgspec.Struct, frozen=True):
    """A session's token and the key of the device that it is bound to: useless one without the other.

    The token is empty where there is a device and no session yet.
    """

    token: str
    key: DeviceKey


class DeviceAuth(httpx.Auth):
    """Signs each request of a session, for any client of httpx; knows the server's last nonce and its clock."""

    requires_request_body = True

    def __init__(self, held: Credentials) -> None:
        """For the requests of one session to one server."""
        self._held = held
        self._nonce = ""
        self._ahead = 0.0  # seconds by which the server's clock is ahead of ours

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request, and again where it was refused, before anything was done, for want of a nonce."""
        self._sign(request)
        answer = yield request
        self._nonce = answer.headers.get("dpop-nonce", self._nonce)
        if NONCE_WANTED in answer.headers.get("www-authenticate", ""):
            if "date" in answer.headers:
                self._ahead = parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()
            self._sign(request)
            yield request

    def _sign(self, request: httpx.Request) -> None:
        url, (key, token) = str(request.url.copy_with(query=None)), (self._held.key, self._held.token)
        proof = key.proof(request.method, url, token=token, body=request.content, nonce=self._nonce, ahead=self._ahead)
        request.headers["DPoP"] = proof
        if token:
            request.headers["Authorization"] = f"DPoP {token}"


def _sha256(data: bytes) -> str:
    return _text(hashlib.sha256(data).digest())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
