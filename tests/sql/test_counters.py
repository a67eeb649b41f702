"""Counters of the statistics under several writers, and who may read them."""

import random
import threading

import psycopg
import pytest
from support.database import Database
from support.meter import Clock, fails

COUNT = "select cloison.count_cells_v1(%s, %s, %s)"
ASK = "select cloison.ask_counters_v1('59', 3)"
READ = "select * from cloison.counters_v1('59', '{1}')"
ENTRIES = "select segment, account, number, outcome::text, amount from cloison.entry where event = 'statistics_read'"
WRITERS, BATCHES, CELLS = 6, 30, 40


def counters(database: Database, segment: str = "59") -> dict[int, int]:
    """People by cell."""
    rows = database.owner.execute("select cell, people from cloison.counter where segment = %s", (segment,))
    return dict(rows.fetchall())


def test_people_who_come_go_and_move(database: Database) -> None:
    """A batch is counted at once; who leaves a cell and comes into it again changes nothing; an empty one is gone."""
    database.one(COUNT, "59", [3, 1, 3, None], [])
    database.one(COUNT, "13", [3], [])
    assert counters(database) == {1: 1, 3: 2}
    database.one(COUNT, "59", [1, 2], [1, 3])
    assert counters(database) == {1: 1, 2: 1, 3: 1}
    database.one(COUNT, "59", [], [1, None])
    assert counters(database) == {2: 1, 3: 1}
    assert counters(database, "13") == {3: 1}


def test_counters_never_fall_below_nobody(database: Database) -> None:
    """Somebody taken out of a cell that counts nobody leaves no counter behind."""
    database.one(COUNT, "59", [7], [8, 8])
    database.one(COUNT, "59", [], [7, 7])
    assert counters(database) == {}


def write(database: Database, seed: int, kept: list[dict[int, int]]) -> None:
    """Count random people in, and some of them out again."""
    rnd = random.Random(seed)  # noqa: S311 - a test's own people
    here: list[int] = []
    with database.connect("owner") as connection:
        for _ in range(BATCHES):
            gained = [rnd.randrange(CELLS) for _ in range(64)]
            rnd.shuffle(here)
            lost, here = here[:40], here[40:] + gained
            connection.execute(COUNT, ("59", gained, lost))
    kept.append({cell: here.count(cell) for cell in set(here)})


def test_writers_at_once(database: Database) -> None:
    """Imports that count the same cells in any order neither wait in a circle nor lose anybody."""
    kept: list[dict[int, int]] = []
    writers = [threading.Thread(target=write, args=(database, seed, kept)) for seed in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(kept) == WRITERS, "a writer failed"
    expected = {cell: sum(one.get(cell, 0) for one in kept) for cell in range(CELLS)}
    assert counters(database) == {cell: people for cell, people in expected.items() if people}


def test_counters_by_place(database: Database) -> None:
    """The login of statistics gets the counters it names, by their place, and those of no other segment."""
    database.one(COUNT, "59", [5, 5, 6, -9], [])
    database.one(COUNT, "13", [5], [])
    reader = database.connect("statistics")
    reader.execute(ASK)
    rows = reader.execute("select * from cloison.counters_v1('59', %s) order by 1", ([9, 5, -9],)).fetchall()
    assert rows == [(2, 2), (3, 1)]
    assert reader.execute("select * from cloison.counted_segments_v1()").fetchall() == [("13",), ("59",)]


def test_counters_read_without_an_entry(database: Database) -> None:
    """Asked for in the same transaction, rolled back, of another segment, long ago or never: nothing is read."""
    database.one(COUNT, "59", [1], [])
    reader, clock = database.connect("statistics"), Clock(database)
    with fails("CL006"):
        reader.execute(READ)
    with fails("CL003"), reader.transaction():
        reader.execute(ASK)
        reader.execute(READ)
    with reader.transaction(force_rollback=True):
        reader.execute(ASK)
    reader.execute("select cloison.ask_counters_v1('13', 3)")
    with fails("CL006"):
        reader.execute(READ)
    reader.execute(ASK)
    assert reader.execute(READ).fetchall() == [(1, 1)]
    rows = database.owner.execute(ENTRIES).fetchall()
    assert [(row[0], *row[2:]) for row in rows] == [("13", 1, "open", 3), ("59", 1, "open", 3)]
    clock.advance(seconds=61)
    with fails("CL006"):
        reader.execute(READ)


def test_freeze_while_statistics_are_idle(database: Database) -> None:
    """A reading that stands still with its transaction open keeps no account from being frozen."""
    reader, account = database.connect("statistics"), database.account()
    database.owner.execute("set lock_timeout = '500ms'")
    with reader.transaction():
        reader.execute(ASK)
        database.owner.execute("select cloison.freeze_v1('59', %s)", (account,))


@pytest.mark.parametrize("login", ["desk", "intake", "reaper"])
@pytest.mark.parametrize("statement", [ASK, READ, "select cloison.counted_segments_v1()"])
def test_counters_are_for_statistics_alone(shared: Database, login: str, statement: str) -> None:
    """No door reads counters."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shared.connect(login).execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "select cloison.count_cells_v1('59', '{1}', '{}')",
        "select * from cloison.counter",
        "select cell from cloison.person",
        "select cloison.release_v1('59', '{}', '{}', '{}')",
        "select cloison.intake_begin_load_v1()",
    ],
)
def test_statistics_read_counters_alone(shared: Database, statement: str) -> None:
    """The login of statistics can neither count, nor read a table, nor open or bring in anybody."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shared.connect("statistics").execute(statement)
