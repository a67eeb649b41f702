"""Clients that are slow, idle or broken, thousands of them: others are served as before, and memory is bounded."""

import contextlib
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import psutil
import pytest
from support.api import calling, wanted
from support.crowd import OPEN, Crowd, desk_process
from support.desk import RunningRegister
from support.load import agents_with_people

from cloison.web.__main__ import READ_MILLISECONDS
from cloison.web.places import SESSION_CALLS

ACCOUNTS = 16
IDLE = 5_000
SLOW = 300
READERS = 20
SPARE = 500  # files that the test needs beside its connections
MEGABYTES = 200  # that the desk may grow
SLACK_SECONDS = 5.0
DOCUMENT = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
FLOODS = {
    "a header of a megabyte": [b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ", b"a" * 1_000_000],
    "thousands of headers": [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
        b"".join(b"X-%d: a\r\n" % i for i in range(5_000)),
    ],
    "pipelined garbage": [b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00\xff GARBAGE\r\n\r\n" * 1_000],
    "a body that is none": [b"POST /v1/people/open HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"zzz\r\n" * 1_000],
}


@pytest.fixture(scope="module")
def crowd(register: RunningRegister) -> Crowd:
    """Accounts that nobody else's tests use."""
    return Crowd(register, agents_with_people(register, ACCOUNTS))


class Before(NamedTuple):
    """The desk with nobody at it but the crowd: people opened a second, and its memory."""

    per_second: float
    megabytes: float


@pytest.fixture(scope="module")
def before(crowd: Crowd) -> Before:
    """Measured once."""
    crowd.rate(0.5)
    return Before(crowd.rate(1.5).per_second, megabytes(crowd))


@pytest.fixture
def files() -> Iterator[int]:
    """As many files as the system lets this process have; their number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(hard, 2 * IDLE) if hard != resource.RLIM_INFINITY else 2 * IDLE
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    yield max(soft, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def megabytes(crowd: Crowd) -> float:
    """What the desk holds in memory."""
    return float(desk_process(crowd.address[1]).memory_info().rss / 2**20)


@contextmanager
def connected(crowd: Crowd, beginnings: Sequence[bytes]) -> Iterator[list[socket.socket]]:
    """A connection for each of these beginnings, which is sent and then left alone."""
    with contextlib.ExitStack() as open_lines:
        lines = []
        for beginning in beginnings:
            line = open_lines.enter_context(socket.create_connection(crowd.address, timeout=30))
            line.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                line.send(beginning)
            lines.append(line)
        yield lines


def assert_others_are_served(crowd: Crowd, before: Before) -> None:
    """Half the rate at least, every request opened, a new connection at once, and no more memory than is allowed."""
    sample = crowd.rate(1.5)
    assert sample.refused == 0
    assert sample.per_second > before.per_second / 2
    assert megabytes(crowd) < before.megabytes + MEGABYTES


def test_slow_and_idle_clients_keep_nobody_waiting(crowd: Crowd, before: Before, files: int) -> None:
    """Thousands of idle connections, and hundreds with half a header, half a body, or answers that nobody reads."""
    crowd.desk.renew()
    heads = [f"POST {OPEN} HTTP/1.1\r\nHost: x\r\n{crowd.signed(held, 'POST', OPEN)}" for held in crowd.people]
    slow_bodies = [f"{heads[i % len(heads)]}Content-Length: 300\r\n\r\n{{".encode() for i in range(SLOW)]
    slow_headers = [head.encode() for head in heads] * (SLOW // len(heads))
    idle = [b""] * (min(IDLE, files - SPARE) - 2 * SLOW)
    with connected(crowd, [*slow_headers, *slow_bodies, *idle]):
        assert_others_are_served(crowd, before)


def test_answers_that_nobody_reads_end_the_connection(crowd: Crowd) -> None:
    """Whoever asks and asks and reads nothing holds a connection for seconds, not for ever."""
    held = megabytes(crowd)
    with connected(crowd, [DOCUMENT * 300] * READERS):
        process = desk_process(crowd.address[1])
        assert established(process, crowd.address[1]) >= READERS
        deadline = time.monotonic() + READ_MILLISECONDS / 1_000 + SLACK_SECONDS
        while (left := established(process, crowd.address[1])) >= READERS and time.monotonic() < deadline:
            time.sleep(0.1)
        assert left < READERS
        assert megabytes(crowd) < held + MEGABYTES


def established(process: psutil.Process, port: int) -> int:
    """How many connections the desk has."""
    return sum(c.status == psutil.CONN_ESTABLISHED and c.laddr.port == port for c in process.net_connections("tcp"))


@pytest.mark.parametrize("parts", FLOODS.values(), ids=FLOODS)
def test_broken_requests_keep_nobody_waiting(crowd: Crowd, before: Before, parts: list[bytes]) -> None:
    """What cannot be read ends its own connection; others go on beside hundreds of them."""
    with repeated(lambda: send_and_leave(crowd, parts)) as done:
        assert_others_are_served(crowd, before)
    assert len(done) > 10


@contextmanager
def repeated(work: Callable[[], None]) -> Iterator[list[None]]:
    """Do this again and again, a hundred times a second at most, for the length of the block; how often it was done."""
    done: list[None] = []
    ending = threading.Event()

    def repeat() -> None:
        while not ending.wait(0.01):
            work()
            done.append(None)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield done
    finally:
        ending.set()
        thread.join()


def send_and_leave(crowd: Crowd, parts: list[bytes]) -> None:
    """Send all of it, as far as the desk takes it."""
    with contextlib.suppress(OSError), socket.create_connection(crowd.address, timeout=5) as line:
        for part in parts:
            line.sendall(part)


def test_slow_bodies_take_no_place_of_their_own_session(register: RunningRegister) -> None:
    """A browser on a bad line, with more bodies under way than the session has places, is answered all the same."""
    agent = register.agent(1)
    crowd = Crowd.of(register, [agent])
    person = crowd.people[agent.held][0]
    crowd.desk.renew()
    asked = crowd.opening(agent.held).request
    with connected(crowd, [asked[:-2]] * SESSION_CALLS) as lines:
        time.sleep(0.5)
        with calling(register, agent) as api:
            assert api.post("/v1/people/open", {"requests": [wanted(person)]}).status_code == 200
        lines[0].sendall(asked[-2:])
        lines[0].settimeout(10)
        assert lines[0].recv(65_536).startswith(b"HTTP/1.1 200")
