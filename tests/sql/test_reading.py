"""The log read by staff, and by people in their own space: who may, what they see, and by which indexes."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from support.database import IDENTITY, SEGMENT, Database, Session, charge, take
from support.meter import fails
from support.spaces import Live, Login, Spaces

ASK = "select cloison.ask_log_v1(%s, %s, %s, %s, %s, %s)"
READ = "select * from cloison.read_log_v1(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
HISTORY = "select * from cloison.space_history_v1(%s, %s, %s, %s, %s)"
SERVICE = "update cloison.organisation set service = true where name = %s"
SCANNED = """
select coalesce(sum(seq_scan), 0)::int, coalesce(sum(idx_scan), 0)::int from pg_stat_xact_user_tables
where relid in (select inhrelid from pg_inherits where inhparent = 'cloison.entry'::regclass)
"""
MADE_UP = """
insert into cloison.entry (segment, account, number, at, event, outcome, person, compartments, purpose)
select '59', md5((i % 200)::text)::uuid, -i, cloison.clock_v1() - i * interval '40 seconds', 'open', 'open',
    md5((i % 3000)::text)::uuid, 1, 0 from generate_series(1, 30000) i
"""
PARTNER, FOREIGN = "Association", "Cabinet"


class Readers:
    """A database whose organisation `Agence` is the service's own, with staff who read the log."""

    def __init__(self, database: Database) -> None:
        """An officer of the service, and managers of two other organisations."""
        self.database = database
        database.account()
        database.owner.execute(SERVICE, ("Agence",))
        self.officer = database.session(database.account("officer"))
        self.manager = database.session(database.account("manager", organisation=PARTNER))
        self.desk = database.connect("desk")

    def handle(self, account: UUID) -> str:
        """How the account is called."""
        return str(self.database.one("select handle from cloison.account where account = %s", account))

    def ask(self, who: Session, *, handle: str | None = None, of: str | None = None, person: UUID | None = None) -> Any:  # noqa: ANN401 - a word and a number
        """What asking answers, and the request."""
        request = uuid4()
        row = self.desk.execute(ASK, (who.segment, who.token, request, handle, of, person)).fetchone()
        assert row is not None
        return row[0], request

    def page(self, who: Session, request: UUID, *cursor: object, most: int = 100) -> list[Any]:
        """The page that was asked for."""
        behind = cursor or (None,) * 4
        return self.desk.execute(READ, (who.segment, who.token, request, None, None, *behind, most)).fetchall()

    def read(self, who: Session, most: int = 100, **about: Any) -> list[Any]:  # noqa: ANN401 - as `ask` has them
        """Asked for and read."""
        word, request = self.ask(who, **about)
        assert word == "open"
        return self.page(who, request, most=most)


@pytest.fixture
def readers(database: Database) -> Iterator[Readers]:
    """Of a database of this test's own."""
    found = Readers(database)
    yield found
    found.desk.close()


def opened(database: Database, organisation: str, person: UUID) -> Session:
    """Somebody of an organisation opens somebody."""
    account = database.account(organisation=organisation)
    database.relate(account, [person])
    session = database.session(account)
    with database.connect("desk") as desk:
        assert take(desk, session, [person]) == {person}
    return session


def scanned(database: Database, statement: str, *values: object) -> tuple[int, bool]:
    """How often a whole table of entries was looked through, and whether an index was used; it finds some."""
    with database.connect("postgres") as superuser, superuser.transaction():
        assert superuser.execute(statement, values).fetchall()
        whole, by_index = superuser.execute(SCANNED).fetchone() or (1, 0)
    return whole, by_index > 0


# -- staff -------------------------------------------------------------------------------------------------------------


def test_by_person_account_organisation_and_time(readers: Readers) -> None:
    """An officer finds who opened somebody, whom somebody opened, what an organisation did; and leaves entries."""
    (person,) = readers.database.people(1)
    ours, theirs = opened(readers.database, "Agence", person), opened(readers.database, PARTNER, person)
    by_person = readers.read(readers.officer, person=person)
    assert [row[2] for row in by_person if row[8] == "open"] == [theirs.account, ours.account]
    assert {row[5] for row in by_person if row[8] == "open"} == {"Agence", PARTNER}
    assert [row[11] for row in readers.read(readers.officer, handle=readers.handle(ours.account))] == [person]
    assert {row[2] for row in readers.read(readers.officer, of=PARTNER)} == {theirs.account}
    assert readers.read(readers.officer, handle=readers.handle(theirs.account), person=uuid4()) == []
    told = readers.database.owner.execute(
        "select person, subject from cloison.entry where event = 'log_read' and outcome = 'open' order by number"
    ).fetchall()
    organisation = readers.database.one("select organisation from cloison.organisation where name = %s", PARTNER)
    assert told[:3] == [(person, None), (None, ours.account), (None, organisation)]


