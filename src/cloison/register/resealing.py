"""Sealing people and writing them into the register: who comes in, and who is there and changes.

A change is in two halves, as keeper and register cannot commit together: the keeper makes keys, the register takes the
row, the keeper is told. Killed in between, the row that the register has opens, and the same change can be made again.
Somebody who stays in segment and cohort keeps their key and changes the compartments that were told; somebody who goes
elsewhere is sealed anew as a whole, and the key they leave is destroyed.
"""

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from psycopg_pool import AsyncConnectionPool

from cloison.keeper.client import Change as KeyChange
from cloison.keeper.client import Enrolled, Former, Keeper, KnownPerson, NewPerson
from cloison.keeper.messages import CELL_SLOT, DIGEST_SLOT, KeyGrant
from cloison.model import bits
from cloison.register.profile import Profile
from cloison.register.records import Record
from cloison.register.sealing import Place, seal
from cloison.store import packed
from cloison.store.faults import error_of

SLOTS = 8
FIRST_VERSION = 1
DEADLOCKS = 5  # of one statement in a row, before it is given up
INSERT = "select result from cloison.intake_people_v1(%b::text, %b::cloison.newcomer[]) order by ordinal"
RESEAL = "select result from cloison.intake_reseal_v1(%b::cloison.resealed[]) order by ordinal"
TYPES = "select 'cloison.newcomer'::regtype::oid::int8, 'cloison.resealed'::regtype::oid::int8"

Pool = AsyncConnectionPool[psycopg.AsyncConnection]

# A `cloison.newcomer` up to the type of its sixth column: the number of columns; then type, length and value of each.
_newcomer_head = struct.Struct(">i ii16s iii iiq ii? iiq i").pack
NEWCOMER_COLUMNS = 9
BYTEAS, INT8S = packed.BYTEA_ARRAY.to_bytes(4, "big"), packed.INT8_ARRAY.to_bytes(4, "big")
_resealed = packed.Row(
    *(
        packed.TEXT,
        packed.INT4,
        packed.TEXT,
        packed.INT4,
        packed.UUID_,
        packed.INT4,
        packed.INT8,
        packed.BOOL,
        packed.INT8,
    ),
    *(packed.INT8, packed.INT4, packed.BYTEA_ARRAY, packed.INT4, packed.INT8_ARRAY, packed.INT8_ARRAY),
    packed.INT8_ARRAY,
)


class Register(msgspec.Struct):
    """Where people go: their profile, the keeper (as caller `intake`), and a pool of the login `intake`."""

    profile: Profile
    keeper: Keeper
    pool: Pool
    types: tuple[int, int] | None = None  # numbers of the row types in this database, once asked


class Newcomer(NamedTuple):
    """Someone to bring in. `locators`: one a kind, None where there is none."""

    record: Record
    locators: Sequence[int | None]


class Standing(NamedTuple):
    """Where somebody stands in the register, and at which version."""

    segment: str
    person: UUID
    cohort: int
    key_id: int
    version: int


class Change(NamedTuple):
    """Somebody's new record over their standing one.

    `compartments`: the mask of those that the record tells; the derived label goes with them. `locators` are theirs
    from now on, `dropped` no more, each by kind. `digest`: whether the record is what a source told, to know it
    again. `slots`: the mask of the terms that it tells.
    """

    standing: Standing
    record: Record
    compartments: int
    locators: Sequence[int | None]
    dropped: Sequence[int | None]
    digest: bool = True
    slots: int = (1 << SLOTS) - 1


async def enrolled(register: Register, people: Sequence[tuple[UUID, Newcomer]]) -> list[bytes]:
    """Keys for new people of any segments under these numbers, and all of them sealed: what `insert` takes, in order.

    Raises KeeperUnavailableError.
    """
    keys = await register.keeper.enrol(
        [NewPerson(n.record.segment, n.record.cohort, person, hashed(n.record)) for person, n in people]
    )
    return [_row(newcomer, person, key) for (person, newcomer), key in zip(people, keys, strict=True)]


