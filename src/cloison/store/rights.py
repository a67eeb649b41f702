"""The rights that logins have, as PostgreSQL knows them, against the list in `90_grants.sql`.

A right is (login, right, object): `("cloison_desk", "EXECUTE", "charge_v1(text, bytea[], …)")`. PUBLIC is the login
`public`. The owner's own rights are left out.
"""

import re
from importlib.resources import files

import psycopg

Right = tuple[str, str, str]

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
    select n.nspname, coalesce(n.nspacl, acldefault('n', n.nspowner)), n.nspowner
    from pg_namespace n where n.nspname = 'cloison'
) o cross join lateral aclexplode(o.acl) a
where a.grantee <> o.owner
"""

SIGNATURE = """
select p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' from pg_proc p
where p.oid = to_regprocedure('cloison.' || %s)
"""


def wanted(connection: psycopg.Connection) -> set[Right]:
    """The rights that `90_grants.sql` names, each function spelt as PostgreSQL does; one it lacks keeps our spelling."""
    text = files("cloison.store.sql").joinpath("90_grants.sql").read_text(encoding="utf-8")
    rights = set()
    for line in text.splitlines():
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
    """The rights that anybody but the owner has in our schema."""
    return {(row[0], row[1], row[2]) for row in connection.execute(GRANTED).fetchall()}
