"""The log as it stands in a database, for whoever verifies or exports it: read, by what PostgreSQL itself has.

Nothing here calls a function of ours, which whoever rewrites a log could rewrite as well.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from cloison.audit import entry
from cloison.audit.tree import Tile
from cloison.audit.verify import PIECE_LEAVES, Finding, Kind, ranges
from cloison.config import Home
from cloison.store.pools import connect

EVENT = entry.NUMBERS["event"] - 1
WITH_EVIDENCE = {b"act_asked", b"act_signed", b"log_dropped"}
BEFORE_2000 = 946_684_800_000_000  # PostgreSQL counts microseconds from 2000 on

SEGMENTS = "select segment from cloison.log_head union select distinct segment from cloison.ledger order by 1"
NOTES = """
select note from (
    select '' as witness, h.note from cloison.log_head h where h.segment = %(segment)s and h.note <> ''
    union all select c.witness::text, c.note from cloison.log_cosignature c where c.segment = %(segment)s) notes
order by witness
"""
TILE = "select hashes from cloison.log_tile where segment = %s and level = %s::int2 and index = %s"
LEAVES = """
select string_agg(hashes, ''::bytea order by index) from cloison.log_tile
where segment = %s and level = 0 and index >= %s and index < %s
"""
SIZE = """
select coalesce((select index * 256 + length(hashes) / 32 from cloison.log_tile
                 where segment = %s and level = 0 order by index desc limit 1), 0)
"""
DROPPED = "select to_char(month, 'YYYY-MM'), places::text from cloison.log_drop where segment = %s"
BLINDING = "select key from cloison.log_blinding where segment = %s and month = %s"
# From the batch on in which the first of these leaves is.
BATCHES = """
select b.since, b.until from cloison.log_batch b
where b.segment = %(segment)s and b.first < %(end)s and b.first >= coalesce((
    select max(o.first) from cloison.log_batch o where o.segment = %(segment)s and o.first <= %(start)s), 0)
"""
# Of each author so many entries that follow one another, from a place and a number on.
RUNS = f"""
batch as materialized (
    {BATCHES.replace("b.since, b.until", "b.first, b.authors, b.numbers, b.counts")}
), run as materialized (
    select b.first + sum(q.count) over (partition by b.first order by q.place) - q.count as place,
        s.account, q.number, q.count
    from batch b
    cross join lateral unnest(b.authors, b.numbers, b.counts) with ordinality q (author, number, count, place)
    left join cloison.log_author s on s.segment = %(segment)s and s.author = q.author
)
"""  # noqa: S608 - constants
PLACES = f"""
with {RUNS}
select (r.place + i)::bigint as place, r.account, r.number + i as number
from run r cross join lateral generate_series(0, r.count - 1) i
where r.place + i >= %(start)s and r.place + i < %(end)s
"""  # noqa: S608 - constants
# Where the entry is still there, only batches of its instant are looked through.
PLACE = """
with author as (
    select s.author, e.at from cloison.log_author s
    left join cloison.entry e on e.segment = s.segment and e.account = s.account and e.number = %(number)s::bigint
    where s.segment = %(segment)s and s.account = %(account)s
)
select (r.place + %(number)s::bigint - r.number)::bigint from author a cross join lateral (
    select b.first + sum(q.count) over (partition by b.first order by q.place) - q.count as place,
        q.author, q.number, q.count
    from cloison.log_batch b
    cross join lateral unnest(b.authors, b.numbers, b.counts) with ordinality q (author, number, count, place)
    where b.segment = %(segment)s and a.author = any (b.authors)
        and (a.at is null or b.since <= a.at and b.until >= a.at)
) r
where r.author = a.author and %(number)s::bigint between r.number and r.number + r.count - 1
"""
EVIDENCE = """
case when e.event in ('act_asked', 'act_signed') and e.outcome = 'open' then (
    select sha256(sha256(a.canonical) || sha256(s.public_key) || sha256(s.authenticator_data)
        || sha256(s.client_data) || sha256(s.signature))
    from cloison.act_signature s join cloison.act a on a.act = s.act
    where s.act = e.subject and s.account = e.account)
