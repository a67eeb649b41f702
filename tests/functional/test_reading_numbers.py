"""How fast the audit log is read among many entries: docs/benchmarks/reading.md.

`make soak ARGS="-k reading_numbers"`; LOG_ENTRIES says how many entries, ten million by default.
"""

import os
import random
import statistics
import time
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

import psycopg
import pytest
from support.database import SEGMENT, Database
from support.figures import machine, percentile
from support.spaces import Spaces

ENTRIES = int(os.environ.get("LOG_ENTRIES", "10000000"))
MONTHS, LINES_A_PERSON, ACCOUNTS, ORGANISATIONS = 12, 30, 2_000, 20
TRIES = 200
MOST_MILLISECONDS = 10.0
MONTHS_MADE = """
do $$
begin
    for i in 0 .. 11 loop
        if to_regclass('cloison.' || cloison.log_table_v1(cloison.log_month_v1(-i))) is null then
            execute format('create table cloison.%I partition of cloison.entry for values from (%L) to (%L)',
                cloison.log_table_v1(cloison.log_month_v1(-i)), cloison.log_month_v1(-i), cloison.log_month_v1(1 - i));
        end if;
    end loop;
end $$
"""
STAFF = """
with bodies as (
    insert into cloison.organisation (name) select 'organisation ' || i from generate_series(1, 20) i
    returning organisation
), numbered as (select organisation, row_number() over () - 1 as n from bodies)
insert into cloison.account (segment, account, handle, organisation, agency, role, holder, reviewed_at)
select '59', md5('account' || i)::uuid, 'made-up-' || i, b.organisation, 'agency', r.role, 'holder ' || i, now()
from generate_series(0, 1999) i join numbered b on b.n = i % 20
join cloison.role r on r.name = 'adviser'
"""
WRITTEN = """
insert into cloison.entry (
    segment, account, number, at, event, outcome, session, request, person, compartments, purpose, relation)
select '59', md5('account' || (i::bigint * 7919 %% 2000))::uuid, %(first)s + i,
    now() - interval '330 days' * ((%(first)s + i)::float / %(entries)s) - interval '1 minute',
    'open', 'open', gen_random_uuid(), gen_random_uuid(),
    md5('person' || ((%(first)s + i)::bigint * 104729 %% %(people)s))::uuid, 3, 0, 'caseload'
from generate_series(0, %(count)s - 1) i
"""
SIZES = """
select sum(pg_relation_size(c.oid)) filter (where c.relkind = 'r' and c.relname like 'entry%%'),
    sum(pg_relation_size(c.oid)) filter (where c.relkind = 'i' and c.relname like 'entry%%')
from pg_class c where c.relnamespace = 'cloison'::regnamespace
"""
DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks" / "reading.md"
TEXT = """# Reading the audit log, measured
`make soak ARGS="-k reading_numbers"`, {machine}: {entries:,} entries of {months} months, a table each, {lines} a
person; {accounts:,} accounts of {organisations} organisations. Each reading is of somebody or something else, by
the doors' own logins; the first touch of a page, from the system's cache, is in it. Pages: of 8 KiB, touched by
one reading.

| what | median, ms | 99 %, ms | pages |
| --- | --: | --: | --: |
{rows}

{bytes:.0f} bytes an entry, {index_bytes:.0f} of them indexes.

## Among 100 million
A person's lines are found by one descent of an index a month, and a page of the table a line. A month that was measured
has {month:,} entries, a month of 100 million in {months} months 8,333,333: {leaves:,} leaves in its index instead of
{leaves_here:,}, and with some 280 entries a leaf {depth} levels instead of {depth_here}. What grows otherwise is what
does not fit into memory: each page from a disk of 0.1 ms adds as much, {cold:.0f} ms where all {pages:.0f} do. That
has not been measured. With 36 months instead of 12 there are three times as many descents.
An account, an organisation and the whole are read back from where the page begins, so that a page costs what was
written in the last minutes, not what there is.
"""


class Figure(NamedTuple):
    """Milliseconds of so many readings, and the pages that one of them touched."""

    what: str
    seconds: list[float]
    pages: float | None = None

    @property
    def row(self) -> str:
        """As the document has it."""
        median, most = statistics.median(self.seconds), percentile(self.seconds, 0.99)
        pages = "" if self.pages is None else f"{self.pages:.0f}"
        return f"| {self.what} | {median * 1000:.2f} | {most * 1000:.2f} | {pages} |"


