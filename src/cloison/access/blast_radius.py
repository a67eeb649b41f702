"""How many distinct people an account can be released at most, from its budgets and relations alone. No I/O.

Four meters release people, each at most its budget `b` of distinct ones in any window (design § 2, promise 2): `open`,
`walk_in`, `list` and `search` (cards). Whoever is released was charged on one of them. `N(S)` are the people in reach
whom at least one meter of the set `S` can release. Strangers at the counter, whom a search brings with two facts, come
by `search` and `walk_in`: for an account with walk-in right no `S` with one of these has a finite `N`. For every `S`:

    people <= N(S) + sum of b[m] over the meters m that are not in S

since each person released is one of `N(S)`, or was charged on a meter outside `S`. The bound is the least of these sums
(the cut of a flow: somebody who asks cleverly enough gets as many). Where the organisation has a cap, `b[open] +
b[walk_in]` is no more than the cap, which counts openings, not names on lists and cards. Meter by meter, in a window:

    opened     <= min(b[open], N(open)) + b[walk_in] with walk-in right; and the cap
    listed     <= min(b[list], N(list))
    cards      <= b[search]; and N(search) without walk-in right
    strangers  <= b[walk_in] + b[search]: those opened may have been found before the window began

Rules, in order:
  1. an account that is frozen, or that no agreement covers, is released nobody; so is one whose role allows nothing;
  2. a budget is never more than those of longer windows, nor than the shorter ones that the window is made of;
  3. `N` counts the relations of now and those that begin within the window (`78_blast_radius.sql`); `whatever_reach` is
     the same with everybody in reach: what holds even if the account is given relations meanwhile. Alone it can give
     itself none: it takes a file, a source, a colleague with the act `cover`, or a code that the person tells;
  4. organisations and the captured desk are sums over accounts: they count account-person pairs, which are never fewer
     than people. Under a cap: the cap and the labels of all, if that is less;
  5. a campaign of its agency adds its budget to `open`: whom it opens is of the account's caseload;
  6. a captured desk has what can be taken until the sessions alive now expire.

Left out: what is still in the windows from before, how many people the register has, the keeper's own ceilings, and how
fast a door answers. They only make the true number smaller.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import msgspec

from cloison.access.exposed import NOBODY, Exposed, People, RoleRights, Staff
from cloison.model import Meter, Relation, Window, bits

SHORTER_IN_LONGER = (12, 24, 28)  # windows of one length that cover one of the next
WAYS = 3  # a way to somebody: kind of relation, then list, then card; see ways_v1
KINDS = (Relation.CASELOAD, Relation.COVER, Relation.INBOUND)
FOLLOWING = 7  # the mask of these kinds
OPEN, LIST, SEARCH, WALK_IN = 1, 2, 4, 8  # meters on which people are released, as a mask
METERS = (Meter.OPEN, Meter.LIST, Meter.SEARCH, Meter.WALK_IN)  # the same, in the order of the bits
OPENING, LABELS = OPEN | WALK_IN, LIST | SEARCH
EVERY = OPENING | LABELS


class Why(StrEnum):
    """Why an account is released nobody at all."""

    FROZEN = "frozen"
    NO_AGREEMENT = "no_agreement"  # none stands, or it has ended
    SEGMENT = "segment_not_agreed"
    ROLE = "role_not_agreed"
    RIGHTS = "role_opens_nobody"


class Bound(msgspec.Struct, frozen=True):
    """The most distinct people of one account; `in_reach`: with whom it has or will have a relation."""

    account: str
    organisation: str
    segment: str
    role: str
    why: Why | None
    people: People
    opened: People = NOBODY
    labels: People = NOBODY
    in_reach: People = NOBODY
    whatever_reach: People = NOBODY
    whatever_labels: People = NOBODY
    by_compartment: dict[str, People] = {}
    by_relation: dict[str, People] = {}


class Pools(msgspec.Struct):
    """People in reach by the meters that can release them, those only followed apart; `anybody`: strangers' meters."""

    others: dict[int, int] = {}
    followed: dict[int, int] = {}
    followed_most: int | None = None
    anybody: int = 0

    def reached(self, meters: int) -> int:
        """N(S): how many people at least one of these meters can release."""
        followed = others = 0
        for ways, people in self.followed.items():
            followed += people if ways & meters else 0
        for ways, people in self.others.items():
            others += people if ways & meters else 0
        return others + (followed if self.followed_most is None else min(followed, self.followed_most))


def closed(people: People) -> People:
    """Rule 2, for budgets and caps."""
    lengths = list(people.each)
    for i in (2, 1, 0):
        lengths[i] = min(lengths[i], lengths[i + 1])
    for i, times in enumerate(SHORTER_IN_LONGER):
        lengths[i + 1] = min(lengths[i + 1], times * lengths[i])
    return People(*lengths)


def most_people(budgets: Sequence[int], cap: int, pools: Pools, meters: int = EVERY) -> int:
    """The least of the sums of the module's docstring, over all sets S of these meters, in one window."""
    charged = _charged(tuple(budget if meters >> i & 1 else 0 for i, budget in enumerate(budgets)), cap)
    return min(
        pools.reached(counted) + charged[counted]
        for counted in range(meters, -1, -1)
        if not counted & (pools.anybody | ~meters)
    )


@lru_cache(maxsize=4096)
def _charged(budgets: tuple[int, ...], cap: int) -> tuple[int, ...]:
    """For each set S, the budgets of the meters that are not in it; the cap where both that it counts are not."""
    sums = []
    for counted in range(EVERY + 1):
        left = [0 if counted >> i & 1 else budget for i, budget in enumerate(budgets)]
        opening = left[0] + left[3]
        sums.append(left[1] + left[2] + (opening if counted & OPENING else min(opening, cap)))
    return tuple(sums)


