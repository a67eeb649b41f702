"""Attacks on exports by a captured desk, the executor, or whoever would sign alone: never more than two signed for."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from support.database import Database
from support.exporting import EXPORT, RECIPIENT, RELEASE, Exporter, given, people_in, wish
from support.meter import Clock, fails
from support.signing import Member, act_of, ask, asked, begun, member, passkey, refuse, sign, tend

from cloison.store.schema import LOGINS

pytest_plugins = ["support.signing_fixtures"]


def everything(exporter: Exporter, desk: psycopg.Connection, after: UUID | None = None) -> set[UUID]:
    """Whoever comes out, page after page, until the segment ends or the desk is refused."""
    found: set[UUID] = set()
    for _ in range(20):
        page = exporter.page(desk, after)
        found |= set(page.people)
        if page.outcome != "open" or page.last is None:
            break
        after = page.last
    return found


def test_more_pages_than_people(shared: Database, login: psycopg.Connection) -> None:
    """The budget is of distinct people, wherever the cursor is put and however often; again is free, and logged."""
    exporter = given(shared, login, people=10, there=250)
    with shared.connect("desk") as desk:
        found = everything(exporter, desk)
        for after in (None, *exporter.people[::25]):
            found |= everything(exporter, desk, after)
        assert len(found) == exporter.taken() == 10
        assert exporter.page(desk, exporter.people[100]).outcome == "budget"
        again = exporter.page(desk)
        assert (again.outcome, set(again.people)) == ("open", found)
    logged = shared.one(
        "select count(*) from cloison.entry where account = %s and event = 'exported' and person = %s and subject = %s",
        *(exporter.who.account, again.people[0], exporter.act),
    )
    assert isinstance(logged, int)
    assert logged > 2


def test_parallel_executors(shared: Database, login: psycopg.Connection) -> None:
    """Sessions of the executor that ask at the same instant share one budget."""
    exporter = given(shared, login, people=7, there=120)
    sessions = [shared.session(exporter.who.account, touched=True) for _ in range(6)]
    barrier = Barrier(len(sessions))

    def run(number: int) -> set[UUID]:
        with shared.connect("desk") as desk:
            barrier.wait()
            pages = [exporter.page(desk, exporter.people[10 * number + n], session=sessions[number]) for n in range(5)]
            return {person for page in pages for person in page.people}

    with ThreadPoolExecutor(len(sessions)) as pool:
        found = set().union(*pool.map(run, range(len(sessions))))
    assert len(found) == exporter.taken() == 7


def test_charge_that_is_rolled_back_gives_nothing(shared: Database, login: psycopg.Connection) -> None:
    """A page given out in the transaction that charged it could be rolled back: it is not given out there."""
    exporter = given(shared, login)
    session, request = exporter.session, uuid4()
    with shared.connect("desk", autocommit=False) as desk:
        desk.execute(EXPORT, (session.segment, session.token, exporter.act, request, exporter.place, None))
        with fails("CL003"):
            desk.execute(RELEASE, (session.segment, session.token, exporter.act, request))
        desk.rollback()
        assert desk.execute(RELEASE, (session.segment, session.token, exporter.act, request)).fetchall() == []
    with shared.connect("desk", autocommit=False) as desk:
        desk.execute("set transaction isolation level repeatable read")
        with fails("CL001"):
            desk.execute(EXPORT, (session.segment, session.token, exporter.act, request, exporter.place, None))


def test_released_once_and_by_nothing_else(shared: Database, login: psycopg.Connection) -> None:
    """A page's receipts give it once, for its own grant, and are none that a relation's release takes."""
    exporter, other = given(shared, login), given(shared, login)
    session, request = exporter.session, uuid4()
    values = (session.segment, session.token, exporter.act, request)
    with shared.connect("desk") as desk:
        desk.execute(EXPORT, (*values, exporter.place, None))
        shared.relate(exporter.who.account, exporter.people[:1], segment=exporter.place)
        assert desk.execute(
            "select person from cloison.release_each_v1(%s, %s, %s, %s, %s)",
            ("59", ["59"], [session.token], [request], [None]),
        ).fetchall() == []  # fmt: skip
        assert desk.execute(RELEASE, (session.segment, session.token, other.act, request)).fetchall() == []
        assert len(desk.execute(RELEASE, values).fetchall()) == 10
        assert desk.execute(RELEASE, values).fetchall() == []


def test_another_ones_grant(shared: Database, login: psycopg.Connection) -> None:
    """A grant is its executor's account's: no other account's, nor for segments that it does not name."""
    exporter, other = given(shared, login), given(shared, login)
    people_in(shared, 3, "980")
    with shared.connect("desk") as desk:
        assert exporter.page(desk, session=other.session).outcome == "scope"
        assert exporter.page(desk, act=uuid4()).outcome == "scope"
        for place in ("980", other.place, "59"):
            assert exporter.page(desk, place=place).outcome == "scope"
        assert other.page(desk).outcome == "open"
    assert exporter.taken() == 0


