"""How many distinct people were released in the worst window of a given length. No I/O."""

from collections import Counter, deque
from collections.abc import Hashable, Iterable
from datetime import datetime, timedelta


def worst(releases: Iterable[tuple[datetime, Hashable]], length: timedelta) -> int:
    """The most distinct people in any window of `length`, wherever it begins; `releases` in order of time.

    Both ends belong to the window less the first instant: what lies exactly `length` apart is in two windows.
    """
    inside: deque[tuple[datetime, Hashable]] = deque()
    people: Counter[Hashable] = Counter()
    most = 0
    for at, person in releases:
        inside.append((at, person))
        people[person] += 1
        while inside[0][0] <= at - length:
            _, gone = inside.popleft()
            people[gone] -= 1
            if not people[gone]:
                del people[gone]
        most = max(most, len(people))
    return most
