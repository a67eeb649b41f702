"""Protected people and one's own record, approached through what happens to records: changes, merges, splits, moves."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from support.database import SEGMENT, Database, Session, charge, take
from support.merging import Merging
from support.protected import handle, own, protect, set_by

READ = "select outcome from cloison.read_for_change_v1(%s, %s, %s, %s, 3, 1, 5::int2, %s)"
RELEASE = "select person from cloison.release_for_change_v1(%s, %s, %s)"
CHANGED = (
    "select cloison.change_person_v1(%s, %s, %s, 1, 'person_changed', 5::int2, array[row(%s, 1, %s, 2, %s, 8000, 7, "
    "false, null, null, 1, array['\\x01'::bytea], 0, array_fill(null::bigint, array[8]), %s::bigint[], %s::bigint[])"
    "::cloison.resealed])"
)


@pytest.fixture
def intake(database: Database) -> Iterator[psycopg.Connection]:
    """The door's login."""
    with database.connect("intake") as connection:
        yield connection


def change(  # noqa: PLR0913 - what a change of numbers has
    intake: psycopg.Connection,
    session: Session,
    person: UUID,
    *,
    to: str = SEGMENT,
    has: list[int | None],
    lost: list[int | None],
) -> None:
    """Correct somebody's numbers, by kind, as a colleague does who follows them."""
    values = (SEGMENT, session.token, uuid4(), SEGMENT, to, person, has, lost)
    assert intake.execute(CHANGED, values).fetchone() == ("changed",)


def test_own_record_after_another_number(database: Database, intake: psycopg.Connection) -> None:
    """A provisional NIR that became another: the account's holder is who they were, and stays out of its reach."""
    session, (mine, other) = database.adviser(2)
    colleague = database.session(database.account())
    database.relate(colleague.account, [mine, other])
    own(database, session.account, mine, 7_000)
    with database.connect("desk") as desk:
        assert take(desk, session, [mine, other]) == {other}
        change(intake, colleague, mine, has=[7_001, None], lost=[7_000, None])
        assert take(desk, session, [mine, other]) == {other}
        assert take(desk, colleague, [mine]) == {mine}


def test_own_record_without_its_number(database: Database, intake: psycopg.Connection) -> None:
    """A NIR taken away leaves the identifier to tell the holder by."""
    session, (mine,) = database.adviser(1)
    colleague = database.session(database.account())
    database.relate(colleague.account, [mine])
    own(database, session.account, mine, 7_000)
    change(intake, colleague, mine, has=[None, 7_002], lost=[7_000, None])
    with database.connect("desk") as desk:
        assert charge(desk, session, [mine])[1] == ["scope"]


def test_own_record_moved_with_another_number(database: Database, intake: psycopg.Connection) -> None:
    """To another segment and to another number at once."""
    session, (mine,) = database.adviser(1)
    colleague = database.session(database.account())
    database.relate(colleague.account, [mine])
    own(database, session.account, mine, 7_000)
    change(intake, colleague, mine, to="62", has=[7_003, None], lost=[7_000, None])
    assert database.one("select cloison.withheld_v1('62', %s, %s)", session.account, mine) is True
    assert database.one("select cloison.withheld_v1('62', %s, %s)", colleague.account, mine) is False


def test_own_record_through_a_merge_and_a_split(database: Database, intake: psycopg.Connection) -> None:
    """Absorbed by somebody whom the account follows, and given back: out of reach all the time."""
    it = Merging(database, intake)
    me = database.session(database.account())
    database.relate(me.account, [it.survivor, it.absorbed])
    own(database, me.account, it.absorbed, 7_004)
    with database.connect("desk") as desk:
        it.step()
        assert take(desk, me, [it.survivor, it.absorbed]) == set()
        it.step()
        assert take(desk, me, [it.survivor, it.absorbed]) == {it.survivor}


def test_own_record_after_another_number_while_two_were_one(database: Database, intake: psycopg.Connection) -> None:
    """A number corrected while the holder's record was absorbed does not loosen it from the holder after the split."""
    it = Merging(database, intake)
    me = database.session(database.account())
    database.relate(me.account, [it.survivor, it.absorbed])
    own(database, me.account, it.absorbed, 7_006)
    it.step()
    change(intake, it.session, it.survivor, has=[7_007, None], lost=[7_006, None])
    with database.connect("desk") as desk:
        assert take(desk, me, [it.survivor]) == set()
        it.step(versions=(2, 1))
        assert take(desk, me, [it.absorbed]) == set()


def test_protected_while_two_were_one(database: Database, intake: psycopg.Connection) -> None:
    """A protection set on two records that were one holds for both when they are two again."""
    it = Merging(database, intake)
    it.step()
    protect(database, it.survivor, [it.manager.account])
    database.relate(it.manager.account, [it.absorbed])
    database.one("select cloison.lift_by_owner_v1(%s)", protect(database, it.survivor))  # one that is over
    # Only the audience can ask for the split, so that the adviser is in it, for as long as that takes.
    audience = "insert into cloison.audience select segment, protection, %s, %s from cloison.protection"
    database.owner.execute(audience, (it.session.account, None))
    it.step()
    standing = "select count(*) from cloison.protection where person = %s and lifted_at is null"
    assert [database.one(standing, person) for person in (it.survivor, it.absorbed)] == [1, 1]
    stranger = database.session(database.account())
    database.relate(stranger.account, [it.survivor, it.absorbed])
    with database.connect("desk") as desk:
        assert take(desk, stranger, [it.survivor, it.absorbed]) == set()
        assert take(desk, it.session, [it.survivor, it.absorbed]) == {it.survivor, it.absorbed}


def test_protected_by_the_number_that_was_absorbed(database: Database, intake: psycopg.Connection) -> None:
    """An officer who names a record that was absorbed protects the survivor, and gets no other answer."""
    it = Merging(database, intake)
    it.step()
    officer = database.session(database.account("officer"))
    request = uuid4()
    with database.connect("desk") as desk:
        assert set_by(desk, officer, it.absorbed, [handle(database, it.manager.account)])[0] == "open"
        assert take(desk, it.session, [it.survivor, it.absorbed]) == set()
    values = (SEGMENT, it.session.token, request, [it.survivor, it.absorbed], it.number)
    assert intake.execute(READ, values).fetchall() == [("scope",), ("scope",)]
    assert intake.execute(RELEASE, (SEGMENT, it.session.token, request)).fetchall() == []
