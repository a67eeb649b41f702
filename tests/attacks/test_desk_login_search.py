"""A thief with the desk's login searches: for answers without a charge, for people out of reach, for a NIR by trial.

People's terms: slot 1 is NIR and birth date, slot 2 the identifier, slot 3 identifier and birth date, slot 4 the
e-mail, slot 6 name and birth date. A test's person has its own number in each.
"""

# ruff: noqa: S608 - the statements are constants of the tests, put together

import re
from uuid import UUID, uuid4

import psycopg
import pytest
from support.database import SEGMENT, Database, charge, release, take
from support.meter import FIND, SEARCH, Clock, Query, Thief, ask, fails, find, search, search_values, thief

WHO = "account = %s and event = 'search'"


def stranger(database: Database) -> tuple[int, UUID]:
    """Somebody whom no account follows: the number of all their terms (slot 3: minus that), and the person."""
    person = database.people(1)[0]
    number = person.int >> 66
    database.owner.execute(
        "update cloison.person set term1 = %s, term2 = %s, term3 = -%s, term4 = %s, term6 = %s where person = %s",
        (number, number, number, number, number, person),
    )
    return number, person


def misses(it: Thief) -> object:
    """How many refusals count against the account, and how many entries of searches it has."""
    return (
        it.database.one("select count(*) from cloison.refusal where account = %s", it.session.account),
        it.database.one(f"select count(*) from cloison.entry where {WHO}", it.session.account),
    )


def test_answer_had_and_its_charge_rolled_back(shared: Database) -> None:
    """A search in a transaction that is rolled back says nothing about whether anybody is there."""
    it = thief(shared)
    number, _ = stranger(shared)
    answers = set()
    for term in (number, number + 1, 1):
        with it.desk.transaction(force_rollback=True):
            answers.add(ask(it.desk, it.session, Query(2, [term], 3, [-term]), uuid4()))
    assert answers == {"open"}
    assert misses(it) == (0, 0)


def test_writing_of_a_search_rolled_back(shared: Database) -> None:
    """What a search writes before it is committed is as long for somebody as for nobody."""
    it = thief(shared)
    number, _ = stranger(shared)
    written = set()
    for term in (number, number + 1) * 4:
        with it.desk.transaction(force_rollback=True):
            values = search_values(shared, it.session, Query(2, [term], 3, [-term]), uuid4())
            rows = it.desk.execute(f"explain (analyze, wal, costs off, timing off, summary off) {SEARCH}", values)
            written.add(re.search(r"WAL: records=\d+", str(rows.fetchall()))[0])  # type: ignore[index]
    assert len(written) <= 2  # the first call of a connection may write a hint
    assert misses(it) == (0, 0)


def test_finding_rolled_back(shared: Database) -> None:
    """Whoever rolls the answer back keeps the miss, until the refusals' budget is used up and the session ends."""
    it = thief(shared)
    guesses = 0
    for term in range(1, 60):
        request = uuid4()
        if ask(it.desk, it.session, Query(2, [term]), request) != "open":
            break
        with it.desk.transaction(force_rollback=True):
            find(it.desk, it.session, request)
        guesses += 1
    assert guesses == shared.one(
        "select minutes_5 from cloison.role_budget join cloison.role using (role) where name = 'adviser' "
        "and meter = 'refusal'"
    )
    assert ask(it.desk, it.session, Query(2, [1]), uuid4()) == "no_session"


def test_one_charge_for_two_searches(shared: Database) -> None:
    """A search charged for one value answers for no other, and a request sent again is charged again if it differs."""
    it = thief(shared)
    request = uuid4()
    assert ask(it.desk, it.session, Query(2, [1]), request) == "open"
    assert ask(it.desk, it.session, Query(2, [1]), request) == "open"
    assert misses(it) == (1, 1)
    assert ask(it.desk, it.session, Query(2, [2]), request) == "open"
    assert misses(it) == (2, 2)
    assert find(it.desk, it.session, request) == "open"
    assert release(it.desk, it.session, [request], [it.people[1]]) == [it.people[1]]
    assert find(it.desk, it.session, request) == "stale"
    assert misses(it) == (1, 3)


def test_search_held_uncommitted(shared: Database) -> None:
    """A search that is not committed yet is not answered, to no connection."""
    it = thief(shared)
    request = uuid4()
    with it.desk.transaction(force_rollback=True):
        ask(it.desk, it.session, Query(2, [1]), request)
        assert find(shared.connect("desk"), it.session, request) == "busy"
    assert find(it.desk, it.session, request) == "stale"


