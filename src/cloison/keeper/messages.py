"""What travels between the keeper and its callers: msgpack arrays, each frame led by its length in 4 bytes.

A connection begins with `Challenge`, `Hello`, `Welcome` (each side proves that it holds the caller's secret);
then come `Request`s, answered in any order by `Answer` or `Failed` of the same id. The limits here are
checked by both ends.
"""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

import cloison.errors
from cloison.errors import CloisonError

MESSAGE_BYTES = 1_048_576
GREETING_BYTES = 1_024  # what a stranger may send before it has proved who it is
PENDING_REQUESTS = 64  # a connection; beyond it the keeper stops reading
TICKETS_A_REQUEST = 256
PEOPLE_A_REQUEST = 256  # the client splits longer lists
SLOTS = 8  # that can be searched by
BETWEEN_FACTS = b"\x1f"  # joins the facts of one value; no field can hold it
DIGEST_SLOT, CELL_SLOT = 9, 10  # of what was imported last, and of the statistics' cell; only intake asks for them

Segment = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_-]{1,16}\Z")]
Cohort = Annotated[int, Meta(ge=0, le=40_000)]  # year * 4 + quarter - 1
KeyId = Annotated[int, Meta(ge=1, le=2**62)]
Version = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Slot = Annotated[int, Meta(ge=1, le=SLOTS)]
TermSlot = Annotated[int, Meta(ge=1, le=CELL_SLOT)]
Mask = Annotated[int, Meta(ge=1, lt=2**31)]  # of compartments
LocatorKind = Annotated[int, Meta(ge=0, le=15)]
Value = Annotated[bytes, Meta(max_length=512)]  # what is hashed into a term
Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]
People = Annotated[int, Meta(ge=0, le=100_000)]


class Caller(StrEnum):
    """Who may call the keeper; each has a secret of its own."""

    DESK = "desk"  # opens what the meter released, computes search terms
    INTAKE = "intake"  # enrols and changes people; can open nothing
    ISSUER = "issuer"  # begins and ends sessions
    RETENTION = "retention"  # destroys keys
    STATISTICS = "statistics"  # learns which counter is which


class Wire(msgspec.Struct, frozen=True, array_like=True):
    """A message, or a part of one."""


# -- the greeting --------------------------------------------------------------------------------------------


class Challenge(Wire, frozen=True, tag="challenge"):
    """The keeper's first word on a connection."""

    nonce: Digest


class Hello(Wire, frozen=True, tag="hello"):
    """Who calls; `proof` is the HMAC of both nonces with the caller's secret."""

    caller: Caller
    nonce: Digest
    proof: Digest


class Welcome(Wire, frozen=True, tag="welcome"):
    """The keeper's own proof: whoever took its socket does not have the secret."""

    proof: Digest


# -- refusals ------------------------------------------------------------------------------------------------


class Refusal(Wire, frozen=True, tag="refusal"):
    """A named error on its way to the caller: its stable code and the fields of its message."""

    code: str
    fields: dict[str, str | int] = {}

    @classmethod
    def of(cls, error: CloisonError) -> "Refusal":
        """The refusal that says `error`."""
        return cls(error.code, {k: v if isinstance(v, int) else str(v) for k, v in error.fields.items()})

    def error(self) -> CloisonError:
        """The error of `errors.py` with this code; `CloisonError` itself where it is not known here."""
        known = ERRORS.get(self.code, CloisonError)
        try:
            return known(**self.fields)
        except KeyError:
            return CloisonError()


def _classes(root: type[CloisonError]) -> list[type[CloisonError]]:
    """`root` and all that derive from it."""
    return [root, *(found for child in root.__subclasses__() for found in _classes(child))]


ERRORS = {known.code: known for known in _classes(cloison.errors.CloisonError)}


# -- the desk ------------------------------------------------------------------------------------------------


class TicketUse(Wire, frozen=True):
    """A ticket of `release_v1`, its MAC, and the 32-byte token of the session that asks."""

    ticket: Annotated[str, Meta(max_length=512)]
    mac: Digest
    token: Digest


