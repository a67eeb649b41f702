"""The desk's page: whose session, the caseload, a search, a record; and its way to the sign-in door and back."""

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from cloison.config import Config
from cloison.model import Permission
from cloison.register.profile import Profile, Search
from cloison.web.bodies import DeskRequest
from cloison.web.shells import Shells, page, script, shells

SCRIPTS = ("device.js", "page.js", "desk.js", "stranger.js")
LABEL = "label"  # the compartment of cards, which nobody opens


def desk_shells(config: Config, profile: Profile) -> Shells:
    """The desk's page, in the words of its profile; it may speak to one address of the sign-in door alone."""
    signin = config.signin.public_origin
    named_by = [search for search in profile.searches if search.walk_in]
    values = {
        "own": config.web.public_origin,
        "signin": signin,
        "searches": list(dict.fromkeys(search.name for search in profile.searches)),
        "second_facts": sorted({name for search in profile.searches for name in search.needs}),
        "named_by": list(dict.fromkeys(search.name for search in named_by)),
        "proved_by": sorted({name for search in named_by for name in proof_of(profile, search)}),
        "strangers": profile.roles_with(Permission.BREAK_GLASS),
        "purposes": profile.purposes,
        "compartments": [name for name in profile.compartments if name != LABEL],
        "fields": list(profile.fields),
        "roles": list(profile.roles),
    }
    return shells(["desk"], SCRIPTS, values, speaks_to=f"{signin}/v1/token", passkeys=False)


def proof_of(profile: Profile, search: Search) -> set[str]:
    """The facts beside the first one without which nobody is named by this search."""
    slot = search.slot if search.proof_slot is None else search.proof_slot
    return {name for each in profile.searches if each.slot == slot for name in each.fields} - {search.name}


@get("/", include_in_schema=False, sync_to_thread=False)
def show_desk(request: DeskRequest) -> Response[bytes]:
    """The desk's page."""
    return page(request, "desk")


@get("/static/{name:str}", include_in_schema=False, sync_to_thread=False)
def show_script(request: DeskRequest, name: str) -> Response[bytes]:
    """A script of the desk's page."""
    return script(request, name)


ROUTES: list[HTTPRouteHandler] = [show_desk, show_script]
