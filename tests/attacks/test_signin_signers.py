"""Who signed, or wants to, may not any more; acts that are over, or signed too early."""

from datetime import timedelta
from functools import partial

import msgspec
import psycopg
import pytest
from support.database import Database
from support.meter import Clock
from support.signing import (
    PARTNER,
    about,
    accounts,
    act_of,
    ask,
    asked,
    at_once,
    begun,
    member,
    newcomer,
    refuse,
    sign,
    tend,
)

pytest_plugins = ["support.signing_fixtures"]


@pytest.mark.parametrize("how", ["close", "freeze"])
def test_approval_by_a_closed_or_frozen_account(shared: Database, login: psycopg.Connection, how: str) -> None:
    """A closed or frozen account's living session signs nothing."""
    anna, ben = member(shared), member(shared)
    act = asked(login, anna, "account.create", **newcomer())
    assert tend(login, anna, how, ben) == 1
    assert sign(login, ben, act) == "no_session"


@pytest.mark.parametrize("how", ["close", "freeze"])
def test_an_act_of_a_closed_or_frozen_asker(shared: Database, login: psycopg.Connection, how: str) -> None:
    """What a thief asked for in an account that was closed or frozen since is not completed by an honest signature."""
    stolen, ben = member(shared), member(shared)
    details = newcomer()
    act = asked(login, stolen, "account.create", **details)
    assert tend(login, ben, how, stolen) == 1
    assert sign(login, ben, act) == "settled"
    assert accounts(shared, details["handle"]) == 0


def test_an_act_signed_with_a_passkey_that_was_recovered_away(shared: Database, login: psycopg.Connection) -> None:
    """Recovery takes from a thief what they signed, too: an act with a frozen passkey's signature is void."""
    stolen, anna, ben = member(shared), member(shared), member(shared)
    act = asked(login, stolen, "account.create", **newcomer())
    assert sign(login, ben, asked(login, anna, "account.recover", **about(stolen))) == "done"
    assert sign(login, ben, act) == "settled"


def test_an_act_of_an_asker_who_lost_the_right(shared: Database, login: psycopg.Connection) -> None:
    """Whoever is no manager any more has asked for nothing that others could complete."""
    manager, anna, ben = member(shared, "manager", PARTNER), member(shared), member(shared)
    act = asked(login, manager, "account.create", **newcomer())
    demoted = asked(login, anna, "account.elevate", manager.organisation, **about(manager, role="partner"))
    assert sign(login, ben, demoted) == "done"
    assert sign(login, ben, act) == "settled"


def test_an_organisation_whose_agreement_ended(shared: Database, login: psycopg.Connection) -> None:
    """Its sessions sign and ask nothing from that moment, and what they asked for is not completed."""
    manager, anna = member(shared, "manager", "Ending"), member(shared)
    act = asked(login, manager, "account.create", **newcomer())
    assert shared.one("select cloison.end_agreement_v1(%s)", manager.organisation) is True
    assert ask(login, manager, act_of(manager, "account.create", **newcomer())) == "no_session"
    assert sign(login, anna, act) == "settled"


def test_an_unreviewed_account(database: Database) -> None:
    """After 365 days without a review an account freezes: it neither asks nor signs, until two others say so."""
    clock = Clock(database)
    anna, ben, carla, dora = (member(database) for _ in range(4))
    clock.advance(days=364)
    with database.connect("signin") as login:
        anna, ben, carla = (begun(database, who) for who in (anna, ben, carla))
        assert [tend(login, anna, "review", who) for who in (carla, dora)] == [1, 1]
        clock.advance(hours=23, minutes=59)
        anna, ben, carla = (begun(database, who) for who in (anna, ben, carla))
        act = act_of(carla, "account.create", **newcomer())
        assert ask(login, carla, act) == "waiting"
        clock.advance(minutes=2)
        assert sign(login, ben, act.act) == "no_session"
        assert tend(login, ben, "review", anna) == 0
        assert tend(login, carla, "review", ben) == 0
        dora = begun(database, dora)
        lift = act_of(carla, "account.unfreeze", **about(ben))
        lift = msgspec.structs.replace(lift, asked_at=clock.now, expires_at=clock.now + timedelta(hours=1))
        assert ask(login, carla, lift) == "waiting"
        assert sign(login, dora, lift.act) == "done"
        assert database.one("select cloison.account_state_v1(%s, %s)", ben.segment, ben.account) == "open"
        assert database.one("select cloison.account_state_v1(%s, %s)", anna.segment, anna.account) == "unreviewed"


