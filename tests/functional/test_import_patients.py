"""A register of another kind, from its own profile: set up, imported, and found in its own segments."""

import asyncio
from pathlib import Path

import pytest

from cloison.config import Home, write_secret
from cloison.errors import ImportFileError
from cloison.installation import Wish, initialise
from cloison.processes import keeper_of, running_keeper
from cloison.register.intake import Register, Summary, import_file
from cloison.register.profile import load_profile
from cloison.store.embedded import Embedded
from cloison.store.pools import connect, conninfo, pool

PROFILE = Path(__file__).parent.parent / "unit" / "patients.toml"
FILE = """record_number;surname;given_name;born;site;file;closed_on;allergy
AB-1;Le Gall;Zoé;1984-02-29;north;open;;yes
ab12;Le Gall;Zoé;1984-02-29;north;open;;yes
cd34;Martin;;;south-2;closed;2020-05-05;
"""


async def bring_in(home: Home, path: Path, profile: str) -> Summary:
    """Import a file into a home under a profile."""
    async with keeper_of(home, "intake") as keeper, pool(conninfo(home, "intake"), 1) as connections:
        return await import_file(path, Register(load_profile(profile), keeper, connections))


def test_patients_come_in_under_their_own_profile(tmp_path: Path) -> None:
    """Two sites, three compartments, and a wrong number refused: nothing is wired to job seekers."""
    passphrase = tmp_path / "passphrase"
    write_secret(passphrase, "a passphrase for the tests alone")
    home = Home(tmp_path / "home")
    path = tmp_path / "patients.csv"
    path.write_text(FILE, encoding="utf-8")
    try:
        initialise(home, passphrase, Wish(profile=str(PROFILE)))
        with running_keeper(home, passphrase):
            summary = asyncio.run(bring_in(home, path, home.config.profile))
            assert (summary.inserted, summary.rejected) == (2, 1)
            with pytest.raises(ImportFileError, match="is the header there"):
                asyncio.run(bring_in(home, path, "jobseekers-fr"))
        with connect(home, "owner") as owner:
            rows = owner.execute("select segment, cardinality(sealed), term2 is null from cloison.person").fetchall()
        assert sorted(rows) == [("north", 3, False), ("south-2", 3, False)]
    finally:
        Embedded(home).stop()
