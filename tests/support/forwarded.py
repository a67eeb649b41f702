"""A home whose audit log is forwarded: entries put into its trees, the forwarder as a process or as a command."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import tomli_w

from cloison.audit import forwarder
from cloison.audit.forwarder import Progress
from cloison.audit.verify import Key
from cloison.config import ForwardConfig
from support.database import SEGMENT, Database
from support.logged import Logged
from support.operated import OperatedHome

# Entries of one author's, as if somebody had opened so many people.
WRITTEN = """
insert into cloison.entry (segment, account, number, at, event, outcome, session, request, person, compartments,
    purpose, relation)
select l.segment, l.account, n, clock_timestamp(), 'open', 'open', %(session)s, gen_random_uuid(), gen_random_uuid(),
    3, 0, 'caseload'
from cloison.ledger l cross join generate_series(1, %(count)s) n where l.account = %(account)s
"""


class ForwardedHome:
    """A home and its log; nothing runs but PostgreSQL."""

    def __init__(self, folder: Path) -> None:
        """Make it ready."""
        self.operated = OperatedHome(folder)
        self.operated.initialise()
        self.home = self.operated.home
        self.database = Database(self.home, "cloison")
        self.logged = Logged(self.database, folder / "witness")
        self.name = Key.read(self.home.log_public.read_text(encoding="utf-8")).name

    def close(self) -> None:
        """End the connections, then PostgreSQL."""
        self.logged.close()
        self.database.owner.close()
        self.operated.stop()

    def configure(self, forward: ForwardConfig) -> None:
        """Write where the log goes to the settings."""
        changed = msgspec.structs.replace(self.home.config, forward=forward)
        self.home.settings_file.write_text(tomli_w.dumps(msgspec.to_builtins(changed)), encoding="utf-8")
        self.home.__dict__.pop("config", None)

    def configure_new(self, forward: ForwardConfig, destination: str) -> None:
        """The same, to a destination that has all there is so far."""
        self.configure(msgspec.structs.replace(forward, destination=destination))
        self.logged.sequence()
        everything = "array(select segment from cloison.log_head), array(select size from cloison.log_head)"
        self.database.owner.execute(f"select cloison.forwarded_v1(%s, {everything})", (destination,))

    def write(self, count: int) -> set[str]:
        """Put so many entries of a new author's into the tree; the numbers of their events, and of the author's own."""
        before = dict(self.sizes())
        account = self.database.account()
        session = self.database.session(account).session
        self.database.owner.execute(WRITTEN, {"account": account, "session": session, "count": count})
        return self.sequenced(before)

    def sequenced(self, before: dict[str, int] | None = None) -> set[str]:
        """What was written is in the trees; the numbers of the events that it makes."""
        before = dict(self.sizes()) if before is None else before
        self.logged.sequence()
        return {
            f"{self.name}/{segment}/{leaf}"
            for segment, size in self.sizes()
            for leaf in range(before.get(segment, 0), size)
        }

    def sizes(self) -> list[tuple[str, int]]:
        """How many leaves each log has."""
        return self.database.owner.execute("select segment, size from cloison.log_head").fetchall()

    def behind(self, destination: str) -> int:
        """How many entries it is not known to have."""
        return int(str(self.database.one("select entries from cloison.forward_behind_v1(%s)", destination)))

    def position(self, destination: str) -> int:
        """Up to where the segment's log is known to have been received."""
        words = "select next from cloison.log_forward where destination = %s and segment = %s"
        return int(str(self.database.one(words, destination, SEGMENT) or 0))

    def once(self) -> Progress:
        """What `cloison audit forward --once` does, here."""
        return forwarder.once(self.home, lambda _: None)

    @contextmanager
    def process(self) -> Iterator[subprocess.Popen[bytes]]:
        """The process that `cloison serve` starts, ended with the block."""
        environment = {**os.environ, "CLOISON_HOME": str(self.home.path)}
        self.home.log.mkdir(mode=0o700, exist_ok=True)
        with (self.home.log / "forwarder.log").open("ab") as log:
            command = [sys.executable, "-m", "cloison.audit.forwarder"]
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)
