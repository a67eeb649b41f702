"""Changes on their way to the intake door: the desk reads their shape, and passes them on as they came.

A change takes the whole record, which no adviser's session may read. So the desk never does it: the door, a process
with a login and a caller of its own, charges the session, changes and seals, and answers with an outcome. What goes on
is the body, within its size, the session's bearer, whose proof is checked here, and the language; what comes back is
the answer, within a time.
"""

from typing import Annotated, Any
from uuid import UUID

import httpx
from litestar import Request, Response, Router, delete, patch, post, put, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter

from cloison.access.sessions import text_of
from cloison.client.changes import (
    Changed,
    ChangeRequest,
    CreateRequest,
    DayRequest,
    MergeRequest,
    RepresentativeRequest,
    ResumeRequest,
    SplitRequest,
)
from cloison.config import Home
from cloison.errors import DoorUnavailableError
from cloison.tls import nobody
from cloison.web import problems
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer, require_session

# ruff: noqa: ARG001 - the desk reads the shape of what it passes on, and names it in its document

ANSWER_SECONDS = 15.0  # a locked ledger is waited for 3 seconds, a database that is lost for 5
CONNECT_SECONDS = 2.0
CONNECTIONS = 64
ANSWER_BYTES = 65_536
THERE = ("accept-language", "content-type")
BACK = ("content-type", "content-language", "vary", "retry-after", "www-authenticate")


class Forwarder:
    """The desk's way to the door of the same home."""

    def __init__(self, home: Home) -> None:
        """Nothing is connected yet; the door may come and go."""
        self._http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(
                uds=str(home.intake_socket),
                verify=nobody(),
                limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=5.0),
            ),
            base_url="http://intake",
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, request: Request[Any, Any, Any]) -> Response[Any]:
        """Pass a request on; the door's answer. Raises DoorUnavailableError where there is none in time."""
        headers = {name: value for name in THERE if (value := request.headers.get(name)) is not None}
        headers["authorization"] = _handed_on(request)
        url = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        try:
            answer = await self._http.request(request.method, url, content=await request.body(), headers=headers)
        except httpx.TimeoutException:
            raise DoorUnavailableError(reason="it took too long") from None
        except httpx.HTTPError as error:
            # its text stays out: it could hold what was sent
            raise DoorUnavailableError(reason=type(error).__name__) from None
        if len(answer.content) > ANSWER_BYTES:
            raise DoorUnavailableError(reason="its answer is too long")
        kept = {name: answer.headers[name] for name in BACK if name in answer.headers}
        media_type = kept.pop("content-type", "application/json")
        return Response(answer.content, status_code=answer.status_code, media_type=media_type, headers=kept)


REFUSALS = {
    **problems.BODY_REFUSALS,
    **problems.CEILING_REFUSAL,
    409: problems.described("It cannot be done with these people as they are; nothing was changed."),
    422: problems.described("The record would not be valid; the sentence names fields and reasons, never values."),
}
Purpose = Annotated[str, Parameter(description="One of the profile's purposes, as in the bodies of other changes")]
OUTCOME = "The outcome; what was done, where it was."


def _settings(name: str, summary: str) -> dict[str, Any]:
    return {
        "status_code": 200,
        "operation_id": name,
        "summary": summary,
        "response_description": OUTCOME,
        "responses": REFUSALS,
    }


@post("/people", **_settings("create", "Bring somebody in"))
async def create(request: DeskRequest, data: "CreateRequest") -> Response[Changed]:
    """Bring in somebody new, by NIR or identifier and birth date at least.

    `created`; `known` where they are there and within reach; `conflict` where these numbers are somebody else's,
    charged like a search that finds nobody.
    """
    return await _forward(request)


@patch("/people/{person:uuid}", **_settings("change", "Correct a record"))
async def change(request: DeskRequest, person: UUID, data: "ChangeRequest") -> Response[Changed]:
    """Change some fields; null empties one. The person is charged to the account's budgets like somebody opened.

    Another department's commune moves the person there; a NIR or identifier of somebody else's is a `conflict`.
    """
    return await _forward(request)


@post("/people/{person:uuid}/end", **_settings("end_registration", "End a registration"))
async def end(request: DeskRequest, person: UUID, data: "DayRequest") -> Response[Changed]:
    """End somebody's registration on a day; how long they are kept follows from it."""
    return await _forward(request)


@post("/people/{person:uuid}/resume", **_settings("resume_registration", "Resume a registration"))
async def resume(request: DeskRequest, person: UUID, data: "ResumeRequest") -> Response[Changed]:
    """Register somebody again from a day on."""
    return await _forward(request)


@post("/people/{person:uuid}/death", **_settings("note_death", "Note a death"))
async def death(request: DeskRequest, person: UUID, data: "DayRequest") -> Response[Changed]:
    """Note the day of somebody's death; a registration ends with it."""
    return await _forward(request)


@post("/merges", **_settings("ask_merge", "Ask for a merge"))
async def ask_merge(request: DeskRequest, data: "MergeRequest") -> Response[Changed]:
    """Ask that one record absorb another of the same person; both are charged. `pending` until somebody approves."""
    return await _forward(request)


@post("/merges/{merge:uuid}/split", **_settings("ask_split", "Ask for a split"))
async def ask_split(request: DeskRequest, merge: UUID, data: "SplitRequest") -> Response[Changed]:
    """Ask that a merge be taken back; both are charged. `pending` until somebody else approves."""
    return await _forward(request)


@post("/merges/{merge:uuid}/approve", **_settings("approve_merge", "Approve a merge or a split"))
async def approve(request: DeskRequest, merge: UUID) -> Response[Changed]:
    """Carry out what somebody else of the organisation asked: `merged` or `split`; opens nobody."""
    return await _forward(request)


@put("/people/{person:uuid}/representatives", **_settings("set_representative", "Set a representative"))
async def set_representative(request: DeskRequest, person: UUID, data: "RepresentativeRequest") -> Response[Changed]:
    """Say who speaks for somebody, whether in their place they sign in and receive notices; both are charged."""
    return await _forward(request)


@delete(
    "/people/{person:uuid}/representatives/{representative:uuid}",
    **_settings("end_representative", "End a representation"),
)
async def end_representative(
    request: DeskRequest,
    person: UUID,
    representative: UUID,
    purpose: Purpose,
) -> Response[Changed]:
    """End it, from now on."""
    return await _forward(request)


@route("/v1/feeds/{rest:path}", http_method=["GET", "POST"], status_code=200, include_in_schema=False)
async def feed(request: DeskRequest, rest: str) -> Response[Any]:
    """What sources of interactions tell; they have tokens of their own, which the door looks at."""
    return await _forward(request)


ROUTES: list[Router | HTTPRouteHandler] = [
    Router(
        "/v1",
        guards=[require_session],
        route_handlers=[
            *(create, change, end, resume, death, ask_merge, ask_split, approve),
            *(set_representative, end_representative),
        ],
        security=[{"session": []}],
    ),
    feed,
]


def _handed_on(request: Request[Any, Any, Any]) -> str:
    """The bearer of a session or a client, whose proof was checked here."""
    return f"Bearer {text_of(bearer(request))}"


async def _forward(request: DeskRequest) -> Response[Any]:
    forwarder: Forwarder = request.app.state.forwarder
    return await forwarder.send(request)
