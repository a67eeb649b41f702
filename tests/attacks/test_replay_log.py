"""The scenarios on the audit log find what they look for, and would not find it without whom they rest on."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cloison.audit.verify import Kind
from cloison.register.profile import load_profile
from cloison.replay.attackers_log import REWRITES
from cloison.replay.logged import CASELOAD, LoggedRegister, logged_register
from cloison.replay.loot import Loot
from cloison.replay.rewritten import restored_backup, rewritten_log
from cloison.replay.throwaway import throw_away_home

SECONDS = 30.0
FOUND = {
    "deleted": {Kind.MISSING},
    "blamed": {Kind.CHANGED},
    "back-dated": {Kind.CHANGED},
    "written anew": {Kind.REWRITTEN, Kind.FORKED, Kind.ROLLED_BACK, Kind.UNSIGNED},
}


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[LoggedRegister]:
    """A register whose log is looked after, in a server of its own."""
    with throw_away_home() as home, logged_register(home, load_profile("jobseekers-fr"), tmp_path / "witness") as it:
        yield it


class Blind(LoggedRegister):
    """Whoever verifies it has heard of no witness."""

    def __init__(self, it: LoggedRegister, folder: Path) -> None:
        """The same register and log."""
        super().__init__(it.register, it.folder)
        self.signer, self.folder, self.witnesses = it.signer, folder, []


def test_rewritten_in_each_way(logged: LoggedRegister, tmp_path: Path) -> None:
    """Each is found; and without a witness one is not: what the log's own key has signed anew looks whole."""
    people, refused = logged.consulted(logged.register.people)
    assert (len(people), refused) == (CASELOAD, set())
    assert logged.anchor() == []
    blind = Blind(logged, tmp_path / "nothing")
    unseen = set()
    with psycopg.connect(logged.register.logins["postgres"], autocommit=True) as admin:
        assert logged.found(admin) == set()
        for name, rewrite in REWRITES.items():
            with admin.transaction(force_rollback=True):
                rewrite(admin, logged.traces())
                assert logged.found(admin) & FOUND[name], name
                if not blind.found(admin):
                    unseen.add(name)
        assert logged.found(admin) == set()
    assert unseen == {"written anew"}


def test_scenario_hides_nobody(logged: LoggedRegister) -> None:
    """However the administrator rewrites it."""
    hidden = Loot(SECONDS)
    rewritten_log(logged, hidden)
    assert (hidden.people, "missing" in hidden.stopped_by) == (0, True)


def test_restored_backup(logged: LoggedRegister, tmp_path: Path) -> None:
    """It is found, the witness does not sign for it, and then nobody is opened any more."""
    loot = Loot(SECONDS)
    restored_backup(logged, tmp_path, loot)
    assert (loot.people, loot.stopped_by) == (0, "rolled_back, unwitnessed")


def test_restored_backup_has_teeth(logged: LoggedRegister, tmp_path: Path) -> None:
    """Without a witness nobody would know of whom was consulted after the backup; nor would the doors stop."""
    logged.register.owner.execute("update cloison.log_terms set most_unwitnessed = null")
    loot = Loot(SECONDS)
    restored_backup(Blind(logged, tmp_path / "nothing"), tmp_path, loot)
    assert loot.people >= CASELOAD // 2
