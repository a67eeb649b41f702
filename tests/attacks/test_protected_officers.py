"""Officers of another organisation try to lift a protection, to let somebody in, or to be the second person of ours."""

from uuid import UUID

from support.database import SEGMENT, Database, Session, take
from support.meter import Thief, thief
from support.protected import handle, lifted_by, protect, set_by, widened_by

OURS, PARTNER = "Agence", "Partner"


def officer(database: Database, organisation: str) -> Session:
    """A session of a new officer's."""
    return database.session(database.account("officer", organisation=organisation))


def set_by_ours(database: Database) -> tuple[Thief, Session, UUID]:
    """An adviser whose only person one of our officers withheld, that officer, and the protection."""
    it, one = thief(database, 1), officer(database, OURS)
    outcome, protection = set_by(it.desk, one, it.people[0], [])
    assert outcome == "open"
    return it, one, protection


def test_second_person_of_another_organisation(shared: Database) -> None:
    """A partner's officer is not the second person of ours, neither to lift nor to widen, whoever asks first."""
    it, one, protection = set_by_ours(shared)
    theirs, mine = officer(shared, PARTNER), handle(shared, it.session.account)
    for who in (one, theirs):
        lifted_by(it.desk, who, protection)
        widened_by(it.desk, who, protection, [mine])
    assert take(it.desk, it.session, it.people) == set()
    assert lifted_by(it.desk, officer(shared, OURS), protection) == "open"
    assert take(it.desk, it.session, it.people) == set(it.people)


def test_two_officers_of_another_organisation(shared: Database) -> None:
    """Two of a partner's neither lift nor widen nor narrow what one of ours set: to them it is not there."""
    it, one, protection = set_by_ours(shared)
    mine = handle(shared, it.session.account)
    assert widened_by(it.desk, one, protection, [mine]) == "asked"
    assert widened_by(it.desk, officer(shared, OURS), protection, [mine]) == "open"
    for who in (officer(shared, PARTNER), officer(shared, PARTNER)):
        assert lifted_by(it.desk, who, protection) == "not_found"
        assert widened_by(it.desk, who, protection, [mine, handle(shared, who.account)]) == "not_found"
        assert widened_by(it.desk, who, protection, []) == "not_found"
    assert take(it.desk, it.session, it.people) == set(it.people)


def test_one_of_each_for_the_owners(shared: Database) -> None:
    """What the owner set is lifted by two officers of one organisation, not by one of each of two."""
    it, one, theirs = thief(shared, 1), officer(shared, OURS), officer(shared, PARTNER)
    protection = protect(shared, it.people[0])
    assert [lifted_by(it.desk, who, protection) for who in (one, theirs)] == ["asked", "asked"]
    assert take(it.desk, it.session, it.people) == set()
    assert [lifted_by(it.desk, who, protection) for who in (one, theirs)] == ["same_person"] * 2
    assert lifted_by(it.desk, officer(shared, OURS), protection) == "open"


def test_officer_who_changed_organisation(shared: Database) -> None:
    """Whoever works for a partner since is not the first person of ours any more."""
    it, one, protection = set_by_ours(shared)
    assert lifted_by(it.desk, one, protection) == "asked"
    partner = shared.one("select organisation from cloison.account where account = %s", officer(shared, PARTNER)[1])
    shared.owner.execute("update cloison.account set organisation = %s where account = %s", (partner, one.account))
    assert lifted_by(it.desk, officer(shared, OURS), protection) == "asked"
    assert shared.one("select cloison.withheld_v1(%s, %s, %s)", SEGMENT, it.session.account, it.people[0])
