"""The root key in a file, sealed under a passphrase: the embedded default.

Argon2id with the second recommendation of RFC 9106 (64 MiB, 3 passes, 4 lanes) makes the key that seals the
root key with AES-256-GCM; the parameters stand in the file and are bound to it, so that stronger ones can
come later.
"""

import os
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec import Meta

from cloison.errors import ConfigError, PassphraseError, TamperedRowError
from cloison.keeper.derive import KEY_BYTES, open_key, seal_key

PASSPHRASE_CHARACTERS = 12
SALT_BYTES = 16


class Stretching(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the passphrase becomes a key; bounded, so that a damaged file cannot ask for all memory."""

    salt: Annotated[bytes, Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)]
    memory_kib: Annotated[int, Meta(ge=19_456, le=1_048_576)] = 65_536
    passes: Annotated[int, Meta(ge=1, le=16)] = 3
    lanes: Annotated[int, Meta(ge=1, le=16)] = 4

    def key(self, passphrase: str) -> AESGCM:
        """The key of this passphrase; takes about a tenth of a second on purpose."""
        stretched = Argon2id(
            salt=self.salt,
            length=KEY_BYTES,
            iterations=self.passes,
            lanes=self.lanes,
            memory_cost=self.memory_kib,
        ).derive(passphrase.encode())
        return AESGCM(stretched)

    def bound(self) -> bytes:
        """The associated data of the sealed root key."""
        return b"cloison-root-1|" + msgspec.json.encode(self)


class RootKeyFile(msgspec.Struct, frozen=True, tag="cloison-root-1", forbid_unknown_fields=True):
    """What the file says, as JSON."""

    stretching: Stretching
    sealed: bytes


class FileRootKey:
    """A root key that was opened with its passphrase and stays in the process's memory."""

    def __init__(self, root: bytes) -> None:
        """Use `root`, 32 bytes."""
        self._root = AESGCM(root)

    def seal(self, key: bytes, bound: bytes) -> bytes:
        """`key`, sealed for the name in `bound`."""
        return seal_key(self._root, key, bound)

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        """The key in `sealed`; raises TamperedRowError where it was changed or sealed for another name."""
        return open_key(self._root, sealed, bound)


def create_root_key(path: Path, passphrase: str) -> None:
    """Make a root key and store it at `path`, whole or not; raises ConfigError on a weak passphrase."""
    if len(passphrase) < PASSPHRASE_CHARACTERS:
        raise ConfigError(reason=f"the passphrase needs {PASSPHRASE_CHARACTERS} characters at least")
    stretching = Stretching(os.urandom(SALT_BYTES))
    sealed = seal_key(stretching.key(passphrase), os.urandom(KEY_BYTES), stretching.bound())
    _write_whole(path, msgspec.json.encode(RootKeyFile(stretching, sealed)))


def open_root_key(path: Path, passphrase: str) -> FileRootKey:
    """The root key at `path`; raises PassphraseError, or ConfigError on a missing or damaged file."""
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=RootKeyFile)
    except FileNotFoundError as error:
        raise ConfigError(reason=f"{path} is missing; run cloison init, or put it back from its copy") from error
    except (msgspec.DecodeError, OSError) as error:
        raise ConfigError(reason=f"{path} is damaged; put it back from its copy") from error
    try:
        return FileRootKey(open_key(kept.stretching.key(passphrase), kept.sealed, kept.stretching.bound()))
    except TamperedRowError as error:
        raise PassphraseError from error


def _write_whole(path: Path, content: bytes) -> None:
    """Write and flush beside `path`, then move: a power cut leaves no half root key."""
    beside = path.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
