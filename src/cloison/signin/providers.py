"""Signing in at an organisation's OpenID provider (`access/oidc.py`): for accounts that were approved here, and linked.

The device's key binds the way there and back: a state that another browser began is refused, and the code that the
sign-in ends in is for that key, as after a passkey's touch. An identity is linked once, with an invitation's code.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from litestar import Router, post

from cloison.access.oidc import Ask, Callback, Proved, Provider
from cloison.access.oidc_client import OidcClient
from cloison.access.sessions import secret_of
from cloison.client.signin_wire import Away, Code, ProviderRequest, ReturnRequest
from cloison.config import ProviderConfig, read_secret
from cloison.errors import BadRequestError, InvitationError, NoSessionError, NotLinkedError
from cloison.signin.ceremonies import Grant, Purpose
from cloison.signin.door import SigninDoor, door_of
from cloison.signin.sessions import REFUSALS
from cloison.web.bodies import DeskRequest
from cloison.web.guard import device

IDENTITY = "select segment, account from cloison.identity_v1(%s, %s, %s)"
LINK = "select cloison.link_identity_v1(%s, %s, %s, %s, %s)"
BACK = "/oidc/"  # and the provider's name: each has an address of its own to send people back to


def clients_of(providers: Sequence[ProviderConfig]) -> dict[str, OidcClient]:
    """A client for each of these providers, by name; raises ConfigError for one that cannot be safe."""
    found = {}
    for one in providers:
        common = {name: getattr(one, name) for name in ("name", "issuer", "client_id", "acr_values", "amr", "scopes")}
        provider = Provider(
            **common,
            algorithms=one.algorithms,
            client_secret=read_secret(Path(one.secret_file)) if one.secret_file else "",
            private_key=read_secret(Path(one.key_file)) if one.key_file else "",
        )
        found[one.name] = OidcClient(provider)
    return found


@post("/signin/provider", status_code=200, operation_id="go_to_provider", responses=REFUSALS)
async def go_to_provider(request: DeskRequest, data: ProviderRequest) -> Away:
    """Begin to sign in at a provider, which asks the person again whatever session they have there."""
    ask = Ask(redirect_uri=_address(request, data.provider), login=True)
    return Away(await _client(request, data.provider).begin(ask, await device(request, "")))


@post("/signin/provider/return", status_code=200, operation_id="come_back", responses=REFUSALS)
async def come_back(request: DeskRequest, data: ReturnRequest) -> Code:
    """End the sign-in: what the identity proved, and whose account it is."""
    door, thumbprint = door_of(request), await device(request, "")
    callback = Callback(provider=data.provider, state=data.state, code=data.code, iss=data.iss, error=data.error)
    proved = await _client(request, data.provider).finish(callback, thumbprint)
    if data.invitation:
        await _link(door, data, proved)
    rows = await door.ask(IDENTITY, (proved.issuer, proved.subject.encode(), data.provider))
    if not rows:
        raise NotLinkedError
    grant = Grant(rows[0][0], rows[0][1], None, data.door, thumbprint)
    return Code(door.ceremonies.seal(Purpose.CODE, grant))


ROUTES = [Router("/v1", route_handlers=[go_to_provider, come_back])]


async def _link(door: SigninDoor, data: ReturnRequest, proved: Proved) -> None:
    try:
        given = secret_of(data.invitation.strip())
    except NoSessionError as error:
        raise InvitationError from error
    values = (
        given.segment,
        hashlib.sha256(given.token).digest(),
        proved.issuer,
        proved.subject.encode(),
        data.provider,
    )
    ((linked,),) = await door.ask(LINK, values)
    if not linked:
        raise InvitationError


def _client(request: DeskRequest, name: str) -> OidcClient:
    clients: dict[str, OidcClient] = request.app.state.providers
    if name not in clients:
        raise BadRequestError(reason="there is no such provider; the operator sets them under [[signin.providers]]")
    return clients[name]


def _address(request: DeskRequest, name: str) -> str:
    origin: str = request.app.state.origin
    return origin + BACK + name
