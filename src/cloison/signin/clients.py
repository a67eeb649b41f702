"""The token endpoint for systems (RFC 6749, 7523, 8693, 9449).

`private_key_jwt` and a device's proof become a token of ten minutes, or the session that an adviser handed on: by a
request of their own, after a fresh touch. What they get is good once, for a minute, for that system alone. Who has it
without the system's key has nothing; nor has the system without it.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, post
from litestar.handlers import HTTPRouteHandler

from cloison.access import clients
from cloison.access.clients import BEARER_PLACE, Asserted, ClientUse
from cloison.access.sessions import ceilings_of, new_session
from cloison.client.signin_wire import HandedOn, HandOnRequest
from cloison.errors import (
    BadRequestError,
    CeremonyError,
    ClientRefusedError,
    ClientScopeError,
    CloisonError,
    GrantRefusedError,
    OverloadedError,
    ProofError,
    ProofNonceError,
)
from cloison.signin.ceremonies import SECONDS, Purpose, spent_as
from cloison.signin.door import SigninDoor, door_of, refused
from cloison.signin.sessions import CEILINGS, REFUSALS
from cloison.web import problems
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer, device, require_session

PATH = "/oauth/token"
CREDENTIALS = "client_credentials"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
HANDED_ON = "urn:cloison:token-type:handed-on-session"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name
TOKEN_SECONDS = 600
MOST_FIELDS = 16
KEY = "select cloison.client_key_v1(%s)"
GIVE = "select cloison.client_token_v1(%s, %s, %s, %s, %s)"
HAND_ON = "select verdict, account, session, factor from cloison.hand_on_v1(%s, %s, %s)"
START = "select cloison.start_handed_on_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
ERRORS: Mapping[type[CloisonError], str] = {  # RFC 6749, section 5.2; RFC 9449, sections 5 and 8
    ClientRefusedError: "invalid_client",
    GrantRefusedError: "invalid_grant",
    ProofNonceError: "use_dpop_nonce",
    ProofError: "invalid_dpop_proof",
    OverloadedError: "temporarily_unavailable",
}


class Passed(msgspec.Struct, frozen=True):
    """A session on its way to a system: whose, and for which client."""

    client: UUID
    segment: str
    account: UUID
    session: UUID


@post("/v1/handoffs", status_code=200, operation_id="hand_on", summary="Hand a session on", responses=REFUSALS)
async def hand_on(request: DeskRequest, data: HandOnRequest) -> HandedOn:
    """Let a system of one's organisation act for oneself, for an hour at most; after a touch within five minutes."""
    door, who = door_of(request), bearer(request)
    ((verdict, account, session, _),) = await door.ask(HAND_ON, (*who, data.client))
    refused(verdict)
    if verdict != "open":
        raise ClientScopeError
    passed = Passed(data.client, who.segment, account, session)
    return HandedOn(door.ceremonies.seal(Purpose.HANDED_ON, passed), SECONDS[Purpose.HANDED_ON])


def oauth_problem(request: Request[Any, Any, Any], exception: Exception) -> Response[Any]:
    """An error as OAuth 2.0 has it; its sentence is ours."""
    answer = problems.answer(request, exception)
    error = problems.error_of(exception, request.app.state.request_bytes)
    code = next((code for kind, code in ERRORS.items() if isinstance(error, kind)), None)
    if code is None and not isinstance(error, BadRequestError | CeremonyError):
        return answer
    said = {"error": code or "invalid_request", "error_description": answer.content.detail}
    headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-type"}
    status = error.status if isinstance(error, ClientRefusedError | OverloadedError) else 400
    return Response(said, status_code=status, media_type="application/json", headers=headers)


