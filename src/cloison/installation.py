"""Makes a home ready, or brings it up to date: what `cloison init` does. Every step may be repeated.

1. settings are written where there are none;
2. the database runs: the embedded one is made and started, an external one is reached;
3. logins get their passwords, the database its owner, PUBLIC loses what none of ours needs; on an external PostgreSQL
   by an administrator, who is a superuser or may at least create roles and databases, and is needed once;
4. the owner installs or upgrades the schema;
5. the keeper's store is made, in a folder of its own, under the passphrase, the space door's secret, and the keys by
   which the audit log and its witness sign;
6. the owner stores the profile, for how long doors open what no witness has signed for, whether people see who looked
   at them by name, and the key by which the keeper knows the meter's tickets;
7. the first two officers are created, where they are named, with a code for each.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psycopg
import tomli_w
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cloison.access.accounts import FirstOfficer, first_officers
from cloison.access.permissions import store_profile
from cloison.audit import entry, verify, witnesses
from cloison.audit.checkpoint import Signer
from cloison.audit.verify import Key
from cloison.config import Config, DatabaseConfig, Home, KeeperConfig, read_secret, write_secret
from cloison.errors import ConfigError, DatabaseRefusedError, DatabaseUnavailableError, SchemaError
from cloison.keeper import setup as keeper_setup
from cloison.processes import keeper_of, running_keeper
from cloison.register.profile import Profile, load_profile
from cloison.store import schema
from cloison.store.embedded import SUPERUSER, Embedded
from cloison.store.faults import error_of
from cloison.store.pools import connect

POSTGRESQL_LEAST = 150000  # server_version_num of PostgreSQL 15
SPACE_SECRET_BYTES = 32
HMAC_BLOCK_BYTES = 64  # of SHA-256, RFC 2104
WITNESSED_WITHIN = "update cloison.log_terms set most_unwitnessed = make_interval(secs => %s)"
NAMES_ACCOUNTS = "update cloison.space_terms set names_accounts = %s"
INNER, OUTER = 0x36, 0x5C


class Wish(msgspec.Struct, frozen=True):
    """What a new home shall be. `administrator`: for an external PostgreSQL, a connection that may create roles."""

    profile: str = "jobseekers-fr"
    database_url: str = ""
    administrator: str = ""
    organisation: str = "Service"
    officers: tuple[str, ...] = ()


def initialise(home: Home, passphrase_file: Path, wish: Wish) -> list[FirstOfficer]:
    """Make or upgrade the home, the database and the keeper's store; the first officers, if they were named.

    Raises ConfigError, ProfileError, EmbeddedDatabaseError, DatabaseUnavailableError, DatabaseRefusedError,
    SchemaError, PassphraseError.
    """
    _write_settings(home, wish)  # 1
    profile = load_profile(home.config.profile)
    administrator = _administrator(home, wish)  # 2
    if administrator:
        _prepare_database(home, administrator)  # 3
    try:
        return _fill(home, passphrase_file, profile, wish)
    except psycopg.Error as error:
        raise error_of(error) from None


def _fill(home: Home, passphrase_file: Path, profile: Profile, wish: Wish) -> list[FirstOfficer]:
    with connect(home, "owner") as owner:
        schema.install(owner)  # 4
        keeper_setup.create(home, read_secret(passphrase_file), len(profile.compartments))  # 5
        if not home.space_secret.exists():
            write_secret(home.space_secret, secrets.token_hex(SPACE_SECRET_BYTES))
        _make_log_keys(home)
        store_profile(owner, profile)  # 6
        owner.execute(WITNESSED_WITHIN, (home.config.audit.max_unwitnessed_seconds,))
        owner.execute(NAMES_ACCOUNTS, (home.config.space.names_accounts,))
        with running_keeper(home, passphrase_file):
            store_ticket_key(owner, asyncio.run(_ticket_key(home)))
        return first_officers(owner, wish.organisation, wish.officers) if wish.officers else []  # 7


def admit_witness(home: Home, key: Key, administrator: str = "") -> Path:
    """Make a witness known, with a login of its own; the file of its password. Raises as `initialise`.

    The key comes last: a witness that is known has a login.
    """
    login = witnesses.login_of(key)
    path = home.logins / f"{login}.password"
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(24))
    _as_administrator(home, administrator, lambda admin: schema.admit_witness(admin, login, read_secret(path)))
    home.witnesses.mkdir(parents=True, exist_ok=True)
    (home.witnesses / f"{key.number.hex()}.pub").write_text(key.text + "\n", encoding="utf-8")
    return path


def dismiss_witness(home: Home, key: Key, administrator: str = "") -> None:
    """Know a witness no more: what it signed counts for nothing, and its login is gone. Raises as `initialise`."""
    login = witnesses.login_of(key)
    (home.witnesses / f"{key.number.hex()}.pub").unlink(missing_ok=True)
    _as_administrator(home, administrator, lambda admin: schema.dismiss_witness(admin, login))
    (home.logins / f"{login}.password").unlink(missing_ok=True)


def _as_administrator(home: Home, given: str, work: Callable[[psycopg.Connection], None]) -> None:
    administrator = _administrator(home, Wish(administrator=given))
    if not administrator:
        raise DatabaseUnavailableError(reason="an external PostgreSQL needs --administrator for this")
    with _administering(administrator) as admin:
        work(admin)


def _make_log_keys(home: Home) -> None:
    name = f"log-{secrets.token_hex(8)}.cloison.invalid"  # nobody else's, without saying whose
    of_the_log, of_the_witness = (verify.ED25519, name), (verify.COSIGNATURE, f"witness.{name}")
    for path, (kind, called) in ((home.log_key, of_the_log), (home.witness_key, of_the_witness)):
        if not path.exists():
            signer = Signer(called, kind, secrets.token_bytes(entry.KEY_BYTES))
            write_secret(path, signer.text)
            path.with_suffix(".pub").write_text(signer.key.text + "\n", encoding="utf-8")


async def _ticket_key(home: Home) -> bytes:
    async with keeper_of(home, "issuer") as keeper:
        return await keeper.ticket_key()


def store_ticket_key(owner: psycopg.Connection, key: bytes) -> None:
    """Store the key by which the keeper knows tickets, 32 bytes."""
    owner.execute(
        "insert into cloison.ticket_key (inner_block, outer_block) values (%s, %s) on conflict (single) "
        "do update set inner_block = excluded.inner_block, outer_block = excluded.outer_block",
        ticket_blocks(key),
    )


def ticket_blocks(key: bytes) -> tuple[bytes, bytes]:
    """The key as HMAC's two padded blocks (RFC 2104), inner and outer: core SQL has sha256() but no hmac()."""
    padded = key.ljust(HMAC_BLOCK_BYTES, b"\0")
    return bytes(b ^ INNER for b in padded), bytes(b ^ OUTER for b in padded)


