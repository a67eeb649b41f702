"""The client of systems that call for themselves: a key and no secret, tokens of ten minutes, an adviser's session.

    key = ServiceKey.from_file(Path("case-management.pem"))
    async with ServiceClient("https://signin.example.org", number, key) as door:
        credentials = await door.token("changes")                    # for itself
        credentials = await door.act_for(handed_on_by_the_adviser)   # for somebody who is signed in

What comes back is for `Client`, as a session is: bound to a key that this process made.
"""

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx
import msgspec
from joserfc import jwt
from joserfc.jwk import ECKey

from cloison.client.device import Credentials, DeviceAuth, DeviceKey
from cloison.client.trust import authorities
from cloison.errors import ClientRefusedError, CloisonError, DeskUnavailableError, GrantRefusedError, OverloadedError

ALGORITHM = "ES256"
CURVE = "P-256"
PATH = "/oauth/token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
HANDED_ON = "urn:cloison:token-type:handed-on-session"
ASSERTION_SECONDS = 60
TIMEOUT_SECONDS = 30.0
RETRY_SECONDS = 5

Use = Literal["feed", "scim", "changes"]


class ServiceKey:
    """A system's private key."""

    def __init__(self, key: ECKey | None = None) -> None:
        """A new key, or one that there is."""
        self._key = key or ECKey.generate_key(CURVE, private=True)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """The key of a PEM file; raises ValueError where there is none."""
        return cls(ECKey.import_key(path.read_text(encoding="ascii")))

    def write(self, path: Path) -> None:
        """Write it as PEM, for its owner alone to read; raises FileExistsError rather than lose another."""
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(self._key.as_pem(private=True))

    @property
    def public_pem(self) -> str:
        """The public half, to be registered."""
        return self._key.as_pem(private=False).decode()

    def assertion(self, client: UUID, endpoint: str) -> str:
        """Who this is, said once to one endpoint (RFC 7523)."""
        claims = {
            "iss": str(client),
            "sub": str(client),
            "aud": endpoint,
            "jti": uuid4().hex,
            "exp": int(time.time()) + ASSERTION_SECONDS,
        }
        return jwt.encode({"alg": ALGORITHM}, claims, self._key, [ALGORITHM])


class _Given(msgspec.Struct, frozen=True):
    access_token: str


class _Refused(msgspec.Struct, frozen=True):
    error: str = ""
    error_description: str = ""


class ServiceClient:
    """A system's way to the sign-in door; to be used as an async context manager."""

    def __init__(self, base_url: str, client: UUID, key: ServiceKey) -> None:
        """Speak to the door at `base_url`, its origin, as this client; nothing is sent yet."""
        self._endpoint = base_url.rstrip("/") + PATH
        self._client = client
        self._key = key
        self._http = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, verify=authorities(), trust_env=False)

    async def __aenter__(self) -> Self:
        """Closed at the end of the block."""
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def token(self, use: Use) -> Credentials:
        """For itself, for ten minutes; raises ClientRefusedError, GrantRefusedError, DeskUnavailableError."""
        return await self._asked({"grant_type": "client_credentials", "scope": use})

    async def act_for(self, handed_on: str) -> Credentials:
        """The session that an adviser handed on, once; raises as `token` does."""
        return await self._asked({"grant_type": EXCHANGE, "subject_token": handed_on, "subject_token_type": HANDED_ON})

    async def _asked(self, form: dict[str, str]) -> Credentials:
        key = DeviceKey()
        shown = {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._key.assertion(self._client, self._endpoint),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            answer = await self._http.post(
                self._endpoint,
                content=urlencode(form | shown),
                headers=headers,
                auth=DeviceAuth(Credentials("", key)),
            )
        except httpx.HTTPError as error:
            raise DeskUnavailableError(reason=type(error).__name__) from None
        if not answer.is_success:
            raise _refusal(answer)
        return Credentials(_read(answer, _Given).access_token, key)


def _refusal(answer: httpx.Response) -> CloisonError:
    """The error that an answer of OAuth's means."""
    said = _read(answer, _Refused)
    if said.error == "invalid_client":
        return ClientRefusedError(reason=said.error_description)
    if said.error in {"invalid_grant", "invalid_request"}:
        return GrantRefusedError()
    if said.error == "temporarily_unavailable":
        return OverloadedError(retry_after_seconds=RETRY_SECONDS)
    return DeskUnavailableError(reason=f"it answered {answer.status_code}")


def _read(answer: httpx.Response, kind: Any) -> Any:  # noqa: ANN401 - as its callers say
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.DecodeError:
        raise DeskUnavailableError(reason=f"it answered {answer.status_code}, in no form that is known") from None
