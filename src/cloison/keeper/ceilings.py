"""How many distinct people the keeper opens at most, whatever the meter says. No I/O.

Every use refreshes the person's last use, and is refused if the people whose last use lies inside a window
would then be more than that window's ceiling: with "charge once, then free" a thief would empty a window,
wait, and go on.

1. Opened beyond the label: the account's people in any 5 minutes, hour, day and 28 days. Opened for the label
   alone: the account's labels in any hour.
2. The segment's people, and the register's, in any hour, labels included.
3. Only a use that passes all of them is counted, in all of them.

People are known here by the number of their key, never by name. A clock that steps back only makes windows
longer.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

from cloison.config import KeeperConfig
from cloison.errors import KeeperCeilingError
from cloison.model import Window

ACCOUNTS_IN_MEMORY = 4_096  # the rest is read again from the ledger when it comes back

_FULL_WINDOWS = (Window.MINUTES_5, Window.HOUR, Window.DAY, Window.DAYS_28)
_WINDOW_NAMES = ("5 minutes", "hour", "day", "28 days")


class Use(NamedTuple):
    """One person about to be opened: by whom, where, and the most that this session's account may have."""

    account: str
    segment: str
    key_id: int
    label_only: bool
    full_people: list[int]  # in any 5 minutes, hour, day, 28 days
    label_people_hour: int


class PastUse(NamedTuple):
    """A use that the ledger remembers; `last` in seconds since 1970."""

    key_id: int
    label_only: bool
    last: float


class SlidingPeople:
    """The distinct people used within the last `seconds`, in order of their last use."""

    def __init__(self, seconds: int) -> None:
        """An empty window of this length."""
        self.seconds = seconds
        self._last: OrderedDict[int, float] = OrderedDict()

    def use(self, key_id: int, at: float) -> None:
        """Counts the person once, from `at` on."""
        self._last[key_id] = at
        self._last.move_to_end(key_id)

    def people(self, now: float) -> int:
        """How many people were used within the window that ends `now`."""
        while self._last and next(iter(self._last.values())) <= now - self.seconds:
            self._last.popitem(last=False)
        return len(self._last)

    def wait_seconds(self, key_id: int, ceiling: int, now: float) -> int:
        """0 if the person may be used `now` under `ceiling`, else how long until that is so."""
        others = self.people(now) - (key_id in self._last)
        if others < ceiling:
            return 0
        if ceiling == 0:
            return self.seconds
        leaving = next(islice(self._last.values(), others - ceiling, None))
        return max(1, math.ceil(leaving + self.seconds - now))


class SlidingCount:
    """How many events there were within the last hour; repeated ones count again."""

    def __init__(self) -> None:
        """Nothing happened yet."""
        self._events: deque[tuple[float, int]] = deque()
        self._sum = 0

    def add(self, at: float, events: int) -> None:
        """Counts `events` at one time."""
        self._events.append((at, events))
        self._sum += events

    def total(self, now: float) -> int:
        """The events of the hour that ends `now`."""
        while self._events and self._events[0][0] <= now - Window.HOUR:
            self._sum -= self._events.popleft()[1]
        return self._sum

    def wait_seconds(self, events: int, ceiling: int, now: float) -> int:
        """0 if so many more fit under `ceiling`, else how long until they do."""
        excess = self.total(now) + events - ceiling
        if excess <= 0:
            return 0
        for at, count in self._events:
            excess -= count
            if excess <= 0:
                return max(1, math.ceil(at + Window.HOUR - now))
        return int(Window.HOUR)


class AccountWindows:
    """What one account had."""

    def __init__(self, past: Iterable[PastUse] = ()) -> None:
        """Windows filled with `past`, which comes in order of time."""
        self.full = [SlidingPeople(window) for window in _FULL_WINDOWS]
        self.labels = SlidingPeople(Window.HOUR)
        for use in past:
            self.count(use.key_id, label_only=use.label_only, at=use.last)

    def count(self, key_id: int, *, label_only: bool, at: float) -> None:
        """Counts one use."""
        for window in [self.labels] if label_only else self.full:
            window.use(key_id, at)


class Ceilings:
    """All windows of the keeper; `history` reads one account's uses of the last 28 days, oldest first."""

    def __init__(self, config: KeeperConfig, history: Callable[[str], Iterable[PastUse]]) -> None:
        """Empty windows; give `remember` and `remember_terms` what the ledger has of the last hour."""
        self._config = config
        self._history = history
        self._accounts: OrderedDict[str, AccountWindows] = OrderedDict()
        self._segments: dict[str, SlidingPeople] = {}
        self._register = SlidingPeople(Window.HOUR)
        self._terms: dict[str, SlidingCount] = {}

    def remember(self, segment: str, key_id: int, at: float) -> None:
        """Counts a person for the segment and the register."""
        self._segment(segment).use(key_id, at)
        self._register.use(key_id, at)

    def remember_terms(self, account: str, terms: int, at: float) -> None:
        """Counts search terms of an account."""
        self._terms.setdefault(account, SlidingCount()).add(at, terms)

    def charge(self, use: Use, now: float) -> None:
        """Counts `use`, or raises KeeperCeilingError and counts nothing."""
        account = self._account(use.account)
        for name, window, ceiling in self._limits(use, account):
            _refuse_after(name, window.wait_seconds(use.key_id, ceiling, now))
        account.count(use.key_id, label_only=use.label_only, at=now)
        self.remember(use.segment, use.key_id, now)

    def charge_terms(self, account: str, terms: int, now: float) -> None:
        """Counts `terms` search terms, or raises KeeperCeilingError and counts none."""
        count = self._terms.setdefault(account, SlidingCount())
        _refuse_after(
            "search terms of an account in an hour",
            count.wait_seconds(terms, self._config.account_terms_hour, now),
        )
        count.add(now, terms)

    def register_people(self, now: float) -> int:
        """The distinct people opened in the hour that ends `now`."""
        return self._register.people(now)

    def tidy(self, now: float) -> None:
        """Drops what memory need not hold: call it only when the ledger has all uses."""
        while len(self._accounts) > ACCOUNTS_IN_MEMORY:
            self._accounts.popitem(last=False)
        self._terms = {account: count for account, count in self._terms.items() if count.total(now)}

    def _limits(self, use: Use, account: AccountWindows) -> Iterable[tuple[str, SlidingPeople, int]]:
        """Every window this use must fit into: its name, the window, its ceiling."""
        if use.label_only:
            ceiling = min(use.label_people_hour, self._config.account_labels_hour)
            yield "labels of an account in an hour", account.labels, ceiling
        else:
            for name, window, ceiling in zip(_WINDOW_NAMES, account.full, use.full_people, strict=True):
                yield f"people of an account in any {name}", window, ceiling
        yield "people of a segment in an hour", self._segment(use.segment), self._config.segment_people_hour
        yield "people of the register in an hour", self._register, self._config.register_people_hour

    def _account(self, account: str) -> AccountWindows:
        """The account's windows, read from the ledger where memory has them not."""
        windows = self._accounts.get(account)
        if windows is None:
            windows = self._accounts[account] = AccountWindows(self._history(account))
        self._accounts.move_to_end(account)
        return windows

    def _segment(self, segment: str) -> SlidingPeople:
        """The segment's window."""
        return self._segments.setdefault(segment, SlidingPeople(Window.HOUR))


def _refuse_after(ceiling: str, wait_seconds: int) -> None:
    if wait_seconds:
        raise KeeperCeilingError(ceiling=ceiling, retry_after_seconds=wait_seconds)
