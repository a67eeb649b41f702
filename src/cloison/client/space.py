"""The client of people's own space: an invitation becomes a login, a login's passkey or password becomes a session.

    async with SpaceClient("http://localhost:8442") as space:
        await space.redeem(code, spoken, "marie@example.org", passkey=passkey)
        await space.touch_in(passkey)
        print((await space.login()).signins)

The device's key is the client's: what signed in on it before it knows again. Refusals are raised as `cloison.errors`
has them.
"""

from types import TracebackType
from typing import Self, TypeVar
from uuid import UUID

import httpx
import msgspec

from cloison.client.device import Credentials, DeviceAuth, DeviceKey
from cloison.client.refusals import decoded, refusal
from cloison.client.signin import Passkey
from cloison.client.signin_wire import Away, Ceremony, Done, Ended, Json
from cloison.client.space_wire import Enrolment, History, HistoryLine, LineProof, OwnLogin, Phone, SpaceToken
from cloison.client.trust import authorities
from cloison.errors import DeskUnavailableError

TIMEOUT_SECONDS = 30.0

Answer = TypeVar("Answer")


class SpaceClient:
    """One person on one device; to be used as an async context manager."""

    def __init__(self, base_url: str, *, key: DeviceKey | None = None, headers: dict[str, str] | None = None) -> None:
        """Speak to the door at `base_url`, its origin, from the device of this key; nothing is sent yet."""
        self._origin = base_url.rstrip("/")
        self.key = key or DeviceKey()
        self.token = ""
        self.known: dict[str, str] = {}  # by name: what the device was told
        self._nonce = DeviceAuth(Credentials("", self.key))
        self._session: DeviceAuth | None = None
        self._http = httpx.AsyncClient(
            base_url=base_url, timeout=TIMEOUT_SECONDS, verify=authorities(), trust_env=False, headers=headers
        )

    async def __aenter__(self) -> Self:
        """Closed at the end of the block."""
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._http.aclose()

    # -- coming in ----------------------------------------------------------------------------------------------------

    async def invited(self, code: str) -> Enrolment:
        """What an invitation offers; raises InvitationError."""
        return await self.ask("POST", "/v1/invitations/options", {"code": code}, Enrolment)

    async def redeem(self, code: str, spoken: str, name: str, *, passkey: Passkey) -> None:
        """Make the login with a passkey, by both halves of a code.

        Raises InvitationError, NameTakenError, FactorRefusedError.
        """
        begun = (await self.invited(code)).passkey
        credential = passkey.register(begun.publicKey, self._origin)
        made = {"ceremony": begun.ceremony, "credential": credential}
        await self.ask(
            "POST", "/v1/invitations/redeem", {"code": code, "spoken": spoken, "name": name, "passkey": made}, Done
        )

    async def redeem_password(
        self, halves: tuple[str, str], name: str, password: str, phone: Phone, digits: str
    ) -> None:
        """Make the login with a password and a phone that `invited` gave; raises WeakPasswordError, and as `redeem`."""
        code, spoken = halves
        made = {"password": password, "phone": phone.phone, "digits": digits}
        await self.ask(
            "POST", "/v1/invitations/redeem", {"code": code, "spoken": spoken, "name": name, "password": made}, Done
        )

    async def greet(self) -> None:
        """Learn the door's nonce and clock, so that the next request needs no second try."""
        await self.ask("POST", "/v1/signin/options", {}, Ceremony, self._nonce)

    async def sign_in(self, name: str, password: str, digits: str) -> SpaceToken:
        """Sign in by password; raises SpaceRefusedError, TooManyTriesError, OverloadedError."""
        body = {"name": name, "password": password, "digits": digits, "known": self.known.get(name, "")}
        token = await self.ask("POST", "/v1/signin/password", body, SpaceToken, self._nonce)
        self.known[name] = token.known
        return self._in(token)

    async def touch_in(self, passkey: Passkey) -> SpaceToken:
        """Sign in by passkey alone; raises FactorRefusedError, CeremonyError."""
        begun = await self.ask("POST", "/v1/signin/options", {}, Ceremony)
        body = {"ceremony": begun.ceremony, "credential": passkey.touch(begun.publicKey, self._origin)}
        return self._in(await self.ask("POST", "/v1/signin/passkey", body, SpaceToken, self._nonce))

    async def go_to_provider(self, provider: str, halves: tuple[str, str] = ("", "")) -> Away:
        """Where the browser goes to sign in at a provider, with both halves of a code to have it linked to that login.

        Raises InvitationError, ProviderUnavailableError.
        """
        body = {"provider": provider, "invitation": halves[0], "spoken": halves[1]}
        return await self.ask("POST", "/v1/signin/provider", body, Away, self._nonce)

    async def come_back(self, answer: dict[str, str]) -> SpaceToken:
        """Sign in by what the provider sent the browser back with, and `invited`, where there is an invitation.

        Raises NotLinkedError, InvitationError, StaleSigninError, FactorsNotProvedError, ProviderRefusedError.
        """
        return self._in(await self.ask("POST", "/v1/signin/provider/return", answer, SpaceToken, self._nonce))

    # -- one's own login ----------------------------------------------------------------------------------------------

    async def login(self) -> OwnLogin:
        """What one signs in with, and the last sign-ins; raises NoSessionError."""
        return await self.ask("GET", "/v1/login", None, OwnLogin, self._session)

    async def history(self, behind: str | None = None) -> History:
        """What was done with one's record, newest first, behind a page's cursor; raises NoSessionError."""
        query = "" if behind is None else f"?{httpx.QueryParams(behind=behind)}"
        return await self.ask("GET", f"/v1/history{query}", None, History, self._session)

    async def prove(self, line: HistoryLine) -> Json:
        """The proof of a line that is anchored; raises NotFoundError, OverloadedError."""
        body = {"log": line.log, "place": line.place}
        return (await self.ask("POST", "/v1/history/proofs", body, LineProof, self._session)).proof

    async def sign_out(self, *, everywhere: bool = False) -> int:
        """End this session, or all; how many."""
        return (await self.ask("POST", "/v1/signout", {"everywhere": everywhere}, Ended, self._session)).sessions

    async def add_passkey(self, passkey: Passkey) -> None:
        """Add a passkey to one's login; raises StepUpError, FactorRefusedError."""
        begun = (await self.enrolment()).passkey
        body = {"ceremony": begun.ceremony, "credential": passkey.register(begun.publicKey, self._origin)}
        await self.ask("POST", "/v1/login/passkeys", body, Done, self._session)

    async def remove_passkey(self, factor: UUID) -> None:
        """Take a passkey away; raises StepUpError, NotFoundError, LastWayError."""
        await self.ask("POST", f"/v1/login/passkeys/{factor}/remove", {}, Done, self._session)

    async def enrolment(self) -> Enrolment:
        """What a further way of signing in is asked; raises NoSessionError."""
        return await self.ask("POST", "/v1/login/options", {}, Enrolment, self._session)

    async def set_password(self, name: str, password: str, phone: Phone, digits: str) -> None:
        """Give one's login another password and phone; raises StepUpError, WeakPasswordError, SpaceRefusedError."""
        made = {"password": password, "phone": phone.phone, "digits": digits}
        await self.ask("POST", "/v1/login/password", {"name": name, "password": made}, Done, self._session)

    # -- the wire -----------------------------------------------------------------------------------------------------

    async def ask(
        self, method: str, path: str, body: object, wanted: type[Answer], auth: httpx.Auth | None = None
    ) -> Answer:
        """One request; raises the error that the door describes."""
        content = None if body is None else msgspec.json.encode(body)
        try:
            answer = await self._http.request(method, path, content=content, auth=auth)
        except httpx.HTTPError as error:
            raise DeskUnavailableError(reason=type(error).__name__) from None
        if answer.is_success:
            return decoded(answer, wanted)
        raise refusal(answer)

    def _in(self, token: SpaceToken) -> SpaceToken:
        self.token = token.token
        self._session = DeviceAuth(Credentials(token.token, self.key))
        return token
