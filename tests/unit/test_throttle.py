"""How many tries a network has, and how many comparisons wait."""

from cloison.access import throttle
from cloison.access.throttle import BURST, EVERY_SECONDS, LANE_WAITING, Lane, Networks, network_of


class Clock:
    """A clock that is put forward by hand."""

    now = 1_000.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


def test_networks() -> None:
    """A subscriber has one however many addresses theirs are; what is no address is one network altogether."""
    assert network_of("192.0.2.7") == network_of("192.0.2.250") == "192.0.2.0/24"
    assert network_of("192.0.2.7") != network_of("192.0.3.7")
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:ffff::9") == "2001:db8:1::/48"
    assert network_of("::ffff:192.0.2.7") == "192.0.2.0/24"
    assert network_of("fe80::1%eth0") == network_of("fe80::2%eth1")
    assert network_of("nonsense") == network_of("") == "unknown"


def test_a_burst_then_one_by_one() -> None:
    """Twenty tries at once, then one in six seconds, however often somebody knocks; others notice nothing."""
    clock = Clock()
    networks = Networks(clock)
    assert [networks.wait("a") for _ in range(BURST)] == [0] * BURST
    assert networks.wait("a") == EVERY_SECONDS
    assert networks.wait("b") == 0
    for _ in range(1_000):
        networks.wait("a")
    clock.now += EVERY_SECONDS
    assert networks.wait("a") == 0
    assert networks.wait("a") > 0
    clock.now += BURST * EVERY_SECONDS
    assert [networks.wait("a") for _ in range(BURST + 1)] == [0] * BURST + [EVERY_SECONDS]


def test_success_costs_nothing() -> None:
    """The people of one library sign in one after the other, hundreds of them."""
    networks = Networks(Clock())
    for _ in range(500):
        assert networks.wait("library") == 0
        networks.give_back("library")


def test_a_day_of_one_network() -> None:
    """One network has some 14,400 tries a day, however it spreads them: against ten a login."""
    clock = Clock()
    networks = Networks(clock)
    taken = 0
    for _ in range(86_400):
        clock.now += 1
        taken += networks.wait("a") == 0
    assert taken <= BURST + 86_400 / EVERY_SECONDS


def test_memory_is_bounded() -> None:
    """Whoever has a great many networks makes the door forget the quietest, and no more."""
    networks = Networks(Clock())
    for number in range(throttle.NETWORKS + 100):
        networks.wait(str(number))
    assert len(networks._clear_at) == throttle.NETWORKS  # noqa: SLF001 - it is what is bounded


def test_lane() -> None:
    """One is compared, eight wait, the next is sent away; who leaves makes room."""
    lane = Lane()
    assert [lane.enter() for _ in range(LANE_WAITING + 2)] == [True] * (LANE_WAITING + 1) + [False]
    lane.leave()
    assert lane.enter()
