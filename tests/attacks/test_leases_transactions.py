"""Leases had for nothing, forged, used twice, for another or too late: each with the desk's own login."""

import threading
from uuid import uuid4

import pytest
from support.database import SEGMENT, Database, charge
from support.leases import ELSEWHERE, FURTHER, LEASES, Borrower, Lease, borrower, charge_lent, leases, lend
from support.meter import UNSAFE, WRITTEN, Clock, fails


def opened_at_home(it: Borrower) -> int:
    """How many people the home's ledger has counted."""
    count = it.database.one(
        "select count(*) from cloison.opening where segment = %s and account = %s", SEGMENT, it.session.account
    )
    assert isinstance(count, int)
    return count


def test_people_elsewhere_are_opened(shared: Database) -> None:
    """By a lease, people of another segment are released, counted at home and logged where they are."""
    it = borrower(shared, 5)
    assert it.take(it.people) == set(it.people)
    assert opened_at_home(it) == 5
    entries = (
        "select count(*) from cloison.entry where segment = %s and account = %s and event = %s and outcome = 'open'"
    )
    assert shared.one(entries, ELSEWHERE, it.session.account, "open") == 5
    assert shared.one(entries, SEGMENT, it.session.account, "allowance_lent") == 5
    assert shared.one(entries, SEGMENT, it.session.account, "open") == 0


def test_home_and_elsewhere_are_one_budget(shared: Database) -> None:
    """What is opened at home and in two other segments together is the account's budget of 5 minutes, no more."""
    it = borrower(shared, 8)
    account = it.session.account
    for segment in (SEGMENT, FURTHER):
        shared.relate(account, shared.people(8, segment), segment=segment)
    followed = {
        segment: [
            row[0]
            for row in shared.owner.execute(
                "select person from cloison.relation where segment = %s and account = %s", (segment, account)
            ).fetchall()
        ]
        for segment in (SEGMENT, FURTHER)
    }
    taken = it.take(it.people[:4]) | it.take(followed[FURTHER][:4], FURTHER)
    _, outcomes = charge(it.desk, it.session, followed[SEGMENT])
    assert len(taken) + outcomes.count("open") == 10
    assert it.take(it.people[4:]) == set()
    assert it.take(it.people[:4]) == set(it.people[:4])


def test_lease_read_and_rolled_back(shared: Database) -> None:
    """A lease is never given out by a transaction that could still take its charge back."""
    it = borrower(shared, 3)
    with it.desk.transaction(force_rollback=True):
        requests, _ = it.lend(it.people)
        with fails(WRITTEN), it.desk.transaction():
            it.leases(requests, it.people)
    assert it.leases(requests, it.people) == []
    with it.desk.transaction(force_rollback=True):
        requests, _ = it.lend(it.people)
        other = shared.connect("desk")
        assert leases(other, it.session, requests, it.people, ELSEWHERE) == []


def test_lease_charged_and_rolled_back(shared: Database) -> None:
    """Who rolls back what a lease was used for has nothing to release, and the home has counted it all the same."""
    it = borrower(shared, 3)
    lent = it.lent(it.people)
    with it.desk.transaction(force_rollback=True):
        assert it.charge(lent) == ["open"] * 3
        with fails(WRITTEN), it.desk.transaction():
            it.release(lent)
    assert it.release(lent) == set()
    assert opened_at_home(it) == 3


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_stale_snapshot(shared: Database, isolation: str) -> None:
    """Every function of lending refuses a snapshot that would not see what others commit."""
    it = borrower(shared, 1)
    lent = it.lent(it.people)
    it.desk.execute(f"set default_transaction_isolation = '{isolation}'")
    for attempt in (
        lambda: it.lend(it.people),
        lambda: it.leases([lent[0].request], it.people),
        lambda: it.charge(lent),
    ):
        with fails(UNSAFE):
            attempt()


def test_forged_lease(shared: Database) -> None:
    """No other text bears the signature, not by one character, and no ticket is a lease."""
    it = borrower(shared, 3)
    (lease,) = it.lent(it.people[:1])
    fields = lease.text.split("|")
    forged = [lease._replace(mac=bytes(32)), lease._replace(mac=b""), lease._replace(text="")]
    for place in range(len(fields)):
        changed = [*fields[:place], str(it.people[1]) if place == 8 else fields[place] + "1", *fields[place + 1 :]]
        forged.append(lease._replace(text="|".join(changed)))
    forged.append(lease._replace(text=lease.text.replace("lease", "capped")))
    assert it.charge(forged) == ["lease"] * len(forged)
    assert it.release(forged) == set()


def test_lease_without_its_token(shared: Database) -> None:
    """Another account's session gets nothing by a lease, nor does another session of the same account."""
    it, other = borrower(shared, 3), borrower(shared, 3)
    lent = it.lent(it.people)
    again = shared.session(it.session.account)
    for session in (other.session, again):
        assert charge_lent(it.desk, session, lent, ELSEWHERE) == ["lease"] * 3
        assert leases(it.desk, session, [each.request for each in lent], it.people, ELSEWHERE) == []


