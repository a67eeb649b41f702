"""The sign-in door's pages, acts in sentences for them, and the one address that the desk's page may call.

The door sends a browser back to exactly one other origin, the configured desk's: no address names where to go. A code
goes there in the address's fragment, which no server sees, and is for one device's key.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.types import BeforeMessageSendHookHandler, Message, Scope
from msgspec import Meta
from psycopg.types.json import Jsonb

from cloison.access import acts, acts_shown, factors
from cloison.access.acts import Act, ActKind, Needed
from cloison.access.acts_shown import Around
from cloison.client.signin_wire import Body, Json
from cloison.config import Config
from cloison.model import Permission
from cloison.register.profile import load_profile
from cloison.signin.acts import ADDS, NAMED, OFFERED, WAITING
from cloison.signin.ceremonies import Purpose
from cloison.signin.door import door_of
from cloison.signin.sessions import REFUSALS, member
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer, require_session, take_anything
from cloison.web.language import chosen
from cloison.web.pages import LABEL
from cloison.web.shells import Shells, page, script, shells

PAGES = ("signin", "invitation", "account", "acts", "accounts", "touch", "return")
SCRIPTS = ("device.js", "page.js", "passkey.js", "provider.js", "door.js", *(f"{name}.js" for name in PAGES))
STANDING = "select act, convert_from(canonical, 'UTF8'), asked_by, until from cloison.standing_v1(%s, %s)"
SHARED_PATH = "/v1/token"
SHARED = [
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"DPoP, Content-Type"),
    (b"access-control-expose-headers", b"DPoP-Nonce"),
    (b"access-control-max-age", b"600"),
]


KINDS = {
    ActKind.ACCOUNT_CREATE: "Create an account",
    ActKind.ACCOUNT_ELEVATE: "Give another role",
    ActKind.ACCOUNT_RECOVER: "Recover an account",
    ActKind.ACCOUNT_UNFREEZE: "Lift a freeze",
    ActKind.ORGANISATION_CREATE: "Create an organisation",
    ActKind.AGREEMENT_MAKE: "Make or change an agreement",
    ActKind.AGREEMENT_END: "End an agreement",
    ActKind.GRANT_BREAK_GLASS: "Open somebody without a relation",
    ActKind.GRANT_REINSTATE: "Let somebody ask for strangers again",
    ActKind.GRANT_CAMPAIGN: "Run a campaign",
    ActKind.GRANT_BULK: "Let somebody export people",
    ActKind.GRANT_DISCLOSURE: "Disclose a record to an authority",
    ActKind.INVESTIGATION_ACCOUNT: "Declare an investigation about an account",
    ActKind.INVESTIGATION_PURPOSE: "Declare an investigation about a purpose",
}


class ShownAct(msgspec.Struct, frozen=True):
    """An act that waits, in sentences, and what a passkey is asked to sign exactly that."""

    act: UUID
    what: str
    lines: list[str]
    signed: int
    people_needed: int
    mine: bool
    publicKey: Json  # noqa: N815 - WebAuthn's own name


class StandingAct(msgspec.Struct, frozen=True):
    """What an act gave for a time; whoever sees it may end it, by refusing the act."""

    act: UUID
    what: str
    asked_by: str
    until: datetime


class ShownActs(msgspec.Struct, frozen=True):
    """Acts that wait, the oldest first; and what others gave for a time, the first to end first."""

    acts: list[ShownAct]
    standing: list[StandingAct]


class DraftShown(Body, frozen=True, kw_only=True):
    """A draft to be told in sentences; `organisation` as it was asked with."""

    draft: Annotated[str, Meta(max_length=60_000)]
    organisation: Annotated[str, Meta(max_length=200)] = ""


class ToldDraft(msgspec.Struct, frozen=True):
    """What a draft says, and what a passkey is asked to sign exactly that."""

    what: str
    lines: list[str]
    publicKey: Json  # noqa: N815 - as above


def signin_shells(config: Config) -> Shells:
    """The door's pages, in the words of the profile's roles; they speak to their own origin alone."""
    profile = load_profile(config.profile)
    values = {
        "own": config.signin.public_origin,
        "desk": config.web.public_origin,
        "providers": config.signin.providers,
        "kinds": {kind.value: KINDS[kind] for kind in OFFERED},
        "roles": list(profile.roles),
        "purposes": list(profile.purposes),
        "compartments": [name for name in profile.compartments if name != LABEL],
        "tending": profile.roles_with(Permission.INVITE, Permission.ADMIT),
    }
    return shells(PAGES, SCRIPTS, values, passkeys=True)


def shared_with(origin: str) -> BeforeMessageSendHookHandler:
    """What lets pages of `origin`, and no others, exchange a code here; nothing else is shared with anybody."""

    async def share(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start" or scope["path"] != SHARED_PATH:
            return
        asked_by = [value for name, value in scope["headers"] if name == b"origin"]
        allowed = [(b"access-control-allow-origin", origin.encode()), *SHARED] if asked_by == [origin.encode()] else []
        message["headers"] = [*message["headers"], *allowed, (b"vary", b"Origin")]

    return share


@get("/", include_in_schema=False, sync_to_thread=False)
def show_signin(request: DeskRequest, jkt: str = "", door: str = "") -> Response[bytes]:  # noqa: ARG001 - its script reads them
    """Sign in here, or for the device whose key's thumbprint the desk's page sent."""
    return page(request, "signin")


@get("/touch", include_in_schema=False, sync_to_thread=False)
def show_touch(request: DeskRequest, session: str = "") -> Response[bytes]:  # noqa: ARG001 - as above
    """A fresh touch for a session of the desk."""
    return page(request, "touch")


@get("/invitation", include_in_schema=False, sync_to_thread=False)
def show_invited(request: DeskRequest) -> Response[bytes]:
    """Redeem a code."""
    return page(request, "invitation")


@get("/account", include_in_schema=False, sync_to_thread=False)
def show_own(request: DeskRequest) -> Response[bytes]:
    """One's own account."""
    return page(request, "account")


