"""Acts that take several people: asked for with a signature, shown as they will be signed, signed, refused.

An act's challenge is the SHA-256 of its canonical bytes (`access/acts.py`). What its asker will sign is given out as a
draft, and stored with the signature or never. What it names is looked up here, and again where it is done.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
from litestar import Router, get, post
from psycopg.types.json import Jsonb

from cloison.access import acts, factors
from cloison.access.acts import Act, ActKind, Who
from cloison.access.impossible import reason_of
from cloison.client.signin_wire import (
    ActRequest,
    ActSigned,
    ActState,
    Done,
    Draft,
    DraftSigned,
    Tended,
    TendRequest,
    WaitingAct,
    WaitingActs,
)
from cloison.errors import ActImpossibleError, ActScopeError, BadRequestError, DatabaseRefusedError, NotFoundError
from cloison.signin.ceremonies import SECONDS, Purpose, spent_as
from cloison.signin.door import Person, SigninDoor, door_of, refused
from cloison.signin.sessions import REFUSALS, member
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer, require_session

ASK = "select cloison.ask_act_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
SIGN = "select cloison.sign_act_v1(%s, %s, %s, %s, %s, %s, %s, %s)"
REFUSE = "select cloison.refuse_act_v1(%s, %s, %s)"
WAITING = (
    "select act, kind, convert_from(canonical, 'UTF8'), asked_by, asked_at, expires_at, not_before, people_needed, "
    "signed, mine, adds from cloison.acts_v1(%s, %s)"
)
NAMED = "select organisation, account from cloison.named_v1(%s, %s, %s, %s, %s)"
ADDS = "select cloison.act_adds_v1(%s, %s)"
TEND = "select cloison.tend_accounts_v1(%s, %s, %s, %s, %s)"
NUL = b"\\u0000"  # as JSON has it; PostgreSQL stores none
LIVES = timedelta(hours=72)
EMERGENCY = timedelta(hours=4)  # within which somebody else is to approve what was opened
OF_AN_ACCOUNT = (
    *(ActKind.ACCOUNT_ELEVATE, ActKind.ACCOUNT_RECOVER, ActKind.ACCOUNT_UNFREEZE),
    *(ActKind.GRANT_REINSTATE, ActKind.INVESTIGATION_ACCOUNT),
)
EXECUTED = (ActKind.GRANT_BULK, ActKind.GRANT_DISCLOSURE)  # by an account that signs neither
OFFERED = (
    *(ActKind.ACCOUNT_CREATE, *OF_AN_ACCOUNT),
    *(ActKind.ORGANISATION_CREATE, ActKind.AGREEMENT_MAKE, ActKind.AGREEMENT_END),
    *(ActKind.GRANT_BREAK_GLASS, ActKind.GRANT_CAMPAIGN, *EXECUTED),
    ActKind.INVESTIGATION_PURPOSE,
)


@post("/acts", status_code=200, operation_id="draft_act", summary="Draft an act", responses=REFUSALS)
async def draft_act(request: DeskRequest, data: ActRequest) -> Draft:
    """An act as its asker will sign it: what it says, and what it adds. Nothing is stored."""
    door = door_of(request)
    asker, *_ = await member(door, request)
    act = await _drafted(door, request, asker, data)
    adds = await _answered(door, ADDS, (act.kind, Jsonb(dict(act.details))))
    draft = door.ceremonies.seal(Purpose.DRAFT, msgspec.to_builtins(act))
    return Draft(draft, acts.canonical(act).decode(), adds, factors.signin_options(door.rules, acts.challenge(act)))


@post("/acts/sign", status_code=200, operation_id="ask_act", summary="Ask for an act", responses=REFUSALS)
async def ask_act(request: DeskRequest, data: DraftSigned) -> ActState:
    """Ask for a drafted act, signed by one's own passkey; it waits for others from now on."""
    door, who = door_of(request), bearer(request)
    asker, *_ = await member(door, request)
    act = msgspec.convert(door.ceremonies.open(Purpose.DRAFT, data.draft, dict[str, Any]), Act)
    if act.asked_by != Who(who.segment, asker):  # or its author could be the second person of their own draft
        raise ActScopeError
    signer = await door.signer(data.credential, acts.challenge(act), spent_as(data.draft), SECONDS[Purpose.DRAFT])
    _same(signer, asker)
    values = (act.act, act.kind, acts.canonical(act), Jsonb(dict(act.details)), act.organisation, act.expires_at)
    return ActState(act.act, await _told(door, ASK, (*who, *values, *_signature(signer))))


@get("/acts", operation_id="waiting_acts", summary="Acts that wait", responses=REFUSALS)
async def waiting_acts(request: DeskRequest) -> WaitingActs:
    """Acts that wait for signatures, of one's organisation, or of all for whoever admits accounts."""
    door = door_of(request)
    await member(door, request)
    found = []
    for row in await door.ask(WAITING, bearer(request)):
        options = factors.signin_options(door.rules, acts.challenge(acts.read_act(row[2].encode())))
        found.append(WaitingAct(*(*row, options)))
    return WaitingActs(found)


