"""`cloison serve`: it starts, answers, starts again what is killed, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.api import calling, wanted
from support.desk import Agent, RunningRegister
from support.load import people_of
from support.operated import OperatedHome, Served, healthy, kill_9, processes_of, served, wait_until
from support.operated_acts import signed

from cloison.processes import ending_with_us


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedHome]:
    """A home that the tests of this module serve, one after the other."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"))
    operated.initialise()
    yield operated
    operated.stop()


@pytest.fixture
def serving(operated: OperatedHome) -> Iterator[Served]:
    """The home, served."""
    with served(operated) as serving:
        yield serving


def test_freezing_and_signing_out_reach_a_living_session(serving: Served, tmp_path: Path) -> None:
    """`freeze` closes an open session's records at once, `unfreeze` opens them, `sign-out` ends the session."""
    operated = serving.operated
    register = RunningRegister(operated.home, tmp_path)
    agent = register.agent(1)
    assert tried(register, agent) == (200, "open")
    assert operated.do("accounts", "freeze", agent.handle)["state"] == "frozen"
    assert tried(register, agent) == (200, "frozen")
    signed(operated, "accounts", "unfreeze", agent.handle, "--reason", "it was a mistake")
    assert tried(register, agent) == (200, "open")
    assert operated.do("accounts", "sign-out", agent.handle)["state"] == "signed out"
    assert tried(register, agent) == (401, "no_session")
    assert tried(register, agent._replace(held=operated.session(agent.handle))) == (200, "open")


def tried(register: RunningRegister, agent: Agent) -> tuple[int, str]:
    """The status of opening the agent's one person, and the outcome or the problem's code."""
    (person,) = people_of(register.home, agent)
    with calling(register, agent) as api:
        answer = api.post("/v1/people/open", {"requests": [wanted(person)]})
    body = answer.json()
    return answer.status_code, body["results"][0]["outcome"] if answer.is_success else body["code"]


def test_what_is_killed_is_started_again(serving: Served) -> None:
    """Keeper, doors and PostgreSQL may each be killed: within seconds records can be opened again.

    An interrupt ends it all, PostgreSQL included, and is no failure.
    """
    url, home = serving.operated.url, serving.operated.home
    for module in ("cloison.keeper", "cloison.intake", "cloison.web"):
        child = serving.child(module)
        kill_9(child)
        serving.await_child(module, besides=child.pid)
        wait_until(lambda: healthy(url))
    kill_9(serving.operated.postmaster())
    wait_until(lambda: not healthy(url))
    wait_until(lambda: healthy(url))
    done = serving.end(signal.SIGINT)
    assert (done.status, done.out) == (0, ""), done
    assert "process=cloison.keeper" in done.err
    assert "Stopping." in done.err
    assert processes_of(home) == []


def test_a_signal_while_it_starts(operated: OperatedHome) -> None:
    """Whoever changes their mind at once finds nothing left either."""
    process = operated.start("serve")
    wait_until(lambda: any("cloison.keeper" in words for words in processes_of(operated.home)))
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert processes_of(operated.home) == []


def test_killed_itself_it_leaves_no_keeper_and_no_desk(serving: Served) -> None:
    """After kill -9 of `cloison serve` nobody holds the keys or the port, and it can be started again."""
    operated = serving.operated
    os.kill(serving.process.pid, signal.SIGKILL)
    serving.process.communicate(timeout=30)
    wait_until(lambda: not [words for words in processes_of(operated.home) if "-m cloison" in words])
    with served(operated) as again:
        assert again.end(signal.SIGTERM).status == 0
    assert processes_of(operated.home) == []


def test_what_has_lost_its_parent_already_begins_nothing(tmp_path: Path) -> None:
    """A process that is started while we are killed may be too late to be ended with us: it looks who its parent is."""
    begun, orphaned = tmp_path / "begun", tmp_path / "orphaned"
    subprocess.run([*ending_with_us(), "touch", begun], check=True)
    between = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    done = subprocess.run([sys.executable, "-c", between, *ending_with_us(), "touch", orphaned], check=False)
    assert (begun.exists(), orphaned.exists(), done.returncode) == (True, False, 1)


def test_a_taken_port_is_said(operated: OperatedHome) -> None:
    """Where somebody else listens the desk does not start, rather than let them answer for it."""
    web = operated.home.config.web
    with socket.create_server((web.host, web.port)):
        done = operated.run("serve")
    assert done.status == 1, done
    assert f"nobody can listen on 127.0.0.1 port {web.port} (Address already in use); set web.port" in done.err


def test_two_homes_at_once(serving: Served, tmp_path: Path) -> None:
    """Each home has its own database, keeper and desk; what is in one is not in the other; no home is served twice."""
    other = OperatedHome(tmp_path)
    try:
        other.initialise()
        other.do("organisations", "create", "Another service")
        with served(other):
            assert healthy(serving.operated.url)
            assert healthy(other.url)
            names = [o["name"] for o in serving.operated.do("organisations", "list")["organisations"]]
            assert "Another service" not in names
            again = other.run("serve")
            assert (again.status, "another command serves" in again.err) == (1, True), again
            assert other.run("doctor").status == 0
        assert processes_of(other.home) == []
        assert healthy(serving.operated.url)
    finally:
        other.stop()
