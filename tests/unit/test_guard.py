"""The guard: a token is taken apart strictly, or nobody comes in."""

import base64
from typing import Any

import pytest
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from cloison.errors import NoSessionError
from cloison.store.metered import Bearer
from cloison.web.guard import BEARER, require_handed_on, require_session

SECRET = bytes(range(32))
TOKEN = f"59.{base64.urlsafe_b64encode(SECRET).decode().rstrip('=')}"
HANDLER = BaseRouteHandler()


def connection(*headers: bytes) -> ASGIConnection[Any, Any, Any, Any]:
    """A connection with these Authorization headers."""
    scope: Any = {"type": "http", "headers": [(b"authorization", header) for header in headers], "state": {}}
    return ASGIConnection(scope)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_bearer_is_taken_apart(scheme: str) -> None:
    """What a door hands on: segment and 32 bytes of a well-formed header, whatever the case of its scheme."""
    asking = connection(f"{scheme} {TOKEN}".encode())
    await require_handed_on(asking, HANDLER)
    assert asking.scope["state"][BEARER] == Bearer("59", SECRET)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic " + TOKEN.encode(),
        TOKEN.encode(),
        b"Bearer  " + TOKEN.encode(),
        b"Bearer " + TOKEN.encode() + b" ",
        b"Bearer " + TOKEN.encode() + b"\n",
        b"Bearer " + TOKEN.encode() + b"=",
        b"Bearer " + TOKEN.encode()[:-1],
        b"Bearer " + TOKEN.encode() + b"A",
        b"Bearer " + TOKEN.encode()[2:],
        b"Bearer 5 9" + TOKEN.encode()[2:],
        b"Bearer " + b"5" * 17 + TOKEN.encode()[2:],
        b"Bearer 59.\xe9" + TOKEN.encode()[4:],
        b"Bearer 59." + b"+" * 43,
        b"Bearer\t" + TOKEN.encode(),
        b"Bearer\xa0" + TOKEN.encode(),
    ],
)
async def test_malformed_header_is_no_session(header: bytes) -> None:
    """Anything but scheme, one space and a token of the exact form is refused, and leaves no bearer behind."""
    for guard, scheme in ((require_handed_on, b"Bearer"), (require_session, b"DPoP")):
        asking = connection(header.replace(b"Bearer", scheme, 1))
        with pytest.raises(NoSessionError):
            await guard(asking, HANDLER)
    assert BEARER not in asking.scope["state"]


async def test_missing_header_is_no_session() -> None:
    """Who does not say who they are does not come in."""
    with pytest.raises(NoSessionError):
        await require_session(connection(), HANDLER)
