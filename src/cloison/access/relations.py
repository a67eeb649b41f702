"""Caseloads and other relations, brought in from a file: who follows whom, from when to when.

The file has the columns `account` (a handle), one of the profile's locators (`nir`, `identifier`), and, if wanted,
`relation` (caseload, cover, inbound; default caseload), `from` and `until` (ISO dates or times; default: now, and
until further notice). `walk_in` is never imported: it comes from a search with two facts alone.

Accounts and people are matched in the database by handle and by keyed hash; nothing about anybody is sent back.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

import msgspec
import psycopg

from cloison.errors import ImportFileError
from cloison.model import Relation
from cloison.register.fields import InvalidValueError, check
from cloison.register.intake import Register
from cloison.register.profile import Profile
from cloison.register.terms import locator_inputs
from cloison.store.faults import error_of

ROWS_A_BATCH = 1_000
NO_DATE = ""  # locators are no dates, so that today does not matter
IMPORTABLE = {relation.name.lower() for relation in (Relation.CASELOAD, Relation.COVER, Relation.INBOUND)}
RELATIONS = (
    "select result from cloison.intake_relations_v1(%b::text[], %b::int2, %b::int8[], %b::text[], "
    "%b::timestamptz[], %b::timestamptz[]) order by ordinal"
)


class Imported(msgspec.Struct):
    """How an import of relations went: rows read and written, rows refused by reason."""

    read: int = 0
    written: int = 0
    refused: dict[str, int] = {}

    def refuse(self, reason: str, rows: int = 1) -> None:
        """Count refused rows."""
        self.refused[reason] = self.refused.get(reason, 0) + rows


class _Row(msgspec.Struct, frozen=True):
    """One row: the account's handle, the person's locator value, the relation and its time."""

    handle: str
    value: bytes
    kind: str
    valid_from: datetime | None
    valid_until: datetime | None


async def import_relations(
    path: Path, register: Register, progress: Callable[[Imported], None] = lambda _imported: None
) -> Imported:
    """Bring the relations of the CSV file `path` in; a row met again is written again, so it may be repeated.

    Raises ImportFileError for a file that cannot be used, and as `intake.import_file` does.
    """
    imported = Imported()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            locator = _locator(reader.fieldnames or [], register.profile)
            kind = register.profile.locators.index(locator)
            rows = _rows(reader, locator, register.profile, imported)
            terms: dict[bytes, int] = {}
            while batch := list(islice(rows, ROWS_A_BATCH)):
                await _locate(register, kind, batch, terms)
                for result in await _write(register, kind, batch, terms):
                    if result == "written":
                        imported.written += 1
                    else:
                        imported.refuse(result)
                progress(imported)
    except OSError as error:
        raise ImportFileError(reason=f"{path} cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error):
        raise ImportFileError(reason=f"row {imported.read + 2} is not UTF-8 or not CSV") from None
    return imported


def _locator(columns: Sequence[str], profile: Profile) -> str:
    """The one locator among the columns; raises ImportFileError if the header does not fit."""
    found = [name for name in profile.locators if name in columns]
    allowed = {"account", "relation", "from", "until", *profile.locators}
    if "account" not in columns or len(found) != 1 or not set(columns) <= allowed:
        wanted = ", ".join(profile.locators)
        raise ImportFileError(
            reason=f"it needs the columns account and one of {wanted}; relation, from, until may follow"
        )
    return found[0]


def _rows(reader: Iterator[Mapping[str, str]], locator: str, profile: Profile, imported: Imported) -> Iterator[_Row]:
    field = profile.fields[locator]
    for row in reader:
        imported.read += 1
        relation = (row.get("relation") or "caseload").strip()
        if relation not in IMPORTABLE:
            imported.refuse("relation")
            continue
        try:
            value = check(field, row[locator] or "", today=NO_DATE)
            times = (_time(row.get("from")), _time(row.get("until")))
        except (InvalidValueError, ValueError):
            imported.refuse("value")
            continue
        for found, term in locator_inputs(profile, {locator: value}):
            if profile.locators[found] == locator:
                yield _Row((row["account"] or "").strip(), term, relation, *times)


def _time(text: str | None) -> datetime | None:
    """An ISO date or time, in the machine's time zone unless it says one; None where nothing stands."""
    return datetime.fromisoformat(text.strip()).astimezone() if text and text.strip() else None


async def _locate(register: Register, kind: int, batch: list[_Row], terms: dict[bytes, int]) -> None:
    """Adds the keyed hashes of people not met in the batch before; at most one batch is kept."""
    new = sorted({row.value for row in batch} - terms.keys())
    kept = {row.value: terms[row.value] for row in batch if row.value in terms}
    located = await register.keeper.locate([(kind, value) for value in new])
    terms.clear()
    terms.update(kept)
    terms.update(zip(new, located, strict=True))


async def _write(register: Register, kind: int, batch: list[_Row], terms: Mapping[bytes, int]) -> list[str]:
    columns = (
        [row.handle for row in batch],
        kind,
        [terms[row.value] for row in batch],
        [row.kind for row in batch],
        [row.valid_from for row in batch],
        [row.valid_until for row in batch],
    )
    try:
        async with register.pool.connection() as connection:
            cursor = await connection.execute(RELATIONS, columns)
            return [row[0] for row in await cursor.fetchall()]
    except psycopg.Error as error:
        raise error_of(error) from None
