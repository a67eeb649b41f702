"""Relations that people give each other over HTTP, and what sources of interactions tell.

Managers give covers and handovers, somebody at the counter a code. HTTP 200 carries outcomes, refusals among them.
Whoever asks or approves never gains access by it. Codes and interactions are the intake door's: the desk passes them
on, as it does changes.
"""

from typing import TYPE_CHECKING
from uuid import UUID

from litestar import Response, Router, get, post
from litestar.handlers import HTTPRouteHandler

from cloison.access import covers
from cloison.access.covers import Kind, Settled, Wish
from cloison.client.wire import (
    CodeConfirmed,
    CodeGiven,
    CodeRequest,
    CodeSent,
    CoverRequest,
    HandoverRequest,
    SpaceInvitation,
    TakenInteractions,
    ToldInteractions,
    Transfer,
    WaitingTransfer,
    WaitingTransfers,
)
from cloison.web import problems
from cloison.web.bodies import DeskRequest
from cloison.web.desk import desk_of
from cloison.web.guard import bearer, require_session

if TYPE_CHECKING:
    from cloison.web.forwarding import Forwarder


WHAT_BECAME = "The outcome; without `people`, it waits for a second manager."


@post(
    "/covers",
    status_code=200,
    operation_id="cover",
    summary="Have somebody stand in for a colleague",
    response_description=WHAT_BECAME,
    responses=problems.BODY_REFUSALS,
)
async def ask_cover(request: DeskRequest, data: CoverRequest) -> Transfer:
    """A few people by name are covered at once; a whole caseload waits for a second manager. It ends by itself."""
    wish = Wish(Kind.COVER, data.giver, data.taker, data.begins, data.until, data.people)
    return _answered(await covers.ask(desk_of(request).meter, bearer(request), wish))


@post(
    "/handovers",
    status_code=200,
    operation_id="hand_over",
    summary="Have somebody take over a caseload",
    response_description=WHAT_BECAME,
    responses=problems.BODY_REFUSALS,
)
async def ask_handover(request: DeskRequest, data: HandoverRequest) -> Transfer:
    """The whole caseload of one account goes to another, once a second manager approves."""
    return _answered(
        await covers.ask(desk_of(request).meter, bearer(request), Wish(Kind.HANDOVER, data.giver, data.taker))
    )


@post(
    "/covers/{transfer:uuid}/approve",
    status_code=200,
    operation_id="approve_cover",
    summary="Approve a cover",
    response_description=WHAT_BECAME,
    responses=problems.REFUSALS,
)
async def approve_cover(request: DeskRequest, transfer: UUID) -> Transfer:
    """The second manager's yes, within seven days; `scope` for whatever is not theirs to approve."""
    return _answered(await covers.decide(desk_of(request).meter, bearer(request), Kind.COVER, transfer))


@post(
    "/handovers/{transfer:uuid}/approve",
    status_code=200,
    operation_id="approve_handover",
    summary="Approve a handover",
    response_description=WHAT_BECAME,
    responses=problems.REFUSALS,
)
async def approve_handover(request: DeskRequest, transfer: UUID) -> Transfer:
    """The second manager's yes, within seven days; `scope` for whatever is not theirs to approve."""
    return _answered(await covers.decide(desk_of(request).meter, bearer(request), Kind.HANDOVER, transfer))


@get(
    "/covers",
    operation_id="waiting_covers",
    summary="Covers that wait for a second manager",
    response_description="What waits.",
    responses=problems.REFUSALS,
)
async def show_covers(request: DeskRequest) -> WaitingTransfers:
    """Of the session's organisation and segment; for those who may ask or approve."""
    return await _waiting(request, Kind.COVER)


@get(
    "/handovers",
    operation_id="waiting_handovers",
    summary="Handovers that wait for a second manager",
    response_description="What waits.",
    responses=problems.REFUSALS,
)
async def show_handovers(request: DeskRequest) -> WaitingTransfers:
    """Of the session's organisation and segment; for those who may ask or approve."""
    return await _waiting(request, Kind.HANDOVER)


@post(
    "/people/{person:uuid}/code",
    status_code=200,
    operation_id="send_code",
    summary="Send somebody at the counter a code",
    response_description="The outcome, and whether the record had an address.",
    responses=problems.BODY_REFUSALS,
)
async def send_code(request: DeskRequest, person: UUID, data: CodeRequest) -> Response[CodeSent]:  # noqa: ARG001 - its shape is read
    """For half an hour after a search with both facts: a code to the address in the record, which is not shown.

    At most 3 an hour to one person. The language of the message is that of the request.
    """
    forwarder: Forwarder = request.app.state.forwarder
    return await forwarder.send(request)


@post(
    "/people/{person:uuid}/space-invitation",
    status_code=200,
    operation_id="invite_to_space",
    summary="Invite somebody to their own space",
    response_description="The outcome, and the half of the code that is given by hand; the other one is mailed.",
    responses=problems.REFUSALS,
)
async def invite_to_space(request: DeskRequest, person: UUID) -> Response[SpaceInvitation]:  # noqa: ARG001 - as above
    """Somebody whose record this session opened in the last 15 minutes, at most 3 times a day."""
    forwarder: Forwarder = request.app.state.forwarder
    return await forwarder.send(request)


@post(
    "/people/{person:uuid}/code/confirm",
    status_code=200,
    operation_id="confirm_code",
    summary="Give the code back",
    response_description="The outcome, and until when the person can be opened.",
    responses=problems.BODY_REFUSALS,
)
async def confirm_code(request: DeskRequest, person: UUID, data: CodeGiven) -> Response[CodeConfirmed]:  # noqa: ARG001 - as above
    """The code as the person tells it, within 15 minutes and 5 tries; then they can be opened until the day ends."""
    forwarder: Forwarder = request.app.state.forwarder
    return await forwarder.send(request)


@post(
    "/v1/feeds/interactions",
    guards=[require_session],  # which takes any token apart; whose it is, intake says
    status_code=200,
    operation_id="tell_interactions",
    summary="Tell of interactions",
    response_description="One result an interaction, in the order told.",
    responses={**problems.BODY_REFUSALS, 401: problems.described("There is no valid token of a source.")},
    security=[{"client": []}],
)
async def tell_interactions(request: DeskRequest, data: "ToldInteractions") -> Response[TakenInteractions]:  # noqa: ARG001 - as above
    """For sources that no account can write: appointments, the personal space, the telephone. 200 at most a call.

    By a system's token for `feed`, which is no session. An interaction told before is `known`, whatever else it says:
    one that moves is a new one.
    """
    forwarder: Forwarder = request.app.state.forwarder
    return await forwarder.send(request)


ROUTES: list[Router | HTTPRouteHandler] = [
    Router(
        "/v1",
        guards=[require_session],
        route_handlers=[
            *(ask_cover, ask_handover, approve_cover, approve_handover, show_covers, show_handovers),
            *(send_code, confirm_code, invite_to_space),
        ],
        security=[{"session": []}],
    ),
    tell_interactions,
]


async def _waiting(request: DeskRequest, kind: Kind) -> WaitingTransfers:
    outcome, found = await covers.waiting(desk_of(request).meter, bearer(request), kind)
    return WaitingTransfers(
        outcome,
        [WaitingTransfer(one.transfer, one.asked_by, one.giver, one.taker, one.begins, one.ends) for one in found],
    )


def _answered(settled: Settled) -> Transfer:
    return Transfer(settled.outcome, settled.transfer, settled.people, settled.retry_after)