def test_search_answered_late(database: Database) -> None:
    """A search is answered within ten seconds or not at all."""
    it, clock = thief(database), Clock(database)
    request = uuid4()
    ask(it.desk, it.session, Query(2, [1]), request)
    clock.advance(seconds=10)
    assert find(it.desk, it.session, request) == "stale"


def test_search_answered_to_another_session(shared: Database) -> None:
    """A search is answered to the session that asked."""
    it, other = thief(shared), thief(shared)
    request = uuid4()
    ask(it.desk, it.session, Query(2, [1]), request)
    assert find(it.desk, other.session, request) == "stale"


def test_person_out_of_reach_or_nobody(shared: Database) -> None:
    """Somebody out of reach and nobody give the same answer, the same rows, the same entries and the same refusals."""
    seen = []
    for beyond in (0, 1):
        it = thief(shared)
        number, _ = stranger(shared)
        assert search(it.desk, it.session, Query(2, [number + beyond])) == ("scope", [])
        entries = shared.owner.execute(
            "select number, event, outcome, person, compartments, purpose, relation, amount from cloison.entry "
            f"where {WHO}",
            (it.session.account,),
        ).fetchall()
        seen.append((entries, misses(it)))
    assert seen[0] == seen[1]
    assert len(seen[0][0]) == 1


def test_explain_of_a_search(database: Database) -> None:
    """EXPLAIN counts as many pages and log records for somebody out of reach as for nobody."""
    it = thief(database, people=1)
    it.budget("refusal", 1000, 1000, 1000, 1000)
    seen: dict[bool, list[str]] = {True: [], False: []}
    numbers = [stranger(database)[0] for _ in range(30)]
    for number in numbers:
        for there in (True, False):
            request, term = uuid4(), number if there else number ^ 1
            ask(it.desk, it.session, Query(2, [term]), request)
            rows = it.desk.execute(
                f"explain (analyze, buffers, wal, costs off, timing off, summary off) {FIND}",
                (SEGMENT, it.session.token, request),
            ).fetchall()
            seen[there].append(" ".join(row[0].strip() for row in rows[1:]))
    # The server's own work (an analyze, a catalogue read anew) falls on either side now and then, never on one alone.
    pairs = list(zip(seen[True][10:], seen[False][10:], strict=True))
    assert sum(there == nobody for there, nobody in pairs) >= len(pairs) - 4


@pytest.mark.parametrize(
    "query",
    [
        Query(2, [0]),
        Query(2, [0], 2, [0]),
        Query(2, [0], None, [0]),
        Query(2, [0], 3, None),
        Query(2, [0], 3, [0]),
        Query(4, [0], 4, [0]),
        Query(4, [0], 1, [0]),
        Query(6, [0], 6, [0]),
        Query(6, [0], 1, [0]),
        Query(1, [0], None, [0], 7),
        Query(1, [0], 2, [0], 7),
    ],
)
def test_walk_in_without_proof(shared: Database, query: Query) -> None:
    """Without the birth date's proof, in the slot that the profile says, a stranger at the counter is nobody."""
    it = thief(shared)
    number, person = stranger(shared)
    proof = None if query.proof is None else [number]
    assert search(it.desk, it.session, query._replace(terms=[number], proof=proof)) == ("scope", [])
    assert charge(it.desk, it.session, [person])[1] == ["scope"]


@pytest.mark.parametrize("slot", [1, 2])
def test_walk_in_with_both_facts(shared: Database, slot: int) -> None:
    """With NIR or identifier and birth date a stranger is found, and can be opened as a walk-in, charged as one."""
    it = thief(shared)
    number, person = stranger(shared)
    proof = number if slot == 1 else -number
    query = Query(slot, [number], 1 if slot == 1 else 3, [proof], 7 if slot == 1 else None)
    assert search(it.desk, it.session, query) == ("open", [person])
    assert misses(it) == (0, 2)
    assert take(it.desk, it.session, [person]) == {person}
    assert shared.one("select meter::text from cloison.opening where person = %s and meter <> 'search'", person) == (
        "walk_in"
    )


def test_walk_in_after_thirty_minutes(database: Database) -> None:
    """Who was found at the counter cannot be opened half an hour later."""
    it, clock = thief(database), Clock(database)
    number, person = stranger(database)
    search(it.desk, it.session, Query(2, [number], 3, [-number]))
    clock.advance(minutes=29)
    assert charge(it.desk, it.session, [person])[1] == ["open"]
    clock.advance(minutes=1)
    assert charge(it.desk, it.session, [person])[1] == ["scope"]


def test_walk_in_by_a_role_without_that_right(shared: Database) -> None:
    """A partner's adviser finds no stranger, with both facts either, and gets the answer that nobody is there."""
    it = thief(shared, role="partner")
    number, _ = stranger(shared)
    assert search(it.desk, it.session, Query(2, [number], 3, [-number])) == ("scope", [])
    assert search(it.desk, it.session, Query(2, [number + 1], 3, [-number])) == ("scope", [])


