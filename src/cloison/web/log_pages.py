"""The audit log over HTTP, for officers and DPOs; for a manager, what accounts of their own organisation did.

Each page is an entry of the log itself, written before it is read.
"""

from litestar import Router, post

from cloison.access import log_pages
from cloison.access.log_pages import Wanted
from cloison.client.log_wire import LogPage, LogRequest
from cloison.web import problems
from cloison.web.bodies import DeskRequest
from cloison.web.desk import desk_of
from cloison.web.guard import bearer, require_session


@post(
    "/log/entries",
    status_code=200,
    operation_id="read_log",
    summary="Read the audit log",
    response_description="The entries, newest first, and the cursor for the next page.",
    responses={
        **problems.BODY_REFUSALS,
        403: problems.described("The account may not read this of the log."),
        404: problems.described("There is no such account or organisation."),
    },
)
async def read_log(request: DeskRequest, data: LogRequest) -> LogPage:
    """Who did what, of whom, when and why: by account, organisation, person and time. Reading is logged, too."""
    desk = desk_of(request)
    wanted = Wanted(
        account=data.account,
        organisation=data.organisation,
        person=data.person,
        since=data.since,
        until=data.until,
        cursor=data.cursor,
        most=data.limit,
    )
    page = await log_pages.read(desk.meter, bearer(request), wanted)
    return log_pages.told(page, list(desk.compartment_bits), list(desk.purposes))


ROUTES = [Router("/v1", guards=[require_session], route_handlers=[read_log], security=[{"session": []}])]