async def newcomers_of(register: Register, rows: Sequence[bytes]) -> packed.Packed:
    """Rows of `enrolled` as the database takes them, `cloison.newcomer[]`; raises as `query` does."""
    newcomer_type, _ = await types_of(register)
    return packed.Packed(packed.array(newcomer_type, rows))


async def insert(register: Register, segment: str, rows: Sequence[bytes]) -> list[str]:
    """Write rows of `enrolled`, all of one segment; for each, in order, `inserted` or `known`.

    Raises DatabaseUnavailableError and DatabaseRefusedError.
    """
    return [result for (result,) in await query(register, INSERT, (segment, await newcomers_of(register, rows)))]


async def reseal(register: Register, changes: Sequence[Change]) -> list[str]:
    """Seal and write people who are there; for each, in order, `changed`, `conflict` or `gone`.

    `conflict`: one of the locators is somebody else's. `gone`: the record is not at that version any more.
    Raises as `bring_in` does, and the keeper's refusal (MissingKeyError, TamperedRowError).
    """
    prepared = await prepare(register, changes)
    _, resealed_type = await types_of(register)
    rows = [packed.item(row) for row, _ in prepared]
    answers = await query(register, RESEAL, (packed.Packed(packed.array(resealed_type, rows)),))
    results = [str(result) for (result,) in answers]
    await confirm(register, [new for (_, new), result in zip(prepared, results, strict=True) if result == "changed"])
    return results


async def prepare(register: Register, changes: Sequence[Change]) -> list[tuple[bytes, tuple[int, int]]]:
    """The first half: for each change its row (a packed `cloison.resealed`) and its key's (number, version).

    Raises as `reseal` does.
    """
    staying = [c for c in changes if _stays(c)]
    going = [c for c in changes if not _stays(c)]
    keys = {
        **dict(zip(map(_who, staying), await _keys_here(register, staying), strict=True)),
        **dict(zip(map(_who, going), await _keys_elsewhere(register, going), strict=True)),
    }
    return [_resealed_row(change, keys[_who(change)]) for change in changes]


async def confirm(register: Register, versions: list[tuple[int, int]]) -> None:
    """The second half: what the register has now is the newest."""
    if versions:
        await register.keeper.confirm_change(versions)


class _NewKeys(NamedTuple):
    """Under what somebody is sealed anew: the key's number, the row's version from then on, keys, hashed terms."""

    key_id: int
    version: int
    keys: list[bytes]
    terms: list[int]


async def _keys_here(register: Register, changes: Sequence[Change]) -> list[_NewKeys]:
    if not changes:
        return []
    grants = await register.keeper.prepare_change(
        [
            KeyChange(s.segment, s.cohort, s.person, s.key_id, s.version, c.compartments)
            for c in changes
            for s in [c.standing]
        ]
    )
    recognised = await register.keeper.recognise([known(c.standing, c.record) for c in changes])
    made = []
    for change, grant, terms in zip(changes, grants, recognised, strict=True):
        if not isinstance(grant, KeyGrant):
            raise grant.error()
        made.append(_NewKeys(change.standing.key_id, grant.versions[0], grant.keys, terms))
    return made


async def _keys_elsewhere(register: Register, changes: Sequence[Change]) -> list[_NewKeys]:
    if not changes:
        return []
    moved = await register.keeper.enrol(
        [
            NewPerson(
                c.record.segment,
                c.record.cohort,
                s.person,
                hashed(c.record),
                s.version + 1,
                Former(s.segment, s.cohort, s.key_id),
            )
            for c in changes
            for s in [c.standing]
        ]
    )
    return [_NewKeys(e.key_id, c.standing.version + 1, e.keys, e.terms) for c, e in zip(changes, moved, strict=True)]


def hashed(record: Record) -> list[tuple[int, bytes]]:
    """All that the keeper hashes of a record: search terms, digest, and the statistics' cell if it has one."""
    return [*record.terms, (DIGEST_SLOT, record.digest), *([(CELL_SLOT, record.cell)] if record.cell else [])]


