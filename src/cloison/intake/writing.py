"""Writing what a change made of a record: sealed anew as a whole, in the name of whoever asked.

One change of a person at a time: the keeper prepares keys for the next version, and two that prepare at once would have
to agree on what it is. Another process that changes the same person meanwhile makes this one read again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID
from weakref import WeakValueDictionary

from cloison.client.changes import Changed
from cloison.errors import CloisonError
from cloison.intake.reading import Read, Whole, patiently
from cloison.model import Permission
from cloison.register import resealing
from cloison.register.changes import Values, asked_locators, question_groups, refused
from cloison.register.layout import Layout
from cloison.register.records import Record, RecordMaker
from cloison.register.resealing import Change, Register
from cloison.register.terms import locator_inputs
from cloison.store import packed
from cloison.store.metered import Bearer

ASK = "select * from cloison.ask_locators_v1(%b::text, %b::bytea, %b::uuid, %b::int4, %b::int2, %b::uuid, %b::int8[])"
ANSWERED = "select cloison.question_answered_v1(%b::text, %b::bytea, %b::uuid)"
WRITE = (
    "select cloison.change_person_v1(%b::text, %b::bytea, %b::uuid, %b::int4, %b::cloison.event, %b::int2, "
    "%b::cloison.resealed[])"
)
GROUP_KIND = 15  # of the keeper's register-wide terms: no profile has so many locators


class Cause(NamedTuple):
    """Who changes, by which act, with which event in the log, for what purpose."""

    who: Bearer
    permission: Permission
    event: str
    purpose: int


class Turns:
    """One change of a person at a time."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def of(self, *people: UUID) -> AsyncIterator[None]:
        """Wait until nobody else changes these people."""
        async with contextlib.AsyncExitStack() as stack:
            for person in sorted(set(people)):  # in one order, so that two never wait for each other
                await stack.enter_async_context(self._locks.setdefault(person, asyncio.Lock()))
            yield


def recorded(register: Register, values: Mapping[str, str]) -> Record:
    """The record of these values, checked like a row of an import; raises InvalidFieldsError."""
    made = RecordMaker(register.profile).to_record(values)
    if isinstance(made, list):
        raise refused(made)
    return made


def kept_values(register: Register, record: Record) -> Values:
    """A record's values in their kept form."""
    layout = Layout(register.profile)
    texts = enumerate(record.plain[:-1])
    return {name: str(value) for number, text in texts for name, value in layout.fields_of(number, text).items()}


async def as_change(register: Register, whole: Whole, record: Record) -> Change:
    """The change from a standing record to another, of all compartments."""
    profile = register.profile
    before, after = dict(locator_inputs(profile, whole.values)), dict(record.locators)
    dropped = {kind: value for kind, value in before.items() if after.get(kind) != value}
    theirs, gone = await locate(register, [*after.items()]), await locate(register, [*dropped.items()])
    everything = (1 << len(profile.compartments)) - 1
    return Change(whole.standing, record, everything, theirs, gone, digest=False)


async def locate(register: Register, values: Sequence[tuple[int, bytes]]) -> list[int | None]:
    """Locators as the register holds them, one a kind, None where there is none."""
    found: list[int | None] = [None] * len(register.profile.locators)
    for (kind, _), term in zip(values, await register.keeper.locate(list(values)) if values else [], strict=True):
        found[kind] = term
    return found


async def sealed(register: Register, change: Change) -> tuple[packed.Packed, tuple[int, int]]:
    """The first half of a change: what the database takes, and the key's number and version to confirm."""
    ((row, new),) = await resealing.prepare(register, [change])
    _, resealed_type = await resealing.types_of(register)
    return packed.Packed(packed.array(resealed_type, [packed.item(row)])), new


async def confirmed(register: Register, new: tuple[int, int]) -> None:
    """The second half; where the keeper is gone it finds out when the record is shown."""
    with contextlib.suppress(CloisonError):
        await resealing.confirm(register, [new])


class Question(NamedTuple):
    """Whether the values of these unique fields are somebody's already; `person`: whose record is to be changed."""

    request: UUID
    asked: Sequence[str]
    values: Mapping[str, str]
    person: UUID | None = None


async def ask(register: Register, cause: Cause, read: Read, record: Record) -> Changed | None:
    """Charge the question that changing to another NIR or identifier asks; its outcome where it may not be asked."""
    before, after = read.records[0], kept_values(register, record)
    asked = asked_locators(register.profile, before.values, after)
    question = Question(read.request, asked, after, before.standing.person)
    return await charge_question(register, cause, question) if asked else None


async def charge_question(register: Register, cause: Cause, question: Question) -> Changed | None:
    """Charge a question; its outcome where it may not be asked."""
    groups = question_groups(register.profile, question.asked, question.values)
    numbers = await register.keeper.locate([(GROUP_KIND, group) for group in groups]) if groups else []
    arguments = (*cause.who, question.request, cause.permission.bit, cause.purpose, question.person, numbers)
    ((outcome, retry_after),) = await patiently(register, ASK, arguments)
    return None if outcome == "open" else Changed(outcome, retry_after=retry_after)


async def write(register: Register, cause: Cause, read: Read, record: Record) -> tuple[str, int]:
    """Seal and write the record read; `changed`, `conflict`, `gone`, or why not, and the version it was given.

    Raises as `reseal` of the register does.
    """
    change = await as_change(register, read.records[0], record)
    row, new = await sealed(register, change)
    arguments = (*cause.who, read.request, cause.permission.bit, cause.event, cause.purpose, row)
    ((result,),) = await patiently(register, WRITE, arguments)
    if result == "changed":
        await confirmed(register, new)
        await resealing.query(register, ANSWERED, (*cause.who, read.request))
    return str(result), new[1]
