"""Who may come in: nobody without a session, but to the addresses listed here; and by which words of an address.

The token is only taken apart here; whether its session lives is for the meter to say, in the transaction that charges.
"""

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from cloison.access.sessions import bearer_of
from cloison.errors import NoSessionError, UnknownParameterError
from cloison.store.metered import Bearer

PUBLIC = frozenset({"/healthz", "/metrics", "/openapi.json"})
SCHEME = "bearer "
BEARER = "bearer"
NO_PARAMETERS = {"request", "data"}  # what a handler is given besides its address's parameters


async def require_session(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Step 1 of the walk: put the request's bearer into its state; raises NoSessionError where there is none.

    Async although nothing is waited for: Litestar runs a plain function in a thread, which costs more than it does.
    """
    header = connection.headers.get("authorization", "")
    if header[: len(SCHEME)].lower() != SCHEME:
        raise NoSessionError
    connection.scope["state"][BEARER] = bearer_of(header[len(SCHEME) :])


async def refuse_unknown_parameters(request: Request[Any, Any, Any]) -> None:
    """Before every handler: a parameter that is misspelt must not be one left out; raises UnknownParameterError.

    The error names those that there are, never the one that came: it may be what somebody typed about a person. It runs
    behind the guards, so that whoever has no session is told that first.
    """
    if not request.scope["query_string"]:
        return
    known = request.route_handler.parsed_fn_signature.parameters.keys() - NO_PARAMETERS - request.path_params.keys()
    if request.query_params.keys() - known:
        raise UnknownParameterError(known=", ".join(sorted(known)))


def bearer(request: Request[Any, Any, Any]) -> Bearer:
    """Who asks, as `require_session` found out."""
    found: Bearer = request.scope["state"][BEARER]
    return found