def test_lease_in_another_segment(shared: Database) -> None:
    """A lease opens in the segment it names alone, though the account follows somebody of that number elsewhere too."""
    it = borrower(shared, 2)
    shared.relate(it.session.account, it.people, segment=FURTHER)
    lent = it.lent(it.people)
    assert it.charge(lent, FURTHER) == ["lease"] * 2
    assert it.charge(lent, SEGMENT) == ["lease"] * 2


def test_plain_charge_elsewhere(shared: Database) -> None:
    """Where a session is a guest, it can neither charge without a lease, nor list, nor search."""
    it = borrower(shared, 2)
    assert it.take(it.people[:1]) == {it.people[0]}
    guest = it.session._replace(segment=ELSEWHERE)
    assert charge(it.desk, guest, it.people)[1] == ["no_session"] * 2
    statement = "select outcome from cloison.list_v1(%s, %s, %s, true, null)"
    row = it.desk.execute(statement, (ELSEWHERE, it.session.token, uuid4())).fetchone()
    assert row == ("no_session",)
    assert lend(it.desk, guest, it.people, FURTHER)[1] == ["no_session"] * 2


def test_lease_used_again_and_at_once(shared: Database) -> None:
    """However often and from however many connections a lease is used, it opens the one person it names."""
    it = borrower(shared, 12)
    (lease,) = it.lent(it.people[:1])
    taken: set[object] = set()

    def use() -> None:
        desk = shared.connect("desk")
        mine = Borrower(shared, desk, it.session, it.people)
        for _ in range(5):
            mine.charge([lease] * 3)
            taken.update(mine.release([lease] * 3))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == {it.people[0]}
    assert opened_at_home(it) == 1


def test_segment_that_nobody_has_heard_of(shared: Database) -> None:
    """A made-up segment answers as one where nobody is followed, and nothing is made of its name."""
    it = borrower(shared, 2)
    lent = it.lent(it.people, "zz")
    assert it.charge(lent, "zz") == ["scope"] * 2
    assert it.charge(it.lent(it.people, FURTHER), FURTHER) == ["scope"] * 2
    assert shared.one("select count(*) from cloison.ledger where segment = 'zz'") == 0


def test_nobody_and_out_of_reach_cost_the_same_elsewhere(shared: Database) -> None:
    """A person of another segment who is not followed and one who does not exist: same answers, counts and entries."""
    costs = []
    for strangers in (shared.people(3, ELSEWHERE), [uuid4() for _ in range(3)]):
        it = borrower(shared, 1)
        outcomes = it.charge(it.lent(strangers))
        refusals = "select count(*) from cloison.refusal where segment = %s and account = %s"
        entries = "select count(*), count(distinct event), count(person) from cloison.entry where account = %s"
        logged = shared.owner.execute(entries, (it.session.account,)).fetchone()
        costs.append((outcomes, shared.one(refusals, ELSEWHERE, it.session.account), opened_at_home(it), logged))
    assert costs == [(["scope"] * 3, 3, 3, (6, 2, 6))] * 2


def test_refusals_elsewhere_end_the_session_there(shared: Database) -> None:
    """Beyond the refusals' budget the session is over in that segment, a good lease or not."""
    it = borrower(shared, 1)
    shared.owner.execute("update cloison.role_budget set minutes_5 = 100, hour = 100, day = 100 where meter = 'open'")
    mine = it.lent(it.people)
    while "scope" in it.charge(it.lent([uuid4() for _ in range(8)])):
        pass
    assert it.charge(mine) == ["no_session"]
    assert it.release(mine) == set()


def test_compartments_beyond_the_lease(shared: Database) -> None:
    """What is released is what the lease names, and what the role never had is not lent."""
    it = borrower(shared, 1, role="partner")
    request = uuid4()
    values = (SEGMENT, [it.session.token], [ELSEWHERE], [request], it.people, [4], [0])
    row = it.desk.execute(
        "select outcome from cloison.lend_v1(%s, %s::bytea[], %s::text[], %s::uuid[], %s::uuid[], %s::int[], "
        "%s::int2[])",
        values,
    ).fetchone()
    assert row == ("scope",)
    assert it.desk.execute(LEASES, values[:5]).fetchall() == []


def test_lease_that_has_expired(database: Database) -> None:
    """A lease opens until its last microsecond and then never again; what it lent counts until a window later."""
    clock = Clock(database)
    it = borrower(database, 12)
    early, late = it.lent(it.people[:1]), it.lent(it.people[1:2])
    clock.advance(microseconds=15_000_000 - 1)
    assert it.charge(early) == ["open"]
    clock.advance(microseconds=1)
    assert it.charge(late) == ["lease"]
    assert it.leases([late[0].request], it.people[1:2]) == []
    assert it.release(early) == {it.people[0]}
    clock.advance(minutes=5, seconds=9.999_999)
    assert it.lend(it.people[2:12])[1].count("open") == 8
    clock.advance(microseconds=1)
    assert it.lend(it.people[2:12])[1].count("open") == 10


def test_lease_beyond_its_session(database: Database) -> None:
    """A lease ends with its session, and so does the release of what it charged."""
    clock = Clock(database)
    it = borrower(database, 2)
    it = it._replace(session=database.session(it.session.account, seconds=5))
    lent: list[Lease] = it.lent(it.people)
    assert it.charge(lent[:1]) == ["open"]
    clock.advance(seconds=5)
    assert it.charge(lent[1:]) == ["lease"]
    assert it.release(lent) == set()
