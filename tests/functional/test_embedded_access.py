"""Who gets into the embedded PostgreSQL, and what its files and log give away."""

import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import sql

from cloison.config import Home, read_secret, write_secret
from cloison.errors import ConfigError
from cloison.store.embedded import Embedded

LOGINS = ("cloison_desk", "cloison_intake", "cloison_owner")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home whose database runs and has three logins beside the superuser."""
    home = Home(tmp_path_factory.mktemp("access") / "home")
    embedded = Embedded(home)
    embedded.start()
    with psycopg.connect(embedded.conninfo("postgres", "postgres")) as connection:
        for login in LOGINS:
            password = secrets.token_urlsafe(32)
            write_secret(home.logins / f"{login}.password", password)
            command = sql.SQL("create role {} login password {}")
            connection.execute(command.format(sql.Identifier(login), sql.Literal(password)))
    yield home
    embedded.stop()


@pytest.fixture
def embedded(home: Home) -> Embedded:
    """The database of that home."""
    return Embedded(home)


def test_each_login_enters_with_its_own_password(embedded: Embedded) -> None:
    """Every login, the superuser included, comes in with the password of its own file."""
    for login in ("postgres", *LOGINS):
        with psycopg.connect(embedded.conninfo(login, "postgres")) as connection:
            assert connection.execute("select current_user").fetchone() == (login,)


@pytest.mark.parametrize("victim", ["postgres", "cloison_owner", "cloison_intake"])
def test_desk_password_as_another_login(home: Home, embedded: Embedded, victim: str) -> None:
    """Whoever stole the desk's password cannot sign in as any other login."""
    stolen = read_secret(home.logins / "cloison_desk.password")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(embedded.dsn(victim, "postgres"), password=stolen)


@pytest.mark.parametrize("login", ["postgres", *LOGINS])
def test_local_user_without_password(embedded: Embedded, login: str) -> None:
    """Being on the machine, even as root, opens nothing: no login is trusted without a password."""
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(embedded.dsn(login, "postgres"))


def test_local_user_of_the_same_name(embedded: Embedded) -> None:
    """A role named like the operating system's user gains nothing by it: there is no peer authentication."""
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(embedded.dsn("root", "postgres"), password="wrong")


def test_replication_stream(embedded: Embedded) -> None:
    """Not even the superuser's password copies the whole register through a replication connection."""
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(embedded.conninfo("postgres", "postgres"), replication="true")


def test_no_tcp(embedded: Embedded) -> None:
    """No process of the database listens on a TCP port."""
    with psycopg.connect(embedded.conninfo("postgres", "postgres")) as connection:
        postmaster = psutil.Process(connection.info.backend_pid).parent()
        assert postmaster is not None
        family = [postmaster, *postmaster.children()]
        sockets = [socket for process in family for socket in process.net_connections("inet")]
    listening = [socket for socket in sockets if socket.status == psutil.CONN_LISTEN]
    assert listening == []


def test_socket_in_a_folder_of_its_own(home: Home, embedded: Embedded) -> None:
    """The socket lies in the home's folder of mode 0700 and is itself closed to others."""
    assert f"host={home.sockets} " in embedded.dsn("postgres", "postgres")
    assert _mode(home.sockets) == 0o700
    assert _mode(home.sockets / ".s.PGSQL.5432") == 0o700


def test_modes_of_files_and_folders(home: Home) -> None:
    """Nothing below the home's folders is open to the group or to others, while the database runs."""
    folders = (home.database, home.logins, home.log, home.sockets)
    assert [_mode(folder) for folder in folders] == [0o700] * 4
    open_to_others = [path for folder in folders for path in folder.rglob("*") if _mode(path) & 0o077]
    assert open_to_others == []


def test_files_stay_the_callers(home: Home) -> None:
    """Whatever way its programs run, the files belong to whoever started the command."""
    owners = {path.lstat().st_uid for path in home.path.rglob("*")}
    assert owners == {os.geteuid()}


