"""Signing in: a passkey's touch gives a code, a code and the device's proof give a session."""

from typing import Any
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.handlers import HTTPRouteHandler

from cloison.access.proofs import thumbprint_of
from cloison.access.sessions import ceilings_of, new_session
from cloison.client.signin_wire import (
    Ceremony,
    Code,
    Done,
    Ended,
    Factor,
    Member,
    Signin,
    SigninRequest,
    SignOut,
    Token,
    TokenRequest,
    TouchRequest,
)
from cloison.errors import CeremonyError, NoSessionError
from cloison.keeper.client import ExportCeilings
from cloison.signin.ceremonies import SECONDS, Grant, Purpose, spent_as
from cloison.signin.door import SigninDoor, door_of
from cloison.web import problems
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer, device, require_session

START = "select cloison.start_session_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
CEILINGS = "select people, ends from cloison.session_ceilings_v1(%s, %s)"
EXPORTS = "select act, people, compartments, ends from cloison.exports_of_v1(%s, %s)"
TOUCH = "select cloison.touch_session_v1(%s, %s, %s)"
MEMBER = "select account, handle, organisation, role, session, touched from cloison.member_v1(%s, %s)"
SIGNINS = "select session, door, begun_at, seen_at, factor, live, copied_at from cloison.signins_v1(%s, %s)"
PASSKEYS = "select factor, aaguid, added_at, used_at from cloison.passkeys_v1(%s, %s)"
SIGN_OUT = "select cloison.sign_out_v1(%s, %s, %s)"
REFUSALS: dict[int, Any] = {
    **problems.BODY_REFUSALS,
    403: problems.described("The passkey, the code or the account is refused; the sentence says why."),
}


@post("/signin/options", status_code=200, operation_id="begin_signin", summary="Begin to sign in", responses=REFUSALS)
async def begin_signin(request: DeskRequest) -> Ceremony:
    """What a passkey is asked; for a touch of a session under way too."""
    return door_of(request).begin(Purpose.SIGN_IN)


@post("/signin", status_code=200, operation_id="signin", summary="Sign in", responses=REFUSALS)
async def sign_in(request: DeskRequest, data: SigninRequest) -> Code:
    """Show a passkey's answer; what comes back is good for the named door and device alone."""
    door = door_of(request)
    who = await door.person(data.ceremony, data.credential)
    grant = Grant(who.segment, who.account, who.factor, data.door, thumbprint_of(data.jkt))
    return Code(door.ceremonies.seal(Purpose.CODE, grant))


@post("/token", status_code=200, operation_id="token", summary="Begin a session", responses=REFUSALS)
async def exchange(request: DeskRequest, data: TokenRequest) -> Token:
    """Exchange a code, signed by the device that it is for."""
    door = door_of(request)
    thumbprint = await device(request, "")
    grant = door.ceremonies.open(Purpose.CODE, data.code, Grant)
    if thumbprint != grant.thumbprint:
        raise CeremonyError
    return await begin_session(door, grant, data.code)


@post("/touch", status_code=200, operation_id="touch", summary="Touch a passkey again", responses=REFUSALS)
async def touch(request: DeskRequest, data: TouchRequest) -> Done:
    """Confirm a session that is under way with a fresh touch of one of its account's passkeys."""
    door = door_of(request)
    who = await door.person(data.ceremony, data.credential)
    ((there,),) = await door.ask(TOUCH, (who.segment, who.account, data.session))
    if not there:
        raise NoSessionError
    return Done()


@get("/account", operation_id="account", summary="Whose session this is", responses=REFUSALS)
async def show_account(request: DeskRequest) -> Member:
    """The account, its passkeys and its last sign-ins."""
    door, who = door_of(request), bearer(request)
    _, handle, organisation, role, _, touched = await member(door, request)
    signins = [Signin(*row) for row in await door.ask(SIGNINS, who)]
    passkeys = [Factor(*row) for row in await door.ask(PASSKEYS, who)]
    return Member(handle, organisation, role, touched, passkeys, signins)


@post("/signout", status_code=200, operation_id="signout", summary="Sign out", responses=REFUSALS)
async def sign_out(request: DeskRequest, data: SignOut) -> Ended:
    """End this session, or all of the account."""
    ((ended,),) = await door_of(request).ask(SIGN_OUT, (*bearer(request), data.everywhere))
    if ended == 0:
        raise NoSessionError
    return Ended(ended)


PUBLIC_ROUTES: list[HTTPRouteHandler] = [begin_signin, sign_in, exchange, touch]
MEMBER_ROUTES: list[HTTPRouteHandler] = [show_account, sign_out]
ROUTES = [
    Router("/v1", route_handlers=PUBLIC_ROUTES),
    Router("/v1", guards=[require_session], route_handlers=MEMBER_ROUTES, security=[{"session": []}]),
]


async def begin_session(door: SigninDoor, grant: Grant, code: str) -> Token:
    """Begin the session that `code` was given for.

    The keeper learns of it after the database has used the code up, or one code shown thousands of times would fill the
    keeper with sessions; and before anybody has the token, or it would open nothing.
    """
    new = new_session(grant.segment, grant.thumbprint)
    ((people, ends),) = await door.ask(CEILINGS, (grant.segment, grant.account))
    values = (
        *(grant.segment, grant.account, new.session, grant.door, new.token_hash, new.secret_hash, grant.factor),
        *(spent_as(code), SECONDS[Purpose.CODE], new.device),
    )
    ((expires_at,),) = await door.ask(START, values)
    if expires_at is None:
        raise CeremonyError
    if grant.door == "desk":
        told = ceilings_of(new, grant.account, grant.segment, people or [0] * 4, ends)
        await door.keeper.register_session(told)
        await _tell_of_exports(door, grant)
    return Token(new.token, new.session, expires_at)


async def _tell_of_exports(door: SigninDoor, grant: Grant) -> None:
    """Tell the keeper of the exports that this account may read: what it was not told of by this door opens nothing.

    Here rather than when the last of their signers signed, as the keeper may have been down then; it never widens one.
    """
    for act, people, compartments, ends in await door.ask(EXPORTS, (grant.segment, grant.account)):
        await door.keeper.register_export(ExportCeilings(act, grant.account, people, compartments, ends))


async def member(door: SigninDoor, request: Request[Any, Any, Any]) -> tuple[UUID, str, str, str, UUID, bool]:
    """Account, handle, organisation, role, session, and whether it was touched lately; raises NoSessionError."""
    rows = await door.ask(MEMBER, bearer(request))
    if not rows:
        raise NoSessionError
    found: tuple[UUID, str, str, str, UUID, bool] = rows[0]
    return found