class KeyGrant(Wire, frozen=True, tag="grant"):
    """The 32-byte keys of one ticket: one a compartment bit, lowest bit first."""

    keys: list[bytes]
    versions: list[int]  # with which each compartment was sealed


class Open(Wire, frozen=True, tag="open"):
    """Asks for the keys of tickets; answered by one KeyGrant or Refusal each, in order."""

    tickets: Annotated[list[TicketUse], Meta(max_length=TICKETS_A_REQUEST)]


class TermQuery(Wire, frozen=True):
    """One value to look for: the segment, the slot (column) of the search and the normalised value."""

    segment: Segment
    slot: Slot
    value: Value


class Terms(Wire, frozen=True, tag="terms"):
    """Asks for what one search is made of; answered by SignedTerms.

    `proof` is the slot and value that prove a second fact. `cuts`, where misses share a budget: how many leading
    characters of each of the query's facts they share (0 for all, -1 for none).
    """

    token: Digest
    query: TermQuery
    proof: tuple[Slot, Value] | None = None
    cuts: Annotated[list[Annotated[int, Meta(ge=-1, le=512)]], Meta(max_length=8)] = []


class SignedTerms(Wire, frozen=True):
    """The terms of one value and of its proof, 64-bit integers, one a cohort year; and its group.

    `mac` is the keeper's signature over all of it, the session and the time, for `search_v1`.
    """

    terms: list[int]
    proof_terms: list[int] | None
    group: int | None
    at_milliseconds: int
    mac: bytes


# -- intake --------------------------------------------------------------------------------------------------


TermValues = Annotated[list[tuple[TermSlot, Value]], Meta(max_length=32)]


class Former(Wire, frozen=True):
    """The key that somebody had in the segment and cohort they leave."""

    segment: Segment
    cohort: Cohort
    key_id: KeyId


class NewPerson(Wire, frozen=True):
    """Someone to enrol; `terms` are (slot, normalised value).

    With `former`, somebody who goes to another segment or cohort: the former key, which must be this person's,
    is destroyed when the new one is confirmed or shown. `version` is the row's from then on.
    """

    segment: Segment
    cohort: Cohort
    person: UUID
    terms: TermValues
    version: Version = 1
    former: Former | None = None


class Enrolled(Wire, frozen=True):
    """A new key: its number, the keys of all compartments at that version, the terms in the order given."""

    key_id: int
    keys: list[bytes]
    terms: list[int]


class Enrol(Wire, frozen=True, tag="enrol"):
    """Makes and stores keys; answered by one Enrolled a person, in order."""

    people: Annotated[list[NewPerson], Meta(max_length=PEOPLE_A_REQUEST)]


class Change(Wire, frozen=True):
    """A record about to be sealed anew; `version` is the one it has now, `compartments` a mask."""

    segment: Segment
    cohort: Cohort
    person: UUID
    key_id: KeyId
    version: Version
    compartments: Mask


class PrepareChange(Wire, frozen=True, tag="prepare_change"):
    """Asks for the keys of a next version; answered by one KeyGrant (of those compartments) or Refusal each.

    Which version it is, the grant says: no two who prepare at once get the same.
    """

    changes: Annotated[list[Change], Meta(max_length=PEOPLE_A_REQUEST)]


class ConfirmChange(Wire, frozen=True, tag="confirm_change"):
    """Says that the register holds these (key_id, version) now.

    Older versions, and keys whose place these have taken, are gone from here on.
    """

    changes: Annotated[list[tuple[KeyId, Version]], Meta(max_length=PEOPLE_A_REQUEST)]


class KnownPerson(Wire, frozen=True):
    """Someone in the register and values to hash as theirs were, (slot, normalised value)."""

    segment: Segment
    cohort: Cohort
    terms: TermValues


class Recognise(Wire, frozen=True, tag="recognise"):
    """Asks for terms under the keys of people who are there; answered by one list each, empty without keys."""

    people: Annotated[list[KnownPerson], Meta(max_length=PEOPLE_A_REQUEST)]


