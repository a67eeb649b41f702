"""Every right that anybody has is a line of `90_grants.sql`: what PostgreSQL knows is compared with the file."""

import re
from importlib.resources import files

import psycopg
import pytest
from support.database import Database
from support.meter import fails

GRANT = re.compile(r"grant (execute|usage|select) on (function|schema|table) (\S.*?) to (\w+);")
PINNED = "search_path=pg_catalog, cloison, pg_temp"
LOGINS = {
    "cloison_owner",
    "cloison_desk",
    "cloison_intake",
    "cloison_reaper",
    "cloison_statistics",
    "cloison_signin",
    "cloison_space",
    "cloison_operator",
    "cloison_sequencer",
    "cloison_witness",
    "cloison_forwarder",
}

# kind, object, who, right: everything in our schema, and what surrounds it, that somebody besides its owner may use
RIGHTS = """
select o.kind, o.name, case a.grantee when 0 then 'public' else a.grantee::regrole::text end, lower(a.privilege_type)
from (
    select 'function', p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner
    from pg_proc p where p.pronamespace = 'cloison'::regnamespace
    union all
    select 'relation', c.relname, coalesce(c.relacl, acldefault('r', c.relowner)), c.relowner
    from pg_class c where c.relnamespace = 'cloison'::regnamespace and c.relkind in ('r', 'v', 'm', 'p', 'f', 'S')
    union all
    select 'column', c.relname || '.' || a.attname, a.attacl, c.relowner
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = 'cloison'::regnamespace and a.attacl is not null
    union all
    select 'type', t.typname, coalesce(t.typacl, acldefault('T', t.typowner)), t.typowner
    from pg_type t left join pg_class c on c.oid = t.typrelid  -- a table's own row type has no rights of its own
    where t.typnamespace = 'cloison'::regnamespace and t.typelem = 0 and coalesce(c.relkind, 'c') = 'c'
    union all
    select 'schema', n.nspname, coalesce(n.nspacl, acldefault('n', n.nspowner)), n.nspowner
    from pg_namespace n where n.nspname in ('cloison', 'public')
    union all
    select 'language', l.lanname, coalesce(l.lanacl, acldefault('l', l.lanowner)), l.lanowner
    from pg_language l where l.lanname not in ('internal', 'c', 'sql')
    union all
    select 'database', d.datname, coalesce(d.datacl, acldefault('d', d.datdba)), d.datdba
    from pg_database d where d.datname = current_database()
) o (kind, name, acl, owner) cross join lateral aclexplode(o.acl) a
where a.grantee <> o.owner
"""


def named(database: Database) -> set[tuple[str, str, str, str]]:
    """The rights that the file names, functions spelt as PostgreSQL does."""
    text = files("cloison.store.sql").joinpath("90_grants.sql").read_text(encoding="utf-8")
    rights = set()
    for right, kind, name, login in GRANT.findall(text):
        spelt = str(database.one("select %s::regprocedure::text", name)) if kind == "function" else name
        table = kind == "table"
        rights.add(("relation" if table else kind, spelt.removeprefix("cloison.") if table else spelt, login, right))
    lines = [line for line in text.splitlines() if line.startswith("grant ")]
    assert len(rights) == len(lines) > 8
    return rights


def test_rights_that_the_file_does_not_name(shared: Database) -> None:
    """In our schema, its database and its language nobody has a right but those of the file, PUBLIC none at all."""
    found = {(row[0], row[1], row[2], row[3]) for row in shared.owner.execute(RIGHTS).fetchall()}
    around = {("database", shared.name, login, "connect") for login in LOGINS - {"cloison_owner"}}
    around.add(("language", "plpgsql", "cloison_owner", "usage"))
    assert found - around == named(shared)


@pytest.mark.parametrize("login", ["desk", "intake", "signin", "space"])
def test_functions_that_a_door_can_execute(shared: Database, login: str) -> None:
    """PostgreSQL itself says that a door can execute the functions that the file names, and no other of ours."""
    rows = shared.owner.execute(
        "select p.oid::regprocedure::text from pg_proc p where p.pronamespace = 'cloison'::regnamespace "
        "and has_function_privilege(%s, p.oid, 'execute')",
        (f"cloison_{login}",),
    ).fetchall()
    assert {row[0] for row in rows} == {
        name for kind, name, who, _ in named(shared) if kind == "function" and who == f"cloison_{login}"
    }


