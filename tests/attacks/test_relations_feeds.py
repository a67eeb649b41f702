"""A source's service token, stolen or misused: what it can write, and what it can learn."""

import hashlib
import secrets
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from support.database import SEGMENT, Database
from support.meter import Clock, fails
from support.relations import handle_of, later, limit, located, many, reach
from support.sources import feed, tell

HOUR = timedelta(hours=1)


@pytest.fixture
def intake(database: Database) -> psycopg.Connection:
    """A connection with intake's own login."""
    return database.connect("intake")


def agent(database: Database) -> tuple[UUID, str]:
    """A new account and its handle."""
    account = database.account()
    return account, handle_of(database, account)


def test_a_closed_source_writes_nothing(database: Database, intake: psycopg.Connection) -> None:
    """From the call after its closing a source's token is nobody's, like one that never was."""
    account, handle = agent(database)
    secret, other = feed(database), feed(database, "other")
    people = located(database, 2)
    assert tell(intake, secret, handle, people.terms[:1]) == ["written"]
    database.owner.execute("select cloison.close_feed_v1('book')")
    for wrong in (secret, secrets.token_bytes(32), b"", hashlib.sha256(other).digest()):
        assert tell(intake, wrong, handle, people.terms[1:]) == []
    assert reach(database, account) == set(list(people.values())[:1])


def test_an_agents_session_is_no_source(database: Database, intake: psycopg.Connection) -> None:
    """A session's token tells of nothing, and a source's token opens nobody."""
    session, people = database.adviser(1)
    assert tell(intake, session.token, "whoever", [1]) == []
    secret = feed(database)
    row = (
        database.connect("desk")
        .execute(
            "select outcome from cloison.charge_v1(%s, %s, %s, %s, %s::int[], %s::smallint[])",
            (SEGMENT, [secret], [uuid4()], people, [1], [0]),
        )
        .fetchone()
    )
    assert row == ("no_session",)


def test_the_desk_has_no_way_to_a_source(database: Database) -> None:
    """The desk's login can neither tell nor ask whether a token is a source's."""
    desk = database.connect("desk")
    secret = feed(database)
    with fails("42501"):
        tell(desk, secret, "whoever", [1])
    with fails("42501"):
        desk.execute("select cloison.feed_known_v1(%s)", (secret,))


def test_a_stolen_source_is_metered(database: Database, intake: psycopg.Connection) -> None:
    """It brings an account 100 people in a day, and an organisation no more than its limit."""
    account, handle = agent(database)
    secret = feed(database)
    people = located(database, 150)
    assert tell(intake, secret, handle, people.terms).count("written") == 100
    assert len(reach(database, account)) == 100
    limit(database, inbound_organisation_day=130)
    _, second = agent(database)
    assert tell(intake, secret, second, people.terms).count("written") == 30