def known(standing: Standing, record: Record) -> KnownPerson:
    """The same of somebody who is there, to be hashed as theirs were."""
    return KnownPerson(standing.segment, standing.cohort, hashed(record))


def _stays(change: Change) -> bool:
    return (change.record.segment, change.record.cohort) == (change.standing.segment, change.standing.cohort)


def _who(change: Change) -> UUID:
    return change.standing.person


def _row(newcomer: Newcomer, person: UUID, keys: Enrolled) -> bytes:
    record, number = newcomer.record, len(newcomer.record.terms)
    sealed = seal(keys.keys, record.plain, place=Place(record.segment, person, FIRST_VERSION))
    terms = keys.terms
    head = _newcomer_head(
        *(NEWCOMER_COLUMNS, packed.UUID_, 16, person.bytes, packed.INT4, 4, record.cohort, packed.INT8, 8, keys.key_id),
        *(packed.BOOL, 1, record.provisional, packed.INT8, 8, terms[number], packed.INT8),
    )
    cell = packed.int8(terms[number + 1]) if record.cell else packed.NULL
    columns: list[int | None] = [None] * SLOTS
    for (slot, _), term in zip(record.terms, terms, strict=False):  # behind them stand digest and cell
        columns[slot - 1] = term
    arrays = (packed.byteas(sealed), INT8S, packed.int8_array(columns), INT8S, packed.int8_array(newcomer.locators))
    return packed.item(b"".join((head, cell, BYTEAS, *arrays)))


def _resealed_row(change: Change, new: _NewKeys) -> tuple[bytes, tuple[int, int]]:
    standing, record = change.standing, change.record
    chosen = bits(change.compartments)
    digest, *cell = new.terms[len(record.terms) :]
    place = Place(record.segment, standing.person, new.version)
    sealed = seal(new.keys, [record.plain[bit] for bit in chosen], place=place, compartments=chosen)
    row = _resealed.pack(
        packed.item(standing.segment.encode()),
        packed.int4(standing.version),
        packed.item(record.segment.encode()),
        packed.int4(new.version),
        packed.item(standing.person.bytes),
        packed.int4(record.cohort),
        packed.int8(new.key_id),
        packed.YES if record.provisional else packed.NO,
        packed.int8(digest if change.digest else None),
        packed.int8(cell[0] if cell else None),
        packed.int4(change.compartments),
        packed.byteas(sealed),
        packed.int4(change.slots),
        _terms(record, new.terms),
        packed.int8_array(change.locators),
        packed.int8_array(change.dropped),
    )
    return row, (new.key_id, new.version)


def _terms(record: Record, keyed: Sequence[int]) -> bytes:
    columns: list[int | None] = [None] * SLOTS
    for (slot, _), term in zip(record.terms, keyed, strict=False):  # behind them stand digest and cell
        columns[slot - 1] = term
    return packed.int8_array(columns)


async def types_of(register: Register) -> tuple[int, int]:
    """The numbers of the types `newcomer` and `resealed` in this database."""
    if register.types is None:
        ((newcomer, resealed),) = await query(register, TYPES, ())
        register.types = (newcomer, resealed)
    return register.types


async def query(register: Register, statement: str, arguments: Sequence[object]) -> list[tuple[Any, ...]]:
    """The rows that a statement answers, in a transaction of its own; raises errors of ours alone.

    One that PostgreSQL ends because it and another wait for each other is asked again: nothing of it was written.
    """
    for attempt in range(1, DEADLOCKS + 1):
        try:
            async with register.pool.connection() as connection:
                return await (await connection.execute(statement.encode(), arguments)).fetchall()
        except psycopg.errors.DeadlockDetected as error:
            if attempt == DEADLOCKS:
                raise error_of(error) from None
        except psycopg.Error as error:
            raise error_of(error) from None
    raise AssertionError
