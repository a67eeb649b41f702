"""A thief with the desk's login uses what PostgreSQL offers beside our functions: statistics, COPY, errors, shadows."""

# ruff: noqa: S608 - the statements are constants of the tests, put together

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from support.database import IDENTITY, SEGMENT, Database, charge, release, take
from support.meter import CHARGE, RELEASE, WRITTEN, fails, thief


@pytest.mark.parametrize(
    "statement",
    [
        "create temp table relation (a int)",
        "create table public.person (a int)",
        "create table cloison.person2 (a int)",
        "create schema mine",
        "create function pg_temp.clock_v1() returns timestamptz language sql return now()",
        "create function cloison.charge_v1(text) returns int language sql return 1",
        "create function public.sha256(bytea) returns bytea language sql return $1",
        "create operator public.= (leftarg = uuid, rightarg = uuid, function = pg_catalog.uuid_eq)",
        "create or replace function cloison.clock_v1() returns timestamptz language sql return now()",
        "create view cloison.peep as select 1",
        "create rule peep as on insert to cloison.entry do instead nothing",
        "create trigger peep before insert on cloison.entry execute function suppress_redundant_updates_trigger()",
        "create policy peep on cloison.person using (true)",
        "create extension dblink",
        "create extension hstore schema cloison",
        "create server far foreign data wrapper postgres_fdw",
        "create event trigger peep on ddl_command_start execute function pg_catalog.trigger_in()",
        "create publication peep for all tables",
        "create subscription peep connection '' publication peep",
        "create tablespace peep location '/tmp'",
        "create statistics cloison.peep on segment, person from cloison.person",
        "create cast (bytea as text) with inout",
        "create domain public.short as text",
        "create sequence public.mine",
        "alter table cloison.person disable trigger all",
        "alter table cloison.receipt set logged",
        "alter type cloison.meter add value 'free'",
        "drop function cloison.refuse_unsafe_caller_v1",
        "drop table cloison.entry",
        "truncate cloison.opening",
        "cluster cloison.entry using entry_numbered",
        "reindex table cloison.entry",
        "refresh materialized view cloison.holder",
        "comment on table cloison.entry is 'mine'",
        "security label on table cloison.entry is 'mine'",
        "checkpoint",
        "do $$ begin perform 1; end $$",
        "import foreign schema x from server y into public",
    ],
)
def test_object_made_or_changed(shared: Database, statement: str) -> None:
    """The desk makes no object anywhere, temporary or not, and changes none: there is nothing to shadow ours with."""
    with pytest.raises(
        (
            psycopg.errors.InsufficientPrivilege,
            psycopg.errors.UndefinedObject,  # of a server or wrapper that is not there
            psycopg.errors.WrongObjectType,
            psycopg.errors.FeatureNotSupported,
            psycopg.errors.InvalidParameterValue,  # a label without a provider
        )
    ):
        shared.connect("desk").execute(statement)


def test_tables_shadowed_through_pg_temp(database: Database) -> None:
    """Even with the right to temporary tables, tables and functions named as ours change nothing in our functions."""
    with database.connect("postgres") as administrator:
        administrator.execute(f'grant temporary on database "{database.name}" to cloison_desk')
        administrator.execute("grant usage on language plpgsql to cloison_desk")
    it, stranger = thief(database), database.people(1)
    for table in ("relation", "opening", "receipt", "role_budget", "account_freeze", "session_end", "person"):
        it.desk.execute(f"create temp table {table} (segment text, account uuid, person uuid, kind text)")
    it.desk.execute(
        "insert into pg_temp.relation values (%s, %s, %s, 'caseload')", ("59", it.session.account, *stranger)
    )
    it.desk.execute(
        "create function pg_temp.clock_v1() returns timestamptz language sql return now() - interval '1 year'"
    )
    it.desk.execute("create function pg_temp.sha256(bytea) returns bytea language sql return $1")
    it.desk.execute("set search_path = pg_temp, cloison, pg_catalog")
    assert charge(it.desk, it.session, stranger)[1] == ["scope"]
    assert len(take(it.desk, it.session, it.people)) == it.entries() == 10


