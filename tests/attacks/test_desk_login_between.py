"""What happens between charge and release, and how many receipts may wait there: freezes, ends, revocations, expiry."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from support.database import LABEL, Database, charge, release, take
from support.meter import Clock, Query, Thief, fails, search, thief

STOPS: dict[str, Callable[[Thief], object]] = {
    "freeze": lambda it: it.database.one("select cloison.freeze_v1(%s, %s)", *it.session[:2]),
    "end of the session": lambda it: it.database.one("select cloison.end_sessions_v1(%s, %s)", *it.session[:2]),
    "relation ended": lambda it: it.database.owner.execute(
        "update cloison.relation set valid_until = cloison.clock_v1() where account = %s", (it.session.account,)
    ),
    "relation removed": lambda it: it.database.owner.execute(
        "delete from cloison.relation where account = %s", (it.session.account,)
    ),
}


@pytest.mark.parametrize("stop", STOPS)
def test_stopped_between_charge_and_release(shared: Database, stop: str) -> None:
    """What was charged before a freeze, an end or a revocation, and not yet released, is not released after it."""
    it = thief(shared)
    requests, outcomes = charge(it.desk, it.session, it.people[:5])
    assert outcomes == ["open"] * 5
    assert release(it.desk, it.session, requests[:1], it.people[:1]) == it.people[:1]
    STOPS[stop](it)
    assert release(it.desk, it.session, requests[1:], it.people[1:5]) == []


@pytest.mark.parametrize("stop", STOPS)
def test_stopped_while_the_thief_holds_the_ledger(shared: Database, stop: str) -> None:
    """A freeze, an end or a revocation waits for no lock of the account's, and meets what the holder then commits."""
    it = thief(shared)
    shared.owner.execute("set lock_timeout = '500ms'")
    with it.desk.transaction():
        requests, _ = charge(it.desk, it.session, it.people[:5])
        STOPS[stop](it)
    assert release(it.desk, it.session, requests, it.people[:5]) == []


def test_freeze_while_intake_is_idle(shared: Database) -> None:
    """An import that stands still with its transaction open keeps no account from being frozen."""
    it, intake = thief(shared), shared.connect("intake")
    shared.owner.execute("set lock_timeout = '500ms'")
    with intake.transaction():
        intake.execute("select * from cloison.intake_people_v1('59', '{}')")
        STOPS["freeze"](it)
        assert charge(it.desk, it.session, it.people[:1])[1] == ["frozen"]


def test_frozen_account(shared: Database) -> None:
    """A frozen account is told so, is released nobody, and works again once the freeze is lifted."""
    it = thief(shared)
    STOPS["freeze"](it)
    assert charge(it.desk, it.session, it.people[:2])[1] == ["frozen"] * 2
    assert search(it.desk, it.session, Query(2, [1])) == ("frozen", [])
    shared.one("select cloison.unfreeze_v1(%s, %s)", *it.session[:2])
    assert take(it.desk, it.session, it.people[:2]) == set(it.people[:2])


def test_expired_session(database: Database) -> None:
    """A session that expires between charge and release releases nothing, and charges nothing afterwards."""
    it, clock = thief(database), Clock(database)
    session = database.session(it.session.account, seconds=60)
    clock.advance(seconds=55)
    requests, outcomes = charge(it.desk, session, it.people[:1])
    assert outcomes == ["open"]
    clock.advance(seconds=5)
    assert release(it.desk, session, requests, it.people[:1]) == []
    assert charge(it.desk, session, it.people[:1])[1] == ["no_session"]


def test_lock_held_by_an_expired_token(database: Database) -> None:
    """The token of an expired session locks nobody's ledger: the account's new session works meanwhile."""
    it, clock = thief(database), Clock(database)
    old = database.session(it.session.account, seconds=60)
    clock.advance(seconds=61)
    with it.desk.transaction():
        assert charge(it.desk, old, it.people[:1])[1] == ["no_session"]
        assert charge(database.connect("desk"), it.session, it.people[:1])[1] == ["open"]


