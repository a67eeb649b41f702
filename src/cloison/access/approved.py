"""Whether what takes several people was signed by them: looked at again, from what the database kept of it.

Nothing of ours in the database is called, which whoever forges an approval could rewrite as well. The rules, in order:
  1. each signature is that of a passkey, by `evidence.py`, over the bytes of the act that it stands beside;
  2. those bytes say what the act's row says, by which things are done: number, kind, organisation, details, asker;
  3. each signature has its entry in the log, whose `evidence` is its hash: unless the month was dropped;
  4. an act that was done has as many signatures, of as many accounts, as it needed, and never fewer than two.

Left out: whether a passkey was the account's. The entry of its registration says that, and who let the account in.
"""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

import psycopg

from cloison.access.acts import TWO_PEOPLE, Act
from cloison.access.evidence import Assertion, verify_assertion

NOBODY = UUID(int=0)  # asks for the operator of the machine
SIGNED = """
select s.segment, s.account, a.act, a.kind, a.organisation, a.details, a.asked_by, a.canonical,
    s.public_key, s.authenticator_data, s.client_data, s.signature,
    (select min(e.number) from cloison.entry e
        where e.segment = s.segment and e.account = s.account and e.subject = s.act
            and e.event in ('act_asked', 'act_signed') and e.outcome = 'open'),
    exists (select from cloison.log_drop d where d.segment = s.segment
        and d.month = date_trunc('month', s.signed_at at time zone 'UTC')::date)
from cloison.act_signature s join cloison.act a on a.act = s.act
order by s.signed_at, s.act, s.account
"""
ALONE = """
select a.act from cloison.act a
where a.state = 'done' and (
    select count(distinct s.account) from cloison.act_signature s where s.act = a.act) < greatest(a.people_needed, %s)
"""
ROWS_A_FETCH = 500


class Unapproved(NamedTuple):
    """A signature that does not hold, with its entry's number where it has one; no segment: an act that lacks one."""

    segment: str | None
    account: UUID | None
    number: int | None


class Signed(NamedTuple):
    """A signature beside its act, and its entry."""

    segment: str
    account: UUID
    act: UUID
    kind: str
    organisation: UUID
    details: object
    asked_by: UUID
    canonical: bytes
    public_key: bytes
    authenticator_data: bytes
    client_data: bytes
    signature: bytes
    number: int | None
    dropped: bool


def unapproved(connection: psycopg.Connection, rp_id: str, origins: Collection[str]) -> list[Unapproved]:
    """What does not hold of all acts, for a connection that reads their tables, within a transaction."""
    found: list[Unapproved] = []
    with connection.cursor("signed", binary=True) as cursor:
        cursor.itersize = ROWS_A_FETCH
        for row in cursor.execute(SIGNED):
            signed = Signed(*row)
            if not holds(signed, rp_id, origins):
                found.append(Unapproved(signed.segment, signed.account, signed.number))
    alone = connection.execute(ALONE, (TWO_PEOPLE,)).fetchall()
    return found + [Unapproved(None, None, None)] * len(alone)


def holds(signed: Signed, rp_id: str, origins: Collection[str]) -> bool:
    """Rules 1 to 3."""
    assertion = Assertion(b"", signed.client_data, signed.authenticator_data, signed.signature, None)
    finding = verify_assertion(signed.canonical, assertion, signed.public_key, rp_id, origins)
    if not finding or finding.act is None:
        return False
    return _says(finding.act, signed) and (signed.number is not None or signed.dropped)


def _says(act: Act, signed: Signed) -> bool:
    """Rule 2."""
    asker = NOBODY if act.asked_by is None else act.asked_by.account
    return (act.act, act.kind, act.organisation, act.details, asker) == (
        signed.act,
        signed.kind,
        signed.organisation,
        signed.details,
        signed.asked_by,
    )
