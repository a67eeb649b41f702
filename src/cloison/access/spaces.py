"""What leads to a person's own space: the name they sign in with, their invitation, the keys of the door. No I/O.

1. Nothing of a login can be read in the database: of the name, most often an e-mail address, it has HMAC(key, name);
   so too of an identity at a provider. The keys come from one secret, which the space door alone has, in the home's
   `callers/space.secret`.
2. A name is compared after NFKC and case folding, without the spaces around it.
3. An invitation has two halves, so that neither who reads the mailbox nor who invites comes in: the mailed one is
   SEGMENT-XXXX-XXXX-XXXX-XXXX, 16 characters of Crockford's alphabet, 80 random bits; the one that is given by hand is
   XXXX-XXXX, 40 bits. Both are to be typed; I, L and O are read as 1 and 0. The database has the SHA-256 of the first,
   and of both together, which 80 bits make useless to whoever reads it.
4. A device on which a login signed in is told HMAC(key, name, device): by it the door knows the device again before it
   asks the database. The device proves by its key that it is the one.
"""

import hashlib
import hmac
import re
import secrets
import unicodedata

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cloison.errors import InvitationError

KEY_BYTES = 32
NAME_CHARACTERS = 254  # of an e-mail address
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_CHARACTERS = 16
SPOKEN_CHARACTERS = 8
GROUP = 4
_CODE = re.compile(r"([0-9A-Za-z_-]{1,16})-((?:[0-9A-Za-z]{4}-){3}[0-9A-Za-z]{4})")
_SPOKEN = re.compile(r"[0-9A-Za-z]{4}-?[0-9A-Za-z]{4}")
_READ_AS = str.maketrans({"I": "1", "L": "1", "O": "0"})


class Keys(msgspec.Struct, frozen=True):
    """The door's keys, each for one use."""

    name: bytes
    password: bytes
    totp: bytes
    device: bytes
    identity: bytes


class Invitation(msgspec.Struct, frozen=True):
    """Where an invitation is, and what the database knows its mailed half by; `drawn`: that half's characters."""

    segment: str
    code_hash: bytes
    drawn: str


def keys_of(secret: str) -> Keys:
    """Rule 1."""
    return Keys(*(_derived(secret, use) for use in Keys.__struct_fields__))


def normal_name(name: str) -> str:
    """Rule 2."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def name_hash(keys: Keys, name: str) -> bytes:
    """What the database has of a name."""
    return hmac.digest(keys.name, normal_name(name).encode("utf-8", "surrogatepass"), "sha256")


def identity_hash(keys: Keys, issuer: str, subject: str) -> bytes:
    """What the database has of an identity at an OpenID provider: issuer and subject together."""
    return hmac.digest(keys.identity, f"{issuer}\0{subject}".encode(), "sha256")


def new_code(segment: str) -> str:
    """A new invitation's mailed half: rule 3."""
    return "-".join([segment, *_groups(CODE_CHARACTERS)])


def new_spoken() -> str:
    """A new invitation's half that is given by hand: rule 3."""
    return "-".join(_groups(SPOKEN_CHARACTERS))


def read_code(code: str) -> Invitation:
    """The invitation that a mailed half stands for; raises InvitationError for what is no code."""
    found = _CODE.fullmatch("".join(code.split()))
    if found is None:
        raise InvitationError
    drawn = _normal(found[2])
    return Invitation(found[1], hashlib.sha256(f"{found[1]}|{drawn}".encode()).digest(), drawn)


def both_hash(invitation: Invitation, spoken: str) -> bytes:
    """What the database knows both halves by; raises InvitationError for what is no half."""
    joined = "".join(spoken.split())
    if not _SPOKEN.fullmatch(joined):
        raise InvitationError
    text = f"{invitation.segment}|{invitation.drawn}|{_normal(joined)}"
    return hashlib.sha256(text.encode()).digest()


def _groups(characters: int) -> list[str]:
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(characters))
    return [drawn[i : i + GROUP] for i in range(0, characters, GROUP)]


def _normal(typed: str) -> str:
    return typed.upper().replace("-", "").translate(_READ_AS)


def device_mark(keys: Keys, name: bytes, thumbprint: bytes) -> bytes:
    """Rule 4: by what a device is known again; `name`: the name's hash."""
    return hmac.digest(keys.device, name + thumbprint, "sha256")


def _derived(secret: str, use: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"cloison-space-{use}-1".encode()).derive(secret.encode())
