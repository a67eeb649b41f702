"""Who may come in, and by which words of an address: nobody without a session and its device's proof, but to a few.

The token is only taken apart here, and the proof checked against its own key; whether a live session has both is for
the meter to say, in the transaction that charges.
"""

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from cloison.access import sessions
from cloison.access.proofs import Call, Proofs
from cloison.errors import NoSessionError, ProofError, UnknownParameterError
from cloison.store.metered import Bearer

PUBLIC = frozenset({"/healthz", "/metrics", "/openapi.json"})
SCHEME = "dpop "
HANDED_ON = "bearer "
PROOF = b"dpop"
BEARER, SECRET = "bearer", "secret"
NO_PARAMETERS = {"request", "data"}  # what a handler is given besides its address's parameters


async def require_session(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Step 1 of the walk: put the request's bearer into its state.

    Raises NoSessionError where there is no token, ProofError or ProofNonceError where the device did not sign this.
    """
    token = _token(connection, SCHEME)
    secret = sessions.secret_of(token)  # what cannot be a token costs no check of a signature
    who = sessions.bearer(token, await device(connection, token))
    connection.scope["state"].update({BEARER: who, SECRET: secret})
    presence = connection.app.state.get("presence")  # people's own space notes by itself when a session was used
    if presence is not None:
        presence.used(who)


async def require_handed_on(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """The same behind another door, which checked the proof and hands the bearer on; raises NoSessionError."""
    connection.scope["state"][BEARER] = sessions.secret_of(_token(connection, HANDED_ON))


async def device(connection: ASGIConnection[Any, Any, Any, Any], token: str) -> bytes:
    """The thumbprint of the device's key that signed this request, with this token or with none."""
    found = [value for name, value in connection.scope["headers"] if name == PROOF]
    if len(found) != 1:
        raise ProofError(reason="there is none" if not found else "there is more than one")
    proofs: Proofs = connection.app.state.proofs
    request: Request[Any, Any, Any] = connection  # type: ignore[assignment]  # what guards are given is one
    call = Call(request.method, connection.scope["path"], token, await request.body())
    return proofs.thumbprint(found[0].decode("latin-1"), call)


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


async def take_anything(_request: Request[Any, Any, Any]) -> None:
    """Before a page that an OpenID provider sends people back to, with what it likes: the page's script reads it."""


def bearer(request: Request[Any, Any, Any]) -> Bearer:
    """Who asks, as `require_session` found out."""
    found: Bearer = request.scope["state"][BEARER]
    return found


def _token(connection: ASGIConnection[Any, Any, Any, Any], scheme: str) -> str:
    header = connection.headers.get("authorization", "")
    if header[: len(scheme)].lower() != scheme:
        raise NoSessionError
    return header[len(scheme) :]