class _Room(NamedTuple):
    """An account, the meters on which its role can be released anybody, or strangers, and budgets and cap by window."""

    exposed: Exposed
    rights: int
    anybody: int
    budgets: tuple[tuple[int, ...], ...]
    cap: People

    def most(self, meters: int, kinds: int, strangers: int) -> People:
        """On these meters, for relations of these kinds, and for strangers on those meters."""
        return People(*(self._window(i, self.rights & meters, kinds, strangers & meters) for i in range(4)))

    def _window(self, i: int, meters: int, kinds: int, strangers: int) -> int:
        pools = _pools(i, self.exposed, meters, kinds)
        pools.anybody = strangers
        return most_people(self.budgets[i], self.cap.each[i], pools, meters)


def bound(exposed: Exposed, staff: Staff) -> Bound:
    """The most distinct people of one account."""
    role = staff.roles[exposed.role]
    named = (exposed.account, exposed.organisation, exposed.segment, exposed.role)
    if why := _why_nobody(exposed, role):
        return Bound(*named, why, NOBODY)
    room = _room(exposed, role, staff.label)
    # A grant is counted with the interactions: what has one is opened, whatever else the role may.
    granted = role.relations >> Relation.GRANT & 1
    kinds = role.relations & FOLLOWING | granted << Relation.INBOUND
    people, opened = room.most(EVERY, kinds, room.anybody), room.most(OPENING, kinds, room.anybody)
    given = room.rights if kinds else room.anybody
    return Bound(
        *named,
        None,
        people,
        opened,
        room.most(LABELS, kinds, room.anybody),
        People(*(_pools(i, exposed, room.rights, kinds).reached(EVERY) for i in range(4))),
        room.most(EVERY, kinds, given),
        room.most(LABELS, kinds, given),
        {
            staff.compartments[bit]: people if 1 << bit == staff.label else opened
            for bit in bits(role.compartments)
            if bit < len(staff.compartments)
        },
        _by_relation(room, kinds),
    )


def _by_relation(room: _Room, kinds: int) -> dict[str, People]:
    """The same by what explains it; who is in reach twice is in two of these."""
    relations = {kind.name.lower(): room.most(EVERY, 1 << kind, 0) for kind in KINDS if kinds >> kind & 1}
    return relations | ({"walk_in": room.most(EVERY, 0, room.anybody)} if room.anybody else {})


def _why_nobody(exposed: Exposed, role: RoleRights) -> Why | None:
    """Rule 1, in the order in which somebody would look."""
    if exposed.frozen:
        return Why.FROZEN
    if not exposed.agreed:
        return Why.NO_AGREEMENT
    if not exposed.segment_agreed:
        return Why.SEGMENT
    if exposed.agreed_roles is not None and exposed.role not in exposed.agreed_roles:
        return Why.ROLE
    return None if role.relations and role.compartments else Why.RIGHTS


def _room(exposed: Exposed, role: RoleRights, label: int) -> _Room:
    """A list asks for no purpose; the label is all that lists and cards show."""
    rights = OPENING if role.purposes else 0
    if role.compartments & label:
        rights |= LABELS if role.purposes else LIST
    walk_in = role.relations >> Relation.WALK_IN & 1
    budgets = [closed(role.budgets.get(meter.name.lower(), NOBODY)) for meter in METERS]
    budgets[0] += exposed.campaign  # on a meter of its own, for people whom `open` reaches too
    return _Room(
        exposed,
        rights if walk_in else rights & ~WALK_IN,
        rights & (SEARCH | WALK_IN) if walk_in else 0,
        tuple(zip(*(budget.each for budget in budgets), strict=True)),
        closed(exposed.caps),
    )


def _pools(i: int, exposed: Exposed, meters: int, kinds: int) -> Pools:
    """Whom relations of these kinds put in reach of these meters, in the ith window."""
    pools, met = Pools({}, {}), 0
    for reach in exposed.reach:
        followed = _meters(reach.ways[i], kinds & 1) & meters
        otherwise = _meters(reach.ways[i], kinds & ~1) & meters
        met += reach.people if _meters(reach.ways[i], 1) else 0
        if otherwise:
            pools.others[followed | otherwise] = pools.others.get(followed | otherwise, 0) + reach.people
        elif followed:
            pools.followed[followed] = pools.followed.get(followed, 0) + reach.people
    if exposed.caseload is not None and kinds & 1:
        if exposed.caseload < met:
            pools.followed_most = exposed.caseload
        else:
            more = meters & ~WALK_IN
            pools.followed[more] = pools.followed.get(more, 0) + exposed.caseload - met
    return pools


def _meters(ways: int, kinds: int) -> int:
    """The meters that ways of these kinds of relation lead to; the bits of `ways_v1`."""
    listed, on_card = ways >> WAYS & kinds, ways >> 2 * WAYS & kinds
    return (OPEN if ways & kinds else 0) | (LIST if listed else 0) | (SEARCH if on_card else 0)


def until(seconds: int, found: Bound) -> Bound:
    """Rule 6: the same account, when all that it has ends in so many seconds."""
    most = next((i for i, window in enumerate(Window) if window >= seconds), len(Window) - 1)

    def ending(people: People) -> People:
        return People(*(people.each[min(i, most)] for i in range(4)))

    numbers = ("people", "opened", "labels", "in_reach", "whatever_reach", "whatever_labels")
    return msgspec.structs.replace(
        found,
        **{name: ending(getattr(found, name)) for name in numbers},
        by_compartment={name: ending(people) for name, people in found.by_compartment.items()},
        by_relation={name: ending(people) for name, people in found.by_relation.items()},
    )
