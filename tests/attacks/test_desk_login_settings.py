"""A thief with the desk's login turns every setting that is theirs to turn, to be released more than the budget."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from support.database import SEGMENT, Database, charge, release, take
from support.meter import LIST, UNSAFE, Clock, Query, Thief, ask, fails, find, first, thief

ISOLATIONS = ("repeatable read", "serializable", "read uncommitted")
CALLS: dict[str, Callable[[Thief], object]] = {
    "charge": lambda it: charge(it.desk, it.session, it.people[:1]),
    "release": lambda it: release(it.desk, it.session, [uuid4()], it.people[:1]),
    "search": lambda it: ask(it.desk, it.session, Query(2, [1]), uuid4()),
    "find": lambda it: find(it.desk, it.session, uuid4()),
    "list": lambda it: it.desk.execute(LIST, (SEGMENT, it.session.token, uuid4(), True, None)),
}


@pytest.fixture
def desk_settings(database: Database) -> Iterator[None]:
    """Takes back what a test attached to the desk's role, which all databases of the server share."""
    yield
    with database.connect("postgres") as administrator:
        administrator.execute("alter role cloison_desk reset all")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_snapshot_older_than_the_lock(shared: Database, call: str, isolation: str) -> None:
    """Under any isolation but READ COMMITTED, set as the session's default, every call is refused."""
    it = thief(shared)
    it.desk.execute(f"set default_transaction_isolation = '{isolation}'")
    with fails(UNSAFE):
        CALLS[call](it)


def test_isolation_of_one_transaction(shared: Database) -> None:
    """A charge in a transaction begun as REPEATABLE READ is refused, and one that changes it later too."""
    it = thief(shared)
    with fails(UNSAFE), it.desk.transaction():
        it.desk.execute("set transaction isolation level repeatable read")
        charge(it.desk, it.session, it.people[:1])
    with it.desk.transaction(force_rollback=True):
        it.desk.execute("select 1")
        with pytest.raises(psycopg.errors.ActiveSqlTransaction):
            it.desk.execute("set transaction isolation level serializable")


def test_isolation_given_at_connection(shared: Database) -> None:
    """Isolation set in the connection's own options is refused as well."""
    it = thief(shared)
    desk = shared.connect("desk", options="-c default_transaction_isolation=serializable")
    with fails(UNSAFE):
        charge(desk, it.session, it.people[:1])


@pytest.mark.usefixtures("desk_settings")
def test_isolation_attached_to_the_role(database: Database) -> None:
    """ALTER ROLE on itself changes what the thief's next connection has, and is refused; honest doors pin theirs."""
    it = thief(database)
    it.desk.execute("alter role cloison_desk set default_transaction_isolation = 'repeatable read'")
    it.desk.execute("alter role cloison_desk set synchronous_commit = 'off'")
    it.desk.execute("alter role cloison_desk set default_transaction_read_only = 'on'")
    it.desk.execute("alter role cloison_desk set search_path = 'pg_temp, public'")
    with fails(UNSAFE):
        charge(database.connect("desk", options=""), it.session, it.people[:1])
    honest = database.connect("desk")
    assert first(honest.execute("show synchronous_commit")) == "on"
    assert take(honest, it.session, it.people[:3]) == set(it.people[:3])


@pytest.mark.parametrize("value", ["off", "false", "0", "no"])
def test_citus_without_a_transaction_block(shared: Database, value: str) -> None:
    """The setting that makes Citus commit a function's statements one by one is refused, whatever it is called."""
    it = thief(shared)
    it.desk.execute(f"set citus.function_opens_transaction_block = '{value}'")
    for call in CALLS.values():
        with fails(UNSAFE):
            call(it)


def test_time_zone_in_which_a_day_has_no_length(database: Database) -> None:
    """In a time zone whose clocks go forward by 24 hours today, `now - 1 day` is now: the day's budget holds.

    POSIX zones say by themselves when and by how much clocks change, and a session may set any.
    """
    it, clock = thief(database, people=60), Clock(database)
    it.budget("open", 10, 10, 20, 30)
    taken = set()
    for hour in range(6):
        changed = clock.now - timedelta(minutes=30)
        rule = f"{changed.timetuple().tm_yday - 1}/{changed.hour}:{changed.minute:02}"
        it.desk.execute(f"set timezone = '<A>0<B>-24,{rule},{(changed.timetuple().tm_yday + 20) % 365}/0'")
        taken |= take(it.desk, it.session, it.people[hour * 10 :][:10], batch=10)
        clock.advance(hours=1.01)
    assert len(taken) == 20


