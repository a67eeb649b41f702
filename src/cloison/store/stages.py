"""The stages that a request to open somebody goes through, and what each is asked with. Decisions only, no I/O.

Each stage is a pair of functions, called in two transactions: the first charges and commits, the second gives out what
was charged.

| stage | charges | gives out | where |
| --- | --- | --- | --- |
| `OPEN` | `charge_each_v1` | `release_each_v1`: the sealed record | the account's home, of several in one call |
| `LEND` | `lend_v1` | `leases_v1`: a lease, as the record or a cap is in another segment | the account's home |
| `CAP` | `cap_v1` | `capped_v1`: the lease, counted by the organisation too | where the organisation's ledger is |
| `LENT` | `charge_lent_v1` | `release_v1`: the sealed record | the person's segment |

Somebody at home is opened by `OPEN` alone, unless the organisation has a cap: then `charge_v1` answers `lease`.
Everybody else takes `LEND`, `CAP` where there is one, and `LENT`. See `sql/65_lease.sql`.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from cloison.model import OpenRequest

CHARGE_EACH = """
select * from cloison.charge_each_v1(null, %b::text[], %b::bytea[], %b::uuid[], %b::uuid[], %b::int4[], %b::int2[])
"""
RELEASE_EACH = "select * from cloison.release_each_v1(null, %b::text[], %b::bytea[], %b::uuid[], %b::uuid[])"
RELEASE = "select * from cloison.release_v1(%b::text, %b::bytea[], %b::uuid[], %b::uuid[])"
LEND = (
    "select * from cloison.lend_v1(%b::text, %b::bytea[], %b::text[], %b::uuid[], %b::uuid[], %b::int4[], %b::int2[])"
)
LEASES = "select * from cloison.leases_v1(%b::text, %b::bytea[], %b::text[], %b::uuid[], %b::uuid[])"
CAP = "select * from cloison.cap_v1(%b::text, %b::text[], %b::bytea[])"
CAPPED = "select * from cloison.capped_v1(%b::text, %b::text[], %b::bytea[])"
CHARGE_LENT = "select * from cloison.charge_lent_v1(%b::text, %b::bytea[], %b::text[], %b::bytea[])"

Call = tuple[str, Sequence[Any]]  # a statement and its values


class Stage(IntEnum):
    """What a request waits for."""

    OPEN = 0
    LEND = 1
    CAP = 2
    LENT = 3


class Lease(NamedTuple):
    """A signed text that says what a ledger elsewhere has counted; `ledger_segment`: which one is to count it too."""

    text: str
    mac: bytes
    ledger_segment: str | None


class Asked(NamedTuple):
    """A request with whose it is, in which segment the person is, and how far it has come."""

    home: str
    token: bytes
    segment: str
    request: OpenRequest
    stage: Stage
    lease: Lease | None = None

    @property
    def place(self) -> str:
        """The segment whose functions the stage calls; empty for `OPEN`, whose calls take requests of any."""
        if self.stage is Stage.OPEN:
            return ""
        if self.stage is Stage.CAP and self.lease is not None and self.lease.ledger_segment is not None:
            return self.lease.ledger_segment
        return self.segment if self.stage is Stage.LENT else self.home


def began(home: str, token: bytes, segment: str, request: OpenRequest, *, leased: bool) -> Asked:
    """A request that nothing was done for; `leased`: the session's organisation is known to have a cap."""
    stage = Stage.LEND if leased or segment != home else Stage.OPEN
    return Asked(home, token, segment, request, stage)


def lend_again(asked: Asked) -> Asked:
    """The request, in want of a lease: it needs one, or the one it had has expired."""
    return asked._replace(stage=Stage.LEND, lease=None)


def given(asked: Asked, row: Sequence[Any]) -> Asked | None:
    """The request with the lease that a stage gave out in `row`; None where what was given out is the record."""
    if asked.stage is Stage.LEND:
        lease = Lease(*row[1:])
        return asked._replace(stage=Stage.CAP if lease.ledger_segment is not None else Stage.LENT, lease=lease)
    if asked.stage is Stage.CAP:
        return asked._replace(stage=Stage.LENT, lease=Lease(row[1], row[2], None))
    return None


def calls(group: Sequence[Asked]) -> tuple[Call, Call]:
    """The two calls for requests of one stage and place."""
    stage, place = group[0].stage, group[0].place
    tokens = [asked.token for asked in group]
    requests, persons = [asked.request.request for asked in group], [asked.request.person for asked in group]
    rights = ([asked.request.compartments for asked in group], [asked.request.purpose for asked in group])
    if stage is Stage.OPEN:
        named = ([asked.home for asked in group], tokens, requests, persons)
        return (CHARGE_EACH, (*named, *rights)), (RELEASE_EACH, named)
    release: Call = (RELEASE, (place, tokens, requests, persons))
    if stage is Stage.LEND:
        lent = (place, tokens, [asked.segment for asked in group], requests, persons)
        return (LEND, (*lent, *rights)), (LEASES, lent)
    leases = [asked.lease.text if asked.lease else "" for asked in group]
    macs = [asked.lease.mac if asked.lease else b"" for asked in group]
    if stage is Stage.CAP:
        return (CAP, (place, leases, macs)), (CAPPED, (place, leases, macs))
    return (CHARGE_LENT, (place, tokens, leases, macs)), release
