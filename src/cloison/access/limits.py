"""How many relations may be written: everybody's limits, and those of single organisations. By the owner's login.

A day is any 24 hours. What each limit counts stands beside it in `store/sql/42_feeds.sql`.
"""

from uuid import UUID

import msgspec
import psycopg
from psycopg import sql

from cloison.errors import BadRequestError, UnknownOrganisationError

EVERYBODY = UUID(int=0)


class Limits(msgspec.Struct, frozen=True):
    """The limits of one organisation, or everybody's where `organisation` is empty."""

    organisation: str
    account_day: int
    account_first_day: int
    organisation_day: int
    inbound_account_day: int
    inbound_organisation_day: int
    inbound_hours: int
    feed_hours_ahead: int
    feed_grace_minutes: int
    feed_misses_day: int
    cover_people: int
    cover_hours: int
    transfers_day: int
    codes_person_hour: int
    codes_account_day: int


NAMES = tuple(name for name in Limits.__struct_fields__ if name != "organisation")


def limits(owner: psycopg.Connection) -> list[Limits]:
    """Everybody's limits first, then those of organisations that have their own."""
    columns = sql.SQL(", ").join(sql.Identifier("l", name) for name in NAMES)
    statement = sql.SQL(
        "select coalesce(o.name, ''), {} from cloison.relation_limit l "
        "left join cloison.organisation o using (organisation) order by l.organisation <> %s, 1"
    ).format(columns)
    return [Limits(*row) for row in owner.execute(statement, (EVERYBODY,)).fetchall()]


def set_limit(owner: psycopg.Connection, name: str, value: int, organisation: str = "") -> None:
    """Change one limit; an organisation's first change copies everybody's limits as they are then.

    Raises BadRequestError for a name or a value that there cannot be, and UnknownOrganisationError.
    """
    if name not in NAMES:
        raise BadRequestError(reason=f"there is no such limit; there are {', '.join(NAMES)}")
    column = sql.Identifier(name)
    with owner.transaction():
        whose = _copied(owner, organisation) if organisation else EVERYBODY
        try:
            owner.execute(
                sql.SQL("update cloison.relation_limit set {} = %s where organisation = %s").format(column),
                (value, whose),
            )
        except (psycopg.errors.CheckViolation, psycopg.errors.NumericValueOutOfRange) as error:
            raise BadRequestError(reason=f"{name} cannot be {value}") from error


def _copied(owner: psycopg.Connection, organisation: str) -> UUID:
    """The organisation's number; it has limits of its own from here on."""
    row = owner.execute("select organisation from cloison.organisation where name = %s", (organisation,)).fetchone()
    if row is None:
        raise UnknownOrganisationError(organisation=organisation)
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in NAMES)
    owner.execute(
        sql.SQL(
            "insert into cloison.relation_limit (organisation, {0}) select %s, {0} from cloison.relation_limit "
            "where organisation = %s on conflict (organisation) do nothing"
        ).format(columns),
        (row[0], EVERYBODY),
    )
    found: UUID = row[0]
    return found
