"""What the scenarios play on: the served home, the register as it was, the stolen accounts, the leaked files.

Everything here is what happened before an attack: who stole which session, which file leaked, what the attacker knows.
"""

import os
import secrets
from collections.abc import Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg

from cloison.access.accounts import find_account
from cloison.access.sessions import bearer
from cloison.client import Credentials, DeviceKey
from cloison.client.passkey import SoftwarePasskey
from cloison.config import Home, read_secret
from cloison.processes import Process, base_url, desk_process, keeper_of
from cloison.register.profile import Profile
from cloison.replay import dumps, sessions
from cloison.replay.attackers import Leaked, Prey
from cloison.replay.attackers_keeper import SealedRow, StolenDesk, StolenSession
from cloison.replay.attackers_signin import Victim
from cloison.replay.known_people import Known
from cloison.replay.population import Segment, Worker
from cloison.replay.throwaway import Unguarded
from cloison.store.embedded import SUPERUSER, Embedded
from cloison.store.pools import conninfo
from cloison.store.postgres_binaries import find_binaries

DUMPED = 1_000  # sealed rows that keys are tried on
STRANGERS = 2_000  # whose ids an attacker is given, as if a colleague's screen had leaked
LEAKED = 2_000
DESK = "cloison.web"
PURPOSES = {"reception": "reception", "benefits": "benefits"}
ALL_COMPARTMENTS = {"partner": ["identity", "contact", "situation"], "reception": ["identity", "situation"]}


class Cast(msgspec.Struct, frozen=True):
    """An account that will be stolen: its role, how many people it follows, how many it meets today."""

    role: str
    caseload: int
    appointments: int = 0

    def worker(self, handle: str, segment: Segment, number: int = 0) -> Worker:
        """The account in its department; of several alike, each follows others. The registered come first."""
        everybody = segment.everybody
        first = number * self.caseload % len(everybody)
        own, today = everybody[first : first + self.caseload], self.appointments
        met = own[:today] if own else everybody[len(everybody) - today :]
        return Worker(handle, segment.name, self.role, f"{segment.name}-01", own, met)


class Agent(msgspec.Struct, frozen=True):
    """An account with a live session that was stolen."""

    handle: str
    account: UUID
    role: str
    held: Credentials
    session: StolenSession


class Files(msgspec.Struct, frozen=True):
    """The people file, its people in the same order, and a private folder for dumps."""

    people: Path
    known: list[Known]
    folder: Path


