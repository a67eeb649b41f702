"""Making the keeper's folder, root key, first keys and its callers' secrets; opening them again."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloison.config import Home, read_secret, write_secret
from cloison.errors import ConfigError
from cloison.keeper.keyring import Keyring
from cloison.keeper.messages import Caller
from cloison.keeper.providers.file import create_root_key, open_root_key
from cloison.keeper.store import KeyKind, KeyName, KeyStore

MOST_COMPARTMENTS = 16
SECRET_BYTES = 32


def create(home: Home, passphrase: str, compartments: int) -> None:
    """Make what the keeper of `home` needs, or complete it; what exists stays as it is.

    `compartments` is how many the profile has, the last being the label. Raises PassphraseError where a root
    key exists that the passphrase does not open, ConfigError where the store was made for another number of
    compartments.
    """
    if not 1 <= compartments <= MOST_COMPARTMENTS:
        raise ConfigError(reason=f"a profile has 1 to {MOST_COMPARTMENTS} compartments")
    home.keeper.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_folder(home.keeper)
    if not root_key_file(home).exists():
        _refuse_orphaned_keys(home)
        create_root_key(root_key_file(home), passphrase)
    root = open_root_key(root_key_file(home), passphrase)
    with key_store(home) as store:
        store.set_up(compartments)
        Keyring(root, store).provide([KeyName(KeyKind.TICKET), KeyName(KeyKind.GROUP)])
    for caller in Caller:
        if not caller_file(home, caller).exists():
            write_secret(caller_file(home, caller), secrets.token_hex(SECRET_BYTES))


@contextmanager
def key_store(home: Home) -> Iterator[KeyStore]:
    """The home's store of keys, made if it is not there, closed at the end; for its owner only."""
    before = os.umask(0o077)
    try:
        store = KeyStore(home.keeper / "keys.db")
    finally:
        os.umask(before)
    try:
        yield store
    finally:
        store.close()


def check_folder(folder: Path) -> None:
    """Raises ConfigError unless the keeper's folder is there, ours, and closed to everybody else."""
    if not folder.is_dir():
        raise ConfigError(reason=f"{folder} is missing; run cloison init")
    found = folder.stat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise ConfigError(reason=f"others may read {folder}; run chmod 700 on it, as its owner")


def read_passphrase(home: Home) -> str:
    """The passphrase in the file that CLOISON_PASSPHRASE_FILE names.

    Raises ConfigError where it is not named or missing, where others may read it, and where it lies inside
    the home: whoever copies the home, for a backup or a theft, must not copy the passphrase with it.
    """
    named = os.environ.get("CLOISON_PASSPHRASE_FILE")
    if not named:
        raise ConfigError(reason="CLOISON_PASSPHRASE_FILE is not set")
    if Path(named).resolve().is_relative_to(home.path.resolve()):
        raise ConfigError(reason="CLOISON_PASSPHRASE_FILE lies inside the home; keep it elsewhere")
    return read_secret(Path(named))


def caller_secrets(home: Home) -> dict[Caller, str]:
    """The secret of each caller; raises ConfigError where one is missing, empty or open to others."""
    found = {caller: read_secret(caller_file(home, caller)) for caller in Caller}
    for caller, secret in found.items():
        if len(secret) < 2 * SECRET_BYTES:
            raise ConfigError(reason=f"{caller_file(home, caller)} is too short; remove it and run cloison init")
    return found


def caller_file(home: Home, caller: Caller) -> Path:
    """Where a caller's secret is."""
    return home.callers / f"{caller}.secret"


def root_key_file(home: Home) -> Path:
    """Where the sealed root key is."""
    return home.keeper / "root.json"


def _refuse_orphaned_keys(home: Home) -> None:
    """A new root key beside old keys would lose them: raises ConfigError."""
    with key_store(home) as store:
        if store.secrets():
            raise ConfigError(reason=f"{root_key_file(home)} is missing; put it back from its copy")
