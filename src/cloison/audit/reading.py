"""The log as it stands in a database, for whoever verifies or exports it: read, by what PostgreSQL itself has.

Nothing here calls a function of ours, which whoever rewrites a log could rewrite as well.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from cloison.audit.verify import Finding, Kind

HEADS = "select segment from cloison.log_head union select distinct segment from cloison.ledger order by 1"
NOTE = "select case when cosigned_note <> '' then cosigned_note else note end from cloison.log_head where segment = %s"
LEAVES = "select hashes from cloison.log_tile where segment = %s and level = 0 and index = %s"
BLINDING = "select key from cloison.log_blinding where segment = %s and month = %s"
BATCHES = "select first, size from cloison.log_batch where segment = %s and first >= %s order by first limit 200"
VALUES = """
array[convert_to(e.segment, 'UTF8'), uuid_send(e.account), int8send(e.number),
    int8send((extract(epoch from e.at) * 1000000)::bigint), convert_to(e.event::text, 'UTF8'),
    convert_to(e.outcome::text, 'UTF8'),
    uuid_send(coalesce(
        (select a.organisation from cloison.account a where a.segment = e.segment and a.account = e.account),
        (select o.organisation from cloison.organisation o where o.organisation = e.account))),
    uuid_send(e.session), null, uuid_send(e.request), uuid_send(e.person), int8send(e.compartments),
    int8send(e.purpose), convert_to(e.relation::text, 'UTF8'), uuid_send(e.subject), int8send(e.amount),
    int8send(e.version), e.sealed_hash,
    case when e.event in ('act_asked', 'act_signed') and e.outcome = 'open' then (
        select sha256(sha256(a.canonical) || sha256(s.public_key) || sha256(s.authenticator_data)
            || sha256(s.client_data) || sha256(s.signature))
        from cloison.act_signature s join cloison.act a on a.act = s.act
        where s.act = e.subject and s.account = e.account) end]
"""
ENTRIES = f"""
select case when e.number is not null then {VALUES} end
from cloison.log_batch b
cross join lateral unnest(b.accounts, b.numbers, b.counts) with ordinality q (account, number, count, place)
cross join lateral generate_series(q.number, q.number + q.count - 1) n
left join cloison.entry e on e.segment = b.segment and e.account = q.account and e.number = n
where b.segment = %s and b.first >= %s and b.first < %s
order by b.first, q.place, n
"""  # noqa: S608 - constants
TAIL = f"""
select {VALUES} from cloison.entry e
left join cloison.log_author s on s.segment = e.segment and s.account = e.account
where e.segment = %s and e.number > coalesce(s.sequenced, 0)
order by e.account, e.number
"""  # noqa: S608 - constants
# The newest change of each person who was changed here, beside the row; whoever was moved away is another segment's.
CHANGES = """
select p.version = c.version and sha256((select string_agg(s, ''::bytea order by n)
        from unnest(p.sealed) with ordinality q (s, n))) = c.sealed_hash
from (select distinct on (e.person) e.person, e.version, e.sealed_hash from cloison.entry e
      where e.segment = %s and e.version is not null and e.sealed_hash is not null and e.outcome = 'open'
      order by e.person, e.version desc) c
join cloison.person p on p.segment = %s and p.person = c.person
"""


# Numbers that nobody gives, and authors whose ledger has counted more than there is.
STRAYS = """
select 'inserted' from cloison.entry e where e.segment = %s and e.number < 1
union all
select 'cut_off' from (
    select l.account, l.next_number from cloison.ledger l where l.segment = %s
    union all
    select l.organisation, l.next_number from cloison.organisation_ledger l where l.segment = %s) l
where l.next_number - 1 <> coalesce((
    select max(e.number) from cloison.entry e where e.segment = %s and e.account = l.account), 0)
"""


class Stored:
    """A segment's log in the database; `connection` may read the log's tables and is in one transaction."""

    def __init__(self, connection: psycopg.Connection, segment: str) -> None:
        """Nothing is read yet."""
        self.segment, self._connection = segment, connection

    def checkpoint(self) -> str:
        """The newest one that a witness has cosigned, else the newest."""
        rows = self._rows(NOTE, self.segment)
        return str(rows[0][0]) if rows else ""

    def leaves(self) -> Iterator[bytes]:
        """Hashes, a tile at a time."""
        index = 0
        while rows := self._rows(LEAVES, self.segment, index):
            yield bytes(rows[0][0])
            index += 1

    def entries(self) -> Iterator[Sequence[bytes | None] | None]:
        """Entries in the order of the tree; None where one is gone."""
        first = 0
        while batches := self._rows(BATCHES, self.segment, first):
            after = batches[-1][0] + batches[-1][1]
            for (values,) in self._rows(ENTRIES, self.segment, first, after):
                yield values
            first = after

    def tail(self) -> Iterator[Sequence[bytes | None]]:
        """Entries that are not in the tree yet."""
        for (values,) in self._rows(TAIL, self.segment):
            yield values

    def blinding(self, month: str) -> bytes | None:
        """A month's key."""
        rows = self._rows(BLINDING, self.segment, f"{month}-01")
        return bytes(rows[0][0]) if rows else None

    def rows_put_back(self) -> list[Finding]:
        """One finding for each person whose row is not what the newest change wrote."""
        rows = self._rows(CHANGES, self.segment, self.segment)
        return [Finding(self.segment, None, Kind.PUT_BACK) for (same,) in rows if not same]

    def strays(self) -> list[Finding]:
        """One finding for each entry, or author, that the ledgers do not agree with."""
        rows = self._rows(STRAYS, *[self.segment] * 4)
        return [Finding(self.segment, None, Kind(kind)) for (kind,) in rows]

    def _rows(self, statement: str, *values: object) -> list[Any]:
        with self._connection.cursor(binary=True) as cursor:
            return cursor.execute(statement.encode(), values).fetchall()


def segments(connection: psycopg.Connection) -> list[str]:
    """Every segment that has entries."""
    return [row[0] for row in connection.execute(HEADS).fetchall()]
