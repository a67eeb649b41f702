"""The intake door's functions, called with its login or the desk's: sessions, charges and commits hold."""

import re
import secrets
from collections.abc import Iterator
from importlib.resources import files
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from support.database import FOLLOW_UP, IDENTITY, SEGMENT, Database, Session, charge, release, take
from support.meter import BATCH, WRITTEN, fails

CREATE, CORRECT, MERGE = 0, 1, 3
CORRECTION = 5
WHOLE = 31
READ = "select outcome from cloison.read_for_change_v1(%s, %s, %s, %s, %s, %s, %s::int2, %s)"
RELEASE = "select person from cloison.release_for_change_v1(%s, %s, %s)"
ASK = "select outcome from cloison.ask_locators_v1(%s, %s, %s, %s, %s::int2, %s, %s)"
CREATED = (
    "select outcome, person from cloison.create_person_v1(%s, %s, %s, 5::int2, %s, array[row(%s, 8000, 7, false, null, "
    "null, array_fill('\\x00'::bytea, array[5]), array_fill(null::bigint, array[8]), %s::bigint[])::cloison.newcomer])"
)
CHANGED = (
    "select cloison.change_person_v1(%s, %s, %s, 1, 'person_changed', 5::int2, array[row(%s, 1, %s, 2, %s, 8000, 7, "
    "false, null, null, 1, array['\\x01'::bytea], 0, array_fill(null::bigint, array[8]), '{}', '{}')"
    "::cloison.resealed])"
)


@pytest.fixture
def intake(database: Database) -> Iterator[psycopg.Connection]:
    """The door's login."""
    with database.connect("intake") as connection:
        yield connection


def read(intake: psycopg.Connection, session: Session, *people: UUID, act: int = CORRECT) -> tuple[UUID, list[str]]:
    """The charge half, for all of `people` in one request; its number and the outcomes."""
    request = uuid4()
    values = (session.segment, session.token, request, list(people), act, IDENTITY, CORRECTION, None)
    return request, [row[0] for row in intake.execute(READ, values).fetchall()]


def let_go(intake: psycopg.Connection, session: Session, request: UUID) -> list[UUID]:
    """The release half: whose records came."""
    return [row[0] for row in intake.execute(RELEASE, (session.segment, session.token, request)).fetchall()]


def ask(intake: psycopg.Connection, session: Session, group: int | None, request: UUID | None = None) -> str:
    """A question about a number, with the group of its misses."""
    groups = [] if group is None else [group]
    values = (session.segment, session.token, request or uuid4(), CREATE, CORRECTION, None, groups)
    return str(intake.execute(ASK, values).fetchone()[0])  # type: ignore[index]


def create(intake: psycopg.Connection, session: Session, request: UUID, term: int) -> tuple[Any, ...]:
    """Somebody new with one locator."""
    values = (session.segment, session.token, request, session.segment, uuid4(), [term])
    row = intake.execute(CREATED, values).fetchone()
    assert row is not None
    return row


def test_an_honest_door_reads_and_changes(database: Database, intake: psycopg.Connection) -> None:
    """What the attacks below try works where the rules are kept: else they would prove nothing."""
    session, (person, *_) = database.adviser(1)
    request, outcomes = read(intake, session, person)
    assert (outcomes, let_go(intake, session, request)) == (["open"], [person])
    values = (session.segment, session.token, request, session.segment, session.segment, person)
    assert intake.execute(CHANGED, values).fetchone() == ("changed",)
    entry = "select version, sealed_hash is not null from cloison.entry where person = %s and event = 'person_changed'"
    assert database.owner.execute(entry, (person,)).fetchall() == [(2, True)]


def test_changes_beyond_an_organisations_cap(database: Database, intake: psycopg.Connection) -> None:
    """An account under a cap reads nobody to change them, nor what it was charged for before there was one."""
    session, people = database.adviser(2)
    request, _ = read(intake, session, people[0])
    database.owner.execute("update cloison.agreement set hour = 1 where standing")
    assert let_go(intake, session, request) == []
    assert read(intake, session, people[1])[1] == ["scope"]


