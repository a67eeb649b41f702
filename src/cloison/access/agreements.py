"""What an organisation may do here: an agreement gives segments, roles, a number of accounts, caps and an end date.

One agreement stands at a time; the next one ends it. Everything left open is without limit, but without an agreement
that stands, an account opens nobody. The meter looks by itself at every charge (`60_settle.sql: holder`).

A cap counts account-person pairs opened by all of the organisation's accounts, wherever they are, from the day it is
agreed on.
"""

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
import psycopg
from msgspec import Meta

from cloison.errors import AgreementError, BadRequestError

NO_SUCH_ROLE, IN_THE_PAST = "CL005", "CL015"  # as agree_v1 says it
COLUMNS = (
    "g.valid_from, g.ends_at, g.segments, (select array_agg(r.name order by r.role) from cloison.role r "
    "where r.role = any (g.roles)), g.accounts_most, g.minutes_5, g.hour, g.day, g.days_28"
)

Pairs = Annotated[int, Meta(ge=0)] | None


class Caps(msgspec.Struct, frozen=True):
    """Account-person pairs in any window of that length; None where there is no cap."""

    minutes_5: Pairs = None
    hour: Pairs = None
    day: Pairs = None
    days_28: Pairs = None


class Terms(msgspec.Struct, frozen=True):
    """What is agreed; None is without limit. `ends_at`: the first moment at which it holds no more."""

    segments: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    ends_at: datetime | None = None
    accounts_most: int | None = None
    caps: Caps = Caps()


class Agreement(msgspec.Struct, frozen=True):
    """An agreement as it stands."""

    valid_from: datetime
    terms: Terms


def end_of(day: date) -> datetime:
    """The moment after the last one of `day`, in the machine's time zone: an agreement holds on its last day too."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time()).astimezone()


def agree(owner: psycopg.Connection, organisation: UUID, name: str, terms: Terms) -> None:
    """Make an agreement with the organisation of that number and name; raises AgreementError, BadRequestError."""
    try:
        owner.execute(
            "select cloison.agree_v1(%s, %s, %s, %s, %s, %s)",
            (
                *(organisation, _list(terms.segments), _list(terms.roles), terms.ends_at, terms.accounts_most),
                list(msgspec.structs.astuple(terms.caps)),
            ),
        )
    except psycopg.errors.CheckViolation as error:
        raise BadRequestError(
            reason="a number is negative, or segments are not parted by commas, such as 59,62"
        ) from error
    except psycopg.DatabaseError as error:
        reasons = {NO_SUCH_ROLE: "there is no such role in the profile", IN_THE_PAST: "it would have ended already"}
        if error.sqlstate not in reasons:
            raise
        raise AgreementError(organisation=name, reason=reasons[error.sqlstate]) from error


def end(owner: psycopg.Connection, organisation: UUID, name: str) -> None:
    """End the agreement that stands, at once; raises AgreementError where none does."""
    row = owner.execute("select cloison.end_agreement_v1(%s)", (organisation,)).fetchone()
    if row != (True,):
        raise AgreementError(organisation=name, reason="none stands that could be ended")


def standing(row: tuple[Any, ...]) -> Agreement | None:
    """The agreement that `COLUMNS` gave; None where there is none."""
    valid_from, ends_at, segments, roles, accounts_most, *caps = row
    if valid_from is None:
        return None
    terms = Terms(_tuple(segments), _tuple(roles), ends_at, accounts_most, Caps(*caps))
    return Agreement(valid_from, terms)


def _list(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else list(names)


def _tuple(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)
