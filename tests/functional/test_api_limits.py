"""Limits of the desk: sizes, batches, slow clients. Beyond each is a problem or an end, never a wait for others."""

import contextlib
import socket
import time
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from support.api import PURPOSE, calling, problem, signed_head, wanted
from support.desk import RunningRegister

from cloison.client.wire import REQUESTS_A_CALL
from cloison.web.bodies import BODY_SECONDS

SLACK_SECONDS = 3.0
SLOW_CLIENTS = 300


def connection(register: RunningRegister) -> socket.socket:
    """A bare connection to the desk."""
    address = urlsplit(register.url)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=60)


def rest(line: socket.socket) -> bytes:
    """All that still comes until the desk closes the connection."""
    received = b""
    while part := line.recv(65_536):
        received += part
    return received


def test_sixty_four_requests_a_call(register: RunningRegister) -> None:
    """A call of 64 is answered, one of 65 is too large and charges nobody."""
    agent = register.agent(0, "partner")
    with calling(register, agent) as api:
        answer = api.post("/v1/people/open", {"requests": [wanted(uuid4()) for _ in range(REQUESTS_A_CALL + 1)]})
        assert "64 requests" in problem(answer, 413, "too_large").detail
        assert api.http.get("/v1/session").status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_body_beyond_the_limit_is_refused(register: RunningRegister, *, chunked: bool) -> None:
    """A body of more than `web.request_bytes` is a 413, whether its length is announced or not."""
    size = register.home.config.web.request_bytes + 1
    content = iter([b" " * 1024] * (size // 1024 + 1)) if chunked else b" " * size
    with calling(register, register.agent(0)) as api:
        answer = api.http.post("/v1/people/search", content=content)
    assert f"{register.home.config.web.request_bytes} bytes" in problem(answer, 413, "too_large").detail


def test_body_at_the_limit_is_read(register: RunningRegister) -> None:
    """The limit itself is no refusal: white space up to it is JSON like any other."""
    body = f'{{"email": "nobody@example.org", "purpose": "{PURPOSE}"}}'.encode()
    with calling(register, register.agent(0)) as api:
        padded = body.ljust(register.home.config.web.request_bytes)
        assert api.post("/v1/people/search", padded).status_code == 200


def test_announced_flood_is_not_read(register: RunningRegister) -> None:
    """Of a body announced as 100 MB the desk reads next to nothing."""
    held = register.agent(0).held
    head = f"{signed_head(register.url, held, 'POST', '/v1/people/search')}Content-Length: 100000000\r\n"
    with connection(register) as line:
        line.sendall(f"{head}\r\n".encode())
        sent = _flood(line, 100_000_000)
    assert sent < 20_000_000


def _flood(line: socket.socket, size: int) -> int:
    """How many bytes the desk takes, of `size`, before it closes the connection."""
    sent, part = 0, b"x" * 65_536
    with contextlib.suppress(OSError):  # whichever way a connection ends
        while sent < size:
            sent += line.send(part)
    return sent


def test_slow_body_is_given_up(register: RunningRegister) -> None:
    """A body that does not come is answered 408 after a few seconds, and the connection ends."""
    held = register.agent(0).held
    head = f"{signed_head(register.url, held, 'POST', '/v1/people/search')}Content-Length: 100\r\n\r\n{{"
    begun = time.monotonic()
    with connection(register) as line:
        line.sendall(head.encode())
        answer = line.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"slow_request" in answer
    assert BODY_SECONDS - 0.5 < time.monotonic() - begun < BODY_SECONDS + SLACK_SECONDS


def test_slow_headers_are_given_up(register: RunningRegister) -> None:
    """A connection that sends nothing, half a header, or a byte now and then, is closed while others are served."""
    beginnings = [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"GET /healthz HTTP/1.1\r\nX-A: "]
    lines = [connection(register) for _ in beginnings]
    begun = time.monotonic()
    for line, beginning in zip(lines, beginnings, strict=True):
        line.sendall(beginning)
    for _ in range(4):
        time.sleep(0.5)
        lines[-1].sendall(b"a")
        assert httpx.get(f"{register.url}/healthz").status_code == 200
    for line in lines:
        assert rest(line) == b""
        line.close()
    assert time.monotonic() - begun < 10 + SLACK_SECONDS


def test_slow_clients_do_not_keep_others_out(register: RunningRegister) -> None:
    """With hundreds of connections that send nothing more, a new one is answered at once."""
    lines = [connection(register) for _ in range(SLOW_CLIENTS)]
    try:
        for line in lines:
            line.sendall(b"GET /healthz HTTP/1.1\r\n")
        begun = time.monotonic()
        assert httpx.get(f"{register.url}/healthz").status_code == 200
        assert time.monotonic() - begun < SLACK_SECONDS
    finally:
        for line in lines:
            line.close()


def test_oversized_headers_are_refused(register: RunningRegister) -> None:
    """A header of a megabyte ends the connection, and the desk lives on."""
    with connection(register) as line:
        try:
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 1_000_000 + b"\r\n\r\n")
            assert not rest(line).startswith(b"HTTP/1.1 200")
        except OSError:
            pass  # closed before all was sent
    assert httpx.get(f"{register.url}/healthz").status_code == 200