def test_the_desks_login_executes_none_of_the_doors_functions(database: Database) -> None:
    """Each function that is granted to intake is refused to the desk, and the reverse."""
    grants = files("cloison.store.sql").joinpath("90_grants.sql").read_text(encoding="utf-8")
    for login, other in (("intake", "desk"), ("desk", "intake")):
        functions = re.findall(rf"on function (cloison\.\S+\(.*\)) to cloison_{login};", grants)
        assert len(functions) > 5
        for function in functions:
            allowed = database.one("select has_function_privilege(%s, %s, 'execute')", f"cloison_{other}", function)
            assert allowed is False, function
    with database.connect("desk") as desk, pytest.raises(psycopg.errors.InsufficientPrivilege):
        desk.execute(RELEASE, ("59", b"", uuid4()))


@pytest.mark.parametrize("trick", ["none", "invented", "ended", "expired", "frozen"])
def test_without_a_living_session_the_login_reads_and_changes_nobody(
    database: Database, intake: psycopg.Connection, trick: str
) -> None:
    """A captured door holds no sessions: with an old, ended, frozen or invented token nothing is charged or changed."""
    session, (person, *_) = database.adviser(1)
    if trick == "invented":
        session = session._replace(token=secrets.token_bytes(32))
    elif trick == "none":
        session = session._replace(token=b"")
    elif trick == "ended":
        database.one("select cloison.end_sessions_v1('59', %s)", session.account)
    elif trick == "expired":
        database.owner.execute("update cloison.session set expires_at = now() - interval '1 second'")
    else:
        database.one("select cloison.freeze_v1('59', %s)", session.account)
    refused = "frozen" if trick == "frozen" else "no_session"
    request, outcomes = read(intake, session, person)
    assert (outcomes, let_go(intake, session, request)) == ([refused], [])
    values = (session.segment, session.token, request, session.segment, session.segment, person)
    assert intake.execute(CHANGED, values).fetchone() == (refused,)
    assert ask(intake, session, 1) == refused
    assert create(intake, session, uuid4(), 5)[0] == refused
    assert database.one("select version from cloison.person where person = %s", person) == 1
    assert database.one("select count(*) from cloison.receipt") == 0


def test_somebody_without_a_relation_is_not_changed(database: Database, intake: psycopg.Connection) -> None:
    """Neither is somebody whom the session might open in another segment, nor by an act that is not the role's."""
    session, (mine, *_) = database.adviser(1)
    (stranger,) = database.people(1)
    for person, home in ((stranger, "59"), (mine, "62")):
        values = (session.segment, session.token, uuid4(), home, session.segment, person)
        assert intake.execute(CHANGED, values).fetchone() == ("scope",)
    partner, (theirs, *_) = database.adviser(1, "partner")
    assert read(intake, partner, theirs)[1] == ["scope"]
    assert read(intake, session, mine, stranger, act=MERGE)[1] == ["scope", "scope"]
    assert database.one("select count(*) from cloison.person where version <> 1") == 0


def test_budgets_hold_across_opening_and_changing(database: Database, intake: psycopg.Connection) -> None:
    """Whoever opens through the desk and reads through the door has one budget of distinct people for both."""
    session, people = database.adviser(20)
    with database.connect("desk") as desk:
        opened = take(desk, session, people[:6])
        requests = [read(intake, session, person) for person in people[6:]]
        had = {person for request, _ in requests for person in let_go(intake, session, request)}
        assert len(opened | had) == 10
        assert [outcomes for _, outcomes in requests].count(["budget"]) == 10
        assert take(desk, session, people[10:]) <= opened | had


