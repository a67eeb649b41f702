"""The import of people: from a file, through the keeper, into the register.

The steps, in order; each person passes them once, batches overlap:

1. Rows are read and checked; those that cannot be are written to `FILE.rejects.csv` and left out.
2. The keeper turns unique values into locators; the database says who is there already.
3. Who is there is recognised: the same birth date (or NIR) under their own keys, and whether the file tells anything
   new. If it does, they are sealed anew (`resealing.py`); if it is somebody else, the row is refused.
4. The others are enrolled and sealed, and wait by segment, a bounded number in all.
5. A batch of one segment is written in one transaction, which says once more who was known: two imports may run at
   once, and who is known by then goes through steps 2 and 3 again.

Whatever stops an import, run it again: it ends with the same register. Into an empty register people are written
without the indexes of search terms, which are made at the end; until then nobody searches. Stopped short, a small
register has them at once, a large one from the import that ends.
"""

import asyncio
import contextlib
import gc
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import msgspec

from cloison.errors import CloisonError, DatabaseUnavailableError
from cloison.keeper.messages import PEOPLE_A_REQUEST
from cloison.register.fields import Reason
from cloison.register.files import Chunk, Mapping, PeopleFile, RejectFile, looks_swapped, open_people, swapped_error
from cloison.register.recognising import Told, recognise
from cloison.register.records import Record, RecordMaker, Reject
from cloison.register.resealing import Change, Newcomer, Register, Standing, enrolled, insert, query, reseal
from cloison.register.terms import LAST_DAY
from cloison.store import packed

ROWS_A_STEP = 512  # some 10 ms of checking, between which answers are taken
PEOPLE_A_BATCH = PEOPLE_A_REQUEST  # of changes: one request to the keeper, one transaction
PEOPLE_A_WRITE = 1_024  # newcomers of a segment in one transaction; half as many are enough to begin one
WAITING_MOST = 24_576  # people in memory that wait for a full batch; some 100 MB
STEPS_AT_ONCE = 8  # batches on their way to keeper and database
YOUNG_OBJECTS = 200_000  # those of a person are no circles: looking for some all the time would double the work
ATTEMPTS = 3  # at somebody whom others change at the same time

FIND = (
    "select ordinal, people, segment, person, cohort, key_id, version "
    "from cloison.intake_find_v1(%b::int4, %b::int8[]) order by ordinal"
)
BEGIN_LOAD = "select cloison.intake_begin_load_v1()"
END_LOAD = "select cloison.intake_end_load_v1()"
LEAVE_LOAD = "select cloison.intake_leave_load_v1()"

DONE = "Done"  # the last that is told to be doing

__all__ = ["DONE", "Progress", "Reading", "Register", "Summary", "import_file"]


