"""A manager's stolen session, or a manager and an adviser together: covers and handovers."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from support.database import SEGMENT, Database, Session, charge
from support.meter import Clock, fails
from support.relations import ASK, DECIDE, follow, handle_of, in_agency, limit, located, many, reach

WEEK = timedelta(days=7)
REFUSABLE = {"adviser", "reception", "benefits", "partner"}  # roles with a budget of refusals
Row = tuple[object, ...]


class Office:
    """An agency: two managers, an adviser with a caseload, and one without."""

    def __init__(self, database: Database, caseload: int = 30) -> None:
        """The adviser who is away follows `caseload` people."""
        self.database = database
        self.desk = database.connect("desk")
        self.first, self.second = in_agency(database, "manager"), in_agency(database, "manager")
        self.away, self.stand_in = in_agency(database, "adviser"), in_agency(database, "adviser")
        people = located(database, caseload)
        with database.connect("intake") as intake:
            follow(intake, self.handle(self.away), people.terms)
        self.people = list(people.values())

    def handle(self, who: Session) -> str:
        """The handle of a session's account."""
        return handle_of(self.database, who.account)

    def ask(  # noqa: PLR0913 - what a cover has
        self,
        who: Session,
        *,
        kind: str = "cover",
        giver: Session | None = None,
        taker: Session | None = None,
        length: timedelta = WEEK,
        people: list[UUID] | None = None,
    ) -> Row:
        """Ask for a cover or a handover of the caseload of who is away."""
        names = [self.handle(giver or self.away), self.handle(taker or self.stand_in)]
        until = datetime.now(UTC) + length
        return one(self.desk, ASK, (SEGMENT, who.token, kind, *names, None, until, people))

    def decide(self, who: Session, transfer: object, kind: str = "cover") -> Row:
        """Approve as this manager."""
        return one(self.desk, DECIDE, (SEGMENT, who.token, kind, transfer))


def one(desk: psycopg.Connection, statement: str, values: Row) -> Row:
    """The first row of a call."""
    row = desk.execute(statement, values).fetchone()
    assert row is not None
    return tuple(row)


@pytest.fixture
def office(database: Database) -> Office:
    """An agency."""
    return Office(database)


def test_one_manager_alone_gives_no_caseload(office: Office) -> None:
    """A whole caseload waits, whoever asked cannot approve it, and nobody is in reach meanwhile."""
    for kind in ("cover", "handover"):
        outcome, transfer, people, _ = office.ask(office.first, kind=kind)
        assert (outcome, people) == ("open", None)
        assert office.decide(office.first, transfer, kind)[0] == "scope"
    assert reach(office.database, office.stand_in.account) == set()


def test_two_managers_cover_a_caseload(office: Office) -> None:
    """With the second manager's yes the whole caseload is covered, and the colleague keeps it."""
    _, transfer, _, _ = office.ask(office.first)
    assert office.decide(office.second, transfer) == ("open", 30)
    assert reach(office.database, office.stand_in.account) == set(office.people)
    assert reach(office.database, office.away.account) == set(office.people)
    assert office.decide(office.second, transfer)[0] == "scope"


def test_two_managers_hand_a_caseload_over(office: Office) -> None:
    """After a handover the caseload is the other's, and is not metered."""
    limit(office.database, account_day=0, account_first_day=0, organisation_day=0)
    _, transfer, _, _ = office.ask(office.first, kind="handover")
    assert office.decide(office.second, transfer, "handover") == ("open", 30)
    assert reach(office.database, office.away.account) == set()
    assert reach(office.database, office.stand_in.account) == set(office.people)
    _, outcomes = charge(office.desk, office.away, office.people[:1])
    assert outcomes == ["scope"]


def test_neither_manager_gains(office: Office) -> None:
    """Whoever would gain the access neither asks for it nor approves it."""
    everything = "update cloison.role set relations = 15, permissions = 96 where name = 'manager'"
    office.database.owner.execute(everything)
    assert office.ask(office.first, taker=office.first)[0] == "scope"
    for kind in ("cover", "handover"):
        _, transfer, _, _ = office.ask(office.first, kind=kind, taker=office.second)
        assert office.decide(office.second, transfer, kind)[0] == "scope"
    assert reach(office.database, office.second.account) == set()


def test_few_people_by_name_take_one_manager(office: Office) -> None:
    """Twenty at most, all of the colleague's caseload, none twice, and they count among the stand-in's new people."""
    assert office.ask(office.first, people=office.people[:20])[:1] == ("open",)
    assert reach(office.database, office.stand_in.account) == set(office.people[:20])
    assert office.ask(office.first, people=office.people[:21])[0] == "scope"
    assert office.ask(office.first, people=[*office.people[:2], uuid4()])[0] == "scope"
    assert office.ask(office.first, people=[])[0] == "scope"
    assert office.ask(office.first, kind="handover", people=office.people[:1])[0] == "scope"
    stranger = office.database.people(1)
    assert office.ask(office.first, people=stranger)[0] == "scope"


def test_a_manager_who_names_everybody_in_turn(database: Database) -> None:
    """Twenty by twenty a manager gives an accomplice 60 people in a day: then it is refused, all or none."""
    office = Office(database, 100)
    outcomes = [office.ask(office.first, people=office.people[i * 15 : i * 15 + 15])[0] for i in range(6)]
    assert outcomes == ["open"] * 4 + ["budget"] * 2
    assert len(reach(database, office.stand_in.account)) == 60


