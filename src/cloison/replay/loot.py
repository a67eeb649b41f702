"""What an attacker got: of how many people, how fast, and what stopped it."""

import time
from collections.abc import Callable, Hashable, Iterable


class Loot:
    """Distinct people of whom anything was obtained, and the refusals since the last new one."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin now; the attacker gives up after `seconds`."""
        self._clock = clock
        self._began = clock()
        self._deadline = self._began + seconds
        self._last = self._began
        self._people: set[Hashable] = set()
        self._refusals: dict[str, None] = {}

    def got(self, people: Iterable[Hashable]) -> None:
        """Count these people, whatever was obtained of them."""
        before = len(self._people)
        self._people.update(people)
        if len(self._people) > before:
            self._last = self._clock()
            self._refusals.clear()

    def refused(self, reason: str) -> None:
        """Note an outcome or an error's code that gave nothing."""
        self._refusals.setdefault(reason)

    @property
    def people(self) -> int:
        """How many distinct people."""
        return len(self._people)

    @property
    def over(self) -> bool:
        """Whether the attacker's time is up."""
        return self._clock() > self._deadline

    @property
    def seconds_to_stop(self) -> float:
        """Seconds from the beginning to the last new person."""
        return round(self._last - self._began, 3)

    @property
    def stopped_by(self) -> str:
        """The refusals since the last new person, in the order they came; empty if there was none."""
        return ", ".join(self._refusals)
