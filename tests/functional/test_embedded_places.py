"""Where the embedded PostgreSQL can live, and what it says where it cannot."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from support.needs import missing

from cloison.config import Home
from cloison.errors import EmbeddedDatabaseError
from cloison.store.embedded import Embedded
from cloison.store.postgres_binaries import find_binaries
from cloison.store.unprivileged import as_account, choose_runner, in_namespace

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs it")
TINY_DISK = """
import sys
from cloison.config import Home
from cloison.errors import EmbeddedDatabaseError
from cloison.store import embedded
embedded.CREATE_FREE_BYTES = int(sys.argv[2])
try:
    embedded.Embedded(Home(sys.argv[1])).start()
except EmbeddedDatabaseError as error:
    print(error)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other accounts can pass through, as the tests' own cannot be."""
    folder = Path(tempfile.mkdtemp(prefix="cloison-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_long_home_path(tmp_path: Path) -> None:
    """A home whose path is too long for a Unix socket works: the socket lies in a 0700 folder elsewhere."""
    home = Home(tmp_path / ("d" * 60) / ("e" * 60) / "home")
    embedded = Embedded(home)
    assert len(os.fsencode(home.path)) > 107
    embedded.start()
    with psycopg.connect(embedded.conninfo("postgres", "postgres")) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert stat.S_IMODE(home.sockets.stat().st_mode) == 0o700
    embedded.stop()
    home.sockets.rmdir()


@pytest.mark.parametrize("name", ["with space", "l'été", 'quo"te', "$(touch pwned)`id`", "back\\slash"])
def test_home_with_an_odd_name(tmp_path: Path, name: str) -> None:
    """No character of the home's path is taken for a command or breaks a setting."""
    embedded = Embedded(Home(tmp_path / name))
    embedded.start()
    with psycopg.connect(embedded.conninfo("postgres", "postgres")) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    embedded.stop()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_home_with_a_comma(tmp_path: Path) -> None:
    """A comma would split a list of hosts: it is refused with what to do."""
    with pytest.raises(EmbeddedDatabaseError, match="comma; move CLOISON_HOME"):
        Embedded(Home(tmp_path / "a,b")).start()


def test_missing_binaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PostgreSQL's programs are missing, the message says how to get them."""
    monkeypatch.setenv("CLOISON_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(EmbeddedDatabaseError, match="has no initdb, pg_ctl, postgres; run `pip install"):
        Embedded(Home(tmp_path / "home")).start()


def test_unknown_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that the wheel does not have is refused, with those that may be chosen."""
    monkeypatch.setenv("CLOISON_POSTGRES", "17")
    with pytest.raises(EmbeddedDatabaseError, match="must be 16 or 18"):
        Embedded(Home(tmp_path / "home")).start()


def test_wrong_line_in_local_settings(tmp_path: Path) -> None:
    """A mistake in local.conf stops the start, and the message names the file; corrected, it starts."""
    embedded = Embedded(Home(tmp_path / "home"))
    embedded.create()
    local = tmp_path / "home" / "database" / "local.conf"
    local.write_text("no_such_setting = 1\n", encoding="utf-8")
    with pytest.raises(EmbeddedDatabaseError, match=r"database/local\.conf"):
        embedded.start()
    local.write_text("", encoding="utf-8")
    embedded.start()
    embedded.stop()


@AS_ROOT
@pytest.mark.parametrize("expected_bytes", [200 * 2**20, 0])
def test_full_disk(tmp_path: Path, expected_bytes: int) -> None:
    """On a full disk, foreseen or met while the database is made, the message says to free space."""
    mount = f'mount -t tmpfs -o size=20m none "{tmp_path}" && exec "$@"'
    script = [sys.executable, "-c", TINY_DISK, str(tmp_path / "home"), str(expected_bytes)]
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", *script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        missing("this machine does not allow mounting a small disk")
    assert "free space" in done.stdout, done.stderr


@AS_ROOT
def test_root_inside_a_closed_folder(tmp_path: Path) -> None:
    """As root, below a folder of mode 0700, the database runs without any mode being widened."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    program = find_binaries(os.environ, None).program("initdb")
    if choose_runner(Path(program), closed / "database").uid is not None:
        missing("this machine does not allow user namespaces")
    embedded = Embedded(Home(closed / "home"))
    embedded.start()
    assert embedded.running()
    embedded.stop()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@AS_ROOT
def test_namespace_holds_no_privilege(tmp_path: Path) -> None:
    """In the namespace there is no root: no capability, no new groups, no way back by a set-uid program."""
    runner = in_namespace()
    if runner is None or not runner.can("-d", tmp_path):
        missing("this machine does not allow user namespaces")
    facts = runner.run(["cat", "/proc/self/status", "/proc/self/setgroups"], timeout=10).stdout.decode()
    assert "CapEff:\t0000000000000000" in facts
    assert "CapPrm:\t0000000000000000" in facts
    assert "NoNewPrivs:\t1" in facts
    assert facts.endswith("deny\n")
    assert runner.run(["id", "-u"], timeout=10).stdout.strip() != b"0"


@AS_ROOT
def test_root_without_namespaces(open_folder: Path) -> None:
    """Where namespaces are forbidden, an unprivileged account runs the database and owns its folder alone."""
    nobody = pwd.getpwnam("nobody")
    home = Home(open_folder / "home")
    embedded = Embedded(home, as_account(nobody))
    if not as_account(nobody).reaches(Path(find_binaries(os.environ, None).program("initdb")), open_folder):
        # A matter of where the checkout lies, not of what the machine has: so it is skipped everywhere.
        pytest.skip("the account cannot reach PostgreSQL's programs here")
    embedded.start()
    with psycopg.connect(embedded.conninfo("postgres", "postgres")) as connection:
        assert psutil.Process(connection.info.backend_pid).uids().real == nobody.pw_uid
    assert home.database.stat().st_uid == nobody.pw_uid
    assert home.logins.stat().st_uid == 0
    assert stat.S_IMODE(home.database.stat().st_mode) == 0o700
    later = Embedded(home)
    assert later.running()
    later.stop()
    later.start()
    later.stop()


@AS_ROOT
def test_link_planted_by_the_database_account(open_folder: Path) -> None:
    """A settings file replaced by a link to one of root's files is not followed with root's rights."""
    nobody = pwd.getpwnam("nobody")
    runner = as_account(nobody)
    if not runner.reaches(Path(find_binaries(os.environ, None).program("initdb")), open_folder):
        # A matter of where the checkout lies, not of what the machine has: so it is skipped everywhere.
        pytest.skip("the account cannot reach PostgreSQL's programs here")
    precious = open_folder / "precious"
    precious.write_text("root's own", encoding="utf-8")
    home = Home(open_folder / "home")
    embedded = Embedded(home, runner)
    embedded.create()
    settings = home.database / "data" / "postgresql.conf"
    settings.unlink()
    settings.symlink_to(precious)
    with pytest.raises(EmbeddedDatabaseError):
        embedded.start()
    assert precious.read_text(encoding="utf-8") == "root's own"