def test_touch_at_the_start(shared: Database, login: psycopg.Connection) -> None:
    """A session that nobody touched lately begins no export, were the grant begun by another one."""
    exporter = given(shared, login)
    with shared.connect("desk") as desk:
        assert exporter.page(desk).outcome == "open"
        assert exporter.page(desk, session=shared.session(exporter.who.account)).outcome == "step_up"


def test_a_new_passkey_reads_no_export(shared: Database, login: psycopg.Connection) -> None:
    """Whoever signed in by a passkey that was added today waits for tomorrow, however fresh their touch."""
    exporter = given(shared, login)
    factor, key = passkey(shared, "59", exporter.who.account, "0 days")
    begun(shared, exporter.who._replace(factor=factor, public_key=key), "desk")
    with shared.connect("desk") as desk:
        assert exporter.page(desk).outcome == "scope"
        shared.owner.execute(
            "update cloison.ledger set quarantined_until = cloison.clock_v1() where account = %s",
            (exporter.who.account,),
        )
        assert exporter.page(desk).outcome == "open"


def _freeze(exporter: Exporter, login: psycopg.Connection) -> None:
    assert tend(login, member(exporter.database), "freeze", exporter.who) == 1


def _close(exporter: Exporter, login: psycopg.Connection) -> None:
    assert tend(login, member(exporter.database), "close", exporter.who) == 1


def _end_sessions(exporter: Exporter, _: psycopg.Connection) -> None:
    exporter.database.one("select cloison.end_sessions_v1('59', %s)", exporter.who.account)


def _revoke(exporter: Exporter, login: psycopg.Connection) -> None:
    assert refuse(login, exporter.who, exporter.act) is False
    assert refuse(login, member(exporter.database), exporter.act) is True


def _expire(exporter: Exporter, _: psycopg.Connection) -> None:
    exporter.database.owner.execute(
        "update cloison.export set valid_until = cloison.clock_v1() where act = %s", (exporter.act,)
    )


@pytest.mark.parametrize("stop", [_freeze, _close, _end_sessions, _revoke, _expire])
def test_stopped_between_charge_and_release(
    shared: Database, login: psycopg.Connection, stop: Callable[[Exporter, psycopg.Connection], None]
) -> None:
    """What ends, freezes or revokes stops the page that was charged already, and all after it."""
    exporter = given(shared, login, there=120, people=120)
    session, request = exporter.session, uuid4()
    values = (session.segment, session.token, exporter.act, request)
    with shared.connect("desk") as desk:
        assert desk.execute(EXPORT, (*values, exporter.place, None)).fetchone() == ("open", 100, exporter.people[99])
        stop(exporter, login)
        assert desk.execute(RELEASE, values).fetchall() == []
        page = exporter.page(desk, exporter.people[99])
        assert page.outcome != "open"
        assert page.people == []


