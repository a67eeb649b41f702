"""The only way from a door to people: charge, then release, many requests at a time.

Requests of the last moment form one batch. Rules, in order:

1. At most 128 requests a batch and 16 a session, oldest first; a session is in one batch at a time, so that its own
   ledger's lock is never in its way.
2. Requests of one stage and place (`stages.py`; nearly all are opened at home) are one pair of calls: what charges,
   each its own transaction, then what gives out, pipelined behind them in the same round trip. Answers are matched by
   ordinal. A request that was given a lease waits for its next stage.
3. `busy` (somebody holds that ledger) is asked again a little later, and the 127 others do not wait for it; `lease`
   (one is needed, or the one there was has expired) is asked for one.
4. A batch that fails is split, so that one poisoned request spoils nobody else's answer; not where the database itself
   is in trouble (gone, or its disk is full): that is no request's fault, and all of the batch hear of it at once.
5. One batch at a time, unless it is late: what comes meanwhile is the next one, and the larger it is the less a request
   costs. It begins once half as many wait as were in the last two, or some milliseconds later: all clients then are in
   two batches of one size, one in the database while the desk and the keeper work on the other. Whoever came first
   used to take a call alone, with all others waiting behind it.
6. When more requests wait than we can serve soon, or many of one session, new ones are refused at once.
"""

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast
from uuid import UUID

import msgspec
import psycopg
from psycopg.pq import TransactionStatus

from cloison.errors import (
    CloisonError,
    DatabaseRefusedError,
    NoSessionError,
    OverloadedError,
    UnwitnessedError,
)
from cloison.model import OpenRequest, Outcome, Released
from cloison.store.faults import UNWITNESSED_SECONDS
from cloison.store.pools import Guarded, pool
from cloison.store.stages import RELEASE, Asked, Call, Stage, began, calls, given, lend_again

BATCH_REQUESTS = 128
SESSION_REQUESTS = 16
SESSION_WAITING = 128  # two full calls
BATCHES = 3  # under way at a time, all but the youngest late
LATE_SECONDS = 0.1
LINGER_SECONDS = 0.003  # about what a call costs by itself
BUSY_SECONDS = 3.0  # how long a locked ledger is asked for again
BUSY_PAUSE_SECONDS = 0.02
NOT_FLUSHED = "CL004"  # release_v1 gave up waiting for the log; only before PostgreSQL 16, see 62_release.sql
NOT_FLUSHED_SECONDS = 5.0
LEASE_SECONDS = 10.0  # how long after its first asking a request is lent to again
CAPPED_SESSIONS = 4_096  # remembered, to ask for a lease at once

SEARCH = (
    "select * from cloison.search_v1(%b::text, %b::bytea, %b::uuid, %b::int2, %b::int4, %b::int8[], %b::int4, "
    "%b::int8[], %b::int8, %b::int8, %b::bytea)"
)
FIND = "select * from cloison.find_v1(%b::text, %b::bytea, %b::uuid)"
LIST = "select * from cloison.list_v1(%b::text, %b::bytea, %b::uuid, %b::bool, %b::uuid)"
SESSION = "select account, handle, role, expires_at, frozen from cloison.session_v1(%b::text, %b::bytea)"

Connection = psycopg.AsyncConnection[Any]


class Bearer(NamedTuple):
    """Who asks: the home segment of the session's account, and what shows the session (32 bytes, `sessions.bearer`)."""

    segment: str
    token: bytes


class Metered(msgspec.Struct, frozen=True):
    """The meter's answer to one request; `released` is there exactly where `outcome` is `open`.

    `error`: this request failed while others of its call were answered; its outcome is `stale`.
    """

    outcome: Outcome
    retry_after: int | None = None
    released: Released | None = None
    error: CloisonError | None = None


class Cards(msgspec.Struct, frozen=True):
    """The meter's answer to a search or a list: the sealed labels of whom was found, and where a list goes on."""

    outcome: Outcome
    retry_after: int | None
    released: list[Released]
    last: UUID | None = None


class Search(msgspec.Struct, frozen=True):
    """What is searched: a term's slot and its keyed hashes, those that prove a second fact, the group of its misses.

    All but the purpose as the keeper signed it (`mac`), and when.
    """

    purpose: int
    slot: int
    terms: list[int]
    proof_slot: int | None = None
    proof_terms: list[int] | None = None
    group: int | None = None
    at_milliseconds: int = 0
    mac: bytes = b""


class _Waiting(NamedTuple):
    asked: Asked
    answer: "asyncio.Future[Metered]"
    since: float

    @property
    def token(self) -> bytes:
        return self.asked.token


