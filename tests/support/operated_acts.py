"""What the operator asks for, done as the last of its signatures does it: for tests that need what is asked, not how.

Real signatures, over HTTP and by the command line: tests/functional/test_operator_acts.py.
"""

from pathlib import Path
from typing import Any

from cloison.config import Home
from cloison.store.pools import connect
from support.operated import OperatedHome

DO = "select cloison.do_act_v1(a) from cloison.act a where a.act = %s and a.state = 'waiting'"
DONE = "update cloison.act set state = 'done', settled_at = cloison.clock_v1() where act = %s and state = 'waiting'"


def settle(home: Home, act: str) -> None:
    """Do an act that waits, by the owner's login."""
    with connect(home, "owner") as owner, owner.transaction():
        assert owner.execute(DO, (act,)).rowcount == 1
        owner.execute(DONE, (act,))


def signed(operated: OperatedHome, *words: str | Path) -> Any:  # noqa: ANN401 - what JSON is
    """Run a command that asks for an act, and do it; what the command printed."""
    asked = operated.do(*words)
    assert asked["state"] == "waiting"
    settle(operated.home, asked["act"])
    return asked
