"""Break-glass over HTTP: facts about a stranger, and what became of the grants that were asked for with them.

The grant itself is asked for and signed at the sign-in door, as every act that takes several people.
"""

from litestar import Router, get, post

from cloison.access import grants
from cloison.client.wire import FactsKept, Grant, Grants, SearchRequest
from cloison.model import bits
from cloison.web import problems
from cloison.web.bodies import DeskRequest
from cloison.web.desk import desk_of, query_of
from cloison.web.guard import bearer, require_session


@post(
    "/grants/facts",
    status_code=200,
    operation_id="keep_facts",
    summary="Name a stranger whom one asks to open",
    response_description="The number of the facts, which the grant is asked for with.",
    responses={**problems.BODY_REFUSALS, **problems.CEILING_REFUSAL},
)
async def keep_facts(request: DeskRequest, data: "SearchRequest") -> FactsKept:
    """Keep NIR or identifier and birth date of somebody for an hour, as hashes; nobody looks whether they exist.

    Charged as a search that finds nobody. With the number, ask for `grant.break_glass` at the sign-in door.
    """
    desk, who = desk_of(request), bearer(request)
    search = await desk.people.asked(who, query_of(desk, who, data))
    kept = await grants.keep(desk.meter, who, search)
    desk.metrics.outcomes.labels("facts", kept.outcome).inc()
    return FactsKept(kept.outcome, kept.facts)


@get(
    "/grants",
    operation_id="grants",
    summary="What became of one's break-glass",
    response_description="Those of the last week, the newest first.",
    responses=problems.REFUSALS,
)
async def list_grants(request: DeskRequest) -> Grants:
    """One's own grants; whom they let open is told once they are given."""
    desk = desk_of(request)
    names = {bit: name for name, bit in desk.compartment_bits.items()}
    found = await grants.given(desk.meter, bearer(request))
    return Grants(
        [
            Grant(
                *(one.act, one.state, one.person, one.segment),
                compartments=[names[1 << bit] for bit in bits(one.compartments)],
                until=one.until,
                emergency=one.emergency,
                approved=one.approved,
            )
            for one in found
        ]
    )


ROUTES = [
    Router("/v1", guards=[require_session], route_handlers=[keep_facts, list_grants], security=[{"session": []}]),
]
