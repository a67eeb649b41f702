"""Fixtures: one real home a test session, one real database a test. Nothing is mocked."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import msgspec
import pytest
import tomli_w
from support.database import Database, cloned
from support.desk import RunningRegister
from support.keeper import UNBOUNDED
from support.memory import quick_folder
from support.versions import choose

from cloison.config import Config, Home, MailConfig, SigninConfig, SpaceConfig, WebConfig, write_secret
from cloison.installation import Wish, initialise
from cloison.processes import serving
from cloison.store.embedded import Embedded
from cloison.store.pools import connect

# No deadline for one example: how long it takes is the machine's other work, and pytest-timeout bounds the test.
hypothesis.settings.register_profile("cloison", deadline=None)
hypothesis.settings.load_profile("cloison")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which PostgreSQL, and where its files are."""
    parser.addoption("--postgresql", type=int, metavar="MAJOR", help="run on this version: 15, 16, 18 or one installed")
    parser.addoption("--on-disk", action="store_true", help="put the shared home on the disk, not in memory")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the version before anything is imported or started: in the workers of pytest-xdist, too."""
    if (major := config.getoption("--postgresql")) is not None:
        choose(major, os.environ)


def free_port() -> int:
    """A TCP port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def passphrase_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The passphrase of the test session's keeper, outside its home."""
    path = tmp_path_factory.mktemp("passphrase") / "passphrase"
    write_secret(path, "a passphrase for the tests alone")
    return path


@pytest.fixture(scope="session")
def home_folder(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Path]:
    """Where the shared home is."""
    with quick_folder(tmp_path_factory.mktemp("home"), on_disk=pytestconfig.getoption("--on-disk")) as folder:
        yield folder


@pytest.fixture(scope="session")
def home(home_folder: Path, passphrase_file: Path) -> Iterator[Home]:
    """A home made by what `cloison init` does; PostgreSQL runs, no process of ours does."""
    path = home_folder / "cloison-data"
    path.mkdir(mode=0o700)
    mail = MailConfig("127.0.0.1", free_port(), "accueil@example.org")  # tests that need it run a server there
    signin = SigninConfig(port=free_port(), software_passkeys=True, address_header="x-real-ip")
    space = SpaceConfig(port=free_port(), software_passkeys=True, address_header="x-real-ip")
    settings = Config(web=WebConfig(port=free_port()), keeper=UNBOUNDED, mail=mail, signin=signin, space=space)
    (path / "cloison.toml").write_text(tomli_w.dumps(msgspec.to_builtins(settings)), encoding="utf-8")
    home = Home(path)
    initialise(home, passphrase_file, Wish())
    with connect(home, "owner") as owner:  # clocks are simulated here, and no sequencer runs
        owner.execute("update cloison.log_terms set most_unwitnessed = null")
    yield home
    Embedded(home).stop()


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    """A database of the test's own, cloned from the home's."""
    with cloned(home) as database:
        yield database


@pytest.fixture(scope="module")
def shared(home: Home) -> Iterator[Database]:
    """One database for the tests of a module that leave it as they found it, but for accounts and people of their own.

    Where that is all that a test does it takes this one: a database of one's own costs a tenth of a second and more.
    """
    with cloned(home) as database:
        yield database


@pytest.fixture(scope="session")
def register(home: Home, passphrase_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegister]:
    """A running register: keeper and desk answer, people of two departments are in. Tests make their own agents."""
    with serving(home, passphrase_file):
        yield RunningRegister(home, tmp_path_factory.mktemp("register"))
