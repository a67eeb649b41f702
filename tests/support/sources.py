"""Sources of interactions in one test's database: their tokens, and what they tell with them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg

from cloison.access.organisations import create_organisation
from cloison.access.sessions import bearer
from support import clients
from support.database import Database
from support.relations import KIND, TAKE

HOUR = timedelta(hours=1)


def feed(database: Database, name: str = "book", segments: Sequence[str] | None = None) -> bytes:
    """What the doors show of a new source's token."""
    create_organisation(database.owner, "Agence")
    held = clients.feed(database.owner, name, segments)
    return bearer(held.token, held.key.thumbprint).token


def feed_again(database: Database, name: str = "book") -> bytes:
    """What the doors show of a known source's next token."""
    held = clients.feed_again(database.owner, name)
    return bearer(held.token, held.key.thumbprint).token


def tell(  # noqa: PLR0913 - what an interaction has
    intake: psycopg.Connection,
    secret: bytes,
    handle: str,
    terms: Sequence[int],
    *,
    names: Sequence[str] | None = None,
    begins: datetime | None = None,
    length: timedelta = HOUR,
) -> list[str]:
    """Tell of an interaction with each of these people; the results."""
    start = begins or datetime.now(UTC)
    names = names or [uuid4().hex for _ in terms]
    count = len(terms)
    rows = intake.execute(
        TAKE,
        (secret, list(names), [handle] * count, [KIND] * count, list(terms), [start] * count, [start + length] * count),
    ).fetchall()
    return [row[0] for row in rows]
