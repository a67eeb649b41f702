"""A thief with the desk's login tries to be released a record whose charge is not committed.

Each test is one trick. `thief` has one stolen session and twenty people to follow; a record that comes back without a
committed `open` entry would break promise 1.
"""

import contextlib
from uuid import uuid4

import psycopg
import pytest
from support.database import Database, charge, release
from support.meter import CHARGE, RELEASE, WRITTEN, Clock, Query, ask, fails, find, first, thief


def test_release_in_the_transaction_of_its_charge(shared: Database) -> None:
    """A charge and its release in one explicit transaction: the release is refused, and so the charge is gone."""
    it = thief(shared)
    with fails(WRITTEN), it.desk.transaction():
        requests, outcomes = charge(it.desk, it.session, it.people[:1])
        assert outcomes == ["open"]
        release(it.desk, it.session, requests, it.people[:1])
    assert release(it.desk, it.session, requests, it.people[:1]) == []
    assert it.entries() == 0


def test_release_in_one_text_with_its_charge(shared: Database) -> None:
    """Two statements sent as one text are one transaction, which the release refuses."""
    it = thief(shared)
    request = [uuid4()]
    values = (*it.charge_values(request, it.people[:1]), *it.release_values(request, it.people[:1]))
    with fails(WRITTEN):
        psycopg.ClientCursor(it.desk).execute(f"{CHARGE}; {RELEASE}", values)
    assert it.entries() == 0


def test_release_in_one_pipeline_without_sync(shared: Database) -> None:
    """Statements pipelined without a sync are one transaction, which the release refuses."""
    it = thief(shared)
    with fails(WRITTEN), it.desk.pipeline():
        requests = [uuid4()]
        it.desk.execute(CHARGE, it.charge_values(requests, it.people[:1]))
        it.desk.execute(RELEASE, it.release_values(requests, it.people[:1]))
    assert it.entries() == 0


JOINED = (
    "select r.person from cloison.charge_v1(%s, %s, %s, %s, %s::int[], %s::smallint[]) c, "
    "lateral (select c.outcome, x.person from cloison.release_v1(%s, %s, %s, %s) x) r"
)
AHEAD = (
    "with c as materialized (select * from cloison.charge_v1(%s, %s, %s, %s, %s::int[], %s::smallint[])) "
    "select r.person from cloison.release_v1(%s, %s, %s, %s) r where (select count(*) from c) > 0"
)


@pytest.mark.parametrize("statement", [JOINED, AHEAD])
def test_release_in_the_statement_of_its_charge(shared: Database, statement: str) -> None:
    """A charge and its release in one statement release nothing, in whatever order they are run."""
    it = thief(shared)
    request, rows = [uuid4()], []
    values = (*it.charge_values(request, it.people[:1]), *it.release_values(request, it.people[:1]))
    with contextlib.suppress(psycopg.DatabaseError):
        rows = it.desk.execute(statement, values).fetchall()
    assert rows == []


def test_savepoint_rolled_back_under_a_charge(shared: Database) -> None:
    """A charge undone by ROLLBACK TO SAVEPOINT leaves its transaction marked as one that has written."""
    it = thief(shared)
    with fails(WRITTEN), it.desk.transaction():
        it.desk.execute("savepoint before")
        requests, _ = charge(it.desk, it.session, it.people[:1])
        it.desk.execute("rollback to savepoint before")
        release(it.desk, it.session, requests, it.people[:1])
    assert release(it.desk, it.session, requests, it.people[:1]) == []
    assert it.entries() == 0


def test_rollback_after_a_charge(shared: Database) -> None:
    """A charge that was rolled back left no receipt, so there is nothing to release."""
    it = thief(shared)
    with it.desk.transaction(force_rollback=True):
        requests, outcomes = charge(it.desk, it.session, it.people[:1])
    assert outcomes == ["open"]
    assert release(it.desk, it.session, requests, it.people[:1]) == []