@post(PATH, status_code=200, exception_handlers={Exception: oauth_problem})
async def token(request: DeskRequest) -> Response[dict[str, Any]]:
    """A token for a system, by its assertion and its device's proof; the body is a form."""
    door = door_of(request)
    thumbprint = await device(request, "")
    form = _form(await request.body())
    if form.get("client_assertion_type") != clients.TYPE or not form.get("client_assertion"):
        raise ClientRefusedError(reason="it shows no assertion (private_key_jwt)")
    asserted = await _asserted(door, form["client_assertion"], request.app.state.origin + PATH)
    kind = form.get("grant_type")
    if kind == CREDENTIALS:
        answer = await _own(door, asserted, form.get("scope", ""), thumbprint)
    elif kind == EXCHANGE and form.get("subject_token_type") == HANDED_ON:
        answer = await _of_an_adviser(door, asserted, form.get("subject_token", ""), thumbprint)
    else:
        raise BadRequestError(reason=f"grant_type is {CREDENTIALS}, or {EXCHANGE} with a token of the type {HANDED_ON}")
    return Response(answer, headers={"Cache-Control": "no-store"})


ROUTES: list[Router | HTTPRouteHandler] = [
    Router(
        "/",
        guards=[require_session],
        route_handlers=[hand_on],
        security=[{"session": []}],
    ),
    token,
]


def _form(body: bytes) -> dict[str, str]:
    """The form's fields; raises BadRequestError for what is none, or has one twice."""
    try:
        pairs = parse_qsl(
            body.decode(), max_num_fields=MOST_FIELDS, strict_parsing=True, encoding="utf-8", errors="strict"
        )
    except ValueError as error:  # of UTF-8, too
        raise BadRequestError(reason="the body is no form, or has too many fields") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise BadRequestError(reason="a field is there twice")
    return form


async def _asserted(door: SigninDoor, assertion: str, endpoint: str) -> Asserted:
    """Whose assertion this is; raises ClientRefusedError, the same for one that is unknown, closed or not covered."""
    client = clients.claimed(assertion)
    ((key,),) = await door.ask(KEY, (client,))
    if key is None:
        raise ClientRefusedError(reason="it is not registered here, or its registration has ended")
    return clients.verified(assertion, key, endpoint)


async def _own(door: SigninDoor, asserted: Asserted, scope: str, thumbprint: bytes) -> dict[str, Any]:
    if scope not in set(ClientUse) - {ClientUse.DELEGATE}:
        raise BadRequestError(reason="scope is one of feed, scim, changes")
    new = new_session(BEARER_PLACE, thumbprint)
    values = (asserted.client, asserted.spent, asserted.seconds, scope, new.token_hash)
    ((until,),) = await door.ask(GIVE, values)
    if until is None:
        raise GrantRefusedError
    return {"access_token": new.token, "token_type": "DPoP", "expires_in": TOKEN_SECONDS, "scope": scope}


async def _of_an_adviser(door: SigninDoor, asserted: Asserted, handed_on: str, thumbprint: bytes) -> dict[str, Any]:
    """The session; the keeper is told after the database took it, as in `sessions.begin_session`."""
    try:
        passed = door.ceremonies.open(Purpose.HANDED_ON, handed_on, Passed)
    except CeremonyError as error:
        raise GrantRefusedError from error
    if passed.client != asserted.client:
        raise GrantRefusedError
    new = new_session(passed.segment, thumbprint)
    ((people, ends),) = await door.ask(CEILINGS, (passed.segment, passed.account))
    values = (
        *(asserted.client, asserted.spent, asserted.seconds, spent_as(handed_on), SECONDS[Purpose.HANDED_ON]),
        *(passed.segment, passed.session, new.session, new.token_hash, new.secret_hash, new.device),
    )
    ((seconds,),) = await door.ask(START, values)
    if seconds is None:
        raise GrantRefusedError
    await door.keeper.register_session(ceilings_of(new, passed.account, passed.segment, people or [0] * 4, ends))
    return {
        "access_token": new.token,
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "DPoP",
        "expires_in": seconds,
    }