def test_protected_and_ended_people_are_left_out(shared: Database, login: psycopg.Connection) -> None:
    """Nobody protected, were the executor in their audience, and nobody whose retention is over; they cost nothing."""
    exporter = given(shared, login, people=30, there=6)
    protected, ended, own, late, *others = exporter.people
    shared.one("select cloison.protect_by_owner_v1(%s, %s, %s, null, null)", exporter.place, protected,
               [exporter.who.account])  # fmt: skip
    shared.owner.execute("update cloison.person set cohort = 8000 where person = %s", (ended,))
    shared.owner.execute(
        "insert into cloison.locator (term, person, kind, segment) values (77001, %s, 0, %s)", (own, exporter.place)
    )
    shared.one("select cloison.set_holder_v1('59', %s, '{0}', '{77001}')", exporter.who.account)
    session, request = exporter.session, uuid4()
    values = (session.segment, session.token, exporter.act, request)
    with shared.connect("desk") as desk:
        assert exporter.page(desk).people == [late, *others]
        assert exporter.taken() == 3
        desk.execute(EXPORT, (*values, exporter.place, None))
        shared.one("select cloison.protect_by_owner_v1(%s, %s, '{}', null, null)", exporter.place, late)
        assert [row[0] for row in desk.execute(RELEASE, values).fetchall()] == others


def test_segments_of_the_agreement(shared: Database, login: psycopg.Connection) -> None:
    """Nobody of a segment outside the executor's agreement, whether it was narrow before or became so."""
    who = member(shared, "partner", "Narrow", segment="59")
    shared.owner.execute(
        "update cloison.agreement set segments = '{59,990}' where organisation = %s", (who.organisation,)
    )
    officer, second = member(shared), member(shared)
    with fails("CL028"):
        asked(login, officer, "grant.bulk", who.organisation, **wish(who, "991"))
    act = asked(login, officer, "grant.bulk", who.organisation, **wish(who, "990"))
    assert sign(login, second, act) == "done"
    people = people_in(shared, 2, "990")
    exporter = Exporter(shared, who, shared.session(who.account, touched=True), act, "990", people)
    with shared.connect("desk") as desk:
        assert exporter.page(desk).people == people
        shared.owner.execute(
            "update cloison.agreement set segments = '{59}' where organisation = %s", (who.organisation,)
        )
        assert exporter.page(desk).outcome == "scope"


def test_who_may_not_sign(shared: Database, login: psycopg.Connection) -> None:
    """Neither the executor, nor their holder's other account, asks or approves; nor somebody alone, nor a partner."""
    who = member(shared, "adviser", segment="59", holder="X-1")
    twin = member(shared, holder="X-1")
    officer, partner = member(shared), member(shared, "officer", "Elsewhere")
    for each in (who, twin, partner):
        assert ask(login, each, act_of(each, "grant.bulk", who.organisation, **wish(who, "59"))) == "scope"
    act = asked(login, officer, "grant.bulk", who.organisation, **wish(who, "59"))
    assert [sign(login, each, act) for each in (officer, who, twin, partner)] == ["scope"] * 4
    # A decoy `account` in the details does not hide the executor.
    decoy = wish(twin, "59", account=str(member(shared).account))
    assert ask(login, twin, act_of(twin, "grant.bulk", **decoy)) == "scope"


@pytest.mark.parametrize(
    "lie",
    [
        {"people": 0}, {"people": 1_000_001}, {"people": None}, {"hours": 73}, {"hours": 0}, {"hours": None},
        {"compartments": []}, {"compartments": ["nothing"]}, {"purpose": "benefits"}, {"purpose": None},
        {"segments": []}, {"segments": None}, {"segments": ["59", None]}, {"recipient": None},
        {"recipient": RECIPIENT + "x"}, {"executor": str(uuid4())}, {"executor": None}, {"segment": "60"},
    ],
)  # fmt: skip
def test_more_than_may_be_asked(shared: Database, login: psycopg.Connection, lie: dict[str, object]) -> None:
    """Finite people and hours, compartments and purposes of the executor's role, a recipient's key."""
    who, officer = member(shared, "adviser", segment="59"), member(shared)
    with fails("CL028"):
        ask(login, officer, act_of(officer, "grant.bulk", who.organisation, **wish(who, "59", **lie)))


def test_many_people_take_three_and_a_day(shared: Database, login: psycopg.Connection) -> None:
    """An export of more people than the threshold waits for a third person and a day."""
    who, officer = member(shared, "adviser", segment="59"), member(shared)
    act = asked(login, officer, "grant.bulk", who.organisation, **wish(who, "59", people=200))
    assert sign(login, member(shared), act) == "waiting"
    assert sign(login, member(shared), act) == "early"


