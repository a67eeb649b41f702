"""Writes `schema-N.sql`: the schema as this version installs it, N being the number of its migrations.

Run it before the first migration after a release is written, and not again: what it wrote is what releases installed.

    python tests/migration/snapshot.py

Until the first release, run it after each change to a file numbered below 50.
"""

import os
import re
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from cloison.config import Home, read_secret, write_secret
from cloison.installation import Wish, initialise
from cloison.store.embedded import Embedded
from cloison.store.pools import connect
from cloison.store.postgres_binaries import find_binaries
from cloison.store.schema import newest_version

FOLDER = Path(__file__).parent
NOISE = re.compile(r"^(--|\\|SET |SELECT pg_catalog\.set_config|$)")
SET_UP = re.compile(r"^alter default privileges .*;$", re.MULTILINE)


def dump(home: Home) -> str:
    """The schema of the home's database, as pg_dump says it, without what differs from run to run."""
    command = [
        find_binaries(os.environ, None).program("pg_dump"),
        *("--schema-only", "--schema=cloison", f"--dbname={Embedded(home).dsn('cloison_owner', 'cloison')}"),
    ]
    environment = {**os.environ, "PGPASSWORD": read_secret(home.logins / "owner.password")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if not NOISE.match(line)]
    # pg_dump takes them with a whole database only.
    lines += SET_UP.findall(files("cloison.store.sql").joinpath("00_schema.sql").read_text(encoding="utf-8"))
    return "\n".join([*lines, ""])


def main() -> None:
    """Install into a home of its own, and write what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        passphrase = Path(folder) / "passphrase"
        write_secret(passphrase, "of no consequence")
        home = Home(Path(folder) / "home")
        initialise(home, passphrase, Wish())
        try:
            with connect(home, "owner") as owner:
                assert owner.execute("select to_regclass('cloison.simulated_clock')").fetchone() == (None,)
            path = FOLDER / f"schema-{newest_version()}.sql"
            path.write_text(dump(home), encoding="utf-8")
            sys.stdout.write(f"{path.name} written\n")
        finally:
            Embedded(home).stop()


if __name__ == "__main__":
    main()