class Locate(Wire, frozen=True, tag="locate"):
    """Asks for register-wide locator terms of (kind, normalised value); answered by one integer each."""

    values: Annotated[list[tuple[LocatorKind, Value]], Meta(max_length=4 * PEOPLE_A_REQUEST)]


class Cells(Wire, frozen=True, tag="cells"):
    """Asks for the numbers under which cells of a segment's statistics are counted; answered by one integer each."""

    segment: Segment
    values: Annotated[list[Value], Meta(max_length=4 * PEOPLE_A_REQUEST)]


# -- issuer, retention, anyone -------------------------------------------------------------------------------


class SessionCeilings(Wire, frozen=True):
    """A session, known by the SHA-256 of its token, and the most it can have.

    `full_people`: distinct people in any 5 minutes, hour, day and 28 days; `label_people_hour`: people of
    whom only the label is opened; `expires_at`: seconds since 1970. `segment` is the account's home.
    """

    session: UUID
    token_hash: Digest
    account: UUID
    segment: Segment
    full_people: Annotated[list[People], Meta(min_length=4, max_length=4)]
    label_people_hour: People
    expires_at: float


class RegisterSession(Wire, frozen=True, tag="register_session"):
    """Makes a session known, or replaces it; answered by null once stored."""

    ceilings: SessionCeilings


class EndSession(Wire, frozen=True, tag="end_session"):
    """Forgets a session; answered by null, whether it was known or not."""

    session: UUID


class ExportCeilings(Wire, frozen=True):
    """An export that several people signed, and the most that it can have.

    `people`: distinct ones, of these `compartments`, for this account, until `expires_at` (seconds since 1970).
    """

    export: UUID
    account: UUID
    people: Annotated[int, Meta(ge=1, le=1_000_000)]
    compartments: Mask
    expires_at: float


class RegisterExport(Wire, frozen=True, tag="register_export"):
    """Makes an export known; answered by null once stored. Told of again it never becomes more."""

    ceilings: ExportCeilings


class TicketKey(Wire, frozen=True, tag="ticket_key"):
    """Asks for the 32-byte key with which `release_v1` signs tickets."""


class DestroyCohort(Wire, frozen=True, tag="destroy_cohort"):
    """Destroys a cohort's key for good; answered by whether there was one."""

    segment: Segment
    cohort: Cohort


class DestroyPeople(Wire, frozen=True, tag="destroy_people"):
    """Destroys people's keys for good; answered by how many there were."""

    key_ids: Annotated[list[KeyId], Meta(max_length=4 * PEOPLE_A_REQUEST)]


class AskStatus(Wire, frozen=True, tag="status"):
    """Asks how the keeper does; answered by Status."""


class Status(msgspec.Struct, frozen=True):
    """How the keeper does: figures only. `refused` counts refusals by code since `started_at`."""

    started_at: float
    keys_made: int
    cohorts: int
    sessions: int
    granted: int
    refused: dict[str, int]
    register_people_hour: int


Operation = (
    Open
    | Terms
    | Enrol
    | PrepareChange
    | ConfirmChange
    | Recognise
    | Locate
    | Cells
    | RegisterSession
    | EndSession
    | RegisterExport
    | TicketKey
    | DestroyCohort
    | DestroyPeople
    | AskStatus
)


class Request(Wire, frozen=True):
    """One operation; `id` is the caller's own number for it.

    The operation is read apart, so that one that is out of bounds is refused alone and its neighbours go on.
    """

    id: int
    operation: msgspec.Raw

    @classmethod
    def of(cls, number: int, operation: Operation) -> "Request":
        """The request for `operation`."""
        return cls(number, msgspec.Raw(msgspec.msgpack.encode(operation)))


class Answer(Wire, frozen=True, tag="answer"):
    """The result of request `id`, encoded as its operation says."""

    id: int
    body: msgspec.Raw


class Failed(Wire, frozen=True, tag="failed"):
    """Request `id` was refused as a whole; id 0 speaks of the connection."""

    id: int
    refusal: Refusal