def test_time_zone_a_week_away(shared: Database) -> None:
    """Today's list is of today in UTC, not of a day that the caller's time zone chooses."""
    it = thief(shared)
    shared.owner.execute(
        "update cloison.relation set kind = 'inbound', valid_from = cloison.clock_v1() + interval '72 hours'"
    )
    for zone in ("<A>-167", "<A>+167", "UTC"):
        it.desk.execute(f"set timezone = '{zone}'")
        row = it.desk.execute(LIST, (SEGMENT, it.session.token, uuid4(), False, None)).fetchone()
        assert row == ("open", 0, None)


@pytest.mark.parametrize(
    "setting",
    [
        "statement_timeout = '3ms'",
        "lock_timeout = '1ms'",
        "idle_in_transaction_session_timeout = 0",
        "enable_indexscan = off",
        "enable_sort = off",
        "plan_cache_mode = 'force_generic_plan'",
        "standard_conforming_strings = off",
        "array_nulls = off",
        "transform_null_equals = on",
        "datestyle = 'SQL, DMY'",
        "bytea_output = 'escape'",
        "search_path = 'pg_temp, cloison, public'",
        "default_transaction_deferrable = on",
        "row_security = off",
        "jit_above_cost = 0",
        "check_function_bodies = off",
        "work_mem = '64kB'",
    ],
)
def test_setting_that_changes_how_a_charge_runs(shared: Database, setting: str) -> None:
    """No setting of the session makes the meter give more than the budget, or give anybody without an entry."""
    it = thief(shared, people=30)
    it.desk.execute(f"set {setting}")
    taken: set[object] = set()
    for i in range(0, 30, 5):
        try:
            taken |= take(it.desk, it.session, it.people[i : i + 5])
        except psycopg.errors.QueryCanceled:
            continue
    assert len(taken) <= 10
    assert len(taken) <= it.entries()


@pytest.mark.parametrize(
    "setting",
    [
        "session_replication_role = replica",
        "zero_damaged_pages = on",
        "log_statement = 'all'",
        "log_min_duration_statement = 0",
        "session_preload_libraries = 'auto_explain'",
        "track_functions = 'all'",
        "fsync = off",
    ],
)
def test_setting_of_the_administrator(shared: Database, setting: str) -> None:
    """What would print values, skip rules or lose commits is not the desk's to set."""
    with pytest.raises(
        (psycopg.errors.InsufficientPrivilege, psycopg.errors.CantChangeRuntimeParam, psycopg.errors.UndefinedObject)
    ):
        shared.connect("desk").execute(f"set {setting}")


@pytest.mark.parametrize("role", ["cloison_owner", "cloison_intake", "cloison_reaper", "postgres", "pg_read_all_data"])
@pytest.mark.parametrize("statement", ["set role {}", "set session authorization {}", "set local role {}"])
def test_another_role(shared: Database, role: str, statement: str) -> None:
    """SET ROLE and SET SESSION AUTHORIZATION lead nowhere: the desk is a member of nothing."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shared.connect("desk").execute(statement.format(role))


@pytest.mark.parametrize(
    "statement",
    [
        "alter role cloison_desk superuser",
        "alter role cloison_desk createrole",
        "alter role cloison_desk bypassrls",
        "alter role cloison_desk replication",
        "alter role cloison_desk connection limit 1000",
        "alter role cloison_desk inherit",
        "alter role cloison_owner set synchronous_commit = off",
        "alter role cloison_desk set session_replication_role = replica",
        "alter database cloison set synchronous_commit = off",
        "alter role all set synchronous_commit = off",
        "grant cloison_owner to cloison_desk",
        "grant select on cloison.person to cloison_desk",
        "grant execute on function cloison.freeze_v1(text, uuid) to cloison_desk",
        "alter function cloison.charge_v1 reset all",
        "alter function cloison.charge_v1 security invoker",
        "alter default privileges for role cloison_owner grant select on tables to cloison_desk",
        "create role accomplice",
        "load 'auto_explain'",
        "load 'pg_stat_statements'",
    ],
)
def test_right_given_to_oneself(shared: Database, statement: str) -> None:
    """No statement gives the desk a right, a power or a setting beyond its own sessions'."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shared.connect("desk").execute(statement)
