"""How people come in: an invitation becomes a login, a passkey or a password with a phone's code becomes a session.

A sign-in by password, in order:
  1. the network has a try left; it is given back if the sign-in succeeds;
  2. the device proves its key; a device on which this name signed in before is known by its mark, and has a lane of its
     own;
  3. there is room to compare;
  4. the database counts the try, then gives out what is compared with, or nothing;
  5. the phone's code is compared, with nobody's where there is nothing; the password only where the code was right, so
     that whoever has no phone makes the door hash nothing;
  6. the session begins, if the code's step is new.

Password and code come together: whoever tries a list of stolen passwords never learns that one is right. Whatever was
wrong, or missing, or blocked, the answer is the same, and comes FLOOR_SECONDS after step 4 began, or, where there was a
queue, twice that or three times.
"""

import asyncio
import base64
import hmac
import math
import time
from contextlib import suppress
from functools import partial
from typing import Any

from litestar import Router, post

from cloison.access import passwords, totp
from cloison.access.spaces import both_hash, device_mark, name_hash, read_code
from cloison.access.throttle import network_of
from cloison.client.signin_wire import Ceremony, Done
from cloison.client.space_wire import (
    Enrolment,
    InvitedRequest,
    NewPassword,
    PasskeySignin,
    PasswordSignin,
    RedeemSpace,
    SpaceToken,
)
from cloison.errors import InvitationError, NameTakenError, SpaceRefusedError
from cloison.space.door import BY_PASSKEY, Compared, Place, SpaceDoor, door_of, refused
from cloison.web import problems
from cloison.web.bodies import DeskRequest
from cloison.web.guard import device

INVITATION = "select login from cloison.space_invitation_v1(%s, %s)"
HALVES = "select login from cloison.space_halves_v1(%s, %s, %s)"
REDEEM = "select cloison.space_redeem_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
TRY = "select segment, login, password, totp from cloison.space_try_v1(%s, %s)"
FLOOR_SECONDS = 0.4  # a comparison takes half of it on a slow machine
NO_PASSWORD = (None,) * 3
NO_PASSKEY = (None,) * 7
Halves = tuple[str, bytes, bytes]  # where a code's invitation is, and what the database knows one half and both by
REFUSALS: dict[int, Any] = {
    **problems.BODY_REFUSALS,
    403: problems.described("What was shown does not let anybody in; the sentence says what to do."),
    409: problems.described("The name is not free."),
    422: problems.described("The password is too weak; the sentence says why."),
    429: problems.described("Too many tries came from this network; Retry-After says when to come back."),
}


@post("/invitations/options", status_code=200, operation_id="show_space", summary="Begin to redeem", responses=REFUSALS)
async def show_invitation(request: DeskRequest, data: InvitedRequest) -> Enrolment:
    """What a new passkey is asked, and a phone's new secret, for whom a code invites."""
    door = door_of(request)
    return door.enrolment(await _invited(door, data.code))


@post("/invitations/redeem", status_code=200, operation_id="redeem_space", summary="Make a login", responses=REFUSALS)
async def redeem(request: DeskRequest, data: RedeemSpace) -> Done:
    """Make the login, or make it anew; the code is good no more. Nothing is hashed before both halves are right."""
    door = door_of(request)
    place, halves = await whole(door, data.code, data.spoken)
    passkey = NO_PASSKEY if data.passkey is None else door.registered(place, data.passkey)
    password = NO_PASSWORD if data.password is None else await chosen(door, place, data.name, data.password)
    values = (*halves, name_hash(door.keys, data.name), *password, *passkey)
    ((word,),) = await door.ask(REDEEM, values)
    if word == "taken":
        raise NameTakenError
    if word in {"none", "factors"}:
        raise InvitationError
    refused(word)
    return Done()


@post("/signin/options", status_code=200, operation_id="begin_space", summary="Ask a passkey", responses=REFUSALS)
async def begin_signin(request: DeskRequest) -> Ceremony:
    """What a passkey is asked."""
    return door_of(request).challenge()


@post("/signin/passkey", status_code=200, operation_id="touch_space", summary="Sign in by passkey", responses=REFUSALS)
async def sign_in_by_passkey(request: DeskRequest, data: PasskeySignin) -> SpaceToken:
    """A session for a passkey's answer: it verified the person, which makes two factors. No try is counted."""
    door = door_of(request)
    thumbprint = await device(request, "")
    return await door.begin(await door.touched(data.ceremony, data.credential), thumbprint, BY_PASSKEY)


