"""What the desk's JSON API says and is told about the audit log, shared with `cloison.client`."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from cloison.client.wire import Moment

PAGE = 500


class LogRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which entries: of an account, by its handle, or of an organisation; about a person; between two instants.

    `cursor`: of the page before, whose next one is wanted.
    """

    account: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    organisation: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    person: UUID | None = None
    since: Moment | None = None
    until: Moment | None = None
    cursor: Annotated[str, Meta(max_length=90)] | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE)] = 100


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry; organisation, agency and role are the author's of now, `account` is empty for no account's doing."""

    at: datetime
    segment: str
    author: UUID
    number: int
    account: str
    organisation: str
    agency: str
    role: str
    event: str
    outcome: str
    session: UUID | None
    person: UUID | None
    compartments: list[str]
    purpose: str | None
    relation: str | None
    subject: UUID | None
    amount: int | None
    version: int | None


class LogPage(msgspec.Struct, frozen=True):
    """Entries, newest first; `cursor` is for the next page, null where this is the last one."""

    entries: list[LogEntry]
    cursor: str | None
