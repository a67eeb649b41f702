"""Makes and upgrades the database: logins, database, tables, functions, rights.

The SQL files of `store/sql/` hold the whole present state, one a concern, run in the order of their numbers:

- 00 to 49 make the schema, its types and its tables: run once;
- 50 to 99 hold functions, views and rights: run at each installation and upgrade;
- 05 takes back what PostgreSQL gives to PUBLIC: run by the administrator, where that right exists.

`migrations/NNNN_name.sql` lead from an older schema to the present one; tests/migration proves that both agree.
"""

import contextlib
import secrets
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

import psycopg
from psycopg import sql

from cloison.errors import SchemaError
from cloison.store import rights

LOGINS = (
    *("owner", "intake", "desk", "reaper", "statistics", "signin", "space", "operator"),
    *("sequencer", "witness", "forwarder"),
)
FIRST_REPEATED = 50  # files from this number on are run again at every upgrade
HARDENING = "05_hardening.sql"
GRANTS = "90_grants.sql"
ATTRIBUTES = "login noinherit"
NO_POWERS = "nosuperuser nocreatedb nocreaterole noreplication nobypassrls"
STRANGE_MEMBERSHIPS = """
select m.member::regrole::text, m.roleid::regrole::text from pg_auth_members m
where m.member::regrole::text like 'cloison\\_%'
  and not (m.member = 'cloison_reaper'::regrole and m.roleid in ('cloison_desk'::regrole, 'cloison_intake'::regrole))
  and not (m.member::regrole::text ~ '^cloison_witness_[0-9a-f]{8}$' and m.roleid::regrole::text = 'cloison_witness')
"""
# As regrole quotes them.
DATABASE_GRANTEES = """
select distinct a.grantee::regrole::text from pg_database d, aclexplode(d.datacl) a
where d.datname = %s and a.grantee not in (0, d.datdba)
"""
WITNESS_CONNECTIONS = 4
CONNECTION_LIMITS = {"desk": 40, "intake": 24, "reaper": 4, "statistics": 4, "signin": 12, "space": 16, "operator": 4}


def role_of(login: str) -> str:
    """The database role behind a login's short name."""
    return f"cloison_{login}"


def new_passwords() -> dict[str, str]:
    """A random password for each login, 192 bits."""
    return {login: secrets.token_urlsafe(24) for login in LOGINS}


def create_logins(admin: psycopg.Connection, passwords: dict[str, str]) -> None:
    """Create or repair the logins, with these passwords; `admin` may create roles and is in autocommit."""
    for login, password in passwords.items():
        role = role_of(login)
        exists = admin.execute("select from pg_roles where rolname = %s", (role,)).fetchone() is not None
        # Hashed here: a server that logs such statements would log the password.
        verifier = admin.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        admin.execute(
            sql.SQL("{verb} role {role} {attributes} connection limit {limit} password {password}").format(
                verb=sql.SQL("alter" if exists else "create"),
                role=sql.Identifier(role),
                # Only a superuser may even mention the powers of an existing role; doctor looks whether it has any.
                attributes=sql.SQL(ATTRIBUTES if exists and not is_superuser(admin) else f"{ATTRIBUTES} {NO_POWERS}"),
                limit=sql.Literal(CONNECTION_LIMITS.get(login, -1)),
                password=sql.Literal(verifier),
            )
        )
        admin.execute(sql.SQL("alter role {} reset all").format(sql.Identifier(role)))
    # Membership lets the reaper see and end the doors' transactions without any right of an administrator.
    admin.execute("alter role cloison_reaper inherit")
    admin.execute("grant cloison_desk, cloison_intake to cloison_reaper")
    _leave_other_roles(admin)


def admit_witness(admin: psycopg.Connection, login: str, password: str) -> None:
    """Create or repair the login of one more witness, which may do what `cloison_witness` may; `admin` as above."""
    role = role_of(login)
    exists = admin.execute("select from pg_roles where rolname = %s", (role,)).fetchone() is not None
    verifier = admin.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    admin.execute(
        sql.SQL("{verb} role {role} login inherit connection limit {limit} password {password}").format(
            verb=sql.SQL("alter" if exists else "create"),
            role=sql.Identifier(role),
            limit=sql.Literal(WITNESS_CONNECTIONS),
            password=sql.Literal(verifier),
        )
    )
    admin.execute(sql.SQL("grant cloison_witness to {}").format(sql.Identifier(role)))


def dismiss_witness(admin: psycopg.Connection, login: str) -> None:
    """Drop such a login, ending what it has open; what it signed stays."""
    role = role_of(login)
    admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", (role,))
    admin.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(role)))


