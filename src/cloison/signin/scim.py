"""The directory's service, SCIM 2.0, by a system's token for `scim`. Rules: `access/scim.py`, `86_clients.sql`.

Errors have the form of RFC 7644, section 3.12, with the HTTP status and sentence that the error has elsewhere.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
from litestar import Request, Response, Router, delete, get, patch, post, put
from litestar.params import Parameter
from psycopg.types.json import Jsonb
from scim2_models import Context, Error, ResponseParameters, SCIMException

from cloison.access import acts, scim
from cloison.access.acts import Act, ActKind
from cloison.access.impossible import reason_of
from cloison.access.scim import MOST, Row, User, Wanted
from cloison.errors import BadRequestError, CloisonError, DatabaseRefusedError, NoClientError, NotFoundError
from cloison.signin.acts import LIVES
from cloison.signin.door import SigninDoor, door_of
from cloison.web import problems
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer, require_session

PATH = "/scim/v2"
MEDIA_TYPE = "application/scim+json"
TAKEN = "23505"
CONFLICT = 409
DIRECTORY = "select client, name, organisation from cloison.directory_v1(%s)"
USERS = (
    "select total, account, handle, segment, agency, role, holder, state, since "
    "from cloison.directory_users_v1(%s, %s, %s, %s, %s, %s)"
)
ASK = "select cloison.directory_ask_v1(%s, %s, %s, %s, %s, %s, %s)"
CLOSE = "select cloison.directory_close_v1(%s, %s)"

Filter = Annotated[str | None, Parameter(max_length=300)]
Start = Annotated[int, Parameter(le=10_000_000)]
Names = Annotated[str | None, Parameter(max_length=1_000)]


class Directory(NamedTuple):
    """Who asks: the system, its name, its organisation."""

    client: UUID
    name: str
    organisation: UUID


def scim_problem(request: Request[Any, Any, Any], exception: Exception) -> Response[Any]:
    """An error as SCIM has it."""
    if isinstance(exception, SCIMException):
        return _answer(exception.to_error(), exception.status)
    answer = problems.answer(request, exception)
    error: CloisonError = problems.error_of(exception, request.app.state.request_bytes)
    headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-type"}
    return _answer(Error(status=error.status, detail=answer.content.detail), error.status, headers)


@get("/ServiceProviderConfig")
async def show_service(request: DeskRequest) -> Response[Any]:
    """What of the standard there is."""
    await _directory(request)
    return _answer(scim.service(_base(request)))


@get("/ResourceTypes")
async def list_types(request: DeskRequest) -> Response[Any]:
    """Users alone."""
    await _directory(request)
    return _list(scim.resource_types(_base(request)))


@get("/ResourceTypes/{name:str}")
async def show_type(request: DeskRequest, name: str) -> Response[Any]:
    """One of them."""
    await _directory(request)
    return _one(scim.resource_types(_base(request)), name)


@get("/Schemas")
async def list_schemas(request: DeskRequest) -> Response[Any]:
    """Of users and of what accounts have besides."""
    await _directory(request)
    return _list(scim.schemas(_base(request)))


@get("/Schemas/{name:str}")
async def show_schema(request: DeskRequest, name: str) -> Response[Any]:
    """One of them."""
    await _directory(request)
    return _one(scim.schemas(_base(request)), name)


@get("/Users")
async def list_users(  # noqa: PLR0913, PLR0917 - the parameters of the standard
    request: DeskRequest,
    filter: Filter = None,  # noqa: A002 - as all the names here, the standard's
    startIndex: Start = 1,  # noqa: N803
    count: int = MOST,
    attributes: Names = None,
    excludedAttributes: Names = None,  # noqa: N803
) -> Response[Any]:
    """The organisation's users, 200 at most a page."""
    await _directory(request)
    start, most = max(startIndex, 1), min(max(count, 0), MOST)
    found = await _users(request, scim.filtered(filter), start - 1, max(most, 1))
    users = [scim.user_of(row, _base(request)) for _, row in found][:most]
    if not found and start > 1:
        total = next((total for total, _ in await _users(request, scim.filtered(filter), 0, 1)), 0)
    else:
        total = found[0][0] if found else 0
    chosen = scim.chosen(attributes, excludedAttributes)
    return _answer(scim.listed(User, users, total, start), shown=chosen)


@get("/Users/{user:str}")
async def show_user(
    request: DeskRequest,
    user: str,
    attributes: Names = None,
    excludedAttributes: Names = None,  # noqa: N803 - the standard's name
) -> Response[Any]:
    """One of them."""
    await _directory(request)
    chosen = scim.chosen(attributes, excludedAttributes)
    return _answer(scim.user_of(await _user(request, user), _base(request)), shown=chosen)


@post("/Users", status_code=201)
async def create_user(request: DeskRequest) -> Response[Any]:
    """Ask for an account, which two officers sign; until then it is `waiting`, and not active."""
    directory = await _directory(request)
    details = scim.new_user(await request.body())
    number = uuid4()
    await _ask(request, directory, ActKind.ACCOUNT_CREATE, number, details)
    made = scim.user_of(await _user(request, str(number)), _base(request))
    headers = {"Location": f"{_base(request)}/Users/{number}"}
    return _answer(made, 201, headers, context=Context.RESOURCE_CREATION_RESPONSE)