when e.event = 'log_dropped' then (
    select sha256(convert_to(w.places::text, 'UTF8')) from cloison.log_drop w
    where w.segment = e.segment and to_char(w.month, 'YYYYMM')::integer = e.amount) end
"""
VALUES = f"""
array[convert_to(e.segment, 'UTF8'), uuid_send(e.account), int8send(e.number),
    int8send((extract(epoch from e.at) * 1000000)::bigint), convert_to(e.event::text, 'UTF8'),
    convert_to(e.outcome::text, 'UTF8'), uuid_send(coalesce(a.organisation, o.organisation)),
    uuid_send(e.session), d.device, uuid_send(e.request), uuid_send(e.person), int8send(e.compartments),
    int8send(e.purpose), convert_to(e.relation::text, 'UTF8'), uuid_send(e.subject), int8send(e.amount),
    int8send(e.version), e.sealed_hash, {EVIDENCE}]
"""
LOOKED_UP = """
left join cloison.account a on a.segment = e.segment and a.account = e.account
left join cloison.organisation o on o.organisation = e.account
left join cloison.log_session d on d.session = e.session
"""
# What is there of these leaves' entries, as it is stored: making more of it is too slow for millions.
# `since` and `until` only say where to look first; who is not found there is looked for by author.
STORED = f"""
copy (
    with {RUNS}
    select (r.place + e.number - r.number)::bigint, e.account, e.number, e.at, e.event, e.outcome, e.session, e.request,
        e.person, e.compartments::bigint, e.purpose::bigint, e.relation, e.subject, e.amount::bigint, e.version::bigint,
        e.sealed_hash
    from cloison.entry e
    join run r on r.account = e.account and e.number >= r.number and e.number < r.number + r.count
    where e.segment = %(segment)s and e.at >= %(since)s and e.at <= %(until)s
        and r.place + e.number - r.number >= %(start)s and r.place + e.number - r.number < %(end)s
) to stdout (format binary)
"""  # noqa: S608 - constants
ORGANISATIONS = """
select a.account, a.organisation from cloison.account a where a.segment = %(segment)s and a.account = any (%(accounts)s)
union all select o.organisation, o.organisation from cloison.organisation o where o.organisation = any (%(accounts)s)
"""
DEVICES = "select d.session, d.device from cloison.log_session d where d.session = any (%(sessions)s)"
ELSEWHERE = f"""
select p.place, {VALUES}
from unnest(%(places)s::bigint[], %(accounts)s::uuid[], %(numbers)s::bigint[]) p (place, account, number)
join cloison.entry e on e.segment = %(segment)s and e.account = p.account and e.number = p.number
{LOOKED_UP}
"""  # noqa: S608 - constants
TAIL = f"""
select {VALUES} from cloison.entry e
left join cloison.log_author s on s.segment = e.segment and s.account = e.account
{LOOKED_UP}
where e.segment = %(segment)s and e.number > coalesce(s.sequenced, 0)
order by e.account, e.number
"""  # noqa: S608 - constants
# The newest change of each person who was changed here, beside the row; whoever was moved away is another segment's.
CHANGES = """
select p.version = c.version and sha256((select string_agg(s, ''::bytea order by n)
        from unnest(p.sealed) with ordinality q (s, n))) = c.sealed_hash
from (select distinct on (e.person) e.person, e.version, e.sealed_hash from cloison.entry e
      where e.segment = %(segment)s and e.version is not null and e.sealed_hash is not null and e.outcome = 'open'
      order by e.person, e.version desc) c
join cloison.person p on p.segment = %(segment)s and p.person = c.person
"""
# Numbers that nobody gives, authors whose ledger has counted more than there is, and more entries than leaves.
STRAYS = """
select 'inserted' from cloison.entry e where e.segment = %(segment)s and e.number < 1
union all
select 'cut_off' from (
    select l.account, l.next_number from cloison.ledger l where l.segment = %(segment)s
    union all
    select l.organisation, l.next_number from cloison.organisation_ledger l where l.segment = %(segment)s) l