def test_foreign_session_token(shared: Database) -> None:
    """Another session's receipts are not released to a thief's token, and a made-up token is no session."""
    it, other = thief(shared), thief(shared)
    requests, _ = charge(other.desk, other.session, other.people[:3])
    assert release(it.desk, it.session, requests, other.people[:3]) == []
    made_up = it.session._replace(token=b"\x00" * 32)
    assert release(it.desk, made_up, requests, other.people[:3]) == []
    assert charge(it.desk, made_up, other.people[:3])[1] == ["no_session"] * 3
    assert release(other.desk, other.session, requests, other.people[:3]) == other.people[:3]


def test_second_session_of_the_same_account(shared: Database) -> None:
    """A receipt belongs to the session that was charged, not to the account."""
    it = thief(shared)
    second = shared.session(it.session.account)
    requests, _ = charge(it.desk, it.session, it.people[:3])
    assert release(it.desk, second, requests, it.people[:3]) == []


def test_people_of_somebody_else(shared: Database) -> None:
    """People whom another account follows, and people who do not exist, are out of scope alike."""
    it, other = thief(shared), thief(shared)
    assert charge(it.desk, it.session, [other.people[0], uuid4()])[1] == ["scope", "scope"]


def test_another_segment(shared: Database) -> None:
    """A session opens nobody in a segment that is not its account's home."""
    it = thief(shared)
    elsewhere = it.session._replace(segment="75")
    people = shared.people(3, "75")
    shared.relate(it.session.account, people, segment="75")
    assert charge(it.desk, elsewhere, people)[1] == ["no_session"] * 3
    assert release(it.desk, elsewhere, [uuid4()] * 3, people) == []


def test_more_than_sixteen_receipts(database: Database) -> None:
    """A session may have sixteen receipts that were not released: what lies beyond is asked again."""
    it = thief(database, people=50)
    it.budget("open", 100, 100, 100, 100)
    requests, outcomes = charge(it.desk, it.session, it.people[:20])
    assert outcomes == ["open"] * 16 + ["busy"] * 4
    assert charge(database.connect("desk"), it.session, it.people[20:25])[1] == ["busy"] * 5
    assert len(release(it.desk, it.session, requests, it.people[:20])) == 16
    assert charge(it.desk, it.session, it.people[16:20])[1] == ["open"] * 4
    assert it.entries() == 20


def test_step_up_without_a_touch(shared: Database) -> None:
    """The NIR is not charged in a session whose passkey was not touched, nor five minutes after it was."""
    it = thief(shared)
    assert charge(it.desk, it.session, it.people[:1], compartments=4)[1] == ["step_up"]
    assert charge(it.desk, it.session, it.people[:1], compartments=1 | 4 | LABEL)[1] == ["step_up"]
    touched = shared.session(it.session.account, touched=True)
    assert charge(it.desk, touched, it.people[:1], compartments=4)[1] == ["open"]
    shared.owner.execute(
        "update cloison.session set touched_at = touched_at - interval '5 minutes' where session = %s",
        (touched.session,),
    )
    assert charge(it.desk, touched, it.people[:1], compartments=4)[1] == ["step_up"]


def test_compartments_joined_from_two_requests(shared: Database) -> None:
    """The same request twice in a batch, once for what needs a touch, is released without that."""
    it = thief(shared)
    request, person = uuid4(), it.people[0]
    values = ("59", [it.session.token] * 2, [request] * 2, [person] * 2, [1, 4], [0, 0])
    rows = it.desk.execute(
        "select outcome from cloison.charge_v1(%s, %s, %s, %s, %s::int[], %s::smallint[])", values
    ).fetchall()
    assert rows == [("open",), ("step_up",)]
    released = it.desk.execute(
        "select compartments from cloison.release_v1(%s, %s, %s, %s)",
        it.release_values([request], [person]),
    ).fetchall()
    assert released == [(1,)]


