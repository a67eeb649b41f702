"""Break-glass at the desk: facts about somebody to be opened without a relation, and what became of it.

An account gives the facts here, where the keeper hashes them, and asks for the grant at the sign-in door, where it and
somebody else sign. Neither is told whether anybody is meant before it is given. The rules are those of `83_grants.sql`.
"""

from datetime import datetime
from uuid import UUID, uuid4

import msgspec
import psycopg

from cloison.errors import NoSessionError, OverloadedError
from cloison.model import Outcome
from cloison.store.metered import Bearer, Meter, Search

KEEP = (
    "select outcome, facts from cloison.keep_facts_v1(%b::text, %b::bytea, %b::uuid, %b::int2, %b::int4, %b::int8[], "
    "%b::int4, %b::int8[], %b::int8, %b::int8, %b::bytea)"
)
GRANTS = (
    "select act, state, person, segment, compartments, valid_until, emergency, approved "
    "from cloison.grants_v1(%b::text, %b::bytea)"
)


ALL = (
    "select act, kind, account, organisation, state, given_at, until, people, taken, signed_by "
    "from cloison.operator_grants_v1()"
)


class Listed(msgspec.Struct, frozen=True):
    """Something given for a time; `account` is empty for a campaign, whose `people` are a day and account."""

    act: UUID
    kind: str
    account: str
    organisation: str
    state: str
    given_at: datetime
    until: datetime
    people: int
    taken: int | None
    signed_by: list[str]


class Kept(msgspec.Struct, frozen=True):
    """The facts' number, by which a grant is asked for within the hour; none where they may not be asked about."""

    outcome: Outcome
    facts: UUID | None


class Given(msgspec.Struct, frozen=True):
    """A break-glass of one's own: waiting, open, nobody, refused or over; `person` where somebody is meant."""

    act: UUID
    state: str
    person: UUID | None
    segment: str | None
    compartments: int
    until: datetime
    emergency: bool
    approved: bool


async def keep(meter: Meter, bearer: Bearer, search: Search) -> Kept:
    """Keep facts for an hour; charged as a search that finds nobody, whoever is meant.

    Raises NoSessionError, OverloadedError, DatabaseUnavailableError, DatabaseRefusedError.
    """
    signed = (search.proof_slot, search.proof_terms, search.group, search.at_milliseconds, search.mac)
    ((word, facts),) = await meter.ask(KEEP, (*bearer, uuid4(), search.purpose, search.slot, search.terms, *signed))
    if word == "no_session":
        raise NoSessionError
    if word == "busy":
        raise OverloadedError(retry_after_seconds=1)
    return Kept(Outcome(word), facts)


async def given(meter: Meter, bearer: Bearer) -> list[Given]:
    """What this account asked for in the last week, the newest first; raises as `keep` does."""
    return [Given(*row) for row in await meter.ask(GRANTS, bearer)]


def all_given(operator: psycopg.Connection) -> list[Listed]:
    """Everything that was given in the last 28 days, the oldest first."""
    return [Listed(*row) for row in operator.execute(ALL).fetchall()]
