"""Where a home is, what it holds and what it is told.

`CLOISON_HOME` (default `./cloison-data`) holds:

    cloison.toml      the settings below; every one has a default
    database/         the embedded PostgreSQL, if no `database.url` is set
    logins/           one password a database login, 0600
    keeper/           0700: the keeper's store and its sealed root key
    callers/          one secret a caller of the keeper (desk, intake, issuer), and the space door's own, 0600
    log/              what the processes print

Sockets live in `home/run`, or, where that path is too long for a Unix socket (107 bytes), in a 0700 folder of the
system's temporary folder whose name comes from the home's path.
"""

import hashlib
import os
import stat
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from cloison.errors import ConfigError

MONTHS_WITHOUT_REASON = 12
SOCKET_PATH_BYTES = 80  # leaves room for the socket's own name within the kernel's 107


class DatabaseConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`url` empty: the embedded PostgreSQL. Else a connection string without user and password, as the logins differ.

    `url` is opened as `owner` by the commands of the owner, as `desk` by the desk and so on; passwords come from
    `logins/`. `administrator` is the connection string that `cloison init` uses once to create logins and database.
    """

    url: str = ""
    name: str = "cloison"


class WebConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the desk listens, and what it takes at most.

    `origin`: scheme, host and port by which browsers and clients know it, if a reverse proxy stands before it, and
    `address_header` in which header that says from which address a request comes: networks without a session have few
    calls at a time each.
    """

    host: str = "127.0.0.1"
    port: int = 8440
    origin: str = ""
    address_header: str = ""
    request_bytes: int = 65_536
    waiting_requests: int = 1_024

    @property
    def public_origin(self) -> str:
        """By which address clients know the desk; their proofs are for it."""
        return self.origin or f"http://{self.host}:{self.port}"


class ProviderConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An OpenID provider: `[[signin.providers]]` for staff, `[[space.providers]]` for people; as `access/oidc.py`.

    `title`: what people know it as, for the buttons of their pages.
    `secret_file`: our secret there, or `key_file`: our private key (a JWK); files that others may not read.
    """

    name: str
    issuer: str
    client_id: str
    secret_file: str = ""
    key_file: str = ""
    acr_values: tuple[str, ...] = ()
    amr: tuple[tuple[str, ...], ...] = ()
    scopes: tuple[str, ...] = ("openid",)
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256", "Ed25519", "EdDSA")
    title: str = ""


class SigninConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the sign-in door listens, and what passkeys it takes.

    `origin`, `address_header`: as in `web`; passkeys are for its host. `software_passkeys`: of a demonstration alone.
    `attestation_roots`: makers' certificates in PEM files, for organisations that take certain makes of keys only.
    `former_origins`: which the door had before; acts that were signed there are still verified.
    """

    host: str = "127.0.0.1"
    port: int = 8441
    origin: str = ""
    address_header: str = ""
    software_passkeys: bool = False
    attestation_roots: tuple[str, ...] = ()
    providers: tuple[ProviderConfig, ...] = ()
    former_origins: tuple[str, ...] = ()

    @property
    def public_origin(self) -> str:
        """By which address browsers know the door; by name, as passkeys know no numbers."""
        return self.origin or f"http://localhost:{self.port}"


class SpaceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the door of people's own space listens; as in `signin`, whose makes of keys it does not ask for.

    `address_header`: in which header a reverse proxy says from which address a request comes, such as x-real-ip; it
    must replace what the client put there. Empty: the connection's own address is the client's.
    `providers`: where people may sign in too, once an invitation has linked their identity there.
    `names_accounts`: whether people see the handle of who looked at their record, beside organisation, agency and role;
    what is decided here holds from the next `cloison init` on.
    """

    host: str = "127.0.0.1"
    port: int = 8442
    origin: str = ""
    software_passkeys: bool = False
    address_header: str = ""
    providers: tuple[ProviderConfig, ...] = ()
    names_accounts: bool = False

    @property
    def public_origin(self) -> str:
        """By which address browsers know the door; by name, as passkeys know no numbers."""
        return self.origin or f"http://localhost:{self.port}"


class KeeperConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keeper's own ceilings, apart from the meter's budgets: people in any hour, and terms an account computes."""

    account_people: tuple[int, int, int, int] = (14, 40, 120, 1_200)  # in any 5 minutes, hour, day, 28 days
    account_labels_hour: int = 150
    account_terms_hour: int = 300
    segment_people_hour: int = 20_000
    register_people_hour: int = 200_000
    export_people_hour: int = 20_000  # of all exports together, beside their own budgets
    ticket_seconds: int = 60


class MailConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By which server messages to people go, and from whom (`from`); off while `host` or `from` is empty.

    `tls`: the server must offer STARTTLS; else it is used where it is offered.
    """

    host: str = ""
    port: int = 25
    sender: str = msgspec.field(default="", name="from")
    tls: bool = False


class AuditConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The audit log: for how long entries are kept, and for how long doors open records that no witness has signed for.

    `keep_months`: after the end of an entry's month; more than 12 need the reason in `keep_because`, such as the
    control that asks for it (CNIL, recommendation on logging, 2021: 6 to 12 months; up to 3 years where documented).
    """

    keep_months: Annotated[int, msgspec.Meta(ge=6, le=36)] = 12
    keep_because: str = ""
    max_unwitnessed_seconds: Annotated[int, msgspec.Meta(ge=30, le=86_400)] = 600

    def __post_init__(self) -> None:
        """Raises ValueError for what is kept longer without a reason."""
        if self.keep_months > MONTHS_WITHOUT_REASON and not self.keep_because.strip():
            raise ValueError("audit.keep_because says why entries are kept for more than 12 months")


class ForwardConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the audit log goes, as OCSF: to `host` as RFC 5424 over TLS, or to a local `file`; docs/siem.md tells more.

    `ca`: PEM of whoever issued the receiver's certificate, which must be for `server_name` (`host`, where it is empty).
    `certificate`, `key`: PEM files of ours, where the receiver asks for them; the key's others may not read.
    `confirmed_by`: how the receiver ends a connection that we have ended, which tells that it has read all of it.
    `destination`: its position is kept under this name; a new name begins with the first entry.
    """

    host: str = ""
    port: int = 6514
    ca: str = ""
    server_name: str = ""
    certificate: str = ""
    key: str = ""
    confirmed_by: Literal["close_notify", "close"] = "close_notify"
    file: str = ""
    destination: str = "siem"

    @property
    def wanted(self) -> bool:
        """Whether the log is to be forwarded."""
        return bool(self.host or self.file)


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of one home; `profile` is a bundled profile's name or a path to a TOML file."""

    profile: str = "jobseekers-fr"
    database: DatabaseConfig = DatabaseConfig()
    web: WebConfig = WebConfig()
    signin: SigninConfig = SigninConfig()
    space: SpaceConfig = SpaceConfig()
    keeper: KeeperConfig = KeeperConfig()
    mail: MailConfig = MailConfig()
    audit: AuditConfig = AuditConfig()
    forward: ForwardConfig = ForwardConfig()


class Home:
    """One `CLOISON_HOME`: its folders and its settings."""

    def __init__(self, path: Path | str | None = None) -> None:
        """Open the home at `path`, else at `CLOISON_HOME`, else `./cloison-data`; nothing is created."""
        self.path = Path(path or os.environ.get("CLOISON_HOME") or "cloison-data").absolute()

    @cached_property
    def config(self) -> Config:
        """The settings of `cloison.toml`; raises ConfigError with the reason if it cannot be used."""
        try:
            return msgspec.toml.decode(self.settings_file.read_bytes(), type=Config)
        except FileNotFoundError:
            return Config()
        except (msgspec.DecodeError, OSError) as error:
            raise ConfigError(reason=f"{self.settings_file.name}: {error}") from error

    @property
    def settings_file(self) -> Path:
        """The file of settings."""
        return self.path / "cloison.toml"

    @property
    def database(self) -> Path:
        """The embedded PostgreSQL's folder."""
        return self.path / "database"

    @property
    def logins(self) -> Path:
        """The folder of database passwords."""
        return self.path / "logins"

    @property
    def keeper(self) -> Path:
        """The keeper's folder."""
        return self.path / "keeper"

    @property
    def callers(self) -> Path:
        """The folder of the secrets by which the keeper knows its callers."""
        return self.path / "callers"

    @property
    def space_secret(self) -> Path:
        """The file of the secret that the keys of people's logins come from; lost, nobody signs in by password."""
        return self.callers / "space.secret"

    @property
    def log_key(self) -> Path:
        """The file of the key that signs the audit log's checkpoints: the sequencer's alone."""
        return self.path / "audit" / "log.key"

    @property
    def log_public(self) -> Path:
        """The file of its public half, which whoever verifies is handed."""
        return self.path / "audit" / "log.pub"

    @property
    def witnesses(self) -> Path:
        """The folder of the public keys of witnesses on other machines, a file each."""
        return self.path / "audit" / "witnesses"

    @property
    def witness(self) -> Path:
        """The folder of the embedded witness: its key, and what it has signed."""
        return self.path / "witness"

    @property
    def witness_key(self) -> Path:
        """The file of the key that the witness signs with; its public half lies beside it."""
        return self.witness / "witness.key"

    @property
    def log(self) -> Path:
        """The folder of the processes' output."""
        return self.path / "log"

    @property
    def sockets(self) -> Path:
        """The folder of Unix sockets, 0700; created if it is not there."""
        folder = self.path / "run"
        if len(os.fsencode(folder)) > SOCKET_PATH_BYTES:
            name = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
            folder = Path(tempfile.gettempdir()) / f"cloison-{name}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()  # a link that somebody else put there is no folder of ours
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise ConfigError(reason=f"{folder} must belong to you with mode 0700")
        return folder

    @property
    def keeper_socket(self) -> Path:
        """Where the keeper listens."""
        return self.sockets / "keeper.sock"

    @property
    def intake_socket(self) -> Path:
        """Where the intake door listens."""
        return self.sockets / "intake.sock"


def read_secret(path: Path) -> str:
    """The secret in a file that only its owner may read; raises ConfigError if others may."""
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(reason=f"others may read {path}; run chmod 600 on it")
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise ConfigError(reason=f"{path} is missing; run cloison init") from error


def write_secret(path: Path, secret: str) -> None:
    """Write `secret` to `path` with mode 0600, in a folder of mode 0700."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(secret + "\n")
