"""Makes a home ready, or brings it up to date: what `cloison init` does. Every step may be repeated.

1. settings are written where there are none;
2. the database runs: the embedded one is made and started, an external one is reached;
3. logins get their passwords, the database its owner, PUBLIC loses what none of ours needs;
4. the owner installs or upgrades the schema;
5. the keeper's store is made, in a folder of its own, under the passphrase;
6. the owner stores the profile, and the key by which the keeper knows the meter's tickets.
"""

import asyncio
from pathlib import Path

import msgspec
import psycopg
import tomli_w
from psycopg.conninfo import make_conninfo

from cloison.access.permissions import store_profile
from cloison.config import Config, DatabaseConfig, Home, read_secret, write_secret
from cloison.errors import DatabaseUnavailableError, SchemaError
from cloison.keeper import setup as keeper_setup
from cloison.processes import keeper_of, running_keeper
from cloison.register.profile import load_profile
from cloison.store import schema
from cloison.store.embedded import SUPERUSER, Embedded
from cloison.store.pools import connect

POSTGRESQL_LEAST = 150000  # server_version_num of PostgreSQL 15
HMAC_BLOCK_BYTES = 64  # of SHA-256, RFC 2104
INNER, OUTER = 0x36, 0x5C


class Wish(msgspec.Struct, frozen=True):
    """What a new home shall be. `administrator`: for an external PostgreSQL, a connection that may create roles."""

    profile: str = "jobseekers-fr"
    database_url: str = ""
    administrator: str = ""


def initialise(home: Home, passphrase_file: Path, wish: Wish) -> None:
    """Make or upgrade the home, the database and the keeper's store.

    Raises ConfigError, ProfileError, EmbeddedDatabaseError, DatabaseUnavailableError, SchemaError, PassphraseError.
    """
    _write_settings(home, wish)  # 1
    profile = load_profile(home.config.profile)
    administrator = _administrator(home, wish)  # 2
    _prepare_database(home, administrator)  # 3
    with connect(home, "owner") as owner:
        schema.install(owner)  # 4
        keeper_setup.create(home, read_secret(passphrase_file), len(profile.compartments))  # 5
        store_profile(owner, profile)  # 6
        with running_keeper(home, passphrase_file):
            store_ticket_key(owner, asyncio.run(_ticket_key(home)))


async def _ticket_key(home: Home) -> bytes:
    async with keeper_of(home, "issuer") as keeper:
        return await keeper.ticket_key()


def store_ticket_key(owner: psycopg.Connection, key: bytes) -> None:
    """Store the 32-byte key as HMAC's two padded blocks (RFC 2104): core SQL has sha256() but no hmac()."""
    padded = key.ljust(HMAC_BLOCK_BYTES, b"\0")
    owner.execute(
        "insert into cloison.ticket_key (inner_block, outer_block) values (%s, %s) on conflict (single) "
        "do update set inner_block = excluded.inner_block, outer_block = excluded.outer_block",
        (bytes(b ^ INNER for b in padded), bytes(b ^ OUTER for b in padded)),
    )


def _write_settings(home: Home, wish: Wish) -> None:
    home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if home.settings_file.exists():
        return
    profile = wish.profile
    if profile.endswith(".toml"):
        profile = str(Path(profile).absolute())
    settings = Config(profile=profile, database=DatabaseConfig(url=wish.database_url))
    home.settings_file.write_text(tomli_w.dumps(msgspec.to_builtins(settings)), encoding="utf-8")
    home.__dict__.pop("config", None)


def _administrator(home: Home, wish: Wish) -> str:
    if not home.config.database.url:
        embedded = Embedded(home)
        embedded.start()
        return embedded.conninfo(SUPERUSER, SUPERUSER)
    if not wish.administrator:
        raise DatabaseUnavailableError(reason="an external PostgreSQL needs --administrator once")
    return wish.administrator


def _prepare_database(home: Home, administrator: str) -> None:
    name = home.config.database.name
    try:
        with psycopg.connect(administrator, autocommit=True) as admin:
            if admin.info.server_version < POSTGRESQL_LEAST:
                raise SchemaError(reason=f"PostgreSQL {admin.info.server_version // 10000} is older than 15")
            schema.create_logins(admin, _passwords(home))
            schema.create_database(admin, name)
            superuser = admin.info.parameter_status("is_superuser") == "on"
        if superuser:
            with psycopg.connect(make_conninfo(administrator, dbname=name), autocommit=True) as admin:
                schema.harden(admin)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailableError(reason="the administrator cannot connect") from error


def _passwords(home: Home) -> dict[str, str]:
    passwords = schema.new_passwords()
    for login, password in passwords.items():
        path = home.logins / f"{login}.password"
        if path.exists():
            passwords[login] = read_secret(path)
        else:
            write_secret(path, password)
    return passwords
