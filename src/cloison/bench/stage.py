"""What is measured: a temporary home with people, and staff who follow some and have 28 days of work behind them.

The rules:

1. People come in through the import, staff and relations as in the demo. The keeper's hourly ceilings of segment and
   register are raised, as a run opens more than a country does in an hour; the accounts' own stay.
2. Each account follows ten people of its department, as many as an adviser may open in five minutes; a request is for
   one of them. An account's first opening of a person is a new one, later ones refresh it: all are charged and logged.
3. Each account has opened `HISTORY` people in the 28 days before, so that windows are counted as in a register that
   is in use. They are written by the database's administrator, the one thing here that is not done the usual way.
"""

import asyncio
import itertools
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import psycopg
import tomli_w

from cloison.access.accounts import find_account
from cloison.client import Credentials
from cloison.config import Config, Home, KeeperConfig, SigninConfig, SpaceConfig, WebConfig, write_secret
from cloison.installation import Wish, initialise
from cloison.processes import Process, keeper_of, serving
from cloison.register import synthetic
from cloison.register.profile import load_profile
from cloison.replay import sessions, settle
from cloison.replay.known_people import read_people
from cloison.replay.population import Worker
from cloison.replay.throwaway import free_port, temporary_home
from cloison.store.embedded import SUPERUSER, Embedded
from cloison.store.pools import connect

ACCOUNTS = 1_000
PEOPLE_AN_ACCOUNT = 10
HISTORY = 300  # of the 600 that an adviser may open in 28 days
SEED = 14
CEILING = 10_000_000
FOLLOWED = """
select a.handle, array_agg(r.person::text) from cloison.relation r join cloison.account a using (segment, account)
group by a.handle order by a.handle
"""
PAST = """
insert into cloison.opening (segment, account, meter, person, last_opened)
select a.segment, a.account, 'open', gen_random_uuid(), now() - interval '25 hours' - random() * interval '26 days'
from cloison.account a, generate_series(1, %s)
"""
SIZE = "select sum(pg_total_relation_size(t)) from unnest(array['cloison.person', 'cloison.locator']::regclass[]) t"


class Staff(NamedTuple):
    """An account that asks: its session, and the people whom it follows, by number and by identifier."""

    held: Credentials
    people: list[str]
    identifiers: list[str]


class Stage:
    """A served home, into which people come part by part."""

    def __init__(self, home: Home, people: Path, processes: Sequence[Process]) -> None:
        """`people` is the file that they come from; nobody is in yet."""
        self.home = home
        self.profile = load_profile(home.config.profile)
        self.processes = processes
        self.people = 0
        self.part = people.with_name("part.csv")
        self._source = people

    def grow(self, people: int) -> float:
        """Import the next people of the file, until there are `people`; the seconds that it took.

        They are left in the file `part`.
        """
        with self._source.open(encoding="utf-8") as source, self.part.open("w", encoding="utf-8") as target:
            target.write(next(source))
            target.writelines(itertools.islice(source, self.people, people))
        started = time.monotonic()
        asyncio.run(settle.bring_people_in(self.home, self.profile, self.part))
        self.people = people
        return time.monotonic() - started

    def hire(self) -> list[Staff]:
        """Bring staff in, who follow people of `part`, and sign them in."""
        workers = _workers(self.part)
        with connect(self.home, "owner") as owner:
            settle.create_accounts(owner, workers)
        file = self.part.with_name("relations.csv")
        asyncio.run(settle.bring_relations_in(self.home, self.profile, workers, file))
        held = asyncio.run(self._sign_in(workers))
        with self.administrator() as administrator:
            administrator.execute(PAST, (HISTORY,))
            followed: dict[str, list[str]] = dict(administrator.execute(FOLLOWED).fetchall())
        return [Staff(held[w.handle], followed[w.handle], w.caseload) for w in workers]

    def settle(self) -> None:
        """Have the database know its tables and write down what it holds, as it does by itself in time."""
        with self.administrator() as administrator:
            administrator.execute("vacuum analyze")
            administrator.execute("checkpoint")

    def bytes_of_people(self) -> int:
        """Bytes of the tables of people, with their indexes; the keeper's store apart."""
        with self.administrator() as administrator:
            row = administrator.execute(SIZE).fetchone()
        return 0 if row is None else int(row[0])

    def administrator(self) -> psycopg.Connection:
        """A connection of the database's administrator."""
        return psycopg.connect(Embedded(self.home).conninfo(SUPERUSER, self.home.config.database.name), autocommit=True)

    async def _sign_in(self, workers: Sequence[Worker]) -> dict[str, Credentials]:
        held: dict[str, Credentials] = {}
        with connect(self.home, "owner") as owner:
            async with keeper_of(self.home, "issuer") as keeper:
                for worker in workers:
                    held[worker.handle] = await sessions.issue(owner, keeper, find_account(owner, worker.handle))
        return held


@contextmanager
def stage(people: int, departments: Sequence[str] | None = None) -> Iterator[Stage]:
    """A served temporary home and a file of `people` for it, of these departments or all; both are gone at the end."""
    with temporary_home() as home:
        folder = home.path.parent
        home.path.mkdir(mode=0o700)
        settings = Config(
            web=WebConfig(port=free_port()),
            signin=SigninConfig(port=free_port(), software_passkeys=True),
            space=SpaceConfig(port=free_port()),
            keeper=KeeperConfig(segment_people_hour=CEILING, register_people_hour=CEILING),
        )
        home.settings_file.write_text(tomli_w.dumps(msgspec.to_builtins(settings)), encoding="utf-8")
        passphrase = folder / "passphrase"
        write_secret(passphrase, secrets.token_urlsafe())
        initialise(home, passphrase, Wish())
        file = folder / "people.csv"
        synthetic.write(file, people, seed=SEED, departments=departments)
        try:
            with serving(home, passphrase) as processes:
                yield Stage(home, file, processes)
        finally:
            Embedded(home).stop()


def _workers(file: Path) -> list[Worker]:
    """About `ACCOUNTS` accounts for the people of the file, by department, each with ten of them."""
    by_segment: dict[str, list[str]] = {}
    everybody = read_people(file)
    for known in everybody:
        by_segment.setdefault(known.segment, []).append(known.identifier)
    return [
        Worker(f"adviser-{segment}-{number:04}", segment, "adviser", f"{segment}-01", _caseload(people, number))
        for segment, people in sorted(by_segment.items())
        for number in range(max(1, ACCOUNTS * len(people) // len(everybody)))
    ]


def _caseload(people: Sequence[str], number: int) -> list[str]:
    first = number * PEOPLE_AN_ACCOUNT
    return list(dict.fromkeys(people[(first + i) % len(people)] for i in range(PEOPLE_AN_ACCOUNT)))
