"""Somebody with the desk's login and stolen sessions tries to lift a protection, or to let somebody in.

It takes two officers' sessions. An adviser's does nothing, one officer's only narrows.
"""

import threading
from uuid import UUID, uuid4

import pytest
from support.database import SEGMENT, Database, Session, charge, take
from support.meter import UNSAFE, Clock, fails, thief
from support.protected import LIFT, PROTECT, WIDEN, handle, lifted_by, protect, set_by, widened_by

DENIED = "42501"
ENTRIES = (
    "select event::text, outcome::text, person, subject, amount from cloison.entry where account = %s order by number"
)


def officer(database: Database) -> Session:
    """A session of a new officer's."""
    return database.session(database.account("officer"), seconds=3_456_000)


def withheld(database: Database, person: UUID) -> bool:
    """Whether the person is withheld from an account of no audience."""
    return bool(database.one("select cloison.withheld_v1(%s, %s, %s)", SEGMENT, uuid4(), person))


def test_adviser_lifts_or_widens(shared: Database) -> None:
    """An adviser's session neither lifts, widens nor sets, twice neither; each try is a refusal, with its entry."""
    it, other = thief(shared, 1), thief(shared, 0)
    protection = protect(shared, it.people[0])
    mine = handle(shared, it.session.account)
    for who in (it.session, other.session, it.session):
        assert lifted_by(it.desk, who, protection) == "scope"
        assert widened_by(it.desk, who, protection, [mine]) == "scope"
        assert set_by(it.desk, who, it.people[0], [mine]) == ("scope", None)
    assert take(it.desk, it.session, it.people) == set()
    rows = shared.owner.execute(ENTRIES, (it.session.account,)).fetchall()
    assert [row[:2] for row in rows[:3]] == [
        ("protection_lift_asked", "scope"),
        ("protection_set", "scope"),
        ("protection_set", "scope"),
    ]
    assert shared.one("select count(*) from cloison.refusal where account = %s", it.session.account) == 7


def test_adviser_and_one_officer(shared: Database) -> None:
    """An adviser's session is not the second person of an officer's."""
    it, one = thief(shared, 1), officer(shared)
    protection = protect(shared, it.people[0])
    assert lifted_by(it.desk, one, protection) == "asked"
    assert lifted_by(it.desk, it.session, protection) == "scope"
    assert withheld(shared, it.people[0])


@pytest.mark.parametrize("sessions", [1, 2])
def test_officer_confirms_their_own(shared: Database, sessions: int) -> None:
    """One officer, in one session or in two, lifts and widens nothing."""
    it, one = thief(shared, 1), officer(shared)
    again = one if sessions == 1 else shared.session(one.account)
    mine = handle(shared, it.session.account)
    protection = protect(shared, it.people[0])
    assert [lifted_by(it.desk, who, protection) for who in (one, again, one)] == ["asked", "same_person", "same_person"]
    assert [widened_by(it.desk, who, protection, [mine]) for who in (one, again)] == ["asked", "same_person"]
    assert take(it.desk, it.session, it.people) == set()


