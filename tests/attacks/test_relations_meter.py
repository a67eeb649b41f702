"""Whoever holds intake's login writes relations, and so gives access: the database bounds how much of it in a day."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from support.database import SEGMENT, Database, take
from support.meter import fails
from support.relations import KIND, WRITE, follow, handle_of, later, limit, located, many, reach

DAY, FIRST_DAY = 60, 1_500


@pytest.fixture
def intake(database: Database) -> psycopg.Connection:
    """A connection with intake's own login."""
    return database.connect("intake")


def settled(database: Database) -> tuple[str, set[object]]:
    """The handle of an account whose first day is over, and whom it follows."""
    account = database.account()
    first = located(database, 1)
    handle = handle_of(database, account)
    with database.connect("intake") as intake:
        assert follow(intake, handle, first.terms) == ["written"]
    later(database, 25)
    return handle, {account}


def test_captured_intake_fills_an_account(database: Database, intake: psycopg.Connection) -> None:
    """Behind its first day an account gains 60 people in a day, whatever is written; the rest is told when."""
    handle, _ = settled(database)
    people = located(database, 200)
    assert follow(intake, handle, people.terms).count("written") == DAY
    row = intake.execute(WRITE, ([handle], KIND, [people.terms[-1]], ["caseload"], [None], [None])).fetchone()
    assert row is not None
    assert row[0] == "metered"
    assert 86_000 < row[1] <= 86_400


def test_first_day_takes_a_whole_caseload_and_no_more(database: Database, intake: psycopg.Connection) -> None:
    """A new account's caseload comes in at once, up to 1,500 people; the day after, 60 as for anybody."""
    account = database.account()
    handle = handle_of(database, account)
    people = located(database, FIRST_DAY + 100)
    assert follow(intake, handle, people.terms).count("written") == FIRST_DAY
    later(database, 24.5)
    assert follow(intake, handle, people.terms).count("written") == FIRST_DAY + DAY
    assert len(reach(database, account)) == FIRST_DAY + DAY


def test_first_day_comes_once(database: Database, intake: psycopg.Connection) -> None:
    """Ending everybody does not make an account new again."""
    account = database.account()
    handle = handle_of(database, account)
    follow(intake, handle, located(database, 5).terms)
    later(database, 25)
    database.owner.execute("delete from cloison.relation where account = %s", (account,))
    assert follow(intake, handle, located(database, 100).terms).count("written") == DAY


def test_swapping_people_counts(database: Database, intake: psycopg.Connection) -> None:
    """Ending sixty relations to write sixty others in their place is sixty new ones; ending itself is free."""
    handle, _ = settled(database)
    first, second = located(database, DAY), located(database, DAY)
    ended = datetime.now(UTC) - timedelta(hours=1)
    assert follow(intake, handle, first.terms) == ["written"] * DAY
    assert follow(intake, handle, first.terms, until=ended) == ["written"] * DAY
    assert follow(intake, handle, second.terms) == ["metered"] * DAY
    assert follow(intake, handle, first.terms) == ["metered"] * DAY


def test_ended_and_written_in_one_batch(database: Database, intake: psycopg.Connection) -> None:
    """A row that ends a relation does not pay for one that writes it, in the same call."""
    handle, _ = settled(database)
    limit(database, account_day=0)
    (term,) = located(database, 1).terms
    ended = datetime.now(UTC) - timedelta(hours=1)
    rows = intake.execute(
        WRITE, ([handle] * 2, KIND, [term] * 2, ["caseload"] * 2, [None] * 2, [ended, None])
    ).fetchall()
    assert [row[0] for row in rows] == ["written", "metered"]


def test_renewing_is_free(database: Database, intake: psycopg.Connection) -> None:
    """The same file again, longer or shorter, counts nothing, also when nothing is left."""
    account = database.account()
    handle = handle_of(database, account)
    people = located(database, 40)
    follow(intake, handle, people.terms)
    limit(database, account_day=0, account_first_day=0, organisation_day=0)
    until = datetime.now(UTC) + timedelta(days=30)
    for ends in (None, until, None):
        assert follow(intake, handle, people.terms, until=ends) == ["written"] * 40
    assert follow(intake, handle, located(database, 1).terms) == ["metered"]


def test_another_kind_of_relation_counts_too(database: Database, intake: psycopg.Connection) -> None:
    """A cover counts like a caseload, interactions have limits of their own, no file brings a counter's relation."""
    handle, _ = settled(database)
    people = located(database, 150)
    assert follow(intake, handle, people.terms, "cover").count("written") == DAY
    assert follow(intake, handle, people.terms, "inbound").count("written") == 100
    assert follow(intake, handle, people.terms[:2], "walk_in") == ["relation"] * 2


