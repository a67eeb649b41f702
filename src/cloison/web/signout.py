"""Signing out at the desk: the one thing that its login may do about sessions."""

from litestar import Router, post

from cloison.client.signin_wire import Ended, SignOut
from cloison.errors import NoSessionError
from cloison.web import problems
from cloison.web.bodies import DeskRequest
from cloison.web.desk import desk_of
from cloison.web.guard import bearer, require_session

SIGN_OUT = "select cloison.sign_out_v1(%s, %s, %s)"


@post(
    "/signout",
    status_code=200,
    operation_id="signout",
    response_description="How many sessions ended.",
    summary="Sign out",
    responses=problems.BODY_REFUSALS,
)
async def sign_out(request: DeskRequest, data: SignOut) -> Ended:
    """End this session, or all of the account, at every door."""
    ((ended,),) = await desk_of(request).meter.ask(SIGN_OUT, (*bearer(request), data.everywhere))
    if ended == 0:
        raise NoSessionError
    return Ended(ended)


ROUTES = [Router("/v1", guards=[require_session], route_handlers=[sign_out], security=[{"session": []}])]