def test_two_people_are_read_together_or_not_at_all(database: Database, intake: psycopg.Connection) -> None:
    """Where the budget has room for one of two, the answer says so, and only who was charged is released."""
    session, people = database.adviser(20)
    for person in people[:9]:
        assert read(intake, session, person)[1] == ["open"]
    request, outcomes = read(intake, session, people[9], people[10], act=MERGE)
    assert sorted(outcomes) == ["budget", "open"]
    assert let_go(intake, session, request) == [people[9]]


def test_a_charge_rolled_back_releases_nobody(database: Database) -> None:
    """Charge, roll back, release; charge and release in one transaction; in a savepoint: nothing comes."""
    session, (person, *_) = database.adviser(1)
    with database.connect("intake", autocommit=False) as thief:
        request, outcomes = read(thief, session, person)
        assert outcomes == ["open"]
        with fails(WRITTEN):
            let_go(thief, session, request)
        thief.rollback()
        assert let_go(thief, session, request) == []
        thief.rollback()
        thief.execute("savepoint a")
        request, _ = read(thief, session, person)
        thief.execute("rollback to a")
        with fails(WRITTEN):  # the number of the transaction was used, whatever came of it
            let_go(thief, session, request)
    assert database.one("select count(*) from cloison.entry where event = 'person_read'") == 0


def test_a_release_looks_again(database: Database, intake: psycopg.Connection) -> None:
    """A freeze, the end of a session and the end of a relation between charge and release are met by the release."""
    for between in ("freeze", "end", "relation"):
        session, (person, *_) = database.adviser(1)
        request, outcomes = read(intake, session, person)
        assert outcomes == ["open"]
        if between == "freeze":
            database.one("select cloison.freeze_v1('59', %s)", session.account)
        elif between == "end":
            database.one("select cloison.end_sessions_v1('59', %s)", session.account)
        else:
            database.owner.execute("delete from cloison.relation where person = %s", (person,))
        assert let_go(intake, session, request) == [], between


def test_a_receipt_is_the_doors_alone_and_used_once(database: Database, intake: psycopg.Connection) -> None:
    """The desk's release passes a change's receipt over, the door's passes an opening's over, neither gives twice."""
    session, (person, other, *_) = database.adviser(2)
    with database.connect("desk") as desk:
        request, _ = read(intake, session, person)
        assert release(desk, session, [request], [person]) == []
        requests, _ = charge(desk, session, [other])
        assert let_go(intake, session, requests[0]) == []
        assert let_go(intake, session, request) == [person]
        assert let_go(intake, session, request) == []


def test_an_opening_and_a_change_of_one_number(database: Database, intake: psycopg.Connection) -> None:
    """One request number for both: what was charged last is released, to its own door, in its own compartments."""
    session, (person, *_) = database.adviser(1)
    request, _ = read(intake, session, person)
    with database.connect("desk") as desk:
        values = (session.segment, [session.token], [request], [person], [IDENTITY], [FOLLOW_UP])
        desk.execute("select * from cloison.charge_v1(%s, %s, %s, %s, %s::int[], %s::int2[])", values)
        assert let_go(intake, session, request) == []
        row = desk.execute(
            "select compartments from cloison.release_v1(%s, %s, %s, %s)",
            (session.segment, [session.token], [request], [person]),
        ).fetchone()
    assert row == (IDENTITY,)


def test_questions_share_five_a_day(database: Database, intake: psycopg.Connection) -> None:
    """Of the 999 NIRs that one birth leaves, five a day can be tried by creating; created, they are not given back."""
    outcomes = []
    for term in range(8):
        session = database.session(database.account())
        request = uuid4()
        outcomes.append(ask(intake, session, 42, request))
        if outcomes[-1] == "open":
            assert create(intake, session, request, 1_000 + term)[0] == "created"
    assert outcomes == ["open"] * 5 + ["budget"] * 3


