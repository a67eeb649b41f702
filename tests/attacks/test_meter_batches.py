"""One request among many, made to spoil the others': the honest door's batches, with a poisoned one in them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from support.database import FOLLOW_UP, IDENTITY, Database, charge
from support.meter import Query, Thief, signature, thief

from cloison.errors import CloisonError, DatabaseRefusedError, NoSessionError, OverloadedError
from cloison.model import OpenRequest, Outcome
from cloison.store.metered import SESSION_WAITING, Bearer, Meter, Search


@pytest.fixture
async def meter(shared: Database) -> AsyncIterator[Meter]:
    """The meter of an honest door."""
    meter = Meter(shared.conninfo("desk"))
    await meter.start()
    yield meter
    await meter.stop()


def asked(it: Thief, count: int) -> list[OpenRequest]:
    """Honest requests for the first of whom the account follows."""
    return [OpenRequest(uuid4(), person, IDENTITY, FOLLOW_UP) for person in it.people[:count]]


def bearer(it: Thief) -> Bearer:
    """The session as the door knows it."""
    return Bearer(it.session.segment, it.session.token)


POISONS = {
    "purpose beyond 16 bits": OpenRequest(uuid4(), uuid4(), IDENTITY, 70_000),
    "compartments beyond 32 bits": OpenRequest(uuid4(), uuid4(), 2**40, FOLLOW_UP),
    "purpose beyond 64 bits": OpenRequest(uuid4(), uuid4(), IDENTITY, 2**70),
    "negative compartments": OpenRequest(uuid4(), uuid4(), -1, -1),
}


@pytest.mark.parametrize("poison", POISONS)
async def test_one_poisoned_request_among_128(shared: Database, meter: Meter, poison: str) -> None:
    """One request that PostgreSQL refuses spoils nobody else's answer, in a batch of 128."""
    them = [thief(shared, people=8) for _ in range(16)]
    honest = [meter.open(bearer(it), asked(it, 8 if it is not them[0] else 7)) for it in them]
    poisoned = meter.open(bearer(them[0]), [POISONS[poison]])
    answers = await asyncio.gather(poisoned, *honest, return_exceptions=True)
    first, *others = answers
    assert isinstance(first, DatabaseRefusedError) or (
        isinstance(first, list) and [answer.outcome for answer in first] == [Outcome.SCOPE]
    )
    outcomes = Counter(a.outcome for answer in others if isinstance(answer, list) for a in answer)
    assert outcomes == {Outcome.OPEN: 127}
    for it in them:
        assert shared.one("select count(*) from cloison.opening where account = %s", it.session.account) == (
            7 if it is them[0] else 8
        )


@pytest.mark.parametrize("token", [b"", b"\x00" * 32, b"x" * 10_000])
async def test_token_that_is_none(shared: Database, meter: Meter, token: bytes) -> None:
    """A made-up token in a batch is refused, the others are answered."""
    it = thief(shared)
    made_up = meter.open(Bearer("59", token), asked(it, 3))
    first, other = await asyncio.gather(made_up, meter.open(bearer(it), asked(it, 5)), return_exceptions=True)
    assert isinstance(first, NoSessionError)
    assert isinstance(other, list)
    assert [answer.outcome for answer in other] == [Outcome.OPEN] * 5


async def test_segment_with_a_nul(shared: Database, meter: Meter) -> None:
    """A segment that cannot even be sent is refused, the others are answered."""
    it = thief(shared)
    impossible = meter.open(Bearer("5\x009", it.session.token), asked(it, 1))
    first, other = await asyncio.gather(impossible, meter.open(bearer(it), asked(it, 5)), return_exceptions=True)
    assert isinstance(first, CloisonError)
    assert isinstance(other, list)
    assert [answer.outcome for answer in other] == [Outcome.OPEN] * 5


