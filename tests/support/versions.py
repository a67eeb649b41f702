"""Which PostgreSQL the tests run on: the embedded default, or the one that `--postgresql` names.

The choice travels in the environment that `store/postgres_binaries.py` reads, so that every home of a test and every
process that a test starts has the same. A version that this machine lacks ends the run with an error: what was not run
never looks like what passed.
"""

from collections.abc import MutableMapping
from pathlib import Path

import pytest

from cloison.store.postgres_binaries import WHEEL_FOLDERS, find_binaries

SUPPORTED = (15, 16, 18)  # the oldest, and those of the wheel
DISTRIBUTIONS = Path("/usr/lib/postgresql")


def choose(major: int, environ: MutableMapping[str, str]) -> None:
    """Have everything that is started from here run on that version."""
    programs = programs_of(major)
    environ.pop("CLOISON_POSTGRES", None)
    environ.pop("CLOISON_POSTGRES_BIN", None)
    if major in WHEEL_FOLDERS:
        environ["CLOISON_POSTGRES"] = str(major)
    else:
        environ["CLOISON_POSTGRES_BIN"] = str(programs)


def programs_of(major: int) -> Path:
    """The folder of a version's programs: those of the wheel, or the distribution's."""
    if major in WHEEL_FOLDERS:
        return find_binaries({"CLOISON_POSTGRES": str(major)}, None).folder
    folder = DISTRIBUTIONS / str(major) / "bin"
    if not (folder / "initdb").is_file():
        raise pytest.UsageError(
            f"the system has no PostgreSQL {major}: run `make install` as root, or `apt-get install "
            f"postgresql-{major}` (apt.postgresql.org has it where the distribution does not)"
        )
    return folder
