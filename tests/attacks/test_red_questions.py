"""Whether somebody is in the register, asked by writing: others' numbers given to one's own people, interactions."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from attacks.test_relations_feeds import agent
from support.database import SEGMENT, Database, Session
from support.relations import limit, located
from support.sources import feed, tell

READ = "select outcome from cloison.read_for_change_v1(%s, %s, %s, %s, 1, 1, 5::int2, null)"
ASK = "select outcome from cloison.ask_locators_v1(%s, %s, %s, 1, 5::int2, %s, '{}')"
CHANGED = (
    "select cloison.change_person_v1(%s, %s, %s, 1, 'person_changed', 5::int2, array[row(%s, %s, %s, %s, %s, 8000, 7, "
    "false, null, null, 1, array['\\x01'::bytea], 0, array_fill(null::bigint, array[8]), %s::bigint[], %s::bigint[])"
    "::cloison.resealed])"
)
ANSWERED = "select cloison.question_answered_v1(%s, %s, %s)"


@pytest.fixture
def intake(database: Database) -> Iterator[psycopg.Connection]:
    """The door's login."""
    with database.connect("intake") as connection:
        yield connection


def guess(intake: psycopg.Connection, session: Session, person: UUID, version: int, term: int) -> object:
    """Give somebody this identifier, by the steps of the door: the answer, or why there is none."""
    request = uuid4()
    for statement, values in ((READ, [person]), (ASK, person)):
        row = intake.execute(statement, (SEGMENT, session.token, request, values)).fetchone()
        assert row is not None
        if row[0] != "open":
            return row[0]
    numbers = (SEGMENT, version, SEGMENT, version + 1, person, [None, term], [None, term - 1])
    changed = intake.execute(CHANGED, (SEGMENT, session.token, request, *numbers)).fetchone()
    intake.execute(ANSWERED, (SEGMENT, session.token, request))
    assert changed is not None
    return changed[0]


def test_identifiers_that_are_nobodys_are_not_tried_without_end(database: Database, intake: psycopg.Connection) -> None:
    """One correction of a person's identifier a day is free; each further one is charged like a search's miss."""
    session, (person, *_) = database.adviser(1)
    answers = [guess(intake, session, person, 1 + i, 9_000 + i) for i in range(20)]
    assert answers == ["changed"] * 11 + ["scope"] + ["no_session"] * 8
    refusals = "select count(*) from cloison.refusal where account = %s"
    assert database.one(refusals, session.account) == 10


def test_corrections_of_several_people_cost_nothing(database: Database, intake: psycopg.Connection) -> None:
    """Whoever corrects one identifier each of several people has no refusal."""
    session, people = database.adviser(5)
    assert [guess(intake, session, person, 1, 9_100 + 2 * i) for i, person in enumerate(people)] == ["changed"] * 5
    assert database.one("select count(*) from cloison.refusal where account = %s", session.account) == 0


def test_a_source_that_used_its_guesses_up_learns_nothing_more(database: Database, intake: psycopg.Connection) -> None:
    """One guess a call, with a time that is refused: the answer is the same for somebody and for nobody."""
    _, handle = agent(database)
    secret = feed(database)
    limit(database, feed_misses_day=5)
    people = located(database, 3)
    past = datetime.now(UTC) - timedelta(days=3)
    assert [tell(intake, secret, handle, [-term], begins=past) for term in range(1, 6)] == [["no_person"]] * 5
    for term in (-6, *people.terms):
        assert tell(intake, secret, handle, [term], begins=past) == ["metered"], term
        assert tell(intake, secret, handle, [term]) == ["metered"], term
