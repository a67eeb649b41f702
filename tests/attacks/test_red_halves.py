"""What happens between two halves: an agreement that ends, a freeze, a protection; and approvals of one's own."""

import secrets
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from support.database import CONTACT, SEGMENT, Database, Session
from support.protected import protect
from support.relations import reach

ASK_CODE = "select outcome from cloison.ask_code_v1(%s, %s, %s, %s, %s, %s)"
ADDRESS = "select person from cloison.release_address_v1(%s, %s, %s)"
CONFIRM = "select outcome from cloison.confirm_code_v1(%s, %s, %s, %s)"
READ = "select outcome from cloison.read_for_change_v1(%s, %s, %s, %s, 1, 1, 5::int2, null)"
CHANGED = "select person from cloison.release_for_change_v1(%s, %s, %s)"
WRITE = (
    "select cloison.change_person_v1(%s, %s, %s, 1, 'person_changed', 5::int2, array[row(%s, 1, %s, 2, %s, 8000, 7, "
    "false, null, null, 2, array['\\x01'::bytea], 0, array_fill(null::bigint, array[8]), '{}', '{}')"
    "::cloison.resealed])"
)
ASK_MERGE = (
    "select outcome, merge from cloison.ask_merge_v1(%s, %s, %s, 5::int2, null, %s, %s, 'other', array[1, 1], '{}', "
    "null)"
)
APPROVE = "select outcome from cloison.approve_merge_v1(%s, %s, %s, %s)"
Between = Callable[[Database, Session], object]


def ends_agreement(database: Database, session: Session) -> object:
    """The agreement of the account's organisation ends."""
    return database.one(
        "select cloison.end_agreement_v1(organisation) from cloison.account where account = %s", session.account
    )


def freezes(database: Database, session: Session) -> object:
    """The account is frozen."""
    return database.one("select cloison.freeze_v1(%s, %s)", SEGMENT, session.account)


def ends_session(database: Database, session: Session) -> object:
    """The session is ended."""
    return database.one("select cloison.end_sessions_v1(%s, %s)", SEGMENT, session.account)


BETWEEN: list[Between] = [ends_agreement, freezes, ends_session]


@pytest.fixture
def intake(database: Database) -> Iterator[psycopg.Connection]:
    """The door's login."""
    with database.connect("intake") as connection:
        yield connection


def met(database: Database, role: str = "adviser") -> tuple[Session, UUID]:
    """A session, and somebody whom its account found by both facts."""
    session, (person,) = database.session(database.account(role)), database.people(1)
    database.owner.execute(
        "insert into cloison.relation (segment, account, person, kind, valid_from, valid_until) "
        "values (%s, %s, %s, 'walk_in', now(), now() + interval '30 minutes')",
        (SEGMENT, session.account, person),
    )
    return session, person


def asks_code(intake: psycopg.Connection, session: Session, person: UUID, hashed: bytes) -> tuple[UUID, object]:
    """Ask for a code; its number, and the outcome."""
    code = uuid4()
    row = intake.execute(ASK_CODE, (SEGMENT, session.token, code, person, CONTACT, hashed)).fetchone()
    assert row is not None
    return code, row[0]


@pytest.mark.parametrize("between", BETWEEN)
def test_an_address_is_not_released_once_it_has_ended(
    database: Database, intake: psycopg.Connection, between: Between
) -> None:
    """A code that was charged gives no address when agreement, account or session ended before the release."""
    session, person = met(database)
    code, outcome = asks_code(intake, session, person, bytes(32))
    assert outcome == "open"
    between(database, session)
    assert intake.execute(ADDRESS, (SEGMENT, session.token, code)).fetchall() == []


@pytest.mark.parametrize("between", BETWEEN)
def test_a_record_to_be_changed_is_not_released_once_it_has_ended(
    database: Database, intake: psycopg.Connection, between: Between
) -> None:
    """A read that was charged gives no record, and no change is written, when any of these ended meanwhile."""
    session, (person, *_) = database.adviser(1)
    request = uuid4()
    assert intake.execute(READ, (SEGMENT, session.token, request, [person])).fetchall() == [("open",)]
    between(database, session)
    assert intake.execute(CHANGED, (SEGMENT, session.token, request)).fetchall() == []
    values = (SEGMENT, session.token, request, SEGMENT, SEGMENT, person)
    assert intake.execute(WRITE, values).fetchone() != ("changed",)
    assert database.one("select version from cloison.person where person = %s", person) == 1


@pytest.mark.parametrize("between", BETWEEN)
def test_a_code_confirmed_after_the_end_gives_no_relation(
    database: Database, intake: psycopg.Connection, between: Between
) -> None:
    """The right code is worth nothing to an account that may open nobody any more."""
    session, person = met(database)
    hashed = secrets.token_bytes(32)
    asks_code(intake, session, person, hashed)
    between(database, session)
    assert intake.execute(CONFIRM, (SEGMENT, session.token, person, hashed)).fetchone() != ("open",)
    assert database.one("select count(*) from cloison.relation where kind = 'inbound'") == 0


def test_a_code_for_somebody_protected_meanwhile(database: Database, intake: psycopg.Connection) -> None:
    """Protected between code and confirmation: the answer is that of a wrong code, and no relation is written."""
    session, person = met(database)
    hashed = secrets.token_bytes(32)
    asks_code(intake, session, person, hashed)
    protect(database, person)
    assert intake.execute(CONFIRM, (SEGMENT, session.token, person, hashed)).fetchone() == ("scope",)
    assert database.one("select count(*) from cloison.relation where kind = 'inbound'") == 0


