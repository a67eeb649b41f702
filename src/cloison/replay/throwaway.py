"""The replay's own PostgreSQL: made in a temporary home, with the register as it was, removed with all it holds.

Nothing of it touches the home that is attacked: it has its own logins and its own passwords.
"""

import base64
import hashlib
import secrets
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cloison.config import Home
from cloison.errors import ConfigError
from cloison.processes import Process
from cloison.register.synthetic import COLUMNS
from cloison.replay import attackers_signin, unguarded
from cloison.store.embedded import SUPERUSER, Embedded
from cloison.tls import nobody

DATABASE = "as_it_was"
ROLE = "register"
SEARCHED = ("nir", "identifier", "email", "phone", "birth_name")
COPY_BYTES = 1 << 16
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # each ends us, and lets us put everything away
READY_SECONDS, POLL_SECONDS = 30.0, 0.05


class Unguarded(msgspec.Struct, frozen=True):
    """The register as it was: its address, an adviser's token, its web server's database login, how many people."""

    base_url: str
    token: str
    conninfo: str
    people: int


@contextmanager
def throw_away_home() -> Iterator[Home]:
    """A temporary home whose database runs; stopped and removed at the end, however it comes."""
    with temporary_home() as home:
        try:
            Embedded(home).start()
            yield home
        finally:
            Embedded(home).stop()


@contextmanager
def temporary_home() -> Iterator[Home]:
    """A home that does not exist yet, in a temporary folder, removed at the end with its sockets."""
    with temporary_folder("cloison-replay-") as folder:
        home = Home(folder / "home")
        try:
            yield home
        finally:
            if home.path.exists() and not home.sockets.is_relative_to(home.path):
                shutil.rmtree(home.sockets, ignore_errors=True)


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder, removed at the end; whoever interrupts us while it is made is heard when it is ours."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix)  # removed with the object, if we come no further
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with folder as path:
        yield Path(path)


def free_port() -> int:
    """A TCP port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


@contextmanager
def register_as_it_was(home: Home, people_file: Path, caseload: Sequence[int]) -> Iterator[Unguarded]:
    """Load the people of a synthetic file into one plaintext table and serve it without limits.

    `caseload`: the numbers (from 1, in the file's order) of whom the stolen account follows.
    """
    password = secrets.token_urlsafe(24)
    token = secrets.token_bytes(32)
    with psycopg.connect(Embedded(home).conninfo(SUPERUSER, SUPERUSER), autocommit=True) as admin:
        role = sql.Identifier(ROLE)
        admin.execute(sql.SQL("create role {} login password {}").format(role, sql.Literal(password)))
        admin.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(DATABASE), role))
    conninfo = make_conninfo(Embedded(home).dsn(ROLE, DATABASE), password=password)
    with psycopg.connect(conninfo) as owner:
        people = _load(owner, people_file)
        _give_account(owner, token, caseload)
    port = free_port()
    process = Process(home, "cloison.replay.unguarded", {unguarded.DATABASE: conninfo, unguarded.PORT: str(port)})
    base_url = f"http://127.0.0.1:{port}"
    try:
        process.start()
        _await_answer(process, base_url)
        secret = base64.urlsafe_b64encode(token).decode().rstrip("=")
        yield Unguarded(base_url, f"00.{secret}", conninfo, people)
    finally:
        process.stop()


def _load(owner: psycopg.Connection, people_file: Path) -> int:
    """The plaintext table, with an index on everything that is searched by; how many people it has."""
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in COLUMNS)
    typed = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in COLUMNS)
    owner.execute(sql.SQL("create table person (number bigserial, {})").format(typed))
    statement = sql.SQL("copy person ({}) from stdin (format csv, header, null '\\N')").format(columns)
    with owner.cursor() as cursor, cursor.copy(statement) as copy, people_file.open("rb") as file:
        while chunk := file.read(COPY_BYTES):
            copy.write(chunk)
    owner.execute("alter table person add primary key (number)")
    for name in SEARCHED:
        owner.execute(sql.SQL("create index on person ({})").format(sql.Identifier(name)))
    owner.execute("analyze person")
    row = owner.execute("select count(*) from person").fetchone()
    return 0 if row is None else int(row[0])


def _give_account(owner: psycopg.Connection, token: bytes, caseload: Sequence[int]) -> None:
    owner.execute("create table session (token_hash bytea primary key, account text not null)")
    owner.execute("create table caseload (account text not null, number bigint not null)")
    owner.execute("insert into session values (%s, 'stolen')", (hashlib.sha256(token).digest(),))
    owner.execute("insert into caseload select 'stolen', unnest(%s::bigint[])", (list(caseload),))
    owner.execute(
        "create table staff (account text primary key, password text not null, birth_date text, agency text, "
        "manager boolean not null)"
    )
    adviser = (attackers_signin.ADVISER, attackers_signin.PASSWORDS[2], *attackers_signin.FACTS.values(), False)
    manager = (attackers_signin.MANAGER, attackers_signin.PASSWORDS[1], None, None, True)
    for one in (adviser, manager):
        owner.execute("insert into staff values (%s, %s, %s, %s, %s)", one)


def _await_answer(process: Process, base_url: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            httpx.get(f"{base_url}/healthz", timeout=2.0, verify=nobody(), trust_env=False)
        except httpx.HTTPError:
            if process.pid is None or time.monotonic() > deadline:
                log = process.home.log / "unguarded.log"
                raise ConfigError(reason=f"the unguarded server did not start; {log} says why") from None
            time.sleep(POLL_SECONDS)
        else:
            return
