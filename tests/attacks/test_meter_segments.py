"""One call for accounts of several segments: each is judged by its own ledger, at its own home, and nowhere else."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import psycopg
from support.database import FOLLOW_UP, IDENTITY, SEGMENT, Database, Session
from support.meter import Thief, thief

CHARGE = "select outcome from cloison.charge_each_v1(%s, %s::text[], %s::bytea[], %s, %s, %s::int[], %s::smallint[])"
RELEASE = "select ordinal, person, ticket from cloison.release_each_v1(%s, %s::text[], %s::bytea[], %s, %s)"
ELSEWHERE = "75"
Asked = tuple[str, Session, UUID]


def at_home_in(database: Database, segment: str, people: int) -> Thief:
    """A thief whose account and people are of this segment."""
    account = database.account(segment=segment)
    followed = database.people(people, segment)
    database.relate(account, followed, segment=segment)
    session = database.session(account, segment=segment)
    return Thief(database, database.connect("desk"), session, followed)


def charged(
    desk: psycopg.Connection, asked: Sequence[Asked], segment: str | None = None
) -> tuple[list[UUID], list[str]]:
    """Charge each where it is asked for; the requests' numbers and the outcomes."""
    requests = [uuid4() for _ in asked]
    values = (
        *(segment, [place for place, _, _ in asked], [session.token for _, session, _ in asked], requests),
        *([person for *_, person in asked], [IDENTITY] * len(asked), [FOLLOW_UP] * len(asked)),
    )
    return requests, [row[0] for row in desk.execute(CHARGE, values).fetchall()]


def released(desk: psycopg.Connection, asked: Sequence[Asked], requests: Sequence[UUID]) -> dict[int, UUID]:
    """Who is given out, by ordinal."""
    values = ([place for place, _, _ in asked], [session.token for _, session, _ in asked])
    rows = desk.execute(RELEASE, (None, *values, requests, [person for *_, person in asked])).fetchall()
    assert all(f"|{asked[ordinal - 1][0]}|" in ticket for ordinal, _, ticket in rows)
    return {ordinal: person for ordinal, person, _ in rows}


def test_each_is_opened_at_its_own_home(database: Database) -> None:
    """Requests of two segments in one call are charged, logged and released where each belongs."""
    here, there = at_home_in(database, SEGMENT, 3), at_home_in(database, ELSEWHERE, 3)
    asked = [
        (it.session.segment, it.session, person)
        for pair in zip(here.people, there.people, strict=True)
        for it, person in zip((here, there), pair, strict=True)
    ]
    requests, outcomes = charged(here.desk, asked)
    assert outcomes == ["open"] * 6
    assert released(here.desk, asked, requests) == {i: person for i, (*_, person) in enumerate(asked, 1)}
    entries = database.owner.execute("select segment, count(*) from cloison.entry where event = 'open' group by 1")
    assert dict(entries.fetchall()) == {SEGMENT: 3, ELSEWHERE: 3}


def test_budgets_stay_apart(database: Database) -> None:
    """Two accounts of two segments have a budget each, whatever the order they are mixed in."""
    here, there = at_home_in(database, SEGMENT, 14), at_home_in(database, ELSEWHERE, 14)
    asked = [(it.session.segment, it.session, it.people[i]) for i in range(14) for it in (here, there)]
    _, outcomes = charged(here.desk, asked)
    assert (outcomes[::2].count("open"), outcomes[1::2].count("open")) == (10, 10)


def test_another_segment_is_no_way_round(database: Database) -> None:
    """A token named with another segment than its home's is nobody's session there, in whatever place it is put."""
    here, there = at_home_in(database, SEGMENT, 2), at_home_in(database, ELSEWHERE, 2)
    wrong = [
        (ELSEWHERE, here.session, here.people[0]),
        (ELSEWHERE, here.session, there.people[0]),
        (SEGMENT, here.session, there.people[0]),
        (SEGMENT, there.session, there.people[0]),
    ]
    for segment in (None, SEGMENT, ELSEWHERE):
        requests, outcomes = charged(here.desk, wrong, segment)
        assert outcomes == ["no_session", "no_session", "scope", "no_session"]
        assert released(here.desk, wrong, requests) == {}


def test_a_charge_is_released_where_it_was_made(database: Database) -> None:
    """A receipt of one segment is not given out in another, nor twice when asked for in both."""
    it, other = at_home_in(database, SEGMENT, 2), thief(database)
    asked = [(SEGMENT, it.session, it.people[0])]
    requests, outcomes = charged(it.desk, asked)
    assert outcomes == ["open"]
    assert released(it.desk, [(ELSEWHERE, it.session, it.people[0])], requests) == {}
    assert released(it.desk, [(SEGMENT, other.session, it.people[0])], requests) == {}
    both = [(ELSEWHERE, it.session, it.people[0]), *asked, *asked]
    assert released(it.desk, both, requests * 3) == {2: it.people[0]}


def test_nulls_open_nobody(database: Database) -> None:
    """Segments that are missing or fewer than the requests are no segments."""
    it = at_home_in(database, SEGMENT, 1)
    values = ([it.session.token], [uuid4()], [it.people[0]], [IDENTITY], [FOLLOW_UP])
    for places in ([None], [], None):
        for segment in (None, SEGMENT):
            rows = it.desk.execute(CHARGE, (segment, places, *values)).fetchall()
            assert rows == [("no_session",)]
