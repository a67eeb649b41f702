"""Connections to PostgreSQL, one login each, with the settings pinned that the meter relies on.

Settings given at connection win over those attached to a role or a database, so that `ALTER ROLE … SET` by somebody who
holds a door's password does not reach the doors that are honest.
"""

from types import TracebackType
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool

from cloison.config import Home, read_secret
from cloison.store.embedded import Embedded
from cloison.store.faults import error_of, is_lost
from cloison.store.schema import role_of

PINNED_OPTIONS = (
    "-c default_transaction_isolation=read\\ committed -c synchronous_commit=on -c search_path=pg_catalog "
    "-c default_transaction_read_only=off -c row_security=on -c client_min_messages=warning "
    "-c jit=off"  # compiling our short calls costs more than it saves; servers that are not ours have it on
)
# A backstop only, for honest doors: a caller with a door's password sets these otherwise, so the reaper watches from
# outside.
DESK_OPTIONS = " -c statement_timeout=10s -c idle_in_transaction_session_timeout=5s"
CONNECT_SECONDS = 5
# After this long an attempt to reconnect ends, and the next request begins a new one at once. Without an end the pauses
# between attempts double for ever: after an hour's outage the door would wait for up to another hour.
RECONNECT_SECONDS = 5


def conninfo(home: Home, login: str, *, door: bool = False) -> str:
    """The connection string of a login (`owner`, `intake`, `desk`, `reaper`) with its password; `door`: for a door.

    Raises ConfigError where the password's file is missing or open to others.
    """
    database = home.config.database
    base = database.url or Embedded(home).dsn(role_of(login), database.name)
    return make_conninfo(
        base,
        user=role_of(login),
        dbname=database.name,
        password=read_secret(home.logins / f"{login}.password"),
        options=PINNED_OPTIONS + (DESK_OPTIONS if door or login == "desk" else ""),
        application_name=f"cloison {login}",
        connect_timeout=CONNECT_SECONDS,
        client_encoding="utf8",  # whatever PGCLIENTENCODING says
    )


def connect(home: Home, login: str) -> psycopg.Connection:
    """One connection in autocommit, for a command; raises psycopg.OperationalError."""
    return psycopg.connect(conninfo(home, login), autocommit=True)


def pool(info: str, connections: int) -> AsyncConnectionPool[psycopg.AsyncConnection]:
    """A pool of `connections` in autocommit, not opened yet; it reconnects by itself, however long that takes."""
    return AsyncConnectionPool(
        info,
        min_size=connections,
        max_size=connections,
        open=False,
        timeout=CONNECT_SECONDS,
        reconnect_timeout=RECONNECT_SECONDS,
        kwargs={"autocommit": True},
    )


class Guarded:
    """A connection of the pool; whatever psycopg raises inside becomes one of our errors, without its message."""

    def __init__(self, source: AsyncConnectionPool[Any]) -> None:
        """Take it from `source` when entered."""
        self._source = source
        self._lease = source.connection()

    async def __aenter__(self) -> psycopg.AsyncConnection[Any]:
        """The connection; raises DatabaseUnavailableError."""
        try:
            connection: psycopg.AsyncConnection[Any] = await self._lease.__aenter__()
        except psycopg.Error as error:
            raise error_of(error) from error
        return connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back; raises what a psycopg error inside becomes."""
        try:
            await self._lease.__aexit__(kind, error, trace)
        except psycopg.Error as raised:
            error = raised
        if not isinstance(error, psycopg.Error):
            return
        if is_lost(error):  # new ones in the place of all, before each costs a batch its answer
            await self._source.drain()
        raise error_of(error) from error