def test_walk_in_budget_for_strangers(database: Database) -> None:
    """However many strangers are found with both facts, three an hour are opened."""
    it = thief(database)
    it.budget("walk_in", 3, 3, 10, 60)
    people = []
    for _ in range(8):
        number, person = stranger(database)
        assert search(it.desk, it.session, Query(2, [number], 3, [-number])) == ("open", [person])
        people.append(person)
    assert len(take(it.desk, it.session, people)) == 3


def test_nir_found_by_trial(shared: Database) -> None:
    """Five misses a day at the NIRs of one sex, date and place of birth; then the right one is not found either."""
    number, _ = stranger(shared)
    group = number ^ 5
    found, tried = [], 0
    for _ in range(3):
        it = thief(shared)
        for guess in range(4):
            tried += 1
            outcome, _ = search(it.desk, it.session, Query(1, [number + 1 + guess], 1, [number + 1 + guess], group))
            found.append(outcome)
    assert found == ["scope"] * 5 + ["budget"] * 7
    it = thief(shared)
    assert search(it.desk, it.session, Query(1, [number], 1, [number], group)) == ("budget", [])


def test_nir_found_by_trial_from_two_accounts_at_once(shared: Database) -> None:
    """Two accounts cannot both try the same group's last guess: one of them is asked to come back."""
    it, other = thief(shared), thief(shared)
    query = Query(1, [4], 1, [4], uuid4().int >> 66)
    with it.desk.transaction():
        assert ask(it.desk, it.session, query, uuid4()) == "open"
        assert ask(other.desk, other.session, query, uuid4()) == "busy"
    assert ask(other.desk, other.session, query, uuid4()) == "open"


def test_nir_searched_without_its_group(shared: Database) -> None:
    """A search whose misses share a budget is refused without the group."""
    it = thief(shared)
    with fails("CL002"):
        ask(it.desk, it.session, Query(1, [1], 1, [1]), uuid4())


@pytest.mark.parametrize("slot", [0, 3, 8, 9, -1, 2**31 - 1, None])
def test_slot_that_the_profile_does_not_search_by(shared: Database, slot: int | None) -> None:
    """Slots that do not exist, hold no term, or have no index and would read everybody, are refused."""
    it = thief(shared)
    with fails("CL002"):
        ask(it.desk, it.session, Query(slot, [1], None, None, 1), uuid4())


@pytest.mark.parametrize("slot", ["2 = 2 or p.term2", "2; drop table cloison.person", "2)--", "'2"])
def test_statement_injected_through_the_slot(shared: Database, slot: str) -> None:
    """A slot is a number: text in its place is not taken, so that it never reaches the statement made from it."""
    it = thief(shared)
    values = (SEGMENT, it.session.token, uuid4(), 0, slot, [1], None, None, None, 0, b"")
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        it.desk.execute(SEARCH, values)


@pytest.mark.parametrize("query", [Query(2, [1] * 65), Query(2, [1], 3, [1] * 65)])
def test_more_terms_than_years_of_keys(shared: Database, query: Query) -> None:
    """A search takes at most 64 terms and 64 proofs."""
    it = thief(shared)
    with fails("CL002"):
        ask(it.desk, it.session, query, uuid4())


def test_search_for_nothing(shared: Database) -> None:
    """Without a term nobody is found, and it is a miss."""
    it = thief(shared)
    assert search(it.desk, it.session, Query(2, [])) == ("scope", [])
    assert search(it.desk, it.session, Query(2, [], 3, [])) == ("scope", [])
    assert misses(it) == (2, 2)


def test_search_for_a_purpose_not_of_the_role(shared: Database) -> None:
    """A purpose that the role has not finds nobody, and is a refusal."""
    it = thief(shared)
    assert search(it.desk, it.session, Query(2, [1], purpose=4)) == ("scope", [])
    assert misses(it) == (1, 1)


def test_more_cards_than_the_budget(database: Database) -> None:
    """Searches show cards of ten people at a time, and of no more people than their budget."""
    it = thief(database, people=60)
    it.budget("search", 25, 25, 25, 25)
    shown: set[UUID] = set()
    for i in range(0, 60, 20):
        outcome, people = search(it.desk, it.session, Query(2, list(range(i + 1, i + 21))))
        assert len(people) <= 10
        assert outcome in {"open", "budget"}
        shown |= set(people)
    for term in range(1, 61):
        shown |= set(search(it.desk, it.session, Query(2, [term]))[1])
    assert len(shown) == 25
