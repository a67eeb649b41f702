"""The desk's JSON API: what an adviser's session may ask.

HTTP 200 carries outcomes, refusals among them: that somebody may not be opened is an answer, not an error. A person out
of reach and one who does not exist get the same bytes.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import Parameter

from cloison.app import Rooms
from cloison.client.wire import (
    REQUESTS_A_CALL,
    Card,
    Cards,
    Caseload,
    Fault,
    Health,
    OpenAnswer,
    Opened,
    OpenRequests,
    PersonRequest,
    SearchRequest,
    Session,
    State,
)
from cloison.errors import MalformedRequestError, TooLargeError, UnknownSearchError
from cloison.model import OpenRequest
from cloison.register import people
from cloison.register.people import People, Query
from cloison.store.metered import Bearer, Meter
from cloison.web import problems
from cloison.web.alerts import AlertCount
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer, require_session
from cloison.web.health import HealthCheck
from cloison.web.language import chosen
from cloison.web.metrics import MEDIA_TYPE, Metrics

Whole = Annotated[bool, Parameter(description="Everybody followed, instead of today's appointments")]
After = Annotated[UUID | None, Parameter(description="Where the page begins: the `next` of the page before")]
NOT_FACTS = frozenset(SearchRequest.__struct_fields__)


class Desk(msgspec.Struct, frozen=True):
    """What the routes work with; made when the application starts, kept in its state."""

    people: People
    meter: Meter
    health: HealthCheck
    alerts: AlertCount
    metrics: Metrics
    compartment_bits: Mapping[str, int]
    purposes: Mapping[str, int]
    searches: Sequence[str]


def desk_with(rooms: Rooms, metrics: Metrics) -> Desk:
    """The desk that works with these rooms, in the words of their profile."""
    profile = rooms.profile
    metrics.watch(lambda: rooms.meter.waiting)
    return Desk(
        people=rooms.people,
        meter=rooms.meter,
        health=HealthCheck(rooms.meter, rooms.keeper),
        alerts=AlertCount(rooms.meter),
        metrics=metrics,
        compartment_bits={name: 1 << i for i, name in enumerate(profile.compartments)},
        purposes={name: i for i, name in enumerate(profile.purposes)},
        searches=list(dict.fromkeys(search.name for search in profile.searches)),
    )


@post(
    "/people/search",
    status_code=200,
    operation_id="search",
    response_description="The outcome, and a card for each person found.",
    summary="Find people",
    responses={**problems.BODY_REFUSALS, **problems.CEILING_REFUSAL},
)
async def search_people(request: DeskRequest, data: "SearchRequest") -> Cards:
    """Find people by exactly one fact, among those the account has a relation with; 10 cards at most.

    A miss is charged as a refusal. People out of reach are not found, just as people who do not exist.
    """
    desk, who = desk_of(request), bearer(request)
    found = await desk.people.search(who, query_of(desk, who, data))
    desk.metrics.outcomes.labels("search", found.outcome).inc()
    return Cards(found.outcome, _cards(found.cards), found.retry_after)


@post(
    "/people/open",
    status_code=200,
    operation_id="open",
    response_description="One result a request, in the order asked.",
    summary="Open people's records",
    responses=problems.BODY_REFUSALS,
)
async def open_people(request: DeskRequest, data: "OpenRequests") -> OpenAnswer:
    """Open the named compartments of up to 64 people; each opening is charged to the account's budgets and logged."""
    desk, who = desk_of(request), bearer(request)
    if len(data.requests) > REQUESTS_A_CALL:
        raise TooLargeError(limit=f"{REQUESTS_A_CALL} requests a call")
    _refuse_repeated(data.requests)
    opened = await desk.people.open(
        who,
        [asked.segment or who.segment for asked in data.requests],
        [_open_request(desk, asked) for asked in data.requests],
    )
    language = chosen(request.headers.get("accept-language"))
    for one in opened:
        desk.metrics.outcomes.labels("open", one.outcome).inc()
    return OpenAnswer([_opened(a, o, language) for a, o in zip(data.requests, opened, strict=True)])


