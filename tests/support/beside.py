"""A second desk beside the running one, for tests that take something away from it or end it."""

import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import tomli_w

from cloison.config import Config, DatabaseConfig, Home, WebConfig
from cloison.processes import Process
from cloison.store.embedded import Embedded
from cloison.store.schema import role_of
from support.desk import RunningRegister

START_SECONDS = 20.0


def free_port() -> int:
    """A TCP port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def desk_beside(register: RunningRegister, folder: Path, database_url: str = "") -> Iterator[tuple[Home, Process]]:
    """A desk of its own: the register's secrets, its database or the one given, and no keeper; and its process."""
    url = database_url or Embedded(register.home).dsn(role_of("desk"), "cloison")
    home = Home(folder / "home")
    home.path.mkdir(mode=0o700)
    settings = Config(database=DatabaseConfig(url=url), web=WebConfig(port=free_port()))
    home.settings_file.write_text(tomli_w.dumps(msgspec.to_builtins(settings)), encoding="utf-8")
    for secrets in ("logins", "callers"):
        shutil.copytree(register.home.path / secrets, home.path / secrets)
    process = Process(home, "cloison.web")
    process.start()
    try:
        _await_listening(home)
        yield home, process
    finally:
        process.stop()


def _await_listening(home: Home) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((home.config.web.host, home.config.web.port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail((home.log / "web.log").read_text(encoding="utf-8"))