def test_release_beside_an_uncommitted_charge(shared: Database) -> None:
    """A second connection does not see the receipt of a charge that is still open."""
    it = thief(shared)
    with it.desk.transaction(force_rollback=True):
        requests, _ = charge(it.desk, it.session, it.people[:1])
        assert release(shared.connect("desk"), it.session, requests, it.people[:1]) == []


def test_prepared_transaction_that_holds_a_charge(shared: Database) -> None:
    """Two-phase commit is switched off, so that no charge waits for ever with its account's lock."""
    it = thief(shared)
    it.desk.execute("begin")
    charge(it.desk, it.session, it.people[:1])
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        it.desk.execute("prepare transaction 'held'")
    it.desk.execute("rollback")
    assert it.entries() == 0


def test_killed_connection_before_the_commit(shared: Database) -> None:
    """A connection killed with its charge uncommitted leaves nothing to release, and no lock."""
    it = thief(shared)
    it.desk.execute("begin")
    requests, _ = charge(it.desk, it.session, it.people[:1])
    with shared.connect("postgres") as administrator:
        administrator.execute("select pg_terminate_backend(%s, 5000)", (it.desk.info.backend_pid,))
    other = shared.connect("desk")
    assert release(other, it.session, requests, it.people[:1]) == []
    assert charge(other, it.session, it.people[:1])[1] == ["open"]
    assert it.entries() == 1


def test_killed_connection_between_charge_and_release(shared: Database) -> None:
    """A charge that was committed can be released from another connection, and its entry is there."""
    it = thief(shared)
    requests, _ = charge(it.desk, it.session, it.people[:1])
    it.desk.close()
    assert release(shared.connect("desk"), it.session, requests, it.people[:1]) == it.people[:1]
    assert it.entries() == 1


def test_transaction_begun_an_hour_before(database: Database) -> None:
    """A charge counts from when it is made, however long before its transaction began."""
    it, clock = thief(database), Clock(database)
    with it.desk.transaction():
        it.desk.execute("select 1")
        clock.advance(hours=0.9)
        assert charge(it.desk, it.session, it.people[:10])[1] == ["open"] * 10
    clock.advance(minutes=1)
    assert charge(it.desk, it.session, it.people[10:11])[1] == ["budget"]


def test_charge_held_uncommitted_and_released_late(database: Database) -> None:
    """A receipt older than its lifetime releases nothing, though its charge was committed a moment ago."""
    it, clock = thief(database), Clock(database)
    with it.desk.transaction():
        requests, _ = charge(it.desk, it.session, it.people[:1])
        clock.advance(seconds=10)
    assert release(it.desk, it.session, requests, it.people[:1]) == []
    assert it.entries() == 1


def test_cursor_with_hold_over_a_later_charge(shared: Database) -> None:
    """A WITH HOLD cursor over the release, filled as the charge's transaction commits, takes the charge with it."""
    it = thief(shared)
    requests = [uuid4()]
    with fails(WRITTEN), it.desk.transaction():
        cursor = psycopg.ClientCursor(it.desk)
        cursor.execute(f"declare held cursor with hold for {RELEASE}", it.release_values(requests, it.people[:1]))
        assert first(it.desk.execute(CHARGE, it.charge_values(requests, it.people[:1]))) == "open"
    assert it.entries() == 0
    assert release(it.desk, it.session, requests, it.people[:1]) == []


def test_cursor_opened_before_the_charge(shared: Database) -> None:
    """A cursor over the release that is older than the charge sees it only once it is committed elsewhere."""
    it = thief(shared)
    requests, other = [uuid4()], shared.connect("desk")
    with it.desk.transaction():
        psycopg.ClientCursor(it.desk).execute(
            f"declare early cursor for {RELEASE}", it.release_values(requests, it.people[:1])
        )
        with other.transaction(force_rollback=True):
            other.execute(CHARGE, it.charge_values(requests, it.people[:1]))
            assert it.desk.execute("fetch 1 from early").fetchall() == []
    assert it.entries() == 0


