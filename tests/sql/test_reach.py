"""Whom `reach_v1` counts for the blast radius: relations of now and to come, in the ways that the meter would allow."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from support.database import SEGMENT, Database
from support.meter import Clock

from cloison.access.agreements import Terms
from cloison.access.blast_report import report
from cloison.access.exposed import People, read_staff
from cloison.access.organisations import create_organisation

ELSEWHERE = "62"


def in_reach(database: Database, account: UUID) -> People:
    """How many people the account has in reach, by window."""
    handle = database.one("select handle from cloison.account where account = %s", account)
    (found,) = report(read_staff(database.owner)).only(str(handle), None).accounts
    return found.in_reach


def related(database: Database, account: UUID, kind: str, begins: timedelta, ends: timedelta | None) -> UUID:
    """A new person with whom the account has a relation from and until these times from now."""
    (person,) = database.people(1)
    database.owner.execute(
        "insert into cloison.relation (segment, account, person, kind, valid_from, valid_until) "
        "values (%s, %s, %s, %s, cloison.clock_v1() + %s, cloison.clock_v1() + %s)",
        (SEGMENT, account, person, kind, begins, ends),
    )
    return person


@pytest.mark.parametrize("kind", ["caseload", "cover", "inbound"])
def test_relations_that_begin_within_a_window(database: Database, kind: str) -> None:
    """A relation counts in the windows that reach its beginning, one that is over in none, but on today's list."""
    clock, account = Clock(database), database.account("partner")
    clock.advance(hours=34 - clock.now.hour, minutes=-clock.now.minute)  # ten in the morning
    for hours in (0.05, 0.5, 20, 300, 700):
        related(database, account, kind, timedelta(hours=hours), None)
    related(database, account, kind, timedelta(hours=-2), timedelta(hours=-1))
    expected = {"inbound": People(3, 3, 4, 5)}.get(kind, People(1, 2, 3, 4))
    assert in_reach(database, account) == expected


def test_somebody_in_reach_twice_counts_once(database: Database) -> None:
    """Followed, covered and met is one person; at the counter is a stranger, whom the budgets count."""
    account, (person, stranger) = database.account("adviser"), database.people(2)
    for kind in ("caseload", "cover", "inbound", "walk_in"):
        database.relate(account, [person], kind)
    database.relate(account, [stranger], "walk_in")
    assert in_reach(database, account).days28 == 1


def test_interactions_that_wait(database: Database) -> None:
    """An interaction that a source has told and that waits behind another counts when its time comes."""
    account, (person,) = database.account("partner"), database.people(1)
    database.owner.execute(
        "insert into cloison.interaction (segment, feed, interaction, account, person, valid_from, valid_until, "
        "waiting, received_at) "
        "select %s, %s, sha256('x'), %s, %s, now() + interval '3 days', now() + interval '4 days', true, now()",
        (SEGMENT, uuid4(), account, person),
    )
    assert in_reach(database, account) == People(0, 0, 0, 1)


def test_protected_people(database: Database) -> None:
    """Who is withheld does not count, unless the protection ends in time or the account is in the audience."""
    account, people = database.account("partner"), database.people(4)
    database.relate(account, people)
    ends = "array_fill(null::timestamptz, array[cardinality(%s::uuid[])])"
    protect = f"select cloison.protect_by_owner_v1(%s, %s, %s, {ends}, {{}})"
    for person, audience, until in (
        *((people[0], [], "null"), (people[1], [account], "null")),
        (people[2], [], "cloison.clock_v1() + interval '2 hours'"),
    ):
        database.owner.execute(protect.format(until).encode(), (SEGMENT, person, audience, audience))
    assert in_reach(database, account) == People(2, 2, 3, 3)
    database.owner.execute("update cloison.audience set valid_until = now() - interval '1 hour'")
    assert in_reach(database, account) == People(1, 1, 2, 2)


def test_own_record(database: Database) -> None:
    """The account's own holder is never in its reach."""
    account, people = database.account("partner"), database.people(2)
    database.relate(account, people)
    database.owner.execute(
        "insert into cloison.locator (kind, term, segment, person) values (0, 4711, %s, %s)", (SEGMENT, people[0])
    )
    database.one("select cloison.set_holder_v1(%s, %s, array[0]::smallint[], array[4711]::bigint[])", SEGMENT, account)
    assert in_reach(database, account).days28 == 1


def test_segments_of_the_agreement(database: Database) -> None:
    """People of a segment that the agreement does not give are out of reach, whoever follows them."""
    name = create_organisation(database.owner, "Narrow", Terms(segments=(SEGMENT,))).name
    for organisation, people in ((name, 0), ("Agence", 3)):
        account = database.account("partner", organisation=organisation)
        database.relate(account, database.people(3, ELSEWHERE), segment=ELSEWHERE)
        assert in_reach(database, account).hour == people
