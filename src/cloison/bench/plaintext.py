"""The same people as plain text: one table of the same server, with the same searches indexed, and no limit anywhere.

What guarded openings, imports and bytes are measured against. `person` is the primary key; `audit` takes the row that
*SELECT + INSERT* writes. It exists in the temporary home of `cloison bench` alone.
"""

import hashlib
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cloison.access.sessions import bearer
from cloison.client import Credentials
from cloison.config import Home
from cloison.register.synthetic import COLUMNS
from cloison.store.embedded import SUPERUSER, Embedded

NAME = "plaintext"  # of database and login
BLOCK_BYTES = 1 << 20
COMMITS = 300
TABLES = """
create table session (
    token_hash bytea primary key, account uuid not null default gen_random_uuid(), expires_at timestamptz not null);
create table audit (
    number bigint generated always as identity primary key, at timestamptz not null default now(),
    account uuid not null, person uuid not null);
"""
INDEXES = (
    "alter table person add primary key (person)",
    "create unique index on person (nir)",
    "create unique index on person (identifier)",
    "create index on person (email)",
    "create index on person (phone)",
    "create index on person (birth_name, birth_date)",
)


def create(home: Home) -> str:
    """An empty database of the home's server; its connection string."""
    password = secrets.token_urlsafe(24)
    with psycopg.connect(Embedded(home).conninfo(SUPERUSER, SUPERUSER), autocommit=True) as admin:
        login = sql.Identifier(NAME)
        admin.execute(sql.SQL("create role {} login password {}").format(login, sql.Literal(password)))
        admin.execute(sql.SQL("create database {} owner {}").format(login, login))
    conninfo = make_conninfo(Embedded(home).dsn(NAME, NAME), password=password)
    with psycopg.connect(conninfo, autocommit=True) as owner:
        owner.execute(TABLES)
        typed = ", ".join(f"{name} text" for name in COLUMNS)
        owner.execute(f"create table person (person uuid not null default gen_random_uuid(), {typed})".encode())
        for statement in INDEXES:
            owner.execute(statement.encode())
    return conninfo


def grow(conninfo: str, people: Path) -> float:
    """COPY a people file into the table and its indexes; the seconds that it took."""
    copying = f"copy person ({', '.join(COLUMNS)}) from stdin (format csv, header, null '')"
    with psycopg.connect(conninfo, autocommit=True) as owner:
        started = time.monotonic()
        with owner.cursor() as cursor, cursor.copy(copying.encode()) as copy, people.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                copy.write(block)
        seconds = time.monotonic() - started
        owner.execute("vacuum analyze person")
    return seconds


def sign_in(conninfo: str, held: Sequence[Credentials]) -> None:
    """Let these sessions in, for a day."""
    bearers = [bearer(one.token, one.key.thumbprint) for one in held]
    hashes = [hashlib.sha256(who.token).digest() for who in bearers]
    statement = "insert into session (token_hash, expires_at) select h, now() + '1 day' from unnest(%s::bytea[]) h"
    with psycopg.connect(conninfo) as owner:
        owner.execute(statement, (hashes,))


def some_people(conninfo: str, count: int) -> list[str]:
    """The numbers of `count` people of the table."""
    with psycopg.connect(conninfo) as owner:
        rows = owner.execute("select person::text from person limit %s", (count,)).fetchall()
    return [str(person) for (person,) in rows]


def size(conninfo: str) -> int:
    """Bytes of the table of people with its indexes."""
    with psycopg.connect(conninfo) as owner:
        row = owner.execute("select pg_total_relation_size('person')").fetchone()
    return 0 if row is None else int(row[0])


def commits(conninfo: str) -> list[float]:
    """Seconds of some commits of one small row, one after the other: what a flush of the log takes on this disk."""
    statement = "insert into audit (account, person) values (gen_random_uuid(), gen_random_uuid())"
    took = []
    with psycopg.connect(conninfo, autocommit=True) as owner:
        for _ in range(COMMITS):
            started = time.perf_counter()
            owner.execute(statement)
            took.append(time.perf_counter() - started)
    return took
