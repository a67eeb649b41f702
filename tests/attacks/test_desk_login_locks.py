"""A thief with the desk's login holds locks: on the stolen account's ledger, on receipts, on whatever can be locked."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest
from support.database import FOLLOW_UP, IDENTITY, Database, charge, release, take
from support.meter import Thief, fails, thief

from cloison.errors import OverloadedError
from cloison.model import OpenRequest, Outcome
from cloison.store.metered import Bearer, Meter, Metered
from cloison.store.reaper import reap

PATIENCE_SECONDS = 2.0  # what an honest request may take while a thief holds a lock


@pytest.fixture
async def meter(shared: Database) -> AsyncIterator[Meter]:
    """The meter of an honest door."""
    meter = Meter(shared.conninfo("desk"))
    await meter.start()
    yield meter
    await meter.stop()


async def opened(meter: Meter, it: Thief, count: int = 1) -> list[Metered]:
    """What an honest door gets for the first of whom the account follows."""
    requests = [OpenRequest(uuid4(), person, IDENTITY, FOLLOW_UP) for person in it.people[:count]]
    return await meter.open(Bearer(*it.session[::3]), requests)


async def test_ledger_held_by_an_idle_transaction(shared: Database, meter: Meter) -> None:
    """An idle transaction on one account's ledger delays nobody else in the batch; that account comes back later."""
    it, others = thief(shared), [thief(shared) for _ in range(7)]
    with it.desk.transaction(force_rollback=True):
        charge(it.desk, it.session, it.people[:1])
        stuck = asyncio.ensure_future(opened(meter, it))
        begun = time.monotonic()
        answers = await asyncio.gather(*(opened(meter, other, 5) for other in others))
        assert time.monotonic() - begun < PATIENCE_SECONDS
        assert {answer.outcome for each in answers for answer in each} == {Outcome.OPEN}
        with pytest.raises(OverloadedError):
            await stuck
    assert [answer.outcome for answer in await opened(meter, it)] == [Outcome.OPEN]


async def test_receipt_held_by_an_idle_release(shared: Database, meter: Meter) -> None:
    """A release left open holds its receipt: the same request sent to a door delays nobody else in the batch."""
    it, others = thief(shared), [thief(shared) for _ in range(7)]
    requests, _ = charge(it.desk, it.session, it.people[:1])
    with it.desk.transaction(force_rollback=True):
        assert release(it.desk, it.session, requests, it.people[:1]) == it.people[:1]
        again = [OpenRequest(requests[0], it.people[0], IDENTITY, FOLLOW_UP)]
        stuck = asyncio.ensure_future(meter.open(Bearer(*it.session[::3]), again))
        begun = time.monotonic()
        answers = await asyncio.gather(*(opened(meter, other, 5) for other in others))
        assert time.monotonic() - begun < PATIENCE_SECONDS
        assert {answer.outcome for each in answers for answer in each} == {Outcome.OPEN}
        with pytest.raises(OverloadedError):
            await stuck


def test_receipt_released_by_two_at_once(shared: Database) -> None:
    """Who releases a receipt that another transaction is releasing gets nothing, at once."""
    it, other = thief(shared), shared.connect("desk")
    other.execute("set statement_timeout = '1s'")
    requests, _ = charge(it.desk, it.session, it.people[:3])
    with it.desk.transaction():
        assert len(release(it.desk, it.session, requests, it.people[:3])) == 3
        assert release(other, it.session, requests, it.people[:3]) == []
    assert release(other, it.session, requests, it.people[:3]) == []


async def test_log_left_unflushed_by_an_idle_transaction(shared: Database, meter: Meter) -> None:
    """What an idle transaction wrote, and no commit flushes, makes nobody's release wait for it."""
    it, other = thief(shared), thief(shared)
    for _ in range(5):
        with it.desk.transaction(force_rollback=True):
            charge(it.desk, it.session, it.people)
            begun = time.monotonic()
            assert [answer.outcome for answer in await opened(meter, other, 3)] == [Outcome.OPEN] * 3
            assert time.monotonic() - begun < PATIENCE_SECONDS


