"""One-time codes attacked with the logins themselves: the desk's, and intake's without its key."""

import secrets
import threading
from functools import cached_property
from uuid import UUID, uuid4

import psycopg
import pytest
from support.database import CONTACT, IDENTITY, LABEL, NIR, SEGMENT, Database, Session
from support.leases import capped_at
from support.meter import fails
from support.relations import limit, many, reach

ASK = "select outcome, retry_after from cloison.ask_code_v1(%s, %s, %s, %s, %s, %s)"
RELEASE = "select person, ticket from cloison.release_address_v1(%s, %s, %s)"
CONFIRM = "select outcome from cloison.confirm_code_v1(%s, %s, %s, %s)"


class Counter:
    """A reception account, and somebody whom it found by both facts."""

    def __init__(self, database: Database, role: str = "reception", organisation: str = "Agence") -> None:
        """Eight people were found a moment ago."""
        self.database = database
        self.session: Session = database.session(database.account(role, organisation=organisation))
        self.people = database.people(8)
        database.owner.execute(
            "insert into cloison.relation (segment, account, person, kind, valid_from, valid_until) select %s, %s, "
            "person, 'walk_in', now(), now() + interval '30 minutes' from unnest(%s::uuid[]) person",
            (SEGMENT, self.session.account, self.people),
        )

    @cached_property
    def intake(self) -> psycopg.Connection:
        """Intake's own login, which has few connections."""
        return self.database.connect("intake")

    def ask(
        self, person: UUID, code: UUID, *, hashed: bytes = bytes(32), intake: psycopg.Connection | None = None
    ) -> str:
        """Note a code for this person; the outcome."""
        row = (
            (intake or self.intake)
            .execute(ASK, (SEGMENT, self.session.token, code, person, CONTACT, hashed))
            .fetchone()
        )
        assert row is not None
        return str(row[0])

    def release(self, code: UUID, login: psycopg.Connection | None = None) -> list[tuple[object, ...]]:
        """Ask for the address."""
        return (login or self.intake).execute(RELEASE, (SEGMENT, self.session.token, code)).fetchall()

    def confirm(self, person: UUID, hashed: bytes) -> str:
        """Give a code's hash back; the outcome."""
        row = self.intake.execute(CONFIRM, (SEGMENT, self.session.token, person, hashed)).fetchone()
        assert row is not None
        return str(row[0])


@pytest.fixture
def counter(database: Database) -> Counter:
    """A reception account."""
    return Counter(database)


def test_the_desk_makes_and_confirms_no_code(counter: Counter) -> None:
    """The desk's login would write itself an interaction with whoever it found: it has no right to any of the three."""
    desk, person, code = counter.database.connect("desk"), counter.people[0], uuid4()
    values = (SEGMENT, counter.session.token)
    with fails("42501"):
        desk.execute(ASK, (*values, code, person, CONTACT, bytes(32)))
    counter.ask(person, code)
    with fails("42501"):
        desk.execute(RELEASE, (*values, code))
    with fails("42501"):
        desk.execute(CONFIRM, (*values, person, bytes(32)))
    assert reach(counter.database, counter.session.account) == set(counter.people)


def test_the_desk_releases_no_address(counter: Counter) -> None:
    """What was charged to send a code leaves the desk nothing to release, for a role without contact least of all."""
    code = uuid4()
    assert counter.ask(counter.people[0], code) == "open"
    desk = counter.database.connect("desk")
    for person in (counter.people[0], None):
        rows = desk.execute(
            "select person from cloison.release_v1(%s, %s, %s, %s)",
            (SEGMENT, [counter.session.token], [code], [person]),
        ).fetchall()
        assert rows == []


def test_charged_and_released_in_one_transaction(counter: Counter) -> None:
    """An address is released only once its charge is committed, and only once."""
    code = uuid4()
    with fails("CL003"), counter.intake.transaction():
        counter.ask(counter.people[0], code)
        counter.release(code)
    assert counter.release(code) == []
    assert counter.ask(counter.people[0], code) == "open"
    ((person, ticket),) = counter.release(code)
    assert person == counter.people[0]
    assert str(ticket).startswith(f"cloison-change-1|{code}|")
    assert f"|{CONTACT}|" in str(ticket)
    assert counter.release(code) == []


