"""The register as it was: one plaintext table, one database login that may read it all, and no limit anywhere.

The same routes and the same check of a session as the desk, so that the same attacker can be let loose on both. People
have sequential numbers, written as UUIDs. A session may open anybody, list its caseload at once, ask for any number of
people in a call; nothing is counted and nothing is logged. It exists for the replay alone, in a throw-away database.

`python -m cloison.replay.unguarded` serves it; `UNGUARDED_DATABASE` and `UNGUARDED_PORT` say where.
"""

import asyncio
import base64
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar, Request, Response, Router, get, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from cloison.replay import unguarded_staff

DATABASE, PORT = "UNGUARDED_DATABASE", "UNGUARDED_PORT"
CONNECTIONS = 4
NOBODY = 2**63 - 1  # the largest number that the database knows
BODY_BYTES = 64 * 2**20  # nobody set a limit
SEARCHES = ("nir", "identifier", "email", "phone", "birth_name")
HELD_BY = "from session s where s.token_hash = %s"
CASELOAD = (
    "select p.* from caseload c join session s on s.account = c.account join person p using (number) "
    "where s.token_hash = %s order by p.number"
)

Row = dict[str, Any]


class Problem(msgspec.Struct, frozen=True):
    """A refusal in the words that the desk uses."""

    code: str
    status: int
    detail: str
    title: str = "Refused"
    type: str = "urn:cloison:problem:unguarded"


async def require_session(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Find the session whose token this is, as the desk does; raises PermissionError where there is none."""
    secret = connection.headers.get("authorization", "").rpartition(".")[2]
    token_hash = hashlib.sha256(base64.urlsafe_b64decode(secret + "=")).digest()
    if not await _rows(connection.app, f"select s.account {HELD_BY}", (token_hash,)):
        raise PermissionError
    connection.scope["state"]["token_hash"] = token_hash


@post("/people/search", status_code=200)
async def search(request: Request[Any, Any, Any]) -> Row:
    """Find people by one fact, whoever they are."""
    body = msgspec.json.decode(await request.body(), type=dict[str, Any])
    name = next(name for name in SEARCHES if body.get(name))
    statement, values = f"select * from person where {name} = %s", [body[name]]  # noqa: S608 - name is one of SEARCHES
    if body.get("birth_date"):
        statement, values = statement + " and birth_date = %s", [*values, body["birth_date"]]
    return {"outcome": "open", "cards": [_card(row) for row in await _rows(request.app, statement, values)]}


@post("/people/open", status_code=200)
async def open_people(request: Request[Any, Any, Any]) -> Row:
    """Return whole records; compartments and purposes are not looked at."""
    asked = msgspec.json.decode(await request.body())["requests"]
    numbers = [min(UUID(one["person"]).int, NOBODY) for one in asked]
    rows = await _rows(request.app, "select * from person where number = any (%s::bigint[])", (numbers,))
    records = {row["number"]: row for row in rows}
    return {"results": [_result(one, records.get(number)) for one, number in zip(asked, numbers, strict=True)]}


@get("/caseload")
async def caseload(request: Request[Any, Any, Any]) -> Row:
    """The whole caseload at once."""
    rows = await _rows(request.app, CASELOAD, (request.scope["state"]["token_hash"],))
    return {"outcome": "open", "cards": [_card(row) for row in rows]}


@get("/healthz")
async def health() -> dict[str, str]:
    """It is there."""
    return {"status": "ok"}


def unguarded_app(conninfo: str) -> Litestar:
    """The application over the plaintext table that `conninfo` leads to."""

    @asynccontextmanager
    async def database(app: Litestar) -> AsyncIterator[None]:
        options = {"autocommit": True, "row_factory": dict_row}
        async with AsyncConnectionPool(conninfo, min_size=CONNECTIONS, kwargs=options, open=False) as pool:
            app.state.pool = pool
            yield

    routes = Router("/v1", guards=[require_session], route_handlers=[search, open_people, caseload])
    return Litestar(
        [routes, health, *unguarded_staff.ROUTES],
        lifespan=[database],
        request_max_body_size=BODY_BYTES,
        exception_handlers={PermissionError: _no_session, Exception: _refuse},
        openapi_config=None,
        logging_config=None,
    )


async def _rows(app: Litestar, statement: str, values: Any) -> list[Row]:  # noqa: ANN401 - psycopg's own parameters
    async with app.state.pool.connection() as connection:
        rows: list[Row] = await (await connection.execute(statement, values)).fetchall()
    return rows


def _card(row: Row) -> Row:
    label = f"{row['usage_name'] or row['birth_name']} {row['first_names']}"
    return {
        "person": str(UUID(int=row["number"])),
        "segment": "00",
        "label": label,
        "birth_year": row["birth_date"][:4],
    }


def _result(asked: Row, row: Row | None) -> Row:
    if row is None:
        return {"request": asked["request"], "outcome": "scope"}
    return {"request": asked["request"], "outcome": "open", "fields": row}


def _no_session(_request: Request[Any, Any, Any], _error: Exception) -> Response[Problem]:
    return _problem(Problem("no_session", 401, "No session."))


def _refuse(_request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    # Whatever it was: that it cannot be read is all that a naive server says, too.
    return _problem(Problem("bad_request", 400, type(error).__name__))


def _problem(problem: Problem) -> Response[Problem]:
    return Response(problem, status_code=problem.status, media_type="application/problem+json")


async def serve() -> None:
    """Serve until ended by a signal."""
    app = unguarded_app(os.environ[DATABASE])
    server = Server(app, address="127.0.0.1", port=int(os.environ[PORT]), interface=Interfaces.ASGI, websockets=False)
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, server.stop)
    await server.serve()


if __name__ == "__main__":
    uvloop.run(serve())