def test_a_question_is_charged_before_it_is_answered(database: Database) -> None:
    """Asked and answered in one transaction, or answered twice, or without having been asked: nothing is told."""
    session = database.session(database.account())
    with database.connect("intake", autocommit=False) as thief:
        request = uuid4()
        assert ask(thief, session, None, request) == "open"
        with fails(WRITTEN):
            create(thief, session, request, 77)
        thief.rollback()
        assert create(thief, session, request, 77)[0] == "stale"
        thief.rollback()
        assert create(thief, session, uuid4(), 77)[0] == "stale"
        thief.rollback()
        assert ask(thief, session, None, request) == "open"
        thief.commit()
        assert create(thief, session, request, 77)[0] == "created"
        thief.rollback()  # gives the answer back, and keeps the refusal
    refusals = "select count(*) from cloison.refusal where account = %s"
    assert database.one(refusals, session.account) == 1
    assert database.one("select count(*) from cloison.locator where term = 77") == 0


def test_conflicts_are_refusals_and_end_the_session(database: Database, intake: psycopg.Connection) -> None:
    """Whoever tries numbers of others has as many tries as a search has misses."""
    theirs = database.session(database.account())
    request = uuid4()
    ask(intake, theirs, None, request)
    assert create(intake, theirs, request, 99)[0] == "created"
    session = database.session(database.account())
    outcomes = []
    for _ in range(12):
        request = uuid4()
        outcomes.append(ask(intake, session, None, request))
        if outcomes[-1] == "open":
            assert create(intake, session, request, 99) == ("conflict", None)
    assert outcomes == ["open"] * 10 + ["scope", "no_session"]


def test_creating_has_a_budget(database: Database, intake: psycopg.Connection) -> None:
    """An account writes no more people than it may open; beyond it nobody is written."""
    session = database.session(database.account())
    outcomes = []
    for term in range(12):
        request = uuid4()
        ask(intake, session, None, request)
        outcomes.append(create(intake, session, request, 500 + term)[0])
    assert outcomes == ["created"] * 10 + ["budget"] * 2
    assert database.one("select count(*) from cloison.person") == 10


def test_only_who_could_search_by_two_facts_may_ask(database: Database, intake: psycopg.Connection) -> None:
    """A role without walk-in right is told nothing about anybody's number (promise 10), whatever acts it has."""
    database.owner.execute("update cloison.role set permissions = 1, purposes = 63 where name = 'partner'")
    session = database.session(database.account("partner"))
    request = uuid4()
    assert ask(intake, session, None, request) == "scope"
    assert create(intake, session, request, 5)[0] == "stale"


def test_an_approval_opens_nobody(database: Database, intake: psycopg.Connection) -> None:
    """Whoever approves has no receipt, no opening and no ticket of either record, and none of their budget is used."""
    session, (survivor, absorbed, *_) = database.adviser(2)
    manager = database.session(database.account("manager"))
    asked = (
        "select merge from cloison.ask_merge_v1('59', %s, %s, 5::int2, null, %s, %s, 'other', array[1, 1], '{}', null)"
    )
    row = intake.execute(asked, (session.token, uuid4(), survivor, absorbed)).fetchone()
    assert row is not None
    approve = "select outcome from cloison.approve_merge_v1('59', %s, %s, %s)"
    assert intake.execute(approve, (session.token, uuid4(), row[0])).fetchone() == ("scope",)
    assert intake.execute(approve, (manager.token, uuid4(), row[0])).fetchone() == ("done",)
    for table in ("receipt", "opening"):
        assert database.one(f"select count(*) from cloison.{table} where account = %s", manager.account) == 0  # noqa: S608
    entry = "select event::text, person, subject from cloison.entry where account = %s and event = 'people_merged'"
    assert database.owner.execute(entry, (manager.account,)).fetchall() == [("people_merged", survivor, absorbed)]


