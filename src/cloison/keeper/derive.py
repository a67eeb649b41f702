"""How keys come from keys: the few derivations of the keeper, without I/O.

A compartment's key comes from the person's key and the segment's domain key, so that destroying either makes
it noise; it differs by version, so that whoever may seal a new version cannot read the older ones. The
derivation is the one-step one of NIST SP 800-56C (section 4.1, option 2: HMAC-SHA256 with the domain key as
salt), here with the HMAC of the salt ready to be copied: an import of millions spends a sixth of its time on
it. `ConcatKDFHMAC` of the library gives the same bytes; a test compares.
"""

import os
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from cloison.errors import TamperedRowError

KEY_BYTES = 32
NONCE_BYTES = 12
TERM_BYTES = 8
COUNTER = (1).to_bytes(4, "big")  # of the one-step derivation: one block of SHA-256 is one key

NUMBERS = [bytes([number]) for number in range(32)]  # of compartments

_SHA256 = SHA256()


class Owner(NamedTuple):
    """Whose key it is; a key sealed for one owner opens for no other."""

    segment: str
    cohort: int
    person: bytes  # the UUID's 16 bytes

    def bound(self) -> bytes:
        """The associated data of the person's sealed key."""
        return f"cloison-person-1|{self.segment}|{self.cohort}|".encode() + self.person

    def record(self, version: int) -> bytes:
        """What tells the keys of one version of a record from all others; a compartment's adds its number."""
        return f"cloison-compartment-1|{self.segment}|{version}|".encode() + self.person


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


def compartment_key(person_key: bytes, domain: HMAC, record: bytes, compartment: int) -> bytes:
    """The 32-byte key of one compartment of one version of one person.

    `domain` is the compartment's domain key as `keyed` prepares it, `record` comes from `Owner.record`.
    """
    started = domain.copy()
    started.update(COUNTER + person_key + record + NUMBERS[compartment])
    return started.finalize()


def keyed(key: bytes) -> HMAC:
    """An HMAC-SHA256 ready to be copied, which costs a third of starting anew for each value."""
    return HMAC(key, _SHA256)


def term(prepared: HMAC, value: bytes) -> int:
    """HMAC-SHA256 of `value`, its first 64 bits as a signed integer, as a `bigint` column holds them."""
    started = prepared.copy()
    started.update(value)
    return int.from_bytes(started.finalize()[:TERM_BYTES], "big", signed=True)
