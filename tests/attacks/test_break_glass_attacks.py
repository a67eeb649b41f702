"""Attacks on break-glass: strangers by repeated emergencies, facts for nothing, more approvals than a budget holds."""

import itertools
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from support.database import Database, Session
from support.meter import Clock, Query, ask, fails, find, search_values
from support.signing import Member, about, act_of, asked, at_once, member, refuse, sign
from support.signing import ask as ask_act

pytest_plugins = ["support.signing_fixtures"]

KEEP = "select outcome, facts from cloison.keep_facts_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
GRANTS = "select state, person from cloison.grants_v1(%s, %s)"
MANAGERS = {"minutes_5": 3, "hour": 10}  # people whom the bundled profile lets a manager open
_terms = itertools.count(7_000_001)


def adviser(database: Database, holder: str | None = None) -> Member:
    """Somebody who may ask for break-glass."""
    return member(database, "adviser", segment="59", holder=holder)


def manager(database: Database) -> Member:
    """Somebody who may approve it."""
    return member(database, "manager", segment="59")


def stranger(database: Database) -> tuple[UUID, Query]:
    """Somebody whom nobody follows, and their identifier and birth date as the keeper hashes them."""
    term = next(_terms)
    (person,) = database.people(1)
    database.owner.execute(
        "update cloison.person set term2 = %s, term3 = %s where segment = '59' and person = %s", (term, term, person)
    )
    return person, Query(2, [term], 3, [term])


def keep(database: Database, session: Session, query: Query, request: UUID | None = None) -> tuple[str, UUID | None]:
    """Keep facts, as the desk's login does."""
    with database.connect("desk") as desk:
        row = desk.execute(KEEP, search_values(database, session, query, request or uuid4())).fetchone()
    assert row is not None
    return row[0], row[1]


def facts(database: Database, who: Member, query: Query) -> str:
    """The number of facts that somebody gave at the desk."""
    word, number = keep(database, database.session(who.account), query)
    assert word == "open"
    return str(number)


def glass(login: psycopg.Connection, who: Member, number: str, **more: Any) -> object:  # noqa: ANN401 - any detail
    """Ask for break-glass; what the door is told."""
    wish: dict[str, Any] = {"facts": number, "hours": 8, "reason": "asked", "compartments": ["identity"], **more}
    return ask_act(login, who, act_of(who, "grant.break_glass", **wish))


def told(database: Database, who: Member) -> list[tuple[str, UUID | None]]:
    """What somebody is told of their grants, the newest first."""
    session = database.session(who.account)
    with database.connect("desk") as desk:
        return [(row[0], row[1]) for row in desk.execute(GRANTS, (session.segment, session.token)).fetchall()]


def opens(database: Database, who: Member, person: UUID) -> str:
    """What an opening of somebody ends in."""
    session = database.session(who.account)
    with database.connect("desk") as desk:
        row = desk.execute(
            "select outcome from cloison.charge_v1(%s, %s, %s, %s, %s, %s)",
            (session.segment, [session.token], [uuid4()], [person], [1], [0]),
        ).fetchone()
    assert row is not None
    return str(row[0])


def test_strangers_by_repeated_emergencies(shared: Database, login: psycopg.Connection) -> None:
    """Two strangers, whatever a holder's accounts ask for at the same instant; taking them back gives no more."""
    accounts = [adviser(shared, "E-1"), adviser(shared, "E-1")]
    people = [stranger(shared) for _ in range(6)]
    numbers = [facts(shared, accounts[i % 2], query) for i, (_, query) in enumerate(people)]
    calls = [partial(glass, who=accounts[i % 2], number=n, emergency=True) for i, n in enumerate(numbers)]
    answers = at_once(shared, *calls)
    assert sorted(map(str, answers)) == ["CL026"] * 4 + ["waiting"] * 2
    opened = [person for person, _ in people if "open" in {opens(shared, who, person) for who in accounts}]
    assert len(opened) == 2
    for who in accounts:
        for act in login.execute("select act from cloison.acts_v1(%s, %s)", who.bearer).fetchall():
            refuse(login, who, act[0])
    for who in accounts:
        with fails("CL025"):
            glass(login, who, facts(shared, who, stranger(shared)[1]), emergency=True)
        assert [opens(shared, who, person) for person in opened] == ["scope", "scope"]


def test_emergency_that_nobody_approves(database: Database) -> None:
    """After four hours the person is out of reach, nobody can approve any more, and asking is over."""
    clock = Clock(database)
    with database.connect("signin") as login:
        who, approver = adviser(database), manager(database)
        person, query = stranger(database)
        act = act_of(who, "grant.break_glass", facts=facts(database, who, query), hours=8, reason="asked",
                     compartments=["identity"], emergency=True)  # fmt: skip
        assert ask_act(login, who, act) == "waiting"
        clock.advance(hours=3.9)
        assert opens(database, who, person) == "open"
        clock.advance(hours=0.2)
        assert opens(database, who, person) == "scope"
        database.owner.execute("update cloison.session set expires_at = %s", (clock.now + timedelta(hours=1),))
        database.owner.execute("update cloison.session set seen_at = %s, idle = '1 day'", (clock.now,))
        assert sign(login, approver, act.act) == "settled"
        with fails("CL025"):
            glass(login, who, facts(database, who, stranger(database)[1]))


