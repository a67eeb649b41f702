"""One test's database with a sequencer and a witness at hand, stepped by the test."""

import secrets
from pathlib import Path

import psycopg

from cloison.audit import reading, verify
from cloison.audit.checkpoint import Signer
from cloison.audit.record import seen_in
from cloison.audit.sequencer import Sequencer
from cloison.audit.verify import Finding, Kind, Report
from cloison.audit.witness import Found, Witness
from support.database import SEGMENT, Database, Session, take

SEED_BYTES = 32


class Logged:
    """The log of a database, and who looks after it; nothing runs by itself."""

    def __init__(self, database: Database, folder: Path) -> None:
        """Keys of their own; the witness keeps what it signs in `folder`."""
        self.database, self.folder = database, folder
        self.signer = Signer("log.example.org", verify.ED25519, secrets.token_bytes(SEED_BYTES))
        self.cosigner = Signer("witness.example.org", verify.COSIGNATURE, secrets.token_bytes(SEED_BYTES))
        self.sequencing, self.witnessing = database.connect("sequencer"), database.connect("witness")
        self.sequencer = Sequencer(self.sequencing, self.signer)
        self.witness = Witness(folder, self.cosigner, self.signer.key)

    def close(self) -> None:
        """End the connections."""
        self.sequencing.close()
        self.witnessing.close()

    def opened(self, people: int = 3) -> Session:
        """Somebody new opens so many people."""
        session, found = self.database.adviser(people)
        with self.database.connect("desk") as desk:
            assert len(take(desk, session, found)) == people
        return session

    def entries(self) -> int:
        """How many there are."""
        return int(str(self.database.one("select count(*) from cloison.entry where segment = %s", SEGMENT)))

    def sequence(self) -> int:
        """Whatever was committed is in the tree; how many entries were added."""
        added = 0
        while step := self.sequencer.step():
            added += step
        return added

    def witnessed(self) -> list[Found]:
        """The witness looks once; its alarms."""
        return self.witness.step(self.witnessing)

    def anchor(self) -> int:
        """Sequenced and witnessed; how many entries were added."""
        added = self.sequence()
        assert self.witnessed() == []
        return added

    def log(self, segment: str = SEGMENT) -> reading.Stored:
        """A segment's log, as it is now."""
        return reading.Stored(lambda: self.database.owner, segment)

    def report(self, segment: str = SEGMENT) -> Report:
        """What a verifier says of a segment."""
        log = self.log(segment)
        return verify.verify(log, self.signer.key, [self.cosigner.key], seen_in(self.folder).get(segment))

    def findings(self) -> list[Finding]:
        """The same, and what a database shows beyond its tree."""
        log = self.log()
        return [*self.report().findings, *log.rows_put_back(), *log.strays()]

    def kinds(self) -> set[Kind]:
        """What the findings look like."""
        return {finding.kind for finding in self.findings()}

    def superuser(self) -> psycopg.Connection:
        """Whoever has taken the server."""
        return self.database.connect("postgres")