def test_hours_pass(database: Database) -> None:
    """After its hours a grant reads nobody, as the database's clock has it."""
    clock = Clock(database)
    with database.connect("signin") as login, database.connect("desk") as desk:
        exporter = given(database, login)
        session = database.session(exporter.who.account, seconds=100_000, touched=True)
        assert exporter.page(desk, session=session).outcome == "open"
        clock.advance(hours=8.1)
        assert exporter.page(desk, session=session).outcome == "scope"


def disclosure(who: Member, person: object, place: str, **other: object) -> dict[str, Any]:
    """The details of a disclosure of somebody's record, fetched by `who`."""
    return {
        "executor": str(who.account), "handle": who.handle, "segment": who.segment, "authority": "Court of Fiction",
        "legal_basis": "Article 1", "reference": "1", "person": str(person), "held_in": place,
        "compartments": ["identity"], "hours": 8, "recipient": RECIPIENT,
    } | other  # fmt: skip


def test_a_disclosure_is_of_one_person(shared: Database, login: psycopg.Connection) -> None:
    """Whatever the cursor, one record; and its officers, who sign, never read it."""
    people = people_in(shared, 5, "992")
    who, officer, second = member(shared, "benefits", segment="59"), member(shared), member(shared)
    act = asked(login, officer, "grant.disclosure", **disclosure(who, people[2], "992"))
    assert [sign(login, each, act) for each in (officer, who, second)] == ["scope", "scope", "done"]
    exporter = Exporter(shared, who, shared.session(who.account, touched=True), act, "992", people)
    with shared.connect("desk") as desk:
        assert [exporter.page(desk, after).people for after in (None, people[1], people[2])] == [[people[2]]] * 2 + [[]]
        for each in (officer, second):
            session = shared.session(each.account, segment=each.segment, touched=True)
            assert exporter.page(desk, session=session).outcome == "scope"


def test_who_may_not_disclose(shared: Database, login: psycopg.Connection) -> None:
    """The executor asks for none; without authority, basis, person or place there is none."""
    (person,) = people_in(shared, 1, "993")
    who, officer = member(shared, "adviser", segment="59"), member(shared)
    assert ask(login, who, act_of(who, "grant.disclosure", **disclosure(who, person, "993"))) == "scope"
    lies: list[dict[str, object]] = [
        {"authority": ""}, {"legal_basis": None}, {"reference": "x" * 201}, {"person": None}, {"held_in": None},
        {"compartments": ["nothing"]},
    ]  # fmt: skip
    for lie in lies:
        with fails("CL028"):
            ask(login, officer, act_of(officer, "grant.disclosure", **disclosure(who, person, "993") | lie))


def test_protected_people_are_disclosed_by_their_audience_alone(shared: Database, login: psycopg.Connection) -> None:
    """Somebody protected from the executor is nobody; in the audience of the protection they may be."""
    person, audience = people_in(shared, 1, "994")[0], member(shared, "benefits", segment="59")
    shared.one("select cloison.protect_by_owner_v1('994', %s, %s, null, null)", person, [audience.account])
    for who, found in ((member(shared, "benefits", segment="59"), []), (audience, [person])):
        act = asked(login, member(shared), "grant.disclosure", **disclosure(who, person, "994"))
        assert sign(login, member(shared), act) == "done"
        exporter = Exporter(shared, who, shared.session(who.account, touched=True), act, "994", [person])
        with shared.connect("desk") as desk:
            assert exporter.page(desk).people == found


@pytest.mark.parametrize("door", [each for each in LOGINS if each != "owner"])
def test_no_login_gives_itself_people(shared: Database, login: psycopg.Connection, door: str) -> None:
    """Promise 9: no door's login writes a grant, widens one, or does an act that nobody signed."""
    exporter = given(shared, login)
    statements = (
        "update cloison.export set people = 1000000",
        "insert into cloison.export_run (act, session, began_at) values (gen_random_uuid(), gen_random_uuid(), now())",
        "delete from cloison.exported",
        "select cloison.do_export_v1(null)",
        "select cloison.do_act_v1(null)",
        "select cloison.export_charged_v1(null, null, null, null, null)",
        "select * from cloison.exporter",
        "select * from cloison.disclosures_v1()",
    )
    with shared.connect(door) as connection:
        for statement in statements:
            with fails("42501"):
                connection.execute(statement)
    assert exporter.taken() == 0
