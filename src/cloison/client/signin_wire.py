"""The shapes of the sign-in door's JSON API."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from cloison.client.wire import Handle, Segment

Sealed = Annotated[str, Meta(max_length=4_096)]  # what the door gave out, to be shown to it again
Thumbprint = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]
Json = dict[str, Any]
Door = Literal["desk", "signin"]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request's body: an unknown name is an error."""


class Ceremony(msgspec.Struct, frozen=True):
    """What a passkey is asked: `publicKey` is for the browser, `ceremony` comes back with its answer, in time."""

    ceremony: str
    publicKey: Json  # noqa: N815 - WebAuthn's own name


class SigninRequest(Body, frozen=True, kw_only=True):
    """A passkey's answer; `jkt` is the thumbprint of the key of the device that the session is for."""

    ceremony: Sealed
    credential: Json
    jkt: Thumbprint
    door: Door = "desk"


class Code(msgspec.Struct, frozen=True):
    """Good once, for a minute, for the device whose thumbprint was given."""

    code: str


class HandOnRequest(Body, frozen=True, kw_only=True):
    """To which system, by its number, the session is handed on."""

    client: UUID


class HandedOn(msgspec.Struct, frozen=True):
    """What the system exchanges for a session, once, in so many seconds."""

    subject_token: str
    expires_in: int


ProviderName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}\Z")]


class ProviderRequest(Body, frozen=True, kw_only=True):
    """A sign-in at an organisation's OpenID provider, signed by the device that goes there.

    `jkt`: the thumbprint of the key that the session of `door` is for: the same device's, or the desk's page's.
    `invitation`: the code by which an account was invited, to link the identity to it.
    """

    provider: ProviderName
    jkt: Thumbprint
    door: Door = "desk"
    invitation: Annotated[str, Meta(max_length=80)] = ""


class Away(msgspec.Struct, frozen=True):
    """Where the browser goes to sign in; `invited` comes back with it, and says nothing to anybody else."""

    url: str
    invited: str


class ReturnRequest(Body, frozen=True, kw_only=True):
    """What an OpenID provider sent the browser back with, and what the device that went there was given meanwhile."""

    provider: ProviderName
    state: Annotated[str, Meta(max_length=2_048)] = ""
    code: Annotated[str, Meta(max_length=4_096)] = ""
    iss: Annotated[str, Meta(max_length=400)] | None = None
    error: Annotated[str, Meta(max_length=100)] = ""
    invited: Sealed = ""


class CodeFrom(msgspec.Struct, frozen=True):
    """The code of a sign-in at a provider, for the door and the key that the sign-in began with."""

    code: str
    door: Door


class TokenRequest(Body, frozen=True, kw_only=True):
    """A code, sent with a proof by its device."""

    code: Sealed


class Token(msgspec.Struct, frozen=True):
    """A session; useless without its device's key."""

    token: str
    session: UUID
    expires_at: datetime


class TouchRequest(Body, frozen=True, kw_only=True):
    """A passkey's answer for a session that goes on: what it asks in the next five minutes is freshly touched."""

    ceremony: Sealed
    credential: Json
    session: UUID


class Signin(msgspec.Struct, frozen=True):
    """A sign-in of the account; `copied_at`: when its token was shown by another device, which was refused."""

    session: UUID
    door: str
    begun_at: datetime
    seen_at: datetime
    factor: UUID | None
    live: bool
    copied_at: datetime | None


class Factor(msgspec.Struct, frozen=True):
    """A passkey of the account."""

    factor: UUID
    aaguid: UUID
    added_at: datetime
    used_at: datetime | None


class Member(msgspec.Struct, frozen=True):
    """Whose session this is, its passkeys, the oldest first, and last sign-ins, the newest first."""

    account: str
    organisation: str
    role: str
    touched: bool
    factors: list[Factor]
    signins: list[Signin]


class SignOut(Body, frozen=True, kw_only=True):
    """`everywhere`: all sessions of the account."""

    everywhere: bool = False


class Ended(msgspec.Struct, frozen=True):
    """How many sessions ended."""

    sessions: int


class EnrolRequest(Body, frozen=True, kw_only=True):
    """A passkey to be added to one's own account."""

    ceremony: Sealed
    credential: Json


class InvitationRequest(Body, frozen=True, kw_only=True):
    """A code that was handed over."""

    code: Annotated[str, Meta(max_length=80)]


class Invited(msgspec.Struct, frozen=True):
    """Whom the code invites, and what a new passkey is asked."""

    account: str
    ceremony: str
    publicKey: Json  # noqa: N815 - as above


class RedeemRequest(Body, frozen=True, kw_only=True):
    """A new account's first passkey."""

    code: Annotated[str, Meta(max_length=80)]
    ceremony: Sealed
    credential: Json


class Done(msgspec.Struct, frozen=True):
    """That it was done."""

    done: bool = True


class ActRequest(Body, frozen=True, kw_only=True):
    """An act that takes several people: its kind, the organisation that it is about, and what it says."""

    kind: str
    organisation: Annotated[str, Meta(max_length=200)] = ""
    details: Json


class Draft(msgspec.Struct, frozen=True):
    """An act as it will be signed, nothing of it stored yet; `adds`: people a day, at most, that it lets be opened."""

    draft: str
    canonical: str
    adds: int
    publicKey: Json  # noqa: N815 - as above


class DraftSigned(Body, frozen=True, kw_only=True):
    """The asker's signature."""

    draft: Annotated[str, Meta(max_length=60_000)]
    credential: Json


class ActSigned(Body, frozen=True, kw_only=True):
    """Another person's signature."""

    credential: Json


class ActState(msgspec.Struct, frozen=True):
    """What became of an act: waiting, done, scope, settled or early."""

    act: UUID
    state: str


class WaitingAct(msgspec.Struct, frozen=True):
    """An act that waits: its bytes, who asked, how many signed of how many, what it adds, what a passkey is asked."""

    act: UUID
    kind: str
    canonical: str
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    not_before: datetime
    people_needed: int
    signed: int
    mine: bool
    adds: int
    publicKey: Json  # noqa: N815 - as above


class WaitingActs(msgspec.Struct, frozen=True):
    """Acts that wait, the oldest first."""

    acts: list[WaitingAct]


class HandOverRequest(Body, frozen=True, kw_only=True):
    """Whose invitation is handed over."""

    segment: Segment
    handle: Handle


class HandOver(msgspec.Struct, frozen=True):
    """The code, shown once, to be told face to face."""

    code: str
    until: datetime


class TendRequest(Body, frozen=True, kw_only=True):
    """Accounts to close, to freeze, or to keep for another year."""

    act: Literal["close", "freeze", "review"]
    segment: Segment
    handles: Annotated[list[Handle], Meta(min_length=1, max_length=500)]


class Tended(msgspec.Struct, frozen=True):
    """To how many it was done: those of one's own organisation, never oneself."""

    accounts: int


class HabitPair(msgspec.Struct, frozen=True):
    """Two people, and how many acts of the other each of them approved; `closed`: hardly anybody else did."""

    first: str
    second: str
    by_first: int
    by_second: int
    closed: bool


class HabitApprover(msgspec.Struct, frozen=True):
    """Somebody who decided so many acts and refused none."""

    approver: str
    decisions: int


class Habits(msgspec.Struct, frozen=True):
    """Approvals of the last `days` that somebody should look at, the most surprising first. No accusation."""

    days: int
    pairs: list[HabitPair]
    never_refusing: list[HabitApprover]
