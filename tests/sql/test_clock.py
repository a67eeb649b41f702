"""The clock that everything is counted by: the real one in every register, a simulated one in throw-away copies."""

from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
from support.database import Database
from support.meter import Clock, fails, first

from cloison.config import Home
from cloison.store.pools import connect

SIMULATED = files("cloison.replay").joinpath("simulated_clock.sql")
DEFINITION = "select pg_get_functiondef('cloison.clock_v1'::regproc)"


def test_clock_of_the_register(home: Home) -> None:
    """The home's own database has the real clock, and nothing of the simulated one."""
    with connect(home, "owner") as owner:
        assert "RETURN clock_timestamp()" in str(first(owner.execute(DEFINITION)))
        before = first(owner.execute("select clock_timestamp()"))
        assert first(owner.execute("select cloison.clock_v1() between %s and clock_timestamp()", (before,))) is True
        assert first(owner.execute("select to_regclass('cloison.simulated_clock') is null")) is True
        assert first(owner.execute("select to_regproc('cloison.set_clock_v1') is null")) is True


def test_simulated_clock_in_a_register(home: Home) -> None:
    """The simulated clock refuses to be installed in a register's own database, and changes nothing there."""
    with connect(home, "owner") as owner:
        before = first(owner.execute(DEFINITION))
        with fails("CL006"):
            owner.execute(SIMULATED.read_bytes())
        assert first(owner.execute(DEFINITION)) == before
        assert first(owner.execute("select to_regclass('cloison.simulated_clock') is null")) is True


def test_simulated_clock_in_a_copy(database: Database) -> None:
    """In a copy the owner turns the clock, and the meter's functions see it at once."""
    clock = Clock(database)
    clock.now = datetime(2031, 2, 3, tzinfo=UTC)
    clock.advance(days=1)
    assert database.one("select cloison.clock_v1()") == datetime(2031, 2, 4, tzinfo=UTC)


@pytest.mark.parametrize("login", ["desk", "intake", "reaper"])
def test_clock_turned_by_a_door(database: Database, login: str) -> None:
    """Nobody but the owner turns the simulated clock, or reads it."""
    Clock(database)
    connection = database.connect(login)
    for statement in (
        "select cloison.set_clock_v1(now())",
        "update cloison.simulated_clock set at = now()",
        "select cloison.clock_v1()",
    ):
        with fails("42501"):
            connection.execute(statement)


def test_clock_within_a_transaction(database: Database) -> None:
    """The clock goes on within a transaction: nothing is counted from when it began."""
    with database.owner.transaction():
        one = database.one("select cloison.clock_v1()")
        two = database.one("select cloison.clock_v1()")
        assert isinstance(one, datetime)
        assert isinstance(two, datetime)
        assert two > one


def test_windows_in_any_time_zone(database: Database) -> None:
    """The windows are as long in every time zone, on the days on which its clocks change too."""
    lengths = "select array(select %s::timestamptz - c from unnest(cloison.cutoffs_v1(%s::timestamptz)) c)"
    slack = timedelta(seconds=10)
    expected = [timedelta(minutes=5), timedelta(hours=1), timedelta(days=1), timedelta(days=28)]
    for zone in ("UTC", "Europe/Paris", "Pacific/Apia", "Australia/Lord_Howe", "<A>0<B>-24,86/12,200/0", "<A>-167"):
        database.owner.execute("select set_config('timezone', %s, false)", (zone,))
        for day in range(0, 366, 7):
            at = datetime(2027, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
            found = database.owner.execute(lengths, (at, at)).fetchone()
            assert found is not None
            assert found[0] == [length + slack for length in expected]


def test_sources_of_time(database: Database) -> None:
    """No function of the meter reads another clock than clock_v1, but to wait for the disk."""
    rows = database.owner.execute(
        "select p.proname from pg_proc p where p.pronamespace = 'cloison'::regnamespace and p.prokind = 'f' and "
        r"regexp_replace(pg_get_functiondef(p.oid), '--[^\n]*', '', 'g') ~* '\m(now|timeofday|current_date|localtime|"
        r"localtimestamp|(clock|statement|transaction|current)_timestamp)\M'"
    ).fetchall()
    assert {row[0] for row in rows} == {"clock_v1", "wait_until_flushed_v1"}


def test_days_that_depend_on_the_time_zone(database: Database) -> None:
    """No function adds or subtracts days, months or years: their length is the caller's time zone's to say."""
    rows = database.owner.execute(
        "select p.proname from pg_proc p where p.pronamespace = 'cloison'::regnamespace and p.prokind = 'f' and "
        r"pg_get_functiondef(p.oid) ~* '(interval\s+''[^'']*(day|week|mon|year)|"
        r"''[^'']*(day|week|mon|year)[^'']*''::interval)'"
    ).fetchall()
    assert rows == []
