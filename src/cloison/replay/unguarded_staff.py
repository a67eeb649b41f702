"""How staff came in, as it was: by a password, by a help desk that gives a new one, by a manager alone.

No second factor, no second person, and a token that works from anywhere.
"""

import base64
import hashlib
import secrets
from typing import Any

import msgspec
from litestar import Request, post

TOKEN_BYTES = 32
SIGNED_IN = "insert into session (token_hash, account) values (%s, %s)"
BY_PASSWORD = "select account from staff where account = %s and password = %s"  # noqa: S105 - a statement
BY_FACTS = "update staff set password = %s where account = %s and birth_date = %s and agency = %s returning account"
BY_MANAGER = (
    "insert into staff (account, password, manager) select %s, %s, false from session s join staff m using (account) "
    "where s.token_hash = %s and m.manager returning account"
)

Row = dict[str, Any]


@post("/v1/signin", status_code=200)
async def sign_in(request: Request[Any, Any, Any]) -> Row:
    """A token for whoever has the password; as many tries as one likes."""
    asked = msgspec.json.decode(await request.body())
    if not await _rows(request, BY_PASSWORD, (asked["account"], asked["password"])):
        raise PermissionError
    token = secrets.token_bytes(TOKEN_BYTES)
    await _rows(request, SIGNED_IN + " returning account", (hashlib.sha256(token).digest(), asked["account"]))
    return {"token": "00." + base64.urlsafe_b64encode(token).decode().rstrip("=")}


@post("/v1/helpdesk", status_code=200)
async def reset(request: Request[Any, Any, Any]) -> Row:
    """A new password for whoever knows enough about an adviser, told on the telephone."""
    asked = msgspec.json.decode(await request.body())
    password = secrets.token_urlsafe(8)
    facts = (password, asked["account"], asked["birth_date"], asked["agency"])
    if not await _rows(request, BY_FACTS, facts):
        raise PermissionError
    return {"password": password}


@post("/v1/accounts", status_code=200)
async def create_account(request: Request[Any, Any, Any]) -> Row:
    """A new account, by a manager's token alone."""
    asked = msgspec.json.decode(await request.body())
    secret = request.headers.get("authorization", "").rpartition(".")[2]
    token_hash = hashlib.sha256(base64.urlsafe_b64decode(secret + "=")).digest()
    if not await _rows(request, BY_MANAGER, (asked["account"], asked["password"], token_hash)):
        raise PermissionError
    return {"account": asked["account"]}


ROUTES = [sign_in, reset, create_account]


async def _rows(request: Request[Any, Any, Any], statement: str, values: tuple[object, ...]) -> list[Row]:
    async with request.app.state.pool.connection() as connection:
        rows: list[Row] = await (await connection.execute(statement, values)).fetchall()
    return rows
