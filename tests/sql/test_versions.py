"""The tests run on the PostgreSQL that was asked for, and `make test` asks for every supported one."""

import os
import re
from pathlib import Path

import pytest
from support.versions import DISTRIBUTIONS, SUPPORTED, choose, programs_of

from cloison.config import Home
from cloison.store.pools import connect
from cloison.store.postgres_binaries import DEFAULT_MAJOR, OLDEST_MAJOR, WHEEL_FOLDERS, find_binaries

ROOT = Path(__file__).parents[2]


def test_the_shared_home_runs_on_the_version_asked_for(home: Home, pytestconfig: pytest.Config) -> None:
    """`--postgresql` is what the server says that it is: nothing passes on a version that it did not run on."""
    with connect(home, "owner") as owner:
        runs = owner.info.server_version // 10_000
    asked = pytestconfig.getoption("--postgresql")
    assert runs == (asked or find_binaries(os.environ, None).major)


def test_a_version_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the programs nothing is skipped: the run ends, and says what to install."""
    monkeypatch.setattr("support.versions.DISTRIBUTIONS", tmp_path)
    environ = {"CLOISON_POSTGRES": "18"}
    with pytest.raises(pytest.UsageError, match="apt-get install postgresql-15"):
        choose(15, environ)
    assert environ == {"CLOISON_POSTGRES": "18"}


@pytest.mark.parametrize("major", SUPPORTED)
def test_every_supported_version_is_here(major: int) -> None:
    """The programs of each are found, and are of that version, whatever the environment said before."""
    environ = {"CLOISON_POSTGRES": "18", "CLOISON_POSTGRES_BIN": str(DISTRIBUTIONS)}
    choose(major, environ)
    found = find_binaries(environ, None)
    assert (found.major, found.folder) == (major, programs_of(major))


def test_make_test_runs_on_every_supported_version() -> None:
    """The default and the others of the Makefile are the oldest supported version and all of the wheel."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    others = re.search(r"^OTHER_VERSIONS := (.*)$", makefile, re.MULTILINE)
    assert others is not None
    assert {DEFAULT_MAJOR, *map(int, others[1].split())} == set(SUPPORTED) == {OLDEST_MAJOR, *WHEEL_FOLDERS}
