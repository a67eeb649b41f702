"""Sealing a record's compartments and opening them again: AES-256-GCM, nothing of our own.

A sealed compartment is one byte of format, a random 96-bit nonce, the ciphertext and its 128-bit tag.
Segment, person, compartment and version are bound as associated data, so a row moved, swapped or put back to
an older version does not open. The text is padded to a power of two, 32 bytes at least: lengths tell a
database administrator little.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloison.errors import TamperedRowError, TooLargeError

FORMAT = b"\x01"
NONCE_BYTES = 12
LENGTH_BYTES = 2
SMALLEST_BYTES = 32  # of the padded text; a NIR and its field name fit
LARGEST_BYTES = 32_768


class Place(NamedTuple):
    """Where a record belongs; what is sealed for one place opens in no other."""

    segment: str
    person: UUID
    version: int

    def bound(self, compartment: int) -> bytes:
        """The associated data of one compartment."""
        return f"cloison-sealed-1|{self.segment}|{compartment}|{self.version}|{self.person}".encode()


def seal(keys: Sequence[bytes], plain: Sequence[bytes], *, place: Place) -> list[bytes]:
    """All compartments of a record sealed, in the profile's order: one 32-byte key and one text each.

    Raises TooLargeError where a text is longer than 32 KiB.
    """
    nonces = os.urandom(NONCE_BYTES * len(plain))
    return [
        _seal(key, nonces[NONCE_BYTES * i :][:NONCE_BYTES], text, place.bound(i))
        for i, (key, text) in enumerate(zip(keys, plain, strict=True))
    ]


def unseal(key: bytes, sealed: bytes, *, place: Place, compartment: int) -> bytes:
    """The text of a sealed compartment; raises TamperedRowError if it was changed or belongs elsewhere."""
    if sealed[:1] != FORMAT:
        raise TamperedRowError
    start = len(FORMAT) + NONCE_BYTES
    try:
        padded = AESGCM(key).decrypt(sealed[len(FORMAT) : start], sealed[start:], place.bound(compartment))
    except (InvalidTag, ValueError) as error:
        raise TamperedRowError from error
    return _unpad(padded)


def padded_bytes(text_bytes: int) -> int:
    """How long a text of this length is once padded; raises TooLargeError beyond 32 KiB."""
    needed = text_bytes + LENGTH_BYTES
    if needed > LARGEST_BYTES:
        raise TooLargeError(limit=f"{LARGEST_BYTES - LENGTH_BYTES} bytes a compartment")
    return max(SMALLEST_BYTES, 1 << (needed - 1).bit_length())


def _seal(key: bytes, nonce: bytes, text: bytes, bound: bytes) -> bytes:
    padded = (len(text).to_bytes(LENGTH_BYTES, "big") + text).ljust(padded_bytes(len(text)), b"\0")
    return FORMAT + nonce + AESGCM(key).encrypt(nonce, padded, bound)


def _unpad(padded: bytes) -> bytes:
    """The text without its padding; what was sealed right always has one."""
    size = int.from_bytes(padded[:LENGTH_BYTES], "big")
    text = padded[LENGTH_BYTES : LENGTH_BYTES + size]
    if len(text) != size or len(padded) != padded_bytes(size):
        raise TamperedRowError
    return text
