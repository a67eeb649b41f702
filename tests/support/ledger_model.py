"""The ledger as simple as it can be said, for tests to compare the meter with. Times are in microseconds."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

SECOND = 1_000_000
WINDOWS = tuple(seconds * SECOND for seconds in (300, 3_600, 86_400, 2_419_200))
RECEIPT_LIFETIME = 10 * SECOND
RECEIPTS_MOST = 16

Budget = tuple[int, int, int, int]
Receipt = tuple[int, int, int]  # session, request, person


class Release(NamedTuple):
    """One person released at one time, on one meter's account."""

    at: int
    meter: str
    person: int


class Asked(NamedTuple):
    """One request of a batch; `meter` is None for somebody out of reach."""

    request: int
    person: int
    meter: str | None


class Model:
    """One account: whom it was charged for and when, what may still be released, what was."""

    def __init__(self, budgets: dict[str, Budget]) -> None:
        """Nothing was charged yet."""
        self.budgets = budgets
        self.opened: dict[str, dict[int, int]] = {meter: {} for meter in budgets}
        self.receipts: dict[Receipt, tuple[int, str]] = {}
        self.released: list[Release] = []

    def charge(self, session: int, batch: Sequence[Asked], now: int) -> list[str]:
        """What the meter must answer to a batch of one session, which it then has charged."""
        waiting = sum(
            1 for (owner, *_), (at, _) in self.receipts.items() if owner == session and at > now - RECEIPT_LIFETIME
        )
        answers, charged = [], dict[tuple[str, int], bool]()
        for asked in batch:
            if asked.meter is None:
                answers.append("scope")
                continue
            waiting += 1
            if waiting > RECEIPTS_MOST:
                answers.append("busy")
                continue
            key = (asked.meter, asked.person)
            if key not in charged:
                charged[key] = self._admit(*key, now)
            answers.append("open" if charged[key] else "budget")
            if charged[key]:
                self.receipts[session, asked.request, asked.person] = (now, asked.meter)
        return answers

    def show(self, meter: str, people: Iterable[int], now: int) -> list[int]:
        """Who of these is listed or found, in order; they are released at once."""
        shown = [person for person in people if self._admit(meter, person, now)]
        self.released += [Release(now, meter, person) for person in shown]
        return shown

    def release(self, wanted: Iterable[Receipt], now: int, *, kept: bool) -> set[int]:
        """Who is released; `kept`: the release is rolled back, so that its receipts stay."""
        people = set()
        for receipt in set(wanted):
            at, meter = self.receipts.get(receipt, (None, ""))
            if at is None or at <= now - RECEIPT_LIFETIME:
                continue
            people.add(receipt[2])
            self.released.append(Release(now, meter, receipt[2]))
            if not kept:
                del self.receipts[receipt]
        return people

    def _admit(self, meter: str, person: int, now: int) -> bool:
        last = self.opened[meter]
        for window, budget in zip(WINDOWS, self.budgets[meter], strict=True):
            begins = now - window - RECEIPT_LIFETIME
            others = sum(1 for other, at in last.items() if other != person and at > begins)
            if others + 1 > budget:
                return False
        last[person] = now
        return True


def most_in_any_window(releases: Sequence[Release], meter: str, window: int) -> int:
    """The most distinct people released on a meter within any window of that length, its ends included."""
    mine = sorted(release for release in releases if release.meter == meter)
    inside, people, most = deque[Release](), Counter[int](), 0
    for release in mine:
        inside.append(release)
        people[release.person] += 1
        while inside[0].at < release.at - window:
            people[inside.popleft().person] -= 1
        most = max(most, sum(1 for count in people.values() if count))
    return most
