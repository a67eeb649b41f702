"""The door's routes for one person: bring in, correct, end and resume a registration, note a death.

Each reads the whole record, charged and logged, changes it, has it checked as an import's row is, and seals it again;
what the record says is never part of an answer. HTTP 200 carries outcomes, refusals among them.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import msgspec
from litestar import patch, post
from msgspec import UNSET

from cloison.client.changes import Changed, ChangeRequest, CreateRequest, DayRequest, ResumeRequest
from cloison.errors import OverloadedError
from cloison.intake.door import Door, door_of
from cloison.intake.reading import Whole, Wish, patiently, read
from cloison.intake.writing import Cause, Question, ask, charge_question, kept_values, locate, recorded, write
from cloison.model import Permission
from cloison.register import resealing
from cloison.register.changes import Patch, act_fields, act_patch, mask_of, patched
from cloison.register.resealing import Newcomer
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer

CREATE = (
    "select * from cloison.create_person_v1(%b::text, %b::bytea, %b::uuid, %b::int2, %b::text, %b::cloison.newcomer[])"
)
ATTEMPTS = 3  # where somebody else changes the same record meanwhile
EVENTS = {"end": "registration_ended", "resume": "registration_resumed", "death": "person_deceased"}
Make = Callable[[Whole], Patch]


@post("/people", status_code=200)
async def create(request: DeskRequest, data: "CreateRequest") -> Changed:
    """Bring somebody in. The question whether they are there is charged and committed before it is answered."""
    door, who = door_of(request), bearer(request)
    register = door.register
    record = recorded(register, named(data.fields))
    cause = Cause(who, Permission.CREATE, "person_created", door.purposes[data.purpose])
    number, person = uuid4(), uuid4()
    asked = [name for kind, name in enumerate(register.profile.locators) if kind in dict(record.locators)]
    refusal = await charge_question(register, cause, Question(number, asked, kept_values(register, record)))
    if refusal is not None:
        return refusal
    newcomer = Newcomer(record, await locate(register, record.locators))
    rows = await resealing.enrolled(register, [(person, newcomer)])
    row = await resealing.newcomers_of(register, rows)
    arguments = (*who, number, cause.purpose, record.segment, row)
    ((outcome, retry_after, found, segment),) = await patiently(register, CREATE, arguments)
    return Changed(outcome, found, segment, retry_after=retry_after)


@patch("/people/{person:uuid}", status_code=200)
async def correct(request: DeskRequest, person: UUID, data: "ChangeRequest") -> Changed:
    """Change some fields; null empties one."""
    wanted = dict(named(data.fields, empty=None))
    door = door_of(request)
    mask = mask_of(door.register.profile, wanted)
    cause = Cause(bearer(request), Permission.CORRECT, "person_changed", door.purposes[data.purpose])
    return await _change(
        door,
        cause,
        Wish((person,), data.segment or cause.who.segment, cause.permission, mask, cause.purpose),
        lambda _: wanted,
    )


@post("/people/{person:uuid}/end", status_code=200)
async def end(request: DeskRequest, person: UUID, data: "DayRequest") -> Changed:
    """End a registration."""
    return await _act(request, "end", person, data, data.on)


@post("/people/{person:uuid}/resume", status_code=200)
async def resume(request: DeskRequest, person: UUID, data: "ResumeRequest") -> Changed:
    """Begin a registration again."""
    return await _act(request, "resume", person, data, data.registered_on)


@post("/people/{person:uuid}/death", status_code=200)
async def death(request: DeskRequest, person: UUID, data: "DayRequest") -> Changed:
    """Note a death."""
    return await _act(request, "death", person, data, data.on)


async def _act(request: DeskRequest, act: str, person: UUID, data: DayRequest | ResumeRequest, day: str) -> Changed:
    door = door_of(request)
    profile = door.register.profile
    mask = mask_of(profile, act_fields(profile, act))
    cause = Cause(bearer(request), Permission.REGISTRATION, EVENTS[act], door.purposes[data.purpose])
    wish = Wish((person,), data.segment or cause.who.segment, cause.permission, mask, cause.purpose)
    return await _change(door, cause, wish, lambda whole: act_patch(profile, act, day, whole.values))


async def _change(door: Door, cause: Cause, wish: Wish, make: Make) -> Changed:
    """Read, change and write one record; read again where it changed meanwhile."""
    async with door.turns.of(*wish.people):
        for _ in range(ATTEMPTS):
            found = await _once(door, cause, wish, make)
            if found is not None:
                return found
    raise OverloadedError(retry_after_seconds=1)


async def _once(door: Door, cause: Cause, wish: Wish, make: Make) -> Changed | None:
    """One attempt; None where the record changed between reading and writing."""
    register = door.register
    found = await read(register, cause.who, wish)
    if isinstance(found, Changed):
        return found
    (whole,) = found.records
    record = recorded(register, patched(whole.values, make(whole)))
    refusal = await ask(register, cause, found, record)
    if refusal is not None:
        return refusal
    result, version = await write(register, cause, found, record)
    if result == "gone":
        return None
    if result != "changed":
        return Changed(result)
    return Changed(result, whole.standing.person, record.segment, version)


def named(fields: msgspec.Struct, *, empty: Any = "") -> dict[str, Any]:  # noqa: ANN401 - text, or null where that is asked for
    """The fields that a body names; null as `empty`."""
    found = ((name, getattr(fields, name)) for name in fields.__struct_fields__)
    return {name: empty if value is None else value for name, value in found if value is not UNSET}


ROUTES = [create, correct, end, resume, death]
