"""Somebody with the desk's login goes for people who are protected, or for the record of the account's own holder.

Whoever is not in the audience gets the answer, the charge and the work of somebody out of reach; in searches nobody is
protected for anybody, since nobody is there.
"""

# ruff: noqa: S608 - the statements are constants of the tests, put together

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from support.database import IDENTITY, LABEL, SEGMENT, Database, charge, release, take
from support.meter import CHARGE, FIND, LIST, Clock, Query, Row, Thief, ask, find, search, thief
from support.protected import own, protect

HOLDER_TERM = 4_711
ENTRY = "event, outcome, compartments, purpose, relation, amount"


def number_of(database: Database, person: UUID, number: int) -> int:
    """Give somebody terms to be found by at the counter, by identifier alone and with the birth date."""
    database.owner.execute(
        "update cloison.person set term2 = %s, term3 = -%s where person = %s", (number, number, person)
    )
    return number


def listed(it: Thief) -> list[UUID]:
    """Whom the account's whole caseload shows."""
    request = uuid4()
    it.desk.execute(LIST, (SEGMENT, it.session.token, request, True, None))
    return release_all(it, request)


def release_all(it: Thief, request: UUID) -> list[UUID]:
    """Whoever's label comes for this request."""
    return release(it.desk, it.session, [request], [None])  # type: ignore[list-item]


def entries(it: Thief) -> list[Row]:
    """The account's entries, without what differs between any two: time, request, person."""
    return it.database.owner.execute(
        f"select {ENTRY} from cloison.entry where account = %s order by number", (it.session.account,)
    ).fetchall()


@pytest.mark.parametrize("kind", ["caseload", "cover", "inbound", "walk_in"])
def test_opened_through_a_relation(shared: Database, kind: str) -> None:
    """No relation opens somebody protected, and what is logged and charged is what somebody out of reach costs."""
    seen = []
    for protected in (True, False):
        it = thief(shared, 0)
        (person,) = shared.people(1)
        if protected:
            shared.relate(it.session.account, [person], kind)
            protect(shared, person)
        assert take(it.desk, it.session, [person]) == set()
        seen.append(
            (entries(it), shared.one("select count(*) from cloison.refusal where account = %s", it.session.account))
        )
    assert seen[0] == seen[1]
    assert seen[0][1] == 1


def test_opened_in_a_batch_of_128(shared: Database) -> None:
    """Among others of a batch, those protected are out of reach, wherever they stand; the others are opened."""
    it = thief(shared, 16)
    for person in it.people[::3]:
        protect(shared, person)
    _, outcomes = charge(it.desk, it.session, it.people * 8)
    assert len(outcomes) == 128
    assert outcomes[:16] == ["scope" if i % 3 == 0 else "open" for i in range(16)]


def test_request_numbered_like_somebody_followed(shared: Database) -> None:
    """A request whose number is that of somebody followed opens nobody protected."""
    it = thief(shared, 2)
    protect(shared, it.people[0])
    values = it.charge_values([it.people[1]], [it.people[0]])
    assert it.desk.execute(CHARGE, values).fetchall() == [("scope",)]


def test_opened_by_the_audience(shared: Database) -> None:
    """Whom the audience names opens the person by a relation, not without one; each opening alerts, repeated too."""
    it, other = thief(shared, 1), thief(shared, 0)
    protect(shared, it.people[0], [it.session.account, other.session.account])
    assert take(it.desk, it.session, it.people) == set(it.people)
    assert take(it.desk, it.session, it.people) == set(it.people)
    assert take(other.desk, other.session, it.people) == set()
    alerts = shared.owner.execute(
        "select a.account, a.kind::text, e.event::text, e.outcome::text from cloison.alert a "
        "join cloison.entry e using (segment, account, number) where a.person = %s and a.at = e.at",
        (it.people[0],),
    ).fetchall()
    assert alerts == [(it.session.account, "protected_opened", "open", "open")] * 2