def test_another_organisation_approves_nothing(database: Database, intake: psycopg.Connection) -> None:
    """The second account is one of the same organisation, and asks for what is waiting there alone."""
    session, (survivor, absorbed, *_) = database.adviser(2)
    asked = (
        "select merge from cloison.ask_merge_v1('59', %s, %s, 5::int2, null, %s, %s, 'other', array[1, 1], '{}', null)"
    )
    row = intake.execute(asked, (session.token, uuid4(), survivor, absorbed)).fetchone()
    assert row is not None
    other = database.session(database.account("manager", organisation="Another"))
    approve = "select outcome from cloison.approve_merge_v1('59', %s, %s, %s)"
    assert intake.execute(approve, (other.token, uuid4(), row[0])).fetchone() == ("scope",)


def test_an_organisations_cap_is_not_passed_by_changing(database: Database, intake: psycopg.Connection) -> None:
    """Where the organisation's own ledger counts too, the door reads nobody: it does not ask that ledger yet."""
    session, (person, *_) = database.adviser(1)
    database.owner.execute("update cloison.agreement set minutes_5 = 5, hour = 5, day = 5, days_28 = 5")
    request, outcomes = read(intake, session, person)
    assert (outcomes, let_go(intake, session, request)) == (["scope"], [])


def test_more_than_two_at_once(database: Database, intake: psycopg.Connection) -> None:
    """The door reads one person, or two to be merged: no batch."""
    session, people = database.adviser(3)
    with fails(BATCH):
        read(intake, session, *people)
    with fails(BATCH):
        read(intake, session, people[0], people[0])


WRITE_AS = CHANGED.replace("1, 'person_changed', 5::int2", "%s, %s::cloison.event, %s::int2")


@pytest.fixture
def shared_intake(shared: Database) -> Iterator[psycopg.Connection]:
    """Intake's own login, in the shared database."""
    with shared.connect("intake") as connection:
        yield connection


@pytest.mark.parametrize("act", [None, 0, 5, 6, 7])
@pytest.mark.parametrize("role", ["partner", "manager", "officer"])
def test_acts_that_change_nobody(
    shared: Database, shared_intake: psycopg.Connection, role: str, act: int | None
) -> None:
    """Under no act, or under one that is not a change's, a role that changes nobody reads and writes nobody."""
    session, (person,) = shared.adviser(1, role)
    for purpose in (None, *range(8)):
        request = uuid4()
        values = (session.segment, session.token, request)
        with fails("CL002"):
            shared_intake.execute(READ, (*values, [person], act, IDENTITY, purpose, None))
        with fails("CL002"):
            shared_intake.execute(WRITE_AS, (*values, act, "person_changed", purpose, SEGMENT, SEGMENT, person))
        assert let_go(shared_intake, session, request) == []
    assert shared.one("select version from cloison.person where person = %s", person) == 1


def test_a_change_without_a_purpose(shared: Database, shared_intake: psycopg.Connection) -> None:
    """Nobody is read, asked about or changed for no purpose."""
    session, (person,) = shared.adviser(1)
    values = (session.segment, session.token, uuid4())
    assert shared_intake.execute(READ, (*values, [person], CORRECT, IDENTITY, None, None)).fetchall() == [("scope",)]
    assert shared_intake.execute(ASK, (*values, CREATE, None, None, [])).fetchone() == ("scope",)
    written = (*values, CORRECT, "person_changed", None, SEGMENT, SEGMENT, person)
    assert shared_intake.execute(WRITE_AS, written).fetchone() == ("scope",)


@pytest.mark.parametrize("event", ["open", "account_frozen", "protection_lifted", "merge_asked"])
def test_a_change_under_another_name(shared: Database, shared_intake: psycopg.Connection, event: str) -> None:
    """A change is logged as a change: the log never says that an account did what it did not."""
    session, (person,) = shared.adviser(1)
    with fails("CL002"):
        shared_intake.execute(
            WRITE_AS,
            (session.segment, session.token, uuid4(), CORRECT, event, CORRECTION, SEGMENT, SEGMENT, person),
        )
