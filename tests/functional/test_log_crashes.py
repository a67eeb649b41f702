"""PostgreSQL, sequencer and witness are killed at random moments under load: the log holds, and says every release."""

import contextlib
import os
import random
import time
from pathlib import Path

import psutil
import pytest
from support.desk import RunningRegister
from support.load import agents_with_people, goes_on, loaded, logged
from support.operated import OperatedHome, Served, kill_9, served, wait_until

CRASHES = int(os.environ.get("CLOISON_CRASHES", "1000"))
A_LOAD = 20  # crashes under one and the same load
KILLED = ("postgresql", "cloison.audit.sequencer", "cloison.audit.witness")


def postmaster(serving: Served) -> psutil.Process | None:
    """That of the home; none while it is gone."""
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        return serving.operated.postmaster()
    return None


def crash(serving: Served, chance: random.Random) -> None:
    """One of them dies at some moment of the next second, and is there again."""
    what = chance.choice(KILLED)
    if what == "postgresql":
        victim = postmaster(serving)
        time.sleep(chance.random())
        assert victim is not None
        kill_9(victim)
        wait_until(lambda: postmaster(serving) not in {None, victim})
    else:
        victim = serving.await_child(what)
        time.sleep(chance.random())
        kill_9(victim)
        serving.await_child(what, besides=victim.pid)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_crashes_at_random_moments(tmp_path: Path) -> None:
    """After all of them nothing is missing, nothing is out of order, and whatever was released has its entry."""
    operated = OperatedHome(tmp_path)
    operated.initialise()
    chance = random.Random(CRASHES)  # noqa: S311 - which dies when
    with served(operated) as serving:
        register = RunningRegister(operated.home, tmp_path)
        people = agents_with_people(register)
        for _ in range(-(-CRASHES // A_LOAD)):
            with loaded(register.url, people) as load:
                for _ in range(A_LOAD):
                    crash(serving, chance)
                goes_on(load)
            assert set(load.opened) <= logged(register.home)
        wait_until(lambda: operated.do("audit", "verify")["unanchored"] == 0, 120)
        assert operated.do("audit", "verify")["findings"] == []
    operated.stop()
