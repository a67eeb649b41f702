"""Signing in at an OpenID provider, such as FranceConnect: for people whose identity there was linked to their login.

1. The device's key binds the way there and back, as for staff (`signin/providers.py`): a state that another browser
   began is refused, and the session is for that key.
2. The provider is asked to have the person sign in anew, at a level that proves two factors (`acr_values`; for
   FranceConnect `eidas2` or more); what it tells of them is not asked for.
3. An identity is linked with both halves of an invitation's code, in the same step as the login is made anew: of two
   people nobody has the other's, and whoever has no invitation is nobody here, whatever they prove.
4. Both halves are looked at before anybody leaves for the provider. Meanwhile the browser keeps them sealed, for ten
   minutes and its own key: on a computer that many use, whoever never came back has left no code there.
"""

import hmac

import msgspec
from litestar import Router, post

from cloison.access.oidc import Ask
from cloison.access.spaces import identity_hash
from cloison.client.signin_wire import Away, ReturnRequest
from cloison.client.space_wire import SpaceLeave, SpaceToken
from cloison.errors import CeremonyError, InvitationError, NotLinkedError
from cloison.signin.ceremonies import Purpose
from cloison.signin.providers import address_of, callback_of, client_of
from cloison.space.coming import REFUSALS, Halves, whole
from cloison.space.door import BY_PROVIDER, Place, door_of
from cloison.web.bodies import DeskRequest
from cloison.web.guard import device

LINK = "select cloison.space_link_v1(%s, %s, %s, %s)"
IDENTITY = "select segment, login from cloison.space_identity_v1(%s)"


class Invited(msgspec.Struct, frozen=True):
    """Both halves of a code that wait for the device of this key to come back."""

    halves: Halves
    thumbprint: bytes


@post("/signin/provider", status_code=200, operation_id="leave_for_provider", responses=REFUSALS)
async def go_to_provider(request: DeskRequest, data: SpaceLeave) -> Away:
    """Begin to sign in at a provider, which asks the person again whatever session they have there."""
    door, client, thumbprint = door_of(request), client_of(request, data.provider), await device(request, "")
    invited = ""
    if data.invitation:  # 4
        _, halves = await whole(door, data.invitation, data.spoken)
        invited = door.ceremonies.seal(Purpose.INVITED, Invited(halves, thumbprint))
    ask = Ask(redirect_uri=address_of(request, data.provider), login=True)
    return Away(await client.begin(ask, thumbprint), invited)


@post("/signin/provider/return", status_code=200, operation_id="return_from_provider", responses=REFUSALS)
async def come_back(request: DeskRequest, data: ReturnRequest) -> SpaceToken:
    """A session for what the identity proved; with an invitation, its login is made or made anew before."""
    door, thumbprint = door_of(request), await device(request, "")
    proved = await client_of(request, data.provider).finish(callback_of(data), thumbprint)
    identity = identity_hash(door.keys, proved.issuer, proved.subject)
    if data.invited:  # 3
        invited = door.ceremonies.open(Purpose.INVITED, data.invited, Invited)
        if not hmac.compare_digest(invited.thumbprint, thumbprint):
            raise CeremonyError
        ((word,),) = await door.ask(LINK, (*invited.halves, identity))
        if word != "open":  # no more is told: whether somebody else's login has the identity is theirs to know
            raise InvitationError
    rows = await door.ask(IDENTITY, (identity,))
    if not rows:
        raise NotLinkedError
    return await door.begin(Place(*rows[0]), thumbprint, BY_PROVIDER)


ROUTES = [Router("/v1", route_handlers=[go_to_provider, come_back])]