def test_alert_rolled_back_with_its_charge(shared: Database) -> None:
    """Whoever takes the charge back takes the alert back, and is released nothing."""
    it = thief(shared, 1)
    protect(shared, it.people[0], [it.session.account])
    with it.desk.transaction(force_rollback=True):
        requests, _ = charge(it.desk, it.session, it.people)
    assert release(it.desk, it.session, requests, it.people) == []
    assert shared.one("select count(*) from cloison.alert where person = %s", it.people[0]) == 0


def test_opened_unprotected(shared: Database) -> None:
    """Nobody is alerted of people who are not protected."""
    it = thief(shared, 3)
    assert len(take(it.desk, it.session, it.people)) == 3
    assert shared.one("select count(*) from cloison.alert where account = %s", it.session.account) == 0


def test_audience_that_has_ended(database: Database) -> None:
    """A place in an audience ends when it says; a protection too."""
    it, clock = thief(database, 2), Clock(database)
    account, (one, other) = it.session.account, it.people
    database.owner.execute(
        "select cloison.protect_by_owner_v1(%s, %s, %s::uuid[], %s::timestamptz[], null)",
        (SEGMENT, one, [account], [clock.now + timedelta(hours=1)]),
    )
    protect(database, other, until=clock.now + timedelta(hours=1))
    assert charge(it.desk, it.session, it.people)[1] == ["open", "scope"]
    clock.advance(hours=2)
    assert charge(it.desk, it.session, it.people)[1] == ["scope", "open"]


def test_second_protection_with_a_wider_audience(shared: Database) -> None:
    """Whoever protects somebody again, for an audience of their own, opens nothing that the first withholds."""
    it = thief(shared, 1)
    protect(shared, it.people[0])
    protect(shared, it.people[0], [it.session.account])
    assert take(it.desk, it.session, it.people) == set()


def test_protected_elsewhere_and_moved(shared: Database) -> None:
    """A protection set where the person was before holds where they are now."""
    it = thief(shared, 1)
    protect(shared, it.people[0], segment="75")
    assert take(it.desk, it.session, it.people) == set()


def test_absorbed_by_another_record(shared: Database) -> None:
    """When two records become one, what protected the one protects the other."""
    it = thief(shared, 2)
    protect(shared, it.people[0])
    shared.owner.execute("select cloison.inherit_protection_v1(%s, %s, %s)", (it.people[0], SEGMENT, it.people[1]))
    assert take(it.desk, it.session, it.people) == set()


def test_protected_between_charge_and_release(shared: Database) -> None:
    """A protection set after the charge still keeps the record: nothing is released."""
    it = thief(shared, 2)
    requests, outcomes = charge(it.desk, it.session, it.people)
    assert outcomes == ["open", "open"]
    protect(shared, it.people[0])
    assert release(it.desk, it.session, requests, it.people) == it.people[1:]
    assert release(it.desk, it.session, requests, it.people) == []


def test_narrowed_between_charge_and_release(shared: Database) -> None:
    """Who is taken out of the audience after the charge is released nothing either."""
    it = thief(shared, 1)
    protection = protect(shared, it.people[0], [it.session.account])
    requests, outcomes = charge(it.desk, it.session, it.people)
    assert outcomes == ["open"]
    shared.owner.execute(
        "update cloison.audience set valid_until = cloison.clock_v1() where protection = %s", (protection,)
    )
    assert release(it.desk, it.session, requests, it.people) == []


def test_listed(shared: Database) -> None:
    """A caseload shows whoever is protected to the audience alone, and its page has no gap."""
    it, other = thief(shared, 60), thief(shared, 0)
    shared.relate(other.session.account, it.people)
    hidden = sorted(it.people)[:5]
    for person in hidden:
        protect(shared, person, [other.session.account])
    assert listed(it) == sorted(it.people)[5:55]
    assert listed(other) == sorted(it.people)[:50]


