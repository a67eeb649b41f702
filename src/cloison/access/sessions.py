"""Sessions: what their tokens look like, and what a door gives the database instead of them.

A token is `SEGMENT.SECRET`: the account's home segment and 32 random bytes in base64url. It is bound to the key of the
device that it was given to: what doors show to database and keeper is the SHA-256 of its secret and the thumbprint of
the key that signed the request's proof (`proofs.py`), and both of these know only the SHA-256 of that. So a token that
was copied is none, whatever function it is given to. A session that the keeper was not told of opens nothing, so that
an administrator of the database who writes a row into `session` gains no key.
"""

import base64
import binascii
import hashlib
import re
import secrets
from uuid import UUID, uuid4

import msgspec

from cloison.config import KeeperConfig
from cloison.errors import NoSessionError
from cloison.keeper.messages import SessionCeilings
from cloison.store.metered import Bearer

SECRET_BYTES = 32
TOKEN = re.compile(r"([0-9A-Za-z_-]{1,16})\.([0-9A-Za-z_-]{43})")


class NewSession(msgspec.Struct, frozen=True):
    """A session about to begin: its number, its token's text, shown once, and what is known of it here.

    `device`: the thumbprint of the key that it is bound to, for the audit log.
    """

    session: UUID
    token: str
    token_hash: bytes
    secret_hash: bytes
    device: bytes


def new_session(segment: str, thumbprint: bytes) -> NewSession:
    """A session of an account at home in `segment`, for the device whose key has this thumbprint."""
    secret = secrets.token_bytes(SECRET_BYTES)
    bound = hashlib.sha256(secret + thumbprint).digest()
    token = f"{segment}.{_text(secret)}"
    return NewSession(uuid4(), token, hashlib.sha256(bound).digest(), hashlib.sha256(secret).digest(), thumbprint)


def ceilings_of(
    new: NewSession, account: UUID, segment: str, full_people: list[int], expires_at: float
) -> SessionCeilings:
    """What the keeper is told of a session; `full_people`: the account's budgets; `expires_at`: seconds since 1970."""
    return SessionCeilings(
        session=new.session,
        token_hash=new.token_hash,
        account=account,
        segment=segment,
        full_people=full_people,
        label_people_hour=KeeperConfig().account_labels_hour,
        expires_at=expires_at,
    )


def secret_of(token: str) -> Bearer:
    """The segment and the secret of a token's text; raises NoSessionError for anything else."""
    match = TOKEN.fullmatch(token)
    if match is None:
        raise NoSessionError
    try:
        return Bearer(match[1], base64.urlsafe_b64decode(match[2] + "="))
    except binascii.Error as error:
        raise NoSessionError from error


def bearer(token: str, thumbprint: bytes) -> Bearer:
    """Who asks, by a token's text and the thumbprint of the key that proved the request; raises NoSessionError."""
    segment, secret = secret_of(token)
    return Bearer(segment, hashlib.sha256(secret + thumbprint).digest())


def text_of(who: Bearer) -> str:
    """A segment and 32 bytes as text, which `secret_of` reads: a token, a code, or what a door tells another."""
    return f"{who.segment}.{_text(who.token)}"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
