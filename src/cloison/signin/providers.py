"""Signing in at an organisation's OpenID provider (`access/oidc.py`): for accounts that were approved here, and linked.

1. The device's key binds the way there and back: a state that another browser began is refused.
2. Which key the session is for is said before the browser leaves, and travels sealed in the state. It is this device's,
   or, for the desk, the one that the desk's page has; with the answer nobody can name another.
3. An identity is linked once, with an invitation's code, which is looked at before anybody leaves. Meanwhile the
   browser keeps it sealed, for ten minutes and its own key; no address has it.
"""

import hmac
from collections.abc import Sequence
from pathlib import Path

import msgspec
from litestar import Router, post

from cloison.access.oidc import Ask, Callback, Proved, Provider
from cloison.access.oidc_client import OidcClient
from cloison.access.proofs import thumbprint_of
from cloison.client.signin_wire import Away, CodeFrom, Door, ProviderRequest, ReturnRequest
from cloison.config import ProviderConfig, read_secret
from cloison.errors import BadRequestError, CeremonyError, InvitationError, NotLinkedError
from cloison.signin.ceremonies import Grant, Purpose
from cloison.signin.door import SigninDoor, door_of
from cloison.signin.invitations import code_hash, invited_by
from cloison.signin.sessions import REFUSALS
from cloison.web.bodies import DeskRequest
from cloison.web.guard import device

IDENTITY = "select segment, account from cloison.identity_v1(%s, %s, %s)"
LINK = "select cloison.link_identity_v1(%s, %s, %s, %s, %s)"
BACK = "/oidc/"  # and the provider's name: each has an address of its own to send people back to


class Wanted(msgspec.Struct, frozen=True):
    """Which session a sign-in is for: of this door, for the device of this key."""

    door: Door
    thumbprint: bytes


class Invited(msgspec.Struct, frozen=True):
    """An invitation that waits for the device of this key to come back; `code` as the database knows it."""

    segment: str
    code: bytes
    thumbprint: bytes


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
    door, client, thumbprint = door_of(request), client_of(request, data.provider), await device(request, "")
    invited = ""
    if data.invitation:  # 3
        whom = await invited_by(door, data.invitation)
        invited = door.ceremonies.seal(Purpose.INVITED, Invited(whom.place, code_hash(data.invitation), thumbprint))
    wanted = msgspec.msgpack.encode(Wanted(data.door, thumbprint_of(data.jkt)))  # 2
    ask = Ask(redirect_uri=address_of(request, data.provider), login=True, carried=wanted)
    return Away(await client.begin(ask, thumbprint), invited)


@post("/signin/provider/return", status_code=200, operation_id="come_back", responses=REFUSALS)
async def come_back(request: DeskRequest, data: ReturnRequest) -> CodeFrom:
    """End the sign-in: what the identity proved, and whose account it is."""
    door, thumbprint = door_of(request), await device(request, "")
    proved = await client_of(request, data.provider).finish(callback_of(data), thumbprint)  # 1
    if data.invited:
        invited = door.ceremonies.open(Purpose.INVITED, data.invited, Invited)
        if not hmac.compare_digest(invited.thumbprint, thumbprint):
            raise CeremonyError
        await _link(door, invited, data.provider, proved)
    rows = await door.ask(IDENTITY, (proved.issuer, proved.subject.encode(), data.provider))
    if not rows:
        raise NotLinkedError
    ((segment, account),) = rows
    wanted = msgspec.msgpack.decode(proved.carried, type=Wanted)
    grant = Grant(segment, account, None, wanted.door, wanted.thumbprint)
    return CodeFrom(door.ceremonies.seal(Purpose.CODE, grant), wanted.door)


ROUTES = [Router("/v1", route_handlers=[go_to_provider, come_back])]


def client_of(request: DeskRequest, name: str) -> OidcClient:
    """The client of a provider that this door knows; raises BadRequestError."""
    clients: dict[str, OidcClient] = request.app.state.providers
    if name not in clients:
        raise BadRequestError(reason="there is no such provider; the operator sets them in cloison.toml")
    return clients[name]


def address_of(request: DeskRequest, name: str) -> str:
    """Where a provider sends people back to."""
    origin: str = request.app.state.origin
    return origin + BACK + name


def callback_of(data: ReturnRequest) -> Callback:
    """What came back, as the client takes it."""
    return Callback(provider=data.provider, state=data.state, code=data.code, iss=data.iss, error=data.error)


async def _link(door: SigninDoor, invited: Invited, provider: str, proved: Proved) -> None:
    """Link an identity to whom a code invites; raises InvitationError."""
    values = (invited.segment, invited.code, proved.issuer, proved.subject.encode(), provider)
    ((linked,),) = await door.ask(LINK, values)
    if not linked:
        raise InvitationError
