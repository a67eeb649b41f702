"""Attackers with a stolen session: they use the desk's public API through the public client, and nothing else.

Each goes on until its session ends, its time is up, or there is nothing left to try. The same functions attack the
register as it was, where people have sequential numbers.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import TypeVar
from uuid import UUID, uuid4

import msgspec

from cloison.client import Caseload, Client, Credentials, Opened, PersonRequest
from cloison.errors import CloisonError, OverloadedError
from cloison.replay.loot import Loot

CONNECTIONS = 64
PAGES = 2  # of 50 people: the budget of an hour
BUSY_SECONDS = 0.05
CLIENT_SECONDS = 10.0
GUESSES_EACH = 1  # of each kind, before the leaked list is used: misses are charged
LISTS = 16  # connections that list at once
LEAKED_TRIED = 100
REFUSED_IN_A_ROW = 3  # of searches: then whoever searches does something else
NIR_BEFORE_ORDER = 10
CORSICA = str.maketrans({"A": "0", "B": "0"})
CORSICA_LESS = {"A": 1_000_000, "B": 2_000_000}  # what the NIR's key takes off for 2A and 2B

Item = TypeVar("Item")


class Leaked(msgspec.Struct, frozen=True):
    """What a leak elsewhere gave about somebody: the breach of August 2023 gave names and NIRs."""

    nir: str
    birth_date: str
    identifier: str


class Prey(msgspec.Struct, frozen=True):
    """A desk, a stolen session, and what its thief knows: whom to try, and leaked facts."""

    base_url: str
    held: Credentials
    purpose: str
    compartments: list[str]
    people: Sequence[UUID]
    leaked: Sequence[Leaked] = ()
    batch: int = 8  # small: when a session ends in the midst of a call, the call's other answers are lost


async def greedy_session(prey: Prey, loot: Loot) -> None:
    """Lists the whole caseload, then opens everybody on it and everybody else it can think of (the 2024 case)."""
    async with _desk(prey, loot) as desk:
        mine = [*await _list(desk, loot, whole=True), *await _list(desk, loot, whole=False)]
        await _open(desk, prey, [*mine, *prey.people], loot)


async def parallel_connections(prey: Prey, loot: Loot) -> None:
    """Lists and opens through 64 connections at the same moment: a meter that counts late would overshoot.

    Searches come one by one in between: each is a miss until somebody is found, and too many misses end the session.
    """
    async with _desk(prey, loot) as desk:
        await _all([_list(desk, loot, whole=True) for _ in range(LISTS)], loot)
        await _search(desk, prey, prey.leaked[:LEAKED_TRIED], loot)
        await _all([_open(desk, prey, prey.people[i::CONNECTIONS], loot) for i in range(CONNECTIONS)], loot)


async def guessed_identifiers(prey: Prey, loot: Loot) -> None:
    """Guesses numbers, identifiers and NIRs; then uses a leaked list of NIRs and birth dates; then guesses on."""
    async with _desk(prey, loot) as desk:
        guesses = [UUID(int=n) for n in range(1, 1 + GUESSES_EACH)] + [uuid4() for _ in range(GUESSES_EACH)]
        await _open(desk, prey, guesses, loot)
        for guess in range(GUESSES_EACH):
            await _cards(desk, prey, {"identifier": f"{guess + 1:011d}"}, loot)
        for one in [leaked for leaked in prey.leaked if leaked.nir][:1]:
            for nir in islice(neighbours(one.nir), GUESSES_EACH):
                await _cards(desk, prey, {"nir": nir, "birth_date": one.birth_date}, loot)
        found = await _search(desk, prey, prey.leaked[:LEAKED_TRIED], loot)
        await _open(desk, prey, [*found, *prey.people], loot)


# -- what they have in common ---------------------------------------------------------------------------------------


def neighbours(nir: str) -> Iterator[str]:
    """The other NIRs of whoever shares sex, birth month and place: 998 candidates with their keys."""
    for order in range(1, 1_000):
        body = f"{nir[:NIR_BEFORE_ORDER]}{order:03d}"
        number = int(body.translate(CORSICA)) - CORSICA_LESS.get(body[6], 0)
        if body != nir[:13]:
            yield f"{body}{97 - number % 97:02d}"


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of `size`, the last one shorter."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def asked_for(prey: Prey, people: Iterable[UUID]) -> list[PersonRequest]:
    """Requests to open these people."""
    return [
        PersonRequest(request=uuid4(), person=person, compartments=prey.compartments, purpose=prey.purpose)
        for person in people
    ]


def count_opened(people: Iterable[UUID], results: Iterable[Opened], loot: Loot) -> None:
    """Count whose fields came back; what came instead is a refusal."""
    for person, result in zip(people, results, strict=True):
        if result.fields:
            loot.got([person])
        else:
            loot.refused(str(result.outcome) if result.error is None else result.error.code)


@asynccontextmanager
async def _desk(prey: Prey, loot: Loot) -> AsyncIterator[Client]:
    """A client for the length of an attack; what refuses it for good, such as the session's end, ends the attack."""
    async with Client(prey.base_url, prey.held, timeout=CLIENT_SECONDS) as desk:
        try:
            yield desk
        except CloisonError as error:
            loot.refused(error.code)


