"""An attacker who knows how windows are usually counted, and waits for their edges.

A counter that is set back at the full hour gives twice its budget around it; a charge that is free once paid gives a
whole caseload again. This one opens at the end of each window and at its beginning, and older people again in between,
through the desk's own functions and login, for a month of simulated time.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import msgspec
import psycopg

from cloison.replay.loot import Loot

FOLLOW_UP, IDENTITY = 0, 1
OLDER_EACH = 6  # every sixth is somebody opened before
PEOPLE_A_TURN = 16  # charged at each instant, until one is refused: more receipts a session cannot hold
# Before the edge, released as late as a receipt lasts; at it; as soon as five minutes have gone; in between.
EDGES = (timedelta(seconds=-10), timedelta(0), timedelta(seconds=301), timedelta(minutes=30))
LATE = timedelta(seconds=9)
BUSY_DAYS, BUSY_HOURS = (0, 27, 28), (0, 1, 2, 3, 23)  # until the day's budget is spent; of other days, midnight
DAYS = 30
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


class _Caseload:
    """Whom to open next: somebody new, or somebody opened before."""

    def __init__(self, people: list[UUID]) -> None:
        self._fresh = iter(people)
        self._people = people
        self._turn = count()
        self.known: list[UUID] = []

    def next(self) -> UUID:
        turn = next(self._turn)
        if turn % OLDER_EACH == 0 and self.known:
            return self.known[turn % len(self.known)]
        return next(self._fresh, self._people[turn % len(self._people)])


def instants(midnight: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When to charge and when to release, in order: around full hours and midnights of 30 days from `midnight` on."""
    for day in range(DAYS):
        for hour in BUSY_HOURS if day in BUSY_DAYS else (0,):
            edge = midnight + timedelta(days=day, hours=hour)
            for offset in EDGES:
                at = edge + offset
                yield at, at + LATE if offset < timedelta(0) else at


def window_edges(night: Night, midnight: datetime, loot: Loot) -> list[tuple[datetime, UUID]]:
    """Open at every edge, new people and older ones; each release with its time."""
    releases: list[tuple[datetime, UUID]] = []
    night.connection.execute("set synchronous_commit = off")  # a trick of its own: release waits for the disk
    caseload = _Caseload(night.people)
    night.set_clock(midnight - timedelta(minutes=1))
    token, outcome = night.sign_in(), "none"
    for at, late in instants(midnight):
        night.set_clock(at)
        charged, outcome = _charge(night, token, caseload)
        if outcome == "no_session":
            token = night.sign_in()
        if charged:
            night.set_clock(late)
            released = _release(night, token, charged)
            releases += [(late, person) for person in released]
            caseload.known += released
            loot.got(released)
    loot.refused(outcome)
    return releases


def _charge(night: Night, token: bytes, caseload: _Caseload) -> tuple[dict[UUID, UUID], str]:
    """Charge people one by one until one is refused; who was charged, by request, and the last outcome."""
    charged: dict[UUID, UUID] = {}
    outcome = "open"
    while outcome == "open" and len(charged) < PEOPLE_A_TURN:
        request, person = uuid4(), caseload.next()
        values = (night.segment, [token], [request], [person], [IDENTITY], [FOLLOW_UP])
        (outcome,) = night.connection.execute(CHARGE, values).fetchone() or ("none",)
        if outcome == "open":
            charged[request] = person
    return charged, outcome


def _release(night: Night, token: bytes, charged: dict[UUID, UUID]) -> list[UUID]:
    values = (night.segment, [token] * len(charged), list(charged), list(charged.values()))
    return [row[0] for row in night.connection.execute(RELEASE, values).fetchall()]
