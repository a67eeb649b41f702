"""Who works in the demo's register and whom they follow, decided from the people file. No I/O.

The rules:

1. Staff live where people do: each department has accounts in proportion to its people, one agency for about 62 of them
   (56,000 staff in some 900 agencies). Shares of roles are assumed.
2. Caseloads have the real sizes of mid-2024 (reinforced 92, guided 224, followed 432; one outlier of 1,125); how many
   advisers have which is assumed, and so are the 92 of a partner's adviser.
3. Nobody is followed twice: where the registered people of a department are all followed, the next adviser follows
   nobody. A small register has fewer full caseloads, not smaller ones. The outlier's are people no longer registered
   whom nobody took off.
4. Reception and benefits meet people who have an appointment today; how many is assumed.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import chain, count, cycle

import msgspec

from cloison.replay.known_people import Known

SERVICE, PARTNER = "Service public de l'emploi", "Cap Emploi (98 bodies)"
STAFF_AN_AGENCY = 62
# In shares of a hundred accounts, assumed.
ROLES = {"adviser": 64, "benefits": 14, "manager": 8, "reception": 8, "partner": 5, "officer": 1}
REINFORCED, GUIDED, FOLLOWED, OUTLIER, PARTNER_CASELOAD = 92, 224, 432, 1_125, 92
ADVISER_CASELOADS = (GUIDED, FOLLOWED, REINFORCED, GUIDED)  # in turn, assumed
APPOINTMENTS = {"adviser": 8, "benefits": 12, "reception": 40, "partner": 6}  # today, assumed


class Worker(msgspec.Struct, frozen=True):
    """Someone to give an account to, with the identifiers of whom they follow and of whom they meet today."""

    handle: str
    segment: str
    role: str
    agency: str
    caseload: list[str] = []
    appointments: list[str] = []

    @property
    def organisation(self) -> str:
        """The organisation they belong to."""
        return PARTNER if self.role == "partner" else SERVICE


class Segment(msgspec.Struct):
    """A department's people by identifier, and how many of the registered are followed already."""

    name: str
    registered: list[str]
    others: list[str]
    followed: int = 0

    def follow(self, size: int) -> list[str]:
        """The next registered people whom nobody follows, as many as there are (rule 3)."""
        taken = self.registered[self.followed : self.followed + size]
        self.followed += len(taken)
        return taken

    @property
    def everybody(self) -> list[str]:
        """All its people, the registered first."""
        return self.registered + self.others


def segments_of(people: Iterable[Known]) -> list[Segment]:
    """The departments of these people, the largest first."""
    found: dict[str, Segment] = {}
    for person in people:
        segment = found.setdefault(person.segment, Segment(person.segment, [], []))
        group = segment.registered if person.category == "registered" else segment.others
        group.append(person.identifier)
    return sorted(found.values(), key=lambda s: (-len(s.everybody), s.name))


def staff(segments: Sequence[Segment], accounts: int) -> list[Worker]:
    """About `accounts` workers; everybody's handle is their role, department and number."""
    total = sum(len(segment.everybody) for segment in segments)
    roles = _roles()
    workers: list[Worker] = []
    for segment in segments:
        share = max(1, round(accounts * len(segment.everybody) / total))
        sizes = chain(() if workers else (OUTLIER,), cycle(ADVISER_CASELOADS))
        workers += [_worker(segment, number, next(roles), sizes) for number in range(share)]
    return workers


def _worker(segment: Segment, number: int, role: str, sizes: Iterator[int]) -> Worker:
    caseload: list[str] = []
    if role == "adviser":
        size = next(sizes)
        caseload = segment.others[:size] if size == OUTLIER else segment.follow(size)
    elif role == "partner":
        caseload = segment.follow(PARTNER_CASELOAD)
    agency = f"{segment.name}-{number // STAFF_AN_AGENCY + 1:02d}"
    handle = f"{role}-{segment.name}-{number + 1:04d}"
    return Worker(handle, segment.name, role, agency, caseload, _appointments(segment, number, role, caseload))


def _appointments(segment: Segment, number: int, role: str, caseload: list[str]) -> list[str]:
    today = APPOINTMENTS.get(role, 0)
    if role in {"adviser", "partner"}:
        return caseload[:today]
    start = number * today % max(1, len(segment.registered))
    return segment.registered[start : start + today]


def _roles() -> Iterator[str]:
    """Roles in turn, each as often as its share: always the one that lags most behind."""
    given = dict.fromkeys(ROLES, 0)
    for made in count(1):
        role = max(ROLES, key=lambda name: ROLES[name] * made - 100 * given[name])
        given[role] += 1
        yield role


def relation_rows(workers: Iterable[Worker], today: date) -> Iterator[tuple[str, str, str, str, str]]:
    """Rows of a caseload file: account, identifier, relation, from, until (empty: until further notice)."""
    tomorrow = (today + timedelta(days=1)).isoformat()
    for worker in workers:
        for identifier in worker.caseload:
            yield worker.handle, identifier, "caseload", "", ""
        for identifier in worker.appointments:
            yield worker.handle, identifier, "inbound", today.isoformat(), tomorrow