def test_protected_between_list_and_release(shared: Database) -> None:
    """A name charged for a list is not shown any more once its person is protected."""
    it, request = thief(shared, 3), uuid4()
    it.desk.execute(LIST, (SEGMENT, it.session.token, request, True, None))
    protect(shared, it.people[1])
    assert set(release_all(it, request)) == {it.people[0], it.people[2]}


@pytest.mark.parametrize("audience", [0, 1])
def test_searched(shared: Database, audience: int) -> None:
    """A search finds nobody protected, for the audience and its own caseload neither, and is a miss."""
    it = thief(shared, 1)
    number = number_of(shared, it.people[0], 5_000_001 + audience)
    assert search(it.desk, it.session, Query(2, [number])) == ("open", it.people)
    protect(shared, it.people[0], [it.session.account] * audience)
    assert search(it.desk, it.session, Query(2, [number])) == ("scope", [])
    assert shared.one("select count(*) from cloison.refusal where account = %s", it.session.account) == 1


def test_walk_in_with_both_facts(shared: Database) -> None:
    """With identifier and birth date somebody protected is nobody at the counter, and cannot be opened after it."""
    it = thief(shared, 0)
    (person,) = shared.people(1)
    number = number_of(shared, person, 5_000_011)
    protect(shared, person, [it.session.account])
    assert search(it.desk, it.session, Query(2, [number], 3, [-number])) == ("scope", [])
    assert take(it.desk, it.session, [person]) == set()


def test_walk_in_found_before_the_protection(shared: Database) -> None:
    """Who was found at the counter and protected then is not opened in the half hour that was left."""
    it = thief(shared, 0)
    (person,) = shared.people(1)
    number = number_of(shared, person, 5_000_021)
    assert search(it.desk, it.session, Query(2, [number], 3, [-number])) == ("open", [person])
    protect(shared, person)
    assert take(it.desk, it.session, [person]) == set()


def test_protected_between_search_and_card(shared: Database) -> None:
    """A card charged for is not shown once its person is protected; a search asked before finds nobody after."""
    it = thief(shared, 1)
    number = number_of(shared, it.people[0], 5_000_031)
    requests = [uuid4(), uuid4()]
    for request in requests:
        ask(it.desk, it.session, Query(2, [number]), request)
    assert find(it.desk, it.session, requests[0]) == "open"
    protect(shared, it.people[0])
    assert release_all(it, requests[0]) == []
    assert find(it.desk, it.session, requests[1]) == "scope"


def test_protected_for_an_audience_between_search_and_card(shared: Database) -> None:
    """Nor to the audience, which finds nobody protected; its list shows them as ever."""
    it = thief(shared, 1)
    number, request = number_of(shared, it.people[0], 5_000_035), uuid4()
    ask(it.desk, it.session, Query(2, [number]), request)
    assert find(it.desk, it.session, request) == "open"
    protect(shared, it.people[0], [it.session.account])
    assert release_all(it, request) == []
    assert listed(it) == it.people
    assert take(it.desk, it.session, it.people) == set(it.people)


def test_found_beside_somebody_protected(shared: Database) -> None:
    """Of two people with one telephone the one is found as if the protected one were not there."""
    it = thief(shared, 2)
    for person in it.people:
        number_of(shared, person, 5_000_041)
    protect(shared, it.people[0])
    assert search(it.desk, it.session, Query(2, [5_000_041])) == ("open", it.people[1:])


def explained(it: Thief, statement: str, values: Row) -> str:
    """What EXPLAIN counts of a statement: pages and log records."""
    rows = it.desk.execute(
        f"explain (analyze, buffers, wal, costs off, timing off, summary off) {statement}", values
    ).fetchall()
    return " ".join(row[0].strip() for row in rows[1:])


