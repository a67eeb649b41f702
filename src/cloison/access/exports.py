"""Exports and disclosures as the desk asks the database for them: a page is charged, then given out.

The rules are those of `84_exports.sql`. What comes out is sealed: `register/people.py` opens it with the keeper's keys.
"""

from datetime import datetime
from uuid import UUID, uuid4

import msgspec
import psycopg

from cloison.errors import NoSessionError, OverloadedError
from cloison.model import Outcome, Released
from cloison.store.metered import Bearer, Meter

EXPORTS = (
    "select act, purpose, compartments, people, taken, segments, recipient, valid_until, disclosure "
    "from cloison.exports_v1(%b::text, %b::bytea)"
)
CHARGE = (
    "select outcome, people, last from cloison.export_v1(%b::text, %b::bytea, %b::uuid, %b::uuid, %b::text, %b::uuid)"
)
RELEASE = (
    "select place, person, version, compartments, sealed, ticket, mac "
    "from cloison.release_export_v1(%b::text, %b::bytea, %b::uuid, %b::uuid)"
)


DISCLOSURES = (
    "select act, given_at, authority, legal_basis, reference, person, compartments, signed_by, executor, fetched_at "
    "from cloison.disclosures_v1()"
)


LEFT = (
    "select count(*), coalesce(sum(people - taken), 0) from cloison.export "
    "where ended_at is null and valid_until > cloison.clock_v1()"
)


class Left(msgspec.Struct, frozen=True):
    """How many exports and disclosures stand, and how many people they may still read."""

    grants: int
    people: int


class Export(msgspec.Struct, frozen=True):
    """A grant that the account may read by now; `purpose` is None for a disclosure."""

    act: UUID
    purpose: str | None
    compartments: int
    people: int
    taken: int
    segments: list[str]
    recipient: str
    until: datetime
    disclosure: bool


class Page(msgspec.Struct, frozen=True):
    """A page: what became of it, sealed records, where the next one begins (None at the segment's end)."""

    outcome: Outcome
    released: list[Released]
    last: UUID | None


class Disclosure(msgspec.Struct, frozen=True):
    """One line of the register of disclosures; the person by number, `fetched_at` where the record was given out."""

    act: UUID
    given_at: datetime
    authority: str
    legal_basis: str
    reference: str
    person: UUID
    compartments: list[str]
    signed_by: list[str]
    executor: str
    fetched_at: datetime | None


async def standing(meter: Meter, bearer: Bearer) -> list[Export]:
    """The grants that this account may read by; raises DatabaseUnavailableError, DatabaseRefusedError."""
    return [Export(*row) for row in await meter.ask(EXPORTS, bearer)]


async def page(meter: Meter, bearer: Bearer, act: UUID, place: str, after: UUID | None) -> Page:
    """Charge the people of `place` behind `after`, and have them given out; raises NoSessionError and as `standing`.

    Whoever was charged and not given out (the session ended, somebody froze the account) is missing from it.
    """
    request = uuid4()
    ((word, people, last),) = await meter.ask(CHARGE, (*bearer, act, request, place, after))
    if word == "no_session":
        raise NoSessionError
    if word == "busy":
        raise OverloadedError(retry_after_seconds=1)
    if not people:
        return Page(Outcome(word), [], last)
    rows = await meter.ask(RELEASE, (*bearer, act, request))
    if not rows:
        return Page(Outcome.STALE, [], None)
    return Page(Outcome(word), [Released(*row) for row in rows], last)


def disclosures(owner: psycopg.Connection) -> list[Disclosure]:
    """The register of disclosures, the oldest first; `owner` is the owner's connection."""
    return [Disclosure(*row) for row in owner.execute(DISCLOSURES).fetchall()]


def left(owner: psycopg.Connection) -> Left:
    """What standing exports may still read, beside all budgets of accounts; `owner` is the owner's connection."""
    row = owner.execute(LEFT).fetchone()
    return Left(0, 0) if row is None else Left(int(row[0]), int(row[1]))
