"""The keeper's own ceilings, through its socket: what a forging meter, or a captured one, could get at most."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from support.keeper import LABEL, Callers, RunningKeeper, Staff, callers, keys_of

from cloison.config import KeeperConfig
from cloison.errors import KeeperCeilingError, NoSessionError, ReusedTicketError
from cloison.keeper.messages import KeyGrant, TermQuery

pytest_plugins = ["support.keeper_fixtures"]


@pytest.mark.parametrize("full_people", [(3, 9, 9, 9), (9, 3, 9, 9), (9, 9, 3, 9), (9, 9, 9, 3)])
async def test_any_window_stops_a_greedy_account(acting: Callers, full_people: tuple[int, int, int, int]) -> None:
    """Whichever of an account's windows is the narrowest, no more distinct people than it allows are opened."""
    staff, people = await acting.sign_in(full_people), await acting.enrol(9)
    assert await acting.opened(staff, people) == 3
    with pytest.raises(KeeperCeilingError) as refused:
        await acting.open_one(staff, people[-1])
    assert int(str(refused.value.fields["retry_after_seconds"])) > 0
    assert await acting.opened(staff, people[:3]) == 3


async def test_one_batch_is_no_way_around(acting: Callers) -> None:
    """A hundred tickets in one request get as many people as a hundred requests would."""
    staff, people = await acting.sign_in((10, 20, 30, 40)), await acting.enrol(100)
    answers = await acting.desk.open([acting.ticket(staff, someone) for someone in people])
    assert sum(isinstance(answer, KeyGrant) for answer in answers) == 10


async def test_many_connections_are_no_way_around(acting: Callers, shared_keeper: RunningKeeper) -> None:
    """Eight connections at once get no more than one."""
    staff, people = await acting.sign_in((10, 20, 30, 40)), await acting.enrol(80)
    desks = [await shared_keeper.call("desk") for _ in range(8)]
    batches = [[acting.ticket(staff, someone) for someone in people[i::8]] for i in range(8)]
    answers = await asyncio.gather(*(desk.open(batch) for desk, batch in zip(desks, batches, strict=True)))
    for desk in desks:
        await desk.close()
    assert sum(isinstance(answer, KeyGrant) for batch in answers for answer in batch) == 10


async def test_many_sessions_of_an_account(acting: Callers) -> None:
    """A second session of an account continues where the first one stopped."""
    account, people = uuid4(), await acting.enrol(20)
    first = await acting.sign_in((5, 5, 5, 5), account=account)
    assert await acting.opened(first, people[:10]) == 5
    second = await acting.sign_in((5, 5, 5, 5), account=account)
    assert await acting.opened(second, people[10:]) == 0
    other = await acting.sign_in((5, 5, 5, 5))
    assert await acting.opened(other, people[10:]) == 5


async def test_labels_have_their_own_ceiling(acting: Callers) -> None:
    """Labels do not use up openings, openings not labels, and a label with any other compartment is an opening."""
    staff, people = await acting.sign_in((2, 2, 2, 2), labels=3), await acting.enrol(6)
    assert await acting.opened(staff, people, compartments=LABEL) == 3
    assert await acting.opened(staff, people, compartments=LABEL | 1) == 2


async def test_labels_under_the_keepers_own_ceiling(acting: Callers) -> None:
    """A session registered with more labels than the keeper allows any account gets the keeper's number."""
    staff, people = await acting.sign_in(labels=100_000), await acting.enrol(160)
    answers = await acting.desk.open([acting.ticket(staff, p, compartments=LABEL) for p in people])
    assert sum(isinstance(answer, KeyGrant) for answer in answers) == KeeperConfig().account_labels_hour


async def test_raised_budgets_do_not_raise_the_keepers_ceiling(tmp_path: Path) -> None:
    """A session's ceilings come from the database; whoever raised them there gets the keeper's number all the same."""
    running = RunningKeeper(tmp_path, KeeperConfig(account_people=(4, 5, 6, 7))).start()
    try:
        async with callers(running) as acting:
            staff, people = await acting.sign_in((1000, 1000, 1000, 1000)), await acting.enrol(20)
            assert await acting.opened(staff, people) == 4
    finally:
        running.stop()


