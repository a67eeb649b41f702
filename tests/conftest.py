"""Fixtures: one real home a test session, one real database a test. Nothing is mocked."""

import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import tomli_w
from support.database import Database, cloned
from support.desk import RunningRegister
from support.keeper import UNBOUNDED

from cloison.config import Config, Home, MailConfig, WebConfig, write_secret
from cloison.installation import Wish, initialise
from cloison.processes import serving
from cloison.store.embedded import Embedded


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
def home(tmp_path_factory: pytest.TempPathFactory, passphrase_file: Path) -> Iterator[Home]:
    """A home made by what `cloison init` does; PostgreSQL runs, no process of ours does."""
    path = tmp_path_factory.mktemp("home") / "cloison-data"
    path.mkdir(mode=0o700)
    mail = MailConfig("127.0.0.1", free_port(), "accueil@example.org")  # tests that need it run a server there
    settings = Config(web=WebConfig(port=free_port()), keeper=UNBOUNDED, mail=mail)
    (path / "cloison.toml").write_text(tomli_w.dumps(msgspec.to_builtins(settings)), encoding="utf-8")
    home = Home(path)
    initialise(home, passphrase_file, Wish())
    yield home
    Embedded(home).stop()


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    """A database of the test's own, cloned from the home's."""
    with cloned(home) as database:
        yield database


@pytest.fixture(scope="session")
def register(home: Home, passphrase_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegister]:
    """A running register: keeper and desk answer, people of two departments are in. Tests make their own agents."""
    with serving(home, passphrase_file):
        yield RunningRegister(home, tmp_path_factory.mktemp("register"))
