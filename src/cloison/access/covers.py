"""Who stands in for whom, and who takes over whose people: asked for by one manager, of whole caseloads decided by two.

The rules are the database's (`ask_transfer_v1`, `decide_transfer_v1` in `store/sql/72_feeds.sql`); the desk's login
asks with the token of whoever sits before it. Whatever does not fit is `scope`, without saying which.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from cloison.errors import NoSessionError, OverloadedError
from cloison.model import Outcome
from cloison.store.metered import Bearer, Meter

ASK = (
    "select * from cloison.ask_transfer_v1(%b::text, %b::bytea, %b::text, %b::text, %b::text, %b::timestamptz, "
    "%b::timestamptz, %b::uuid[])"
)
DECIDE = "select * from cloison.decide_transfer_v1(%b::text, %b::bytea, %b::text, %b::uuid)"
WAITING = "select * from cloison.transfers_v1(%b::text, %b::bytea, %b::text)"


class Kind(StrEnum):
    """A colleague's people for a time, or for good."""

    COVER = "cover"
    HANDOVER = "handover"


class Wish(msgspec.Struct, frozen=True):
    """Who gives and who takes, by handle; a cover's time; `people` of a cover that names them."""

    kind: Kind
    giver: str
    taker: str
    begins: datetime | None = None
    ends: datetime | None = None
    people: Sequence[UUID] | None = None


class Settled(msgspec.Struct, frozen=True):
    """What became of a wish or of its approval; `people` null: it waits for a second manager."""

    outcome: Outcome
    transfer: UUID | None = None
    people: int | None = None
    retry_after: int | None = None


class Waiting(msgspec.Struct, frozen=True):
    """A wish that waits for a second manager."""

    transfer: UUID
    asked_by: str
    giver: str
    taker: str
    begins: datetime
    ends: datetime | None


async def ask(meter: Meter, bearer: Bearer, wish: Wish) -> Settled:
    """Ask for a cover or a handover; raises NoSessionError, OverloadedError, DatabaseUnavailableError."""
    people = None if wish.people is None else list(wish.people)
    values = (*bearer, wish.kind.value, wish.giver, wish.taker, wish.begins, wish.ends, people)
    return _settled((await meter.ask(ASK, values))[0])


async def decide(meter: Meter, bearer: Bearer, kind: Kind, transfer: UUID) -> Settled:
    """Approve what another manager asked for; raises as `ask` does."""
    return _settled((await meter.ask(DECIDE, (*bearer, kind.value, transfer)))[0])


async def waiting(meter: Meter, bearer: Bearer, kind: Kind) -> tuple[Outcome, list[Waiting]]:
    """What waits for a second manager in the bearer's organisation and segment; raises as `ask` does."""
    first, *rows = await meter.ask(WAITING, (*bearer, kind.value))
    return _outcome(first[0]), [Waiting(*row[1:]) for row in rows]


def _settled(row: Sequence[Any]) -> Settled:
    return Settled(_outcome(row[0]), *row[1:])


def _outcome(word: str) -> Outcome:
    if word == "no_session":
        raise NoSessionError
    if word == "busy":
        raise OverloadedError(retry_after_seconds=1)
    return Outcome(word)
