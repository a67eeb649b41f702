"""What the clients ask: one person whom a random account follows, by a request number of its own each time.

A client has accounts of its own, so that no two clients ask for one account at once more often than in life.
"""

import random
from collections.abc import Callable, Sequence
from typing import Self
from uuid import uuid4

import httpx

from cloison.bench.load import NextRequest
from cloison.bench.stage import Staff

COMPARTMENTS = ("identity", "contact", "situation")
HEAD = "POST {path} HTTP/1.1\r\nHost: desk\r\nContent-Type: application/json\r\nAuthorization: DPoP "
OPEN_END = '"],"purpose":"follow_up"}]}'.join(('","compartments":["' + '","'.join(COMPARTMENTS), ""))

Pick = random.Random


class Desk:
    """The desk that is asked, as proofs name it, and the nonce that they hold: good for a minute at least."""

    def __init__(self, port: int) -> None:
        """The desk that listens there; `renew` before it is asked."""
        self.origin = f"http://127.0.0.1:{port}"
        self.nonce = ""

    def renew(self) -> Self:
        """Ask for a nonce of now: before a load, as during one it could wait for its turn."""
        self.nonce = httpx.get(f"{self.origin}/healthz", trust_env=False).headers["dpop-nonce"]
        return self


def openings(desk: Desk, staff: Sequence[Staff], clients: int, seed: int) -> list[NextRequest]:
    """Requests to open one person, for so many clients."""

    def body(one: Staff, pick: Pick) -> str:
        return f'{{"requests":[{{"request":"{uuid4()}","person":"{pick.choice(one.people)}{OPEN_END}'

    return _clients(desk, "/v1/people/open", body, staff, clients, seed)


def searches(desk: Desk, staff: Sequence[Staff], clients: int, seed: int) -> list[NextRequest]:
    """Requests to find one person by identifier."""

    def body(one: Staff, pick: Pick) -> str:
        return f'{{"identifier":"{pick.choice(one.identifiers)}","purpose":"follow_up"}}'

    return _clients(desk, "/v1/people/search", body, staff, clients, seed)


def _clients(  # noqa: PLR0913, PLR0917 - the two above say all of them
    desk: Desk, path: str, body: Callable[[Staff, Pick], str], staff: Sequence[Staff], clients: int, seed: int
) -> list[NextRequest]:
    head, url = HEAD.format(path=path), desk.origin + path

    def client(number: int) -> NextRequest:
        pick = random.Random(f"{seed} {number}")  # noqa: S311 - who is asked for, not a secret
        mine = staff[number::clients]

        def request() -> bytes:
            one = pick.choice(mine)
            text, (token, key) = body(one, pick), (one.held.token, one.held.key)
            proof = key.proof("POST", url, token=token, body=text.encode(), nonce=desk.nonce)
            return f"{head}{token}\r\nDPoP: {proof}\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()

        return request

    return [client(number) for number in range(clients)]
