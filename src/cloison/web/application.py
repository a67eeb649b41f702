"""The desk's application: its routes, its limits, its headers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from litestar import Litestar, get
from litestar.types import Message, Scope

from cloison.access.proofs import Proofs
from cloison.app import furnish, running
from cloison.config import Home
from cloison.register.profile import load_profile
from cloison.web import (
    bodies,
    changed,
    covers,
    document,
    exports,
    forwarding,
    grants,
    log,
    log_pages,
    pages,
    problems,
    protections,
    signout,
)
from cloison.web.desk import ROUTES, desk_with
from cloison.web.guard import refuse_unknown_parameters
from cloison.web.metrics import Metrics, timed
from cloison.web.presence import Presence

# Answers are about people: no cache keeps them, no page embeds, sniffs or runs them; pages have a policy of their own.
HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=63072000; includeSubDomains"),
]
POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def desk_app(home: Home, *beside: Lifespan) -> Litestar:
    """The desk of `home`; raises ConfigError or ProfileError where it cannot be set up.

    Database and keeper may be down when it starts: /healthz and 503 say so until they are there. `beside`: what else
    lives as long as the application.
    """
    profile = load_profile(home.config.profile)
    rooms = furnish(home, profile)
    metrics = Metrics()
    forwarder = forwarding.Forwarder(home)
    presence = Presence(rooms.meter.ask)

    @asynccontextmanager
    async def live(_app: Litestar) -> AsyncIterator[None]:
        async with running(rooms):
            watching = asyncio.create_task(presence.run())
            yield
            watching.cancel()
        await forwarder.close()

    app = Litestar(
        route_handlers=[
            *ROUTES,
            *forwarding.ROUTES,
            *covers.ROUTES,
            *changed.ROUTES,
            *protections.ROUTES,
            *grants.ROUTES,
            *exports.ROUTES,
            *log.ROUTES,
            *log_pages.ROUTES,
            *signout.ROUTES,
            *pages.ROUTES,
            show_document,
        ],
        before_request=refuse_unknown_parameters,
        lifespan=[live, *beside],
        before_send=[harden, metrics.count],
        middleware=[timed],
        exception_handlers={Exception: problems.answer},
        request_class=bodies.DeskRequest,
        request_max_body_size=home.config.web.request_bytes,
        # the words of the profile, in the place of the types that the handlers' annotations name
        signature_namespace={
            "SearchRequest": bodies.search_request(profile),
            "OpenRequests": bodies.open_requests(profile),
            "ToldInteractions": bodies.told_interactions(profile),
            **bodies.change_requests(profile),
        },
        openapi_config=document.settings(profile),
        logging_config=None,  # a line a request would be a second, unguarded log of who consults whom
        debug=False,
    )
    app.state.desk = desk_with(rooms, metrics)
    app.state.shells = pages.desk_shells(home.config, profile)
    app.state.forwarder = forwarder
    app.state.presence = presence
    app.state.proofs = Proofs(home.config.web.public_origin)
    app.state.metrics = metrics
    app.state.home = home
    app.state.request_bytes = home.config.web.request_bytes
    app.state.document = document.document(app)
    return app


@get("/openapi.json", media_type="application/json", include_in_schema=False, sync_to_thread=False)
def show_document(request: bodies.DeskRequest) -> bytes:
    """The OpenAPI document."""
    found: bytes = request.app.state.document
    return found


async def harden(message: Message, scope: Scope) -> None:
    """Put the headers on that every answer has; a page has a content policy of its own."""
    if message["type"] == "http.response.start":
        nonce = scope["litestar_app"].state.proofs.nonce().encode()  # for the device's next proof
        given = list(message["headers"])
        own_policy = any(name == POLICY[0] for name, _ in given)
        policy = [] if own_policy else [POLICY]
        message["headers"] = [*given, *HEADERS, *policy, (b"dpop-nonce", nonce)]
