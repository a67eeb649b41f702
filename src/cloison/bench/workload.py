"""What the clients ask: one person whom a random account follows, by a request number of its own each time.

A client has accounts of its own, so that no two clients ask for one account at once more often than in life.
"""

import random
from collections.abc import Callable, Sequence
from uuid import uuid4

from cloison.bench.load import NextRequest
from cloison.bench.stage import Staff

COMPARTMENTS = ("identity", "contact", "situation")
HEAD = "POST {path} HTTP/1.1\r\nHost: desk\r\nContent-Type: application/json\r\nAuthorization: Bearer "
OPEN_END = '"],"purpose":"follow_up"}]}'.join(('","compartments":["' + '","'.join(COMPARTMENTS), ""))

Pick = random.Random


def openings(staff: Sequence[Staff], clients: int, seed: int) -> list[NextRequest]:
    """Requests to open one person, for so many clients."""

    def body(one: Staff, pick: Pick) -> str:
        return f'{{"requests":[{{"request":"{uuid4()}","person":"{pick.choice(one.people)}{OPEN_END}'

    return _clients("/v1/people/open", body, staff, clients, seed)


def searches(staff: Sequence[Staff], clients: int, seed: int) -> list[NextRequest]:
    """Requests to find one person by identifier."""

    def body(one: Staff, pick: Pick) -> str:
        return f'{{"identifier":"{pick.choice(one.identifiers)}","purpose":"follow_up"}}'

    return _clients("/v1/people/search", body, staff, clients, seed)


def _clients(
    path: str, body: Callable[[Staff, Pick], str], staff: Sequence[Staff], clients: int, seed: int
) -> list[NextRequest]:
    head = HEAD.format(path=path)

    def client(number: int) -> NextRequest:
        pick = random.Random(f"{seed} {number}")  # noqa: S311 - who is asked for, not a secret
        mine = staff[number::clients]

        def request() -> bytes:
            one = pick.choice(mine)
            text = body(one, pick)
            return f"{head}{one.token}\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()

        return request

    return [client(number) for number in range(clients)]
