"""Exports over HTTP, for the executor of a grant that two others signed at the sign-in door: page after page.

Where a page begins, the caller says; the database counts people, not pages, so that a page asked for again is free.
"""

from collections.abc import Sequence
from uuid import UUID

from litestar import Router, get, post

from cloison.access import exports
from cloison.client.wire import Exported, ExportPage, ExportPageRequest, Exports, StandingExport
from cloison.errors import CloisonError, ExportCeilingError, MissingKeyError, StaleVersionError, TamperedRowError
from cloison.model import Released, bits
from cloison.register.layout import Fields
from cloison.web import problems
from cloison.web.bodies import DeskRequest
from cloison.web.desk import desk_of
from cloison.web.guard import bearer, require_session

# The keeper counts somebody anew who got another key meanwhile: the last few may be too many for it.
OF_ONE_RECORD = (MissingKeyError, StaleVersionError, TamperedRowError, ExportCeilingError)


@get(
    "/exports",
    operation_id="exports",
    summary="Exports that one may read",
    response_description="The grants whose executor the account is, those that end first before others.",
    responses=problems.REFUSALS,
)
async def list_exports(request: DeskRequest) -> Exports:
    """Grants that two others signed for this account, and how many people are left in them."""
    desk = desk_of(request)
    names = {bit: name for name, bit in desk.compartment_bits.items()}
    return Exports(
        [
            StandingExport(
                *(one.act, one.purpose, [names[1 << bit] for bit in bits(one.compartments)], one.people, one.taken),
                *(one.segments, one.recipient, one.until, one.disclosure),
            )
            for one in await exports.standing(desk.meter, bearer(request))
        ]
    )


@post(
    "/exports/{act:uuid}/pages",
    status_code=200,
    operation_id="export_page",
    summary="Read a page of an export",
    response_description="The outcome, the people of the page, and where the next one begins.",
    responses={**problems.BODY_REFUSALS, **problems.CEILING_REFUSAL, 403: problems.described("The keeper refuses it.")},
)
async def export_page(request: DeskRequest, act: UUID, data: ExportPageRequest) -> ExportPage:
    """The people of a segment behind `after`, 100 at most; each new one is charged to the grant, each is logged.

    `step_up`: a session begins an export within five minutes of a touch. `budget`: the grant has no people left.
    """
    desk, who = desk_of(request), bearer(request)
    page = await exports.page(desk.meter, who, act, data.segment, data.after)
    opened = await desk.people.unsealed(who, page.released)
    desk.metrics.outcomes.labels("export", page.outcome).inc()
    people = _readable(page.released, opened)
    return ExportPage(page.outcome, people, page.last, len(opened) - len(people))


ROUTES = [
    Router("/v1", guards=[require_session], route_handlers=[list_exports, export_page], security=[{"session": []}]),
]


def _readable(released: Sequence[Released], opened: Sequence[Fields | CloisonError]) -> list[Exported]:
    """The records that could be read; raises what was refused for another reason than the record's own state."""
    people = []
    for sealed, fields in zip(released, opened, strict=True):
        if isinstance(fields, OF_ONE_RECORD):
            continue
        if isinstance(fields, CloisonError):
            raise fields
        people.append(Exported(sealed.person, sealed.segment, fields))
    return people
