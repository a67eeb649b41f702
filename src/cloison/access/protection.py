"""Protected people: withheld from all but a named audience, set by one person, widened and lifted by two.

The rules are the database's (`store/sql/55_protection.sql`). Through the desk an officer asks, with a session whose
role has the act `protect`, and learns nothing about the person, not even whether there is one. The operator's commands
use the owner's login.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
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
select l.at, l.kind::text,
    coalesce(a.handle, case when l.kind::text like 'log_%%' then 'witness' else 'space' end), coalesce(o.name, ''),
    l.segment, l.number, l.person
from cloison.alert l left join cloison.account a using (account) left join cloison.organisation o using (organisation)
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


# -- by the operator ----------------------------------------------------------------------------------------------


def protect_by_operator(
    operator: psycopg.Connection,
    place: tuple[str, UUID],
    audience: Mapping[str, datetime | None],
    until: datetime | None,
) -> UUID:
    """Withhold the person at `place` (segment, person) from all but these accounts, each until its end if it has one.

    Raises UnknownAccountError, and BadRequestError for an end that is over.
    """
    accounts = [_account(operator, handle) for handle in audience]
    try:
        row = operator.execute(
            "select cloison.protect_by_owner_v1(%s, %s, %s::uuid[], %s::timestamptz[], %s)",
            (*place, accounts, list(audience.values()), until),
        ).fetchone()
    except psycopg.DatabaseError as error:
        if error.sqlstate not in {"CL002", "23514"}:
            raise
        raise BadRequestError(reason="a protection ends in the future, and its segment is one such as 59") from error
    assert row is not None  # noqa: S101 - a function that returns a value answers one row
    return UUID(str(row[0]))


def protections(owner: psycopg.Connection) -> list[Protection]:
    """All that stand, the oldest first."""
    return [Protection(*row) for row in owner.execute(LISTED).fetchall()]


def alerts(owner: psycopg.Connection, since: datetime | None) -> list[Alert]:
    """All since then, the oldest first."""
    return [Alert(*row) for row in owner.execute(ALERTS, (since, since)).fetchall()]


def located(operator: psycopg.Connection, terms: Mapping[int, int]) -> tuple[str, UUID]:
    """Segment and person of whom these locators are, by kind; raises BadRequestError where that is not one person."""
    rows = operator.execute(
        "select segment, person from cloison.operator_located_v1(%s::smallint[], %s::bigint[])",
        (list(terms), list(terms.values())),
    ).fetchall()
    if not rows:
        raise BadRequestError(reason="nobody in the register has this number")
    if len(rows) > 1:
        raise BadRequestError(reason="these numbers are of different people")
    return rows[0][0], rows[0][1]


def hold(operator: psycopg.Connection, handle: str, terms: Mapping[int, int]) -> None:
    """Say whose record the account's holder is, by kind and term of locators; raises UnknownAccountError."""
    row = operator.execute(
        "select cloison.operator_hold_v1(%s, %s::smallint[], %s::bigint[])",
        (handle, list(terms), list(terms.values())),
    ).fetchone()
    if row != (True,):
        raise UnknownAccountError(account=handle)


def _account(operator: psycopg.Connection, handle: str) -> UUID:
    row = operator.execute("select account from cloison.account where handle = %s", (handle,)).fetchone()
    if row is None:
        raise UnknownAccountError(account=handle)
    found: UUID = row[0]
    return found