def test_database_never_runs_as_root(embedded: Embedded) -> None:
    """The database's processes hold no capability and cannot gain any."""
    with psycopg.connect(embedded.conninfo("postgres", "postgres")) as connection:
        status = Path(f"/proc/{connection.info.backend_pid}/status").read_text(encoding="utf-8")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(facts["CapEff"], 16) == int(facts["CapPrm"], 16) == int(facts["CapInh"], 16) == 0
    assert os.geteuid() != 0 or facts["NoNewPrivs"] == "1"


def test_password_file_open_to_others(home: Home, embedded: Embedded) -> None:
    """A password that others may read is not used; the message says what to run."""
    file = home.logins / "cloison_desk.password"
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        embedded.conninfo("cloison_desk", "postgres")
    file.chmod(0o600)


def test_connection_string_holds_no_password(home: Home, embedded: Embedded) -> None:
    """`dsn` may be logged: it has no password, and insists on scram so that none is sent in clear."""
    dsn = embedded.dsn("postgres", "postgres")
    assert read_secret(home.logins / "postgres.password") not in dsn
    assert "require_auth=scram-sha-256" in dsn


def test_password_is_not_on_disk_elsewhere(home: Home) -> None:
    """The superuser's password is in its own file only, not in the database's folder."""
    password = read_secret(home.logins / "postgres.password").encode()
    files = [path for path in home.database.rglob("*") if path.is_file()]
    assert [path for path in files if password in path.read_bytes()] == []


def test_settings_are_all_understood(embedded: Embedded) -> None:
    """Each line of our settings is applied; those that promises rest on have the promised value."""
    promised = {
        "listen_addresses": "",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "password_encryption": "scram-sha-256",
        "max_prepared_transactions": "0",
        "unix_socket_permissions": "0700",
        "server_encoding": "UTF8",
    }
    with psycopg.connect(embedded.conninfo("postgres", "postgres")) as connection:
        errors = connection.execute("select name, error from pg_file_settings where error is not null")
        assert errors.fetchall() == []
        query = "select name, setting from pg_settings where name = any(%s)"
        assert dict(connection.execute(query, [list(promised)]).fetchall()) == promised
        rules = connection.execute("select distinct type, auth_method from pg_hba_file_rules").fetchall()
        assert rules == [("local", "scram-sha-256")]


@pytest.mark.parametrize(
    "statement",
    [
        "select '{value}'::date",
        "insert into kept values ('{value}'), ('{value}')",
        "do $$ begin raise exception 'person {value}'; end $$",
        "do $$ begin raise warning 'person {value}'; raise exception 'after it'; end $$",
        "select 1 / 0 where '{value}' > ''",
    ],
)
def test_values_in_the_log(home: Home, embedded: Embedded, statement: str) -> None:
    """Neither the text of an error or a warning, nor its detail, nor its statement reaches the log."""
    value = f"Fictive{secrets.token_hex(8)}"
    with psycopg.connect(embedded.conninfo("postgres", "postgres"), autocommit=True) as connection:
        connection.execute("create table if not exists kept (name text primary key)")
        with pytest.raises(psycopg.Error):
            connection.execute(statement.replace("{value}", value).encode())
    assert value not in (home.log / "postgresql.log").read_text(encoding="utf-8")


def test_parameters_in_the_log(home: Home, embedded: Embedded) -> None:
    """Parameters stay out of the log even if a session asks for them beside errors."""
    value = f"Fictive{secrets.token_hex(8)}"
    with psycopg.connect(embedded.conninfo("cloison_desk", "postgres"), autocommit=True) as connection:
        connection.execute("set log_parameter_max_length_on_error = -1")
        with pytest.raises(psycopg.Error):
            connection.execute("select %s::text::date", [value])
    assert value not in (home.log / "postgresql.log").read_text(encoding="utf-8")


def test_failed_sign_ins_are_in_the_log(home: Home, embedded: Embedded) -> None:
    """Wrong passwords leave a trace, with the login and without the password."""
    guess = secrets.token_hex(8)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(embedded.dsn("cloison_desk", "postgres"), password=guess)
    log = (home.log / "postgresql.log").read_text(encoding="utf-8")
    assert 'password authentication failed for user "cloison_desk"' in log
    assert guess not in log


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode) if not path.is_symlink() else 0
