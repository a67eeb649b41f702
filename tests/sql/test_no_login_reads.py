"""What each login cannot do: no table, no view, no object of its own, no other database, no other login."""

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from support.database import Database

from cloison.config import read_secret
from cloison.store.embedded import SUPERUSER, Embedded

OTHERS = ("desk", "intake", "reaper", "statistics", "signin", "space")
LOGINS = ("owner", *OTHERS)
RELATIONS = "select c.relname, c.relkind from pg_class c where c.relnamespace = 'cloison'::regnamespace and relkind in "

PRIVILEGES = """
select c.relname, p.privilege from pg_class c
cross join unnest(array['select', 'insert', 'update', 'references']) p (privilege)
where c.relnamespace = 'cloison'::regnamespace and case
    when c.relkind in ('r', 'v', 'm', 'p', 'f') then has_any_column_privilege(%(role)s, c.oid, p.privilege)
    when c.relkind = 'S' then has_sequence_privilege(%(role)s, c.oid, 'usage, select, update') else false end
"""


def relations(database: Database, statement: str) -> list[sql.Identifier]:
    """Every table of the schema, those that are still to come too; every view, for what can be said of a view."""
    kinds = "('r', 'v', 'm', 'p', 'f')" if statement.startswith(("select", "grant")) else "('r', 'p', 'f')"
    rows = database.owner.execute(RELATIONS + kinds + " order by 1").fetchall()
    assert len(rows) > 15
    return [sql.Identifier("cloison", row[0]) for row in rows]


@pytest.mark.parametrize("login", OTHERS)
@pytest.mark.parametrize(
    "statement",
    [
        "select from {}",
        "select count(*) from {}",
        "insert into {} default values",
        "update {} set segment = segment",
        "update {} set single = true",
        "delete from {}",
        "truncate {}",
        "copy {} to stdout",
        "copy {} from stdin",
        "alter table {} add column more int",
        "create index on {} ((1))",
        "grant all on {} to public",
        "select from {} for update",
    ],
)
def test_table_or_view(shared: Database, login: str, statement: str) -> None:
    """Desk, intake and reaper can do nothing with any table or view of the schema."""
    with shared.connect(login) as connection:
        for relation in relations(shared, statement):
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedColumn)) as raised:
                connection.execute(sql.SQL(statement).format(relation))
            if isinstance(raised.value, psycopg.errors.UndefinedColumn):
                assert "set" in statement


@pytest.mark.parametrize("login", OTHERS)
def test_every_privilege_on_every_relation(shared: Database, login: str) -> None:
    """PostgreSQL itself says that these logins have no privilege on any relation, column or sequence of ours."""
    role = f"cloison_{login}"
    assert shared.owner.execute(PRIVILEGES, {"role": role}).fetchall() == []
    assert len(shared.owner.execute(PRIVILEGES, {"role": "cloison_owner"}).fetchall()) > 60


@pytest.mark.parametrize("table", ["entry", "opening", "refusal", "search_miss", "session_end", "account_freeze"])
@pytest.mark.parametrize("login", OTHERS)
def test_audit_log_and_ledger_changed(shared: Database, login: str, table: str) -> None:
    """Nobody but the owner can change or remove an entry, an opening or a refusal."""
    rights = "select has_table_privilege(%s, %s, 'insert, update, delete, truncate, trigger, references')"
    assert shared.one(rights, f"cloison_{login}", f"cloison.{table}") is False
    assert shared.one(rights, "cloison_owner", f"cloison.{table}") is True


@pytest.mark.parametrize("login", OTHERS)
@pytest.mark.parametrize(
    "statement",
    [
        "create temp table mine ()",
        "create schema mine",
        "create table public.mine ()",
        "create table cloison.mine ()",
        "create function pg_temp.mine() returns int language sql return 1",
        "create function cloison.mine() returns int language sql return 1",
        "create procedure cloison.mine() language sql begin atomic select 1; end",
        "create type cloison.mine as (a int)",
        "create extension hstore",
        "do $$ begin end $$",
        "do language sql $$ select 1 $$",
        "select lo_create(0)",
        "select lo_from_bytea(0, '')",
        "select * from pg_stat_user_tables",
        "select * from pg_stat_database",
        "select * from pg_statio_user_tables",
        "select pg_stat_get_tuples_fetched('cloison.person'::regclass)",
        "select pg_stat_get_numscans('cloison.person'::regclass)",
        "select pg_stat_get_xact_numscans('cloison.person'::regclass)",
        "select pg_stat_get_db_tuples_fetched((select oid from pg_database where datname = current_database()))",
        "select pg_advisory_lock(1)",
        "select pg_try_advisory_xact_lock(1, 1)",
        "select * from pg_statistic",
        "select rolpassword from pg_authid",
        "select * from pg_hba_file_rules",
        "select pg_read_file('PG_VERSION')",
        "select pg_reload_conf()",
    ],
)
def test_object_block_counter_or_file(shared: Database, login: str, statement: str) -> None:
    """These logins make nothing, run no block of code, read no counter, take no lock and no file."""
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported)):
        shared.connect(login).execute(statement)


@pytest.mark.parametrize("login", OTHERS)
def test_statistics_of_columns(shared: Database, login: str) -> None:
    """pg_stats shows these logins no value of any column of ours."""
    shared.people(100)
    shared.owner.execute("analyze cloison.person")
    assert shared.one("select count(*) > 0 from pg_stats where schemaname = 'cloison'") is True
    row = shared.connect(login).execute("select count(*) from pg_stats where schemaname = 'cloison'").fetchone()
    assert row == (0,)


@pytest.mark.parametrize("login", LOGINS)
def test_power_of_an_administrator(shared: Database, login: str) -> None:
    """No login of ours is a superuser, makes databases or roles, replicates, or passes by row security."""
    row = shared.owner.execute(
        "select rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolcanlogin from pg_roles "
        "where rolname = %s",
        (f"cloison_{login}",),
    ).fetchone()
    assert row == (False, False, False, False, False, True)


def test_membership(shared: Database) -> None:
    """The reaper is a member of the doors, so that it can end them; nobody else is a member of anything."""
    rows = shared.owner.execute(
        "select member::regrole::text, roleid::regrole::text, admin_option from pg_auth_members "
        "where member::regrole::text like 'cloison%' or roleid::regrole::text like 'cloison%'"
    ).fetchall()
    reaper = "cloison_reaper"
    assert {row for row in rows if row[0] != SUPERUSER} == {
        (reaper, "cloison_desk", False),
        (reaper, "cloison_intake", False),
    }


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("other", [*LOGINS, SUPERUSER])
def test_password_of_another_login(shared: Database, login: str, other: str) -> None:
    """A login's password opens that login alone, in any database."""
    if login == other:
        return
    user = other if other == SUPERUSER else f"cloison_{other}"
    password = read_secret(shared.home.logins / f"{login}.password")
    for name in (shared.name, "cloison", "postgres"):
        dsn = make_conninfo(Embedded(shared.home).dsn(user, name), password=password)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(dsn)


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("name", ["postgres", "template0", "template1"])
def test_database_beside_ours(shared: Database, login: str, name: str) -> None:
    """No login of ours enters the server's other databases, where functions and counters are open to all."""
    with pytest.raises(psycopg.OperationalError, match=r"permission denied|not currently accepting"):
        psycopg.connect(make_conninfo(shared.conninfo(login), dbname=name))
