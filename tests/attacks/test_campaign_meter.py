"""A campaign misused: by whom it is not for, for whom it is not, and at its edges, where windows of two meters meet."""

import random
from uuid import UUID, uuid4

from support.database import Database
from support.meter import CHARGE, RELEASE, Clock, Thief, fails, first, thief
from support.signing import PARTNER, member, refuse

from cloison.access.organisations import create_organisation

ACT = (
    "insert into cloison.act (act, kind, canonical, details, organisation, asked_by, asked_at, expires_at, "
    "people_needed, not_before, state) values (%s, 'grant.campaign', '', jsonb_build_object('segment', '59', 'agency', "
    "%s::text, 'days', %s::integer, 'people', %s::integer), %s, %s, cloison.clock_v1(), cloison.clock_v1(), 2, "
    "cloison.clock_v1(), 'done')"
)
DO = "select cloison.do_campaign_v1(a) from cloison.act a where a.act = %s"
STANDING = "select act from cloison.standing_v1(%s, %s)"
END = "update cloison.campaign set ends_at = cloison.clock_v1() where act = %s"
NOBODY = UUID(int=0)
OPEN, CAMPAIGN = (10, 30, 80, 480), (10, 20, 60, 120)  # the adviser's role; 60 people a day for two days
SECONDS = (300, 3_600, 86_400)


def campaign(database: Database, people: int = 60, days: int = 2, agency: str = "lille", asker: UUID = NOBODY) -> UUID:
    """Begin a campaign as the act of two does it."""
    act, body = uuid4(), create_organisation(database.owner, "Agence").organisation
    database.owner.execute(ACT, (act, agency, days, people, body, asker))
    database.owner.execute(DO, (act,))
    return act


def opened(it: Thief, person: UUID) -> str:
    """Open somebody; the outcome."""
    request = [uuid4()]
    outcome = str(first(it.desk.execute(CHARGE, it.charge_values(request, [person]))))
    if outcome == "open":
        it.desk.execute(RELEASE, it.release_values(request, [person]))
    return outcome


def taken(it: Thief, people: list[UUID]) -> int:
    """How many it gets, one after the other, until it is refused; they are gone from the list."""
    count = 0
    while people and opened(it, people[0]) == "open":
        people.pop(0)
        count += 1
    return count


def test_a_campaign_gives_what_it_says(database: Database) -> None:
    """10 in five minutes, 20 in an hour, 60 in a day; then the role's own budget again, which it left alone."""
    it, clock = thief(database, 300), Clock(database)
    people = list(it.people)
    campaign(database)
    assert taken(it, people) == 10
    clock.advance(minutes=6)
    assert taken(it, people) == 10
    clock.advance(minutes=6)
    assert taken(it, people) == 0
    for _ in range(2):
        clock.advance(minutes=61)
        assert taken(it, people) == 10
        clock.advance(minutes=6)
        assert taken(it, people) == 10
    clock.advance(minutes=61)
    assert taken(it, people) == 0
    clock.advance(hours=48)
    assert taken(it, people) == 10
    assert it.database.one("select count(*) from cloison.opening where meter = 'open'") == 10


def test_nobody_else_and_nobody_elses(database: Database) -> None:
    """Another agency's account and whoever is not of the caseload are charged as ever."""
    campaign(database, agency="roubaix")
    campaign(database, people=6)
    it = thief(database, 30)
    strangers = database.people(15)
    database.relate(it.session.account, strangers, "inbound")
    assert taken(it, strangers) == 10
    assert taken(it, list(it.people)) == 1
    database.owner.execute("update cloison.account set agency = 'elsewhere' where account = %s", (it.session.account,))
    assert opened(it, it.people[5]) == "budget"


def test_one_at_a_time(database: Database) -> None:
    """A second one of the agency is refused; one after the other they share 28 days."""
    it, clock = thief(database, 200), Clock(database)
    people = list(it.people)
    first_one = campaign(database, people=12, days=1)
    with fails("CL035"):
        campaign(database)
    assert taken(it, people) == 2
    database.owner.execute(END, (first_one,))
    clock.advance(minutes=6)
    campaign(database, people=12, days=1)
    total = 2
    for _ in range(30):
        total += taken(it, people)
        clock.advance(minutes=40)
    assert total == 12


def test_no_window_has_more_than_both(database: Database) -> None:
    """Whenever it begins and ends, and whatever is tried: any 5 minutes, hour and day have the sum of both at most."""
    it, clock, chance = thief(database, 900), Clock(database), random.Random(7)  # noqa: S311 - a game
    people, now, standing = list(it.people), 0.0, None
    times: list[float] = []
    for _ in range(220):
        minutes = chance.choice([1, 2, 5, 6, 20, 61])
        clock.advance(minutes=minutes)
        now += minutes * 60
        if standing is None and chance.random() < 0.1:
            standing = campaign(database)
        elif standing is not None and chance.random() < 0.1:
            database.owner.execute(END, (standing,))
            standing = None
        standing = (
            standing
            if standing is None
            or database.one("select ends_at > cloison.clock_v1() from cloison.campaign where act = %s", standing)
            else None
        )
        times += [now] * taken(it, people)
    assert len(times) > OPEN[2]
    for i, seconds in enumerate(SECONDS):
        most = max(sum(begin - seconds < at <= begin for at in times) for begin in times)
        assert most <= OPEN[i] + CAMPAIGN[i], (seconds, most)


def test_who_sees_and_ends_what_stands(database: Database) -> None:
    """Whoever asked and the service's officers; nobody else, of the same agency or of another organisation."""
    asker, officer = member(database, "manager"), member(database)
    act = campaign(database, asker=asker.account)
    others = [member(database, "manager"), member(database, "adviser"), member(database, organisation=PARTNER)]
    with database.connect("signin") as login:
        for who in others:
            assert login.execute(STANDING, who.bearer).fetchall() == []
            assert not refuse(login, who, act)
        assert [login.execute(STANDING, who.bearer).fetchall() for who in (asker, officer)] == [[(act,)]] * 2
        assert refuse(login, officer, act)
        assert login.execute(STANDING, asker.bearer).fetchall() == []
