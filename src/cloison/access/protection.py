"""Protected people: withheld from all but a named audience, set by one person, widened and lifted by two.

The rules are the database's (`store/sql/55_protection.sql`). Through the desk an officer asks, with a session whose
role has the act `protect`, and learns nothing about the person, not even whether there is one. The operator's commands
use the owner's login.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from cloison.errors import (
    BadRequestError,
    MalformedRequestError,
    NoSessionError,
    NotFoundError,
    OverloadedError,
    SecondPersonError,
    UnknownAccountError,
)
from cloison.model import Outcome
from cloison.store.metered import Bearer, Meter

PROTECT = "select * from cloison.protect_v1(%b::text, %b::bytea, %b::text, %b::uuid, %b::text[], %b::timestamptz)"
AUDIENCE = "select cloison.change_audience_v1(%b::text, %b::bytea, %b::uuid, %b::text[])"
LIFT = "select cloison.lift_protection_v1(%b::text, %b::bytea, %b::uuid)"
LISTED = """
select p.protection, p.segment, p.person, p.since, p.valid_until, coalesce((
    select array_agg(a.handle order by a.handle) from cloison.audience u join cloison.account a using (account)
    where u.protection = p.protection and (u.valid_until is null or u.valid_until > cloison.clock_v1())), '{}')
from cloison.protection p
where p.lifted_at is null and (p.valid_until is null or p.valid_until > cloison.clock_v1())
order by p.since
"""
ALERTS = """
select l.at, l.kind::text, a.handle, o.name, l.segment, l.number, l.person
from cloison.alert l join cloison.account a using (account) join cloison.organisation o using (organisation)
where %s::timestamptz is null or l.at >= %s
order by l.at, l.segment, l.account, l.number
"""


class Asked(msgspec.Struct, frozen=True):
    """What became of a request; `waits`: until another account asks for the same."""

    outcome: Outcome
    protection: UUID | None = None
    waits: bool = False


class Protection(msgspec.Struct, frozen=True):
    """A protection that stands; `segment` is where the person was when it was set."""

    protection: UUID
    segment: str
    person: UUID
    since: datetime
    until: datetime | None
    audience: list[str]


class Alert(msgspec.Struct, frozen=True):
    """What somebody should look at; `segment` and `entry` name the audit entry, among those of the account."""

    at: datetime
    kind: str
    account: str
    organisation: str
    segment: str
    entry: int
    person: UUID | None


# -- through the desk ---------------------------------------------------------------------------------------------


async def protect(
    meter: Meter, bearer: Bearer, place: tuple[str, UUID], audience: Sequence[str], until: datetime | None
) -> Asked:
    """Withhold the person at `place` (segment, person) from all but these accounts, by handle.

    Raises NoSessionError, MalformedRequestError for a handle that is nobody's, OverloadedError and
    DatabaseUnavailableError.
    """
    ((word, protection),) = await meter.ask(PROTECT, (*bearer, *place, list(audience), until))
    return _asked(word, protection)


async def change_audience(meter: Meter, bearer: Bearer, protection: UUID, audience: Sequence[str]) -> Asked:
    """Make these accounts the audience; who comes in waits for a second person. Raises as `lift` and `protect` do."""
    ((word,),) = await meter.ask(AUDIENCE, (*bearer, protection, list(audience)))
    return _asked(word, protection)


async def lift(meter: Meter, bearer: Bearer, protection: UUID) -> Asked:
    """Lift a protection, or ask for it; raises NotFoundError, SecondPersonError, and as `protect` does."""
    ((word,),) = await meter.ask(LIFT, (*bearer, protection))
    return _asked(word, protection)


def _asked(word: str, protection: UUID | None) -> Asked:
    refusals: Mapping[str, Exception] = {
        "no_session": NoSessionError(),
        "busy": OverloadedError(retry_after_seconds=1),
        "not_found": NotFoundError(),
        "unknown_account": MalformedRequestError(path="$.audience"),
        "same_person": SecondPersonError(),
    }
    if word in refusals:
        raise refusals[word]
    if word == "asked":
        return Asked(Outcome.OPEN, protection, waits=True)
    return Asked(Outcome(word), protection if word == "open" else None)


# -- by the owner -------------------------------------------------------------------------------------------------


def protect_by_owner(
    owner: psycopg.Connection,
    place: tuple[str, UUID],
    audience: Mapping[str, datetime | None],
    until: datetime | None,
) -> UUID:
    """Withhold the person at `place` (segment, person) from all but these accounts, each until its end if it has one.

    Raises UnknownAccountError, and BadRequestError for an end that is over.
    """
    accounts = [_account(owner, handle) for handle in audience]
    try:
        row = owner.execute(
            "select cloison.protect_by_owner_v1(%s, %s, %s::uuid[], %s::timestamptz[], %s)",
            (*place, accounts, list(audience.values()), until),
        ).fetchone()
    except psycopg.DatabaseError as error:
        if error.sqlstate not in {"CL002", "23514"}:
            raise
        raise BadRequestError(reason="a protection ends in the future, and its segment is one such as 59") from error
    assert row is not None  # noqa: S101 - a function that returns a value answers one row
    return UUID(str(row[0]))


def lift_by_owner(owner: psycopg.Connection, protection: UUID) -> None:
    """Lift a protection; raises BadRequestError where none of that number stands."""
    row = owner.execute("select cloison.lift_by_owner_v1(%s)", (protection,)).fetchone()
    if row != (True,):
        raise BadRequestError(reason="no such protection stands; `cloison protection list` shows them")


def protections(owner: psycopg.Connection) -> list[Protection]:
    """All that stand, the oldest first."""
    return [Protection(*row) for row in owner.execute(LISTED).fetchall()]


def alerts(owner: psycopg.Connection, since: datetime | None) -> list[Alert]:
    """All since then, the oldest first."""
    return [Alert(*row) for row in owner.execute(ALERTS, (since, since)).fetchall()]


def located(owner: psycopg.Connection, kind: int, term: int) -> tuple[str, UUID]:
    """Segment and person of a locator; raises BadRequestError where it is nobody's."""
    row: tuple[Any, ...] | None = owner.execute(
        "select segment, person from cloison.locator where kind = %s and term = %s", (kind, term)
    ).fetchone()
    if row is None:
        raise BadRequestError(reason="nobody in the register has this number")
    return row[0], row[1]


def set_holder(owner: psycopg.Connection, handle: str, terms: Mapping[int, int]) -> None:
    """Say whose record the account's holder is, by kind and term of locators; none: it is not known.

    Raises UnknownAccountError.
    """
    segment, account = _home(owner, handle)
    owner.execute(
        "select cloison.set_holder_v1(%s, %s, %s::smallint[], %s::bigint[])",
        (segment, account, list(terms), list(terms.values())),
    )


def _account(owner: psycopg.Connection, handle: str) -> UUID:
    return _home(owner, handle)[1]


def _home(owner: psycopg.Connection, handle: str) -> tuple[str, UUID]:
    row = owner.execute("select segment, account from cloison.account where handle = %s", (handle,)).fetchone()
    if row is None:
        raise UnknownAccountError(account=handle)
    return row[0], row[1]
