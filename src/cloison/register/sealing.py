"""Sealing a record's compartments and opening them again: AES-256-GCM, nothing of our own.

A sealed compartment is one byte of format, a random 96-bit nonce, the ciphertext and its 128-bit tag.
Segment, person, compartment and version are bound as associated data, so a row moved, swapped or put back to
an older version does not open. The text is padded, so that lengths tell a database administrator little: up to
384 bytes the sealed compartment is 28 bytes and a multiple of 24 long, beyond that the text a power of two (ADR 19).
"""

import os
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloison.errors import TamperedRowError, TooLargeError

FORMAT = b"\x02"
NONCE_BYTES = 12
LENGTH_BYTES = 2
STEP_BYTES = 24  # a NIR fits; with what is added a whole number of the 4-byte words in which PostgreSQL keeps it
SHORT_BYTES = 384
LARGEST_BYTES = 32_768


class Place(NamedTuple):
    """Where a record belongs; what is sealed for one place opens in no other."""

    segment: str
    person: UUID
    version: int

    def bound(self) -> bytes:
        """The associated data of all compartments, to which each adds its number."""
        return f"cloison-sealed-2|{self.segment}|{self.version}|".encode() + self.person.bytes


def seal(
    keys: Sequence[bytes], plain: Sequence[bytes], *, place: Place, compartments: Sequence[int] | None = None
) -> list[bytes]:
    """These compartments of a record sealed (None: all, in the profile's order): one 32-byte key and one text each.

    Raises TooLargeError where a text is longer than 32 KiB.
    """
    if len(keys) != len(plain):
        raise ValueError("one key a text")
    nonces = os.urandom(NONCE_BYTES * len(plain))
    bound = place.bound()
    numbers = NUMBERS if compartments is None else [NUMBERS[number] for number in compartments]
    sealed = []
    for i, text in enumerate(plain):
        nonce = nonces[NONCE_BYTES * i : NONCE_BYTES * (i + 1)]
        padded = (LENGTHS[len(text)] + text).ljust(PADDED[len(text)], b"\0") if len(text) < SHORT else _padded(text)
        sealed.append(FORMAT + nonce + AESGCM(keys[i]).encrypt(nonce, padded, bound + numbers[i]))
    return sealed


def unseal(key: bytes, sealed: bytes, *, place: Place, compartment: int) -> bytes:
    """The text of a sealed compartment; raises TamperedRowError if it was changed or belongs elsewhere."""
    if sealed[:1] != FORMAT:
        raise TamperedRowError
    start = len(FORMAT) + NONCE_BYTES
    try:
        padded = AESGCM(key).decrypt(sealed[len(FORMAT) : start], sealed[start:], place.bound() + NUMBERS[compartment])
    except (InvalidTag, ValueError) as error:
        raise TamperedRowError from error
    return _unpad(padded)


def padded_bytes(text_bytes: int) -> int:
    """How long a text of this length is once padded; raises TooLargeError beyond 32 KiB."""
    needed = text_bytes + LENGTH_BYTES
    if needed > LARGEST_BYTES:
        raise TooLargeError(limit=f"{LARGEST_BYTES - LENGTH_BYTES} bytes a compartment")
    if needed < SHORT_BYTES:
        return (needed // STEP_BYTES + 1) * STEP_BYTES - 1
    return 1 << (needed - 1).bit_length()


def _padded(text: bytes) -> bytes:
    return (len(text).to_bytes(LENGTH_BYTES, "big") + text).ljust(padded_bytes(len(text)), b"\0")


def _unpad(padded: bytes) -> bytes:
    """The text without its padding; what was sealed right always has one."""
    size = int.from_bytes(padded[:LENGTH_BYTES], "big")
    text = padded[LENGTH_BYTES : LENGTH_BYTES + size]
    if len(text) != size or len(padded) != padded_bytes(size):
        raise TamperedRowError
    return text


NUMBERS = [bytes([number]) for number in range(32)]  # of compartments, as the associated data ends
# most texts are short: their length as it is written, and how long they are once padded
SHORT = 512
LENGTHS = [length.to_bytes(LENGTH_BYTES, "big") for length in range(SHORT)]
PADDED = [padded_bytes(length) for length in range(SHORT)]
