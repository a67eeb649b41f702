"""How keys come from keys: the few derivations of the keeper, without I/O.

A compartment's key is HKDF-SHA256 of the person's key and the segment's domain key, so that destroying either
makes it noise; it differs by version, so that whoever may seal a new version cannot read the older ones.
HKDF's first half, extraction, is left out, as RFC 5869 (3.3) allows where the input is random already: both
keys are.
"""

import os
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from cloison.errors import TamperedRowError

KEY_BYTES = 32
NONCE_BYTES = 12
TERM_BYTES = 8

_SHA256 = SHA256()


class Owner(NamedTuple):
    """Whose key it is; a key sealed for one owner opens for no other."""

    segment: str
    cohort: int
    person: str  # the UUID's canonical text

    def bound(self) -> bytes:
        """The associated data of the person's sealed key."""
        return f"cloison-person-1|{self.segment}|{self.cohort}|{self.person}".encode()

    def compartment(self, compartment: int, version: int) -> bytes:
        """What tells the key of one compartment of one version from all others."""
        return f"cloison-compartment-1|{self.segment}|{compartment}|{version}|{self.person}".encode()


def seal_key(under: AESGCM, key: bytes, bound: bytes) -> bytes:
    """`key` sealed under another: nonce, then AES-256-GCM with `bound` as associated data."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + under.encrypt(nonce, key, bound)


def open_key(under: AESGCM, sealed: bytes, bound: bytes) -> bytes:
    """The key in `sealed`; raises TamperedRowError where it was changed or belongs elsewhere."""
    try:
        return under.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
    except (InvalidTag, ValueError) as error:
        raise TamperedRowError from error


def compartment_key(person_key: bytes, domain_key: bytes, info: bytes) -> bytes:
    """The 32-byte key of one compartment of one version of one person; `info` from `Owner.compartment`."""
    return HKDFExpand(_SHA256, KEY_BYTES, info).derive(person_key + domain_key)


def keyed(key: bytes) -> HMAC:
    """An HMAC-SHA256 ready to be copied, which costs a third of starting anew for each value."""
    return HMAC(key, _SHA256)


def term(prepared: HMAC, value: bytes) -> int:
    """HMAC-SHA256 of `value`, its first 64 bits as a signed integer, as a `bigint` column holds them."""
    started = prepared.copy()
    started.update(value)
    return int.from_bytes(started.finalize()[:TERM_BYTES], "big", signed=True)
