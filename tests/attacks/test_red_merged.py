"""What leads to a record that a merge absorbed leads to the survivor, and back to its own person after a split."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from support.database import SEGMENT, Database, take
from support.merging import Merging
from support.meter import FIND, Clock, Query, Thief, ask, fails, search, thief
from support.protected import protect, set_by
from support.relations import KIND, handle_of, reach
from support.sources import feed, feed_again, tell

HOUR = timedelta(hours=1)
DAY = 24
ASK_CHANGING = (
    "select merge from cloison.ask_merge_v1(%s, %s, %s, 5::int2, null, %s, %s, 'other', array[1, 1], '{}', array[row("
    "%s, %s, %s, 3, %s, 8000, 7, false, null, null, 1, array['\\x01'::bytea], 0, array_fill(null::bigint, array[8]), "
    "'{}', '{}')::cloison.resealed])"
)


@pytest.fixture
def intake(database: Database) -> Iterator[psycopg.Connection]:
    """The door's login."""
    with database.connect("intake") as connection:
        yield connection


class Met:
    """Two people to be merged, each with an identifier, an account that a source speaks of, and the clock."""

    def __init__(self, database: Database, intake: psycopg.Connection) -> None:
        """Nobody was met yet."""
        self.database, self.intake, self.clock = database, intake, Clock(database)
        self.it = Merging(database, intake)
        self.account = database.account()
        feed(database)
        self.handle = handle_of(database, self.account)
        for term, person in zip((1, 2), self.people, strict=True):
            database.owner.execute(
                "insert into cloison.locator (kind, term, segment, person) values (%s, %s, %s, %s)",
                (KIND, term, SEGMENT, person),
            )

    @property
    def people(self) -> tuple[UUID, UUID]:
        """Survivor and absorbed."""
        return self.it.survivor, self.it.absorbed

    def tell(self, term: int, hours: float) -> None:
        """An interaction with whoever has this number, in so many hours."""
        begins = self.clock.now + timedelta(hours=hours)
        secret = feed_again(self.database)  # a token lives for ten minutes of the clock, which goes on by days
        assert tell(self.intake, secret, self.handle, [term], begins=begins) == ["written"]

    def reach(self, hours: float = 0) -> set[UUID]:
        """Whom the account has a relation with in so many hours, once the reaper has swept."""
        self.clock.advance(hours=hours)
        self.database.owner.execute("select cloison.sweep_relations_v1()")
        return reach(self.database, self.account)


@pytest.fixture
def met(database: Database, intake: psycopg.Connection) -> Met:
    """Two people, an account and a source."""
    return Met(database, intake)


def test_interactions_that_wait_follow_a_merge(met: Met) -> None:
    """Told of somebody who is absorbed before their day comes, they are interactions with the survivor."""
    met.tell(2, 0)
    met.tell(2, 2 * DAY)
    met.tell(2, 4 * DAY)
    met.it.step()
    assert met.reach() == {met.it.survivor}
    assert met.reach(2 * DAY) == {met.it.survivor}
    met.it.step()
    assert met.reach() == {met.it.absorbed}
    assert met.reach(2 * DAY) == {met.it.absorbed}


def test_interactions_told_of_an_absorbed_record(met: Met) -> None:
    """A source that still knows the old number tells of the survivor; after a split, of its own person again."""
    met.it.step()
    met.tell(2, 0)
    met.tell(2, 2 * DAY)
    assert met.reach() == {met.it.survivor}
    met.it.step()
    assert met.reach() == {met.it.absorbed}
    assert met.reach(2 * DAY) == {met.it.absorbed}


def test_interactions_of_both(met: Met) -> None:
    """Of an account that meets both, each keeps its own after a split, and neither is lost in the merge."""
    met.tell(1, 0)
    met.tell(2, 0)
    met.tell(2, 2 * DAY)
    met.tell(1, 4 * DAY)
    met.it.step()
    assert met.reach() == {met.it.survivor}
    assert met.reach(2 * DAY) == {met.it.survivor}
    met.it.step()
    assert met.reach() == {met.it.absorbed}
    assert met.reach(2 * DAY) == {met.it.survivor}


def test_interaction_where_the_survivors_is_over(met: Met) -> None:
    """One that is over with the survivor does not hide one of today with the record that is absorbed."""
    met.tell(1, 0)
    met.clock.advance(hours=2 * DAY)
    met.tell(2, 0)
    met.it.step()
    assert met.reach() == {met.it.survivor}


def test_told_of_a_record_absorbed_twice(met: Met) -> None:
    """Absorbed by a record that is absorbed itself: the last survivor's interaction, which goes back step by step."""
    other = Merging(met.database, met.intake)
    met.it.step()
    other.absorbed = met.it.survivor
    met.database.relate(other.session.account, [other.absorbed])
    other.step()
    met.tell(2, 0)
    assert met.reach() == {other.survivor}
    other.step()
    assert met.reach() == {met.it.survivor}
    met.it.step()
    assert met.reach() == {met.it.absorbed}


@pytest.mark.parametrize("whose", ["other", "moved", "later"])
def test_a_merge_that_changes_somebody_else(database: Database, intake: psycopg.Connection, whose: str) -> None:
    """What a merge seals is the survivor's, there and as it was read: else a change would leave no entry of its own."""
    it = Merging(database, intake)
    (other,) = database.people(1)
    person = other if whose == "other" else it.survivor
    asked = (SEGMENT, it.session.token, uuid4(), it.survivor, it.absorbed)
    change = (SEGMENT, 2 if whose == "later" else 1, "62" if whose == "moved" else SEGMENT, person)
    with fails("CL002"):
        intake.execute(ASK_CHANGING, (*asked, *change))


