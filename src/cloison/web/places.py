"""How many calls may be under way: as many as are answered soon, and few of one session.

No I/O, no clock. The rules, in order:

1. A call takes a place, or is told to come back. There are as many places as answer, at the rate of now, within
   `WAIT_SECONDS` in the mean (Little's law: places = rate x wait). So the wait is bounded by a time, whatever the
   machine and whatever the database is busy with; a fixed number would be too many for one and too few for another.
2. The number follows the answers, a turn at a time: as many answers as there are places, or those of a second. It grows
   by an eighth where all places were taken, and shrinks to what fits where answers took too long. One call that takes
   long, and many of one session, hardly move a mean.
3. It never leaves its bounds: with the fewest, everybody waits for somebody else's long call no longer than for one's
   own; the most is memory.
4. A session has a few places at a time, so that whoever floods with one takes nobody's.
"""

from collections import Counter

WAIT_SECONDS = 0.3  # in the mean; hardly a call waits three times as long
TURN_SECONDS = 1.0
FEWEST_ANSWERS = 16  # of which a mean means something
SESSION_CALLS = 16  # browsers have 6 connections


class Places:
    """The places of calls of one kind."""

    def __init__(self, first: int, fewest: int, most: int) -> None:
        """`first` places to begin with."""
        self.number = min(first, most)
        self._bounds = (min(fewest, most), most)
        self._sessions: Counter[bytes] = Counter()
        self._taken = 0
        self._filled = False
        self._answers = 0
        self._seconds = 0.0
        self._turn_began = 0.0

    @property
    def taken(self) -> int:
        """How many calls are under way."""
        return self._taken

    def take(self, session: bytes) -> bool:
        """Whether there is a place for one more call of this session, which then has it."""
        if self._taken >= self.number:
            self._filled = True
            return False
        mine = self._sessions[session]
        if mine >= SESSION_CALLS:
            return False
        self._sessions[session] = mine + 1
        self._taken += 1
        return True

    def give_back(self, session: bytes) -> None:
        """A call has its place no more."""
        self._taken -= 1
        mine = self._sessions[session]
        if mine > 1:
            self._sessions[session] = mine - 1
        else:
            del self._sessions[session]

    def learn(self, seconds: float, now: float) -> None:
        """A call was answered `now`, after `seconds` with a place."""
        if not self._answers:
            self._turn_began = now
        self._answers += 1
        self._seconds += seconds
        late = now - self._turn_began > TURN_SECONDS and self._answers >= FEWEST_ANSWERS
        if self._answers >= self.number or late:
            self._turn()

    def _turn(self) -> None:
        mean = self._seconds / self._answers
        fewest, most = self._bounds
        if mean > WAIT_SECONDS:
            # at most by half: a mean of calls that waited for something that hung says little about the next ones
            self.number = max(fewest, int(self.number * max(WAIT_SECONDS / mean, 0.5)))
        elif self._filled:
            self.number = min(most, self.number + self.number // 8 + 1)
        self._filled, self._answers, self._seconds = False, 0, 0.0