class Meter:
    """The desk's side of the meter; one for each process."""

    def __init__(self, conninfo: str, waiting_requests: int = 1024) -> None:
        """Prepare for `conninfo`; at most `waiting_requests` wait at a time. Nothing is opened yet."""
        self._pool = pool(conninfo, BATCHES + 1)
        self._waiting: list[_Waiting] = []
        self._limit = waiting_requests
        self._asking: Counter[bytes] = Counter()  # requests that are not answered yet, by session
        self._in_flight: set[bytes] = set()
        self._capped: dict[bytes, None] = {}  # SHA-256 of tokens whose organisation has a cap, oldest first
        self._batches: set[asyncio.Task[None]] = set()
        self._recent = (0, 0)  # requests in the last two batches
        self._linger: asyncio.TimerHandle | None = None
        self._young: asyncio.Task[None] | None = None  # the batch that others wait for

    async def start(self) -> None:
        """Open the connections, without waiting for the database to be there."""
        await self._pool.open(wait=False)

    async def stop(self) -> None:
        """End what is under way and close the connections; what still waits is refused."""
        left, self._waiting = self._waiting, []
        for batch in self._batches:
            batch.cancel()
        await asyncio.gather(*self._batches, return_exceptions=True)
        for waiting in left:
            _fail(waiting, OverloadedError(retry_after_seconds=5))
        await self._pool.close()

    @property
    def waiting(self) -> int:
        """How many requests wait for a batch."""
        return len(self._waiting)

    async def open(
        self, bearer: Bearer, requests: Sequence[OpenRequest], segments: Sequence[str] | None = None
    ) -> list[Metered]:
        """Charge and release `requests`, request i in `segments[i]`, by default the bearer's home; answers in order.

        Raises NoSessionError, OverloadedError, DatabaseUnavailableError, DatabaseRefusedError where none was answered;
        else what was charged is given out, and those that failed say so one by one.
        """
        mine_waiting = self._asking[bearer.token] + len(requests)
        if len(self._waiting) + len(requests) > self._limit or mine_waiting > SESSION_WAITING:
            raise OverloadedError(retry_after_seconds=1)
        loop = asyncio.get_running_loop()
        leased = hashlib.sha256(bearer.token).digest() in self._capped
        mine = [
            _Waiting(began(*bearer, segment, request, leased=leased), loop.create_future(), loop.time())
            for segment, request in zip(segments or [bearer.segment] * len(requests), requests, strict=True)
        ]
        with self._counted(bearer.token, len(mine)):
            self._put(mine)
            if len(mine) == 1:
                return [await mine[0].answer]
            answers = await asyncio.gather(*(waiting.answer for waiting in mine), return_exceptions=True)
        return _told_apart(answers)

    @contextmanager
    def _counted(self, token: bytes, requests: int) -> Iterator[None]:
        """Count requests of a session for as long as they are not answered."""
        self._asking[token] += requests
        try:
            yield
        finally:
            self._asking[token] -= requests
            if not self._asking[token]:
                del self._asking[token]

    async def search(self, bearer: Bearer, request: UUID, search: Search) -> Cards:
        """Search the bearer's home segment; raises as `open` does."""
        values = (
            *(*bearer, request, search.purpose, search.slot, search.terms),
            *(search.proof_slot, search.proof_terms, search.group, search.at_milliseconds, search.mac),
        )
        # The miss is charged and committed before anything is looked for: an answer rolled back would cost nothing.
        calls = [(SEARCH, values), (FIND, (*bearer, request))]
        return await self._cards(calls, (bearer.segment, [bearer.token], [request], [None]))

    async def caseload(self, bearer: Bearer, request: UUID, *, whole: bool, after: UUID | None) -> Cards:
        """One page of the caseload, today's appointments or the `whole`, behind person `after`; raises as `open`."""
        values = (bearer.segment, bearer.token, request, whole, after)
        return await self._cards([(LIST, values)], (bearer.segment, [bearer.token], [request], [None]))

    async def session(self, bearer: Bearer) -> tuple[Any, ...]:
        """Account, handle, role, expiry and frozen of the bearer's session; raises NoSessionError."""
        async with self._database() as connection:
            cursor = await connection.execute(SESSION, bearer, binary=True)
            row = await cursor.fetchone()
        if row is None:
            raise NoSessionError
        return tuple(row)

    async def ask(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of one act of the bearer's that opens nobody, asked again for a while where it is `busy`.

        Raises DatabaseUnavailableError, DatabaseRefusedError.
        """
        since = asyncio.get_running_loop().time()
        while True:
            async with self._database() as connection:
                rows = await (await connection.execute(statement.encode(), values, binary=True)).fetchall()
            if not rows or rows[0][0] != "busy" or _age(since) > BUSY_SECONDS:
                return rows
            await asyncio.sleep(BUSY_PAUSE_SECONDS)

    # -- single calls -------------------------------------------------------------------------------------------

    async def _cards(self, calls: Sequence[Call], receipts: Sequence[Any]) -> Cards:
        """Each of `calls` and the release in a transaction of its own, in one round trip; the first refusal counts."""
        since = asyncio.get_running_loop().time()
        while True:
            try:
                async with self._database() as connection:
                    *charged, rows = await _in_turn(connection, [*calls, (RELEASE, receipts)])
            except DatabaseRefusedError as error:
                if not _worth_another(error, since):
                    raise
                continue
            answers: list[Sequence[Any]] = [first[0] if first else ("no_session",) for first in charged]
            answer = next((row for row in answers if row[0] != "open"), answers[-1])
            if answer[0] == "no_session":
                raise NoSessionError
            if answer[0] != "busy":
                released = [_released(str(receipts[0]), row) for row in rows]
                return Cards(Outcome(answer[0]), answer[1], released, answer[3] if len(answer) > 3 else None)  # noqa: PLR2004 - the list's fourth column
            if _age(since) > BUSY_SECONDS:
                raise OverloadedError(retry_after_seconds=1)
            await asyncio.sleep(BUSY_PAUSE_SECONDS)

    def _database(self) -> Guarded:
        return Guarded(self._pool)

    # -- batches ------------------------------------------------------------------------------------------------

    def _put(self, waiting: list[_Waiting]) -> None:
        self._waiting.extend(waiting)
        self._begin()

    def _begin(self, *, few: bool = False) -> None:
        """Rule 5: begin a batch of what waits, if it is its turn; of `few` once they have waited for others."""
        if self._young is not None or len(self._batches) == BATCHES or not self._ready():
            return
        if not few and 2 * len(self._waiting) < sum(self._recent):
            self._linger = self._linger or asyncio.get_running_loop().call_later(LINGER_SECONDS, self._lingered)
            return
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        batch = self._take()
        if not batch:
            return
        self._recent = (self._recent[1], len(batch))
        self._young = task = asyncio.create_task(self._serve(batch))
        self._batches.add(task)
        late = asyncio.get_running_loop().call_later(LATE_SECONDS, self._let_pass, task)
        task.add_done_callback(lambda _: self._end(task, batch, late))

    def _lingered(self) -> None:
        self._linger = None
        self._begin(few=True)

    def _end(self, task: "asyncio.Task[None]", batch: list[_Waiting], late: asyncio.TimerHandle) -> None:
        late.cancel()
        self._batches.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:  # a fault of ours: nobody waits for ever
            for waiting in batch:
                _fail(waiting, error)
        self._in_flight -= {waiting.token for waiting in batch}
        self._let_pass(task)

    def _let_pass(self, task: "asyncio.Task[None]") -> None:
        if self._young is task:
            self._young = None
        self._begin()

    def _ready(self) -> bool:
        return any(waiting.token not in self._in_flight for waiting in self._waiting)

    def _take(self) -> list[_Waiting]:
        """Rule 1: the oldest requests, some of each session, none of a session in flight."""
        taken: list[_Waiting] = []
        left: list[_Waiting] = []
        each: Counter[bytes] = Counter()
        for waiting in self._waiting:
            if waiting.answer.cancelled():
                continue
            fits = len(taken) < BATCH_REQUESTS and each[waiting.token] < SESSION_REQUESTS
            if fits and waiting.token not in self._in_flight:
                each[waiting.token] += 1
                taken.append(waiting)
            else:
                left.append(waiting)
        self._waiting = left
        self._in_flight |= each.keys()
        return taken

    async def _serve(self, batch: list[_Waiting]) -> None:
        by_stage: defaultdict[tuple[Stage, str], list[_Waiting]] = defaultdict(list)
        for waiting in batch:
            by_stage[waiting.asked.stage, waiting.asked.place].append(waiting)
        groups = list(by_stage.values())
        try:
            async with self._database() as connection:
                answers = await _charge_and_give(connection, [[w.asked for w in group] for group in groups])
        except DatabaseRefusedError as error:  # rule 4
            if len(batch) > 1:
                await self._serve(batch[: len(batch) // 2])
                await self._serve(batch[len(batch) // 2 :])
            elif _worth_another(error, batch[0].since):
                await self._serve(batch)
            else:
                _fail(batch[0], error)
        except CloisonError as error:
            for waiting in batch:
                _fail(waiting, error)
        else:
            for group, (charged, released) in zip(groups, answers, strict=True):
                self._settle(group, charged, released)

    def _settle(self, group: list[_Waiting], charged: list[Any], rows: list[Any]) -> None:
        by_ordinal = {row[0]: row for row in rows}
        for ordinal, outcome, retry_after in charged:
            waiting = group[ordinal - 1]
            if outcome in {"busy", "lease"}:  # rule 3
                self._retry(waiting, outcome)
            elif outcome == "no_session":
                _fail(waiting, NoSessionError())
            elif outcome == "unwitnessed":
                _fail(waiting, UnwitnessedError(retry_after_seconds=UNWITNESSED_SECONDS))
            elif outcome != "open":
                _answer(waiting, Metered(Outcome(outcome), retry_after))
            elif ordinal not in by_ordinal:  # charged, then the session ended, the account was frozen, or they are gone
                _answer(waiting, Metered(Outcome.STALE))
            elif further := given(waiting.asked, by_ordinal[ordinal]):
                self._again(waiting._replace(asked=further))
            else:
                released = _released(waiting.asked.segment, by_ordinal[ordinal])
                _answer(waiting, Metered(Outcome.OPEN, None, released))

    def _retry(self, waiting: _Waiting, outcome: str) -> None:
        """Rule 3, for so long."""
        if _age(waiting.since) > (BUSY_SECONDS if outcome == "busy" else LEASE_SECONDS):
            _fail(waiting, OverloadedError(retry_after_seconds=1))
        elif outcome == "busy":
            asyncio.get_running_loop().call_later(BUSY_PAUSE_SECONDS, self._again, waiting)
        else:
            if waiting.asked.stage is Stage.OPEN:
                self._remember(waiting.token)
            self._again(waiting._replace(asked=lend_again(waiting.asked)))

    def _remember(self, token: bytes) -> None:
        """Have the session's next requests ask for a lease at once; what is wrong by then costs a detour, no more."""
        while len(self._capped) >= CAPPED_SESSIONS:
            del self._capped[next(iter(self._capped))]
        self._capped[hashlib.sha256(token).digest()] = None

    def _again(self, waiting: _Waiting) -> None:
        self._put([waiting])


async def _charge_and_give(connection: Connection, groups: list[list[Asked]]) -> list[tuple[Any, Any]]:
    """Rule 2; the rows of both calls for each group."""
    pairs = [calls(group) for group in groups]
    rows = await _in_turn(connection, [*(charge for charge, _ in pairs), *(give for _, give in pairs)])
    return list(zip(rows[: len(pairs)], rows[len(pairs) :], strict=True))


async def _in_turn(connection: Connection, calls: Sequence[Call]) -> list[list[Any]]:
    """The rows of each of `calls`, each a transaction of its own, all in one round trip.

    Between them stands `commit`, not psycopg's `sync()`: that waits for the answers so far, and whatever is waited for
    comes a turn of the loop later, which on a busy desk is milliseconds.
    """
    cursors = []
    try:
        async with connection.pipeline():
            for call in calls[:-1]:
                await connection.execute(b"begin")
                cursors.append(await connection.execute(*call, binary=True))
                await connection.execute(b"commit")
            cursors.append(await connection.execute(*calls[-1], binary=True))
    except psycopg.Error:
        if connection.info.transaction_status == TransactionStatus.INERROR:
            await connection.rollback()
        raise
    return [await cursor.fetchall() for cursor in cursors]


def _told_apart(answers: Sequence[Metered | BaseException]) -> list[Metered]:
    """Each request's answer or error; raises the first error if nothing was answered, or if it is not one of ours."""
    errors: list[BaseException] = [answer for answer in answers if isinstance(answer, BaseException)]
    foreign = [error for error in errors if not isinstance(error, CloisonError)]
    if foreign or (errors and len(errors) == len(answers)):
        raise [*foreign, *errors][0]
    return [
        answer if isinstance(answer, Metered) else Metered(Outcome.STALE, error=cast("CloisonError", answer))
        for answer in answers
    ]


def _age(since: float) -> float:
    return asyncio.get_running_loop().time() - since


def _worth_another(error: DatabaseRefusedError, since: float) -> bool:
    """Whether a release waited for the log in vain: the commit of another charge flushes what it waited for."""
    return error.fields["reason"] == NOT_FLUSHED and _age(since) < NOT_FLUSHED_SECONDS


def _released(segment: str, row: Sequence[Any]) -> Released:
    return Released(segment, *row[1:])


def _answer(waiting: _Waiting, answer: Metered) -> None:
    if not waiting.answer.done():
        waiting.answer.set_result(answer)


def _fail(waiting: _Waiting, error: BaseException) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(error)
