"""A register whose log is looked after: sequencer and witness at hand, and whoever verifies it afterwards.

The register is `simulated_register`'s, in the replay's throw-away server; the witness keeps its record in a folder that
no administrator of the database reaches.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg

from cloison.audit import reading, verify
from cloison.audit.checkpoint import Signer
from cloison.audit.record import seen_in
from cloison.audit.sequencer import Sequencer
from cloison.audit.verify import Kind
from cloison.audit.witness import Alarm, Witness
from cloison.config import Home
from cloison.register.profile import Profile
from cloison.replay.attackers_log import Traces, consult
from cloison.replay.simulated import SEGMENT, SimulatedRegister, simulated_register

SEED_BYTES = 32
UNWITNESSED = "update cloison.log_terms set most_unwitnessed = '600 seconds'"
CASELOAD = 8  # fits into an adviser's five minutes


class LoggedRegister:
    """A register with its log's keys, and the record of what a witness has signed."""

    def __init__(self, register: SimulatedRegister, folder: Path) -> None:
        """The witness's folder is its own."""
        self.register = register
        self.folder = folder
        self.signer = Signer("log.example.org", verify.ED25519, secrets.token_bytes(SEED_BYTES))
        self._cosigner = Signer("witness.example.org", verify.COSIGNATURE, secrets.token_bytes(SEED_BYTES))
        self._witness = Witness(folder, self._cosigner, self.signer.key)
        self.witnesses = [self._cosigner.key]

    def consulted(self, people: list[UUID]) -> tuple[list[UUID], set[str]]:
        """What a thief of the adviser's session is released of these people, and what is refused."""
        return consulted(self.register, people)

    def anchor(self, database: str | None = None) -> list[Alarm]:
        """Sequenced and witnessed, as every few seconds; what the witness says."""
        with psycopg.connect(self.register.logins["sequencer"], dbname=database, autocommit=True) as connection:
            self.sign_anew(connection)
        with psycopg.connect(self.register.logins["witness"], dbname=database, autocommit=True) as connection:
            return [found.alarm for found in self._witness.step(connection)]

    def sign_anew(self, connection: psycopg.Connection) -> None:
        """What is not in the tree is put there, and signed by the log's own key."""
        sequencer = Sequencer(connection, self.signer)
        while sequencer.step():
            pass

    def traces(self) -> Traces:
        """What an administrator would do away with."""
        return Traces(SEGMENT, self.register.account.account, self.sign_anew)

    def found(self, connection: psycopg.Connection) -> set[Kind]:
        """What somebody who verifies the log finds, in what this connection sees of it."""
        log = reading.Stored(lambda: connection, SEGMENT)
        report = verify.verify(log, self.signer.key, self.witnesses, seen_in(self.folder).get(SEGMENT))
        return {finding.kind for finding in (*report.findings, *log.rows_put_back(), *log.strays())}


def consulted(register: SimulatedRegister, people: list[UUID]) -> tuple[list[UUID], set[str]]:
    """The same of any register."""
    with psycopg.connect(register.desk_conninfo, autocommit=True) as desk:
        return consult(desk, SEGMENT, register.sign_in(), people)


@contextmanager
def logged_register(home: Home, profile: Profile, folder: Path) -> Iterator[LoggedRegister]:
    """Such a register, whose adviser follows a few people, at the present time."""
    with simulated_register(home, profile, "adviser") as register:
        register.set_clock(datetime.now(UTC))
        register.owner.execute(UNWITNESSED)
        register.follow(CASELOAD)
        yield LoggedRegister(register, folder)
