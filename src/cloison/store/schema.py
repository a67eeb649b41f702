"""Makes and upgrades the database: logins, database, tables, functions, rights.

The SQL files of `store/sql/` hold the whole present state, one a concern, run in the order of their numbers:

- 00 to 49 make the schema, its types and its tables: run once;
- 50 to 99 hold functions, views and rights: run at each installation and upgrade;
- 05 takes back what PostgreSQL gives to PUBLIC: run by the administrator, where that right exists.

`migrations/NNNN_name.sql` lead from an older schema to the present one; tests/migration proves that both agree.
"""

import secrets
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

import psycopg
from psycopg import sql

from cloison.errors import SchemaError

LOGINS = ("owner", "intake", "desk", "reaper")
DOORS = ("intake", "desk")
FIRST_REPEATED = 50  # files from this number on are run again at every upgrade
HARDENING = "05_hardening.sql"

CONNECTION_LIMITS = {"desk": 40, "intake": 10, "reaper": 4}
# A backstop only: a caller with a door's login can set these otherwise, which is why the reaper watches from outside.
DOOR_SETTINGS = {
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "5s",
    "search_path": "pg_catalog",
}


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
        admin.execute(
            sql.SQL(
                "{verb} role {role} login noinherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls "
                "connection limit {limit} password {password}"
            ).format(
                verb=sql.SQL("alter" if exists else "create"),
                role=sql.Identifier(role),
                limit=sql.Literal(CONNECTION_LIMITS.get(login, -1)),
                password=sql.Literal(password),
            )
        )
    for door in DOORS:
        admin.execute(sql.SQL("alter role {} reset all").format(sql.Identifier(role_of(door))))
    # Membership lets the reaper see and end the doors' transactions without any right of an administrator.
    admin.execute("alter role cloison_reaper inherit")
    admin.execute("grant cloison_desk, cloison_intake to cloison_reaper")


def create_database(admin: psycopg.Connection, name: str) -> None:
    """Create the database, owned by the owner's login and closed to everybody but our logins."""
    exists = admin.execute("select from pg_database where datname = %s", (name,)).fetchone() is not None
    if not exists:
        admin.execute(
            sql.SQL("create database {} owner cloison_owner template template0 encoding 'UTF8'").format(
                sql.Identifier(name)
            )
        )
    database = sql.Identifier(name)
    admin.execute(sql.SQL("revoke all on database {} from public").format(database))
    for login in LOGINS:
        admin.execute(sql.SQL("grant connect on database {} to {}").format(database, sql.Identifier(role_of(login))))


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