class Summary(msgspec.Struct):
    """How an import went, or goes: rows read, people new, changed and known as they are, rows refused, seconds."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    known: int = 0
    rejected: int = 0
    seconds: float = 0.0


class Progress(NamedTuple):
    """How far an import is: `share` of the file, `seconds_left` at the rate until now; None before anyone can say."""

    summary: Summary
    share: float
    seconds_left: float | None
    doing: str


class Reading(msgspec.Struct, frozen=True):
    """How a file is to be read, where it does not say so itself."""

    mapping: Mapping | None = None
    encoding: str | None = None
    delimiter: str | None = None


class _Row(NamedTuple):
    """A person of the file; `locators` one a kind, as the keeper hashed them."""

    number: int
    record: Record
    locators: list[int | None]
    attempt: int = 1


class _Sealed(NamedTuple):
    """Somebody new, enrolled and sealed, as the database takes them."""

    row: _Row
    packed: bytes


async def import_file(
    path: Path,
    register: Register,
    progress: Callable[[Progress], None] = lambda _progress: None,
    reading: Reading | None = None,
) -> Summary:
    """Bring the people of the file `path` into the register; `progress` is told how far it is.

    Raises ImportFileError for a file that cannot be read, KeeperUnavailableError, DatabaseUnavailableError
    and DatabaseRefusedError. Whatever stops it, run it again: who is in already is passed over.
    """
    how = reading or Reading()
    opened = open_people(path, register.profile, how.mapping, encoding=how.encoding, delimiter=how.delimiter)
    with opened as people, RejectFile(path) as rejects:
        intake = _Intake(register, people, rejects, progress)
        gc.set_threshold(YOUNG_OBJECTS)
        ((loading,),) = await query(register, BEGIN_LOAD, ())
        try:
            await _run(intake)
        except BaseException as error:  # an interrupt, too
            if loading and not isinstance(error, DatabaseUnavailableError):
                with contextlib.suppress(CloisonError):  # the first error is told, and the next import ends the load
                    await query(register, LEAVE_LOAD, ())
            raise
        if loading:
            intake.tell("Making indexes")
            await query(register, END_LOAD, ())
        intake.tell(DONE)
    return intake.summary


async def _run(intake: "_Intake") -> None:
    try:
        async with asyncio.TaskGroup() as steps:
            await intake.run(steps)
    except* CloisonError as errors:
        raise _first(errors) from None


class _Intake:
    """One import under way."""

    def __init__(
        self, register: Register, people: PeopleFile, rejects: RejectFile, progress: Callable[[Progress], None]
    ) -> None:
        self.summary = Summary()
        self._register = register
        self._people = people
        self._rejects = rejects
        self._progress = progress
        self._maker = RecordMaker(register.profile)
        self._told = Told.of(register.profile, people.columns)
        self._looked = False
        self._started = time.monotonic()
        self._read_bytes = 0
        self._free = asyncio.Semaphore(STEPS_AT_ONCE)
        self._waiting: dict[str, list[_Sealed]] = defaultdict(list)
        self._waiting_people = 0
        self._again: list[_Row] = []

    async def run(self, steps: asyncio.TaskGroup) -> None:
        """Take every row; returns when nothing is left to do."""
        for chunk in self._people.chunks(ROWS_A_STEP):
            self._read_bytes = chunk.read_bytes
            await self._begin(steps, self._checked(chunk))
            await self._write_full(steps)
            self.tell("Importing")
        await self._all_done()
        while self._waiting or self._again:
            await self._write_waiting(steps, list(self._waiting))
            await self._all_done()
            again, self._again = [row for row in self._again if self._may_retry(row)], []
            for start in range(0, len(again), ROWS_A_STEP):
                await self._begin(steps, again[start : start + ROWS_A_STEP])
            await self._all_done()

    def tell(self, doing: str) -> None:
        """Tell how far it is."""
        self.summary.seconds = seconds = time.monotonic() - self._started
        size = self._people.size_bytes
        share = min(self._read_bytes / size, 1.0) if size else 1.0
        self._progress(Progress(self.summary, share, seconds / share - seconds if share else None, doing))

    # -- 1. reading

    def _checked(self, chunk: Chunk) -> list[_Row]:
        made = self._maker.records(chunk.columns, chunk.rows)
        self.summary.read += chunk.rows + len(chunk.faults)
        refused = [(number, [reject]) for number, reject in chunk.faults]
        refused += [(chunk.numbers[index], rejects) for index, rejects in made.rejects]
        for number, rejects in sorted(refused):
            self._reject(number, rejects)
        self._look_at_first(chunk, [rejects for _, rejects in made.rejects])
        return [_Row(chunk.numbers[index], record, []) for index, record in made.records]

    def _look_at_first(self, chunk: Chunk, rejects: list[list[Reject]]) -> None:
        """Stops an import whose first rows show that columns stand under one another's names."""
        if not self._looked and (fields := looks_swapped(chunk.columns, rejects)):
            raise swapped_error(fields, chunk.columns, self._register.profile, today=LAST_DAY)
        self._looked = True

    def _reject(self, number: int, rejects: list[Reject]) -> None:
        self.summary.rejected += 1
        self._rejects.write(number, rejects)

    def _refuse(self, row: _Row, reason: Reason, fields: Sequence[str]) -> None:
        self._reject(row.number, [Reject(" or ".join(fields), reason, "")])

    # -- 2. and 3. who is there

    async def _begin(self, steps: asyncio.TaskGroup, rows: list[_Row]) -> None:
        if rows:
            await self._free.acquire()
            steps.create_task(self._find(rows))

    async def _find(self, rows: list[_Row]) -> None:
        try:
            located = [row._replace(locators=terms) for row, terms in zip(rows, await self._locate(rows), strict=True)]
            flat = packed.int8s(term for row in located for term in row.locators)
            found = await query(self._register, FIND, (len(self._register.profile.locators), flat))
            await self._known(located, {row[0] - 1: (row[1], Standing(*row[2:])) for row in found})
        finally:
            self._free.release()

    async def _locate(self, rows: list[_Row]) -> list[list[int | None]]:
        hashed = iter(await self._register.keeper.locate([item for row in rows for item in row.record.locators]))
        kinds = len(self._register.profile.locators)
        located = []
        for row in rows:
            terms: list[int | None] = [None] * kinds
            for kind, _ in row.record.locators:
                terms[kind] = next(hashed)
            located.append(terms)
        return located

    async def _known(self, rows: list[_Row], found: dict[int, tuple[int, Standing]]) -> None:
        new: list[_Row] = []
        there: list[tuple[_Row, Standing]] = []
        for index, row in enumerate(rows):
            people, standing = found.get(index, (0, None))
            if people == 0 or standing is None:
                new.append(row)
            elif people > 1:
                self._refuse(row, Reason.CONFLICT, self._register.profile.locators)
            elif standing.version is None:  # moved or gone since it was found
                self._again.append(row._replace(attempt=row.attempt + 1))
            else:
                there.append((row, standing))
        if new:
            await self._enrol(new)
        there.sort(key=lambda pair: (pair[1].segment, pair[1].person))  # two imports never wait in a circle
        for start in range(0, len(there), PEOPLE_A_BATCH):
            await self._change(there[start : start + PEOPLE_A_BATCH])

    async def _change(self, there: list[tuple[_Row, Standing]]) -> None:
        recognised = await recognise(self._register, [(standing, row.record) for row, standing in there])
        changes: list[tuple[_Row, Change]] = []
        for (row, standing), result in zip(there, recognised, strict=True):
            mask = self._told.mask_for(row.record, standing)
            if result == "conflict":
                self._refuse(row, Reason.CONFLICT, self._register.profile.locators)
            elif result == "same" and not _extends(row.record, standing):
                self.summary.known += 1
            elif mask is None:
                self._refuse(row, Reason.PARTIAL, self._told.missing)
            else:
                none = [None] * len(row.locators)
                change = Change(standing, row.record, mask, row.locators, none, slots=self._told.slots)
                changes.append((row, change))
        if changes:
            results = await reseal(self._register, [change for _, change in changes])
            for (row, _), result in zip(changes, results, strict=True):
                self._changed(row, result)

    def _changed(self, row: _Row, result: str) -> None:
        if result == "changed":
            self.summary.updated += 1
        elif result == "conflict":
            self._refuse(row, Reason.CONFLICT, self._register.profile.locators)
        else:
            self._again.append(row._replace(attempt=row.attempt + 1))

    def _may_retry(self, row: _Row) -> bool:
        if row.attempt > ATTEMPTS:
            self._refuse(row, Reason.BUSY, ())
            return False
        return True

    # -- 4. and 5. who is new

    async def _enrol(self, rows: list[_Row]) -> None:
        newcomers = [(uuid4(), Newcomer(row.record, row.locators)) for row in rows]
        for row, sealed in zip(rows, await enrolled(self._register, newcomers), strict=True):
            self._waiting[row.record.segment].append(_Sealed(row, sealed))
        self._waiting_people += len(rows)

    async def _write_full(self, steps: asyncio.TaskGroup) -> None:
        full = [name for name, people in self._waiting.items() if len(people) >= PEOPLE_A_WRITE // 2]
        if not full and self._waiting_people > WAITING_MOST:
            longest = sorted(self._waiting, key=lambda name: len(self._waiting[name]), reverse=True)
            full = longest[: STEPS_AT_ONCE // 2]
        await self._write_waiting(steps, full)

    async def _write_waiting(self, steps: asyncio.TaskGroup, segments: Sequence[str]) -> None:
        for segment in segments:
            people = self._waiting.pop(segment)
            self._waiting_people -= len(people)
            for start in range(0, len(people), PEOPLE_A_WRITE):
                await self._free.acquire()
                steps.create_task(self._write(segment, people[start : start + PEOPLE_A_WRITE]))

    async def _write(self, segment: str, batch: list[_Sealed]) -> None:
        try:
            results = await insert(self._register, segment, [sealed.packed for sealed in batch])
        finally:
            self._free.release()
        for sealed, result in zip(batch, results, strict=True):
            if result == "inserted":
                self.summary.inserted += 1
            else:
                self._again.append(sealed.row._replace(attempt=sealed.row.attempt + 1))

    async def _all_done(self) -> None:
        # all permits back means that no step is under way, so that nobody joins the waiting any more
        for _ in range(STEPS_AT_ONCE):
            await self._free.acquire()
        for _ in range(STEPS_AT_ONCE):
            self._free.release()


def _extends(record: Record, standing: Standing) -> bool:
    """Whether somebody whose record is as it was is kept longer than their cohort: still registered, say."""
    return record.cohort != standing.cohort


def _first(errors: BaseExceptionGroup[CloisonError]) -> CloisonError:
    """The first error of a group, however deep; the others follow from it."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