async def test_terms_are_metered(acting: Callers) -> None:
    """An account guesses at most as many values an hour as its terms allow, proofs and groups included."""
    staff, other = await acting.sign_in(), await acting.sign_in()
    await acting.enrol()
    query = TermQuery("59", 1, b"a guess")
    for _ in range(97):
        await acting.desk.terms(staff.token, query, (3, b"a guess and its proof"), [0])
    for _ in range(9):
        await acting.desk.terms(staff.token, query)
    with pytest.raises(KeeperCeilingError):
        await acting.desk.terms(staff.token, query)
    assert (await acting.desk.terms(other.token, query)).terms


async def test_terms_need_a_session(acting: Callers) -> None:
    """The desk's secret alone computes no term."""
    with pytest.raises(NoSessionError):
        await acting.desk.terms(bytes(32), TermQuery("59", 1, b"a guess"))


async def test_captured_door_with_many_sessions(tmp_path: Path) -> None:
    """However many accounts are stolen, a segment and the register give away no more people an hour than they may."""
    running = RunningKeeper(tmp_path, KeeperConfig(segment_people_hour=6, register_people_hour=10)).start()
    try:
        async with callers(running) as acting:
            north, south = await acting.enrol(20), await acting.enrol(20, segment="13")
            thieves = [await acting.sign_in() for _ in range(4)]
            assert sum([await acting.opened(t, north[i * 5 :][:5]) for i, t in enumerate(thieves)]) == 6
            taken = [await acting.opened(t, south[i * 5 :][:5], compartments=LABEL) for i, t in enumerate(thieves)]
            assert sum(taken) == 4
            assert (await acting.issuer.status()).register_people_hour == 10
    finally:
        running.stop()


async def guess(acting: Callers, staff: Staff, times: int) -> None:
    """Ask for so many terms."""
    for _ in range(times):
        await acting.desk.terms(staff.token, TermQuery("59", 1, b"a guess"))


async def test_kill_9_refills_nothing(own_keeper: RunningKeeper) -> None:
    """After kill -9 sessions, windows, terms and used tickets are what they were."""
    own_keeper.start()
    async with callers(own_keeper) as acting:
        staff, people = await acting.sign_in((5, 8, 8, 8), labels=2), await acting.enrol(12)
        used = acting.ticket(staff, people[0])
        assert isinstance((await acting.desk.open([used]))[0], KeyGrant)
        assert await acting.opened(staff, people[:4]) == 4
        assert await acting.opened(staff, people, compartments=LABEL) == 2
        await guess(acting, staff, 60)
        await own_keeper.kill_and_start()
        assert (await acting.issuer.status()).register_people_hour == 4
        assert await acting.opened(staff, people) == 5
        assert await acting.opened(staff, people[2:], compartments=LABEL) == 0
        with pytest.raises(ReusedTicketError):
            keys_of((await acting.desk.open([used]))[0])
        await guess(acting, staff, 240)
        with pytest.raises(KeeperCeilingError):
            await guess(acting, staff, 1)


async def test_kill_9_in_the_middle_of_a_theft(own_keeper: RunningKeeper) -> None:
    """A thief who has the keeper killed again and again still gets no more than the ceiling."""
    own_keeper.start()
    async with callers(own_keeper) as acting:
        staff, people = await acting.sign_in((20, 20, 20, 20)), await acting.enrol(90)
        taken: set[int] = set()
        for part in range(3):
            batch = people[part * 30 :][:30]
            stealing = [asyncio.create_task(acting.desk.open([acting.ticket(staff, p)])) for p in batch]
            await asyncio.sleep(0.004)
            await own_keeper.kill_and_start()
            answers = await asyncio.gather(*stealing, return_exceptions=True)
            granted = [isinstance(a, list) and isinstance(a[0], KeyGrant) for a in answers]
            taken |= {p.key_id for p, got in zip(batch, granted, strict=True) if got}
        taken |= {p.key_id for p in people if await acting.opened(staff, [p])}
        assert len(taken) <= 20