@pytest.mark.parametrize("compartments", [0, -1, 32, 64 | 1, 2**31 - 1, -(2**31), None])
def test_compartments_that_are_no_mask_of_the_role(shared: Database, compartments: int | None) -> None:
    """Compartments that are none, negative, unknown or huge are out of scope."""
    it = thief(shared)
    values = ("59", [it.session.token], [uuid4()], it.people[:1], [compartments], [0])
    row = it.desk.execute(
        "select outcome from cloison.charge_v1(%s, %s, %s, %s, %s::int[], %s::smallint[])", values
    ).fetchone()
    assert row == ("scope",)


@pytest.mark.parametrize("purpose", [-1, 2, 3, 31, 32, 63, 32_767, -32_768, None])
def test_purpose_that_is_not_of_the_role(shared: Database, purpose: int | None) -> None:
    """A purpose that the role does not have, or that no profile could have, is out of scope."""
    it = thief(shared)
    values = ("59", [it.session.token], [uuid4()], it.people[:1], [1], [purpose])
    row = it.desk.execute(
        "select outcome from cloison.charge_v1(%s, %s, %s, %s, %s::int[], %s::smallint[])", values
    ).fetchone()
    assert row == ("scope",)


def test_role_without_a_budget(database: Database) -> None:
    """A role for which nobody wrote a budget down opens, lists and finds nobody."""
    it = thief(database)
    database.owner.execute("delete from cloison.role_budget where meter <> 'refusal'")
    assert charge(it.desk, it.session, it.people[:2])[1] == ["budget"] * 2
    row = it.desk.execute(
        "select outcome, people from cloison.list_v1('59', %s, %s, true, null)", (it.session.token, uuid4())
    ).fetchone()
    assert row == ("budget", 0)
    assert search(it.desk, it.session, Query(2, [1])) == ("budget", [])


def test_role_without_a_budget_of_refusals(database: Database) -> None:
    """Without a budget of refusals the first one ends the session."""
    it = thief(database)
    database.owner.execute("delete from cloison.role_budget where meter = 'refusal'")
    assert charge(it.desk, it.session, [uuid4()])[1] == ["scope"]
    assert charge(it.desk, it.session, it.people[:1])[1] == ["no_session"]


def test_function_of_the_owner(shared: Database) -> None:
    """What the meter calls by itself is not the desk's to call."""
    it = thief(shared)
    for call in (
        "select cloison.settle_v1('59', now(), array[]::cloison.judged[])",
        "select cloison.lock_ledgers_v1('59', '{}')",
        "select cloison.matches_v1('59', 2, '{1}', null, null)",
        "select cloison.clock_v1()",
        "select cloison.log_act_v1('59', 'open', null, null, null)",
        "select cloison.issue_session_v1('59', gen_random_uuid(), gen_random_uuid(), '', 1, true)",
        "select cloison.unfreeze_v1('59', gen_random_uuid())",
        "select cloison.sweep_v1()",
        "select cloison.wait_until_flushed_v1()",
        "select cloison.admit_step_v1('{0,0,0,0,0}', '{1,1,1,1}', '{1,1,1,1}')",
        "select * from cloison.holder",
    ):
        with fails("42501"):
            it.desk.execute(call)


def test_page_turned_beyond_the_budget(database: Database) -> None:
    """A page of fifty people beyond the list's budget is one refusal, so that nobody's session ends by reading on."""
    it = thief(database, people=120)
    it.budget("list", 60, 60, 60, 60)
    after, pages = None, []
    for _ in range(3):
        row = it.desk.execute(
            "select outcome, people, last from cloison.list_v1('59', %s, %s, true, %s)",
            (it.session.token, uuid4(), after),
        ).fetchone()
        assert row is not None
        pages.append(row[:2])
        after = row[2] or after
    assert pages == [("open", 50), ("open", 10), ("budget", 0)]
    assert (it.entries("open", "list"), it.entries("budget", "list")) == (60, 2)
    assert database.one("select count(*) from cloison.refusal") == 2
