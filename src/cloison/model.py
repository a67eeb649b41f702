"""The words that every room shares: closed enums and plain values, no I/O.

Bits: a set of compartments, relations or purposes is one integer, bit *i* for the *i*-th of the profile's list; so it
is in SQL, in tickets and in audit entries.
"""

from enum import IntEnum, StrEnum
from uuid import UUID

import msgspec

# What a software passkey of ours says it is. An honest one says so; nothing but a maker's attestation proves it.
SOFTWARE_AAGUID = UUID("c1015017-50f7-4a11-8e55-000000000001")


class Outcome(StrEnum):
    """What became of a request to open one person."""

    OPEN = "open"  # charged, logged and released
    SCOPE = "scope"  # no relation, segment, compartment or purpose allows it, or nobody is there: the same answer
    BUDGET = "budget"  # one of the account's budgets would be passed; `retry_after` says when to come back
    STEP_UP = "step_up"  # a compartment asks for a fresh touch of the passkey
    FROZEN = "frozen"  # the account is frozen
    STALE = "stale"  # charged, but the release came too late or the log is not anchored; ask again


class Relation(IntEnum):
    """Why an account may open a person, from narrow to wide; the bit's number in a role's mask."""

    CASELOAD = 0
    COVER = 1
    INBOUND = 2
    WALK_IN = 3
    GRANT = 4


class Permission(StrEnum):
    """What a role may do beside opening people, as `scope:resource:action`; each is explained in `docs/permissions.md`.

    The scope is how far it reaches: people one has a relation with, one's home segment, agency or organisation, or the
    service, which is everything. The place in this list is the bit in a role's mask: append, never reorder.
    """

    CREATE = "segment:person:create"
    CORRECT = "related:person:correct"
    REGISTRATION = "related:registration:change"
    MERGE = "related:person:merge"
    REPRESENT = "related:representative:name"
    APPROVE = "agency:request:approve"
    COVER = "agency:cover:ask"
    PROTECT = "service:protection:manage"
    INVITE = "organisation:account:invite"
    ADMIT = "service:account:admit"
    AGREE = "service:agreement:sign"
    BREAK_GLASS = "segment:person:break_glass"
    VOUCH = "organisation:break_glass:approve"
    CAMPAIGN = "agency:campaign:ask"
    BULK = "service:bulk:sign"
    DISCLOSE = "service:disclosure:sign"
    AUDIT = "service:log:read"
    READ_LOG = "service:audit:read"
    READ_OWN_LOG = "organisation:audit:read"
    INVESTIGATE = "service:investigation:declare"

    @property
    def bit(self) -> int:
        """Its place in a role's mask."""
        return _PERMISSIONS.index(self)


_PERMISSIONS = tuple(Permission)


class Meter(IntEnum):
    """What a budget counts: distinct people opened, opened at the counter, listed, shown on cards; or refusals."""

    OPEN = 0
    WALK_IN = 1
    LIST = 2
    SEARCH = 3
    REFUSAL = 4  # counts events, not people
    CAMPAIGN = 5  # people of one's caseload, in a campaign; its budget is the campaign's, never a role's


class Window(IntEnum):
    """The length of a budget's window, in seconds."""

    MINUTES_5 = 300
    HOUR = 3_600
    DAY = 86_400
    DAYS_28 = 2_419_200


class OpenRequest(msgspec.Struct, frozen=True):
    """One person asked for: `compartments` is a bit set, `purpose` a number of the profile's list."""

    request: UUID
    person: UUID
    compartments: int
    purpose: int


class Released(msgspec.Struct, frozen=True):
    """One sealed record as `release_v1` returns it.

    `sealed` holds one item for each bit of `compartments`, lowest bit first; `ticket` is the text that `mac` signs.
    """

    segment: str
    person: UUID
    version: int
    compartments: int
    sealed: list[bytes]
    ticket: str
    mac: bytes


def bits(mask: int) -> list[int]:
    """The numbers of the bits set in `mask`, lowest first."""
    return [i for i in range(mask.bit_length()) if mask >> i & 1]