def test_overloaded_call(shared: Database) -> None:
    """A call with other argument types finds our function or none."""
    it = thief(shared)
    with pytest.raises(psycopg.errors.UndefinedFunction):
        it.desk.execute("select cloison.charge_v1(%s::text, %s::bytea)", (SEGMENT, it.session.token))
    with pytest.raises(psycopg.errors.UndefinedFunction):
        it.desk.execute("select cloison.release_v1(1, 2, 3, 4)")


def test_parameters_of_other_sessions(shared: Database) -> None:
    """Neither pg_stat_activity nor pg_prepared_statements shows a token, a person or a term of an honest door."""
    it, other = thief(shared), thief(shared)
    with other.desk.transaction():
        charge(other.desk, other.session, other.people[:5])
        seen = str(it.desk.execute("select * from pg_stat_activity").fetchall())
        seen += str(it.desk.execute("select * from pg_prepared_statements").fetchall())
        seen += str(it.desk.execute("select * from pg_locks").fetchall())
        seen += str(it.desk.execute("select * from pg_cursors").fetchall())
    assert "charge_v1" in seen
    for secret in (other.session.token.hex(), str(other.session.session), *map(str, other.people)):
        assert secret not in seen
        assert secret.replace("-", "") not in seen


def test_statements_of_other_logins(shared: Database) -> None:
    """What owner and intake run is not shown to the desk."""
    desk = shared.connect("desk")
    shared.owner.execute("select 'a secret of the owner'")
    rows = desk.execute("select query from pg_stat_activity where usename is distinct from 'cloison_desk'").fetchall()
    assert rows
    assert {row[0] for row in rows} <= {"<insufficient privilege>", ""}


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (CHARGE, ("59", ["\\x5ec2e7"] * 129, [None], [None], [1], [0])),
        (CHARGE, ("59", ["\\x5ec2e7", b"\x5e\xc2\xe7"], ["5ec2e75e-c2e7-4ec2-85ec-5ec2e75ec2e"], [None], [1], [0])),
        (CHARGE, ("59", [b"\x5e\xc2\xe7"], [None], [None], ["5ec2e7"], [0])),
        (RELEASE, ("59", [b"\x5e\xc2\xe7"] * 129, [None], [None])),
        (
            "select * from cloison.search_v1('59', %s, null, 0::smallint, 9, %s, null, null, null, 0, null)",
            (b"\x5e", [0x5EC2E7]),
        ),
    ],
)
def test_error_that_echoes_a_value(shared: Database, statement: str, values: tuple[object, ...]) -> None:
    """The server's log holds no value of a failed call, and our own errors echo none."""
    with pytest.raises(psycopg.Error) as raised:
        shared.connect("desk").execute(statement, values)
    log = (shared.home.log / "postgresql.log").read_text(encoding="utf-8")
    assert "5ec2e7" not in log.lower()
    if (raised.value.sqlstate or "").startswith("CL"):
        assert "5ec2e7" not in str(raised.value).lower()


def test_copy_of_tables_and_files(shared: Database) -> None:
    """COPY reads no table, writes none, and reaches neither files nor programs."""
    desk = shared.connect("desk")
    for statement in (
        "copy cloison.person to stdout",
        "copy (select * from cloison.person) to stdout",
        "copy cloison.relation from stdin",
        "copy (select 1) to '/tmp/taken'",
        "copy (select 1) to program 'cat > /tmp/taken'",
        "copy cloison.relation from program 'cat /etc/passwd'",
    ):
        with fails("42501"):
            desk.execute(statement)


def test_copy_of_a_charge_with_its_release(shared: Database) -> None:
    """COPY of a charge is a charge; COPY of both in one statement is refused; COPY of a release is a release."""
    it = thief(shared)
    requests = [uuid4() for _ in range(5)]
    cursor = psycopg.ClientCursor(it.desk)
    charging = cursor.mogrify(CHARGE, it.charge_values(requests, it.people[:5]))
    releasing = cursor.mogrify(RELEASE, it.release_values(requests, it.people[:5]))
    with (
        fails(WRITTEN),
        cursor.copy(f"copy ({charging} union all select person::text from ({releasing}) r) to stdout") as both,
    ):
        assert list(both.rows()) == [("open",)] * 5
    assert it.entries() == 0
    with cursor.copy(f"copy ({charging}) to stdout") as charged:
        assert list(charged.rows()) == [("open",)] * 5
    with cursor.copy(f"copy ({releasing}) to stdout") as released:
        assert sorted(row[0] for row in released.rows()) == sorted(map(str, it.people[:5]))
    assert it.entries() == 5


