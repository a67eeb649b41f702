"""A stolen account that was given a passkey of the thief's: for a day it has a fifth of its budgets, by any session."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from support.database import SEGMENT, Database
from support.meter import CHARGE, LIST, RELEASE, Clock, Thief, first, thief

NEW_KEY = (
    "insert into cloison.factor (segment, account, credential, public_key, sign_count, aaguid, backup_eligible, "
    "added_at, quarantined_until) values (%s, %s, %s, '', 0, gen_random_uuid(), false, cloison.clock_v1(), "
    "cloison.clock_v1() + interval '24 hours') returning factor"
)
START = "select cloison.start_session_v1(%s, %s, %s, 'desk', %s, %s, %s, %s, 60, sha256('device'))"


def sign_in_with_a_new_key(it: Thief) -> None:
    """Register a passkey for the account, and begin a session with it, as the sign-in door does."""
    account = it.session.account
    factor = it.database.one(NEW_KEY, SEGMENT, account, uuid4().bytes)
    hashes = [uuid4().bytes * 2 for _ in range(3)]
    assert it.database.one(START, SEGMENT, account, uuid4(), *hashes[:2], factor, hashes[2]) is not None


def opened(it: Thief, people: Sequence[UUID]) -> int:
    """How many of these people the older session gets, one after the other, until it is refused one."""
    taken = 0
    for person in people:
        request = [uuid4()]
        outcome = first(it.desk.execute(CHARGE, it.charge_values(request, [person])))
        taken += outcome == "open"
        it.desk.execute(RELEASE, it.release_values(request, [person]))
        if outcome != "open":
            break
    return taken


def test_a_fifth_for_a_day(database: Database) -> None:
    """2 people in five minutes, 6 in an hour, 16 in a day, by an older session too; the day after 10, 30 and 80."""
    it, clock = thief(database, 120), Clock(database)
    sign_in_with_a_new_key(it)
    strangers = list(it.people)

    def taken(minutes: int, tried: int) -> int:
        """How many new people it gets in so many minutes; many refusals would end its session."""
        before = len(strangers)
        for _ in range(minutes // 6):
            got = opened(it, strangers[:tried])
            del strangers[:got]
            clock.advance(minutes=6)
        return before - len(strangers)

    assert taken(6, 3) == 2
    assert taken(54, 3) == 4
    clock.advance(minutes=10)
    assert taken(60, 3) == 6
    clock.advance(minutes=10)
    assert taken(120, 3) == 4
    clock.advance(hours=26)
    assert taken(6, 11) == 10
    assert taken(54, 11) == 20


def test_never_below_todays_appointments(database: Database) -> None:
    """Whoever lost a key serves the people who come today: as many as they meet, within the usual budget."""
    it = thief(database, 20)
    database.owner.execute(
        "insert into cloison.relation (segment, account, person, kind, valid_from, valid_until) "
        "select %s, %s, person, 'inbound', cloison.clock_v1(), cloison.clock_v1() + interval '20 minutes' "
        "from unnest(%s::uuid[]) person",
        (SEGMENT, it.session.account, it.people[:7]),
    )
    sign_in_with_a_new_key(it)
    assert opened(it, it.people) == 7


def test_appointments_raise_no_budget(database: Database) -> None:
    """Twenty appointments at once give no more than the usual third of an hour's budget in five minutes."""
    it = thief(database, 25)
    database.relate(it.session.account, it.people, "inbound")
    database.owner.execute(
        "update cloison.relation set valid_until = cloison.clock_v1() + interval '1 hour' where kind = 'inbound'"
    )
    sign_in_with_a_new_key(it)
    assert opened(it, it.people) == 10


def test_a_list_is_as_short(database: Database) -> None:
    """A fifth of a hundred names an hour."""
    it = thief(database, 60)
    sign_in_with_a_new_key(it)
    values = (SEGMENT, it.session.token, uuid4(), True, None)
    outcome, people, _ = it.desk.execute(LIST, values).fetchone() or ("", 0, None)
    assert (outcome, people) in {("budget", 0), ("open", 20)}


def test_an_old_key_changes_nothing(database: Database) -> None:
    """Without a session of the new key the budgets are what they were."""
    it = thief(database, 20)
    database.one(NEW_KEY, SEGMENT, it.session.account, uuid4().bytes)
    assert opened(it, it.people) == 10
