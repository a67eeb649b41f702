"""How many distinct people the keeper opens at most, whatever the meter says. No I/O.

Every use refreshes the person's last use, and is refused if the people whose last use lies inside a window
would then be more than that window's ceiling: with "charge once, then free" a thief would empty a window,
wait, and go on.

1. Opened beyond the label: the account's people in any 5 minutes, hour, day and 28 days. Opened for the label
   alone: the account's labels in any hour.
2. The segment's people, and the register's, in any hour, labels included.
3. Only a use that passes all of them is counted, in all of them.
4. People opened for exports (`exporting.py`): all exports' in any hour, and the register's; not the account's or the
   segment's.

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

ACCOUNTS_IN_MEMORY = 2_048  # the rest is read again from the ledger when it comes back
ACCOUNTS_A_TIDYING = 500

_FULL_WINDOWS = {
    Window.MINUTES_5: "people of an account in any 5 minutes",
    Window.HOUR: "people of an account in any hour",
    Window.DAY: "people of an account in any day",
    Window.DAYS_28: "people of an account in any 28 days",
}


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

    def __init__(self, name: str, seconds: int) -> None:
        """An empty window of this length; `name` is what a refusal calls it."""
        self._name = name
        self._seconds = seconds
        self._last: OrderedDict[int, float] = OrderedDict()

    def use(self, key_id: int, at: float) -> None:
        """Counts the person once, from `at` on."""
        self._last[key_id] = at
        self._last.move_to_end(key_id)

    def people(self, now: float) -> int:
        """How many people were used within the window that ends `now`."""
        while self._last and next(iter(self._last.values())) <= now - self._seconds:
            self._last.popitem(last=False)
        return len(self._last)

    def check(self, key_id: int, ceiling: int, now: float) -> None:
        """Raises KeeperCeilingError if using the person `now` would pass `ceiling`."""
        # Who left the window meanwhile only matters once the ceiling seems reached: nearly always it is not.
        if len(self._last) < ceiling:
            return
        others = self.people(now) - (key_id in self._last)
        if others >= ceiling:
            raise KeeperCeilingError(ceiling=self._name, retry_after_seconds=self._wait_seconds(others - ceiling, now))

    def _wait_seconds(self, excess: int, now: float) -> int:
        """How long until more than `excess` people have left the window; its length if they never suffice."""
        leaving = next(islice(self._last.values(), excess, None), now)
        return max(1, math.ceil(leaving + self._seconds - now))


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
        self.full = [SlidingPeople(name, window) for window, name in _FULL_WINDOWS.items()]
        self.labels = SlidingPeople("labels of an account in any hour", Window.HOUR)
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
        self._register = SlidingPeople("people of the register in any hour", Window.HOUR)
        self._exports = SlidingPeople("people of all exports in any hour", Window.HOUR)
        self._terms: dict[str, SlidingCount] = {}

    def remember(self, segment: str, key_id: int, at: float) -> None:
        """Counts a person for the segment, or without one for the exports, and for the register."""
        (self._segment(segment) if segment else self._exports).use(key_id, at)
        self._register.use(key_id, at)

    def remember_terms(self, account: str, terms: int, at: float) -> None:
        """Counts search terms of an account."""
        self._terms.setdefault(account, SlidingCount()).add(at, terms)

    def charge(self, use: Use, now: float) -> None:
        """Counts `use`, or raises KeeperCeilingError and counts nothing."""
        account, segment = self._account(use.account), self._segment(use.segment)
        if use.label_only:
            account.labels.check(use.key_id, min(use.label_people_hour, self._config.account_labels_hour), now)
        else:
            # The session's ceilings come from the database: whoever administers that may have raised them.
            for window, ceiling, most in zip(account.full, use.full_people, self._config.account_people, strict=True):
                window.check(use.key_id, min(ceiling, most), now)
        segment.check(use.key_id, self._config.segment_people_hour, now)
        self._register.check(use.key_id, self._config.register_people_hour, now)
        account.count(use.key_id, label_only=use.label_only, at=now)
        segment.use(use.key_id, now)
        self._register.use(use.key_id, now)

    def charge_export(self, key_id: int, now: float) -> None:
        """Rule 4: counts somebody opened for an export, or raises KeeperCeilingError and counts nothing."""
        self._exports.check(key_id, self._config.export_people_hour, now)
        self._register.check(key_id, self._config.register_people_hour, now)
        self._exports.use(key_id, now)
        self._register.use(key_id, now)

    def charge_terms(self, account: str, terms: int, now: float) -> None:
        """Counts `terms` search terms, or raises KeeperCeilingError and counts none."""
        count = self._terms.setdefault(account, SlidingCount())
        wait_seconds = count.wait_seconds(terms, self._config.account_terms_hour, now)
        if wait_seconds:
            name = "search terms of an account in any hour"
            raise KeeperCeilingError(ceiling=name, retry_after_seconds=wait_seconds)
        count.add(now, terms)

    def register_people(self, now: float) -> int:
        """The distinct people opened in the hour that ends `now`."""
        return self._register.people(now)

    def tidy(self, now: float) -> None:
        """Drops what memory need not hold: call it only when the ledger has all uses."""
        while len(self._accounts) > ACCOUNTS_IN_MEMORY:
            self._accounts.popitem(last=False)
        for account in list(islice(self._terms, ACCOUNTS_A_TIDYING)):
            count = self._terms.pop(account)
            if count.total(now):
                self._terms[account] = count  # goes to the end, so that the next tidying meets others

    def _account(self, account: str) -> AccountWindows:
        """The account's windows, read from the ledger where memory has them not."""
        windows = self._accounts.get(account)
        if windows is None:
            windows = self._accounts[account] = AccountWindows(self._history(account))
        self._accounts.move_to_end(account)
        return windows

    def _segment(self, segment: str) -> SlidingPeople:
        """The segment's window."""
        window = self._segments.get(segment)
        if window is None:
            name = "people of a segment in any hour"
            window = self._segments[segment] = SlidingPeople(name, Window.HOUR)
        return window
