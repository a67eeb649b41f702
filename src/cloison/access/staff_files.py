"""Organisations, agencies and accounts from the files of a folder: read whole and checked, signed, then created.

| file | columns | meaning of an empty value |
| --- | --- | --- |
| `organisations.csv` | `name`, `segments`, `roles`, `accounts` | all, any number; several are separated by spaces |
| `agencies.csv` | `organisation`, `agency`, `segment` | refused |
| `accounts.csv` | `handle`, `organisation`, `agency`, `segment`, `role` | refused |

The rules:

1. A file may be absent, not all of them; each has exactly its columns, in any order.
2. An organisation that exists keeps the agreement it has; a new one's is what its row says, without end and caps.
3. An account that exists as its row says is known; one of that handle that differs is refused.
4. The rows are staged in the database, which counts and hashes them; officers sign these figures, and nothing can be
   changed then.
5. What was signed is created some at a time, so that a freeze never waits for a whole file, within 72 hours. After an
   error or an interruption those before stay: once more creates the rest, and then nothing.

An error names the file and the row, as a spreadsheet counts them, and repeats no value but an organisation's name.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import msgspec
import psycopg

from cloison.access import operating
from cloison.access.acts import ActKind
from cloison.access.agreements import Terms
from cloison.access.impossible import reason_of
from cloison.access.operating import KnownAct
from cloison.errors import ActImpossibleError, ImportFileError, UnknownActError
from cloison.register.files import delimiter_of

ORGANISATIONS = ("name", "segments", "roles", "accounts")
AGENCIES = ("organisation", "agency", "segment")
ACCOUNTS = ("handle", "organisation", "agency", "segment", "role")
LISTS, LISTS_LONGEST, NAME_LONGEST = ("segments", "roles"), 10_000, 200  # characters
ROWS_A_BATCH = 200
FILES = {"organisation": "organisations.csv", "agency": "agencies.csv", "account": "accounts.csv"}
STAGE = "select cloison.operator_stage_v1(%s, %s, %s)"
STAGED = "select cloison.staged_staff_v1(%s)"
IMPORT = "select next_number, organisations, accounts from cloison.operator_import_v1(%s, %s, %s)"


class Row(NamedTuple):
    """One row of a file: its number, the header being 1, and its values in the order of the columns."""

    number: int
    values: tuple[str, ...]


class Staff(msgspec.Struct, frozen=True):
    """The rows of the three files; `terms` are of the organisations, in their order."""

    organisations: list[Row]
    terms: list[Terms]
    agencies: list[Row]
    accounts: list[Row]


class Imported(msgspec.Struct):
    """How an import went: organisations and accounts made and known, agencies named."""

    organisations: int = 0
    organisations_known: int = 0
    agencies: int = 0
    accounts: int = 0
    accounts_known: int = 0


def read_staff(folder: Path) -> Staff:
    """The files of `folder`; raises ImportFileError with file and row if one cannot be used."""
    if not folder.is_dir():
        raise ImportFileError(reason=f"{folder} is no folder; give the one that holds the files")
    organisations = _rows(folder, "organisations.csv", ORGANISATIONS, needed=("name",))
    agencies = _rows(folder, "agencies.csv", AGENCIES, needed=AGENCIES)
    accounts = _rows(folder, "accounts.csv", ACCOUNTS, needed=ACCOUNTS)
    if organisations is None and agencies is None and accounts is None:
        raise ImportFileError(reason=f"{folder} has none of organisations.csv, agencies.csv and accounts.csv")
    _once("organisations.csv", "name", [Row(row.number, row.values[:1]) for row in organisations or ()])
    _once("agencies.csv", "agency", [Row(row.number, row.values[:2]) for row in agencies or ()])
    _once("accounts.csv", "handle", [Row(row.number, row.values[:1]) for row in accounts or ()])
    terms = [_terms(row) for row in organisations or ()]
    return Staff(organisations or [], terms, agencies or [], accounts or [])


def stage(operator: psycopg.Connection, staff: Staff, act: UUID) -> dict[str, Any]:
    """Put the rows where the act will take them from; what the act says of them, counted and hashed by the database."""
    lines = iter(enumerate(_lines(staff)))
    while batch := list(islice(lines, ROWS_A_BATCH)):
        operator.execute(STAGE, (act, batch[0][0], [line for _, line in batch]))
    row = operator.execute(STAGED, (act,)).fetchone()
    assert row is not None  # noqa: S101 - an aggregate answers one row
    said: dict[str, Any] = row[0]
    return said


def ask_import(operator: psycopg.Connection, staff: Staff, reason: str) -> KnownAct:
    """Ask that the rows be brought in; raises ImportFileError, with file and row, for what will be refused anyway."""
    number, about = uuid4(), operating.service(operator)
    details = {**stage(operator, staff, number), "reason": reason}
    try:
        return operating.ask(operator, ActKind.STAFF_IMPORT, about, details, number)
    except ActImpossibleError as error:
        raise _told(error.__cause__) or error from None


def import_staff(
    operator: psycopg.Connection, act: UUID, progress: Callable[[Imported], None] = lambda _imported: None
) -> Imported:
    """Bring in what was signed; interrupted and run again, it creates the rest.

    Raises UnknownActError for an act that is none, or not signed, and ImportFileError, with file and row, for what the
    register refuses.
    """
    found = operating.known(operator, act)
    if found.kind != ActKind.STAFF_IMPORT or found.state != "done":
        raise UnknownActError(act=act)
    counts = found.details
    imported = Imported(agencies=counts["agencies"])
    first: int | None = 0
    while first is not None:
        try:
            row = operator.execute(IMPORT, (act, first, ROWS_A_BATCH)).fetchone()
        except psycopg.DatabaseError as error:
            raise _told(error) or error from None
        assert row is not None  # noqa: S101 - a function that returns a row
        first, organisations, accounts = row
        imported.organisations += organisations
        imported.accounts += accounts
        progress(imported)
    imported.organisations_known = counts["organisations"] - imported.organisations
    imported.accounts_known = counts["accounts"] - imported.accounts
    return imported


def _lines(staff: Staff) -> Iterator[str]:
    """The rows as the database stages them (`85_operator.sql: import_line_v1`)."""
    for row, terms in zip(staff.organisations, staff.terms, strict=True):
        yield _line("organisation", row.values[0], terms.segments, terms.roles, terms.accounts_most, row.number)
    for row in staff.agencies:
        yield _line("agency", *row.values, row.number)
    for row in staff.accounts:
        yield _line("account", *row.values, row.number)


def _line(*values: object) -> str:
    return msgspec.json.encode(values).decode()


def _told(error: BaseException | None) -> ImportFileError | None:
    """Of which row a refusal is, which the database says by the line's kind and the row; None: of none."""
    if not isinstance(error, psycopg.DatabaseError) or not error.diag.message_detail:
        return None
    kind, _, row = error.diag.message_detail.partition(" ")
    reason = reason_of(error) if kind in FILES else None
    return None if reason is None else ImportFileError(reason=f"row {row} of {FILES[kind]}: {reason}")


