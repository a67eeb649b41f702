"""What people do with their own login once they are in: look who came in, sign out, add a way to sign in."""

from typing import Any
from uuid import UUID

from litestar import Router, get, post

from cloison.access.sessions import secret_of
from cloison.access.spaces import name_hash
from cloison.client.signin_wire import Done, Ended, SignOut
from cloison.client.space_wire import ChangePassword, Enrolment, NewPasskey, OwnLogin, OwnPasskey, SpaceSignin
from cloison.errors import NameTakenError, NoSessionError, NotFoundError
from cloison.space.coming import REFUSALS, chosen
from cloison.space.door import FACTORS, Place, SpaceDoor, door_of, refused
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer, require_session

MEMBER = "select login, fresh, by_password from cloison.space_member_v1(%s, %s)"
SIGNINS = "select session, way, begun_at, seen_at, live, copied_at from cloison.space_signins_v1(%s, %s)"
SIGN_OUT = "select cloison.space_sign_out_v1(%s, %s, %s)"
COPIED = "select cloison.space_copied_v1(%s, %s, %s)"
LINKED = "select cloison.space_linked_v1(%s, %s)"
PASSKEYS = "select factor, added_at, used_at from cloison.space_passkeys_v1(%s, %s)"
REMOVE = "select cloison.space_remove_factor_v1(%s, %s, %s)"
ADD = "select cloison.space_add_factor_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
SET_PASSWORD = "select cloison.space_set_password_v1(%s, %s, %s, %s, %s, %s)"  # noqa: S105 - a statement


@get("/login", operation_id="own_login", summary="One's own login", responses=REFUSALS)
async def show_login(request: DeskRequest) -> OwnLogin:
    """What one signs in with, and the last sign-ins."""
    door = door_of(request)
    _, fresh, by_password = await member(door, request)
    passkeys = [OwnPasskey(*row) for row in await door.ask(PASSKEYS, bearer(request))]
    signins = [SpaceSignin(*row) for row in await door.ask(SIGNINS, bearer(request))]
    ((by_provider,),) = await door.ask(LINKED, bearer(request))
    return OwnLogin(fresh, passkeys, by_password, by_provider, signins)


@post("/signout", status_code=200, operation_id="leave_space", summary="Sign out", responses=REFUSALS)
async def sign_out(request: DeskRequest, data: SignOut) -> Ended:
    """End this session, or all of one's own."""
    ((ended,),) = await door_of(request).ask(SIGN_OUT, (*bearer(request), data.everywhere))
    if ended == 0:
        raise NoSessionError
    return Ended(ended)


@post("/login/options", status_code=200, operation_id="begin_way", summary="Begin to add a way", responses=REFUSALS)
async def begin_way(request: DeskRequest) -> Enrolment:
    """What a further passkey is asked, and another phone's secret."""
    door = door_of(request)
    place = await _place(door, request)
    known = [row[1] for row in await door.ask(FACTORS, (place.segment, place.login))]
    return door.enrolment(place, known)


@post("/login/passkeys", status_code=200, operation_id="add_way", summary="Add a passkey", responses=REFUSALS)
async def add_passkey(request: DeskRequest, data: NewPasskey) -> Done:
    """Add a passkey, within five minutes of signing in."""
    door = door_of(request)
    made = door.registered(await _place(door, request), data)
    ((word,),) = await door.ask(ADD, (*bearer(request), *made))
    refused(word)
    return Done()


@post(
    "/login/passkeys/{factor:uuid}/remove",
    status_code=200,
    operation_id="remove_way",
    summary="Take a passkey away",
    responses=REFUSALS,
)
async def remove_passkey(request: DeskRequest, factor: UUID) -> Done:
    """Take a passkey away, within five minutes of signing in; never the last way. Other sessions by passkey end."""
    ((word,),) = await door_of(request).ask(REMOVE, (*bearer(request), factor))
    if word == "none":
        raise NotFoundError
    refused(word)
    return Done()


@post("/login/password", status_code=200, operation_id="change_way", summary="Change the password", responses=REFUSALS)
async def set_password(request: DeskRequest, data: ChangePassword) -> Done:
    """Set another password and phone, within five minutes of signing in; all other sessions end.

    Whoever came by a provider alone has no name for signing in yet; the one given here is theirs then, if it is free.
    """
    door = door_of(request)
    made = await chosen(door, await _place(door, request), data.name, data.password)
    ((word,),) = await door.ask(SET_PASSWORD, (*bearer(request), name_hash(door.keys, data.name), *made))
    if word == "taken":
        raise NameTakenError
    refused(word)
    return Done()


ROUTES = [
    Router(
        "/v1",
        guards=[require_session],
        route_handlers=[show_login, sign_out, begin_way, add_passkey, remove_passkey, set_password],
        security=[{"session": []}],
    )
]


async def member(door: SpaceDoor, request: DeskRequest) -> tuple[UUID, bool, bool]:
    """Login, whether it signed in lately, whether it has a password; raises NoSessionError."""
    rows: list[tuple[Any, ...]] = await door.ask(MEMBER, bearer(request))
    if not rows:
        token = request.headers.get("authorization", "").partition(" ")[2]
        await door.ask(COPIED, (*secret_of(token), bearer(request).token))  # shown by another device: an alert
        raise NoSessionError
    return rows[0][0], rows[0][1], rows[0][2]


async def _place(door: SpaceDoor, request: DeskRequest) -> Place:
    login, *_ = await member(door, request)
    return Place(bearer(request).segment, login)