def test_statement_run_by_ts_stat(shared: Database) -> None:
    """Functions that run a text as a statement run it in the same transaction, with the same rights."""
    it = thief(shared)
    requests = [uuid4()]
    cursor = psycopg.ClientCursor(it.desk)
    both = [
        f"select to_tsvector(x::text) from ({text}) x"
        for text in (
            cursor.mogrify(CHARGE, it.charge_values(requests, it.people[:1])),
            cursor.mogrify(RELEASE, it.release_values(requests, it.people[:1])),
        )
    ]
    with fails(WRITTEN):
        it.desk.execute("select s.* from unnest(%s::text[]) q, lateral ts_stat(q) s", (both,))
    with fails("42501"):
        it.desk.execute("select * from ts_stat('select to_tsvector(segment) from cloison.person')")
    assert it.entries() == 0


def test_explain_analyze(shared: Database) -> None:
    """EXPLAIN ANALYZE of a charge charges; of a release it uses the receipts up and shows nothing of them."""
    it = thief(shared)
    requests = [uuid4() for _ in range(5)]
    it.desk.execute(f"explain analyze {CHARGE}", it.charge_values(requests, it.people[:5]))
    assert it.entries() == 5
    plan = it.desk.execute(
        f"explain (analyze, verbose, buffers) {RELEASE}", it.release_values(requests, it.people[:5])
    ).fetchall()
    assert not any(str(person) in str(plan[:1]) for person in it.people)
    assert release(it.desk, it.session, requests, it.people[:5]) == []


def test_statistics_of_columns(shared: Database) -> None:
    """After ANALYZE the desk sees no most common value and no histogram of any of our tables."""
    thief(shared)
    shared.owner.execute("analyze")
    assert shared.one("select count(*) > 0 from pg_stats where schemaname = 'cloison'") is True
    desk = shared.connect("desk")
    for view in ("pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"):
        assert desk.execute(f"select * from {view} where schemaname = 'cloison'").fetchall() == []
    for table in ("pg_statistic", "pg_statistic_ext_data", "pg_authid"):
        with fails("42501"):
            desk.execute(f"select * from {table}")


@pytest.mark.parametrize(
    "view",
    [
        "pg_stat_user_tables",
        "pg_stat_xact_user_tables",
        "pg_statio_user_tables",
        "pg_stat_user_indexes",
        "pg_statio_user_indexes",
        "pg_stat_database",
        "pg_stat_user_functions",
        "pg_stat_wal",
        "pg_stat_io",
        "pg_stat_slru",
    ],
)
def test_counters_of_rows_and_pages(shared: Database, view: str) -> None:
    """Counters that move when somebody is found are not the desk's to read."""
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable)):
        shared.connect("desk").execute(f"select * from {view}")


def test_large_object_and_log_message(shared: Database) -> None:
    """The desk stores no large object, reads none, and writes nothing into the log by itself."""
    desk = shared.connect("desk")
    for call in (
        "select lo_create(0)",
        "select lo_creat(-1)",
        "select lo_from_bytea(0, 'x')",
        "select lo_import('/etc/passwd')",
        "select lo_export(1, '/tmp/taken')",
        "select lo_open(1, 131072)",
        "select lo_get(1)",
        "select lo_unlink(1)",
        "select pg_logical_emit_message(false, 'a', 'b')",
        "select pg_read_file('postgresql.conf')",
        "select pg_ls_dir('.')",
        "select pg_switch_wal()",
        "select pg_create_restore_point('mine')",
        "select pg_reload_conf()",
        "select pg_stat_reset()",
        "select pg_create_physical_replication_slot('mine')",
    ):
        with fails("42501"):
            desk.execute(call)