def touched(connection: psycopg.Connection, statement: str, values: tuple[object, ...]) -> float:
    """How many pages a statement touches that was asked before."""
    connection.execute(statement, values)
    ((plan,),) = connection.execute(f"explain (analyze, buffers, format json) {statement}", values).fetchall()
    return float(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])


def levels(leaves: float) -> int:
    """How deep a B-tree of so many leaves is, 280 entries a page."""
    deep = 1
    while leaves > 1:
        leaves, deep = leaves / 280, deep + 1
    return deep


ASK = "select cloison.ask_log_v1(%s, %s, %s, %s, %s, %s)"
READ = "select * from cloison.read_log_v1(%s, %s, %s, null, null, null, null, null, null, %s)"
HISTORY = "select * from cloison.space_history_v1(%s, %s, null, 0, 50)"
ENTRIES_OF = "select * from cloison.entries_v1(%s, %s, null, null, null, null, null, null, %s)"
OWN = "select * from cloison.own_entries_v1('59', %s, 'infinity')"


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_reading_numbers(database: Database) -> None:
    """A person's whole history, and pages by account, organisation and time; a person's own view."""
    people = ENTRIES // LINES_A_PERSON
    owner = database.owner
    owner.execute(MONTHS_MADE)
    database.account()
    owner.execute("update cloison.organisation set service = true where name = 'Agence'")
    officer = database.session(database.account("officer"))
    owner.execute(STAFF)
    for first in range(0, ENTRIES, 500_000):
        count = min(500_000, ENTRIES - first)
        owner.execute(WRITTEN, {"first": first, "count": count, "entries": ENTRIES, "people": people})
    owner.execute("vacuum analyze cloison.entry")
    chance = random.Random(7)  # noqa: S311 - whom to look for

    def person() -> UUID:
        return UUID(str(database.one("select md5('person' || %s)::uuid", chance.randrange(people))))

    spaces = Spaces(database)
    login = spaces.login()
    live = spaces.begin(login, 101)
    assert live is not None
    whose = "update cloison.space_login set person = %s where login = %s"

    chosen = [person() for _ in range(TRIES)]
    found: list[int] = []
    with database.connect("desk") as desk, database.connect("owner") as looking:

        def page(most: int, handle: str | None, of: str | None, whom: UUID | None) -> float:
            request = uuid4()
            desk.execute(ASK, (officer.segment, officer.token, request, handle, of, whom))
            began = time.perf_counter()
            found.append(len(desk.execute(READ, (officer.segment, officer.token, request, most)).fetchall()))
            return time.perf_counter() - began

        figures = [
            Figure(
                "a person's whole history, by an officer",
                [page(1000, None, None, each) for each in chosen],
                touched(looking, ENTRIES_OF, (None, person(), 1000)),
            )
        ]
        assert min(found) >= LINES_A_PERSON
        own_seconds = []
        for each in chosen:
            owner.execute(whose, (each, login.login))
            began = time.perf_counter()
            assert spaces.ask(HISTORY, SEGMENT, live.token)
            own_seconds.append(time.perf_counter() - began)
        figures.append(Figure("the first 50 lines of one's own", own_seconds, touched(looking, OWN, (person(),))))
        handles = [f"made-up-{chance.randrange(ACCOUNTS)}" for _ in range(TRIES // 4)]
        bodies = [f"organisation {chance.randrange(ORGANISATIONS) + 1}" for _ in range(TRIES // 4)]
        figures += [
            Figure("100 entries of an account", [page(100, each, None, None) for each in handles]),
            Figure("100 entries of an organisation", [page(100, None, each, None) for each in bodies]),
            Figure("100 entries of all", [page(100, None, None, None) for _ in bodies]),
        ]
    spaces.close()

    rows_bytes, index_bytes = (float(each) for each in owner.execute(SIZES).fetchone() or (0, 0))
    month = ENTRIES // MONTHS
    whole = figures[0]
    text = TEXT.format(
        machine=machine(),
        entries=ENTRIES,
        months=MONTHS,
        lines=LINES_A_PERSON,
        accounts=ACCOUNTS,
        organisations=ORGANISATIONS,
        rows="\n".join(each.row for each in figures),
        bytes=(rows_bytes + index_bytes) / ENTRIES,
        index_bytes=index_bytes / ENTRIES,
        month=month,
        leaves=8_333_333 // 280,
        leaves_here=month // 280,
        depth=levels(8_333_333 / 280),
        depth_here=levels(month / 280),
        pages=whole.pages or 0,
        cold=(whole.pages or 0) / 10,
    )
    DOCUMENT.write_text(text, encoding="utf-8")
    assert statistics.median(whole.seconds) * 1000 < MOST_MILLISECONDS
