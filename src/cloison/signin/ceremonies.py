"""What the door gives out to be shown to it again: challenges, one-time codes, drafts of acts. Nothing of it is stored.

Each is enciphered with a key of the door's own (Fernet), with what it is for and when it was made, so that anybody may
ask for thousands and no table fills. That it is used once the database sees to, when it is: `spend_v1`.
"""

import base64
import hashlib
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cloison.errors import CeremonyError

KEY_LABEL = b"cloison-ceremonies-1"
KEY_BYTES = 32


class Purpose(StrEnum):
    """What a sealed thing is for; good for nothing else."""

    SIGN_IN = "sign_in"  # the challenge of a sign-in or a touch
    ENROL = "enrol"  # the challenge of a new passkey
    CODE = "code"
    DRAFT = "draft"
    HANDED_ON = "handed_on"  # a session on its way to a system
    INVITED = "invited"  # an invitation's code, which waits while whom it invites is at a provider


SECONDS = {
    Purpose.SIGN_IN: 300,
    Purpose.ENROL: 600,
    Purpose.CODE: 60,
    Purpose.DRAFT: 900,
    Purpose.HANDED_ON: 60,
    Purpose.INVITED: 600,
}


class Challenge(msgspec.Struct, frozen=True):
    """A challenge and when it was given out; `account` where it is for one alone."""

    challenge: bytes
    given_at: datetime
    account: UUID | None = None


class Grant(msgspec.Struct, frozen=True):
    """What a code is exchanged for: a session of this account, for this door and this device."""

    segment: str
    account: UUID
    factor: UUID | None
    door: str
    thumbprint: bytes


Kept = TypeVar("Kept")


class Ceremonies:
    """Seals and opens what the door gives out."""

    def __init__(self, secret: str) -> None:
        """Derive the key from the door's `secret`."""
        derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=KEY_LABEL).derive(secret.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, purpose: Purpose, kept: object) -> str:
        """`kept` as text that only this door can read or make."""
        return self._fernet.encrypt(purpose.encode() + b"\0" + msgspec.msgpack.encode(kept)).decode()

    def open(self, purpose: Purpose, text: str, kind: type[Kept]) -> Kept:
        """What was sealed for this purpose, not too long ago; raises CeremonyError."""
        try:
            sealed_for, _, kept = self._fernet.decrypt(text, ttl=SECONDS[purpose]).partition(b"\0")
        except (InvalidToken, ValueError) as error:  # ValueError: it is not even ASCII
            raise CeremonyError from error
        if sealed_for != purpose.encode():
            raise CeremonyError
        return msgspec.msgpack.decode(kept, type=kind)

    def challenge(self, purpose: Purpose, challenge: bytes, account: UUID | None = None) -> str:
        """A challenge given out now, sealed."""
        return self.seal(purpose, Challenge(challenge, datetime.now(UTC), account))


def spent_as(text: str) -> bytes:
    """By which the database knows that a sealed text was used."""
    return hashlib.sha256(text.encode()).digest()