async def test_repeated_request_in_a_batch(shared: Database, meter: Meter) -> None:
    """The same request for another person is another; for the same person it is answered where it stands first."""
    it = thief(shared)
    one, two = asked(it, 2)
    again = OpenRequest(one.request, two.person, IDENTITY, FOLLOW_UP)
    answers = await meter.open(bearer(it), [one, two, again, one])
    assert [answer.outcome for answer in answers] == [Outcome.OPEN] * 3 + [Outcome.STALE]
    for request, answer in zip((one, two, again), answers, strict=False):
        assert answer.released is None or answer.released.person == request.person


async def test_greedy_account_in_a_busy_door(shared: Database, meter: Meter) -> None:
    """Whoever sends as many requests at once as a session may waits behind everybody else, not before."""
    greedy, honest = thief(shared, people=SESSION_WAITING), [thief(shared) for _ in range(10)]
    flood = asyncio.ensure_future(meter.open(bearer(greedy), asked(greedy, SESSION_WAITING)))
    await asyncio.sleep(0)
    answers = await asyncio.gather(*(meter.open(bearer(it), asked(it, 3)) for it in honest))
    assert not flood.done()
    assert {answer.outcome for each in answers for answer in each} == {Outcome.OPEN}
    outcomes = Counter(answer.outcome for answer in await flood)
    assert outcomes[Outcome.OPEN] == greedy.entries() == 10
    assert outcomes[Outcome.STALE] > 50  # so many refusals ended its session


async def test_more_than_may_wait(shared: Database, meter: Meter) -> None:
    """A flood beyond what may wait is refused at once, and nothing of it is charged."""
    it = thief(shared)
    with pytest.raises(OverloadedError):
        await meter.open(bearer(it), asked(it, 5) * 205)
    assert it.entries() == 0


async def test_more_than_a_session_may_wait(shared: Database, meter: Meter) -> None:
    """Beyond what one session may have waiting it is refused, at once and uncharged, while others are served."""
    greedy, honest = thief(shared, people=SESSION_WAITING), thief(shared)
    waiting = asyncio.ensure_future(meter.open(bearer(greedy), asked(greedy, SESSION_WAITING - 1)))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await meter.open(bearer(greedy), asked(greedy, 2))
    assert {answer.outcome for answer in await meter.open(bearer(honest), asked(honest, 3))} == {Outcome.OPEN}
    await waiting
    assert greedy.entries() == 10
    with pytest.raises(NoSessionError):  # so many refusals ended it, not that it waits
        await meter.open(bearer(greedy), asked(greedy, 2))


def signed(it: Thief, query: Query) -> Search:
    """The search as the keeper signed it."""
    return Search(FOLLOW_UP, query.slot or 0, query.terms, None, None, None, *signature(it.database, it.session, query))


async def test_search_while_the_ledger_is_held(shared: Database, meter: Meter) -> None:
    """A search at a ledger that is held comes back until it is free, and is charged once."""
    it = thief(shared)
    with it.desk.transaction(force_rollback=True):
        charge(it.desk, it.session, it.people[:1])
        waiting = asyncio.ensure_future(meter.search(bearer(it), uuid4(), signed(it, Query(2, [1]))))
        await asyncio.sleep(0.2)
        assert not waiting.done()
    cards = await waiting
    assert (cards.outcome, [released.person for released in cards.released]) == (Outcome.OPEN, it.people[:1])
    assert (it.entries("scope", "search"), it.entries("open", "search")) == (1, 1)


async def test_search_without_a_match(shared: Database, meter: Meter) -> None:
    """A miss through the door is a miss in the ledger, and a search that the profile does not know is refused."""
    it = thief(shared)
    cards = await meter.search(bearer(it), uuid4(), signed(it, Query(2, [424_242])))
    assert (cards.outcome, cards.released) == (Outcome.SCOPE, [])
    with pytest.raises(DatabaseRefusedError):
        await meter.search(bearer(it), uuid4(), signed(it, Query(3, [1])))
    assert it.entries("scope", "search") == 1
