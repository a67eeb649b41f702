"""The OpenAPI document: Litestar's, with what it leaves out of our types.

Litestar takes neither the sentence that describes a type, nor that requests refuse unknown names, nor our own limits.
"""

from inspect import getdoc
from typing import Any

import msgspec
from litestar import Litestar, Router
from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from cloison import __version__
from cloison.client import changes, log_wire, signin_wire, wire
from cloison.register.profile import Profile

REQUESTS = ("SearchRequest", "OpenRequests", "PersonRequest")
RELATIONS = ("CoverRequest", "HandoverRequest", "CodeRequest", "CodeGiven", "ToldInteraction", "ToldInteractions")
PROTECTIONS = ("ProtectionRequest", "AudienceRequest")
SESSIONS = ("SignOut",)
LOG = ("LogRequest",)
CHANGES = (
    *("CreateRequest", "NewFields", "ChangeRequest", "ChangedFields", "DayRequest", "ResumeRequest"),
    *("MergeRequest", "SplitRequest", "RepresentativeRequest"),
)


def settings(profile: Profile) -> OpenAPIConfig:
    """What Litestar makes the document with."""
    return OpenAPIConfig(
        title="Cloison: the desk",
        version=__version__,
        description=(
            f"Consults a register of the profile {profile.name}. What is opened, searched or listed is charged to the "
            "account's budgets and logged before it is released. Answers of status 200 carry outcomes, refusals among "
            "them; errors are RFC 9457 problems with a stable `code`."
        ),
        use_handler_docstrings=True,
        components=Components(
            security_schemes={
                "session": SecurityScheme(type="http", scheme="bearer", description="A session: SEGMENT.SECRET"),
                "client": SecurityScheme(type="http", scheme="bearer", description="A system's token: _client.SECRET"),
            }
        ),
        # Litestar would serve pages of its own below this path; we serve the document alone.
        openapi_router=Router("/openapi", route_handlers=[], guards=[_nobody], include_in_schema=False),
        render_plugins=[],
    )


def document(app: Litestar) -> bytes:
    """The document of `app` as JSON."""
    made: dict[str, Any] = app.openapi_schema.to_schema()
    schemas: dict[str, dict[str, Any]] = made["components"]["schemas"]
    told_in = (wire, changes, signin_wire, log_wire)
    for name, schema in schemas.items():
        described = next((found for each in told_in if (found := getattr(each, name, None))), None)
        if described is not None:
            schema["description"] = getdoc(described)
    for name in (*REQUESTS, *CHANGES, *RELATIONS, *PROTECTIONS, *SESSIONS, *LOG):
        schemas[name]["additionalProperties"] = False
    schemas["ChangedFields"]["minProperties"] = 1
    schemas["OpenRequests"]["properties"]["requests"]["maxItems"] = wire.REQUESTS_A_CALL
    return msgspec.json.encode(made)


async def _nobody(_connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    raise NotFoundException
