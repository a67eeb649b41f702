"""What changed, read while it goes on: nothing is passed over or comes twice, and what is gone is said to be gone."""

from uuid import UUID, uuid4

import psycopg
from support import clients
from support.database import SEGMENT, Database

from cloison.access.organisations import create_organisation
from cloison.access.sessions import bearer
from cloison.client.service import ServiceKey

NOTE = "select cloison.note_change_v1(%s, %s, 'person_changed', 1)"
READ = "select verdict, xid, person, event::text from cloison.changes_v1(%s, %s, %s, %s, %s::cloison.event, %s)"
Cursor = tuple[int | None, UUID | None, str | None]
BEGIN: Cursor = (None, None, None)


class Reader:
    """A system that reads changes by the desk's login."""

    def __init__(self, database: Database) -> None:
        """Registered for the first organisation that was agreed with."""
        create_organisation(database.owner, "Agence")
        client = clients.register(database.owner, f"reader-{uuid4().hex[:8]}", ["changes"], ServiceKey())
        held = clients.token(database.owner, client, "changes")
        self.token = bearer(held.token, held.key.thumbprint).token
        self.desk = database.connect("desk")

    def page(self, after: Cursor = BEGIN, most: int = 100, segment: str = SEGMENT) -> tuple[str, list[UUID], Cursor]:
        """Verdict, people, and the cursor behind them."""
        rows = self.desk.execute(READ, (segment, self.token, *after, most)).fetchall()
        found = [row for row in rows if row[1] is not None]
        return rows[0][0], [row[2] for row in found], (found[-1][1:] if found else after)


def writer(database: Database) -> psycopg.Connection:
    """The owner's login, in transactions."""
    connection = database.connect("owner")
    connection.autocommit = False
    return connection


def test_late_committer_is_not_passed_over(database: Database) -> None:
    """The older transaction commits after the younger one was read for: both come, in one order, once."""
    reader, slow, fast = Reader(database), writer(database), writer(database)
    first, second = uuid4(), uuid4()
    slow.execute(NOTE, (SEGMENT, first))
    fast.execute(NOTE, (SEGMENT, second))
    fast.commit()
    verdict, people, cursor = reader.page()
    assert (verdict, people) == ("open", [])  # the younger one waits for the older
    slow.commit()
    assert reader.page(cursor)[1] == [first, second]


def test_undone_change_is_none(database: Database) -> None:
    """A change and its note are one transaction."""
    reader, connection = Reader(database), writer(database)
    connection.execute(NOTE, (SEGMENT, uuid4()))
    connection.rollback()
    assert reader.page()[1] == []


def test_pages_join(database: Database) -> None:
    """Pages of two are the whole, although one transaction changed five people."""
    reader, connection = Reader(database), writer(database)
    people = [uuid4() for _ in range(5)]
    for person in people:
        connection.execute(NOTE, (SEGMENT, person))
    connection.commit()
    found: list[UUID] = []
    cursor = BEGIN
    while True:
        _, page, cursor = reader.page(cursor, most=2)
        if not page:
            break
        found += page
    assert found == sorted(people)


def test_what_is_kept_no_more_is_said(database: Database) -> None:
    """After 28 days it is swept; a reader from before is told, one from behind it goes on."""
    reader = Reader(database)
    database.owner.execute(NOTE, (SEGMENT, uuid4()))
    database.owner.execute("update cloison.change set at = at - interval '673 hours'")
    database.owner.execute(NOTE, (SEGMENT, uuid4()))
    _, people, behind = reader.page(most=1)
    database.owner.execute("select cloison.sweep_changes_v1()")
    assert reader.page((0, UUID(int=0), "open"))[0] == "missed"
    assert reader.page(behind)[0] == "open"
    assert len(people) == 1
    assert reader.page()[1] != people


def test_segments_of_the_agreement_alone(database: Database) -> None:
    """And nobody whose token is another's, or for something else."""
    reader = Reader(database)
    database.owner.execute("update cloison.agreement set segments = array['59'] where standing")
    assert reader.page(segment="59")[0] == "open"
    assert reader.page(segment="62")[0] == "scope"
    reader.token = b"x" * 32
    assert reader.page()[0] == "no_client"
    database.owner.execute("update cloison.agreement set standing = false")
    assert Reader.page(reader)[0] == "no_client"
