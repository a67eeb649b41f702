"""A thief with the desk's database login and the desk's secret for the keeper guesses at NIRs.

The keeper computes what is searched by, so that a dump alone tests no guess. Of each value it signs the terms, the
group of its misses and the time; the database takes a search as it was signed, for that session, or not at all.
"""

import asyncio
from uuid import UUID, uuid4

import psycopg
import pytest
from support.database import SEGMENT, Database, Session
from support.desk import RunningRegister
from support.meter import SEARCH, Clock, Query, ask, fails, find, first, search, search_values, signature, thief

from cloison.access.sessions import bearer
from cloison.config import read_secret
from cloison.keeper.client import Keeper, SignedTerms, TermQuery
from cloison.register.profile import load_profile
from cloison.register.terms import term_inputs
from cloison.store.pools import conninfo

UNSIGNED = "CL006"
NIR_SLOT = 1
CUTS = [10, 0]


def somebody(database: Database) -> tuple[int, UUID]:
    """Somebody whom no account follows: the number of their term by NIR and birth date, and the person."""
    person = database.people(1)[0]
    number = person.int >> 66
    database.owner.execute("update cloison.person set term1 = %s where person = %s", (number, person))
    return number, person


def guess(number: int, group: int | None = 7) -> Query:
    """One guess, at the NIR and its proof."""
    return Query(NIR_SLOT, [number], NIR_SLOT, [number], group)


def forge(it: tuple[psycopg.Connection, Session], forged: Query, signed: tuple[object, ...]) -> None:
    """A search by the one query with the signature of another."""
    desk, session = it
    desk.execute(SEARCH, (SEGMENT, session.token, uuid4(), forged.purpose, *forged[:-1], *signed))


def test_several_guesses_in_one_search(shared: Database) -> None:
    """The terms of ten guesses, each signed, are not taken as one search."""
    it = thief(shared)
    number, _ = somebody(shared)
    guesses = [number + i for i in range(10)]
    for signed in (signature(shared, it.session, guess(one)) for one in guesses):
        with fails(UNSIGNED):
            forge((it.desk, it.session), Query(NIR_SLOT, guesses, NIR_SLOT, guesses, 7), signed)
    assert it.entries("scope", "search") == 0


@pytest.mark.parametrize(
    "forged",
    [
        Query(1, [1], 1, [1], 8),
        Query(1, [1], 1, [1, 2], 7),
        Query(1, [1], None, None, 7),
        Query(1, [1, 2], 1, [1], 7),
        Query(1, [-1], 1, [1], 7),
        Query(1, [], 1, [1], 7),
        Query(2, [1], 1, [1]),
        Query(4, [1]),
    ],
)
def test_search_other_than_the_keeper_signed(shared: Database, forged: Query) -> None:
    """Other terms, another slot, another proof, a group of one's own: whatever was changed is refused, uncharged."""
    it = thief(shared)
    signed = signature(shared, it.session, guess(1))
    with fails(UNSIGNED):
        forge((it.desk, it.session), forged, signed)
    assert it.entries("scope", "search") == 0


def test_group_left_out_or_made_up(shared: Database) -> None:
    """A search whose misses share a budget needs a group, another has none."""
    it = thief(shared)
    for query in (guess(1, None), Query(2, [1], None, None, 7)):
        with fails("CL002"):
            ask(it.desk, it.session, query, uuid4())


@pytest.mark.parametrize("cuts", [[15, 0], [0, 0], [10], [10, -1], [10, 0, 0]])
def test_group_cut_otherwise(shared: Database, cuts: list[int]) -> None:
    """A group of all fifteen characters, which no other guess shares, is signed and not taken."""
    it = thief(shared)
    with fails(UNSIGNED):
        forge((it.desk, it.session), guess(1), signature(shared, it.session, guess(1), cuts=cuts))


def test_search_signed_for_another_session(shared: Database) -> None:
    """What was signed for one session, whose account paid for the terms, is no other's, of the same account either."""
    it = thief(shared)
    signed = signature(shared, it.session, guess(1))
    for other in (thief(shared).session, shared.session(it.session.account)):
        with fails(UNSIGNED):
            forge((it.desk, other), guess(1), signed)


