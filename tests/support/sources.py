"""Sources of interactions in one test's database: their tokens, and what they tell with them."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg

from support.database import Database
from support.relations import KIND, TAKE

HOUR = timedelta(hours=1)


def feed(database: Database, name: str = "book", segments: Sequence[str] | None = None) -> bytes:
    """The secret of a new source."""
    secret = secrets.token_bytes(32)
    database.owner.execute(
        "select cloison.create_feed_v1(%s, 'appointments', %s, %s)",
        (name, None if segments is None else list(segments), hashlib.sha256(secret).digest()),
    )
    return secret


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
