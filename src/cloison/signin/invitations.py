"""From an invitation to a passkey: a code handed over face to face, redeemed once; and passkeys beside the first."""

import hashlib
import secrets
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from litestar import Router, post

from cloison.access import factors
from cloison.access.sessions import SECRET_BYTES, secret_of, text_of
from cloison.client.signin_wire import (
    Ceremony,
    Done,
    EnrolRequest,
    HandOver,
    HandOverRequest,
    InvitationRequest,
    Invited,
    Json,
    RedeemRequest,
)
from cloison.errors import (
    ActImpossibleError,
    CeremonyError,
    InvitationError,
    NoSessionError,
    NotFoundError,
    StepUpError,
)
from cloison.signin.ceremonies import SECONDS, Challenge, Purpose, spent_as
from cloison.signin.door import FACTORS, SigninDoor, door_of, refused
from cloison.signin.sessions import REFUSALS, member
from cloison.store.metered import Bearer
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer, require_session

HAND_OVER = "select cloison.hand_over_v1(%s, %s, %s, %s, %s)"
INVITATION = "select account, handle, synced, aaguids from cloison.invitation_v1(%s, %s)"
REDEEM = "select cloison.redeem_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
ADD = "select cloison.add_factor_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
REMOVE = "select cloison.remove_factor_v1(%s, %s, %s)"
LAST = "it is the account's last passkey; add another one first"


class Invitee(NamedTuple):
    """An account that a passkey is registered for, and what its organisation's terms say of passkeys."""

    place: str
    account: UUID
    handle: str
    synced: bool
    aaguids: list[UUID] | None


@post(
    "/invitations/code",
    status_code=200,
    operation_id="hand_over",
    summary="Hand an invitation over",
    responses=REFUSALS,
)
async def hand_over(request: DeskRequest, data: HandOverRequest) -> HandOver:
    """The code by which somebody invited registers a passkey: told face to face; only the last one holds."""
    door = door_of(request)
    *_, touched = await member(door, request)
    if not touched:
        raise StepUpError
    secret = secrets.token_bytes(SECRET_BYTES)
    hashed = hashlib.sha256(secret).digest()
    ((until,),) = await door.ask(HAND_OVER, (*bearer(request), data.segment, data.handle, hashed))
    if until is None:
        raise InvitationError
    return HandOver(text_of(Bearer(data.segment, secret)), until)


@post(
    "/invitations/options",
    status_code=200,
    operation_id="show_invitation",
    summary="Begin to redeem",
    responses=REFUSALS,
)
async def show_invitation(request: DeskRequest, data: InvitationRequest) -> Invited:
    """Whom a code invites, and what a new passkey is asked."""
    door = door_of(request)
    invited = await invited_by(door, data.code)
    begun = _enrolment(door, invited)
    return Invited(invited.handle, begun.ceremony, begun.publicKey)


@post("/invitations/redeem", status_code=200, operation_id="redeem", summary="Redeem an invitation", responses=REFUSALS)
async def redeem(request: DeskRequest, data: RedeemRequest) -> Done:
    """Register the account's passkey; the code is good no more."""
    door = door_of(request)
    invited = await invited_by(door, data.code)
    made = _registered(door, invited, data.ceremony, data.credential)
    ((done,),) = await door.ask(REDEEM, (invited.place, code_hash(data.code), *made))
    if not done:
        raise InvitationError
    return Done()


@post(
    "/account/factors/options",
    status_code=200,
    operation_id="begin_factor",
    summary="Begin to add a passkey",
    responses=REFUSALS,
)
async def begin_factor(request: DeskRequest) -> Ceremony:
    """What a further passkey of one's own is asked."""
    door = door_of(request)
    whose, known = await _own(door, request)
    return _enrolment(door, whose, known)


@post("/account/factors", status_code=200, operation_id="add_factor", summary="Add a passkey", responses=REFUSALS)
async def add_factor(request: DeskRequest, data: EnrolRequest) -> Done:
    """Add a passkey to one's own account, after a fresh touch of an old one; for a day it has a fifth of the budget."""
    door = door_of(request)
    whose, _ = await _own(door, request)
    made = _registered(door, whose, data.ceremony, data.credential)
    ((word,),) = await door.ask(ADD, (*bearer(request), *made))
    refused(word)
    return Done()


@post(
    "/account/factors/{factor:uuid}/remove",
    status_code=200,
    operation_id="remove_factor",
    summary="Remove a passkey",
    responses=REFUSALS,
)
async def remove_factor(request: DeskRequest, factor: UUID) -> Done:
    """Take a passkey of one's own away, after a fresh touch; sessions that began with it end. The last one stays."""
    ((word,),) = await door_of(request).ask(REMOVE, (*bearer(request), factor))
    refused(word)
    if word == "none":
        raise NotFoundError
    if word == "last":
        raise ActImpossibleError(reason=LAST)
    return Done()


ROUTES = [
    Router("/v1", route_handlers=[show_invitation, redeem]),
    Router(
        "/v1",
        guards=[require_session],
        route_handlers=[hand_over, begin_factor, add_factor, remove_factor],
        security=[{"session": []}],
    ),
]


async def invited_by(door: SigninDoor, code: str) -> Invitee:
    """Whom a code invites; raises InvitationError."""
    place = _secret(code).segment
    rows = await door.ask(INVITATION, (place, code_hash(code)))
    if not rows:
        raise InvitationError
    return Invitee(place, *rows[0])


def code_hash(code: str) -> bytes:
    """What the database knows a code by; raises InvitationError for what cannot be one."""
    return hashlib.sha256(_secret(code).token).digest()


def _secret(code: str) -> Bearer:
    try:
        return secret_of(code.strip())
    except NoSessionError as error:
        raise InvitationError from error


async def _own(door: SigninDoor, request: DeskRequest) -> tuple[Invitee, list[bytes]]:
    """The account of a session, and its passkeys' numbers."""
    place = bearer(request).segment
    account, handle, *_ = await member(door, request)
    rows = await door.ask(FACTORS, (place, account))
    synced, aaguids = (rows[0][6], rows[0][7]) if rows else (False, None)
    return Invitee(place, account, handle, synced, aaguids), [row[1] for row in rows]


def _enrolment(door: SigninDoor, whose: Invitee, known: Sequence[bytes] = ()) -> Ceremony:
    challenge = secrets.token_bytes(factors.CHALLENGE_BYTES)
    user = factors.encode_user(whose.place, whose.account)
    rules = door.rules_for(whose.synced, whose.aaguids)
    options = factors.registration_options(rules, challenge, user, whose.handle, known)
    return Ceremony(door.ceremonies.challenge(Purpose.ENROL, challenge, whose.account), options)


def _registered(door: SigninDoor, whose: Invitee, ceremony: str, credential: Json) -> tuple[object, ...]:
    """The values that describe a passkey which answered a challenge given out for this account."""
    kept = door.ceremonies.open(Purpose.ENROL, ceremony, Challenge)
    if kept.account != whose.account:
        raise CeremonyError
    new = factors.verify_registration(door.rules_for(whose.synced, whose.aaguids), kept.challenge, credential)
    spent = (spent_as(ceremony), SECONDS[Purpose.ENROL])
    return (*spent, new.credential, new.public_key, new.sign_count, new.aaguid, new.backup_eligible)