@get(
    "/caseload",
    operation_id="caseload",
    response_description="The outcome, and a card for each person of the page.",
    summary="List a caseload",
    responses=problems.REFUSALS,
)
async def list_caseload(request: DeskRequest, whole: Whole = False, after: After = None) -> Caseload:  # noqa: FBT002 - Litestar reads a query's flag so
    """One page of today's appointments, or of the whole caseload; `after` is the `next` of the page before."""
    desk = desk_of(request)
    found = await desk.people.caseload(bearer(request), whole=whole, after=after)
    desk.metrics.outcomes.labels("list", found.outcome).inc()
    return Caseload(found.outcome, _cards(found.cards), found.last, found.retry_after)


@get(
    "/session",
    operation_id="session",
    response_description="The session.",
    summary="Whose session this is",
    responses=problems.REFUSALS,
)
async def show_session(request: DeskRequest) -> Session:
    """The account, its role, when the session ends, and whether the account is frozen."""
    _, handle, role, expires_at, frozen = await desk_of(request).meter.session(bearer(request))
    return Session(handle, role, expires_at, frozen)


@get(
    "/healthz",
    operation_id="health",
    response_description="Database and keeper answer.",
    summary="Whether records can be opened",
    responses={
        400: problems.REFUSALS[400],
        503: ResponseSpec(Health, description="Database or keeper is down.", generate_examples=False),
    },
)
async def show_health(request: DeskRequest) -> Response[Health]:
    """The state of the database and of the keeper, in less than 2 seconds; 503 where one of them is down."""
    health = await desk_of(request).health.health()
    if health.status is State.OK:
        return Response(health)
    return Response(health, status_code=503, headers={"Retry-After": str(problems.RETRY_SECONDS)})


@get(
    "/metrics",
    operation_id="metrics",
    response_description="The figures.",
    summary="Figures for Prometheus",
    responses={400: problems.REFUSALS[400]},
    media_type=MEDIA_TYPE,
)
async def show_metrics(request: DeskRequest) -> bytes:
    """Figures of the desk in Prometheus' text format; nothing of a person or an account."""
    desk = desk_of(request)
    desk.metrics.note_alerts(await desk.alerts.counts())
    return desk.metrics.text()


ROUTES: list[Router | HTTPRouteHandler] = [
    Router(
        "/v1",
        guards=[require_session],
        route_handlers=[search_people, open_people, list_caseload, show_session],
        security=[{"session": []}],
    ),
    show_health,
    show_metrics,
]


def desk_of(request: Request[Any, Any, Any]) -> Desk:
    """The desk that serves this request."""
    desk: Desk = request.app.state.desk
    return desk


def query_of(desk: Desk, who: Bearer, data: SearchRequest) -> Query:
    """A search as it was told; raises UnknownSearchError unless it is by exactly one fact."""
    facts = {name: value for name in data.__struct_fields__ if name not in NOT_FACTS and (value := getattr(data, name))}
    given = [name for name in desk.searches if name in facts]
    if len(given) != 1:
        raise UnknownSearchError(offered=", ".join(desk.searches))
    return Query(data.segment or who.segment, given[0], facts, desk.purposes[data.purpose])


def _refuse_repeated(requests: Sequence[PersonRequest]) -> None:
    seen: set[UUID] = set()
    for i, asked in enumerate(requests):
        if asked.request in seen:
            raise MalformedRequestError(path=f"$.requests[{i}].request")
        seen.add(asked.request)


def _open_request(desk: Desk, asked: PersonRequest) -> OpenRequest:
    compartments = 0
    for name in asked.compartments:
        compartments |= desk.compartment_bits[name]
    return OpenRequest(asked.request, asked.person, compartments, desk.purposes[asked.purpose])


def _opened(asked: PersonRequest, opened: people.Opened, language: str) -> Opened:
    error = opened.error
    fault = None if error is None else Fault(error.code, problems.detail_of(error, language))
    return Opened(asked.request, opened.outcome, opened.fields, opened.retry_after, fault)


def _cards(cards: Sequence[people.Card]) -> list[Card]:
    return [Card(card.person, card.segment, card.label, card.birth_year, card.place) for card in cards]
