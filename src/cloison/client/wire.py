"""What the desk's JSON API says and is told, shared with `cloison.client`.

Requests whose words depend on the profile (purposes, compartments, searches) are narrowed in `bodies.py`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from cloison.model import Outcome

REQUESTS_A_CALL = 64  # people opened in one call
INTERACTIONS_A_CALL = 200  # told by a source in one call
FACT_CHARACTERS = 300  # longer than any value that can be searched by

Segment = Annotated[
    str,
    # (?!\n): Python's $ would let a line feed through at the end
    Meta(
        pattern=r"^[0-9A-Za-z_-]{1,16}(?!\n)$",
        description="A part of the register, by default the session's home: 59",
    ),
]
Moment = Annotated[datetime, Meta(tz=True)]
Fact = Annotated[str, Meta(max_length=FACT_CHARACTERS)]
Fields = dict[str, str | int]


class SearchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A search by one fact that is unique, or nearly; some need a second one, such as the birth date."""

    purpose: str
    segment: Segment | None = None


class PersonRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One person to open; `request` is the caller's own number for it, unique within the call."""

    request: UUID
    person: UUID
    segment: Segment | None = None
    compartments: list[str]
    purpose: str


class OpenRequests(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """People to open, 64 at most."""

    requests: list[PersonRequest]


class FactsKept(msgspec.Struct, frozen=True):
    """Whether facts about a stranger are kept, and the number by which a grant is asked for within the hour."""

    outcome: Outcome
    facts: UUID | None = None


class Grant(msgspec.Struct, frozen=True):
    """A break-glass of one's own; `state` is waiting, open, nobody, refused or over."""

    act: UUID
    state: str
    person: UUID | None
    segment: str | None
    compartments: list[str]
    until: datetime
    emergency: bool
    approved: bool


class Grants(msgspec.Struct, frozen=True):
    """One's own grants of the last week, the newest first."""

    grants: list[Grant]


class NotedChange(msgspec.Struct, frozen=True):
    """A record that changed; `event` as docs/events.md has it, `version` null where it has left the segment."""

    person: UUID
    event: str
    version: int | None
    at: datetime


class NotedChanges(msgspec.Struct, frozen=True):
    """Changes in their order; `cursor` is for the next page, null where there was never one."""

    changes: list[NotedChange]
    cursor: str | None


class LogInclusion(msgspec.Struct, frozen=True):
    """That the leaf `index` of a log, with this hash, is under the checkpoint, a signed note; hashes in hexadecimal."""

    index: int
    hash: str
    path: list[str]
    checkpoint: str
    proves: str = "inclusion"


class LogConsistency(msgspec.Struct, frozen=True):
    """That a log of `old` leaves is the beginning of the one of `new`; hashes in hexadecimal."""

    old: int
    new: int
    path: list[str]


class StandingExport(msgspec.Struct, frozen=True):
    """An export whose executor the account is; `purpose` is null for a disclosure, `taken` how many people it had."""

    act: UUID
    purpose: str | None
    compartments: list[str]
    people: int
    taken: int
    segments: list[str]
    recipient: str
    until: datetime
    disclosure: bool


class Exports(msgspec.Struct, frozen=True):
    """The exports that the account may read."""

    exports: list[StandingExport]


class ExportPageRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A page of an export: people of a segment behind `after`, the `next` of the page before."""

    segment: Segment
    after: UUID | None = None


class Exported(msgspec.Struct, frozen=True):
    """A record of an export."""

    person: UUID
    segment: str
    fields: Fields


class ExportPage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page of an export; `next`, where the segment goes on; `unread`: records whose keys are gone or do not fit."""

    outcome: Outcome
    people: list[Exported]
    next: UUID | None = None
    unread: int = 0


class Card(msgspec.Struct, frozen=True):
    """What searches and lists show of a person; `place` is the commune, where there is one."""

    person: UUID
    segment: str
    label: str
    birth_year: int | str | None
    place: int | str | None = None


class Cards(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whom a search found; `retry_after`, in seconds, where the outcome is `budget`."""

    outcome: Outcome
    cards: list[Card]
    retry_after: int | None = None


class Caseload(msgspec.Struct, frozen=True, omit_defaults=True):
    """One page of a caseload; `next`, where there is more, goes into the next request's `after`."""

    outcome: Outcome
    cards: list[Card]
    next: UUID | None = None
    retry_after: int | None = None


class Fault(msgspec.Struct, frozen=True):
    """Why a record that was charged could not be read."""

    code: str
    detail: str


class Opened(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one person's request: `fields` where it is open, `retry_after`, in seconds, where a budget is."""

    request: UUID
    outcome: Outcome
    fields: Fields | None = None
    retry_after: int | None = None
    error: Fault | None = None


class OpenAnswer(msgspec.Struct, frozen=True):
    """One result a request, in the order asked."""

    results: list[Opened]


class Session(msgspec.Struct, frozen=True):
    """Whose session this is, and until when."""

    account: str
    role: str
    expires_at: datetime
    frozen: bool


class State(StrEnum):
    """Whether something answers."""

    OK = "ok"
    DOWN = "down"


class Health(msgspec.Struct, frozen=True):
    """Whether the desk can open records, and what it is that cannot."""

    status: State
    database: State
    keeper: State


Handle = Annotated[str, Meta(pattern=r"^[0-9A-Za-z._-]{1,64}(?!\n)$", description="An account")]


class CoverRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody stands in for a colleague: for the people named, or for the whole caseload, with a second manager."""

    giver: Handle = msgspec.field(name="for")
    taker: Handle = msgspec.field(name="by")
    begins: Moment | None = msgspec.field(default=None, name="from")
    until: Moment
    people: Annotated[list[UUID], Meta(min_length=1, max_length=100)] | None = None


class HandoverRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole caseload that goes from one account to another."""

    giver: Handle = msgspec.field(name="from")
    taker: Handle = msgspec.field(name="to")


class Transfer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a cover or a handover; without `people`, it waits for a second manager."""

    outcome: Outcome
    transfer: UUID | None = None
    people: int | None = None
    retry_after: int | None = None


class WaitingTransfer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cover or a handover that waits for a second manager."""

    transfer: UUID
    asked_by: str
    giver: str
    taker: str
    begins: datetime
    until: datetime | None = None


class WaitingTransfers(msgspec.Struct, frozen=True):
    """What waits for a second manager."""

    outcome: Outcome
    waiting: list[WaitingTransfer]


class CodeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A one-time code for somebody at the counter, sent to the address in their record."""

    segment: Segment | None = None
    channel: Literal["email", "phone"]


class CodeSent(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether a code was sent; `sent` is false where the record has no address of that kind."""

    outcome: Outcome
    sent: bool = False
    expires_at: datetime | None = None
    retry_after: int | None = None


class SpaceInvitation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Half of a code for somebody's own space, given by hand; empty where the record has no address to mail to."""

    outcome: Outcome
    spoken: str = ""
    expires_at: datetime | None = None


class CodeGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The code as the person told it."""

    segment: Segment | None = None
    code: Annotated[str, Meta(pattern=r"^[0-9]{8}(?!\n)$")]


class CodeConfirmed(msgspec.Struct, frozen=True, omit_defaults=True):
    """Until when the person can be opened as if they had an appointment; `scope` for any code that does not hold."""

    outcome: Outcome
    until: datetime | None = None
    retry_after: int | None = None


class ToldInteraction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An interaction as a source tells it: its own name of it, the account, the person by one locator, the time.

    The locators are the profile's: `nir` or `identifier`.
    """

    interaction: Annotated[str, Meta(pattern=r"^[!-~]{1,64}(?!\n)$")]
    account: Handle
    begins: Moment = msgspec.field(name="from")
    until: Moment


class ToldInteractions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a source tells, 200 interactions at most."""

    interactions: list[ToldInteraction]


class TakenInteraction(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one interaction: written; known, as it was told before; metered; or what is wrong with it.

    no_account, no_person, other_segment, not_covered (the source is not for that segment), value (not exactly one
    number, or none that can be one), time (too long, or too far ahead), over (it lies in the past).
    """

    interaction: str
    result: str
    retry_after: int | None = None


class TakenInteractions(msgspec.Struct, frozen=True):
    """One result an interaction, in the order told."""

    results: list[TakenInteraction]


class ProtectionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person to withhold from all accounts but the audience; `until`, if it is to end by itself."""

    person: UUID
    segment: Segment | None = None
    audience: Annotated[list[Handle], Meta(max_length=100)]
    until: Moment | None = None


class AudienceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole audience of a protection, as it is to be."""

    audience: Annotated[list[Handle], Meta(max_length=100)]


class Protection(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of it; `waits`: until another account asks for the same, within a day."""

    outcome: Outcome
    protection: UUID | None = None
    waits: bool = False


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as RFC 9457 has it; `code` is stable, `detail` says what to do, `path` where the request is wrong."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    path: str | None = None
    retry_after: int | None = None