def test_pages_follow_one_another(readers: Readers) -> None:
    """Page by page everything comes once, newest first, by person, by account and by time."""
    session, people = readers.database.adviser(9)
    assert take(readers.desk, session, people) == set(people)
    ways: list[dict[str, Any]] = [{"handle": readers.handle(session.account)}, {"of": "Agence"}, {}]
    for about in ways:
        found: list[Any] = []
        cursor: tuple[object, ...] = ()
        while True:
            word, request = readers.ask(readers.officer, **about)
            assert word == "open"
            page = readers.page(readers.officer, request, *cursor, most=4)
            if not page:
                break
            found += page
            cursor = page[-1][:4]
        assert len({row[1:4] for row in found}) == len(found)
        assert [row[0] for row in found] == sorted((row[0] for row in found), reverse=True)
        assert {row[11] for row in found if row[8] == "open"} == set(people)


def test_a_partners_manager_reads_another_organisation(readers: Readers) -> None:
    """Attack: a manager of a partner asks for the service's entries, by every way; none comes."""
    (person,) = readers.database.people(1)
    ours, theirs = opened(readers.database, "Agence", person), opened(readers.database, PARTNER, person)
    found = readers.read(readers.manager, person=person)
    assert [row[2] for row in found if row[8] == "open"] == [theirs.account]
    assert {row[5] for row in found} == {PARTNER}
    assert theirs.account in {row[2] for row in readers.read(readers.manager)}
    assert ours.account not in {row[2] for row in readers.read(readers.manager, most=1000)}
    named = readers.handle(ours.account)
    ways: list[dict[str, Any]] = [{"handle": named}, {"of": "Agence"}, {"of": "nobody"}, {"handle": "nobody"}]
    for about in ways:
        word, request = readers.ask(readers.manager, **about)
        assert word == "scope"  # of nobody the same
        with fails("CL006"):
            readers.page(readers.manager, request)
    assert readers.ask(readers.officer, handle="nobody")[0] == "unknown"


def test_another_organisations_officer_reads_no_more(readers: Readers) -> None:
    """Attack: the right of the service, in an organisation that is not the service."""
    officer = readers.database.session(readers.database.account("officer", organisation=PARTNER))
    assert readers.ask(officer)[0] == "scope"