def test_officer_asks_at_once_on_many_connections(shared: Database) -> None:
    """Asked at the same moment in ten sessions, one officer is still one person."""
    one = officer(shared)
    (person,) = shared.people(1)
    protection = protect(shared, person)
    outcomes: list[object] = []

    def ask(session: Session) -> None:
        with shared.connect("desk") as desk:
            outcomes.append(lifted_by(desk, session, protection))

    threads = [threading.Thread(target=ask, args=(shared.session(one.account),)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes) <= {"asked", "same_person", "busy"}
    assert withheld(shared, person)


def test_two_officers_lift(shared: Database) -> None:
    """Two officers lift a protection: who asked, and who confirmed, stand in the audit log under their own numbers."""
    it, one, other = thief(shared, 1), officer(shared), officer(shared)
    mine = handle(shared, it.session.account)
    outcome, protection = set_by(it.desk, one, it.people[0], [])
    assert outcome == "open"
    assert take(it.desk, it.session, it.people) == set()
    assert lifted_by(it.desk, one, protection) == "asked"
    assert lifted_by(it.desk, other, protection) == "open"
    assert lifted_by(it.desk, other, protection) == "not_found"
    assert widened_by(it.desk, other, protection, [mine]) == "not_found"
    assert take(it.desk, it.session, it.people) == set(it.people)
    about = (it.people[0], protection)
    assert shared.owner.execute(ENTRIES, (one.account,)).fetchall() == [
        ("protection_set", "open", *about, 0),
        ("protection_lift_asked", "open", *about, None),
    ]
    assert shared.owner.execute(ENTRIES, (other.account,)).fetchall() == [("protection_lifted", "open", *about, None)]


def test_two_officers_widen(shared: Database) -> None:
    """Who comes in, comes in when two ask for the same accounts; who goes, goes at once, and comes back by two."""
    it, one, other = thief(shared, 1), officer(shared), officer(shared)
    mine, theirs = handle(shared, it.session.account), handle(shared, one.account)
    _, protection = set_by(it.desk, one, it.people[0], [theirs])
    assert widened_by(it.desk, one, protection, [theirs, mine]) == "asked"
    assert widened_by(it.desk, other, protection, [theirs]) == "open"  # nobody new
    assert widened_by(it.desk, other, protection, [handle(shared, other.account), mine]) == "asked"  # others
    assert take(it.desk, it.session, it.people) == set()
    assert widened_by(it.desk, other, protection, [mine]) == "open"
    assert take(it.desk, it.session, it.people) == set(it.people)
    assert widened_by(it.desk, one, protection, []) == "open"
    assert charge(it.desk, it.session, it.people)[1] == ["scope"]
    assert widened_by(it.desk, one, protection, [mine]) == "asked"
    assert charge(it.desk, it.session, it.people)[1] == ["scope"]


def test_lifting_is_not_widening(shared: Database) -> None:
    """A request to let somebody in does not confirm one to lift."""
    one, other = officer(shared), officer(shared)
    (person,) = shared.people(1)
    protection = protect(shared, person)
    with shared.connect("desk") as desk:
        assert widened_by(desk, one, protection, [handle(shared, one.account)]) == "asked"
        assert lifted_by(desk, other, protection) == "asked"
    assert withheld(shared, person)


def test_request_older_than_a_day(database: Database) -> None:
    """A request that nobody confirmed within a day is none."""
    one, other, clock = officer(database), officer(database), Clock(database)
    (person,) = database.people(1)
    protection = protect(database, person)
    with database.connect("desk") as desk:
        assert lifted_by(desk, one, protection) == "asked"
        clock.advance(hours=24)
        assert lifted_by(desk, other, protection) == "asked"
        assert lifted_by(desk, one, protection) == "open"


def test_request_of_a_frozen_officer(shared: Database) -> None:
    """What somebody asked who is frozen since is not there to be confirmed, and they ask for nothing more."""
    one, other = officer(shared), officer(shared)
    (person,) = shared.people(1)
    protection = protect(shared, person)
    with shared.connect("desk") as desk:
        assert lifted_by(desk, one, protection) == "asked"
        shared.owner.execute("select cloison.freeze_v1(%s, %s)", (SEGMENT, one.account))
        assert lifted_by(desk, other, protection) == "asked"
        assert lifted_by(desk, one, protection) == "frozen"
    assert withheld(shared, person)


def test_session_that_has_ended(shared: Database) -> None:
    """A session that has ended, or that never was, protects and lifts nothing."""
    one, other = officer(shared), officer(shared)
    (person,) = shared.people(1)
    protection = protect(shared, person)
    shared.owner.execute("select cloison.end_sessions_v1(%s, %s)", (SEGMENT, other.account))
    with shared.connect("desk") as desk:
        assert lifted_by(desk, one, protection) == "asked"
        for who in (other, other._replace(token=bytes(32)), one._replace(segment="75")):
            assert lifted_by(desk, who, protection) == "no_session"
            assert set_by(desk, who, person, []) == ("no_session", None)
            assert widened_by(desk, who, protection, []) == "no_session"
    assert withheld(shared, person)


def test_lift_rolled_back(shared: Database) -> None:
    """A lift in a transaction that is never committed opens nobody."""
    it, one, other = thief(shared, 1), officer(shared), officer(shared)
    protection = protect(shared, it.people[0])
    assert lifted_by(it.desk, one, protection) == "asked"
    with it.desk.transaction(force_rollback=True):
        assert lifted_by(it.desk, other, protection) == "open"
        requests, outcomes = charge(it.desk, it.session, it.people)
        assert outcomes == ["open"]
    assert take(it.desk, it.session, it.people) == set()
    assert requests


def test_whether_the_person_exists(shared: Database) -> None:
    """Protecting somebody there, somebody of another segment and nobody answers alike and leaves the same entry."""
    one = officer(shared)
    people = [*shared.people(1), *shared.people(1, "75"), uuid4()]
    with shared.connect("desk") as desk:
        answers = [set_by(desk, one, person, []) for person in people]
    assert {outcome for outcome, _ in answers} == {"open"}
    rows = shared.owner.execute(ENTRIES, (one.account,)).fetchall()
    assert {(event, outcome, amount) for event, outcome, _, _, amount in rows} == {("protection_set", "open", 0)}
    assert [(row[2], row[3]) for row in rows] == [(p, a[1]) for p, a in zip(people, answers, strict=True)]


def test_officer_opens_nobody(shared: Database) -> None:
    """An officer in the audience, with a relation too, opens nobody: the role has no relation that counts."""
    one = officer(shared)
    (person,) = shared.people(1)
    shared.relate(one.account, [person])
    with shared.connect("desk") as desk:
        assert set_by(desk, one, person, [handle(shared, one.account)])[0] == "open"
        assert take(desk, one, [person]) == set()


@pytest.mark.parametrize(
    "statement",
    [
        "select * from cloison.protection",
        "select * from cloison.audience",
        "select * from cloison.account_holder",
        "select * from cloison.alert",
        "delete from cloison.alert",
        "select cloison.lift_by_owner_v1(gen_random_uuid())",
        "select cloison.protect_by_owner_v1('59', gen_random_uuid(), '{}', '{}', null)",
        "select cloison.withheld_v1('59', gen_random_uuid(), gen_random_uuid())",
        "select * from cloison.withheld_each_v1('{}', '{}', '{}')",
        "select cloison.shielded_v1(gen_random_uuid())",
        "select cloison.set_holder_v1('59', gen_random_uuid(), '{}', '{}')",
        "select cloison.add_protection_v1('59', gen_random_uuid(), null, '{}', '{}', null)",
        "select * from cloison.standing_v1(gen_random_uuid(), null)",
        "select cloison.second_person_v1('59', gen_random_uuid(), '{}', gen_random_uuid(), null)",
    ],
)
@pytest.mark.parametrize("login", ["desk", "intake", "reaper"])
def test_asked_directly(shared: Database, statement: str, login: str) -> None:
    """No door reads who is protected or who the audience is, nor calls what stands behind its own functions."""
    with shared.connect(login) as door, fails(DENIED):
        door.execute(statement.encode())


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
@pytest.mark.parametrize("statement", [PROTECT, WIDEN, LIFT])
def test_stale_snapshot(shared: Database, isolation: str, statement: str) -> None:
    """None of them works from a snapshot that could be older than a session's end."""
    one = officer(shared)
    values: dict[str, tuple[object, ...]] = {
        PROTECT: (SEGMENT, one.token, SEGMENT, uuid4(), [], None),
        WIDEN: (SEGMENT, one.token, uuid4(), []),
        LIFT: (SEGMENT, one.token, uuid4()),
    }
    with shared.connect("desk") as desk:
        desk.execute(f"set default_transaction_isolation = '{isolation}'".encode())
        with fails(UNSAFE):
            desk.execute(statement, values[statement])
