"""The pages of people's own space: signing in, redeeming an invitation, one's own login.

They are shells as `web/shells.py` has them, without a word about anybody: whom an invitation is for, and under which
name somebody signs in, stands in no title, no address and no error. An invitation's mailed half may come in an
address's fragment, which no server sees; the page's script takes it out of there at once.
"""

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from cloison.config import Config
from cloison.model import Relation
from cloison.register.profile import load_profile
from cloison.web.bodies import DeskRequest
from cloison.web.guard import take_anything
from cloison.web.shells import Shells, page, script, shells

PAGES = ("space_signin", "space_invitation", "space_account", "space_history", "space_return")
SCRIPTS = ("device.js", "page.js", "passkey.js", "provider.js", "space.js", *(f"{name}.js" for name in PAGES))

# Why somebody may open a record, in words for whose it is.
RELATIONS = {
    Relation.CASELOAD.name.lower(): "They follow you.",
    Relation.COVER.name.lower(): "They stand in for who follows you.",
    Relation.INBOUND.name.lower(): "You had an appointment, or had been in touch.",
    Relation.WALK_IN.name.lower(): "At the counter, by facts that you gave.",
    Relation.GRANT.name.lower(): "By a permission for a time, with its reason, that somebody else signed.",
}


def space_shells(config: Config) -> Shells:
    """The door's pages; they speak to their own origin alone."""
    profile = load_profile(config.profile)
    values = {
        "own": config.space.public_origin,
        "providers": config.space.providers,
        "roles": list(profile.roles),
        "purposes": list(profile.purposes),
        "compartments": list(profile.compartments),
        "relations": RELATIONS,
    }
    return shells(PAGES, SCRIPTS, values, passkeys=True)


@get(["/", "/signin"], include_in_schema=False, sync_to_thread=False)
def show_signin(request: DeskRequest) -> Response[bytes]:
    """Sign in by passkey, or by password and a phone's code."""
    return page(request, "space_signin")


@get("/invitation", include_in_schema=False, sync_to_thread=False)
def show_invited(request: DeskRequest) -> Response[bytes]:
    """Redeem both halves of a code."""
    return page(request, "space_invitation")


@get("/account", include_in_schema=False, sync_to_thread=False)
def show_own(request: DeskRequest) -> Response[bytes]:
    """One's own login: last sign-ins, passkeys, password, signing out."""
    return page(request, "space_account")


@get("/history", include_in_schema=False, sync_to_thread=False)
def show_looked(request: DeskRequest) -> Response[bytes]:
    """What was done with one's own record."""
    return page(request, "space_history")


@get("/oidc/{name:str}", before_request=take_anything, include_in_schema=False, sync_to_thread=False)
def show_return(request: DeskRequest, name: str) -> Response[bytes]:  # noqa: ARG001 - its script reads it
    """Come back from a provider."""
    return page(request, "space_return")


@get("/static/{name:str}", include_in_schema=False, sync_to_thread=False)
def show_script(request: DeskRequest, name: str) -> Response[bytes]:
    """A script of these pages."""
    return script(request, name)


ROUTES: list[HTTPRouteHandler] = [show_signin, show_invited, show_own, show_looked, show_return, show_script]