def test_parallel_imports_into_one_account(database: Database) -> None:
    """Eight connections at once get what one gets."""
    handle, accounts = settled(database)
    people = located(database, 8 * DAY)
    with many(database, "intake", 8) as connections:
        threads = [
            threading.Thread(target=follow, args=(connection, handle, people.terms[i * DAY : (i + 1) * DAY]))
            for i, connection in enumerate(connections)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    (account,) = accounts
    assert len(reach(database, account)) == DAY + 1  # type: ignore[arg-type]


def test_parallel_imports_into_one_organisation(database: Database) -> None:
    """Several accounts of an organisation, written at once, share its limit; first days do not count for it."""
    handles = [settled(database)[0] for _ in range(4)]
    limit(database, organisation_day=100)
    newcomer = handle_of(database, database.account())
    people = {handle: located(database, DAY).terms for handle in [*handles, newcomer]}
    written: list[int] = []

    def write(connection: psycopg.Connection, handle: str) -> None:
        written.append(follow(connection, handle, people[handle]).count("written"))

    with many(database, "intake", 5) as connections:
        threads = [threading.Thread(target=write, args=pair) for pair in zip(connections, people, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(written) == 100 + DAY


def test_window_slides(database: Database, intake: psycopg.Connection) -> None:
    """What was written 23 hours ago still counts, 25 hours ago no more."""
    handle, _ = settled(database)
    people = located(database, 3 * DAY)
    follow(intake, handle, people.terms[:DAY])
    later(database, 23)
    assert follow(intake, handle, people.terms[DAY : 2 * DAY]).count("written") == 0
    later(database, 2)
    assert follow(intake, handle, people.terms[DAY : 2 * DAY]).count("written") == DAY


@pytest.mark.parametrize("zone", ["<A>0<B>-24,86/12,200/0", "Pacific/Apia"])
def test_callers_time_zone(database: Database, intake: psycopg.Connection, zone: str) -> None:
    """A day is 24 hours, whatever time zone the caller sets."""
    handle, _ = settled(database)
    people = located(database, 2 * DAY)
    intake.execute("select set_config('timezone', %s, false)", (zone,))
    follow(intake, handle, people.terms[:DAY])
    assert set(follow(intake, handle, people.terms[DAY:])) == {"metered"}


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_an_old_snapshot(database: Database, intake: psycopg.Connection, level: str) -> None:
    """A transaction that would not see what others wrote meanwhile is refused."""
    handle, _ = settled(database)
    intake.execute(f"set default_transaction_isolation = '{level}'")
    with fails("CL001"):
        follow(intake, handle, located(database, 1).terms)


def test_rolled_back(database: Database, intake: psycopg.Connection) -> None:
    """What is rolled back gives nobody access, and counts nothing."""
    handle, accounts = settled(database)
    people = located(database, DAY)
    intake.execute("begin")
    assert follow(intake, handle, people.terms).count("written") == DAY
    intake.execute("rollback")
    (account,) = accounts
    assert len(reach(database, account)) == 1  # type: ignore[arg-type]
    assert follow(intake, handle, people.terms).count("written") == DAY


@pytest.mark.parametrize("kind", ["caseload", "cover", "inbound"])
def test_the_desks_login_writes_no_relation(database: Database, kind: str) -> None:
    """An adviser's session, or the desk's own login, has no way to a relation."""
    session, _ = database.adviser(1)
    desk = database.connect("desk")
    term = located(database, 1).terms[0]
    handle = handle_of(database, session.account)
    with fails("42501"):
        follow(desk, handle, [term], kind)
    with fails("42501"):
        desk.execute(
            "insert into cloison.relation values (%s, %s, %s, %s, now(), null)",
            (SEGMENT, session.account, database.people(1)[0], kind),
        )
    for inner in ("put_relation_v1", "widen_relation_v1"):
        with fails("42501"):
            desk.execute(
                f"select cloison.{inner}(now(), %s, %s, %s, %s::cloison.relation_kind, now(), null)",
                (SEGMENT, session.account, session.account, kind),
            )


def test_metered_rows_open_nobody(database: Database, intake: psycopg.Connection) -> None:
    """Who is beyond the limit stays out of reach of the account's sessions."""
    account = database.account()
    handle = handle_of(database, account)
    limit(database, account_first_day=10)
    people = located(database, 20)
    follow(intake, handle, people.terms)
    session = database.session(account)
    desk = database.connect("desk")
    assert take(desk, session, list(people.values())[10:]) == set()
    assert take(desk, session, list(people.values())[:5]) == set(list(people.values())[:5])