@post(
    "/signin/password", status_code=200, operation_id="signin_space", summary="Sign in by password", responses=REFUSALS
)
async def sign_in_by_password(request: DeskRequest, data: PasswordSignin) -> SpaceToken:
    """A session for a password and a phone's code."""
    door = door_of(request)
    name = name_hash(door.keys, data.name)
    with door.comparing.admitted(network_of(_address(request))):  # 1
        if not data.known:
            door.comparing.refuse_full()  # 3, for whoever does not even say that their device is known
        thumbprint = await device(request, "")  # 2
        mark = device_mark(door.keys, name, thumbprint)
        known = hmac.compare_digest(_text(mark).encode(), data.known.encode("utf-8", "surrogatepass"))
        with door.comparing.lane(known=known):  # 3
            began = time.monotonic()
            rows = await door.ask(TRY, (name, thumbprint if known else None))  # 4
            found = rows[0] if rows else (None, None, None, None)
            compared = await _compared(door, data, found, known=known)  # 5
        if compared is not None:
            with suppress(SpaceRefusedError):  # the code was used: answered as all the rest
                token = await door.begin(Place(found[0], found[1]), thumbprint, compared, _text(mark))  # 6
                door.comparing.succeeded(known=known)
                return token
        took = time.monotonic() - began
        await asyncio.sleep(FLOOR_SECONDS * math.ceil(took / FLOOR_SECONDS) - took)
        raise SpaceRefusedError


ROUTES = [
    Router("/v1", route_handlers=[show_invitation, redeem, begin_signin, sign_in_by_passkey, sign_in_by_password]),
]


async def whole(door: SpaceDoor, code: str, spoken: str) -> tuple[Place, Halves]:
    """Whom both halves of a code are for, and what the database knows them by; raises InvitationError."""
    read = read_code(code)
    halves = (read.segment, read.code_hash, both_hash(read, spoken))
    rows = await door.ask(HALVES, halves)
    if not rows:
        raise InvitationError
    return Place(read.segment, rows[0][0]), halves


async def chosen(door: SpaceDoor, place: Place, name: str, new: NewPassword) -> tuple[object, ...]:
    """The hash of a new password, the sealed secret of its phone, the step of the phone's first code.

    Raises WeakPasswordError, CeremonyError, SpaceRefusedError for a wrong code, OverloadedError.
    """
    secret = door.phone(place, new.phone)
    step = totp.step_of(secret, new.digits, time.time())
    if step is None:
        raise SpaceRefusedError
    with door.comparing.lane(known=True):
        await door.comparing.run(partial(passwords.refuse_weak, new.password, [name]), known=True)
        kept = await door.comparing.run(
            partial(passwords.hash_of, door.keys.password, place.login, new.password), known=True
        )
    return kept, totp.seal(door.keys.totp, place.login, secret), step


async def _compared(door: SpaceDoor, data: PasswordSignin, found: tuple[Any, ...], *, known: bool) -> Compared | None:
    """Step 5; `found`: segment, login, hash and sealed secret, or nothing."""
    _, login, _, sealed = found
    secret = None if sealed is None else totp.unseal(door.keys.totp, login, sealed)
    step = totp.step_of(secret, data.digits, time.time())
    if step is None:
        return None
    return await door.comparing.run(partial(_hashed, door.keys.password, data.password, found, step), known=known)


def _hashed(key: bytes, password: str, found: tuple[Any, ...], step: int) -> Compared | None:
    _, login, kept, _ = found
    if not passwords.verified(key, login, password, kept):
        return None
    return Compared(
        "password", kept, step, passwords.hash_of(key, login, password) if passwords.outdated(kept) else None
    )


async def _invited(door: SpaceDoor, code: str) -> Place:
    read = read_code(code)
    rows = await door.ask(INVITATION, (read.segment, read.code_hash))
    if not rows:
        raise InvitationError
    return Place(read.segment, rows[0][0])


def _address(request: DeskRequest) -> str:
    header: str = request.app.state.address_header
    if header:
        return request.headers.get(header, "")
    return request.client.host if request.client else ""


def _text(mark: bytes) -> str:
    return base64.urlsafe_b64encode(mark).decode().rstrip("=")