async def _all(attacks: Iterable[Awaitable[object]], loot: Loot) -> None:
    """Run attacks at the same moment; each goes on alone when another one is stopped."""
    for error in await asyncio.gather(*attacks, return_exceptions=True):
        if isinstance(error, CloisonError):
            loot.refused(error.code)
        elif isinstance(error, BaseException):
            raise error


async def _list(desk: Client, loot: Loot, *, whole: bool) -> list[UUID]:
    """The whole caseload page by page, or today's appointments; whom it showed.

    No further than the budget: a page beyond it is 50 refusals, which end the session.
    """
    mine: list[UUID] = []
    after: UUID | None = None
    for _ in range(PAGES):
        page = await _page(desk, loot, whole=whole, after=after)
        mine += [card.person for card in page.cards]
        loot.got(card.person for card in page.cards)
        if page.next is None or page.outcome != "open":
            break
        after = page.next
    return mine


async def _page(desk: Client, loot: Loot, *, whole: bool, after: UUID | None) -> Caseload:
    while True:
        try:
            page = await desk.caseload(whole=whole, after=after)
        except OverloadedError:
            await asyncio.sleep(BUSY_SECONDS)
            if loot.over:
                raise
            continue
        if page.outcome != "open":
            loot.refused(page.outcome)
        return page


async def _open(desk: Client, prey: Prey, people: Iterable[UUID], loot: Loot) -> None:
    for batch in batches(people, prey.batch):
        if loot.over:
            return
        try:
            results = await desk.open(asked_for(prey, batch))
        except OverloadedError as error:
            loot.refused(error.code)
            await asyncio.sleep(BUSY_SECONDS)
        else:
            count_opened(batch, results, loot)


async def _search(desk: Client, prey: Prey, leaked: Iterable[Leaked], loot: Loot) -> list[UUID]:
    """Search leaked people by NIR and birth date; whom it found."""
    everybody: list[UUID] = []
    refused = 0
    for one in leaked:
        if loot.over or refused == REFUSED_IN_A_ROW:
            break
        facts = {"nir": one.nir, "birth_date": one.birth_date} if one.nir else {"identifier": one.identifier}
        found = await _cards(desk, prey, facts, loot)
        refused = 0 if found else refused + 1
        everybody += found
    return everybody


async def _cards(desk: Client, prey: Prey, facts: dict[str, str], loot: Loot) -> list[UUID]:
    by, *others = facts
    try:
        cards = await desk.search(by, facts[by], purpose=prey.purpose, **{name: facts[name] for name in others})
    except OverloadedError as error:
        loot.refused(error.code)
        return []
    if cards.outcome != "open":
        loot.refused(cards.outcome)
    found = [card.person for card in cards.cards]
    loot.got(found)
    return found
