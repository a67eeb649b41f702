"""The shapes of the JSON API of people's own space."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from cloison.client.signin_wire import Body, Ceremony, Json, ProviderName, Sealed

Name = Annotated[str, Meta(min_length=3, max_length=254)]
Password = Annotated[str, Meta(max_length=512)]  # of the wire alone; access/passwords.py has the rule
Digits = Annotated[str, Meta(max_length=12)]
Code = Annotated[str, Meta(max_length=80)]
Spoken = Annotated[str, Meta(max_length=20)]
Mark = Annotated[str, Meta(max_length=64)]


class InvitedRequest(Body, frozen=True, kw_only=True):
    """An invitation's code, from a letter or a message."""

    code: Code


class Phone(msgspec.Struct, frozen=True):
    """A new secret for a phone: as text, and as its camera reads it; `phone` comes back with a first code."""

    phone: str
    secret: str
    address: str


class Enrolment(msgspec.Struct, frozen=True):
    """What one may sign in with from now on: a passkey, or a password with a phone's codes."""

    passkey: Ceremony
    phone: Phone


class NewPassword(Body, frozen=True, kw_only=True):
    """A password, with a phone's first code."""

    password: Password
    phone: Sealed
    digits: Digits


class NewPasskey(Body, frozen=True, kw_only=True):
    """A passkey's answer at its registration."""

    ceremony: Sealed
    credential: Json


class RedeemSpace(Body, frozen=True, kw_only=True):
    """Both halves of a code, the mailed and the spoken one, the name to sign in with, and at least one way to do so."""

    code: Code
    spoken: Spoken
    name: Name
    password: NewPassword | None = None
    passkey: NewPasskey | None = None


class PasswordSignin(Body, frozen=True, kw_only=True):
    """Name, password and code together, so that nobody learns which of them was wrong; sent with a device's proof.

    `known`: what the device was told when this name signed in on it before.
    """

    name: Name
    password: Password
    digits: Digits
    known: Mark = ""


class PasskeySignin(Body, frozen=True, kw_only=True):
    """A passkey's answer; sent with a device's proof."""

    ceremony: Sealed
    credential: Json


class SpaceLeave(Body, frozen=True, kw_only=True):
    """A sign-in at an OpenID provider, signed by the device that the session is for.

    `invitation`, `spoken`: both halves of a code, to make a login with the identity.
    """

    provider: ProviderName
    invitation: Code = ""
    spoken: Spoken = ""


class SpaceToken(msgspec.Struct, frozen=True):
    """A session; useless without its device's key. `known`: to be shown at the next sign-in by password."""

    token: str
    session: UUID
    expires_at: datetime
    known: str


class SpaceSignin(msgspec.Struct, frozen=True):
    """A sign-in; `copied_at`: when its token was shown by another device, which was refused."""

    session: UUID
    way: str
    begun_at: datetime
    seen_at: datetime
    live: bool
    copied_at: datetime | None


class OwnPasskey(msgspec.Struct, frozen=True):
    """A passkey of one's own."""

    factor: UUID
    added_at: datetime
    used_at: datetime | None


class OwnLogin(msgspec.Struct, frozen=True):
    """What one signs in with, and the last sign-ins, newest first; `fresh`: one may change it for some minutes yet."""

    fresh: bool
    passkeys: list[OwnPasskey]
    by_password: bool
    by_provider: bool
    signins: list[SpaceSignin]


class ChangePassword(Body, frozen=True, kw_only=True):
    """Another password and phone for one's login; the name, as it must not be in the password."""

    name: Name
    password: NewPassword


class HistoryLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done with one's record: when, what, by whom, why, and what of it was shown or changed.

    Organisation, agency and role are the author's of now; none of them: the service itself, not one person. `account`
    is empty unless the deployer names accounts; `authority`: who was given the record. `log` and `place`: where the
    line stands; `anchored`: a witness has signed for it, so that it can be proved.
    """

    at: datetime
    event: str
    outcome: str
    organisation: str | None
    agency: str | None
    role: str | None
    account: str | None
    authority: str | None
    purpose: str | None
    compartments: list[str]
    relation: str | None
    log: str
    place: int | None
    anchored: bool


class History(msgspec.Struct, frozen=True):
    """What was done with one's record, newest first; `cursor` for the next page, null where this is the last one.

    `delayed_until`: some of it may be shown later, at the latest then, as an investigation is declared.
    """

    lines: list[HistoryLine]
    cursor: str | None
    delayed_until: datetime | None


class ProofRequest(Body, frozen=True, kw_only=True):
    """A line of one's own, by where it stands in the log."""

    log: Annotated[str, Meta(max_length=16)]
    place: Annotated[int, Meta(ge=0, lt=2**62)]


class LineProof(msgspec.Struct, frozen=True):
    """A proof of a line, as `cloison audit check` reads it."""

    proof: Json
