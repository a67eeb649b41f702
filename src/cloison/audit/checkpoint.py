"""Signs checkpoints: the log's own signature, and those of witnesses (C2SP signed-note, tlog-cosignature); no I/O.

What is signed, and how it is checked, stands in `verify.py`, which strangers run.
"""

import base64
import binascii

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloison.audit import verify
from cloison.audit.verify import Key

PRIVATE = "PRIVATE+KEY"
TIME_BYTES = 8


class Signer:
    """A private key with the name that its signatures carry."""

    def __init__(self, name: str, kind: bytes, seed: bytes) -> None:
        """`seed`: 32 random bytes; raises ValueError for a name that a note cannot carry."""
        if not name or any(each.isspace() or each == "+" for each in name):
            raise ValueError("a name without spaces and +")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._seed = seed
        self.key = Key(name, kind, self._private.public_key().public_bytes_raw())

    @classmethod
    def read(cls, text: str) -> "Signer":
        """A private key from its line; raises ValueError."""
        try:
            head, key, name, number, data = text.strip().split("+", 4)
            raw = base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise ValueError("no private key of a note") from error
        signer = cls(name, raw[:1], raw[1:])
        if f"{head}+{key}" != PRIVATE or signer.key.number.hex() != number:
            raise ValueError("no private key of a note")
        return signer

    @property
    def text(self) -> str:
        """The private key as a line: a secret."""
        data = base64.b64encode(self.key.kind + self._seed).decode()
        return f"{PRIVATE}+{self.key.name}+{self.key.number.hex()}+{data}"

    def checkpoint(self, origin: str, size: int, root: bytes) -> str:
        """A checkpoint, signed as the log."""
        text = verify.checkpoint_text(origin, size, root)
        return f"{text}\n{verify.signature_line(self.key, self._private.sign(text.encode()))}"

    def cosigned(self, note: str, seconds: int) -> str:
        """The note with this witness's signature, made at so many seconds since 1970; raises ValueError for no note."""
        text = verify.text_of(note)
        signed = verify.COSIGNED.format(time=seconds) + text
        signature = seconds.to_bytes(TIME_BYTES, "big") + self._private.sign(signed.encode())
        return note + verify.signature_line(self.key, signature)
