"""Sessions: what their tokens look like, and how the owner issues one until sign-in is built.

A token is `SEGMENT.SECRET`: the account's home segment and 32 random bytes in base64url. Database and keeper both know
only the SHA-256 of the bytes. A session that the keeper was not told of opens nothing, so that an administrator of the
database who writes a row into `session` gains no key.
"""

import base64
import binascii
import hashlib
import re
import secrets
from uuid import uuid4

import msgspec
import psycopg

from cloison.access.accounts import Account
from cloison.config import KeeperConfig
from cloison.errors import BadRequestError, NoSessionError
from cloison.keeper.client import Keeper
from cloison.keeper.messages import SessionCeilings
from cloison.store.metered import Bearer

TOKEN_BYTES = 32
TOKEN = re.compile(r"([0-9A-Za-z_-]{1,16})\.([0-9A-Za-z_-]{43})")
SESSION_SECONDS = 8 * 3600  # a working day
LONGEST_SECONDS = 24 * 3600


class Issued(msgspec.Struct, frozen=True):
    """A session just issued; `token` is shown once."""

    account: str
    token: str
    expires_at: str


def bearer_of(token: str) -> Bearer:
    """The segment and secret bytes of a token's text; raises NoSessionError for anything else."""
    match = TOKEN.fullmatch(token)
    if match is None:
        raise NoSessionError
    try:
        return Bearer(match[1], base64.urlsafe_b64decode(match[2] + "="))
    except binascii.Error as error:
        raise NoSessionError from error


async def issue(
    owner: psycopg.Connection,
    keeper: Keeper,
    account: Account,
    *,
    seconds: int = SESSION_SECONDS,
    touched: bool = False,
) -> Issued:
    """Issue a session of `seconds` for `account`; `touched`: as if its passkey had been touched just now.

    `keeper` is connected as issuer. The keeper learns of the session first: one that only the database knew would be
    charged and open nothing. Raises BadRequestError for a length out of range.
    """
    if not 1 <= seconds <= LONGEST_SECONDS:
        raise BadRequestError(reason=f"a session lasts 1 to {LONGEST_SECONDS} seconds")
    session, token = uuid4(), secrets.token_bytes(TOKEN_BYTES)
    token_hash = hashlib.sha256(token).digest()
    ceilings = full_people(owner, account)
    now = owner.execute("select extract(epoch from cloison.clock_v1())::float8").fetchone()
    assert now is not None  # noqa: S101 - a select without from answers one row
    await keeper.register_session(
        SessionCeilings(
            session=session,
            token_hash=token_hash,
            account=account.account,
            segment=account.segment,
            full_people=ceilings,
            label_people_hour=KeeperConfig().account_labels_hour,
            expires_at=now[0] + seconds,
        )
    )
    row = owner.execute(
        "select cloison.issue_session_v1(%s, %s, %s, %s, %s, %s)",
        (account.segment, account.account, session, token_hash, seconds, touched),
    ).fetchone()
    assert row is not None  # noqa: S101 - a function that returns a value answers one row
    text = f"{account.segment}.{base64.urlsafe_b64encode(token).decode().rstrip('=')}"
    return Issued(account.handle, text, row[0].isoformat())


def full_people(owner: psycopg.Connection, account: Account) -> list[int]:
    """The keeper's ceilings for an account: all its budgets of opening together, in 5 minutes, hour, day, 28 days."""
    row = owner.execute(
        "select coalesce(sum(minutes_5), 0)::int, coalesce(sum(hour), 0)::int, coalesce(sum(day), 0)::int, "
        "coalesce(sum(days_28), 0)::int from cloison.role_budget join cloison.role using (role) "
        "where role.name = %s and meter in ('open', 'walk_in')",
        (account.role,),
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate answers one row
    return list(row)