class Stage:
    """One replay's setting."""

    def __init__(self, home: Home, profile: Profile, processes: list[Process], files: Files) -> None:
        """The home is served by `processes`; `attach` what else the scenarios need."""
        self.home = home
        self.profile = profile
        self.processes = processes
        self.files = files
        self.workers: dict[str, Worker] = {}
        self.as_it_was: Unguarded | None = None
        self.throwaway: Home | None = None

    # -- with the controls off ----------------------------------------------------------------------------------------

    @property
    def unguarded(self) -> Unguarded:
        """The register as it was; raises RuntimeError before it is attached."""
        if self.as_it_was is None:
            raise RuntimeError
        return self.as_it_was

    def prey_off(self) -> Prey:
        """The register as it was, for a thief who counts people's numbers up."""
        everybody = [UUID(int=number) for number in range(1, self.unguarded.people + 1)]
        return Prey(
            base_url=self.unguarded.base_url,
            held=Credentials(self.unguarded.token, DeviceKey()),
            purpose="follow_up",
            compartments=["identity"],
            people=everybody,
            leaked=self.leaked(None),
            batch=1_000,
        )

    # -- with the controls on -----------------------------------------------------------------------------------------

    def prey_on(self, agent: Agent, people: Sequence[UUID], leaked: Sequence[Leaked] = ()) -> Prey:
        """The desk, for the thief of this agent's session."""
        return Prey(
            base_url=base_url(self.home),
            held=agent.held,
            purpose=PURPOSES.get(agent.role, "follow_up"),
            compartments=ALL_COMPARTMENTS.get(agent.role, ["identity"]),
            people=people,
            leaked=leaked,
        )

    async def sign_in(self, owner: psycopg.Connection, handle: str) -> Agent:
        """A session of the account, as its holder would have begun it a moment ago."""
        account = find_account(owner, handle)
        async with keeper_of(self.home, "issuer") as keeper:
            held = await sessions.issue(owner, keeper, account)
        rows = owner.execute(
            "select distinct person from cloison.relation where segment = %s and account = %s",
            (account.segment, account.account),
        ).fetchall()
        worker = self.workers[handle]
        token = bearer(held.token, held.key.thumbprint).token
        people = [row[0] for row in rows]
        stolen = StolenSession(account.segment, token, people, worker.caseload or worker.appointments)
        return Agent(handle, account.account, account.role, held, stolen)

    def victim(self, agent: Agent) -> Victim:
        """The account that somebody wants to come in by."""
        signin = self.home.config.signin.public_origin
        return Victim(signin, agent.session.segment, agent.account, agent.handle)

    def passkey(self, owner: psycopg.Connection, agent: Agent) -> SoftwarePasskey:
        """The passkey of the account's holder."""
        return sessions.give_passkey(self.home, owner, find_account(owner, agent.handle))

    def strangers(self, owner: psycopg.Connection, agent: Agent) -> list[UUID]:
        """Ids of people of the same department out of the account's reach."""
        rows = owner.execute(
            "select person from cloison.person p where segment = %s and not exists (select from cloison.relation r "
            "where r.segment = p.segment and r.account = %s and r.person = p.person) limit %s",
            (agent.session.segment, agent.account, STRANGERS),
        ).fetchall()
        return [row[0] for row in rows]

    def leaked(self, segment: str | None) -> list[Leaked]:
        """NIRs and birth dates of a leaked list, of one department or of all."""
        found = (p for p in self.files.known if p.nir and segment in {None, p.segment})
        return [Leaked(p.nir, p.birth_date, p.identifier) for _, p in zip(range(LEAKED), found, strict=False)]

    def facts_of(self, agent: Agent) -> list[Leaked]:
        """What the account's holder knows of their own people."""
        own = set(agent.session.identifiers)
        return [Leaked(p.nir, p.birth_date, p.identifier) for p in self.files.known if p.identifier in own]

    @property
    def stolen_desk(self) -> StolenDesk:
        """The desk's database login and its secret for the keeper."""
        secret = read_secret(self.home.callers / "desk.secret")
        return StolenDesk(conninfo(self.home, "desk"), self.home.keeper_socket, secret)

    @property
    def superuser(self) -> str:
        """The connection string of the database's administrator."""
        return Embedded(self.home).conninfo(SUPERUSER, self.home.config.database.name)

    def fresh_desk(self) -> Process:
        """The desk, started anew, so that its memory holds nobody yet; its process."""
        place = next(i for i, process in enumerate(self.processes) if process.module == DESK)
        self.processes[place].stop()
        self.processes[place] = desk_process(self.home)
        return self.processes[place]

    # -- dumps --------------------------------------------------------------------------------------------------------

    @cached_property
    def register_dump(self) -> Path:
        """A dump of the register, taken once."""
        return self._dump(self.superuser, "register.sql")

    def dump_as_it_was(self) -> Path:
        """A dump of the register as it was."""
        return self._dump(self.unguarded.conninfo, "as-it-was.sql")

    def dumped_rows(self) -> list[SealedRow]:
        """The first sealed rows of the register's dump."""
        return list(islice(dumps.sealed_rows(self.register_dump), DUMPED))

    def _dump(self, source: str, name: str) -> Path:
        out = self.files.folder / name
        with psycopg.connect(source) as connection:
            major = connection.info.server_version // 10_000
        dumps.dump(source, find_binaries(os.environ, major).program("pg_dump"), out)
        return out


def handle_of(scenario: str, number: int) -> str:
    """A handle that was never used: the budgets of an account of an earlier run may be spent."""
    return f"{scenario}-{number + 1}-{secrets.token_hex(4)}"
