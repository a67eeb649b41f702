"""The whole caseload of an agent under protection, for the length of a block."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from cloison.config import Home
from cloison.store.pools import connect
from support.desk import Agent


@contextmanager
def protected(home: Home, agent: Agent) -> Iterator[list[UUID]]:
    """Whom the agent follows, each protected for an audience of nobody; lifted again at the end."""
    with connect(home, "owner") as owner:
        rows = owner.execute(
            "select r.person, cloison.protect_by_owner_v1(r.segment, r.person, '{}', '{}', null) "
            "from cloison.relation r join cloison.account a using (account) where a.handle = %s",
            (agent.handle,),
        ).fetchall()
    try:
        yield [row[0] for row in rows]
    finally:
        with connect(home, "owner") as owner:
            for _, number in rows:
                owner.execute("select cloison.lift_by_owner_v1(%s)", (number,))
