"""The import of people: from a file, through the keeper, into the register.

The steps, in order; each person passes them once, batches overlap:

1. A row is read and checked; one that cannot be is written to `FILE.rejects.csv` and left out.
2. The keeper turns its unique values into locators, and the database says which are there already: those
   people are known and pass no further. So a second run after a kill neither loses nor doubles anyone.
3. The others wait by segment, a bounded number in all.
4. The keeper enrols a batch of one segment: new keys and search terms.
5. Every compartment is sealed.
6. The database takes the batch in one transaction, and says once more who was known: two imports may run at
   once.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
from psycopg_pool import AsyncConnectionPool

from cloison.errors import CloisonError
from cloison.keeper.client import Keeper
from cloison.keeper.messages import Enrolled, NewPerson
from cloison.register.fields import Reason
from cloison.register.people_files import PeopleFile, RejectFile
from cloison.register.profile import Profile
from cloison.register.records import Record, RecordMaker, Reject
from cloison.register.sealing import Place, seal
from cloison.store.faults import error_of

ROWS_A_STEP = 256  # some 10 ms of checking, between which answers are taken
PEOPLE_A_BATCH = 256  # one request to the keeper, one transaction
WAITING_MOST = 8_192  # people in memory that wait for a full batch; 20 MB
STEPS_AT_ONCE = 8  # batches on their way to keeper and database
SLOTS = 8
FIRST_VERSION = 1

KNOWN = "select cloison.intake_known_v1(%b::smallint[], %b::bigint[])"
PEOPLE = (
    "select result from cloison.intake_people_v1(%b::text, %b::uuid[], %b::integer[], %b::bigint[], "
    "%b::bytea[], %b::bigint[], %b::smallint[], %b::bigint[], %b::integer[]) order by ordinal"
)

Pool = AsyncConnectionPool[psycopg.AsyncConnection]


class Register(msgspec.Struct, frozen=True):
    """Where people go: their profile, the keeper (as caller `intake`), and a pool of the login `intake`."""

    profile: Profile
    keeper: Keeper
    pool: Pool


class Summary(msgspec.Struct):
    """How an import went, or goes: rows read, people new and known, rows refused, seconds since it began."""

    read: int = 0
    inserted: int = 0
    known: int = 0
    rejected: int = 0
    seconds: float = 0.0


class _Newcomer(msgspec.Struct, frozen=True):
    """Someone who is not in the register yet; `locators` are (kind, term)."""

    row: int
    person: UUID
    record: Record
    locators: list[tuple[int, int]]


async def import_file(
    path: Path, register: Register, progress: Callable[[Summary], None] = lambda _summary: None
) -> Summary:
    """Bring the people of the CSV file `path` into the register; `progress` is told how far it is.

    Raises ImportFileError for a file that cannot be read, KeeperUnavailableError, DatabaseUnavailableError
    and DatabaseRefusedError. Whatever stops it, run it again: who is in already is passed over.
    """
    with PeopleFile(path, register.profile) as people, RejectFile(path) as rejects:
        intake = _Intake(register, rejects, progress)
        try:
            async with asyncio.TaskGroup() as steps:
                await intake.run(people.rows(), steps)
        except* CloisonError as errors:
            raise _first(errors) from None
    return intake.summary


class _Intake:
    """One import under way."""

    def __init__(self, register: Register, rejects: RejectFile, progress: Callable[[Summary], None]) -> None:
        self.summary = Summary()
        self._register = register
        self._rejects = rejects
        self._progress = progress
        self._maker = RecordMaker(register.profile)
        self._started = time.monotonic()
        self._free = asyncio.Semaphore(STEPS_AT_ONCE)
        self._waiting: dict[str, list[_Newcomer]] = defaultdict(list)
        self._waiting_people = 0

    async def run(self, rows: Iterator[tuple[int, dict[str, str] | None]], steps: asyncio.TaskGroup) -> None:
        """Take every row; returns when nothing is left to do."""
        while chunk := list(islice(rows, ROWS_A_STEP)):
            self.summary.read += len(chunk)
            records = self._checked(chunk)
            await self._free.acquire()
            steps.create_task(self._find_newcomers(records))
            for batch in self._full_batches():
                await self._free.acquire()
                steps.create_task(self._bring_in(batch))
            self._tell()
        await self._drain(steps)

    async def _drain(self, steps: asyncio.TaskGroup) -> None:
        # all permits back means that no step is under way, so that nobody joins the waiting any more
        for _ in range(STEPS_AT_ONCE):
            await self._free.acquire()
        for _ in range(STEPS_AT_ONCE):
            self._free.release()
        for batch in list(self._batches(self._waiting)):
            await self._free.acquire()
            steps.create_task(self._bring_in(batch))
        for _ in range(STEPS_AT_ONCE):
            await self._free.acquire()
        self._tell()

    def _tell(self) -> None:
        self.summary.seconds = time.monotonic() - self._started
        self._progress(self.summary)

    def _checked(self, chunk: Iterable[tuple[int, dict[str, str] | None]]) -> list[tuple[int, Record]]:
        records = []
        for number, row in chunk:
            made = [Reject("", Reason.COLUMNS, "")] if row is None else self._maker.to_record(row)
            if isinstance(made, Record):
                records.append((number, made))
            else:
                self._reject(number, made)
        return records

    def _reject(self, row: int, rejects: list[Reject]) -> None:
        self.summary.rejected += 1
        self._rejects.write(row, rejects)

    async def _find_newcomers(self, records: list[tuple[int, Record]]) -> None:
        try:
            located = await self._register.keeper.locate([item for _, record in records for item in record.locators])
            kinds = [kind for _, record in records for kind, _ in record.locators]
            known = iter(await self._known(kinds, located))
        finally:
            self._free.release()
        terms = iter(located)
        for row, record in records:
            locators = [(kind, next(terms)) for kind, _ in record.locators]
            there = [next(known) for _ in locators]
            self._sort(_Newcomer(row, uuid4(), record, locators), there)

    def _sort(self, newcomer: _Newcomer, there: list[bool]) -> None:
        if all(there):
            self.summary.known += 1
        elif any(there):
            self._conflict(newcomer)
        else:
            self._waiting[newcomer.record.segment].append(newcomer)
            self._waiting_people += 1

    def _conflict(self, newcomer: _Newcomer) -> None:
        fields = " or ".join(self._register.profile.locators)
        self._reject(newcomer.row, [Reject(fields, Reason.CONFLICT, "")])

    def _full_batches(self) -> list[list[_Newcomer]]:
        full = {name: people for name, people in self._waiting.items() if len(people) >= PEOPLE_A_BATCH}
        if not full and self._waiting_people > WAITING_MOST:
            longest = sorted(self._waiting, key=lambda name: len(self._waiting[name]), reverse=True)
            full = {name: self._waiting[name] for name in longest[: STEPS_AT_ONCE // 2]}
        return list(self._batches(full))

    def _batches(self, waiting: dict[str, list[_Newcomer]]) -> Iterator[list[_Newcomer]]:
        for segment in list(waiting):
            people = self._waiting.pop(segment)
            self._waiting_people -= len(people)
            for start in range(0, len(people), PEOPLE_A_BATCH):
                yield people[start : start + PEOPLE_A_BATCH]

    async def _bring_in(self, batch: list[_Newcomer]) -> None:
        try:
            enrolled = await self._register.keeper.enrol(
                [NewPerson(n.record.segment, n.record.cohort, n.person, n.record.terms) for n in batch]
            )
            results = await self._insert(batch, enrolled)
        finally:
            self._free.release()
        for newcomer, result in zip(batch, results, strict=True):
            if result == "conflict":
                self._conflict(newcomer)
            elif result == "known":
                self.summary.known += 1
            else:
                self.summary.inserted += 1

    async def _known(self, kinds: list[int], terms: list[int]) -> list[bool]:
        ((known,),) = await self._query(KNOWN, (kinds, terms))
        return list(known)

    async def _insert(self, batch: list[_Newcomer], enrolled: Sequence[Enrolled]) -> list[str]:
        located = [(kind, term, ordinal) for ordinal, n in enumerate(batch, 1) for kind, term in n.locators]
        arguments = (
            batch[0].record.segment,
            [n.person for n in batch],
            [n.record.cohort for n in batch],
            [one.key_id for one in enrolled],
            [item for n, one in zip(batch, enrolled, strict=True) for item in _sealed(n, one)],
            [term for n, one in zip(batch, enrolled, strict=True) for term in _columns(n, one)],
            *(list(column) for column in zip(*located, strict=True)),
        )
        return [result for (result,) in await self._query(PEOPLE, arguments)]

    async def _query(self, query: str, arguments: Sequence[object]) -> list[tuple[Any, ...]]:
        try:
            async with self._register.pool.connection() as connection:
                return await (await connection.execute(query.encode(), arguments)).fetchall()
        except psycopg.Error as error:
            raise error_of(error) from None


def _sealed(newcomer: _Newcomer, enrolled: Enrolled) -> list[bytes]:
    record = newcomer.record
    return seal(enrolled.keys, record.plain, place=Place(record.segment, newcomer.person, FIRST_VERSION))


def _columns(newcomer: _Newcomer, enrolled: Enrolled) -> list[int | None]:
    columns: list[int | None] = [None] * SLOTS
    for (slot, _), term in zip(newcomer.record.terms, enrolled.terms, strict=True):
        columns[slot - 1] = term
    return columns


def _first(errors: BaseExceptionGroup[CloisonError]) -> CloisonError:
    """The first error of a group, however deep; the others follow from it."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
