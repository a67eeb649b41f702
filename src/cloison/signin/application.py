"""The sign-in door's application: its routes, its limits, its headers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from litestar import Litestar, get

from cloison.access.factors import Rules
from cloison.access.proofs import Proofs
from cloison.config import Home, SigninConfig, read_secret
from cloison.errors import ConfigError
from cloison.keeper.client import Caller, Keeper
from cloison.signin import acts, clients, habits, invitations, pages, providers, scim, sessions
from cloison.signin.ceremonies import Ceremonies
from cloison.signin.door import SigninDoor
from cloison.store.pools import conninfo, pool
from cloison.web import bodies, problems
from cloison.web.application import harden
from cloison.web.guard import refuse_unknown_parameters
from cloison.web.metrics import Metrics, timed
from cloison.web.presence import Presence

CONNECTIONS = 4


def signin_app(home: Home) -> Litestar:
    """The door of `home`; raises ConfigError where it cannot be set up.

    Database and keeper may be down when it starts: what needs them is refused until they are there.
    """
    settings = home.config.signin
    secret = read_secret(home.callers / "issuer.secret")
    keeper = Keeper(home.keeper_socket, Caller.ISSUER, secret)
    connections = pool(conninfo(home, "signin", door=True), CONNECTIONS)
    metrics = Metrics()
    door = SigninDoor(connections, keeper, Ceremonies(secret), rules_of(settings))
    presence = Presence(door.ask)
    known_providers = providers.clients_of(settings.providers)

    @asynccontextmanager
    async def live(_app: Litestar) -> AsyncIterator[None]:
        await connections.open(wait=False)
        watching = asyncio.create_task(presence.run())
        try:
            yield
        finally:
            watching.cancel()
            await connections.close()
            for client in known_providers.values():
                await client.aclose()
            await keeper.close()

    app = Litestar(
        route_handlers=[
            *(*sessions.ROUTES, *providers.ROUTES, *acts.ROUTES, *invitations.ROUTES, *habits.ROUTES, *pages.ROUTES),
            *(*clients.ROUTES, *scim.ROUTES),
            show_health,
        ],
        before_request=refuse_unknown_parameters,
        lifespan=[live],
        before_send=[harden, pages.shared_with(home.config.web.public_origin), metrics.count],
        middleware=[timed],
        exception_handlers={Exception: problems.answer},
        request_class=bodies.DeskRequest,
        request_max_body_size=home.config.web.request_bytes,
        openapi_config=None,
        logging_config=None,  # as in the desk
        debug=False,
    )
    app.state.door = door
    app.state.presence = presence
    app.state.providers = known_providers
    app.state.origin = settings.public_origin
    app.state.shells = pages.signin_shells(home.config)
    app.state.proofs = Proofs(settings.public_origin)
    app.state.metrics = metrics
    app.state.request_bytes = home.config.web.request_bytes
    return app


def rules_of(settings: SigninConfig) -> Rules:
    """What passkeys must be, before an organisation's terms; raises ConfigError."""
    origin = settings.public_origin
    try:
        roots = tuple(Path(path).read_bytes() for path in settings.attestation_roots)
        return Rules(
            rp_id=urlsplit(origin).hostname or "", origin=origin, software=settings.software_passkeys, roots=roots
        )
    except OSError as error:
        raise ConfigError(reason=f"signin.attestation_roots: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(reason=f"signin.origin: {error}") from error


@get("/healthz", sync_to_thread=False)
def show_health() -> dict[str, str]:
    """That the door answers."""
    return {"status": "ok"}
