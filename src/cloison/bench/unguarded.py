"""The desk over the plaintext table: the same server, routes, parsing, JSON and check of a session, and no guard.

`python -m cloison.bench.unguarded` serves it; `BENCH_PLAINTEXT` is the connection string, `BENCH_PORT` where it listens
and `BENCH_HOW` one of:

| how | what opening one person takes |
| --- | --- |
| `select` | one prepared SELECT by primary key, joined with the session, on a pooled connection |
| `audited` | the same, with an audit row written by the same statement, and its commit on disk |
| `batched` | as `select`, but all that waits is one statement: what a desk could do that guards nothing |
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import uvloop
from litestar import Litestar
from psycopg_pool import AsyncConnectionPool

from cloison.access.proofs import Proofs
from cloison.config import Home
from cloison.errors import NoSessionError
from cloison.model import OpenRequest, Outcome
from cloison.register.people import Opened, People
from cloison.register.profile import Profile, load_profile
from cloison.register.synthetic import COLUMNS
from cloison.store.metered import Bearer
from cloison.web.__main__ import serve
from cloison.web.application import desk_app

PLAINTEXT, PORT, HOW = "BENCH_PLAINTEXT", "BENCH_PORT", "BENCH_HOW"
BATCH_REQUESTS = 128


class How(StrEnum):
    """How a plain opening asks the database."""

    SELECT = "select"
    AUDITED = "audited"
    BATCHED = "batched"


# What gave the most on two cores: more connections share a commit's flush, fewer switch less.
CONNECTIONS = {How.SELECT: 8, How.AUDITED: 16, How.BATCHED: 2}
SELECT = b"""
select s.account, p.* from session s join person p on p.person = %b where s.token_hash = %b and s.expires_at > now()
"""
AUDITED = b"""
with seen as (
    select s.account, p.* from session s join person p on p.person = %b where s.token_hash = %b and s.expires_at > now()
), logged as (
    insert into audit (account, person) select s.account, s.person from seen s
)
select * from seen
"""
BATCHED = b"""
select q.ordinal, p.* from unnest(%b::uuid[], %b::bytea[]) with ordinality as q (person, token_hash, ordinal)
join session s on s.token_hash = q.token_hash and s.expires_at > now() join person p on p.person = q.person
"""
BEFORE_FIELDS = 2  # columns of these answers: whose or which request, the person's number; then those of the file


class _Waiting(NamedTuple):
    person: UUID
    token_hash: bytes
    row: "asyncio.Future[Sequence[Any] | None]"


class PlainPeople(People):
    """People whom anybody with a session may open; of the desk's acts this one alone."""

    def __init__(self, profile: Profile, pool: AsyncConnectionPool, how: How) -> None:
        """Open people of the table that `pool` leads to."""
        self._pool = pool
        self._how = how
        places = {name: number for number, name in enumerate(COLUMNS, BEFORE_FIELDS)}
        self._told = {
            1 << bit: [
                (name, places[name]) for name, field in profile.fields.items() if field.compartment == compartment
            ]
            for bit, compartment in enumerate(profile.compartments)
        }
        self._waiting: list[_Waiting] = []
        self._came = asyncio.Event()

    async def open(self, bearer: Bearer, _segments: Sequence[str], requests: Sequence[OpenRequest]) -> list[Opened]:
        """Open people; answers in order. Raises NoSessionError where one is not there or the session is not."""
        token_hash = hashlib.sha256(bearer.token).digest()
        rows = await asyncio.gather(*(self._row(token_hash, asked.person) for asked in requests))
        return [self._record(asked, row) for asked, row in zip(requests, rows, strict=True)]

    async def serve_batches(self) -> None:
        """Answer all that waits with one statement, again and again."""
        while True:
            await self._came.wait()
            batch, self._waiting = self._waiting[:BATCH_REQUESTS], self._waiting[BATCH_REQUESTS:]
            if not self._waiting:
                self._came.clear()
            values = ([waiting.person for waiting in batch], [waiting.token_hash for waiting in batch])
            async with self._pool.connection() as connection:
                rows = await (await connection.execute(BATCHED, values, binary=True)).fetchall()
            found = {row[0]: row for row in rows}
            for ordinal, waiting in enumerate(batch, 1):
                waiting.row.set_result(found.get(ordinal))

    async def _row(self, token_hash: bytes, person: UUID) -> Sequence[Any] | None:
        if self._how is How.BATCHED:
            waiting = _Waiting(person, token_hash, asyncio.get_running_loop().create_future())
            self._waiting.append(waiting)
            self._came.set()
            return await waiting.row
        async with self._pool.connection() as connection:
            statement = SELECT if self._how is How.SELECT else AUDITED
            cursor = await connection.execute(statement, (person, token_hash), binary=True)
            return await cursor.fetchone()

    def _record(self, asked: OpenRequest, row: Sequence[Any] | None) -> Opened:
        if row is None:
            raise NoSessionError
        fields = [place for bit, places in self._told.items() if asked.compartments & bit for place in places]
        return Opened(Outcome.OPEN, {name: row[place] for name, place in fields if row[place] is not None})


def unguarded_app(home: Home, conninfo: str, how: How) -> Litestar:
    """The desk of `home`, whose people come from the plaintext table."""
    count = CONNECTIONS[how]
    pool = AsyncConnectionPool(conninfo, min_size=count, max_size=count, open=False, kwargs={"autocommit": True})
    people = PlainPeople(load_profile(home.config.profile), pool, how)

    @asynccontextmanager
    async def plain(_app: Litestar) -> AsyncIterator[None]:
        async with pool:
            workers = [asyncio.create_task(people.serve_batches()) for _ in range(count)]
            yield
            for worker in workers:
                worker.cancel()

    app = desk_app(home, plain)
    app.state.proofs = Proofs(f"http://127.0.0.1:{os.environ[PORT]}")
    app.state.desk = msgspec.structs.replace(app.state.desk, people=people)
    return app


async def _serve() -> None:
    home = Home()
    app = unguarded_app(home, os.environ[PLAINTEXT], How(os.environ[HOW]))
    await serve(msgspec.structs.replace(home.config.web, port=int(os.environ[PORT])), app)


if __name__ == "__main__":
    uvloop.run(_serve())