def test_without_permission_nothing_is_read(readers: Readers) -> None:
    """Attack: an adviser, a frozen officer, an ended session, a made-up token, all with the desk's own login."""
    adviser, _ = readers.database.adviser(1)
    assert readers.ask(adviser)[0] == "scope"
    assert readers.ask(adviser._replace(token=secrets.token_bytes(32)))[0] == "no_session"
    _, request = readers.ask(readers.officer)
    with fails("CL006"):
        readers.page(readers.officer, uuid4())
    with readers.desk.transaction(), fails("CL003"):
        readers.ask(readers.officer)
        readers.page(readers.officer, request)
    assert readers.page(adviser, request) == []
    with fails("CL006"):
        readers.page(readers.manager, request)
    readers.database.one("select cloison.freeze_v1(%s, %s)", SEGMENT, readers.officer.account)
    assert readers.page(readers.officer, request) == []
    assert readers.ask(readers.officer)[0] == "scope"
    for statement in (
        "select * from cloison.entry",
        "select * from cloison.log_blinding",
        "select * from cloison.entries_v1(null, null, null, null, null, null, null, null, 9)",
        "select * from cloison.log_page_v1(null, null, null, null, null, null, null, null, null, 9)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            readers.desk.execute(statement)


def test_rolled_back_a_reading_shows_nothing(readers: Readers) -> None:
    """Attack: whoever holds the desk's login asks, and takes the entry back before they read."""
    with readers.desk.transaction(force_rollback=True):
        _, request = readers.ask(readers.officer)
    with fails("CL006"):
        readers.page(readers.officer, request)


@pytest.mark.parametrize("about", ["person", "account", "organisation", "time"])
def test_every_way_goes_by_an_index(readers: Readers, about: str) -> None:
    """Among 30,000 entries none is read by looking through a whole table."""
    database = readers.database
    database.owner.execute(MADE_UP)
    database.owner.execute("analyze cloison.entry")
    (person,) = database.people(1)
    session = opened(database, PARTNER, person)
    ways: dict[str, dict[str, Any]] = {
        "person": {"person": person},
        "account": {"handle": readers.handle(session.account)},
        "organisation": {"of": PARTNER},
        "time": {},
    }
    word, request = readers.ask(readers.officer, **ways[about])
    assert word == "open"
    assert scanned(database, READ, SEGMENT, readers.officer.token, request, None, None, *(None,) * 4, 20) == (0, True)


# -- people ------------------------------------------------------------------------------------------------------------


class People:
    """A person with a login, who reads what was done with their record."""

    def __init__(self, database: Database) -> None:
        """Signed in."""
        self.database, self.spaces = database, Spaces(database)
        self.login: Login = self.spaces.login()
        live = self.spaces.begin(self.login, 101)
        assert live is not None
        self.live: Live = live

    def lines(self, at: datetime | None = None, skip: int = 0, most: int = 50) -> list[dict[str, Any]]:
        """What they see."""
        with self.spaces.door.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            return cursor.execute(HISTORY, (SEGMENT, self.live.token, at, skip, most)).fetchall()


@pytest.fixture
def person(database: Database) -> Iterator[People]:
    """Of a database of this test's own."""
    found = People(database)
    yield found
    found.spaces.close()


def test_a_person_sees_who_looked(person: People) -> None:
    """Organisation, agency, role, purpose, compartments; refusals too; newest first, page by page."""
    database = person.database
    opened(database, PARTNER, person.login.person)
    stranger = database.session(database.account())
    with database.connect("desk") as desk:
        assert charge(desk, stranger, [person.login.person], IDENTITY)[1] == ["scope"]
    lines = person.lines()
    assert [line["event"] for line in lines] == ["open", "open", "space_invited", "open"]
    refused, theirs = lines[:2]
    assert (refused["outcome"], refused["organisation"]) == ("scope", "Agence")
    assert (theirs["outcome"], theirs["organisation"], theirs["agency"]) == ("open", PARTNER, "lille")
    assert (theirs["role"], theirs["purpose"], theirs["compartments"]) == ("adviser", "follow_up", ["identity"])
    assert (theirs["anchored"], theirs["place"]) == (False, None)
    first = person.lines(most=2)
    assert first == lines[:2]
    assert person.lines(first[-1]["at"], 1) == lines[2:]


def test_no_account_is_named_unless_it_was_decided(person: People) -> None:
    """Attack: the space door's own login asks for names; it has them only where the deployer says so."""
    session = opened(person.database, PARTNER, person.login.person)
    told = str(person.lines())
    handle = str(person.database.one("select handle from cloison.account where account = %s", session.account))
    for secret in (handle, str(session.account), str(session.session)):
        assert secret not in told
    person.database.owner.execute("update cloison.space_terms set names_accounts = true")
    assert person.lines()[0]["handle"] == handle


def test_nothing_is_about_a_third_person(person: People) -> None:
    """Attack: one is this person's representative, and this person another one's; their numbers show nowhere."""
    database = person.database
    ward, proxy = database.people(2)
    adviser = database.account()
    add = (
        "insert into cloison.entry (segment, account, number, at, event, outcome, person, subject, purpose, "
        "compartments) values (%s, %s, %s, cloison.clock_v1(), 'representative_set', 'open', %s, %s, 0, 3)"
    )
    database.owner.execute(add, (SEGMENT, adviser, 901, person.login.person, proxy))
    database.owner.execute(add, (SEGMENT, adviser, 902, ward, person.login.person))
    opened(database, PARTNER, ward)
    lines = person.lines()
    assert [line["event"] for line in lines[:2]] == ["representative_set"] * 2
    assert [line["compartments"] for line in lines[:2]] == [[], ["identity", "contact"]]
    assert PARTNER not in str(lines)
    assert not any(str(number) in str(lines) for number in (ward, proxy))


def test_merged_numbers_count_from_when_to_when(person: People) -> None:
    """What was done under the number that was absorbed is theirs; the other's later doings, once split, are not."""
    database = person.database
    now = datetime.now(UTC)
    (absorbed,) = database.people(1)
    opened(database, PARTNER, absorbed)
    assert PARTNER not in str(person.lines())
    merge = (
        "insert into cloison.merge (segment, merge, survivor, absorbed, state, asked_by, asked_at, merged_at, reason) "
        "values (%s, %s, %s, %s, 'merged', %s, %s, %s, 'other')"
    )
    values = (SEGMENT, uuid4(), person.login.person, absorbed, uuid4(), now, now)
    database.owner.execute(merge, values)
    assert PARTNER in str(person.lines())
    assert str(absorbed) not in str(person.lines())
    database.owner.execute("update cloison.merge set state = 'split', split_at = %s", (now,))
    assert PARTNER not in str(person.lines())


def test_another_ones_session_shows_ones_own(person: People) -> None:
    """Attack: the space door's login asks with a made-up token, and of a session that is over."""
    other = person.spaces.login()
    assert person.lines() != []
    stolen = person.live._replace(token=secrets.token_bytes(32))
    person.live, mine = stolen, person.live
    assert person.lines() == []
    person.live = mine
    person.database.owner.execute("update cloison.space_session set ended_at = now() - interval '1 minute'")
    assert person.lines() == []
    assert other.person != person.login.person


def test_the_space_door_has_no_blinding_key(person: People) -> None:
    """Attack: the space door's own login asks for keys, entries, other people's proofs, and answers one itself."""
    for statement in (
        "select * from cloison.log_blinding",
        "select * from cloison.entry",
        "select * from cloison.log_proof",
        "select * from cloison.proofs_asked_v1(9)",
        "select * from cloison.own_line_v1('59', gen_random_uuid(), '59', 0)",
        "select * from cloison.own_entries_v1('59', gen_random_uuid(), 'infinity')",
        "select cloison.prove_v1(gen_random_uuid(), '{}')",
        "select cloison.blinding_v1('59', '2026-01-01', null)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            person.spaces.door.execute(statement)


def test_a_whole_history_goes_by_indexes(person: People) -> None:
    """Among 30,000 entries none is read by looking through a whole table."""
    person.database.owner.execute(MADE_UP)
    person.database.owner.execute("analyze cloison.entry")
    assert scanned(person.database, HISTORY, SEGMENT, person.live.token, None, 0, 50) == (0, True)


# -- investigations ----------------------------------------------------------------------------------------------------

DECLARE = (
    "insert into cloison.investigation (act, organisation, account, purpose, declared_at, until) "
    "select act, organisation, %s, %s, cloison.clock_v1(), cloison.clock_v1() + interval '240 hours' from cloison.act "
    "where act = %s"
)
ACT = (
    "insert into cloison.act (act, kind, canonical, details, organisation, asked_by, asked_at, expires_at, "
    "people_needed, not_before, state) values (%s, 'investigation.account', '', '{}', "
    "(select organisation from cloison.organisation "
    "where name = %s), %s, now(), now(), 2, now(), 'done')"
)
DELAY = "select cloison.space_delay_v1()"


@pytest.mark.parametrize("about", ["account", "purpose"])
def test_an_investigation_hides_silently(person: People, about: str) -> None:
    """Attack: what an account did, or an organisation for one purpose, is gone while it stands; all are told so."""
    database = person.database
    session = opened(database, PARTNER, person.login.person)
    opened(database, FOREIGN, person.login.person)
    before = person.lines()
    assert person.spaces.ask(DELAY) == [(None,)]
    act = uuid4()
    database.owner.execute(ACT, (act, PARTNER, uuid4()))
    database.owner.execute(DECLARE, (session.account, None, act) if about == "account" else (None, 0, act))
    lines = person.lines()
    assert (PARTNER in str(lines), FOREIGN in str(lines)) == (False, True)
    ((until,),) = person.spaces.ask(DELAY)
    assert isinstance(until, datetime)
    assert until - datetime.now(UTC) < timedelta(days=10, minutes=1)
    database.owner.execute("update cloison.investigation set until = declared_at")
    assert person.lines() == before
    assert person.spaces.ask(DELAY) == [(None,)]