def _leave_other_roles(admin: psycopg.Connection) -> None:
    """End memberships of our logins that are not ours to give."""
    for member, role in admin.execute(STRANGE_MEMBERSHIPS).fetchall():
        admin.execute(sql.SQL("revoke {} from {}").format(sql.Identifier(role), sql.Identifier(member)))


def is_superuser(admin: psycopg.Connection) -> bool:
    """Whether the connection's login is a superuser; on a hosted PostgreSQL nobody of ours is."""
    return admin.info.parameter_status("is_superuser") == "on"


def create_database(admin: psycopg.Connection, name: str) -> None:
    """Create the database, owned by the owner's login and closed to everybody but our logins.

    Raises SchemaError where there is one of that name that is not the owner's.
    """
    with _member_of_owner(admin):
        row = admin.execute("select datdba::regrole::text from pg_database where datname = %s", (name,)).fetchone()
        database = sql.Identifier(name)
        if row is None:
            admin.execute(
                sql.SQL("create database {} owner cloison_owner template template0 encoding 'UTF8'").format(database)
            )
        elif row[0] != role_of("owner"):
            raise SchemaError(reason=f"the database {name} is {row[0]}'s; give database.name another name")
        admin.execute("set role cloison_owner")
        with admin.transaction():
            _close_database(admin, name)
        admin.execute("reset role")
    for login in LOGINS:
        admin.execute(
            sql.SQL("alter role {} in database {} reset all").format(sql.Identifier(role_of(login)), database)
        )


def _close_database(owner: psycopg.Connection, name: str) -> None:
    database = sql.Identifier(name)
    owner.execute(sql.SQL("alter database {} reset all").format(database))
    for (grantee,) in [("public",), *owner.execute(DATABASE_GRANTEES, (name,)).fetchall()]:
        owner.execute(sql.SQL("revoke all on database {} from {}").format(database, sql.SQL(grantee)))
    for login in LOGINS:
        owner.execute(sql.SQL("grant connect on database {} to {}").format(database, sql.Identifier(role_of(login))))


@contextlib.contextmanager
def _member_of_owner(admin: psycopg.Connection) -> Iterator[None]:
    """For the length of the block an administrator who is no superuser may act for the owner."""
    if is_superuser(admin):
        yield
        return
    admin.execute("grant cloison_owner to current_user")
    try:
        yield
    finally:
        admin.execute("reset role")
        admin.execute("revoke cloison_owner from current_user")


def harden(admin: psycopg.Connection) -> None:
    """Take back what PUBLIC has and none of ours needs; `admin` is connected to our database as superuser."""
    admin.execute("revoke all on schema public from public")
    admin.execute("grant usage on language plpgsql to cloison_owner")
    admin.execute(_text(HARDENING))


def install(owner: psycopg.Connection) -> None:
    """Install the schema, or upgrade an older one, in one transaction; raises SchemaError for a newer one."""
    with owner.transaction():
        version = installed_version(owner)
        newest = newest_version()
        if version is not None and version > newest:
            raise SchemaError(reason=f"it is at version {version}, newer than {newest}, which this program knows")
        for name in sql_files():
            if name == HARDENING or (version is not None and int(name[:2]) < FIRST_REPEATED):
                continue
            if version is not None and int(name[:2]) == FIRST_REPEATED:
                for migration in list(_migrations())[version:]:
                    owner.execute(migration.read_bytes())
            if name == GRANTS:
                rights.take_back(owner)
            owner.execute(_text(name))
        owner.execute(
            "insert into cloison.schema_version (version) values (%s) "
            "on conflict (single) do update set version = excluded.version",
            (newest,),
        )


def installed_version(connection: psycopg.Connection) -> int | None:
    """The number of migrations the schema has had; None where there is no schema."""
    if connection.execute("select to_regclass('cloison.schema_version')").fetchone() == (None,):
        return None
    row = connection.execute("select version from cloison.schema_version").fetchone()
    return None if row is None else int(row[0])


def newest_version() -> int:
    """The number of migrations that this program knows."""
    return len(list(_migrations()))


def sql_files() -> list[str]:
    """The names of the SQL files, in the order they are run."""
    return sorted(item.name for item in files("cloison.store.sql").iterdir() if item.name.endswith(".sql"))


def _text(name: str) -> bytes:
    return files("cloison.store.sql").joinpath(name).read_bytes()


def _migrations() -> Iterator[Traversable]:
    folder = files("cloison.store.migrations")
    yield from sorted((m for m in folder.iterdir() if m.name.endswith(".sql")), key=lambda m: m.name)
