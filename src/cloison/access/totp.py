"""One-time codes of a person's phone (RFC 6238): how their secret is kept, and which code is taken. No I/O.

1. The secret, 20 random bytes, is kept enciphered (AES-256-GCM) with a key of the space door's, and bound to its login:
   neither a dump nor another login's row gives a code.
2. A code of the present 30 seconds is taken, or of those before and after, as clocks differ.
3. Each step is good once, and none before the last one used: the database compares, so that of two doors one takes it.
4. All steps are computed and compared in constant time, also for who is not there (`None`).
"""

import hmac
import secrets
from uuid import UUID

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

STEP_SECONDS = 30
DIGITS = 6
WINDOW = 1
SECRET_CHARACTERS = 32  # 160 bits in base32, as RFC 4226 recommends
NONCE_BYTES = 12
ISSUER = "Cloison"
_NOBODYS = "A" * SECRET_CHARACTERS


def new_secret() -> str:
    """A new secret, in base32."""
    return pyotp.random_base32(SECRET_CHARACTERS)


def address(secret: str, label: str) -> str:
    """What a phone's application reads as an image (otpauth://); the label says nothing about anybody."""
    return pyotp.TOTP(secret).provisioning_uri(name=label, issuer_name=ISSUER)


def seal(key: bytes, login: UUID, secret: str) -> bytes:
    """Rule 1: what the database keeps of a secret."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, secret.encode(), login.bytes)


def unseal(key: bytes, login: UUID, sealed: bytes) -> str | None:
    """The secret; None for a row that was tampered with."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], login.bytes).decode()
    except (InvalidTag, ValueError):
        return None


def step_of(secret: str | None, code: str, now: float) -> int | None:
    """The step whose code this is, of those near `now` (seconds since 1970); None: of none."""
    made = pyotp.TOTP(secret or _NOBODYS, digits=DIGITS, interval=STEP_SECONDS)
    given = "".join(code.split()).encode("utf-8", "surrogatepass")
    present = int(now) // STEP_SECONDS
    found = None
    for step in range(present - WINDOW, present + WINDOW + 1):
        if hmac.compare_digest(made.generate_otp(step).encode(), given):
            found = step
    return None if secret is None else found