def test_two_sources_at_once(database: Database) -> None:
    """Sources that tell of one account in parallel share its limit."""
    account, handle = agent(database)
    secrets_of = [feed(database, f"book{i}") for i in range(4)]
    people = located(database, 200)
    with many(database, "intake", 4) as connections:
        threads = [
            threading.Thread(target=tell, args=(connection, secret, handle, people.terms[i * 50 : (i + 1) * 50]))
            for i, (connection, secret) in enumerate(zip(connections, secrets_of, strict=True))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(reach(database, account)) == 100


def test_a_source_that_guesses_is_stopped(database: Database, intake: psycopg.Connection) -> None:
    """Behind so many people who are not there, those who are get the same answer as those who are not."""
    account, handle = agent(database)
    secret = feed(database)
    limit(database, feed_misses_day=50)
    guesses = list(range(-100, 0))
    assert tell(intake, secret, handle, guesses) == ["no_person"] * 50 + ["metered"] * 50
    people = located(database, 3)
    assert tell(intake, secret, handle, people.terms) == ["metered"] * 3
    assert tell(intake, secret, handle, [guesses[0], *located(database, 1).terms]) == ["metered", "metered"]
    later(database, 25)
    assert tell(intake, secret, handle, people.terms) == ["written"] * 3
    assert reach(database, account) == set(people.values())


def test_told_twice_is_written_once(database: Database, intake: psycopg.Connection) -> None:
    """The same interaction again is known, whatever it says now, in one call and in another."""
    account, handle = agent(database)
    secret = feed(database)
    people = located(database, 2)
    one, two = people.terms
    assert tell(intake, secret, handle, [one, one], names=["a", "a"]) == ["written", "known"]
    assert tell(intake, secret, handle, [one], names=["a"], length=HOUR * 20) == ["known"]
    assert tell(intake, secret, handle, [two], names=["a"]) == ["known"]
    assert reach(database, account) == {people[one]}
    other = feed(database, "other")
    assert tell(intake, other, handle, [one], names=["a"]) == ["written"]


def test_times_that_no_interaction_has(database: Database, intake: psycopg.Connection) -> None:
    """One that is over is told so; one longer than a day, that ends before it begins or is far ahead is refused."""
    account, handle = agent(database)
    secret = feed(database)
    (term,) = located(database, 1).terms
    now = datetime.now(UTC)
    for begins, length in [(now, HOUR * 25), (now, -HOUR), (now - HOUR * 30, HOUR * 25), (now + HOUR * 1_500, HOUR)]:
        assert tell(intake, secret, handle, [term], begins=begins, length=length) == ["time"]
    assert tell(intake, secret, handle, [term], begins=now - HOUR * 3, length=HOUR) == ["over"]
    assert reach(database, account) == set()


def test_a_source_of_other_segments(database: Database, intake: psycopg.Connection) -> None:
    """A source that was made for one department tells nothing about another, nor across departments."""
    _, handle = agent(database)
    here, there = located(database, 1), located(database, 1, "62")
    only_there = feed(database, "there", ["62"])
    assert tell(intake, only_there, handle, [*here.terms]) == ["not_covered"]
    everywhere = feed(database, "everywhere")
    database.owner.execute("update cloison.agreement set segments = '{59}' where standing")
    assert tell(intake, everywhere, handle, [*there.terms]) == ["other_segment"]
    database.owner.execute("update cloison.agreement set segments = '{59,62}' where standing")
    assert tell(intake, everywhere, handle, [*there.terms]) == ["written"]
    assert database.one("select segment from cloison.relation where person = %s", *there.values()) == "62"


def test_between_two_appointments_nobody_is_in_reach(database: Database, intake: psycopg.Connection) -> None:
    """Today's appointment and next week's, told in any order, open the person on these two days and not between."""
    clock = Clock(database)
    clock.now = datetime(2031, 3, 3, 8, tzinfo=UTC)
    clock.advance()
    account, handle = agent(database)
    secret = feed(database)
    people = located(database, 2)
    for term, days in zip(people.terms, ([0, 7], [7, 0]), strict=True):
        for day in days:
            assert tell(intake, secret, handle, [term], begins=clock.now + timedelta(days=day, hours=1)) == ["written"]
    reaper = database.connect("reaper")
    seen = []
    for _ in range(9):
        reaper.execute("select cloison.sweep_relations_v1()")
        seen.append(len(reach(database, account)))
        clock.advance(days=1)
    assert seen == [2, 0, 0, 0, 0, 0, 0, 2, 0]


def test_nothing_of_the_person_is_kept(database: Database, intake: psycopg.Connection) -> None:
    """A source's own name of an interaction, which could be somebody's, is kept as a hash alone."""
    _, handle = agent(database)
    secret = feed(database)
    tell(intake, secret, handle, located(database, 1).terms, names=["DUPONT-1990"])
    text = str(database.owner.execute("select i::text from cloison.interaction i").fetchall())
    assert hashlib.sha256(b"DUPONT-1990").hexdigest() in text
    assert "DUPONT" not in text


def test_each_batch_has_its_entry(database: Database, intake: psycopg.Connection) -> None:
    """What a source wrote, and its making and closing, stand in the log with the source as subject."""
    _, handle = agent(database)
    secret = feed(database)
    tell(intake, secret, handle, located(database, 3).terms)
    database.owner.execute("select cloison.close_feed_v1('book')")
    number = database.one("select feed from cloison.feed where name = 'book'")
    rows = database.owner.execute(
        "select event::text, amount from cloison.entry where subject = %s order by at", (number,)
    ).fetchall()
    assert rows == [("feed_created", None), ("relations_imported", 3), ("feed_closed", None)]
