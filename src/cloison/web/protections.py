"""Protected people over HTTP: an officer withholds somebody from all but a named audience.

HTTP 200 carries outcomes, refusals among them. What is answered is the same whether the person exists or not: officers
open nobody, and learn nothing. Widening an audience and lifting a protection take two accounts, of the organisation
whose officer set it, that ask for the same.
"""

from datetime import UTC, datetime
from uuid import UUID

from litestar import Router, patch, post

from cloison.access import protection
from cloison.access.protection import Asked
from cloison.client.wire import AudienceRequest, Protection, ProtectionRequest
from cloison.errors import MalformedRequestError
from cloison.web import problems
from cloison.web.bodies import DeskRequest
from cloison.web.desk import desk_of
from cloison.web.guard import bearer, require_session

OF_ONE = {
    **problems.BODY_REFUSALS,
    404: problems.described("No such protection of your organisation stands."),
    409: problems.described("Whoever asked cannot confirm it."),
}
WHAT_BECAME = "The outcome; with `waits`, another account of the organisation must ask for the same."


@post(
    "/protections",
    status_code=200,
    operation_id="protect",
    summary="Withhold somebody from all but an audience",
    response_description="The outcome, and the protection's number, which changing and lifting it takes.",
    responses=problems.BODY_REFUSALS,
)
async def set_protection(request: DeskRequest, data: ProtectionRequest) -> Protection:
    """From now on nobody else opens or lists the person, and nobody finds them; each opening raises an alert."""
    who = bearer(request)
    if data.until is not None and data.until <= datetime.now(UTC):
        raise MalformedRequestError(path="$.until")
    place = (data.segment or who.segment, data.person)
    return _answered(await protection.protect(desk_of(request).meter, who, place, data.audience, data.until))


@patch(
    "/protections/{number:uuid}",
    operation_id="change_audience",
    summary="Change a protection's audience",
    response_description=WHAT_BECAME,
    responses=OF_ONE,
)
async def change_audience(request: DeskRequest, number: UUID, data: AudienceRequest) -> Protection:
    """Who is not in the list is out at once; who is new comes in when a second account asks for the same."""
    return _answered(await protection.change_audience(desk_of(request).meter, bearer(request), number, data.audience))


@post(
    "/protections/{number:uuid}/lift",
    status_code=200,
    operation_id="lift_protection",
    summary="Lift a protection",
    response_description=WHAT_BECAME,
    responses=OF_ONE,
)
async def lift_protection(request: DeskRequest, number: UUID) -> Protection:
    """Asked by one account, done when another asks within a day."""
    return _answered(await protection.lift(desk_of(request).meter, bearer(request), number))


ROUTES = [
    Router(
        "/v1",
        guards=[require_session],
        route_handlers=[set_protection, change_audience, lift_protection],
        security=[{"session": []}],
    )
]


def _answered(asked: Asked) -> Protection:
    return Protection(asked.outcome, asked.protection, asked.waits)
