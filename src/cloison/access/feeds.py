"""Sources of interactions that no account can write: an appointment book, the personal space, a telephone system.

A source tells that somebody has an appointment, called or wrote, and with whom; that explains why the account opens the
person, from the beginning of the interaction's day until a little after its end. It is a system with a key of its own
(`clients.py`), or the operator brings its file. The database keeps a hash of the interaction's own name, and nothing of
the person. A source opens nobody.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import psycopg

from cloison.access.clients import PublicKey
from cloison.access.relation_files import Columns, Refused, RelationFile
from cloison.access.relations import HANDLE, Import, Imported, Progress, Row, locate
from cloison.errors import BadRequestError, NoFeedError, UnknownFeedError
from cloison.register.fields import InvalidValueError, check, mask
from cloison.register.files import RejectFile
from cloison.register.profile import Profile
from cloison.register.resealing import Register, query
from cloison.register.terms import locator_inputs

NAME = re.compile(r"[0-9a-z][0-9a-z._-]{0,39}")
SEGMENT = re.compile(r"[0-9A-Za-z_-]{1,16}")
MALFORMED = "a source's name has 1 to 40 of a-z 0-9 . _ - and segments are parted by commas"
INTERACTION = re.compile(r"[!-~]{1,64}")  # what can be seen of ASCII
ROWS_A_BATCH = 500
LAST_DAY = "9999-12-31"  # locators are no dates
COLUMNS = Columns(("account", "interaction", "from", "until"), ("kind",))
KNOWN = "select cloison.feed_known_v1(%b::bytea)"
TOLD = (
    "select result, retry_after from cloison.feed_interactions_v1(%b::bytea, %b::text[], %b::text[], %b::int2[], "
    "%b::int8[], %b::timestamptz[], %b::timestamptz[]) order by ordinal"
)
FROM_FILE = (
    "select result, retry_after from cloison.feed_file_v1(%b::text, %b::text[], %b::text[], %b::int2[], "
    "%b::int8[], %b::timestamptz[], %b::timestamptz[]) order by ordinal"
)


class FeedKind(StrEnum):
    """What tells of interactions."""

    APPOINTMENTS = "appointments"
    SPACE = "space"
    TELEPHONE = "telephone"


KINDS = frozenset(kind.value for kind in FeedKind)


class Feed(msgspec.Struct, frozen=True):
    """A source; `segments` empty: all of them."""

    feed: UUID
    name: str
    kind: str
    segments: list[str]
    created_at: datetime
    closed_at: datetime | None


class Interaction(msgspec.Struct, frozen=True):
    """One interaction as a source tells it; `values` are the person's locators, of which one is given."""

    interaction: str
    account: str
    values: dict[str, str]
    begins: datetime
    ends: datetime


class Taken(NamedTuple):
    """What became of one interaction; `retry_after` in seconds, where it was metered."""

    result: str
    retry_after: int | None = None


# -- the operator's side ----------------------------------------------------------------------------------------------


def new_feed(name: str, kind: FeedKind, key: PublicKey, segments: Sequence[str] = ()) -> dict[str, Any]:
    """What the act says that opens a source; raises BadRequestError for a malformed name or segment."""
    if not NAME.fullmatch(name) or not all(SEGMENT.fullmatch(segment) for segment in segments):
        raise BadRequestError(reason=MALFORMED)
    details: dict[str, Any] = {"name": name, "source": kind.value, "thumbprint": key.thumbprint, "key": key.jwk}
    return details | ({"segments": list(segments)} if segments else {})


def feeds(owner: psycopg.Connection) -> list[Feed]:
    """All sources, by name."""
    rows = owner.execute(
        "select feed, name, kind::text, coalesce(segments, '{}'), created_at, closed_at from cloison.feed order by name"
    ).fetchall()
    return [Feed(*row) for row in rows]


def find_feed(owner: psycopg.Connection, name: str) -> Feed:
    """The source of that name, which is open; raises UnknownFeedError."""
    for feed in feeds(owner):
        if feed.name == name and feed.closed_at is None:
            return feed
    raise UnknownFeedError(feed=mask(name))