def test_explain_of_an_opening(database: Database) -> None:
    """EXPLAIN counts as much for somebody withheld as for a stranger, protected or not, and for nobody."""
    it = thief(database, 40)
    it.budget("refusal", 1000, 1000, 1000, 1000)
    shielded, plain = database.people(40), database.people(40)
    for person in (*it.people, *shielded):
        protect(database, person)
    seen: dict[str, list[str]] = {"withheld": [], "shielded": [], "plain": [], "nobody": []}
    for kinds in zip(it.people, shielded, plain, [uuid4() for _ in plain], strict=True):
        for kind, person in zip(seen, kinds, strict=True):
            seen[kind].append(explained(it, CHARGE, it.charge_values([uuid4()], [person])))
    assert_alike(seen)


def test_explain_of_a_search(database: Database) -> None:
    """EXPLAIN counts as much for somebody protected, followed or in whose audience one is, as for nobody."""
    it = thief(database, 60)
    it.budget("refusal", 1000, 1000, 1000, 1000)
    database.people(60)
    for i, person in enumerate(it.people):
        number_of(database, person, 6_000_000 + 2 * i)
        protect(database, person, [it.session.account] if i % 2 else [])
    seen: dict[str, list[str]] = {"withheld": [], "audience": [], "nobody": [], "none": []}
    for i in range(0, 60, 2):
        for kind, term in zip(seen, (2 * i, 2 * i + 2, 2 * i + 1, 2 * i + 3), strict=True):
            request = uuid4()
            ask(it.desk, it.session, Query(2, [6_000_000 + term]), request)
            seen[kind].append(explained(it, FIND, (SEGMENT, it.session.token, request)))
    assert_alike(seen)


def assert_alike(seen: dict[str, list[str]]) -> None:
    """The server's own work (an analyze, a catalogue read anew) falls on any of them now and then, never on one alone.

    What grows meanwhile is as large for those asked for one after the other.
    """
    *others, nobody = [counted[10:] for counted in seen.values()]
    alike = [sum(one == none for one, none in zip(other, nobody, strict=True)) for other in others]
    assert min(alike) >= 0.7 * len(nobody), alike


def test_own_record(shared: Database) -> None:
    """An account opens, lists and finds its holder's record by no relation; others do."""
    it, other = thief(shared, 2), thief(shared, 0)
    mine, theirs = it.people
    shared.relate(other.session.account, it.people)
    number = number_of(shared, mine, 5_000_051)
    own(shared, it.session.account, mine, HOLDER_TERM)
    assert take(it.desk, it.session, it.people) == {theirs}
    assert listed(it) == [theirs]
    assert search(it.desk, it.session, Query(2, [number])) == ("scope", [])
    assert search(it.desk, it.session, Query(2, [number], 3, [-number])) == ("scope", [])
    assert take(other.desk, other.session, it.people) == set(it.people)


def test_own_record_registered_later_and_moved(shared: Database) -> None:
    """Whose record it is holds for whoever the locator names, then and now: registered later, or elsewhere since."""
    it = thief(shared, 2)
    term = HOLDER_TERM + 1
    shared.owner.execute("select cloison.set_holder_v1(%s, %s, '{0}', %s)", (SEGMENT, it.session.account, [term]))
    assert charge(it.desk, it.session, it.people)[1] == ["open", "open"]
    shared.owner.execute(
        "insert into cloison.locator (kind, term, segment, person) values (0, %s, '75', %s)", (term, it.people[0])
    )
    assert charge(it.desk, it.session, it.people)[1] == ["scope", "open"]


def test_own_record_though_in_the_audience(shared: Database) -> None:
    """No audience opens its holder's own record to an account."""
    it = thief(shared, 1)
    protect(shared, it.people[0], [it.session.account])
    own(shared, it.session.account, it.people[0], HOLDER_TERM + 2)
    assert take(it.desk, it.session, it.people) == set()


def test_label_alone(shared: Database) -> None:
    """The name alone, asked for as a compartment, is withheld as the rest is."""
    it = thief(shared, 1)
    protect(shared, it.people[0])
    for compartments in (LABEL, LABEL | IDENTITY):
        assert charge(it.desk, it.session, it.people, compartments)[1] == ["scope"]
