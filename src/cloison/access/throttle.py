"""How many tries of passwords a door takes: of one network, and of all together. Decisions; the clock is given.

What a login allows, ten failures, the database counts (`82_space.sql`). Here is what keeps a thousand tries a second
away from it, cheapest first:

1. a network (IPv4 /24, IPv6 /48: what one subscriber or one rented machine has) has BURST tries, then one every
   EVERY_SECONDS; what succeeds is given back, so that the people of a public library do not use each other's up;
2. all strangers together have TOGETHER tries at once, then one every TOGETHER_SECONDS; what succeeds is given back.
   So a flood from everywhere fills the ten tries of two logins a second, and no more;
3. passwords are compared one at a time for strangers, and LANE_WAITING may wait; whoever comes then is told so at once.
   So no flood takes more than one core, nor more memory than one comparison's;
4. a device that this login signed in on before has a lane of its own: the flood of strangers is not in its way;
5. passkeys pass none of this: they cannot be guessed.

What is remembered of networks is bounded; the one that was quiet for longest is forgotten first. It is in one process's
memory: a door that is started again has forgotten it, and the database has not forgotten the logins' failures.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

BURST = 20
EVERY_SECONDS = 6.0
TOGETHER = 40
TOGETHER_SECONDS = 0.05
NETWORKS = 50_000  # some 10 MB
LANE_WAITING = 8
PREFIXES = {4: 24, 6: 48}
UNKNOWN = "unknown"


def network_of(address: str) -> str:
    """The network that an address belongs to; all that is no address is one network."""
    try:
        read: IPv4Address | IPv6Address = ip_address(address.strip())
    except ValueError:
        return UNKNOWN
    if isinstance(read, IPv6Address) and read.ipv4_mapped is not None:
        read = read.ipv4_mapped
    return str(ip_network((read.packed, PREFIXES[read.version]), strict=False))


class Networks:
    """Rules 1 and 2, by the generic cell rate algorithm: a number a network, when it has no tries to its debt."""

    def __init__(self, clock: Callable[[], float], burst: int = BURST, every: float = EVERY_SECONDS) -> None:
        """`clock` gives seconds, from any beginning."""
        self._clock = clock
        self._burst, self._every = burst, every
        self._clear_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, network: str) -> int:
        """Take one try; how many seconds to wait where there is none, else 0."""
        now = self._clock()
        clear_at = max(self._clear_at.get(network, now), now)
        too_early = clear_at - now - (self._burst - 1) * self._every
        if too_early > 0:
            return math.ceil(too_early)
        self._clear_at[network] = clear_at + self._every
        self._clear_at.move_to_end(network)
        if len(self._clear_at) > NETWORKS:
            self._clear_at.popitem(last=False)
        return 0

    def spare(self, network: str) -> bool:
        """Whether there is a try left, which is not taken."""
        return self._clear_at.get(network, 0.0) - self._clock() <= (self._burst - 1) * self._every

    def give_back(self, network: str) -> None:
        """The try succeeded, or was refused for want of room: it does not count."""
        if network in self._clear_at:
            self._clear_at[network] -= self._every


class Lane:
    """Rules 3 and 4: who is compared, and who waits for it."""

    def __init__(self) -> None:
        """Nobody is in it."""
        self._inside = 0

    @property
    def full(self) -> bool:
        """Whether all places are taken: of the one that is compared, and of those who wait."""
        return self._inside > LANE_WAITING

    def enter(self) -> bool:
        """Take a place; False where all are taken."""
        if self.full:
            return False
        self._inside += 1
        return True

    def leave(self) -> None:
        """Give the place back."""
        self._inside -= 1
