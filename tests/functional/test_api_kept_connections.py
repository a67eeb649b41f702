"""A connection that is kept is kept: an answer before the request's body has come does not lose the next request.

Clients send a head and a body in two packets. A server that answered between them and closed the connection then would
lose what the client sends next, without an answer and without anybody's fault.
"""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from urllib.parse import urlsplit

import pytest
from support.desk import RunningRegister

BODY = b"{}"
SPACE = "/v1/signin/options"  # its answer needs nothing of the body
DESK = "/v1/people/search"  # refused by its head: there is no session


@pytest.fixture(params=["desk", "space"])
def door(request: pytest.FixtureRequest, register: RunningRegister) -> tuple[str, str]:
    """A door's origin, and a path that it answers without reading the body."""
    if request.param == "desk":
        return register.url, DESK
    return register.home.config.space.public_origin, SPACE


@contextlib.contextmanager
def line_to(origin: str) -> Iterator[socket.socket]:
    """A bare connection."""
    address = urlsplit(origin)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield line


def head(path: str, length: int) -> bytes:
    """A POST's head."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def answer(line: socket.socket, between: Callable[[], None] = lambda: None) -> tuple[int, bool]:
    """Status of one answer and whether the connection is kept; `between` its head and its body something happens."""
    found = HTTPResponse(line)
    found.begin()
    between()
    found.read()
    return found.status, not found.will_close


def test_body_behind_its_head_does_not_cost_the_next_answer(door: tuple[str, str]) -> None:
    """The body comes 30 ms after the head: both this request and the next one on the connection are answered."""
    origin, path = door
    with line_to(origin) as line:
        for _ in range(3):
            line.sendall(head(path, len(BODY)))
            time.sleep(0.03)
            line.sendall(BODY)
            status, kept = answer(line)
            assert status in {200, 401}
            assert kept


def test_body_that_never_comes_ends_the_connection_openly(door: tuple[str, str]) -> None:
    """Whoever sends no body is answered all the same, and told that the connection ends."""
    origin, path = door
    with line_to(origin) as line:
        line.sendall(head(path, len(BODY)))
        began = time.monotonic()
        _, kept = answer(line)
        assert not kept
        assert time.monotonic() - began < 3
