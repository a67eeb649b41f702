"""Protected people in one test's database: set by its owner, or asked for by officers with the desk's login."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from support.database import SEGMENT, Database, Session
from support.meter import first

Row = tuple[Any, ...]
PROTECT = "select outcome, protection from cloison.protect_v1(%s, %s, %s, %s, %s::text[], %s)"
WIDEN = "select cloison.change_audience_v1(%s, %s, %s, %s::text[])"
LIFT = "select cloison.lift_protection_v1(%s, %s, %s)"


def protect(
    database: Database,
    person: UUID,
    audience: Sequence[UUID] = (),
    until: datetime | None = None,
    segment: str = SEGMENT,
) -> UUID:
    """A protection set by the owner."""
    protection = database.one(
        "select cloison.protect_by_owner_v1(%s, %s, %s::uuid[], null, %s)", segment, person, list(audience), until
    )
    assert isinstance(protection, UUID)
    return protection


def own(database: Database, account: UUID, person: UUID, term: int) -> None:
    """Say that the account's holder is the person, whose locator of kind 0 is this term."""
    database.owner.execute(
        "insert into cloison.locator (kind, term, segment, person) values (0, %s, %s, %s) on conflict do nothing",
        (term, SEGMENT, person),
    )
    database.owner.execute("select cloison.set_holder_v1(%s, %s, '{0}', %s)", (SEGMENT, account, [term]))


def handle(database: Database, account: UUID) -> str:
    """The account's handle."""
    return str(database.one("select handle from cloison.account where account = %s", account))


def set_by(desk: psycopg.Connection, who: Session, person: UUID, audience: Sequence[str]) -> Row:
    """Outcome and number of a protection that the session asks for."""
    row = desk.execute(PROTECT, (who.segment, who.token, SEGMENT, person, list(audience), None)).fetchone()
    assert row is not None
    return row


def widened_by(desk: psycopg.Connection, who: Session, protection: UUID, audience: Sequence[str]) -> object:
    """Outcome of making these the audience."""
    return first(desk.execute(WIDEN, (who.segment, who.token, protection, list(audience))))


def lifted_by(desk: psycopg.Connection, who: Session, protection: UUID) -> object:
    """Outcome of asking to lift the protection."""
    return first(desk.execute(LIFT, (who.segment, who.token, protection)))
