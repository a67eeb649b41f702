"""The rights that logins have, as PostgreSQL knows them, against the list in `90_grants.sql`.

A right is (login, right, object): `("cloison_desk", "EXECUTE", "charge_v1(text, bytea[], …)")`. PUBLIC is the login
`public`. The owner's own rights are left out.

Beside that list, which the owner grants, there are the few that the administrator does (`schema.py`): to connect to the
database, and the reaper's membership in the doors' roles. What PUBLIC has of PostgreSQL's own is `left_open`.
"""

import re
from importlib.resources import files

import psycopg
from psycopg import sql

Right = tuple[str, str, str]

MEMBERS = {("cloison_reaper", "MEMBER", "cloison_desk"), ("cloison_reaper", "MEMBER", "cloison_intake")}
CONNECT = {
    (f"cloison_{login}", "CONNECT", "database")
    for login in (
        *("desk", "intake", "reaper", "statistics", "signin", "space", "operator"),
        *("sequencer", "witness", "forwarder"),
    )
}
GRANT = re.compile(r"^grant (\w+) on (schema|function|table) (?:cloison\.)?(.+?) to (\w+);$")

# Functions, relations, and the schema: whoever but the owner has something on them, PUBLIC included. A null ACL means
# the built-in default, which for functions is that PUBLIC may execute them.
GRANTED = """
select case a.grantee when 0 then 'public' else a.grantee::regrole::text end, a.privilege_type, o.object
from (
    select p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as object,
        coalesce(p.proacl, acldefault('f', p.proowner)) as acl, p.proowner as owner
    from pg_proc p where p.pronamespace = 'cloison'::regnamespace
    union all
    select c.relname, coalesce(c.relacl, acldefault('r', c.relowner)), c.relowner
    from pg_class c where c.relnamespace = 'cloison'::regnamespace and c.relkind in ('r', 'v', 'm', 'p', 'f', 'S')
    union all
    select c.relname || '.' || t.attname, t.attacl, c.relowner
    from pg_attribute t join pg_class c on c.oid = t.attrelid
    where c.relnamespace = 'cloison'::regnamespace and t.attacl is not null
    union all
    select n.nspname, coalesce(n.nspacl, acldefault('n', n.nspowner)), n.nspowner
    from pg_namespace n where n.nspname = 'cloison'
    union all
    select 'database', coalesce(d.datacl, acldefault('d', d.datdba)), d.datdba
    from pg_database d where d.datname = current_database()
) o cross join lateral aclexplode(o.acl) a
where a.grantee <> o.owner
"""

# Memberships of our logins, and of others in our roles. Left out: superusers, who need none, and the administrator who
# made our roles, whom PostgreSQL 16 and later give the right to administer them.
MEMBERSHIPS = """
select m.member::regrole::text, 'MEMBER', m.roleid::regrole::text
from pg_auth_members m join pg_roles r on r.oid = m.member
where m.member::regrole::text like 'cloison\\_%'
   or m.roleid::regrole::text like 'cloison\\_%' and not r.rolsuper and not m.admin_option
"""

# 05_hardening.sql names the functions by pattern; what PUBLIC still may execute of them.
HARDENED = re.compile(r"p\.proname ~ '([^']+)'")
SPARED = re.compile(r"p\.proname <> '([^']+)'")
LEFT_OPEN = """
select p.proname::text from pg_proc p cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
where a.grantee = 0 and p.pronamespace = 'pg_catalog'::regnamespace and p.proname ~ %s and p.proname <> all (%s)
union
select 'language ' || l.lanname from pg_language l
cross join lateral aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) a
where a.grantee = 0 and l.lanname = 'plpgsql'
order by 1
"""

SIGNATURE = """
select p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' from pg_proc p
where p.oid = to_regprocedure('cloison.' || %s)
"""


def wanted(connection: psycopg.Connection) -> set[Right]:
    """The rights there must be; each function spelt as PostgreSQL does, one that it lacks as we do."""
    rights = MEMBERS | CONNECT
    for line in _text("90_grants.sql").splitlines():
        match = GRANT.match(line)
        if match is None:
            continue
        right, kind, name, login = match.groups()
        if kind == "function":
            row = connection.execute(SIGNATURE, (name,)).fetchone()
            name = name if row is None else str(row[0])
        rights.add((login, right.upper(), name))
    return rights


def granted(connection: psycopg.Connection) -> set[Right]:
    """The rights that anybody but the owner has in our schema and on our database, and the memberships of our roles."""
    rows = connection.execute(GRANTED).fetchall() + connection.execute(MEMBERSHIPS).fetchall()
    return {(row[0], row[1], row[2]) for row in rows}


def left_open(connection: psycopg.Connection) -> list[str]:
    """What 05_hardening.sql takes from PUBLIC and PUBLIC still has, by name."""
    text = _text("05_hardening.sql")
    rows = connection.execute(LEFT_OPEN, ("|".join(HARDENED.findall(text)), SPARED.findall(text))).fetchall()
    return [str(row[0]) for row in rows]


def take_back(owner: psycopg.Connection) -> None:
    """Take all rights in our schema from everybody but the owner; 90_grants.sql gives back what is due.

    In the same transaction, so that nobody sees the moment between. Rights on a table go with those on its columns.
    """
    for grantee in sorted({right[0] for right in granted(owner)}):
        for kind in ("all functions in schema", "all tables in schema", "all sequences in schema", "schema"):
            who = sql.SQL("public") if grantee == "public" else sql.SQL(grantee)  # as regrole quotes it
            owner.execute(sql.SQL("revoke all on {} cloison from {}").format(sql.SQL(kind), who))


def _text(name: str) -> str:
    return files("cloison.store.sql").joinpath(name).read_text(encoding="utf-8")
