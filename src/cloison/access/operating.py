"""What the operator of the machine asks for and does, by a login that reads nobody. Rules: `85_operator.sql`.

What gives rights is an act that two officers sign at the sign-in door, or three; it is asked here, tried by the
database and undone, and waits. What takes rights away is done at once.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from cloison.access import acts
from cloison.access.acts import Act, ActKind
from cloison.access.impossible import reason_of
from cloison.errors import (
    ActImpossibleError,
    BadRequestError,
    NoServiceError,
    UnknownAccountError,
    UnknownActError,
    UnknownOrganisationError,
)

LIVES = timedelta(hours=72)
POLL_SECONDS = 0.25
NAMED = "select organisation, account, segment from cloison.operator_named_v1(%s, %s)"
ASK = "select cloison.operator_ask_v1(%s, %s, %s, %s, %s, %s)"
ACTS = (
    "select act, kind, asked_by, organisation, details, state, asked_at, expires_at, not_before, people_needed, "
    "signed_by, adds from cloison.operator_acts_v1(%s)"
)
WITHDRAW = "select cloison.operator_withdraw_v1(%s)"
TEND = "select cloison.operator_tend_v1(%s, %s)"


class Named(msgspec.Struct, frozen=True):
    """What an act is about: an organisation's number, and an account of it with its home segment."""

    organisation: UUID
    account: UUID | None = None
    segment: str = ""


class KnownAct(msgspec.Struct, frozen=True):
    """An act that was asked for; `asked_by` empty: by the operator. `adds`: people a day, while it waits."""

    act: UUID
    kind: str
    asked_by: str
    organisation: str
    details: dict[str, Any]
    state: str
    asked_at: datetime
    expires_at: datetime
    not_before: datetime
    people_needed: int
    signed_by: list[str]
    adds: int | None


def service(operator: psycopg.Connection) -> Named:
    """The service itself; raises NoServiceError where the home has no officers, so that nobody could sign."""
    row = operator.execute(NAMED, (None, None)).fetchone()
    if row is None:
        raise NoServiceError
    return Named(row[0])


def organisation(operator: psycopg.Connection, name: str) -> Named:
    """The organisation of that name; raises UnknownOrganisationError."""
    row = operator.execute(NAMED, (name, None)).fetchone()
    if row is None:
        raise UnknownOrganisationError(organisation=name)
    return Named(row[0])


def account(operator: psycopg.Connection, handle: str) -> Named:
    """The account of that handle, which is not closed; raises UnknownAccountError."""
    row = operator.execute(NAMED, (None, handle)).fetchone()
    if row is None:
        raise UnknownAccountError(account=handle)
    return Named(*row)


def ask(
    operator: psycopg.Connection,
    kind: ActKind,
    about: Named,
    details: Mapping[str, object],
    number: UUID | None = None,
) -> KnownAct:
    """Ask for an act about an organisation or an account; `number`: that it gets. Nothing is done yet.

    Raises ActImpossibleError for what could not be done, NoServiceError, BadRequestError.
    """
    service(operator)
    whole = dict(details)
    if about.account is not None:
        whole |= {"account": str(about.account), "segment": about.segment}
    now = datetime.now(UTC)
    act = Act(
        act=number or uuid4(),
        kind=kind,
        asked_by=None,
        organisation=about.organisation,
        details=whole,
        asked_at=now,
        expires_at=now + LIVES,
    )
    try:
        act = acts.read_act(acts.canonical(act))
    except ValueError as error:
        raise BadRequestError(reason=str(error)) from error
    values = (act.act, kind, acts.canonical(act), Jsonb(dict(act.details)), act.organisation, act.expires_at)
    try:
        operator.execute(ASK, values)
    except psycopg.DatabaseError as error:
        reason = reason_of(error)
        if reason is None:
            raise
        raise ActImpossibleError(reason=reason) from error
    return known(operator, act.act)


def known(operator: psycopg.Connection, act: UUID) -> KnownAct:
    """The act of that number; raises UnknownActError."""
    row = operator.execute(ACTS, (act,)).fetchone()
    if row is None:
        raise UnknownActError(act=act)
    return KnownAct(*row)


def known_acts(operator: psycopg.Connection) -> list[KnownAct]:
    """All of the last 28 days, the oldest first."""
    return [KnownAct(*row) for row in operator.execute(ACTS, (None,)).fetchall()]


def settled(
    operator: psycopg.Connection, act: UUID, seconds: float, told: Callable[[KnownAct], None] = lambda _act: None
) -> KnownAct:
    """The act when it waits no more, or after so many seconds; each look is `told`."""
    deadline = time.monotonic() + seconds
    while (found := known(operator, act)).state == "waiting" and time.monotonic() < deadline:
        told(found)
        time.sleep(POLL_SECONDS)
    return found


def withdraw(operator: psycopg.Connection, act: UUID) -> None:
    """Take back what the operator asked; raises UnknownActError where no such act of the operator's waits."""
    if operator.execute(WITHDRAW, (act,)).fetchone() != (True,):
        raise UnknownActError(act=act)


def tend(operator: psycopg.Connection, what: str, handle: str) -> None:
    """Freeze, sign out or close (`sign_out`, `freeze`, `close`) an account at once; raises UnknownAccountError."""
    if operator.execute(TEND, (what, handle)).fetchone() != (True,):
        raise UnknownAccountError(account=handle)