def test_facts_for_nothing(shared: Database) -> None:
    """Nobody has their charge taken back by searching with the same request, before or after."""
    who = adviser(shared)
    session = shared.session(who.account)
    _, query = stranger(shared)
    with shared.connect("desk") as desk:
        request = uuid4()
        assert keep(shared, session, query, request)[0] == "open"
        assert find(desk, session, request) == "stale"
        request = uuid4()
        assert ask(desk, session, query, request) == "open"
        assert keep(shared, session, query, request)[0] == "open"
        assert find(desk, session, request) == "stale"
    refused = shared.one("select count(*) from cloison.refusal where account = %s", who.account)
    assert refused == 2


def test_facts_without_the_second_one(shared: Database) -> None:
    """An identifier alone names nobody: the keeper's proof of the birth date must be there, in the slot of proofs."""
    who = adviser(shared)
    session = shared.session(who.account)
    _, query = stranger(shared)
    for lacking in (Query(2, query.terms), Query(2, query.terms, 4, query.proof), Query(5, query.terms)):
        assert keep(shared, session, lacking) == ("scope", None)


def test_another_ones_facts(shared: Database, login: psycopg.Connection) -> None:
    """Facts are for the account that gave them, and for one grant."""
    who, other = adviser(shared), adviser(shared)
    number = facts(shared, who, stranger(shared)[1])
    with fails("CL024"):
        glass(login, other, number)
    assert glass(login, who, number, emergency=True) == "waiting"
    with fails("CL024"):
        glass(login, who, number, emergency=True)


@pytest.mark.parametrize(
    "lie",
    [{"hours": 9}, {"hours": 0}, {"compartments": ["identity", "nothing"]}, {"compartments": []}, {"hours": None}],
)
def test_more_than_may_be_asked(shared: Database, login: psycopg.Connection, lie: dict[str, object]) -> None:
    """Eight hours at most, and compartments of the role alone."""
    who = adviser(shared)
    with fails("CL024"):
        glass(login, who, facts(shared, who, stranger(shared)[1]), **lie)


def test_no_more_approvals_than_the_approvers_budget(shared: Database, login: psycopg.Connection) -> None:
    """Whoever approves everything approves as many people as they could open in five minutes; then nothing is given."""
    approver = manager(shared)
    answers = []
    for _ in range(MANAGERS["minutes_5"] + 2):
        who = adviser(shared)
        person, query = stranger(shared)
        act = asked(login, who, "grant.break_glass", facts=facts(shared, who, query), hours=1, reason="asked",
                    compartments=["identity"])  # fmt: skip
        try:
            answers.append(sign(login, approver, act))
        except psycopg.Error as error:
            answers.append(error.sqlstate)
            assert opens(shared, who, person) == "scope"
    assert answers == ["done"] * MANAGERS["minutes_5"] + ["CL027"] * 2


def test_who_may_not_approve(shared: Database, login: psycopg.Connection) -> None:
    """Neither the asker's other account, nor a manager of another organisation, nor an officer."""
    who = adviser(shared, "E-2")
    twin = member(shared, "manager", segment="59", holder="E-2")
    partner = member(shared, "manager", "Elsewhere", segment="59")
    act = asked(login, who, "grant.break_glass", facts=facts(shared, who, stranger(shared)[1]), hours=1, reason="asked",
                compartments=["identity"])  # fmt: skip
    assert [sign(login, each, act) for each in (who, twin, partner, member(shared))] == ["scope"] * 4
    assert told(shared, who) == [("waiting", None)]


def test_protected_people_and_oneself_are_nobody(shared: Database, login: psycopg.Connection) -> None:
    """A grant reaches nobody who is protected, not for their audience either, nor the account's own holder."""
    who, approver = adviser(shared), manager(shared)
    person, query = stranger(shared)
    shared.owner.execute(
        "insert into cloison.protection (segment, person, since) values ('59', %s, cloison.clock_v1())", (person,)
    )
    act = asked(login, who, "grant.break_glass", facts=facts(shared, who, query), hours=1, reason="asked",
                compartments=["identity"])  # fmt: skip
    assert sign(login, approver, act) == "done"
    assert told(shared, who) == [("nobody", None)]
    assert opens(shared, who, person) == "scope"


def test_reinstated_by_two_others_alone(shared: Database, login: psycopg.Connection) -> None:
    """Neither the account itself nor its holder's other one has the ban lifted."""
    who, twin = adviser(shared, "E-3"), member(shared, "manager", segment="59", holder="E-3")
    assert glass(login, who, facts(shared, who, stranger(shared)[1]), emergency=True) == "waiting"
    (act,) = login.execute("select act from cloison.acts_v1(%s, %s)", who.bearer).fetchone() or (None,)
    assert refuse(login, who, act)
    for each in (who, twin):
        assert ask_act(login, each, act_of(each, "grant.reinstate", **about(who))) == "scope"
    lifted = asked(login, manager(shared), "grant.reinstate", **about(who))
    assert sign(login, member(shared), lifted) == "done"
    assert glass(login, who, facts(shared, who, stranger(shared)[1])) == "waiting"


def test_a_grant_is_for_reading(shared: Database, login: psycopg.Connection) -> None:
    """Whoever was let open somebody may not change what is written of them."""
    who = adviser(shared)
    person, query = stranger(shared)
    assert glass(login, who, facts(shared, who, query), emergency=True) == "waiting"
    assert opens(shared, who, person) == "open"
    session = shared.session(who.account)
    with shared.connect("intake") as intake:
        row = intake.execute(
            "select outcome from cloison.read_for_change_v1(%s, %s, %s, %s, 1, 1, 5::int2, null)",
            (session.segment, session.token, uuid4(), [person]),
        ).fetchone()
    assert row == ("scope",)