def test_protected_while_a_merge_is_under_way(database: Database, intake: psycopg.Connection) -> None:
    """A protection of the record that is just being absorbed waits for that, and protects the survivor."""
    it, officer = Merging(database, intake), database.session(database.account("officer"))
    protecting: list[object] = []

    def set_it() -> None:
        with database.connect("desk") as desk:
            protecting.append(set_by(desk, officer, it.absorbed, [])[0])

    thread = threading.Thread(target=set_it)
    with intake.transaction():
        it.step()
        thread.start()
        while database.one("select count(*) from pg_locks where not granted and locktype = 'transactionid'") == 0:
            time.sleep(0.01)
    thread.join()
    assert protecting == ["open"]
    with database.connect("desk") as desk:
        assert take(desk, it.session, [it.survivor, it.absorbed]) == set()


def numbered(database: Database, person: UUID, number: int) -> Query:
    """A search by somebody's number and birth date, as at a counter."""
    database.owner.execute(
        "update cloison.person set term2 = %s, term3 = -%s where person = %s", (number, number, person)
    )
    return Query(2, [number], 3, [-number])


def test_old_numbers_of_an_absorbed_record(database: Database, intake: psycopg.Connection) -> None:
    """The absorbed record's number finds the survivor, for who follows them and at the counter, and no others."""
    it, counter, stranger = Merging(database, intake), thief(database, 0), thief(database, 0)
    old, new = numbered(database, it.absorbed, 5_001), numbered(database, it.survivor, 5_002)
    it.step()
    assert search(counter.desk, it.session, old._replace(proof_slot=None, proof=None)) == ("open", [it.survivor])
    assert search(counter.desk, stranger.session, old._replace(proof_slot=None, proof=None)) == ("scope", [])
    assert search(counter.desk, stranger.session, old._replace(proof=[-5_002])) == ("scope", [])
    for query in (old, new):
        assert search(counter.desk, counter.session, query) == ("open", [it.survivor])
    assert take(counter.desk, counter.session, [it.survivor, it.absorbed]) == {it.survivor}
    it.step()
    for query, person in ((old, it.absorbed), (new, it.survivor)):
        assert search(counter.desk, counter.session, query) == ("open", [person])


def test_old_numbers_of_somebody_protected(database: Database, intake: psycopg.Connection) -> None:
    """A survivor who is protected, or the account's own holder, is found by an old number as little as by their own."""
    it, counter = Merging(database, intake), thief(database, 0)
    old = numbered(database, it.absorbed, 5_003)
    it.step()
    protect(database, it.survivor, [counter.session.account])
    assert search(counter.desk, counter.session, old) == ("scope", [])


def test_old_telephone_of_an_absorbed_record(database: Database, intake: psycopg.Connection) -> None:
    """What is not unique finds nobody through an absorbed record: what the survivor took of it is in its own."""
    it = Merging(database, intake)
    database.owner.execute("update cloison.person set term5 = 5004 where person = %s", (it.absorbed,))
    it.step()
    with database.connect("desk") as desk:
        assert search(desk, it.session, Query(5, [5_004])) == ("scope", [])


def test_old_numbers_and_nobody_cost_the_same(database: Database, intake: psycopg.Connection) -> None:
    """EXPLAIN counts as much for an absorbed record's number as for a stranger's and for nobody's."""
    it = thief(database, 0)
    it.budget("refusal", 1000, 1000, 1000, 1000)
    merging = Merging(database, intake)
    strangers = database.people(40)
    for i, person in enumerate(strangers):
        numbered(database, person, 6_000_000 + 4 * i)
    merging.step()
    for i in range(40):
        absorb(database, i)
        explained(it, 6_000_001 + 4 * i)  # whoever first comes upon a row that is gone takes its index entry away
    seen: dict[str, list[str]] = {"absorbed": [], "stranger": [], "nobody": []}
    for i in range(40):
        for place, counted in enumerate(seen.values()):
            counted.append(explained(it, 6_000_000 + 4 * i + (1, 0, 2)[place]))
    *others, nobody = [counted[10:] for counted in seen.values()]
    alike = [sum(one == none for one, none in zip(other, nobody, strict=True)) for other in others]
    assert min(alike) >= 0.7 * len(nobody), alike


def absorb(database: Database, number: int) -> None:
    """Two strangers of whom one is absorbed, with a number of its own."""
    survivor, absorbed = database.people(2)
    numbered(database, absorbed, 6_000_001 + 4 * number)
    database.owner.execute(
        "with m as (insert into cloison.merge (segment, merge, survivor, absorbed, state, reason, asked_by, asked_at, "
        "merged_at) values (%s, gen_random_uuid(), %s, %s, 'merged', 'other', gen_random_uuid(), now(), now()) "
        "returning *) select cloison.carry_out_merge_v1(m, row(m.segment, m.merge, 1, 1, null)::cloison.planned) "
        "from m",
        (SEGMENT, survivor, absorbed),
    )


def explained(it: Thief, term: int) -> str:
    """What EXPLAIN counts of a search: pages and log records."""
    request = uuid4()
    ask(it.desk, it.session, Query(2, [term]), request)
    rows = it.desk.execute(
        f"explain (analyze, buffers, wal, costs off, timing off, summary off) {FIND}",
        (SEGMENT, it.session.token, request),
    ).fetchall()
    return " ".join(row[0].strip() for row in rows[1:])