def test_half_fetched_charge(shared: Database) -> None:
    """A charge of which one row was fetched and the rest dropped has charged everybody or nobody."""
    it = thief(shared)
    requests = [uuid4() for _ in range(10)]
    with it.desk.transaction():
        psycopg.ClientCursor(it.desk).execute(
            f"declare half cursor for {CHARGE}", it.charge_values(requests, it.people[:10])
        )
        assert it.desk.execute("fetch 1 from half").fetchall() == [("open",)]
    released = release(it.desk, it.session, requests, it.people[:10])
    assert len(released) == it.entries() == 10


def test_half_fetched_release(shared: Database) -> None:
    """A release fetched row by row, its transaction then rolled back, gives nobody who was not charged."""
    it = thief(shared)
    requests, _ = charge(it.desk, it.session, it.people[:15])
    taken = set()
    for _ in range(3):
        with it.desk.transaction(force_rollback=True):
            psycopg.ClientCursor(it.desk).execute(
                f"declare half cursor for {RELEASE}", it.release_values(requests, it.people[:15])
            )
            taken |= {row[0] for row in it.desk.execute("fetch 7 from half").fetchall()}
    taken |= set(release(it.desk, it.session, requests, it.people[:15]))
    assert taken <= set(it.people[:15])
    assert len(taken) == it.entries() == 10


def test_release_rolled_back_and_repeated(database: Database) -> None:
    """A release that is rolled back can be repeated while the receipt lives, and no longer, for the same person."""
    it, clock = thief(database), Clock(database)
    requests, _ = charge(it.desk, it.session, it.people[:1])
    for _ in range(3):
        with it.desk.transaction(force_rollback=True):
            assert release(it.desk, it.session, requests, it.people[:1]) == it.people[:1]
        clock.advance(seconds=3)
    clock.advance(seconds=1)
    assert release(it.desk, it.session, requests, it.people[:1]) == []


def test_release_twice_in_one_transaction(shared: Database) -> None:
    """A release undone by a savepoint cannot be run again in its transaction."""
    it = thief(shared)
    requests, _ = charge(it.desk, it.session, it.people[:1])
    with fails(WRITTEN), it.desk.transaction():
        it.desk.execute("savepoint before")
        assert release(it.desk, it.session, requests, it.people[:1]) == it.people[:1]
        it.desk.execute("rollback to savepoint before")
        release(it.desk, it.session, requests, it.people[:1])


def test_receipt_released_twice(shared: Database) -> None:
    """A receipt is used up by its release."""
    it = thief(shared)
    requests, _ = charge(it.desk, it.session, it.people[:1])
    assert release(it.desk, it.session, requests, it.people[:1]) == it.people[:1]
    assert release(it.desk, it.session, requests, it.people[:1]) == []


def test_receipt_released_many_times_in_one_call(shared: Database) -> None:
    """The same request named 128 times in one release comes back once."""
    it = thief(shared)
    requests, _ = charge(it.desk, it.session, it.people[:1])
    assert release(it.desk, it.session, requests * 128, it.people[:1] * 128) == it.people[:1]


@pytest.mark.parametrize("setting", ["default_transaction_read_only", "transaction_read_only"])
def test_read_only_transaction(shared: Database, setting: str) -> None:
    """In a transaction that may not write a receipt cannot be used up, so nothing is released."""
    it = thief(shared)
    requests, _ = charge(it.desk, it.session, it.people[:1])
    it.desk.execute("set default_transaction_read_only = on" if setting.startswith("default") else "begin read only")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        release(it.desk, it.session, requests, it.people[:1])


def test_find_in_the_transaction_of_its_search(shared: Database) -> None:
    """A search and its answer in one transaction: the answer is refused, so that its charge cannot be rolled back."""
    it = thief(shared)
    request = uuid4()
    with fails(WRITTEN), it.desk.transaction():
        ask(it.desk, it.session, Query(2, [1]), request)
        find(it.desk, it.session, request)
