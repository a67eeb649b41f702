"""Pages of the audit log, for who may read it: asked for, which is an entry, then read. Rules: `89_reading.sql`.

A cursor is where a page ended: `MICROSECONDS.SEGMENT.ACCOUNT.NUMBER` of its last entry, since 1970.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import msgspec
import psycopg

from cloison.client.log_wire import LogEntry, LogPage
from cloison.errors import BadRequestError, EntryScopeError, NoSessionError, NotFoundError
from cloison.model import bits
from cloison.store.metered import Bearer, Meter

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CURSOR = re.compile(r"(\d{1,17})\.([0-9A-Za-z_-]{1,16})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(\d{1,18})")
ASK = "select cloison.ask_log_v1(%b::text, %b::bytea, %b::uuid, %b::text, %b::text, %b::uuid)"
COLUMNS = (
    "at, segment, account, number, handle, organisation, agency, role, event, outcome, session, person, compartments, "
    "purpose, relation, subject, amount, version"
)
READ = (
    f"select {COLUMNS} from cloison.read_log_v1(%b::text, %b::bytea, %b::uuid, %b::timestamptz, "  # noqa: S608 - constants
    "%b::timestamptz, %b::timestamptz, %b::text, %b::uuid, %b::int8, %b::int4)"
)
OPERATOR_ASK = "select cloison.operator_ask_log_v1(%s, %s, %s, %s)"
OPERATOR_READ = (
    f"select {COLUMNS} from cloison.operator_read_log_v1("  # noqa: S608 - constants
    "%s, %s, %s, %s::timestamptz, %s::text, %s::uuid, %s::int8, %s)"
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries: of an account, by its handle, or of an organisation, about a person, between two instants."""

    account: str | None = None
    organisation: str | None = None
    person: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    cursor: str | None = None
    most: int = 100


class Line(NamedTuple):
    """An entry, with the author's account, organisation, agency and role as they are now; None: it has none."""

    at: datetime
    segment: str
    account: UUID
    number: int
    handle: str | None
    organisation: str | None
    agency: str | None
    role: str | None
    event: str
    outcome: str
    session: UUID | None
    person: UUID | None
    compartments: int
    purpose: int | None
    relation: str | None
    subject: UUID | None
    amount: int | None
    version: int | None


class Page(msgspec.Struct, frozen=True):
    """Entries, newest first, and the cursor behind which the next page begins; None where it was the last one."""

    lines: Sequence[Line]
    cursor: str | None


async def read(meter: Meter, bearer: Bearer, wanted: Wanted) -> Page:
    """A page for a session of the desk's; raises NoSessionError, EntryScopeError, NotFoundError, BadRequestError."""
    request, bounds = uuid4(), _bounds(wanted)
    ((word,),) = await meter.ask(ASK, (*bearer, request, *_about(wanted)))
    _refused(word)
    return _page(await meter.ask(READ, (*bearer, request, *bounds)), wanted.most)


def read_by_operator(operator: psycopg.Connection, wanted: Wanted) -> Page:
    """A page for the machine's operator, whose connection is in autocommit; raises as `read`."""
    request, bounds = uuid4(), _bounds(wanted)
    row = operator.execute(OPERATOR_ASK, (request, *_about(wanted))).fetchone()
    _refused("" if row is None else row[0])
    return _page(operator.execute(OPERATOR_READ, (request, *bounds)).fetchall(), wanted.most)


def told(page: Page, compartments: Sequence[str], purposes: Sequence[str]) -> LogPage:
    """A page in the words of the profile."""
    return LogPage([_told(line, compartments, purposes) for line in page.lines], page.cursor)


def _told(line: Line, compartments: Sequence[str], purposes: Sequence[str]) -> LogEntry:
    return LogEntry(
        at=line.at,
        segment=line.segment,
        author=line.account,
        number=line.number,
        account=line.handle or "",
        organisation=line.organisation or "",
        agency=line.agency or "",
        role=line.role or "",
        event=line.event,
        outcome=line.outcome,
        session=line.session,
        person=line.person,
        compartments=[compartments[bit] for bit in bits(line.compartments)],
        purpose=None if line.purpose is None else purposes[line.purpose],
        relation=line.relation,
        subject=line.subject,
        amount=line.amount,
        version=line.version,
    )


def _refused(word: str) -> None:
    if word == "no_session":
        raise NoSessionError
    if word == "scope":
        raise EntryScopeError
    if word == "unknown":
        raise NotFoundError


def _about(wanted: Wanted) -> tuple[str | None, str | None, UUID | None]:
    if wanted.account is not None and wanted.organisation is not None:
        raise BadRequestError(reason="an account has one organisation: give one of both")
    return wanted.account, wanted.organisation, wanted.person


def _bounds(wanted: Wanted) -> tuple[object, ...]:
    return (wanted.since, wanted.until, *_behind(wanted.cursor), wanted.most)


def _behind(cursor: str | None) -> tuple[object, ...]:
    """The cursor's parts; raises BadRequestError for what was never given out."""
    if cursor is None:
        return (None,) * 4
    match = CURSOR.fullmatch(cursor)
    if match is None:
        raise BadRequestError(reason="this is no cursor; give back what the last page said")
    return EPOCH + timedelta(microseconds=int(match[1])), match[2], UUID(match[3]), int(match[4])


def _page(rows: Sequence[tuple[Any, ...]], most: int) -> Page:
    lines = [Line(*row) for row in rows]
    if len(lines) < most:
        return Page(lines, None)
    last = lines[-1]
    micros = (last.at - EPOCH) // timedelta(microseconds=1)
    return Page(lines, f"{micros}.{last.segment}.{last.account}.{last.number}")
