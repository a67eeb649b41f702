"""What bounds the accounts of a register: roles, agreements, sessions, reach; read by the owner, without the keeper."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg

EVERYTHING = 10**9  # where there is no cap
ACCOUNTS = (
    "select e.account, e.handle, e.organisation, e.segment, r.name, e.frozen, e.agreed, e.segment_agreed, "
    "(select array_agg(a.name order by a.role) from cloison.role a where a.role = any (e.agreed_roles)), "
    "e.caps, e.sessions, e.seconds_left, e.campaign "
    "from cloison.exposed_account e join cloison.role r using (role) "
    "where %(handles)s::text[] is null or e.handle = any (%(handles)s) order by e.handle, e.segment"
)
REACH = "select account, ways, people from cloison.reach_v1(%s)"
ROLES = (
    "select r.name, r.relations, r.compartments, r.purposes, b.meter::text, b.minutes_5, b.hour, b.day, b.days_28 "
    "from cloison.role r left join cloison.role_budget b using (role) order by r.role, b.meter"
)


class People(msgspec.Struct, frozen=True):
    """A number of people (or pairs) in any window of each length."""

    minutes5: int = 0
    hour: int = 0
    day: int = 0
    days28: int = 0

    def __add__(self, other: "People") -> "People":
        """Both together."""
        return People(*(a + b for a, b in zip(self.each, other.each, strict=True)))

    def least(self, other: "People") -> "People":
        """The smaller of both, window by window."""
        return People(*(min(a, b) for a, b in zip(self.each, other.each, strict=True)))

    @property
    def each(self) -> tuple[int, int, int, int]:
        """The numbers, shortest window first."""
        return self.minutes5, self.hour, self.day, self.days28


NOBODY, EVERYBODY = People(), People(*[EVERYTHING] * 4)


class RoleRights(msgspec.Struct, frozen=True):
    """What a role may do, in masks, and its budgets by meter."""

    name: str
    relations: int
    compartments: int
    purposes: int
    budgets: dict[str, People]


class Reach(msgspec.Struct, frozen=True):
    """So many people whom an account can have in the same ways, by window; the masks of `ways_v1`."""

    ways: tuple[int, int, int, int]
    people: int


class Exposed(msgspec.Struct, frozen=True):
    """An account and what bounds it; `caseload`: as many people followed, instead of those of `reach`.

    `campaign`: how many more of its caseload it may open, while one of its agency stands.
    """

    account: str
    organisation: str
    segment: str
    role: str
    frozen: bool
    agreed: bool
    segment_agreed: bool
    agreed_roles: tuple[str, ...] | None
    caps: People
    sessions: int
    seconds_left: int
    reach: tuple[Reach, ...] = ()
    caseload: int | None = None
    campaign: People = NOBODY


class Staff(msgspec.Struct, frozen=True):
    """All that the numbers come from; `label` is the bit of the compartment on lists and cards."""

    compartments: tuple[str, ...]
    label: int
    roles: dict[str, RoleRights]
    accounts: tuple[Exposed, ...]


def read_staff(owner: psycopg.Connection, handles: Sequence[str] | None = None) -> Staff:
    """The accounts of these handles, or all, with what bounds them at this moment: one snapshot for everything."""
    with owner.transaction():
        owner.execute("set transaction isolation level repeatable read, read only")
        compartments, label = owner.execute("select compartments, label_bit from cloison.profile").fetchone() or ([], 0)
        rows = owner.execute(ACCOUNTS, {"handles": handles if handles is None else list(handles)}).fetchall()
        reach = _reach(owner, [row[0] for row in rows])
        roles = _roles(owner)
    accounts = (_exposed(row, reach.get(row[0], [])) for row in rows)
    return Staff(tuple(compartments), label, roles, tuple(accounts))


def _exposed(row: tuple[Any, ...], reach: Sequence[Reach]) -> Exposed:
    (
        _,
        account,
        organisation,
        segment,
        role,
        frozen,
        agreed,
        segment_agreed,
        roles,
        caps,
        sessions,
        seconds_left,
        campaign,
    ) = row
    return Exposed(
        *(account, organisation, segment, role, frozen, agreed, segment_agreed),
        None if roles is None else tuple(roles),
        People(*(EVERYTHING if cap is None else cap for cap in caps)),
        sessions,
        seconds_left,
        tuple(reach),
        campaign=NOBODY if campaign is None else People(*campaign),
    )


def _reach(owner: psycopg.Connection, accounts: Sequence[UUID]) -> dict[UUID, list[Reach]]:
    found: dict[UUID, list[Reach]] = {}
    for account, ways, people in owner.execute(REACH, (list(accounts),)).fetchall():
        found.setdefault(account, []).append(Reach(tuple(ways), people))
    return found


def _roles(owner: psycopg.Connection) -> dict[str, RoleRights]:
    roles: dict[str, RoleRights] = {}
    for name, relations, compartments, purposes, meter, *budget in owner.execute(ROLES).fetchall():
        role = roles.setdefault(name, RoleRights(name, relations, compartments, purposes, {}))
        if meter is not None:
            role.budgets[meter] = People(*budget)
    return roles