@get("/acts", include_in_schema=False, sync_to_thread=False)
def show_acts(request: DeskRequest) -> Response[bytes]:
    """Acts that wait, and new ones."""
    return page(request, "acts")


@get("/accounts", include_in_schema=False, sync_to_thread=False)
def show_accounts(request: DeskRequest) -> Response[bytes]:
    """Close, freeze and review accounts."""
    return page(request, "accounts")


@get("/oidc/{name:str}", before_request=take_anything, include_in_schema=False, sync_to_thread=False)
def show_return(request: DeskRequest, name: str) -> Response[bytes]:  # noqa: ARG001 - its script reads it
    """Come back from a provider."""
    return page(request, "return")


@get("/static/{name:str}", include_in_schema=False, sync_to_thread=False)
def show_script(request: DeskRequest, name: str) -> Response[bytes]:
    """A script of these pages."""
    return script(request, name)


@get("/acts/shown", operation_id="shown_acts", summary="Acts that wait, in sentences", responses=REFUSALS)
async def shown_acts(request: DeskRequest) -> ShownActs:
    """Acts that wait, in the reader's language; sentence and challenge are made from the same bytes."""
    door = door_of(request)
    mine = (await member(door, request))[2]
    language = chosen(request.headers.get("accept-language"))
    found = []
    for number, _, written, asker, asked_at, _, not_before, people, signed, own, adds in await door.ask(
        WAITING, bearer(request)
    ):
        act = acts.read_act(written.encode())
        needed = Needed(people, round((not_before - asked_at).total_seconds()))
        around = Around(asker or None, await _organisation(request, act, mine), adds, needed)
        told = acts_shown.shown(act, around, language)
        options = factors.signin_options(door.rules, acts.challenge(act))
        found.append(ShownAct(number, told.what, told.lines, signed, people, own, options))
    standing = []
    for number, written, asker, until in await door.ask(STANDING, bearer(request)):
        told = acts_shown.shown(
            acts.read_act(written.encode()), Around(asker or None, mine, None, Needed(0, 0)), language
        )
        standing.append(StandingAct(number, told.what, asker, until))
    return ShownActs(found, standing)


@post("/acts/told", status_code=200, operation_id="told_draft", summary="A draft, in sentences", responses=REFUSALS)
async def told_draft(request: DeskRequest, data: DraftShown) -> ToldDraft:
    """A drafted act, in the reader's language; how many people it takes is told once it waits."""
    door = door_of(request)
    _, handle, mine, *_ = await member(door, request)
    act = msgspec.convert(door.ceremonies.open(Purpose.DRAFT, data.draft, dict[str, object]), Act)
    ((adds,),) = await door.ask(ADDS, (act.kind, Jsonb(dict(act.details))))
    around = Around(handle, await _organisation(request, act, data.organisation, mine), adds, Needed(0, 0))
    told = acts_shown.shown(act, around, chosen(request.headers.get("accept-language")))
    return ToldDraft(told.what, told.lines[:-1], factors.signin_options(door.rules, acts.challenge(act)))


ROUTES: list[Router | HTTPRouteHandler] = [
    show_signin,
    show_touch,
    show_invited,
    show_own,
    show_acts,
    show_accounts,
    show_return,
    show_script,
    Router("/v1", guards=[require_session], route_handlers=[shown_acts, told_draft], security=[{"session": []}]),
]


async def _organisation(request: DeskRequest, act: Act, *names: str) -> str:
    """The name among `names` of the organisation that the act is about, else its number: never a name just claimed."""
    door = door_of(request)
    for name in filter(None, names):
        rows = await door.ask(NAMED, (*bearer(request), name, "", ""))
        if rows and rows[0][0] == act.organisation:
            return name
    return str(act.organisation)