def test_a_code_goes_to_no_address_that_its_agent_wrote(database: Database, intake: psycopg.Connection) -> None:
    """Whoever changed somebody's record has no code sent by it: they would read the message, and confirm it, alone."""
    session, person = met(database)
    request = uuid4()
    intake.execute(READ, (SEGMENT, session.token, request, [person]))
    values = (SEGMENT, session.token, request, SEGMENT, SEGMENT, person)
    assert intake.execute(WRITE, values).fetchone() == ("changed",)
    assert asks_code(intake, session, person, bytes(32))[1] == "scope"
    colleague = database.session(database.account())
    database.owner.execute(
        "insert into cloison.relation select segment, %s, person, kind, valid_from, valid_until from cloison.relation "
        "where account = %s",
        (colleague.account, session.account),
    )
    assert asks_code(intake, colleague, person, bytes(32))[1] == "open"
    assert reach(database, session.account) == {person}


def test_an_address_changed_between_charge_and_release(database: Database, intake: psycopg.Connection) -> None:
    """Nor to one that the agent wrote after the code was charged: what is released is what was there then."""
    session, person = met(database)
    code, outcome = asks_code(intake, session, person, bytes(32))
    assert outcome == "open"
    values = (SEGMENT, session.token, uuid4(), SEGMENT, SEGMENT, person)
    assert intake.execute(WRITE, values).fetchone() == ("changed",)
    assert intake.execute(ADDRESS, (SEGMENT, session.token, code)).fetchall() == []


def test_an_address_by_way_of_another_record(database: Database, intake: psycopg.Connection) -> None:
    """Nor to one that the agent wrote into a record which the person's has absorbed since."""
    session, person = met(database)
    (own,) = database.people(1)
    database.relate(session.account, [own])
    values = (SEGMENT, session.token, uuid4(), SEGMENT, SEGMENT, own)
    assert intake.execute(WRITE, values).fetchone() == ("changed",)
    colleague, manager = database.session(database.account()), database.session(database.account("manager"))
    database.relate(colleague.account, [own, person])
    merge = intake.execute(
        ASK_MERGE.replace("[1, 1]", "[1, 2]"), (SEGMENT, colleague.token, uuid4(), person, own)
    ).fetchone()
    assert merge is not None
    assert intake.execute(APPROVE, (SEGMENT, manager.token, uuid4(), merge[1])).fetchone() == ("done",)
    assert asks_code(intake, session, person, bytes(32))[1] == "scope"


class Pair:
    """Somebody who asks for a merge, and two records that they follow."""

    def __init__(self, database: Database, intake: psycopg.Connection, role: str = "adviser") -> None:
        """Ask for nothing yet."""
        self.database, self.intake = database, intake
        self.session, (self.survivor, self.absorbed, *_) = database.adviser(2, role)

    def asked(self, survivor: UUID | None = None, absorbed: UUID | None = None) -> tuple[object, object]:
        """Ask; outcome and number."""
        people = (survivor or self.survivor, absorbed or self.absorbed)
        row = self.intake.execute(ASK_MERGE, (SEGMENT, self.session.token, uuid4(), *people)).fetchone()
        assert row is not None
        return row[0], row[1]

    def approved(self, by: Session, merge: object) -> object:
        """Approve; the outcome."""
        row = self.intake.execute(APPROVE, (SEGMENT, by.token, uuid4(), merge)).fetchone()
        assert row is not None
        return row[0]


def test_a_merge_of_a_frozen_account_is_not_approved(database: Database, intake: psycopg.Connection) -> None:
    """What an account asked for before it was frozen waits with it, as covers and lifted protections do."""
    pair, manager = Pair(database, intake), database.session(database.account("manager"))
    _, merge = pair.asked()
    freezes(database, pair.session)
    assert pair.approved(manager, merge) == "scope"
    database.one("select cloison.unfreeze_v1(%s, %s)", SEGMENT, pair.session.account)
    assert pair.approved(manager, merge) == "done"


def test_two_sessions_of_one_account_merge_nothing(database: Database, intake: psycopg.Connection) -> None:
    """Whoever may both ask and approve still is one account, by whichever session it approves."""
    database.owner.execute("update cloison.role set permissions = permissions | 32 where name = 'adviser'")
    pair = Pair(database, intake)
    _, merge = pair.asked()
    again = database.session(pair.session.account)
    assert [pair.approved(session, merge) for session in (pair.session, again)] == ["scope", "scope"]
    assert pair.approved(database.session(database.account()), merge) == "done"


@pytest.mark.parametrize("between", BETWEEN)
def test_an_approver_who_has_ended_approves_nothing(
    database: Database, intake: psycopg.Connection, between: Between
) -> None:
    """The second account is looked at when it approves."""
    pair, manager = Pair(database, intake), database.session(database.account("manager"))
    _, merge = pair.asked()
    between(database, manager)
    assert pair.approved(manager, merge) != "done"
    assert database.one("select count(*) from cloison.person where person = %s", pair.absorbed) == 1


def test_a_record_does_not_absorb_itself(database: Database, intake: psycopg.Connection) -> None:
    """A merge of somebody with themselves would take them out of the register for good."""
    pair = Pair(database, intake)
    outcome, merge = pair.asked(pair.survivor, pair.survivor)
    assert (outcome, merge) == ("scope", None)