def test_function_to_come(shared: Database) -> None:
    """A function or a type that the owner makes tomorrow is nobody's to use before the file says so."""
    shared.owner.execute("create function cloison.tomorrow_v1() returns int language sql return 1")
    shared.owner.execute("create type cloison.tomorrow as enum ('sun')")
    try:
        for login in ("desk", "intake", "reaper"):
            with fails("42501"):
                shared.connect(login).execute("select cloison.tomorrow_v1()")
        assert shared.one("select has_type_privilege('cloison_desk', 'cloison.tomorrow', 'usage')") is False
    finally:
        shared.owner.execute("drop function cloison.tomorrow_v1")
        shared.owner.execute("drop type cloison.tomorrow")


def test_default_privileges(shared: Database) -> None:
    """The owner's default privileges take PUBLIC's away and give nobody anything."""
    rows = shared.owner.execute(
        "select d.defaclobjtype::text, coalesce(string_agg(a.grantee::regrole::text, ','), '') "
        "from pg_default_acl d left join lateral aclexplode(d.defaclacl) a on true "
        "where d.defaclrole = 'cloison_owner'::regrole group by d.oid"
    ).fetchall()
    assert set(rows) == {("f", "cloison_owner"), ("T", "cloison_owner")}


def test_search_path_of_functions(shared: Database) -> None:
    """Every function that runs with the owner's rights pins its search path, temporary objects last."""
    rows = shared.owner.execute(
        "select p.proname, p.proconfig from pg_proc p where p.pronamespace = 'cloison'::regnamespace and p.prosecdef"
    ).fetchall()
    assert len(rows) > 15
    assert [name for name, config in rows if PINNED not in (config or [])] == []


def test_functions_without_the_owners_rights(shared: Database) -> None:
    """What does not run with the owner's rights is a step of the meter's arithmetic, which no door can execute."""
    rows = shared.owner.execute(
        "select p.proname, p.provolatile::text from pg_proc p "
        "where p.pronamespace = 'cloison'::regnamespace and not p.prosecdef"
    ).fetchall()
    assert {row[1] for row in rows} == {"i"}


def test_views_run_as_their_owner_and_are_nobodys(shared: Database) -> None:
    """Everything in the schema belongs to the owner's login."""
    rows = shared.owner.execute(
        "select relname from pg_class "
        "where relnamespace = 'cloison'::regnamespace and relowner <> 'cloison_owner'::regrole "
        "union all select proname from pg_proc "
        "where pronamespace = 'cloison'::regnamespace and proowner <> 'cloison_owner'::regrole"
    ).fetchall()
    assert rows == []


def test_version_in_the_name(shared: Database) -> None:
    """Every function of ours ends in its version, so that doors of two versions can work side by side."""
    rows = shared.owner.execute(
        "select proname from pg_proc where pronamespace = 'cloison'::regnamespace and proname !~ '_v[0-9]+$'"
    ).fetchall()
    assert rows == []


def test_functions_of_postgresql_closed_to_all(shared: Database) -> None:
    """What 05_hardening.sql takes from PUBLIC is closed to every door, in this version of PostgreSQL too."""
    rows = shared.owner.execute(
        "select p.oid::regprocedure::text from pg_proc p where p.pronamespace = 'pg_catalog'::regnamespace "
        "and (p.proname ~ '^(lo_|lowrite|loread|pg_stat_get_)' or p.proname ~ 'advisory' "
        "or p.proname in ('pg_logical_emit_message', 'pg_terminate_backend', 'pg_cancel_backend')) "
        "and has_function_privilege('cloison_desk', p.oid, 'execute')"
    ).fetchall()
    assert rows == [("pg_stat_get_activity(integer)",)]


def test_monitoring_keeps_its_counters(shared: Database) -> None:
    """Who monitors the server reads its counters as before, through PostgreSQL's own role for that."""
    with shared.connect("postgres") as administrator:
        administrator.execute("set role pg_monitor")
        assert administrator.execute("select count(*) from pg_stat_database").fetchone() != (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            administrator.execute("select * from cloison.person")