def _rows(folder: Path, name: str, columns: Sequence[str], needed: Sequence[str]) -> list[Row] | None:
    """The rows of a file, None if it is not there."""
    path = folder / name
    if not path.exists():
        return None
    found: list[Row] = []
    number = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = delimiter_of(file.readline().rstrip("\r\n"))
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            header = [column.strip() for column in next(reader, [])]
            if sorted(header) != sorted(columns):
                raise ImportFileError(reason=f"the first row of {name} must name the columns {', '.join(columns)}")
            for number, row in enumerate(reader, 2):
                if row:
                    found.append(Row(number, _values(row, header, columns, (name, number, needed))))
    except OSError as error:
        raise ImportFileError(reason=f"{path} cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error):
        # not chained: the error holds the line
        raise ImportFileError(reason=f"{name} is not UTF-8 or not CSV behind row {number}") from None
    return found


def _values(
    row: Sequence[str], header: Sequence[str], columns: Sequence[str], where: tuple[str, int, Sequence[str]]
) -> tuple[str, ...]:
    name, number, needed = where
    if len(row) != len(header):
        raise ImportFileError(reason=f"row {number} of {name} has more or fewer columns than the first")
    values = dict(zip(header, (value.strip() for value in row), strict=True))
    empty = [column for column in needed if not values[column]]
    if empty:
        raise ImportFileError(reason=f"row {number} of {name} has no {', '.join(empty)}")
    if not all(value.isprintable() and len(value) <= longest for value, longest in _lengths(values)):
        raise ImportFileError(reason=f"row {number} of {name} has a value that is too long or does not print")
    return tuple(values[column] for column in columns)


def _lengths(values: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Each value with the most characters that it may have."""
    return ((value, LISTS_LONGEST if column in LISTS else NAME_LONGEST) for column, value in values.items())


def _once(name: str, column: str, rows: Iterable[Row]) -> None:
    """Raises ImportFileError if a row repeats what names another."""
    seen: dict[tuple[str, ...], int] = {}
    for row in rows:
        before = seen.setdefault(row.values, row.number)
        if before != row.number:
            raise ImportFileError(reason=f"row {row.number} of {name} has the {column} of row {before}")


def _terms(row: Row) -> Terms:
    _, segments, roles, accounts = row.values
    if accounts and not (accounts.isascii() and accounts.isdigit()):
        raise ImportFileError(reason=f"row {row.number} of organisations.csv: accounts is not a number")
    return Terms(
        segments=tuple(segments.split()) or None,
        roles=tuple(roles.split()) or None,
        accounts_most=int(accounts) if accounts else None,
    )
