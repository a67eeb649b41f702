"""Whoever stops the sequencer or the witness, or has one account's entries left out, has no records opened for long."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.database import SEGMENT, Database, charge, take
from support.exporting import given
from support.logged import Logged
from support.meter import LIST, Clock, fails

from cloison.audit.sequencer import Sequencer

PATIENCE = 600


@pytest.fixture
def logged(database: Database, tmp_path: Path) -> Iterator[Logged]:
    """A log that has begun, in a database where ten minutes without a witness are the most."""
    database.owner.execute("update cloison.log_terms set most_unwitnessed = '600 seconds'")
    found = Logged(database, tmp_path)
    found.opened()
    found.anchor()
    yield found
    found.close()


def test_witness_or_sequencer_stopped(logged: Logged) -> None:
    """Within ten minutes records are opened, then no more, without an entry; and again once the log is looked after."""
    clock = Clock(logged.database)
    session, people = logged.database.adviser(4)
    with logged.database.connect("desk") as desk:
        clock.advance(seconds=PATIENCE - 10)
        assert set(charge(desk, session, people[:2])[1]) == {"open"}
        clock.advance(seconds=20)
        before = logged.entries()
        assert set(charge(desk, session, people)[1]) == {"unwitnessed"}
        assert take(desk, session, people[2:]) == set()
        with fails("CL038"):
            desk.execute(LIST, (SEGMENT, session.token, session.session, False, None))
        assert logged.entries() == before
        clock.advance(seconds=-PATIENCE - 10)
        logged.anchor()
        assert take(desk, session, people) == set(people)


def test_exports_stop_too(logged: Logged) -> None:
    """A bulk export reads no further page."""
    with logged.database.connect("signin") as login:
        granted = given(logged.database, login)
    with logged.database.connect("desk") as desk:
        logged.anchor()
        logged.database.owner.execute("update cloison.log_terms set most_unwitnessed = '60 seconds'")
        Clock(logged.database).advance(seconds=70)  # within which a passkey's touch holds
        with fails("CL038"):
            granted.page(desk)
    assert granted.taken() == 0


def test_one_account_left_out(logged: Logged) -> None:
    """A sequencer that passes over one account goes on for all others; that account opens nobody any more."""
    victim, people = logged.database.adviser(3)
    others, theirs = logged.database.adviser(3)
    with logged.database.connect("desk") as desk:
        assert take(desk, victim, people) == set(people)
        withheld = logged.database.one("select max(number) from cloison.entry where account = %s", victim.account)
        with logged.superuser() as superuser:  # what waits was written eleven minutes ago
            superuser.execute(
                "update cloison.entry set at = at - interval '660 seconds' where account = %s", (victim.account,)
            )
            assert withheld == len(people)
            assert set(charge(desk, victim, people)[1]) == {"unwitnessed"}
            assert take(desk, others, theirs) == set(theirs)
            both = charge(desk, victim, people)[1] + charge(desk, others, theirs)[1]
            assert set(both) == {"unwitnessed", "open"}
        logged.sequencer = Sequencer(logged.sequencing, logged.signer)  # an honest one
        logged.anchor()
        assert take(desk, victim, people) == set(people)


def test_idle_for_a_day(logged: Logged) -> None:
    """Whose last entry is of yesterday opens as many as they like before the sequencer has seen the first."""
    session, people = logged.database.adviser(4)
    with logged.database.connect("desk") as desk:
        take(desk, session, people[:1])
        logged.anchor()
        long_ago = "update cloison.log_author set sequenced_at = sequenced_at - interval '24 hours' where account = %s"
        logged.database.owner.execute(long_ago, (session.account,))
        for person in people:
            assert take(desk, session, [person]) == {person}


def test_other_accounts_of_a_call_are_answered(logged: Logged) -> None:
    """One call opens for several accounts: only the one that is left out is refused."""
    victim, people = logged.database.adviser(1)
    others, theirs = logged.database.adviser(1)
    with logged.database.connect("desk") as desk:
        take(desk, victim, people)
        with logged.superuser() as superuser:
            superuser.execute(
                "update cloison.entry set at = at - interval '660 seconds' where account = %s", (victim.account,)
            )
        rows = desk.execute(
            "select outcome from cloison.charge_v1(%s, %s, %s, %s, '{1,1}', '{0,0}') order by ordinal",
            (SEGMENT, [victim.token, others.token], [victim.session, others.session], [people[0], theirs[0]]),
        ).fetchall()
    assert [row[0] for row in rows] == ["unwitnessed", "open"]


def test_log_that_has_not_begun(database: Database) -> None:
    """A segment without a sequencer at all: its first entry opens the ten minutes."""
    database.owner.execute("update cloison.log_terms set most_unwitnessed = '600 seconds'")
    clock = Clock(database)
    session, people = database.adviser(2)
    with database.connect("desk") as desk:
        assert set(charge(desk, session, people)[1]) == {"open"}
        clock.advance(seconds=PATIENCE + 1)
        assert set(charge(desk, session, people)[1]) == {"unwitnessed"}
