"""The desk as a process: it is one, stops when told to, and says why it cannot start."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
from support.api import signed_head
from support.beside import desk_beside
from support.desk import RunningRegister

from cloison.config import Home
from cloison.processes import STOP_SECONDS, base_url

BODY = b'{"email": "a", "purpose": "follow_up"}'


def ended(pid: int, seconds: float) -> bool:
    """Whether the process ends within these seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def listens(home: Home) -> bool:
    """Whether anybody takes connections at the home's port."""
    with socket.socket() as probe:
        return probe.connect_ex((home.config.web.host, home.config.web.port)) == 0


def test_desk_killed_leaves_nothing_behind(register: RunningRegister, tmp_path: Path) -> None:
    """The desk has no child that could go on with its port and its secrets after a kill -9."""
    with desk_beside(register, tmp_path) as (home, process):
        assert process.pid is not None
        assert psutil.Process(process.pid).children(recursive=True) == []
        os.kill(process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while listens(home) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not listens(home)


def test_desk_answers_what_is_under_way_and_stops(register: RunningRegister, tmp_path: Path) -> None:
    """Told to stop, the desk takes the rest of a body, answers it, and is gone before it would be killed."""
    held = register.agent(0).held
    with desk_beside(register, tmp_path) as (home, process):
        pid = process.pid or 0
        idle = httpx.Client()
        assert idle.get(f"{base_url(home)}/metrics").status_code == 200
        with socket.create_connection((home.config.web.host, home.config.web.port), timeout=30) as line:
            head = signed_head(base_url(home), held, "POST", "/v1/people/search", BODY)
            line.sendall(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY[:5])
            time.sleep(0.3)
            os.kill(pid, signal.SIGTERM)
            time.sleep(0.3)
            line.sendall(BODY[5:])
            assert line.recv(65_536).startswith(b"HTTP/1.1 400")
        assert ended(pid, STOP_SECONDS)
        idle.close()


def start(home: Path) -> subprocess.CompletedProcess[str]:
    """What `python -m cloison.web` says and returns where it cannot start."""
    return subprocess.run(
        [sys.executable, "-m", "cloison.web"],
        env={**os.environ, "CLOISON_HOME": str(home)},
        capture_output=True,
        timeout=30,
        check=False,
        text=True,
    )


def test_desk_of_no_home_says_so(tmp_path: Path) -> None:
    """Where there is nothing to serve the exit code is 1, with one line and no trace."""
    done = start(tmp_path / "nowhere")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_second_desk_does_not_share_the_port(register: RunningRegister, tmp_path: Path) -> None:
    """A desk whose address another one has does not start beside it and take every second request."""
    with desk_beside(register, tmp_path) as (home, _):
        done = start(home.path)
    assert done.returncode == 1
    assert "set another port" in done.stderr
    assert len(done.stderr.splitlines()) == 1