def test_managers_at_once(database: Database) -> None:
    """Two managers who name people in parallel give no more than one."""
    office = Office(database, 120)

    def name_people(desk: psycopg.Connection, who: Session, start: int) -> None:
        names = [office_handle[office.away.account], office_handle[office.stand_in.account]]
        for i in range(start, start + 60, 20):
            until = datetime.now(UTC) + WEEK
            one(desk, ASK, (SEGMENT, who.token, "cover", *names, None, until, office.people[i : i + 20]))

    office_handle = {who.account: office.handle(who) for who in (office.away, office.stand_in)}
    with many(database, "desk", 2) as desks:
        threads = [
            threading.Thread(target=name_people, args=(desk, who, start))
            for desk, who, start in zip(desks, (office.first, office.second), (0, 60), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(reach(database, office.stand_in.account)) == 60


def test_of_another_agency_or_organisation(office: Office) -> None:
    """A manager has no say over other offices' people, and the second manager none over another organisation's."""
    database = office.database
    outside = in_agency(database, "manager", agency="nice")
    assert office.ask(outside)[0] == "scope"
    elsewhere = in_agency(database, "adviser", agency="nice")
    assert office.ask(office.first, taker=elsewhere)[0] == "scope"
    assert office.ask(office.first, giver=elsewhere)[0] == "scope"
    database.owner.execute("insert into cloison.organisation (name) values ('Partner')")
    database.owner.execute(
        "insert into cloison.agreement (organisation, valid_from, standing, ledger_segment) "
        "select organisation, now(), true, '59' from cloison.organisation where name = 'Partner'"
    )
    stranger = in_agency(database, "manager", organisation="Partner")
    _, transfer, _, _ = office.ask(office.first)
    assert office.decide(stranger, transfer)[0] == "scope"
    assert office.decide(outside, transfer) == ("open", 30)


@pytest.mark.parametrize("role", ["adviser", "reception", "benefits", "partner", "officer", "dpo"])
def test_who_is_no_manager(shared: Database, role: str) -> None:
    """Nobody without the act asks or approves; it is a refusal like others, in the log, and ends who has none left."""
    office = Office(shared)
    who, again = in_agency(shared, role), "scope" if role in REFUSABLE else "no_session"
    _, transfer, _, _ = office.ask(office.first)
    assert office.ask(who)[0] == "scope"
    assert office.decide(who, transfer)[0] == again
    assert reach(office.database, office.stand_in.account) == set()
    events = office.database.owner.execute(
        "select event::text, outcome::text from cloison.entry where account = %s order by number", (who.account,)
    ).fetchall()
    wanted = [("cover_asked", "scope"), ("cover_given", "scope")]
    assert events == (wanted if role in REFUSABLE else [("refusals_exceeded", "scope")])


def test_a_cover_that_is_too_long(office: Office) -> None:
    """Thirty days at most, and none that is over."""
    for length in (timedelta(days=31), -WEEK, timedelta(0)):
        assert office.ask(office.first, length=length)[0] == "scope"


def test_a_cover_ends_by_itself(database: Database) -> None:
    """When its time is over the stand-in opens nobody any more."""
    clock = Clock(database)
    office = Office(database)
    _, transfer, _, _ = office.ask(office.first)
    office.decide(office.second, transfer)
    clock.advance(days=8)
    assert reach(database, office.stand_in.account) == set()


def test_a_frozen_account(office: Office) -> None:
    """A frozen manager asks and approves nothing; nothing is given to a frozen account."""
    database = office.database
    _, transfer, _, _ = office.ask(office.first)
    for who in (office.first, office.second, office.stand_in):
        database.owner.execute("select cloison.freeze_v1(%s, %s)", (SEGMENT, who.account))
    assert office.ask(office.first)[0] == "frozen"
    assert office.decide(office.second, transfer)[0] == "frozen"
    for who in (office.first, office.second):
        database.owner.execute("select cloison.unfreeze_v1(%s, %s)", (SEGMENT, who.account))
    assert office.decide(office.second, transfer)[0] == "scope"
    assert office.ask(office.first)[0] == "scope"


def test_a_manager_who_asks_without_end(office: Office) -> None:
    """Twenty wishes a day, then they are refused."""
    outcomes = [office.ask(office.first)[0] for _ in range(22)]
    assert outcomes == ["open"] * 20 + ["scope"] * 2


def test_rolled_back_gives_nothing(office: Office) -> None:
    """A cover in a transaction that is rolled back neither covers anybody nor stands in the log."""
    office.desk.autocommit = False
    assert office.ask(office.first, people=office.people[:3])[0] == "open"
    office.desk.rollback()
    assert reach(office.database, office.stand_in.account) == set()
    assert office.database.one("select count(*) from cloison.entry where event = 'cover_given'") == 0


def test_an_old_snapshot(office: Office) -> None:
    """A transaction that would not see what others wrote meanwhile is refused."""
    office.desk.execute("set default_transaction_isolation = 'repeatable read'")
    with fails("CL001"):
        office.ask(office.first)


def test_entries_of_both_managers(office: Office) -> None:
    """Who asked and who approved stand in the log, without gaps, with the stand-in and how many people."""
    _, transfer, _, _ = office.ask(office.first)
    office.decide(office.second, transfer)
    office.ask(office.first, people=office.people[:2])
    rows = office.database.owner.execute(
        "select account, number, event::text, subject, amount from cloison.entry where event::text like 'cover%%' "
        "order by at"
    ).fetchall()
    taker = office.stand_in.account
    assert rows == [
        (office.first.account, 1, "cover_asked", taker, None),
        (office.second.account, 1, "cover_given", taker, 30),
        (office.first.account, 2, "cover_given", taker, 2),
    ]
