"""How many relations may be written: everybody's limits, and those of single organisations.

They are changed by an act of two officers (`85_operator.sql`). A day is any 24 hours. What each limit counts stands
beside it in `store/sql/42_feeds.sql`.
"""

from uuid import UUID

import msgspec
import psycopg
from psycopg import sql

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
