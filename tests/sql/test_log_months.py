"""Months of the audit log: made ahead, dropped whole and on time, and verified all the same."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg import sql
from support.database import SEGMENT, Database, take
from support.logged import Logged
from support.meter import Clock, fails

from cloison.audit.verify import Kind

MADE = "select count(*) from pg_inherits where inhparent = 'cloison.entry'::regclass"
TABLE_OF = """
select c.relname from cloison.entry e join pg_class c on c.oid = e.tableoid where e.segment = %s group by 1 limit 1
"""
DROP = "select cloison.drop_log_month_v1(%s)"
LOG_DROPPED = "select amount, count(*)::int from cloison.entry where event = 'log_dropped' and segment = %s group by 1"


@pytest.fixture
def logged(database: Database, tmp_path: Path) -> Iterator[Logged]:
    """A log whose first month is over by seven months: its witness's clock goes with the database's."""
    clock = Clock(database)
    clock.now = datetime.now(UTC).replace(day=10) - timedelta(days=215)
    clock.advance()
    found = Logged(database, tmp_path)
    found.sequencer.keep(12)
    found.opened(5)
    found.sequence()
    clock.now = datetime.now(UTC)
    clock.advance()
    found.sequencer.keep(36)
    found.opened(4)
    found.anchor()
    yield found
    found.close()


def test_made_ahead(logged: Logged) -> None:
    """This month and the two to come, once; entries stand in the table of their month."""
    logged.sequencer.keep(36)
    made = logged.database.one(MADE)
    logged.sequencer.keep(36)
    assert logged.database.one(MADE) == made
    session, people = logged.database.adviser(2)
    with logged.database.connect("desk") as desk:
        assert take(desk, session, people) == set(people)
    where = "select distinct tableoid::regclass::text from cloison.entry where account = %s"
    assert str(logged.database.one(where, session.account)).endswith(f"{datetime.now(UTC):%Y_%m}")


def test_dropped_on_time(logged: Logged) -> None:
    """A month that is older than what is kept goes, with its keys, by an entry in each log; the rest holds."""
    before = logged.report()
    assert (before.findings, before.dropped) == ([], 0)
    assert logged.sequencer.keep(12) == []
    (month,) = logged.sequencer.keep(6)
    dropped = logged.report()
    assert dropped.findings == []
    assert dropped.dropped >= 5
    assert dropped.anchored == before.anchored
    keys = "select count(*) from cloison.log_blinding where to_char(month, 'YYYY-MM') = %s"
    assert logged.database.one(keys, month) == 0
    assert logged.database.one(LOG_DROPPED, SEGMENT) == int(month.replace("-", ""))
    logged.anchor()
    assert logged.findings() == []
    assert logged.sequencer.keep(6) == []


def test_dropped_without_a_word(logged: Logged) -> None:
    """A superuser drops an old month, or a new one, with its keys, and nothing says so: its entries are missing."""
    for since in ("2000-01-01", f"{datetime.now(UTC):%Y-%m}-01"):
        with logged.superuser() as superuser, superuser.transaction(force_rollback=True):
            superuser.execute("delete from cloison.entry where at >= %s", (since,))
            superuser.execute("delete from cloison.log_blinding where month >= %s", (since,))
            logged.database.owner, owner = superuser, logged.database.owner
            assert Kind.MISSING in logged.kinds()
            logged.database.owner = owner
    with logged.superuser() as superuser:
        ((table,),) = superuser.execute(TABLE_OF, (SEGMENT,)).fetchall()
        superuser.execute(sql.SQL("drop table cloison.{}").format(sql.Identifier(table)))
    assert Kind.MISSING in logged.kinds()


def test_more_dropped_than_was_said(logged: Logged) -> None:
    """Which leaves have no entries is hashed into the entry that says so: nothing can be added to it."""
    logged.sequencer.keep(6)
    logged.anchor()
    with logged.superuser() as superuser:
        superuser.execute("delete from cloison.entry where event = 'open' and segment = %s", (SEGMENT,))
        assert Kind.MISSING in logged.kinds()
        everything = "update cloison.log_drop d set places = '{[0,1000000)}' where d.segment = %s"
        superuser.execute(everything, (SEGMENT,))
        assert {Kind.MISSING, Kind.CHANGED} <= logged.kinds()


def test_dropped_too_early(logged: Logged) -> None:
    """Nobody drops what is younger than six months, the sequencer's login neither; nor what no witness has signed."""
    for months in (0, 5, 37):
        with fails("CL037"):
            logged.sequencing.execute(DROP, (months,))
    waiting = "update cloison.log_head set cosigned_size = 0"
    logged.database.owner.execute(waiting)
    assert logged.sequencer.keep(6) == []


def test_entries_that_were_not_sequenced_stay(logged: Logged) -> None:
    """A month in which an entry waits for the sequencer is not dropped."""
    with logged.superuser() as superuser:
        superuser.execute("update cloison.log_author set sequenced = sequenced - 1")
    assert logged.sequencer.keep(6) == []