@pytest.mark.parametrize(
    "compartments", [0, -1, IDENTITY, NIR, LABEL, IDENTITY | CONTACT, NIR | CONTACT, 1 << 5, 1 << 30]
)
def test_more_than_the_address(shared: Database, compartments: int) -> None:
    """A code opens the compartment of the address alone: no other, not several, and none that there is not."""
    counter = Counter(shared)
    with fails("CL002"):
        counter.intake.execute(
            ASK, (SEGMENT, counter.session.token, uuid4(), counter.people[0], compartments, bytes(32))
        )


def test_a_freeze_between_charge_and_release(counter: Counter) -> None:
    """The address is not released to an account that was frozen meanwhile, nor once the relation is gone."""
    first, second = uuid4(), uuid4()
    counter.ask(counter.people[0], first)
    counter.database.owner.execute("delete from cloison.relation where person = %s", (counter.people[0],))
    assert counter.release(first) == []
    counter.ask(counter.people[1], second)
    counter.database.owner.execute("select cloison.freeze_v1(%s, %s)", (SEGMENT, counter.session.account))
    assert counter.release(second) == []


def test_codes_asked_for_in_parallel(counter: Counter) -> None:
    """Accounts that ask at once for one person have three codes sent, not one each."""
    person = counter.people[0]
    others = [Counter(counter.database) for _ in range(6)]
    for other in others:
        counter.database.owner.execute(
            "update cloison.relation set person = %s where account = %s and person = %s",
            (person, other.session.account, other.people[0]),
        )
    outcomes: list[str] = []

    def ask(intake: psycopg.Connection, other: Counter) -> None:
        while (outcome := other.ask(person, uuid4(), intake=intake)) == "busy":
            pass
        outcomes.append(outcome)

    with many(counter.database, "intake", 6) as connections:
        threads = [threading.Thread(target=ask, args=pair) for pair in zip(connections, others, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(outcomes) == ["budget"] * 3 + ["open"] * 3


def test_codes_are_openings_at_the_counter(counter: Counter) -> None:
    """Somebody who is sent a code counts in the account's budget of the counter like somebody opened."""
    outcomes = [counter.ask(person, uuid4()) for person in counter.people]
    assert outcomes == ["open"] * 6 + ["budget"] * 2


def test_codes_beyond_an_organisations_cap(database: Database) -> None:
    """An account under a cap has no code sent: its organisation's ledger would count nobody it is opened for."""
    counter = Counter(database, organisation=capped_at(database, "capped", 2))
    codes = {uuid4(): person for person in counter.people[:4]}
    assert [counter.ask(person, code) for code, person in codes.items()] == ["scope"] * 4
    assert [counter.release(code) for code in codes] == [[]] * 4


def test_a_cap_agreed_on_between_charge_and_release(database: Database) -> None:
    """A code charged before its organisation had a cap has no address released after it."""
    counter, code = Counter(database), uuid4()
    assert counter.ask(counter.people[0], code) == "open"
    database.owner.execute("update cloison.agreement set hour = 2 where standing")
    assert counter.release(code) == []


def test_an_accounts_codes_of_a_day(counter: Counter) -> None:
    """Behind its codes of a day an account has none sent, whoever they are for."""
    limit(counter.database, codes_account_day=2)
    assert [counter.ask(person, uuid4()) for person in counter.people[:3]] == ["open", "open", "budget"]


def test_a_guess_is_a_refusal(counter: Counter) -> None:
    """Each wrong code is counted and logged; the sixth try is lost even if it is right."""
    hashed = secrets.token_bytes(32)
    counter.ask(counter.people[0], uuid4(), hashed=hashed)
    assert [counter.confirm(counter.people[0], bytes(32)) for _ in range(5)] == ["scope"] * 5
    assert counter.confirm(counter.people[0], hashed) == "scope"
    assert counter.confirm(counter.people[1], hashed) == "scope"
    refusals = counter.database.one("select count(*) from cloison.refusal where account = %s", counter.session.account)
    assert refusals == 7


def test_confirmed_in_parallel(counter: Counter) -> None:
    """One code is one interaction and one entry, however many confirm it at once."""
    person, hashed = counter.people[0], secrets.token_bytes(32)
    counter.ask(person, uuid4(), hashed=hashed)
    outcomes: list[str] = []

    def confirm(intake: psycopg.Connection) -> None:
        while True:
            row = intake.execute(CONFIRM, (SEGMENT, counter.session.token, person, hashed)).fetchone()
            assert row is not None
            if row[0] != "busy":
                outcomes.append(row[0])
                return

    with many(counter.database, "intake", 4) as connections:
        threads = [threading.Thread(target=confirm, args=(connection,)) for connection in connections]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(outcomes) == ["open", "scope", "scope", "scope"]
