"""The door's application: its routes, its limits. Nobody but the desk of the same home calls it, over a Unix socket.

It says nothing in a header that the desk does not say again: the desk passes on status, body, type and waiting time.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, Router, get

from cloison.access.codes import key_of
from cloison.config import Home, read_secret
from cloison.intake import changes, counter, invitations, merges, representatives
from cloison.intake.codes import Codes
from cloison.intake.door import Door
from cloison.intake.feeds import tell_interactions
from cloison.intake.writing import Turns
from cloison.keeper.client import Caller, Keeper
from cloison.register.profile import load_profile
from cloison.register.resealing import Register
from cloison.store.pools import conninfo, pool
from cloison.web import bodies, problems
from cloison.web.guard import refuse_unknown_parameters, require_handed_on
from cloison.web.metrics import Metrics, timed

CONNECTIONS = 4


def intake_app(home: Home) -> Litestar:
    """The door of `home`; raises ConfigError or ProfileError where it cannot be set up.

    Database and keeper may be down when it starts: what needs them is refused until they are there.
    """
    profile = load_profile(home.config.profile)
    keeper = Keeper(home.keeper_socket, Caller.INTAKE, read_secret(home.callers / "intake.secret"))
    connections = pool(conninfo(home, "intake", door=True), CONNECTIONS)
    metrics = Metrics()

    @asynccontextmanager
    async def live(_app: Litestar) -> AsyncIterator[None]:
        await connections.open(wait=False)
        try:
            yield
        finally:
            await connections.close()
            await keeper.close()

    routes = [
        *changes.ROUTES,
        *merges.ROUTES,
        *representatives.ROUTES,
        *counter.HANDLERS,
        *invitations.HANDLERS,
        tell_interactions,
    ]
    app = Litestar(
        route_handlers=[
            Router("/v1", guards=[require_handed_on], route_handlers=routes),
            show_health,
        ],
        before_request=refuse_unknown_parameters,
        lifespan=[live],
        before_send=[metrics.count],
        middleware=[timed],
        exception_handlers={Exception: problems.answer},
        request_class=bodies.DeskRequest,
        request_max_body_size=home.config.web.request_bytes,
        signature_namespace={
            **bodies.change_requests(profile),
            "ToldInteractions": bodies.told_interactions(profile),
        },
        openapi_config=None,  # the desk's document describes these routes
        logging_config=None,  # as in the desk
        debug=False,
    )
    purposes = {name: number for number, name in enumerate(profile.purposes)}
    register = Register(profile, keeper, connections)
    app.state.door = Door(register, purposes, Turns())
    app.state.codes = Codes(register, home.config.mail, key_of(read_secret(home.callers / "intake.secret")))
    app.state.space_origin = home.config.space.public_origin
    app.state.metrics = metrics
    app.state.request_bytes = home.config.web.request_bytes
    return app


@get("/healthz", sync_to_thread=False)
def show_health() -> dict[str, str]:
    """That the door answers."""
    return {"status": "ok"}
