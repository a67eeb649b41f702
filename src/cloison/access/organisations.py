"""Organisations and their agencies, by the owner's login: the service itself and its partners."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
import psycopg

from cloison.access.agreements import COLUMNS, Agreement, Terms, agree, standing
from cloison.errors import BadRequestError, UnknownOrganisationError

ORGANISATIONS = (
    "select o.organisation, o.name, " + COLUMNS + " from cloison.organisation o "  # noqa: S608 - constants alone
    "left join cloison.agreement g on g.organisation = o.organisation and g.standing"
)


class Agency(msgspec.Struct, frozen=True):
    """A local office; `segment` is where it is."""

    name: str
    segment: str


class Organisation(msgspec.Struct, frozen=True):
    """The service itself or a partner body; `agreement` is the one that stands."""

    organisation: UUID
    name: str
    agreement: Agreement | None = None
    agencies: list[Agency] = []


def create_organisation(
    owner: psycopg.Connection, name: str, terms: Terms | None = None, agencies: Sequence[Agency] = ()
) -> Organisation:
    """Create the organisation with an agreement (by default one without limits), or find the one of that name.

    Raises BadRequestError for terms or agencies of one that exists, AgreementError for terms that cannot be.
    """
    with owner.transaction():
        row = owner.execute(
            "insert into cloison.organisation (name) values (%s) on conflict (name) do nothing returning organisation",
            (name,),
        ).fetchone()
        if row is not None:
            name_agencies(owner, row[0], agencies)
            agree(owner, row[0], name, terms or Terms())
        elif terms is not None or agencies:
            raise BadRequestError(reason="the organisation exists; make an agreement with it instead")
    return find_organisation(owner, name)


def name_agencies(owner: psycopg.Connection, organisation: UUID, agencies: Sequence[Agency]) -> None:
    """Name local offices; one of that name gets the segment given. Raises BadRequestError for a malformed one."""
    try:
        for agency in agencies:
            owner.execute(
                "insert into cloison.agency (organisation, name, segment) values (%s, %s, %s) "
                "on conflict (organisation, name) do update set segment = excluded.segment",
                (organisation, agency.name, agency.segment),
            )
    except psycopg.errors.CheckViolation as error:
        raise BadRequestError(reason="an agency's name or segment is not of the allowed form") from error


def organisations(owner: psycopg.Connection) -> list[Organisation]:
    """All organisations, by name."""
    rows = owner.execute(ORGANISATIONS + " order by o.name").fetchall()
    return [Organisation(row[0], row[1], standing(row[2:]), _agencies(owner, row[0])) for row in rows]


def find_organisation(owner: psycopg.Connection, name: str) -> Organisation:
    """The organisation of that name; raises UnknownOrganisationError."""
    row = owner.execute(ORGANISATIONS + " where o.name = %s", (name,)).fetchone()
    if row is None:
        raise UnknownOrganisationError(organisation=name)
    return Organisation(row[0], row[1], standing(row[2:]), _agencies(owner, row[0]))


def _agencies(owner: psycopg.Connection, organisation: UUID) -> list[Agency]:
    rows = owner.execute(
        "select name, segment from cloison.agency where organisation = %s order by name", (organisation,)
    ).fetchall()
    return [Agency(*row) for row in rows]
