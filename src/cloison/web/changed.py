"""Changes over HTTP, for systems that keep something about the same people: by a client's token, never by a session."""

from typing import Annotated

from litestar import Router, get
from litestar.params import Parameter

from cloison.access import changed
from cloison.client.wire import NotedChange, NotedChanges
from cloison.web import problems
from cloison.web.bodies import DeskRequest
from cloison.web.desk import desk_of
from cloison.web.guard import bearer, require_session

PAGE = 1_000
Segment = Annotated[str, Parameter(description="The segment, one of the agreement's")]
After = Annotated[
    str | None, Parameter(max_length=80, description="The last page's cursor; without it, all that are kept")
]
Limit = Annotated[int, Parameter(ge=1, le=PAGE, description="How many at most")]


@get(
    "/changes/{segment:str}",
    operation_id="changes",
    summary="Which records changed",
    response_description="The changes in their order, and the cursor for the next page.",
    responses={
        **problems.REFUSALS,
        401: problems.described("There is no valid token of a system for `changes`."),
        403: problems.described("The segment is not of the agreement."),
        410: problems.described("Changes behind the cursor are kept no more."),
    },
)
async def list_changes(
    request: DeskRequest, segment: Segment, after: After = None, limit: Limit = PAGE
) -> NotedChanges:
    """Whose record changed and how, of the last 28 days; nothing of what it says. None is lost, none comes twice."""
    page = await changed.changes(desk_of(request).meter, bearer(request), segment, after, limit)
    return NotedChanges([NotedChange(one.person, one.event, one.version, one.at) for one in page.changes], page.cursor)


ROUTES = [Router("/v1", guards=[require_session], route_handlers=[list_changes], security=[{"client": []}])]
