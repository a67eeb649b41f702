"""The desk's page: whose session, the caseload, a search, a record; and its way to the sign-in door and back."""

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from cloison.config import Config
from cloison.register.profile import Profile
from cloison.web.bodies import DeskRequest
from cloison.web.shells import Shells, page, script, shells

SCRIPTS = ("device.js", "page.js", "desk.js")
LABEL = "label"  # the compartment of cards, which nobody opens


def desk_shells(config: Config, profile: Profile) -> Shells:
    """The desk's page, in the words of its profile; it may speak to one address of the sign-in door alone."""
    signin = config.signin.public_origin
    values = {
        "own": config.web.public_origin,
        "signin": signin,
        "searches": list(dict.fromkeys(search.name for search in profile.searches)),
        "second_facts": sorted({name for search in profile.searches for name in search.needs}),
        "purposes": profile.purposes,
        "compartments": [name for name in profile.compartments if name != LABEL],
        "fields": list(profile.fields),
        "roles": list(profile.roles),
    }
    return shells(["desk"], SCRIPTS, values, speaks_to=f"{signin}/v1/token", passkeys=False)


@get("/", include_in_schema=False, sync_to_thread=False)
def show_desk(request: DeskRequest) -> Response[bytes]:
    """The desk's page."""
    return page(request, "desk")


@get("/static/{name:str}", include_in_schema=False, sync_to_thread=False)
def show_script(request: DeskRequest, name: str) -> Response[bytes]:
    """A script of the desk's page."""
    return script(request, name)


ROUTES: list[HTTPRouteHandler] = [show_desk, show_script]
