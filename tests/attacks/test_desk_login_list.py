"""A thief with the desk's login reads the caseload's list: no more people than follow, in any order of pages."""

# ruff: noqa: S608 - the statements are constants of the tests, put together

from uuid import UUID, uuid4

import pytest
from support.database import LABEL, SEGMENT, Database, charge, release
from support.meter import LIST, RELEASE, Clock, Thief, thief


def page(it: Thief, after: UUID | None = None, *, whole: bool = True) -> tuple[str, list[UUID], UUID | None]:
    """One page as an honest door asks for it: its outcome, whose cards came back, where the next begins."""
    request = uuid4()
    row = it.desk.execute(LIST, (SEGMENT, it.session.token, request, whole, after)).fetchone()
    assert row is not None
    rows = it.desk.execute(RELEASE, (SEGMENT, [it.session.token], [request], [None])).fetchall()
    return row[0], [each[0] for each in rows], row[2]


def test_whole_caseload(shared: Database) -> None:
    """The whole list shows everybody followed, once, with an entry each."""
    it = thief(shared, people=80)
    after, shown = None, []
    while True:
        outcome, people, after = page(it, after)
        assert outcome == "open"
        shown += people
        if after is None:
            break
    assert sorted(shown) == sorted(it.people)
    assert it.entries("open", "list") == 80


def test_list_rolled_back(shared: Database) -> None:
    """A list whose charge is rolled back shows nobody."""
    it = thief(shared)
    request = uuid4()
    with it.desk.transaction(force_rollback=True):
        it.desk.execute(LIST, (SEGMENT, it.session.token, request, True, None))
    assert it.desk.execute(RELEASE, (SEGMENT, [it.session.token], [request], [None])).fetchall() == []


def test_caseload_exchanged_to_list_more(database: Database) -> None:
    """Whoever's caseload is exchanged again and again is listed no more people than it holds, in any hour."""
    it, clock = thief(database, people=20), Clock(database)
    shown: set[UUID] = set()
    for _ in range(4):
        shown |= set(page(it)[1])
        database.owner.execute("delete from cloison.relation where account = %s", (it.session.account,))
        database.relate(it.session.account, database.people(20))
        clock.advance(minutes=10)
    assert len(shown) == 20


def test_list_of_more_than_the_budget(database: Database) -> None:
    """A caseload of any size is listed no faster than the list's budget."""
    it = thief(database, people=120)
    it.budget("list", 30, 30, 30, 30)
    shown: set[UUID] = set()
    for after in (None, None, *sorted(it.people)[::20]):
        shown |= set(page(it, after)[1])
    assert len(shown) == 30


def test_list_from_many_places_at_once(shared: Database) -> None:
    """Pages that overlap count each person once."""
    it = thief(shared, people=60)
    for after in (None, *sorted(it.people)[:55:9]):
        assert page(it, after)[0] == "open"
    assert (
        shared.one("select count(*) from cloison.opening where account = %s and meter = 'list'", it.session.account)
        == 60
    )


@pytest.mark.parametrize("kind", ["walk_in", "inbound"])
def test_people_of_other_relations(shared: Database, kind: str) -> None:
    """The whole caseload's list shows neither who came to the counter nor who has an appointment."""
    it = thief(shared, people=3)
    others = shared.people(3)
    shared.relate(it.session.account, others, kind)
    assert set(page(it)[1]) == set(it.people)
    assert set(page(it, whole=False)[1]) == (set(others) if kind == "inbound" else set())


def test_appointment_of_another_day(shared: Database) -> None:
    """Today's list shows today's appointments, those over and those to come, and of no other day."""
    it = thief(shared, people=0)
    people = shared.people(4)
    shared.relate(it.session.account, people, "inbound")
    day = "date_trunc('day', cloison.clock_v1(), 'UTC')"
    for person, begins, ends in (
        (people[0], "-1 hour", "0"),
        (people[1], "0", "1 microsecond"),
        (people[2], "86399 seconds", "30 hours"),
        (people[3], "24 hours", "25 hours"),
    ):
        shared.owner.execute(
            f"update cloison.relation set valid_from = {day} + %s::interval, valid_until = {day} + %s::interval "
            "where account = %s and person = %s",
            (begins, ends, it.session.account, person),
        )
    assert set(page(it, whole=False)[1]) == set(people[1:3])


def test_compartments_of_a_listed_person(shared: Database) -> None:
    """A list's receipt is for the label alone, and charging its request again changes nothing of that by itself."""
    it = thief(shared, people=1)
    request = uuid4()
    it.desk.execute(LIST, (SEGMENT, it.session.token, request, True, None))
    rows = it.desk.execute(
        "select compartments, cardinality(sealed) from cloison.release_v1(%s, %s, %s, %s)",
        (SEGMENT, [it.session.token], [request], [None]),
    ).fetchall()
    assert rows == [(LABEL, 1)]


def test_listed_person_opened(shared: Database) -> None:
    """To be listed opens nobody: the record is charged on its own budget."""
    it = thief(shared, people=20)
    page(it)
    requests, outcomes = charge(it.desk, it.session, it.people)
    assert len(release(it.desk, it.session, requests, it.people)) == outcomes.count("open") == 10