left join (select e.account, max(e.number) as number from cloison.entry e where e.segment = %(segment)s
           group by e.account) e on e.account = l.account
left join cloison.log_author s on s.segment = %(segment)s and s.account = l.account
where l.next_number - 1 <> greatest(e.number, s.sequenced, 0)
union all
select 'inserted' from (
    select count(*) as entries from cloison.entry e
    join cloison.log_author s on s.segment = e.segment and s.account = e.account and e.number <= s.sequenced
    where e.segment = %(segment)s) e
where e.entries > (select coalesce(sum(s.sequenced), 0) from cloison.log_author s where s.segment = %(segment)s)
    - (select coalesce(sum(upper(r.places) - lower(r.places)), 0)
       from cloison.log_drop d cross join lateral unnest(d.places) r (places) where d.segment = %(segment)s)
"""


class Stored:
    """A segment's log in the database. `connection` gives what may read the log's tables, in one transaction."""

    def __init__(self, connection: Callable[[], psycopg.Connection], segment: str) -> None:
        """Nothing is read yet."""
        self.segment, self._connection = segment, connection

    def checkpoints(self) -> Sequence[str]:
        """The log's own, and then the newest of each witness."""
        return [str(row[0]) for row in self._rows(NOTES, {"segment": self.segment})]

    def tile(self, tile: Tile) -> bytes:
        """The hashes of a tile, as many as are stored; raises LookupError where there is none."""
        rows = self._rows(TILE, (self.segment, *tile))
        if not rows:
            raise LookupError(f"tile {tile.number} of level {tile.level}")
        return bytes(rows[0][0])

    def size(self) -> int:
        """How many leaves' hashes there are."""
        return int(self._rows(SIZE, (self.segment,))[0][0])

    def leaves(self, piece: int) -> bytes:
        """The hashes of a piece, one after the other."""
        tiles = PIECE_LEAVES // 256
        return bytes(self._rows(LEAVES, (self.segment, piece * tiles, (piece + 1) * tiles))[0][0] or b"")

    def entries(self, piece: int) -> Iterator[tuple[int, Sequence[bytes | None]]]:
        """The entries of a piece's leaves by place; of those that are gone what is known of them."""
        return self.between(piece * PIECE_LEAVES, (piece + 1) * PIECE_LEAVES)

    def between(self, start: int, end: int) -> Iterator[tuple[int, Sequence[bytes | None]]]:
        """The same of the leaves from one to before another."""
        span = {"segment": self.segment, "start": start, "end": end}
        instants = self._rows(BATCHES, span)
        if not instants:
            return
        span |= {"since": min(row[0] for row in instants), "until": max(row[1] for row in instants)}
        found: dict[int, Sequence[bytes | None]] = {}
        wanted: list[int] = []  # what is read by itself: where more is looked up, or nothing was found
        for place, values in self._stored(span):
            if place in found:
                yield place, values  # there is one too many, and both are looked at
            elif values[EVENT] in WITH_EVIDENCE:
                wanted.append(place)
            else:
                found[place] = values
        if wanted or len(found) < min(end, self.size()) - start:
            found |= self._by_author(span, found, set(wanted))
        for place in sorted(found):
            yield place, found[place]

    def _stored(self, span: Mapping[str, object]) -> Iterator[tuple[int, list[bytes | None]]]:
        """The entries of a span that are where they are looked for first, in any order, without evidence."""
        with self._connection().cursor() as cursor, cursor.copy(STORED.encode(), span) as copy:
            rows = list(copy.rows())
        accounts = [UUID(bytes=each) for each in {row[1] for row in rows}]
        organisations = self._pairs(ORGANISATIONS, {"segment": self.segment, "accounts": accounts})
        sessions = {"sessions": [UUID(bytes=each) for each in {row[6] for row in rows} if each is not None]}
        devices = self._pairs(DEVICES, sessions)
        segment = self.segment.encode()
        for row in rows:
            place, account, number, at, event, outcome, session, *others = row
            instant = (int.from_bytes(at, "big", signed=True) + BEFORE_2000).to_bytes(8, "big", signed=True)
            values = [segment, account, number, instant, event, outcome, organisations.get(account), session]
            yield int.from_bytes(place, "big"), [*values, devices.get(session), *others, None]

    def _by_author(
        self, span: Mapping[str, object], found: Mapping[int, object], wanted: set[int]
    ) -> dict[int, Sequence[bytes | None]]:
        """Of places that nothing was found for: what is there by author and number, or what is known of it."""
        astray = {row[0]: row[1:] for row in self._rows(PLACES, span) if row[0] not in found}
        dropped = [each for text in self.dropped().values() for each in ranges(text)]
        looked = [
            place for place in astray if place in wanted or not any(first <= place < end for first, end in dropped)
        ]
        accounts, numbers = ([astray[place][part] for place in looked] for part in (0, 1))
        these = {"segment": self.segment, "places": looked, "accounts": accounts, "numbers": numbers}
        elsewhere = self._rows(ELSEWHERE, these)
        known: dict[int, Sequence[bytes | None]] = {place: _gone(*author) for place, author in astray.items()}
        return known | dict(elsewhere)

    def _pairs(self, statement: str, values: Mapping[str, object]) -> dict[bytes, bytes]:
        """What is looked up by a UUID, in the 16 bytes that each UUID is."""
        return {key.bytes: getattr(found, "bytes", found) for key, found in self._rows(statement, values)}

    def place(self, account: UUID, number: int) -> int | None:
        """At which leaf an author's entry stands; None: at none."""
        rows = self._rows(PLACE, {"segment": self.segment, "account": account, "number": number})
        return int(rows[0][0]) if rows else None

    def tail(self) -> Iterator[Sequence[bytes | None]]:
        """Entries that are not in the tree yet."""
        for (values,) in self._rows(TAIL, {"segment": self.segment}):
            yield values

    def blinding(self, month: str) -> bytes | None:
        """A month's key."""
        rows = self._rows(BLINDING, (self.segment, f"{month}-01"))
        return bytes(rows[0][0]) if rows else None

    def dropped(self) -> dict[str, str]:
        """Which leaves of a month have no entries any more."""
        return dict(self._rows(DROPPED, (self.segment,)))

    def rows_put_back(self) -> list[Finding]:
        """One finding for each person whose row is not what the newest change wrote."""
        rows = self._rows(CHANGES, {"segment": self.segment})
        return [Finding(self.segment, None, Kind.PUT_BACK) for (same,) in rows if not same]

    def strays(self) -> list[Finding]:
        """One finding for each entry, or author, that the ledgers do not agree with."""
        return [Finding(self.segment, None, Kind(kind)) for (kind,) in self._rows(STRAYS, {"segment": self.segment})]

    def _rows(self, statement: str, values: Sequence[object] | Mapping[str, object]) -> list[Any]:
        with self._connection().cursor(binary=True) as cursor:
            return cursor.execute(statement.encode(), values).fetchall()


def _gone(account: UUID | None, number: int) -> list[bytes | None]:
    """What stands for an entry that is not there: its author and its number."""
    known: dict[str, entry.Value | None] = {"account": account, "number": number}
    return [entry.written(known.get(field.name)) for field in entry.FIELDS]


@cache
def snapshot(home: Path, name: str) -> psycopg.Connection:
    """A connection of the owner's that sees what that of an exported snapshot sees; of each process its own."""
    connection = connect(Home(home), "owner")
    connection.execute("begin isolation level repeatable read, read only")
    connection.execute(sql.SQL("set transaction snapshot {}").format(name))
    for setting in ("enable_nestloop", "jit"):  # many rows are read, and statistics may be older than they
        connection.execute(sql.SQL("set local {} = off").format(sql.Identifier(setting)))
    return connection


def segments(connection: psycopg.Connection) -> list[str]:
    """Every segment that has entries."""
    return [row[0] for row in connection.execute(SEGMENTS).fetchall()]