def close_feed(owner: psycopg.Connection, name: str) -> None:
    """Close a source for good: its token and its files write nothing any more; raises UnknownFeedError."""
    if owner.execute("select cloison.close_feed_v1(%s)", (name,)).fetchone() != (True,):
        raise UnknownFeedError(feed=mask(name))


# -- what sources tell ------------------------------------------------------------------------------------------------


async def take(register: Register, token: bytes, told: Sequence[Interaction]) -> list[Taken]:
    """Write what the source of this client's token tells, one answer each, in order; raises NoFeedError.

    Answers are those of `take_interactions_v1`, and `value` for a locator that is none.
    """
    if not (await query(register, KNOWN, (token,)))[0][0]:
        raise NoFeedError
    found = [_locators(register.profile, one) for one in told]
    sound = [(one, locator) for one, locator in zip(told, found, strict=True) if locator is not None]
    terms = await register.keeper.locate([locator for _, locator in sound])
    columns = (
        [one.interaction for one, _ in sound],
        [one.account for one, _ in sound],
        [kind for _, (kind, _) in sound],
        terms,
        [one.begins for one, _ in sound],
        [one.ends for one, _ in sound],
    )
    answers = iter(await query(register, TOLD, (token, *columns)))
    try:
        return [Taken("value") if locator is None else Taken(*next(answers)) for locator in found]
    except StopIteration:  # closed a moment ago
        raise NoFeedError from None


async def import_interactions(
    path: Path, register: Register, source: Feed, progress: Progress = lambda _imported: None
) -> Imported:
    """Bring the interactions of a source's CSV file in; rows refused go to `FILE.rejects.csv`.

    A file of several sources has a column `kind`; rows that are of another kind than this source are passed over.
    Raises UnknownFeedError where the source was closed meanwhile, and as `import_relations` does.
    """
    with RelationFile(path, register.profile, COLUMNS) as file, RejectFile(path) as rejects:
        work = Import(file, rejects, register, progress)
        rows = _rows(work, source.kind)
        terms: dict[bytes, int] = {}
        while batch := list(islice(rows, ROWS_A_BATCH)):
            await locate(register, file.kind, batch, terms)
            columns = (
                [row.word for row in batch],
                [row.handle for row in batch],
                [file.kind] * len(batch),
                [terms[row.person] for row in batch],
                [row.valid_from for row in batch],
                [row.valid_until for row in batch],
            )
            if not await work.write(batch, FROM_FILE, (source.name, *columns)):
                raise UnknownFeedError(feed=mask(source.name))
        work.tell()
    return work.imported


def _locators(profile: Profile, told: Interaction) -> tuple[int, bytes] | None:
    """Kind and bytes of the one locator given; None where there is none, more than one, or it is malformed."""
    kept = {}
    for name, value in told.values.items():
        try:
            kept[name] = check(profile.fields[name], value, today=LAST_DAY)
        except (InvalidValueError, KeyError):
            return None
    found = locator_inputs(profile, {name: value for name, value in kept.items() if value})
    return found[0] if len(found) == 1 else None


def _rows(work: Import, kind: str) -> Iterator[Row]:
    for number, row in work.file.rows():
        work.imported.read += 1
        told = row.get("kind") or kind if row else kind
        if told in KINDS - {kind}:
            work.imported.other_kind += 1
        elif told != kind:
            work.reject(number, Refused("kind", "value", mask(told)))
        elif isinstance(made := Refused("", "columns") if row is None else _row(work.file, number, row), Refused):
            work.reject(number, made)
        else:
            yield made


def _row(file: RelationFile, number: int, row: dict[str, str]) -> Row | Refused:
    if not HANDLE.fullmatch(row["account"]):
        return Refused("account", "no_account", mask(row["account"]))
    if not INTERACTION.fullmatch(row["interaction"]):
        return Refused("interaction", "value", mask(row["interaction"]))
    found = file.person_and_times(row)
    if isinstance(found, Refused):
        return found
    person, begins, ends = found
    return Row(number, row["account"], person, row["interaction"], begins, ends)
