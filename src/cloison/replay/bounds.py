"""The most people that a stolen account can have in any hour, known before anything is attacked.

The rules:

1. Whom somebody has a relation with can be opened within the budget of opening, and labelled within those of lists
   and cards and within the keeper's ceiling of labels: no more people than the relations, nor than these together.
2. Strangers are met at the counter alone. They are found on a card first, so that they are among the labels.
"""

from uuid import UUID

import msgspec
import psycopg

BUDGETS = """
select coalesce(max(b.hour) filter (where b.meter = 'open'), 0),
    coalesce(max(b.hour) filter (where b.meter = 'walk_in'), 0),
    coalesce(max(b.hour) filter (where b.meter = 'list'), 0),
    coalesce(max(b.hour) filter (where b.meter = 'search'), 0),
    (r.relations >> 3) & 1 = 1,
    (select count(distinct e.person) from cloison.relation e
     where e.segment = a.segment and e.account = a.account and e.kind <> 'walk_in')
from cloison.account a
join cloison.role r on r.role = a.role
left join cloison.role_budget b on b.role = a.role
where a.account = %s
group by a.segment, a.account, r.relations
"""


class Budgets(msgspec.Struct, frozen=True):
    """An account's budgets for an hour, in people; its walk-in right; how many people it has relations with."""

    open: int
    walk_in: int
    list: int
    search: int
    has_walk_in: bool
    related: int


def budgets_of(owner: psycopg.Connection, account: UUID) -> Budgets:
    """The account's budgets, as the owner's connection reads them before the attack."""
    row = owner.execute(BUDGETS, (account,)).fetchone()
    assert row is not None  # noqa: S101 - the account was created a moment ago
    return Budgets(*row)


def most_people(budgets: Budgets, keeper_labels: int) -> int:
    """The most distinct people of one account in an hour; `keeper_labels` is the keeper's ceiling of labels."""
    labels = min(budgets.list + budgets.search, keeper_labels)
    strangers = min(budgets.search, labels) if budgets.has_walk_in else 0
    return min(budgets.open + labels, budgets.related + strangers)
