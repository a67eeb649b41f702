"""An attacker who knows how windows are usually counted, and waits for their edges.

A counter that is set back at the full hour gives twice its budget around it; a charge that is free once paid gives a
whole caseload again. This one opens at the end of each window and at its beginning, and older people again in between,
through the desk's own functions and login, for a month of simulated time.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import cycle
from uuid import UUID, uuid4

import msgspec
import psycopg

from cloison.replay.loot import Loot

FOLLOW_UP, IDENTITY = 0, 1
PEOPLE_A_TURN = 40  # tried at each instant, until one is refused
EDGES = (timedelta(seconds=-2), timedelta(seconds=2), timedelta(seconds=302), timedelta(minutes=30))
BUSY_DAYS = (0, 1, 27, 28, 29)  # every hour of these; of those between, only midnight
CHARGE = (
    "select outcome from cloison.charge_v1(%s, %s, %s::uuid[], %s::uuid[], %s::int4[], %s::int2[]) order by ordinal"
)
RELEASE = "select person from cloison.release_v1(%s, %s, %s::uuid[], %s::uuid[])"


class Night(msgspec.Struct, frozen=True):
    """What the attacker holds: the desk's login, a way to sign in again, whom the account follows, the clock's hand."""

    connection: psycopg.Connection
    segment: str
    sign_in: Callable[[], bytes]
    people: list[UUID]
    set_clock: Callable[[datetime], None]


def instants(midnight: datetime) -> Iterator[datetime]:
    """The times at which to try, in order: around full hours and midnights of 30 days from `midnight` on."""
    for day in range(30):
        for hour in range(24) if day in BUSY_DAYS else (0,):
            edge = midnight + timedelta(days=day, hours=hour)
            yield from (edge + offset for offset in EDGES)


def window_edges(night: Night, midnight: datetime, loot: Loot) -> list[tuple[datetime, UUID]]:
    """Open at every edge, someone new and someone older in turn; each release with its time."""
    releases: list[tuple[datetime, UUID]] = []
    fresh = iter(night.people)
    known: list[UUID] = []
    older = cycle(range(len(night.people)))
    night.set_clock(midnight - timedelta(minutes=1))
    token = night.sign_in()
    for at in instants(midnight):
        night.set_clock(at)
        for turn in range(PEOPLE_A_TURN):
            again = turn % 3 == 2 and bool(known)
            person = known[next(older) % len(known)] if again else next(fresh, night.people[0])
            outcome, released = _open(night, token, person)
            releases += [(at, one) for one in released]
            known += [] if again else released
            loot.got(released)
            if outcome == "no_session":
                token = night.sign_in()
            if outcome != "open":
                loot.refused(outcome)
                break
    return releases


def _open(night: Night, token: bytes, person: UUID) -> tuple[str, list[UUID]]:
    request = uuid4()
    charged = night.connection.execute(
        CHARGE, (night.segment, [token], [request], [person], [IDENTITY], [FOLLOW_UP])
    ).fetchone()
    rows = night.connection.execute(RELEASE, (night.segment, [token], [request], [person])).fetchall()
    return ("none" if charged is None else str(charged[0])), [row[0] for row in rows]