@post("/acts/{act:uuid}/sign", status_code=200, operation_id="sign_act", summary="Sign an act", responses=REFUSALS)
async def sign_act(request: DeskRequest, act: UUID, data: ActSigned) -> ActState:
    """Sign an act that somebody else asked for; the signature that completes it does it."""
    door, who = door_of(request), bearer(request)
    mine, *_ = await member(door, request)
    rows = await door.ask(WAITING, who)
    written = next((row[2].encode() for row in rows if row[0] == act), None)
    if written is None:
        raise NotFoundError
    challenge = acts.challenge(acts.read_act(written))
    signer = await door.signer(data.credential, challenge)
    _same(signer, mine)
    return ActState(act, await _told(door, SIGN, (*who, act, *_signature(signer))))


@post(
    "/acts/{act:uuid}/refuse", status_code=200, operation_id="refuse_act", summary="Refuse an act", responses=REFUSALS
)
async def refuse_act(request: DeskRequest, act: UUID) -> Done:
    """Refuse an act for good, or take back what one asked."""
    door = door_of(request)
    await member(door, request)
    ((there,),) = await door.ask(REFUSE, (*bearer(request), act))
    if not there:
        raise NotFoundError
    return Done()


@post(
    "/accounts/tend", status_code=200, operation_id="tend_accounts", summary="Close, freeze, review", responses=REFUSALS
)
async def tend_accounts(request: DeskRequest, data: TendRequest) -> Tended:
    """Close leavers' accounts, freeze accounts, or say that they are needed for another year: one person may."""
    door = door_of(request)
    await member(door, request)
    ((done,),) = await door.ask(TEND, (*bearer(request), data.act, data.segment, data.handles))
    return Tended(done)


ROUTES = [
    Router(
        "/v1",
        guards=[require_session],
        route_handlers=[draft_act, ask_act, waiting_acts, sign_act, refuse_act, tend_accounts],
        security=[{"session": []}],
    )
]


async def _drafted(door: SigninDoor, request: DeskRequest, asker: UUID, data: ActRequest) -> Act:
    who = bearer(request)
    if data.kind not in OFFERED:
        raise BadRequestError(reason=f"there is no such act; there are {', '.join(OFFERED)}")
    if NUL in msgspec.json.encode([data.organisation, data.details]) or {"account", "executor"} & data.details.keys():
        raise BadRequestError(reason="an act is text without NUL, and names an account by its handle")
    place, handle = (str(data.details.get(name, "")) for name in ("segment", "handle"))
    rows = await door.ask(NAMED, (*who, data.organisation, place, handle))
    organisation, account = rows[0] if rows else (None, None)
    if organisation is None or (account is None) == (data.kind in {*OF_AN_ACCOUNT, *EXECUTED}):
        raise ActImpossibleError(reason="there is no such organisation or account, or there is one of that handle")
    named = "executor" if data.kind in EXECUTED else "account"
    details = data.details if account is None else {**data.details, named: str(account)}
    now = datetime.now(UTC)
    emergency = data.kind == ActKind.GRANT_BREAK_GLASS and details.get("emergency") is True
    act = Act(
        act=uuid4(),
        kind=ActKind(data.kind),
        asked_by=Who(who.segment, asker),
        organisation=organisation,
        details=details,
        asked_at=now,
        expires_at=now + (EMERGENCY if emergency else LIVES),
    )
    try:
        return acts.read_act(acts.canonical(act))
    except ValueError as error:
        raise BadRequestError(reason=str(error)) from error


async def _told(door: SigninDoor, statement: str, values: tuple[object, ...]) -> str:
    """The word that a function answers; raises ActScopeError and ActImpossibleError in place of some."""
    word: str = await _answered(door, statement, values) or ""
    refused(word)
    if word == "scope":
        raise ActScopeError
    return word


async def _answered(door: SigninDoor, statement: str, values: tuple[object, ...]) -> Any:  # noqa: ANN401 - a column
    """What a function answers; raises ActImpossibleError for what the database finds wrong with an act."""
    try:
        async with door.pool.connection() as connection:
            row = await (await connection.execute(statement, values)).fetchone()
    except psycopg.DatabaseError as error:
        reason = reason_of(error)
        if reason is None:
            raise DatabaseRefusedError(reason=error.sqlstate or type(error).__name__) from None
        raise ActImpossibleError(reason=reason) from None
    return None if row is None else row[0]


def _same(signer: Person, account: UUID) -> None:
    if signer.account != account:
        raise ActScopeError


def _signature(signer: Person) -> tuple[object, ...]:
    shown = signer.assertion
    return signer.factor, signer.public_key, shown.authenticator_data, shown.client_data, shown.signature