def test_an_act_signed_after_it_was_refused(shared: Database, login: psycopg.Connection) -> None:
    """Refused is refused, whoever signs then."""
    anna, ben, carla = member(shared), member(shared), member(shared)
    details = newcomer()
    act = asked(login, anna, "account.create", **details)
    assert refuse(login, ben, act) is True
    assert sign(login, carla, act) == "settled"
    assert refuse(login, carla, act) is False
    assert accounts(shared, details["handle"]) == 0


def test_an_act_signed_after_it_was_done(shared: Database, login: psycopg.Connection) -> None:
    """A third signature does nothing a second time."""
    anna, ben, carla = member(shared), member(shared), member(shared)
    act = asked(login, anna, "account.create", **newcomer())
    assert sign(login, ben, act) == "done"
    assert sign(login, carla, act) == "settled"


def test_an_act_signed_after_it_expired(database: Database) -> None:
    """After 72 hours it is asked for anew, even where the asker wrote a later date into it."""
    clock = Clock(database)
    anna, ben = member(database), member(database)
    with database.connect("signin") as login:
        act = asked(login, anna, "account.create", **newcomer())
        clock.advance(hours=72, seconds=1)
        assert sign(login, begun(database, ben), act) == "settled"


def test_a_third_person_and_a_day_above_the_threshold(database: Database) -> None:
    """What adds too many people takes three people and a day, in whatever order they hurry."""
    clock = Clock(database)
    database.owner.execute("insert into cloison.act_threshold (people_a_day) values (50)")
    anna, ben, carla, dan = (member(database) for _ in range(4))
    details = newcomer()
    with database.connect("signin") as login:
        act = asked(login, anna, "account.create", **details)
        assert sign(login, ben, act) == "waiting"
        assert sign(login, ben, act) == "scope"
        assert sign(login, carla, act) == "early"
        clock.advance(hours=23, minutes=59)
        carla, dan = begun(database, carla), begun(database, dan)
        assert sign(login, carla, act) == "early"
        clock.advance(minutes=2)
        assert accounts(database, details["handle"]) == 0
        assert sign(login, carla, act) == "done"
        assert sign(login, dan, act) == "settled"
    assert accounts(database, details["handle"]) == 1


def test_elevated_beyond_the_agreement(shared: Database, login: psycopg.Connection) -> None:
    """Two people elevate nobody to a role that the organisation's agreement does not give."""
    anna, ben, rene = member(shared), member(shared), member(shared, "partner", "Narrow", "59")
    shared.owner.execute(
        "update cloison.agreement set roles = (select array_agg(role) from cloison.role where name = 'partner') "
        "where organisation = %s",
        (rene.organisation,),
    )
    act = asked(login, anna, "account.elevate", rene.organisation, **about(rene, role="adviser"))
    (answer,) = at_once(shared, partial(sign, who=ben, act=act))
    assert answer == "CL012"
    role = "select name from cloison.account join cloison.role using (role) where account = %s"
    assert shared.one(role, rene.account) == "partner"


def test_sessions_from_before_an_elevation(shared: Database, login: psycopg.Connection) -> None:
    """They end, at both doors: a hijacked one is not worth more overnight."""
    anna, ben, paule = member(shared), member(shared), member(shared, "adviser", segment="59")
    desk = begun(shared, paule, "desk")
    assert sign(login, ben, asked(login, anna, "account.elevate", **about(paule, role="manager"))) == "done"
    ended = "select count(*) from cloison.session_end join cloison.session using (segment, session) where account = %s"
    assert shared.one(ended, desk.account) == 2
