"""Calls without a session, as at sign-in: a flood of them from one network keeps out that network, and nobody else."""

import asyncio
from collections import Counter
from urllib.parse import urlsplit

import httpx
import pytest
from support.desk import RunningRegister

HEADER = "x-real-ip"
CALLERS = 64
BODIES = {"space": b'{"code": "59-AAAA-AAAA-AAAA-AAAA"}', "signin": b'{"code": "59.' + b"A" * 43 + b'"}'}


async def flood(url: str, body: bytes, told: Counter[int]) -> None:
    """Ask again and again with an invented code, on a connection of one's own, from one network."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
    head = f"POST /v1/invitations/options HTTP/1.1\r\nHost: {address.netloc}\r\n{HEADER}: 10.9.9.9\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    try:
        while True:
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = answer.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
            await reader.readexactly(int(length))
            told[int(answer[9:12])] += 1
    finally:
        writer.close()


@pytest.mark.parametrize("door", BODIES)
async def test_flood_from_one_network(register: RunningRegister, door: str) -> None:
    """64 connections of one network with invented codes; whoever comes from elsewhere begins to sign in each time."""
    port = (register.home.config.space if door == "space" else register.home.config.signin).port
    url = f"http://127.0.0.1:{port}"
    told: Counter[int] = Counter()
    callers = [asyncio.create_task(flood(url, BODIES[door], told)) for _ in range(CALLERS)]
    await asyncio.sleep(0.5)
    honest: Counter[int] = Counter()
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20, headers={HEADER: "203.0.113.9"}) as client:
        for _ in range(30):
            honest[(await client.post("/v1/signin/options", content=b"{}")).status_code] += 1
            await asyncio.sleep(0.02)
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    assert honest == {200: 30}
    assert told[503] > 0