def test_search_signed_a_minute_ago(database: Database) -> None:
    """Signatures cannot be collected: after seconds they are stale, and neither charged nor answered."""
    it, clock = thief(database), Clock(database)
    number, _ = somebody(database)
    request = uuid4()
    values = search_values(database, it.session, guess(number), request)
    clock.advance(seconds=16)
    assert it.desk.execute(SEARCH, values).fetchone() == ("stale",)
    assert find(it.desk, it.session, request) == "stale"
    assert it.entries("scope", "search") == 0


@pytest.mark.parametrize("mac", [None, b"", bytes(32), bytes(64)])
def test_search_without_a_signature(shared: Database, mac: bytes | None) -> None:
    """No signature, or one of zeros, is none; neither is a time of day left out."""
    it = thief(shared)
    at, right = signature(shared, it.session, guess(1))
    for signed in ((at, mac), (None, right), (0, right)):
        with fails(UNSIGNED):
            forge((it.desk, it.session), guess(1), signed)


def test_signed_search_is_charged_each_time(shared: Database) -> None:
    """Used again within its seconds, a signature is a guess again, and five of a group are all there are."""
    it = thief(shared)
    number, person = somebody(shared)
    group = number ^ 3
    outcomes = [search(it.desk, it.session, guess(number + 1, group))[0] for _ in range(6)]
    assert outcomes == ["scope"] * 5 + ["budget"]
    assert search(it.desk, thief(shared).session, guess(number, group)) == ("budget", [])
    assert shared.one("select count(*) from cloison.opening where person = %s", person) == 0


async def guesses(register: RunningRegister, token: bytes, nirs: list[str], birth_date: str) -> list[SignedTerms]:
    """What the running keeper signs, asked with the desk's stolen secret, for these NIRs of somebody born that day."""
    home = register.home
    async with await Keeper.connect(home.keeper_socket, "desk", read_secret(home.callers / "desk.secret")) as keeper:
        signed = []
        for nir in nirs:
            facts = {"nir": nir, "birth_date": birth_date}
            value = term_inputs(load_profile("jobseekers-fr"), "nir", facts)[NIR_SLOT]
            signed.append(await keeper.terms(token, TermQuery(SEGMENT, NIR_SLOT, value), (NIR_SLOT, value), CUTS))
    return signed


def test_nir_by_trial_with_the_desks_secret(register: RunningRegister) -> None:
    """Whatever is asked of the running keeper, five guesses at a person's NIR are looked for a day, one at a time."""
    held = register.agent(0).held
    token = bearer(held.token, held.key.thumbprint).token
    person = next(row for row in register.people if row["nir"])
    nir = person["nir"].replace(" ", "")
    bodies = [f"{nir[:10]}{(int(nir[10:13]) + i) % 1000:03}" for i in (*range(1, 8), 0)]
    signed = asyncio.run(guesses(register, token, [body + key_of(body) for body in bodies], person["birth_date"]))
    assert len({each.group for each in signed}) == 1
    every = [term for each in signed for term in each.terms][:64]  # more are refused unread
    outcomes = []
    with psycopg.connect(conninfo(register.home, "desk"), autocommit=True) as desk:
        for group in (signed[0].group, 7):
            with fails(UNSIGNED):
                found_by = (NIR_SLOT, every, NIR_SLOT, every, group, signed[0].at_milliseconds, signed[0].mac)
                desk.execute(SEARCH, (SEGMENT, token, uuid4(), 0, *found_by))
        for each in signed:
            one = (NIR_SLOT, each.terms, NIR_SLOT, each.proof_terms, each.group, each.at_milliseconds, each.mac)
            outcomes.append(first(desk.execute(SEARCH, (SEGMENT, token, uuid4(), 0, *one))))
    assert outcomes == ["open"] * 5 + ["budget"] * 3


def key_of(body: str) -> str:
    """The two digits at the end of a NIR."""
    return f"{97 - int(body.upper().replace('2A', '19').replace('2B', '18')) % 97:02}"
