"""An administrator of the database's server, with a colleague's session: what can be done to the log afterwards.

Whom they consulted stands in it. Each of `REWRITES` does away with that, as a superuser can: nothing in the database is
out of their reach, nor is the key of the log itself, which lies on the same machine. What a witness keeps elsewhere is.
"""

from collections.abc import Callable, Mapping
from uuid import UUID, uuid4

import msgspec
import psycopg

FOLLOW_UP, IDENTITY = 0, 1
CHARGE = (
    "select outcome from cloison.charge_v1(%s, %s, %s::uuid[], %s::uuid[], %s::int4[], %s::int2[]) order by ordinal"
)
RELEASE = "select person from cloison.release_v1(%s, %s, %s::uuid[], %s::uuid[])"
MINE = "from cloison.entry where segment = %s and account = %s and event = 'open'"
RENUMBERED = """
update cloison.entry e set number = r.place from (
    select e.number, row_number() over (order by e.number) as place from cloison.entry e
    where e.segment = %(segment)s and e.account = %(account)s) r
where e.segment = %(segment)s and e.account = %(account)s and e.number = r.number
"""
COUNTED = """
update cloison.ledger l set next_number = 1 + (
    select count(*) from cloison.entry e where e.segment = l.segment and e.account = l.account)
where l.segment = %(segment)s and l.account = %(account)s
"""
TREE = ("log_tile", "log_batch", "log_author", "log_cosignature")


class Traces(msgspec.Struct, frozen=True):
    """Whose entries are to go, of which log, and how the log's own key makes its tree and checkpoint anew."""

    segment: str
    account: UUID
    sign_anew: Callable[[psycopg.Connection], None]


def consult(desk: psycopg.Connection, segment: str, token: bytes, people: list[UUID]) -> tuple[list[UUID], set[str]]:
    """Consult these people through the desk's login with a stolen session: who was released, and what was refused."""
    asked = {uuid4(): person for person in people}
    count = len(asked)
    values = (segment, [token] * count, list(asked), list(asked.values()), [IDENTITY] * count, [FOLLOW_UP] * count)
    outcomes = [row[0] for row in desk.execute(CHARGE, values)]
    charged = {request: asked[request] for request, outcome in zip(asked, outcomes, strict=True) if outcome == "open"}
    taken = (segment, [token] * len(charged), list(charged), list(charged.values()))
    released = [row[0] for row in desk.execute(RELEASE, taken).fetchall()] if charged else []
    return released, {outcome for outcome in outcomes if outcome != "open"}


def delete(admin: psycopg.Connection, traces: Traces) -> None:
    """The entries are deleted."""
    admin.execute(f"delete {MINE}".encode(), (traces.segment, traces.account))


def blame_others(admin: psycopg.Connection, traces: Traces) -> None:
    """The entries say that other people were looked at."""
    admin.execute(
        "update cloison.entry set person = gen_random_uuid() where segment = %s and account = %s and event = 'open'",
        (traces.segment, traces.account),
    )


def back_date(admin: psycopg.Connection, traces: Traces) -> None:
    """The entries say that it was the day before."""
    admin.execute(
        "update cloison.entry set at = at - interval '24 hours' where segment = %s and account = %s and event = 'open'",
        (traces.segment, traces.account),
    )


def write_anew(admin: psycopg.Connection, traces: Traces) -> None:
    """The entries are deleted, the others numbered anew, and tree and checkpoint made of them by the log's own key."""
    delete(admin, traces)
    these = {"segment": traces.segment, "account": traces.account}
    admin.execute(RENUMBERED, these)
    admin.execute(COUNTED, these)
    for table in TREE:
        admin.execute(f"delete from cloison.{table} where segment = %s".encode(), (traces.segment,))  # noqa: S608
    admin.execute(
        "update cloison.log_head set size = 0, note = '', cosigned_size = 0 where segment = %s", (traces.segment,)
    )
    traces.sign_anew(admin)


REWRITES: Mapping[str, Callable[[psycopg.Connection, Traces], None]] = {
    "deleted": delete,
    "blamed": blame_others,
    "back-dated": back_date,
    "written anew": write_anew,
}