def test_snapshot_exported(shared: Database) -> None:
    """A snapshot taken before a freeze cannot be brought into a release: it takes an isolation that is refused."""
    it, other = thief(shared), shared.connect("desk")
    with it.desk.transaction():
        snapshot = it.desk.execute("select pg_export_snapshot()").fetchone()
        assert snapshot is not None
        with pytest.raises(psycopg.errors.FeatureNotSupported), other.transaction():
            other.execute(psycopg.sql.SQL("set transaction snapshot {}").format(snapshot[0]))


@pytest.mark.parametrize("count", [0, 1, 127, 128])
def test_batch_of_any_length(shared: Database, count: int) -> None:
    """Batches of up to 128 are answered, one row a request, in order."""
    it = thief(shared)
    people = [it.people[0], *(uuid4() for _ in range(count))][:count]
    outcomes = charge(it.desk, it.session, people)[1]
    assert outcomes == (["open"] + ["scope"] * (count - 1))[:count]


@pytest.mark.parametrize("position", range(5))
def test_batch_too_long_in_one_array(shared: Database, position: int) -> None:
    """129 items in any of the arrays are refused, also as an array of two dimensions."""
    it = thief(shared)
    item = ([it.session.token], [uuid4()], [it.people[0]], [IDENTITY], [0])
    for items in (item[position] * 129, [list(item[position] * 43) for _ in range(3)]):
        arrays = [*item[:position], items, *item[position + 1 :]]
        with fails("CL002"):
            it.desk.execute(CHARGE, (SEGMENT, *arrays))
        if position < 3:
            with fails("CL002"):
                it.desk.execute(RELEASE, (SEGMENT, *arrays[:3]))
    assert it.entries() == 0


def test_arrays_of_different_lengths(shared: Database) -> None:
    """What is missing at the end of a shorter array is null, and a null opens nobody."""
    it = thief(shared)
    full: list[list[Any]] = [
        [it.session.token] * 3,
        [uuid4() for _ in range(3)],
        it.people[:3],
        [IDENTITY] * 3,
        [0] * 3,
    ]
    for i in range(5):
        arrays = [array[: 1 if i == j else 3] for j, array in enumerate(full)]
        rows = it.desk.execute(CHARGE, (SEGMENT, *arrays)).fetchall()
        assert rows == [("open",), *[("no_session" if i == 0 else "scope",)] * 2]
    assert {outcome for (outcome,) in it.desk.execute(CHARGE, (SEGMENT, *[None] * 5)).fetchall()} == set()


def test_text_with_nul_or_without_end(shared: Database) -> None:
    """A NUL in the segment is refused before it is sent; a segment of a megabyte has no session."""
    it = thief(shared)
    values = it.charge_values([uuid4()], it.people[:1])[1:]
    with pytest.raises(psycopg.DataError):
        it.desk.execute(CHARGE, ("59\x00", *values))
    assert it.desk.execute(CHARGE, ("5" * 2**20, *values)).fetchall() == [("no_session",)]
    assert it.desk.execute(CHARGE, (None, *values)).fetchall() == [("no_session",)]
    long = (SEGMENT, [b"x" * 2**20], *values[1:])
    assert it.desk.execute(CHARGE, long).fetchall() == [("no_session",)]


def test_same_request_for_everybody(shared: Database) -> None:
    """One request id for all people is charged for each of them."""
    it = thief(shared)
    requests = [uuid4()] * 20
    outcomes = [row[0] for row in it.desk.execute(CHARGE, it.charge_values(requests, it.people)).fetchall()]
    assert outcomes == ["open"] * 10 + ["budget"] * 6 + ["busy"] * 4
    assert len(release(it.desk, it.session, requests[:1], [None])) == 10  # type: ignore[list-item]


def test_same_person_again_and_again(shared: Database) -> None:
    """The same person and request 16 times in a batch is one person charged, sixteen entries, one record."""
    it = thief(shared)
    requests = [uuid4()] * 16
    rows = it.desk.execute(CHARGE, it.charge_values(requests, it.people[:1] * 16)).fetchall()
    assert rows == [("open",)] * 16
    assert it.entries() == 16
    assert release(it.desk, it.session, requests, it.people[:1] * 16) == it.people[:1]
    assert len(take(it.desk, it.session, it.people)) == 10
