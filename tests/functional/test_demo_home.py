"""The home that a demo makes: whose it is, what it remembers, where it listens."""

import socket
from pathlib import Path

import msgspec
import pytest

from cloison.config import Home
from cloison.errors import ConfigError
from cloison.passphrase import beside
from cloison.replay.demo_home import claim, remember, state_file


def test_new_home_is_claimed(tmp_path: Path) -> None:
    """A folder that does not exist becomes a demo's home, with a passphrase beside it that only we can read."""
    home = Home(tmp_path / "home")
    state = claim(home, 4_000)
    assert (state.people, state.imported) == (4_000, False)
    assert beside(home).stat().st_mode & 0o777 == 0o600
    assert beside(home).parent == home.path.parent
    assert home.path.stat().st_mode & 0o777 == 0o700


def test_claimed_home_keeps_its_people(tmp_path: Path) -> None:
    """A second demo takes up the first one's people, whatever number is asked for."""
    home = Home(tmp_path / "home")
    remember(home, msgspec.structs.replace(claim(home, 4_000), imported=True))
    passphrase = beside(home).read_text(encoding="utf-8")
    again = claim(Home(home.path), 9_000)
    assert (again.people, again.imported) == (4_000, True)
    assert beside(home).read_text(encoding="utf-8") == passphrase


def test_home_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """A home that no demo made stays as it is."""
    (tmp_path / "cloison.toml").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="was not made by `cloison demo`"):
        claim(Home(tmp_path), 4_000)
    assert [path.name for path in tmp_path.iterdir()] == ["cloison.toml"]


def test_damaged_state_is_refused(tmp_path: Path) -> None:
    """A demo.json that cannot be read is an error that says what to do."""
    home = Home(tmp_path / "home")
    claim(home, 4_000)
    state_file(home).write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="remove the home"):
        claim(home, 4_000)


def test_taken_port_is_avoided(tmp_path: Path) -> None:
    """Where somebody listens on the configured port, a free one is written to the home's settings."""
    home = Home(tmp_path / "home")
    claim(home, 4_000)
    with socket.socket() as taken:
        taken.bind((home.config.web.host, home.config.web.port))
        taken.listen()
        again = Home(home.path)
        claim(again, 4_000)
        assert again.config.web.port != home.config.web.port
    assert Home(home.path).config.web.port == again.config.web.port