@put("/Users/{user:str}")
async def replace_user(request: DeskRequest, user: str) -> Response[Any]:
    """Close a user, or ask for another role; nothing else of an account changes."""
    directory, row = await _directory(request), await _user(request, user)
    return await _do(request, directory, row, scim.replaced(row, await request.body(), _base(request)))


@patch("/Users/{user:str}")
async def change_user(request: DeskRequest, user: str) -> Response[Any]:
    """The same by single changes."""
    directory, row = await _directory(request), await _user(request, user)
    return await _do(request, directory, row, scim.patched(row, await request.body(), _base(request)))


@delete("/Users/{user:str}", status_code=204)
async def delete_user(request: DeskRequest, user: str) -> None:
    """Close an account at once and for good, or take back what was asked for."""
    await _directory(request)
    await _close(request, (await _user(request, user)).account)


@get("/{rest:path}", sync_to_thread=False)
def nothing_there(request: DeskRequest, rest: str) -> None:  # noqa: ARG001 - whatever else is asked for
    """Said in the form of the standard."""
    raise NotFoundError


ROUTES = [
    Router(
        PATH,
        guards=[require_session],
        route_handlers=[
            *(show_service, list_types, show_type, list_schemas, show_schema),
            *(list_users, show_user, create_user, replace_user, change_user, delete_user),
            nothing_there,
        ],
        exception_handlers={Exception: scim_problem},
    )
]


async def _directory(request: DeskRequest) -> Directory:
    """Who asks; raises NoClientError."""
    rows = await door_of(request).ask(DIRECTORY, (bearer(request).token,))
    if not rows:
        raise NoClientError
    return Directory(*rows[0])


async def _users(request: DeskRequest, wanted: Wanted, skip: int, most: int) -> list[tuple[int, Row]]:
    values = (bearer(request).token, wanted.account, wanted.handle, wanted.holder, skip, most)
    return [(row[0], Row(*row[1:])) for row in await door_of(request).ask(USERS, values)]


async def _user(request: DeskRequest, text: str) -> Row:
    """One user; raises NotFoundError."""
    account = scim.number(text)
    found = [] if account is None else await _users(request, Wanted(account=account), 0, 1)
    if not found:
        raise NotFoundError
    return found[0][1]


async def _do(request: DeskRequest, directory: Directory, row: Row, wish: scim.Wish) -> Response[Any]:
    user = scim.user_of(row, _base(request))
    if wish.close:
        await _close(request, row.account)
        user.active = False
    elif wish.role is not None:
        about = {"account": str(row.account), "handle": row.handle, "segment": row.segment, "role": wish.role}
        await _ask(request, directory, ActKind.ACCOUNT_ELEVATE, uuid4(), about)
    return _answer(user)


async def _close(request: DeskRequest, account: UUID) -> None:
    """Raises NotFoundError, for officers of the service too, whom people close."""
    ((done,),) = await door_of(request).ask(CLOSE, (bearer(request).token, account))
    if not done:
        raise NotFoundError


async def _ask(request: DeskRequest, directory: Directory, kind: ActKind, number: UUID, details: Any) -> None:  # noqa: ANN401
    """Ask for an act in the directory's name; raises SCIMException for what could not be done."""
    now = datetime.now(UTC)
    act = Act(
        act=number,
        kind=kind,
        asked_by=None,
        organisation=directory.organisation,
        details={**details, "client": directory.name},
        asked_at=now,
        expires_at=now + LIVES,
    )
    try:
        act = acts.read_act(acts.canonical(act))
    except ValueError as error:
        raise BadRequestError(reason=str(error)) from error
    values = (number, kind, acts.canonical(act), Jsonb(dict(act.details)), act.organisation, act.expires_at)
    await _asked(door_of(request), (bearer(request).token, *values))


async def _asked(door: SigninDoor, values: tuple[object, ...]) -> None:
    try:
        async with door.pool.connection() as connection:
            await connection.execute(ASK, values)
    except psycopg.DatabaseError as error:
        reason = reason_of(error)
        if reason is None:
            raise DatabaseRefusedError(reason=error.sqlstate or type(error).__name__) from None
        status, kind = (CONFLICT, "uniqueness") if error.sqlstate == TAKEN else (400, "invalidValue")
        raise SCIMException.from_error(Error(status=status, scim_type=kind, detail=reason)) from None


def _base(request: DeskRequest) -> str:
    return f"{request.app.state.origin}{PATH}"


def _one(found: list[Any], name: str) -> Response[Any]:
    for each in found:
        if each.id == name:
            return _answer(each)
    raise NotFoundError


def _list(found: list[Any]) -> Response[Any]:
    return _answer(scim.listed(type(found[0]), found, len(found)))


def _answer(
    message: Any,  # noqa: ANN401 - a message or a resource of the library's
    status: int = 200,
    headers: dict[str, str] | None = None,
    *,
    context: Context = Context.RESOURCE_QUERY_RESPONSE,
    shown: ResponseParameters[User] | None = None,
) -> Response[Any]:
    body = message.model_dump_json(scim_ctx=context, response_parameters=shown)
    return Response(body.encode(), status_code=status, media_type=MEDIA_TYPE, headers=headers or {})
