"""The client of the sign-in door: a passkey's touch becomes a session bound to this device; acts are asked and signed.

    door = SigninClient("http://localhost:8441", SoftwarePasskey(Path("anna.passkey")))
    async with door, Client("https://desk.example.org", await door.sign_in()) as desk:
        ...

Any authenticator will do that answers as a browser does (`Passkey`). Refusals are raised as `cloison.errors` has them.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar
from uuid import UUID

import httpx
import msgspec

from cloison.client.device import Credentials, DeviceAuth, DeviceKey
from cloison.client.refusals import decoded, refusal
from cloison.client.signin_wire import (
    ActState,
    Away,
    Ceremony,
    Code,
    CodeFrom,
    Done,
    Draft,
    Ended,
    Habits,
    HandedOn,
    HandOver,
    Invited,
    Json,
    Member,
    Tended,
    Token,
    WaitingAct,
    WaitingActs,
)
from cloison.client.trust import authorities
from cloison.errors import DeskUnavailableError

TIMEOUT_SECONDS = 30.0

Answer = TypeVar("Answer")


class Passkey(Protocol):
    """An authenticator, and the browser around it."""

    def register(self, options: Mapping[str, Any] | str, origin: str) -> Json:
        """Make a credential, as `navigator.credentials.create` does."""

    def touch(self, options: Mapping[str, Any] | str, origin: str) -> Json:
        """Sign a challenge, as `navigator.credentials.get` does."""


class SignedIn(msgspec.Struct, frozen=True):
    """A session: its number, and what its requests are signed with."""

    session: UUID
    held: Credentials


class SigninClient:
    """One person's way through the sign-in door; to be used as an async context manager."""

    def __init__(self, base_url: str, passkey: Passkey) -> None:
        """Speak to the door at `base_url`, its origin, with this passkey; nothing is sent yet."""
        self._origin = base_url.rstrip("/")
        self._passkey = passkey
        self._member: SignedIn | None = None
        self._http = httpx.AsyncClient(
            base_url=base_url, timeout=TIMEOUT_SECONDS, verify=authorities(), trust_env=False
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

    async def redeem(self, code: str) -> str:
        """Register the passkey of whom `code` invites; their handle. Raises InvitationError, FactorRefusedError."""
        invited = await self._post("/v1/invitations/options", {"code": code}, Invited)
        credential = self._passkey.register(invited.publicKey, self._origin)
        body = {"code": code, "ceremony": invited.ceremony, "credential": credential}
        await self._post("/v1/invitations/redeem", body, Done)
        return invited.account

    async def sign_in(self, door: str = "desk") -> SignedIn:
        """A session of `door` (desk or signin) for a new key of this device.

        Raises FactorRefusedError, AccountRefusedError, CeremonyError, DeskUnavailableError.
        """
        key = DeviceKey()
        begun = await self._post("/v1/signin/options", {}, Ceremony)
        credential = self._passkey.touch(begun.publicKey, self._origin)
        body = {"ceremony": begun.ceremony, "credential": credential, "jkt": key.jkt, "door": door}
        code = await self._post("/v1/signin", body, Code)
        token = await self.exchange(code.code, key)
        return SignedIn(token.session, Credentials(token.token, key))

    async def go_to_provider(self, provider: str, key: DeviceKey, door: str = "desk", invitation: str = "") -> Away:
        """Where the browser goes to sign in at an organisation's provider, for a session of the device that has `key`.

        `invitation`: a code that was handed over, to have the identity linked. Raises InvitationError.
        """
        body = {"provider": provider, "jkt": key.jkt, "door": door, "invitation": invitation}
        return await self._post("/v1/signin/provider", body, Away, DeviceAuth(Credentials("", key)))

    async def come_back(self, key: DeviceKey, **sent: str) -> SignedIn:
        """The session that an answer gives: what the provider `sent` the browser back with, and `invited`.

        Raises NotLinkedError, InvitationError, StaleSigninError, FactorsNotProvedError, ProviderAnswerError and so on.
        """
        code = await self._post("/v1/signin/provider/return", sent, CodeFrom, DeviceAuth(Credentials("", key)))
        token = await self.exchange(code.code, key)
        return SignedIn(token.session, Credentials(token.token, key))

    async def exchange(self, code: str, key: DeviceKey) -> Token:
        """Exchange a code for the session of the device that it was given for; raises CeremonyError."""
        return await self._post("/v1/token", {"code": code}, Token, DeviceAuth(Credentials("", key)))

    async def touch(self, session: UUID) -> None:
        """Confirm a session with a fresh touch; raises as `sign_in` does, and NoSessionError."""
        begun = await self._post("/v1/signin/options", {}, Ceremony)
        credential = self._passkey.touch(begun.publicKey, self._origin)
        body = {"ceremony": begun.ceremony, "credential": credential, "session": str(session)}
        await self._post("/v1/touch", body, Done)

    # -- one's own account --------------------------------------------------------------------------------------------

    async def account(self) -> Member:
        """Whose account this is, its passkeys and last sign-ins; raises NoSessionError."""
        return await self._ask("GET", "/v1/account", None, Member)

    async def sign_out(self, *, everywhere: bool = False) -> int:
        """End this session, or all of the account; how many."""
        return (await self._ask("POST", "/v1/signout", {"everywhere": everywhere}, Ended)).sessions

    async def hand_on(self, client: UUID) -> str:
        """Let a system of one's organisation act for oneself: what it exchanges for a session, once, within a minute.

        Raises StepUpError, ClientScopeError.
        """
        return (await self._ask("POST", "/v1/handoffs", {"client": str(client)}, HandedOn)).subject_token

    async def add_passkey(self, other: Passkey) -> None:
        """Add another passkey to one's account; raises StepUpError, FactorRefusedError."""
        begun = await self._ask("POST", "/v1/account/factors/options", {}, Ceremony)
        credential = other.register(begun.publicKey, self._origin)
        body = {"ceremony": begun.ceremony, "credential": credential}
        await self._ask("POST", "/v1/account/factors", body, Done)

    async def remove_passkey(self, factor: UUID) -> None:
        """Take a passkey of one's account away; raises StepUpError, NotFoundError, ActImpossibleError for the last."""
        await self._ask("POST", f"/v1/account/factors/{factor}/remove", {}, Done)

    # -- acts that take several people --------------------------------------------------------------------------------

    async def draft(self, kind: str, organisation: str = "", **details: object) -> Draft:
        """An act as it would be signed; raises BadRequestError, ActImpossibleError."""
        body = {"kind": kind, "organisation": organisation, "details": details}
        return await self._ask("POST", "/v1/acts", body, Draft)

    async def ask_for(self, kind: str, organisation: str = "", **details: object) -> ActState:
        """Ask for an act, with one's signature; raises as `draft` does, and ActScopeError."""
        draft = await self.draft(kind, organisation, **details)
        body = {"draft": draft.draft, "credential": self._passkey.touch(draft.publicKey, self._origin)}
        return await self._ask("POST", "/v1/acts/sign", body, ActState)

    async def waiting(self) -> list[WaitingAct]:
        """Acts that wait for signatures."""
        return (await self._ask("GET", "/v1/acts", None, WaitingActs)).acts

    async def sign(self, act: UUID) -> ActState:
        """Sign an act that waits; raises ActScopeError, ActImpossibleError, NotFoundError."""
        found = next((one for one in await self.waiting() if one.act == act), None)
        options = {} if found is None else found.publicKey
        credential = {} if found is None else self._passkey.touch(options, self._origin)
        return await self._ask("POST", f"/v1/acts/{act}/sign", {"credential": credential}, ActState)

    async def refuse(self, act: UUID) -> None:
        """Refuse an act for good; raises NotFoundError."""
        await self._ask("POST", f"/v1/acts/{act}/refuse", {}, Done)

    async def hand_over(self, segment: str, handle: str) -> HandOver:
        """The code of somebody's invitation; raises StepUpError, InvitationError."""
        body = {"segment": segment, "handle": handle}
        return await self._ask("POST", "/v1/invitations/code", body, HandOver)

    async def tend(self, act: str, segment: str, *handles: str) -> int:
        """Close, freeze or review accounts; to how many it was done."""
        body = {"act": act, "segment": segment, "handles": list(handles)}
        return (await self._ask("POST", "/v1/accounts/tend", body, Tended)).accounts

    async def habits(self) -> Habits:
        """Who approves whom out of habit, as far as officers should look at it; empty for others."""
        return await self._ask("GET", "/v1/habits", None, Habits)

    # -- the wire -----------------------------------------------------------------------------------------------------

    async def _ask(self, method: str, path: str, body: object, wanted: type[Answer]) -> Answer:
        """As oneself: signs in at this door where that was not done yet."""
        if self._member is None:
            self._member = await self.sign_in("signin")
        return await self._send(method, path, body, wanted, DeviceAuth(self._member.held))

    async def _post(self, path: str, body: object, wanted: type[Answer], auth: httpx.Auth | None = None) -> Answer:
        return await self._send("POST", path, body, wanted, auth)

    async def _send(
        self, method: str, path: str, body: object, wanted: type[Answer], auth: httpx.Auth | None
    ) -> Answer:
        content = None if body is None else msgspec.json.encode(body)
        try:
            answer = await self._http.request(method, path, content=content, auth=auth)
        except httpx.HTTPError as error:
            raise DeskUnavailableError(reason=type(error).__name__) from None
        if answer.is_success:
            return decoded(answer, wanted)
        raise refusal(answer)