def test_release_behind_an_idle_transaction(shared: Database) -> None:
    """A release flushes the log by itself where the transactions before it never commit."""
    it, other = thief(shared), thief(shared)
    requests, _ = charge(other.desk, other.session, other.people[:1])
    with it.desk.transaction(force_rollback=True):
        charge(it.desk, it.session, it.people)
        begun = time.monotonic()
        assert release(other.desk, other.session, requests, other.people[:1]) == other.people[:1]
        assert time.monotonic() - begun < PATIENCE_SECONDS


def test_two_connections_at_one_account(shared: Database) -> None:
    """While one connection's charge is open another is answered `busy` at once, for all of its requests."""
    it, other = thief(shared), shared.connect("desk")
    other.execute("set statement_timeout = '1s'")
    with it.desk.transaction():
        charge(it.desk, it.session, it.people[:3])
        assert charge(other, it.session, it.people[:5])[1] == ["busy"] * 5
    assert charge(other, it.session, it.people[:5])[1] == ["open"] * 5


def test_transaction_left_open_for_six_seconds(shared: Database) -> None:
    """The reaper ends the desk's transactions older than five seconds, younger ones not; the account works again."""
    it, young = thief(shared), thief(shared)
    reaper = shared.connect("reaper")
    it.desk.execute("begin")
    it.desk.execute("set local idle_in_transaction_session_timeout = 0")
    charge(it.desk, it.session, it.people[:1])
    time.sleep(5.1)
    with young.desk.transaction():
        charge(young.desk, young.session, young.people[:1])
        assert reap(reaper) == 1
    with pytest.raises(psycopg.OperationalError):
        it.desk.execute("select 1")
    deadline = time.monotonic() + PATIENCE_SECONDS
    other = shared.connect("desk")
    while charge(other, it.session, it.people[:1])[1] == ["busy"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert charge(other, it.session, it.people[:1])[1] == ["open"]
    assert young.entries() == 1


def test_locks_that_nothing_of_ours_takes(shared: Database) -> None:
    """No advisory lock can be taken, in whatever form: a million of them would leave none for the doors."""
    desk = shared.connect("desk")
    rows = shared.owner.execute(
        "select oid::regprocedure::text, has_function_privilege('cloison_desk', oid, 'execute') from pg_proc "
        "where proname like '%advisory%'"
    ).fetchall()
    assert len(rows) > 20
    assert [name for name, may in rows if may] == []
    with fails("42501"):
        desk.execute("select pg_try_advisory_lock(n) from generate_series(1, 1000000) n")


@pytest.mark.parametrize("table", ["person", "ledger", "receipt", "entry", "session"])
def test_table_locked(shared: Database, table: str) -> None:
    """LOCK TABLE and SELECT … FOR UPDATE need rights that the desk has not."""
    desk = shared.connect("desk")
    for statement in ("lock table cloison.{}", "select from cloison.{} for update", "select from cloison.{} for share"):
        with fails("42501"), desk.transaction():
            desk.execute(statement.format(table))


def test_sibling_ended(shared: Database) -> None:
    """The desk's login ends no connection of an honest door, though both are the same role."""
    it, honest = thief(shared), shared.connect("desk")
    for function in ("pg_terminate_backend", "pg_cancel_backend"):
        with fails("42501"):
            it.desk.execute(f"select {function}(%s)", (honest.info.backend_pid,))
    assert take(honest, it.session, it.people[:1]) == set(it.people[:1])


def test_row_of_the_catalogue_locked(shared: Database) -> None:
    """What the desk can do to its own role waits for nobody and holds nobody up."""
    it, honest = thief(shared), shared.connect("desk")
    honest.execute("set statement_timeout = '2s'")
    with it.desk.transaction(force_rollback=True):
        it.desk.execute("alter role cloison_desk set work_mem = '64kB'")
        assert take(honest, it.session, it.people[:1]) == set(it.people[:1])
        assert take(shared.connect("desk"), it.session, it.people[1:2]) == set(it.people[1:2])
