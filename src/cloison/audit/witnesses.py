"""The witnesses that a register knows: by their public keys, in files of the home, which no database can change."""

from datetime import datetime

import msgspec
import psycopg

from cloison.audit.verify import COSIGNATURE, Key
from cloison.config import Home
from cloison.errors import ConfigError

OWN = "witness"  # the login of the witness that `cloison serve` starts
SIGNED = "select witness, max(at) from cloison.log_cosignature group by witness"


class Known(msgspec.Struct, frozen=True):
    """A witness: name and key as in notes, the login that it comes in by, when it signed last."""

    name: str
    key: str
    login: str
    signed_at: datetime | None = None


def login_of(key: Key) -> str:
    """The login of a witness on another machine, which no other key has."""
    return f"{OWN}_{key.number.hex()}"


def read_key(text: str) -> Key:
    """A witness's public key from its line; raises ConfigError."""
    try:
        key = Key.read(text)
    except ValueError as error:
        raise ConfigError(reason="this is no public key of a witness; cloison audit witness prints it") from error
    if key.kind != COSIGNATURE:
        raise ConfigError(reason="this is the key of a log, not of a witness; cloison audit witness prints the latter")
    return key


def keys_by_login(home: Home) -> dict[str, Key]:
    """The key of each witness; raises ConfigError for a file that has none."""
    own = home.witness_key.with_suffix(".pub")
    found = {OWN: read_key(own.read_text(encoding="utf-8"))} if own.exists() else {}
    for path in sorted(home.witnesses.glob("*.pub")):
        key = read_key(path.read_text(encoding="utf-8"))
        found[login_of(key)] = key
    return found


def keys(home: Home) -> tuple[Key, list[Key]]:
    """By which the home's log is verified: the log's, and those of its witnesses, any one of whom suffices."""
    return Key.read(home.log_public.read_text(encoding="utf-8")), list(keys_by_login(home).values())


def known(home: Home, owner: psycopg.Connection) -> list[Known]:
    """All witnesses, and when each signed last."""
    signed: dict[str, datetime] = dict(owner.execute(SIGNED).fetchall())
    return [
        Known(key.name, key.text, f"cloison_{login}", signed.get(f"cloison_{login}"))
        for login, key in keys_by_login(home).items()
    ]
