"""The desk's application: its routes, its limits, its headers and its document."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from litestar import Litestar, Router, get
from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import Message, Scope

from cloison import __version__
from cloison.app import open_rooms
from cloison.config import Home
from cloison.register.profile import Profile, load_profile
from cloison.web import bodies, problems
from cloison.web.desk import ROUTES, desk_with
from cloison.web.metrics import Metrics, timed

# Answers are about people: no cache keeps them, no page embeds, sniffs or runs them.
HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=63072000; includeSubDomains"),
]


def desk_app(home: Home) -> Litestar:
    """The desk of `home`; raises ConfigError or ProfileError where it cannot be set up.

    Database and keeper may be down when it starts: /healthz and 503 say so until they are there.
    """
    profile = load_profile(home.config.profile)
    metrics = Metrics()

    @asynccontextmanager
    async def rooms(app: Litestar) -> AsyncIterator[None]:
        async with open_rooms(home, profile) as opened:
            app.state.desk = desk_with(opened, metrics)
            yield

    app = Litestar(
        route_handlers=[*ROUTES, show_document],
        lifespan=[rooms],
        before_send=[_harden, metrics.count],
        middleware=[timed],
        exception_handlers={Exception: problems.answer},
        request_class=bodies.DeskRequest,
        request_max_body_size=home.config.web.request_bytes,
        signature_namespace={
            "SearchRequest": bodies.search_request(profile),
            "OpenRequests": bodies.open_requests(profile),
        },
        openapi_config=_openapi(profile),
        logging_config=None,  # a line a request would be a second, unguarded log of who consults whom
        debug=False,
    )
    app.state.metrics = metrics
    app.state.request_bytes = home.config.web.request_bytes
    app.state.document = msgspec.json.encode(app.openapi_schema.to_schema())
    return app


@get("/openapi.json", media_type="application/json", include_in_schema=False, sync_to_thread=False)
def show_document(request: bodies.DeskRequest) -> bytes:
    """The OpenAPI document."""
    document: bytes = request.app.state.document
    return document


def _openapi(profile: Profile) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Cloison: the desk",
        version=__version__,
        description=(
            f"Consults a register of the profile {profile.name}. What is opened, searched or listed is charged to the "
            "account's budgets and logged before it is released; errors are RFC 9457 problems with a stable `code`."
        ),
        components=Components(
            security_schemes={
                "session": SecurityScheme(type="http", scheme="bearer", description="A session: SEGMENT.SECRET")
            }
        ),
        # Litestar would serve pages of its own below this path; we serve the document alone.
        openapi_router=Router("/openapi", route_handlers=[], guards=[_nobody], include_in_schema=False),
        render_plugins=[],
    )


def _nobody(_connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    raise NotFoundException


async def _harden(message: Message, _scope: Scope) -> None:
    if message["type"] == "http.response.start":
        message["headers"] = [*message["headers"], *HEADERS]
