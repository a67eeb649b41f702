"""A running register for tests of the doors: people imported from a file, staff with caseloads, keeper and desk up."""

import asyncio
import csv
import itertools
from pathlib import Path
from typing import NamedTuple

from cloison.access import accounts as staff
from cloison.access import organisations
from cloison.access.relations import import_relations
from cloison.client import Credentials
from cloison.config import Home
from cloison.processes import base_url, keeper_of
from cloison.register import synthetic
from cloison.register.intake import Register, import_file
from cloison.register.profile import load_profile
from cloison.replay import sessions
from cloison.store.pools import connect, conninfo, pool

SEGMENT = "59"
ELSEWHERE = "75"
PEOPLE = 4_000
SHARED = 300  # people of SEGMENT whom several tests look at and none changes
_numbers = itertools.count(1)


class Agent(NamedTuple):
    """An account with a session: its handle, the session and its device, and the rows of the people it follows."""

    handle: str
    held: Credentials
    people: list[dict[str, str]]


class RunningRegister:
    """People of two departments in a home whose keeper and desk answer."""

    def __init__(self, home: Home, folder: Path) -> None:
        """Bring the people in from a file; the keeper must run."""
        self.home = home
        self.url = base_url(home)
        self._folder = folder
        path = folder / "people.csv"
        synthetic.write(path, PEOPLE, seed=59, departments=[SEGMENT, ELSEWHERE])
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        here = [row for row in rows if row["commune"].startswith(SEGMENT)]
        self.people, self._untaken = here[:SHARED], here[SHARED:]
        self.elsewhere = [row for row in rows if row["commune"].startswith(ELSEWHERE)]
        self.summary = asyncio.run(self._import(path))
        with connect(home, "owner") as owner:
            organisations.create_organisation(owner, "Service")

    def agent(self, people: int, role: str = "adviser", *, touched: bool = False) -> Agent:
        """A new account of `role`, with a session, that follows `people` people whom no other test meets."""
        handle = f"desk{next(_numbers)}"
        rows = [self._untaken.pop() for _ in range(people)]
        with connect(self.home, "owner") as owner:
            staff.create_account(owner, staff.Account(staff.NOBODY, handle, SEGMENT, "Service", "lille", role))
        if rows:
            self.relate(handle, rows)
        return Agent(handle, self.session(handle, touched=touched), rows)

    def relate(self, handle: str, rows: list[dict[str, str]], kind: str = "caseload") -> None:
        """Import relations between the account and these people."""
        path = self._folder / "relations.csv"
        lines = [f"{handle},{row['identifier']},{kind}" for row in rows]
        path.write_text("\n".join(["account,identifier,relation", *lines]), encoding="utf-8")
        asyncio.run(self._relations(path))

    def session(self, handle: str, *, seconds: int = 3600, touched: bool = False) -> Credentials:
        """A new session, on a device of its own."""

        async def issue() -> Credentials:
            async with keeper_of(self.home, "issuer") as keeper:
                with connect(self.home, "owner") as owner:
                    account = staff.find_account(owner, handle)
                    return await sessions.issue(owner, keeper, account, seconds=seconds, touched=touched)

        return asyncio.run(issue())

    async def _import(self, path: Path) -> object:
        async with keeper_of(self.home, "intake") as keeper, pool(conninfo(self.home, "intake"), 2) as connections:
            register = Register(load_profile(self.home.config.profile), keeper, connections)
            return await import_file(path, register)

    async def _relations(self, path: Path) -> None:
        async with keeper_of(self.home, "intake") as keeper, pool(conninfo(self.home, "intake"), 2) as connections:
            register = Register(load_profile(self.home.config.profile), keeper, connections)
            imported = await import_relations(path, register)
            assert imported.written == imported.read
