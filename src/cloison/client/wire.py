"""What the desk's JSON API says and is told, shared with `cloison.client`.

Requests whose words depend on the profile (purposes, compartments, searches) are narrowed in `bodies.py`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from cloison.model import Outcome

REQUESTS_A_CALL = 64  # people opened in one call
FACT_CHARACTERS = 300  # longer than any value that can be searched by

Segment = Annotated[
    str,
    # (?!\n): Python's $ would let a line feed through at the end
    Meta(
        pattern=r"^[0-9A-Za-z_-]{1,16}(?!\n)$",
        description="A part of the register, by default the session's home: 59",
    ),
]
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


class Card(msgspec.Struct, frozen=True):
    """What searches and lists show of a person."""

    person: UUID
    segment: str
    label: str
    birth_year: int | str | None


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


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as RFC 9457 has it; `code` is stable, `detail` says what to do, `path` where the request is wrong."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    path: str | None = None
    retry_after: int | None = None
