"""Caseloads and other relations, brought in from the operator's file: who follows whom, from when to when.

The file has the columns `account` (a handle), one of the profile's locators (`nir`, `identifier`), and, if wanted,
`relation` (caseload, cover, inbound; default caseload), `from` and `until` (ISO dates or times; default: now, and until
further notice; a cover then ends after its longest time, an interaction after 24 hours). `walk_in` is never imported:
it comes from a search with two facts alone. The file is a source of its own, the operator's; what an appointment
book, the personal space or a telephone system tell comes in by `feeds.py`.

Writing a relation is access, so the database counts new ones per account and organisation (`limits.py`); rows beyond
are `metered`. A row met again is written again and counted once, so that a file that was begun may be repeated.

Accounts and people are matched in the database by handle and by keyed hash; nothing about anybody is sent back.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

import msgspec

from cloison.access.relation_files import Columns, Refused, RelationFile
from cloison.model import Relation
from cloison.register.fields import mask
from cloison.register.files import RejectFile
from cloison.register.resealing import Register, query

ROWS_A_BATCH = 1_000
COLUMNS = Columns(("account",), ("relation", "from", "until"))
IMPORTABLE = {relation.name.lower() for relation in (Relation.CASELOAD, Relation.COVER, Relation.INBOUND)}
HANDLE = re.compile(r"[0-9A-Za-z._-]{1,64}")
WRITTEN, KNOWN, METERED = "written", "known", "metered"
RELATIONS = (
    "select result, retry_after from cloison.intake_relations_v1(%b::text[], %b::int2, %b::int8[], %b::text[], "
    "%b::timestamptz[], %b::timestamptz[]) order by ordinal"
)


class Imported(msgspec.Struct):
    """How an import went: rows read and written, rows refused by reason, and when those metered may be tried again."""

    read: int = 0
    written: int = 0
    refused: dict[str, int] = {}
    known: int = 0  # of interactions: told before
    other_kind: int = 0  # of interactions: of another kind than their source
    retry_after: int | None = None
    seconds: float = 0.0
    seconds_left: float | None = None

    def refuse(self, reason: str, rows: int = 1) -> None:
        """Count refused rows."""
        self.refused[reason] = self.refused.get(reason, 0) + rows

    def settle(self, result: str, retry_after: int | None) -> None:
        """Count what the database answered to one row."""
        if result == WRITTEN:
            self.written += 1
        elif result == KNOWN:
            self.known += 1
        else:
            self.refuse(result)
        if retry_after is not None:
            self.retry_after = max(retry_after, self.retry_after or 0)


Progress = Callable[[Imported], None]


class Row(msgspec.Struct, frozen=True):
    """One row: its number, the account's handle, what finds the person, the relation (or interaction) and its time."""

    number: int
    handle: str
    person: bytes
    word: str
    valid_from: datetime | None
    valid_until: datetime | None


class Import:
    """One import under way: what was counted, and the rows refused."""

    def __init__(self, file: RelationFile, rejects: RejectFile, register: Register, progress: Progress) -> None:
        """Nothing is read yet."""
        self.file = file
        self.register = register
        self.imported = Imported()
        self._rejects = rejects
        self._progress = progress
        self._began = time.monotonic()

    def reject(self, number: int, refused: Refused) -> None:
        """Count a row as refused and write it down."""
        self.imported.refuse(refused.reason)
        self._rejects.add(number, *refused)

    async def write(self, batch: Sequence[Row], statement: str, columns: Sequence[object]) -> bool:
        """Ask the database to write a batch, whose results come in order; whether it answered at all."""
        results = await query(self.register, statement, columns)
        if not results:
            return False
        for row, (result, retry_after) in zip(batch, results, strict=True):
            self.imported.settle(result, retry_after)
            if result not in {WRITTEN, KNOWN}:
                self._rejects.add(row.number, self._field(result), result, self._masked(row, result))
        self.tell()
        return True

    def tell(self) -> None:
        """Say how far it is."""
        self.imported.seconds = time.monotonic() - self._began
        share = self.file.share
        self.imported.seconds_left = self.imported.seconds * (1 - share) / share if share else None
        self._progress(self.imported)

    def _field(self, result: str) -> str:
        fields = {"no_account": "account", "no_person": self.file.locator, "other_segment": self.file.locator}
        fields |= {"time": "until", "over": "until", "not_covered": self.file.locator, METERED: ""}
        return fields.get(result, result)

    @staticmethod
    def _masked(row: Row, result: str) -> str:
        return mask(row.handle) if result == "no_account" else ""


async def import_relations(path: Path, register: Register, progress: Progress = lambda _imported: None) -> Imported:
    """Bring the relations of the CSV file `path` in; rows refused go to `FILE.rejects.csv`.

    Raises ImportFileError for a file that cannot be used, and as `intake.import_file` does.
    """
    with RelationFile(path, register.profile, COLUMNS) as file, RejectFile(path) as rejects:
        work = Import(file, rejects, register, progress)
        rows = _rows(work)
        terms: dict[bytes, int] = {}
        while batch := list(islice(rows, ROWS_A_BATCH)):
            await locate(register, file.kind, batch, terms)
            columns = (
                [row.handle for row in batch],
                file.kind,
                [terms[row.person] for row in batch],
                [row.word for row in batch],
                [row.valid_from for row in batch],
                [row.valid_until for row in batch],
            )
            await work.write(batch, RELATIONS, columns)
        work.tell()
    return work.imported


def _rows(work: Import) -> Iterator[Row]:
    for number, row in work.file.rows():
        work.imported.read += 1
        made = Refused("", "columns") if row is None else _row(work.file, number, row)
        if isinstance(made, Refused):
            work.reject(number, made)
        else:
            yield made


def _row(file: RelationFile, number: int, row: dict[str, str]) -> Row | Refused:
    relation = row.get("relation") or "caseload"
    if relation not in IMPORTABLE:
        return Refused("relation", "relation", mask(relation))
    if not HANDLE.fullmatch(row["account"]):
        return Refused("account", "no_account", mask(row["account"]))
    found = file.person_and_times(row)
    if isinstance(found, Refused):
        return found
    person, begins, ends = found
    return Row(number, row["account"], person, relation, begins, ends)


async def locate(register: Register, kind: int, batch: Sequence[Row], terms: dict[bytes, int]) -> None:
    """Add the keyed hashes of people not met in the batch before; at most one batch is kept."""
    new = sorted({row.person for row in batch} - terms.keys())
    kept = {row.person: terms[row.person] for row in batch if row.person in terms}
    located = await register.keeper.locate([(kind, value) for value in new])
    terms.clear()
    terms.update(kept)
    terms.update(zip(new, located, strict=True))