def _write_settings(home: Home, wish: Wish) -> None:
    if home.path.exists() and not home.path.is_dir():
        raise ConfigError(reason=f"{home.path} is no folder; set CLOISON_HOME to one, or to where one can be made")
    home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = _database(wish.database_url)
    profile = str(Path(wish.profile).absolute()) if wish.profile.endswith(".toml") else wish.profile
    if home.settings_file.exists():
        _refuse_change(home.config, Config(profile=profile, database=database))
        return
    # The keeper's own ceilings come from the profile's file, never from the database, which has an administrator.
    keeper = KeeperConfig(account_people=load_profile(profile).most_people)
    settings = Config(profile=profile, database=database, keeper=keeper)
    home.settings_file.write_text(tomli_w.dumps(msgspec.to_builtins(settings)), encoding="utf-8")
    home.__dict__.pop("config", None)


def _database(url: str) -> DatabaseConfig:
    """The settings that a connection string stands for; raises ConfigError for one that cannot be used."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise ConfigError(reason=f"--database is no connection string: {str(error).strip()}") from None
    if {"user", "password"} & parts.keys():
        raise ConfigError(reason="--database is without user and password; those of --administrator are used once")
    return DatabaseConfig(url=url, name=str(parts.get("dbname") or DatabaseConfig().name))


def _refuse_change(settings: Config, wished: Config) -> None:
    """A home keeps its settings; a wish for others is refused, not ignored."""
    if wished.database.url and wished.database != settings.database:
        raise ConfigError(reason="the home is there with another database; --database is for a new home")
    if wished.profile not in {settings.profile, Config().profile}:
        raise ConfigError(reason=f"the home is there with the profile {settings.profile}; --profile is for a new home")


def _administrator(home: Home, wish: Wish) -> str:
    """Who creates logins and database; empty where an external PostgreSQL has them already and nobody is named."""
    if not home.config.database.url:
        embedded = Embedded(home)
        embedded.start()
        return embedded.conninfo(SUPERUSER, SUPERUSER)
    if not wish.administrator and not all((home.logins / f"{login}.password").exists() for login in schema.LOGINS):
        raise DatabaseUnavailableError(reason="an external PostgreSQL needs --administrator once")
    return wish.administrator


def _prepare_database(home: Home, administrator: str) -> None:
    name = home.config.database.name
    with _administering(administrator) as admin:
        if admin.info.server_version < POSTGRESQL_LEAST:
            raise SchemaError(reason=f"PostgreSQL {admin.info.server_version // 10000} is older than 15")
        schema.create_logins(admin, _passwords(home))
        schema.create_database(admin, name)
        if schema.is_superuser(admin):
            with psycopg.connect(make_conninfo(administrator, dbname=name), autocommit=True) as inside:
                schema.harden(inside)


@contextlib.contextmanager
def _administering(administrator: str) -> Iterator[psycopg.Connection]:
    """A connection of the administrator's; raises DatabaseUnavailableError, DatabaseRefusedError, ConfigError."""
    try:
        with psycopg.connect(administrator, autocommit=True, client_encoding="utf8") as admin:
            yield admin
    except psycopg.OperationalError as error:
        raise DatabaseUnavailableError(reason=f"as administrator: {_reason(error)}") from None
    except psycopg.errors.InsufficientPrivilege:
        raise DatabaseRefusedError(
            reason="the administrator must be a superuser, or have CREATEROLE and CREATEDB and have made our roles"
        ) from None
    except psycopg.ProgrammingError as error:
        if error.sqlstate:
            raise DatabaseRefusedError(reason=error.sqlstate) from None
        raise ConfigError(reason="--administrator is no connection string") from None


def _reason(error: psycopg.OperationalError) -> str:
    """Why nobody answered: libpq's last line, which names the server and never the password."""
    lines = str(error).strip().splitlines()
    return error.sqlstate or (lines[-1].strip() if lines else type(error).__name__)


def _passwords(home: Home) -> dict[str, str]:
    passwords = schema.new_passwords()
    for login, password in passwords.items():
        path = home.logins / f"{login}.password"
        if path.exists():
            passwords[login] = read_secret(path)
        else:
            write_secret(path, password)
    return passwords
