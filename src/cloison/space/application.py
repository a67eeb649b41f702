"""The application of people's own space: its routes, its limits, its headers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from litestar import Litestar, get

from cloison.access.factors import Rules
from cloison.access.proofs import Proofs
from cloison.config import Home, SpaceConfig, read_secret
from cloison.errors import ConfigError
from cloison.signin.providers import clients_of
from cloison.space import coming, history, own, pages, providers
from cloison.space.comparing import Comparing
from cloison.space.door import door_with
from cloison.store.pools import conninfo, pool
from cloison.web import bodies, problems
from cloison.web.application import harden
from cloison.web.guard import refuse_unknown_parameters
from cloison.web.metrics import Metrics, timed

CONNECTIONS = 4


def space_app(home: Home) -> Litestar:
    """The door of `home`; raises ConfigError where it cannot be set up. The database may be down when it starts."""
    settings = home.config.space
    connections = pool(conninfo(home, "space", door=True), CONNECTIONS)
    comparing = Comparing()
    door = door_with(connections, read_secret(home.space_secret), rules_of(settings), comparing)
    clients = clients_of(settings.providers)
    metrics = Metrics()

    @asynccontextmanager
    async def live(_app: Litestar) -> AsyncIterator[None]:
        await connections.open(wait=False)
        try:
            yield
        finally:
            await connections.close()
            comparing.close()
            for client in clients.values():
                await client.aclose()

    app = Litestar(
        route_handlers=[
            *(*coming.ROUTES, *providers.ROUTES, *own.ROUTES, *history.ROUTES),
            *(*pages.ROUTES, show_health),
        ],
        before_request=refuse_unknown_parameters,
        lifespan=[live],
        before_send=[harden, metrics.count],
        middleware=[timed],
        exception_handlers={Exception: problems.answer},
        request_class=bodies.DeskRequest,
        request_max_body_size=home.config.web.request_bytes,
        openapi_config=None,
        logging_config=None,  # as in the desk
        debug=False,
    )
    app.state.door = door
    app.state.address_header = settings.address_header
    app.state.providers = clients
    app.state.origin = settings.public_origin
    app.state.shells = pages.space_shells(home.config)
    app.state.proofs = Proofs(settings.public_origin)
    app.state.metrics = metrics
    app.state.request_bytes = home.config.web.request_bytes
    return app


def rules_of(settings: SpaceConfig) -> Rules:
    """What people's passkeys must be: any, also those that a telephone's maker copies; raises ConfigError."""
    origin = settings.public_origin
    try:
        host = urlsplit(origin).hostname or ""
        return Rules(rp_id=host, origin=origin, software=settings.software_passkeys, synced=True)
    except ValueError as error:
        raise ConfigError(reason=f"space.origin: {error}") from error


@get("/healthz", sync_to_thread=False)
def show_health() -> dict[str, str]:
    """That the door answers."""
    return {"status": "ok"}
