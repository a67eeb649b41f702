"""Upgrading leads where installing does.

`schema-N.sql` is the schema as a release with N migrations installed it, written by
`python tests/migration/snapshot.py`. Each is loaded into an empty database and upgraded; then PostgreSQL's catalogue of
it is compared with that of a database installed from scratch. So a file numbered below 50 that was changed without a
migration is found.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from support.catalogue import describe
from support.database import Database, charge, release

from cloison.config import Home
from cloison.errors import SchemaError
from cloison.store import schema
from cloison.store.embedded import SUPERUSER, Embedded

SNAPSHOTS = sorted(Path(__file__).parent.glob("schema-*.sql"))


@contextmanager
def empty(home: Home) -> Iterator[Database]:
    """A database without our schema, made and hardened as by `cloison init`."""
    name = f"test_{secrets.token_hex(6)}"
    server = Embedded(home)
    with psycopg.connect(server.conninfo(SUPERUSER, SUPERUSER), autocommit=True) as administrator:
        schema.create_database(administrator, name)
        with psycopg.connect(server.conninfo(SUPERUSER, name), autocommit=True) as inside:
            schema.harden(inside)
        database = Database(home, name)
        try:
            yield database
        finally:
            database.owner.close()
            administrator.execute(f'drop database "{name}" with (force)')


@pytest.fixture(scope="module")
def installed(home: Home) -> Iterator[Database]:
    """A database installed from scratch."""
    with empty(home) as database:
        schema.install(database.owner)
        yield database


@pytest.fixture
def older(home: Home) -> Iterator[Database]:
    """A database for an older schema to be loaded into."""
    with empty(home) as database:
        yield database


def load(database: Database, snapshot: Path) -> int:
    """Load a snapshot; its number of migrations."""
    version = int(re.sub(r"\D", "", snapshot.stem))
    with database.owner.transaction():
        database.owner.execute("set local check_function_bodies = off")
        database.owner.execute(snapshot.read_bytes())
        database.owner.execute("insert into cloison.schema_version (version) values (%s)", (version,))
    return version


def test_snapshot_of_every_release() -> None:
    """There is a snapshot to upgrade from, and none of a version that is still to come."""
    versions = [int(re.sub(r"\D", "", snapshot.stem)) for snapshot in SNAPSHOTS]
    assert versions
    assert max(versions) <= schema.newest_version()


@pytest.mark.parametrize("snapshot", SNAPSHOTS, ids=lambda path: path.stem)
def test_upgraded_as_installed(older: Database, installed: Database, snapshot: Path) -> None:
    """An older schema that was upgraded is the one that is installed: tables, types, functions, rights and all."""
    load(older, snapshot)
    schema.install(older.owner)
    assert schema.installed_version(older.owner) == schema.newest_version()
    upgraded, fresh = describe(older.owner), describe(installed.owner)
    for kind, lines in fresh.items():
        assert upgraded[kind] == lines, f"{kind} differ: write a migration (or, before a release, run snapshot.py)"


def test_installed_twice(older: Database, installed: Database) -> None:
    """Installing again changes nothing."""
    schema.install(older.owner)
    schema.install(older.owner)
    assert describe(older.owner) == describe(installed.owner)


def test_newer_schema(older: Database) -> None:
    """A schema with more migrations than this program knows is refused and left as it is."""
    schema.install(older.owner)
    older.owner.execute("update cloison.schema_version set version = version + 1")
    before = describe(older.owner)
    with pytest.raises(SchemaError):
        schema.install(older.owner)
    assert describe(older.owner) == before


def test_installation_that_fails(older: Database) -> None:
    """An installation that fails leaves nothing behind."""
    older.owner.execute("create schema cloison")
    older.owner.execute("create table cloison.person ()")
    with pytest.raises(psycopg.errors.DuplicateTable):
        schema.install(older.owner)
    assert older.owner.execute(
        "select relname from pg_class where relnamespace = 'cloison'::regnamespace"
    ).fetchall() == [("person",)]


def test_upgrade_under_a_register_at_work(database: Database) -> None:
    """An upgrade keeps people, receipts and budgets: what was charged before it is released after it."""
    session, people = database.adviser(12)
    desk = database.connect("desk")
    requests, _ = charge(desk, session, people[:5])
    schema.install(database.owner)
    assert release(desk, session, requests, people[:5]) == people[:5]
    assert charge(desk, session, people)[1].count("open") == 10


def test_right_given_by_hand(database: Database, home: Home) -> None:
    """A right that somebody gave away by hand is taken back by the next installation."""
    assert home.path.exists()
    database.owner.execute("grant select on cloison.person to cloison_desk")
    database.owner.execute("grant execute on function cloison.freeze_v1(text, uuid) to public")
    schema.install(database.owner)
    desk = database.connect("desk")
    for statement in ("select * from cloison.person", "select cloison.freeze_v1('59', gen_random_uuid())"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            desk.execute(statement)
