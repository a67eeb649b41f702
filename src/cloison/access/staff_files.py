"""Organisations, agencies and accounts from the files of a folder: read whole and checked, then created.

| file | columns | meaning of an empty value |
| --- | --- | --- |
| `organisations.csv` | `name`, `segments`, `roles`, `accounts` | all, any number; several are separated by spaces |
| `agencies.csv` | `organisation`, `agency`, `segment` | refused |
| `accounts.csv` | `handle`, `organisation`, `agency`, `segment`, `role` | refused |

The rules:

1. A file may be absent, not all of them; each has exactly its columns, in any order.
2. An organisation that exists keeps the agreement it has; a new one's is what its row says, without end and caps.
3. An account that exists as its row says is known; one of that handle that differs is refused.
4. Accounts are created some at a time, so that a freeze never waits for a whole file. After an error or an interruption
   those before stay: the same files again create the rest, and run once more nothing.

An error names the file and the row, as a spreadsheet counts them, and repeats no value but an organisation's name.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import msgspec
import psycopg

from cloison.access.accounts import NOBODY, Account, create_account
from cloison.access.agreements import Terms
from cloison.access.organisations import Agency, create_organisation, find_organisation, name_agencies
from cloison.errors import CloisonError, ImportFileError, UnknownOrganisationError
from cloison.register.files import delimiter_of

ORGANISATIONS = ("name", "segments", "roles", "accounts")
AGENCIES = ("organisation", "agency", "segment")
ACCOUNTS = ("handle", "organisation", "agency", "segment", "role")
LISTS, LISTS_LONGEST, NAME_LONGEST = ("segments", "roles"), 10_000, 200  # characters
ROWS_A_BATCH = 200
STANDING = (
    "select a.handle, o.name, a.agency, a.segment, r.name from cloison.account a "
    "join cloison.organisation o using (organisation) join cloison.role r using (role) where a.handle = any(%s)"
)
CREATE = "select cloison.create_account_v1(%s, %s, %s, %s, %s)"


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


def import_staff(
    owner: psycopg.Connection, staff: Staff, progress: Callable[[Imported], None] = lambda _imported: None
) -> Imported:
    """Create what is not there yet, by the owner's login, which is in autocommit.

    Raises ImportFileError, with file and row, for what the register refuses.
    """
    imported = Imported()
    _import_organisations(owner, staff, imported)
    known: dict[str, UUID] = {}
    rows = iter(staff.accounts)
    while batch := list(islice(rows, ROWS_A_BATCH)):
        for row in batch:
            if row.values[1] not in known:
                with _told("accounts.csv", row):
                    known[row.values[1]] = find_organisation(owner, row.values[1]).organisation
        _import_accounts(owner, batch, known, imported)
        progress(imported)
    return imported


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


def _import_organisations(owner: psycopg.Connection, staff: Staff, imported: Imported) -> None:
    offices: dict[str, list[Row]] = {}
    for row in staff.agencies:
        offices.setdefault(row.values[0], []).append(row)
    for row, terms in zip(staff.organisations, staff.terms, strict=True):
        name = row.values[0]
        with _told("organisations.csv", row):
            try:
                find_organisation(owner, name)
                imported.organisations_known += 1
            except UnknownOrganisationError:
                create_organisation(owner, name, terms)
                imported.organisations += 1
    for name, rows in offices.items():
        with _told("agencies.csv", rows[0]):
            organisation = find_organisation(owner, name).organisation
            with owner.transaction():
                name_agencies(owner, organisation, [Agency(row.values[1], row.values[2]) for row in rows])
        imported.agencies += len(rows)


def _import_accounts(
    owner: psycopg.Connection, batch: Sequence[Row], organisations: dict[str, UUID], imported: Imported
) -> None:
    """Rules 3 and 4: the batch in one transaction; if it is refused, row by row, so that the error names one."""
    handles = [row.values[0] for row in batch]
    standing = {found[0]: tuple(found) for found in owner.execute(STANDING, (handles,)).fetchall()}
    new = [row for row in batch if standing.get(row.values[0]) != row.values]
    imported.accounts_known += len(batch) - len(new)
    try:
        with owner.transaction(), owner.cursor() as cursor:
            cursor.executemany(CREATE, [_arguments(row, organisations) for row in new if row.values[0] not in standing])
        refused = [row for row in new if row.values[0] in standing]
    except psycopg.OperationalError:
        raise
    except psycopg.DatabaseError:
        refused = new
    imported.accounts += len(new) - len(refused)
    for row in refused:
        with _told("accounts.csv", row):
            handle, organisation, agency, segment, role = row.values
            create_account(owner, Account(NOBODY, handle, segment, organisation, agency, role))
        imported.accounts += 1


def _arguments(row: Row, organisations: dict[str, UUID]) -> tuple[object, ...]:
    handle, organisation, agency, segment, role = row.values
    return segment, handle, organisations[organisation], agency, role


@contextmanager
def _told(file: str, row: Row) -> Iterator[None]:
    """Says of which row a refusal is."""
    try:
        yield
    except CloisonError as error:
        raise ImportFileError(reason=f"row {row.number} of {file}: {error}") from error
