"""One person wants to be two: self-approval, mutual approval, approval by whoever has no right to."""

import psycopg
import pytest
from support.database import Database
from support.meter import Clock
from support.signing import (
    NOWHERE,
    PARTNER,
    Member,
    about,
    accounts,
    act_of,
    ask,
    asked,
    begun,
    handed,
    member,
    newcomer,
    passkey,
    redeem,
    refuse,
    sign,
    tend,
)

pytest_plugins = ["support.signing_fixtures"]

DECISIONS = "select asker, approver, approved from cloison.decisions_v1(%s, %s, 90)"


def test_self_approval(shared: Database, login: psycopg.Connection) -> None:
    """Whoever asked does not sign as second person, in another session neither."""
    anna = member(shared)
    details = newcomer()
    act = asked(login, anna, "account.create", **details)
    assert sign(login, anna, act) == "scope"
    assert sign(login, begun(shared, anna), act) == "scope"
    assert accounts(shared, details["handle"]) == 0


def test_mutual_approval_by_two_accounts_of_one_holder(shared: Database, login: psycopg.Connection) -> None:
    """Two accounts of one staff number are one person; so are two whose holder's record is the same."""
    one, other = member(shared, holder="4711"), member(shared, holder="4711")
    assert sign(login, other, asked(login, one, "account.create", **newcomer())) == "scope"
    third, fourth = member(shared), member(shared)
    for who in (third, fourth):
        shared.owner.execute(
            "insert into cloison.account_holder (segment, account, kind, term) values (%s, %s, 0, 1700)",
            (who.segment, who.account),
        )
    assert sign(login, fourth, asked(login, third, "account.create", **newcomer())) == "scope"


def test_an_act_about_oneself(shared: Database, login: psycopg.Connection) -> None:
    """Nobody asks for, or signs, their own account's elevation or recovery; nor with a second account of theirs."""
    anna, ben = member(shared), member(shared, holder="4712")
    bens = member(shared, "adviser", segment="59", holder="4712")
    assert ask(login, anna, act_of(anna, "account.recover", **about(anna))) == "scope"
    assert sign(login, ben, asked(login, anna, "account.recover", **about(ben))) == "scope"
    assert sign(login, ben, asked(login, anna, "account.elevate", **about(bens, role="manager"))) == "scope"


def test_approving_a_second_account_of_ones_own(shared: Database, login: psycopg.Connection) -> None:
    """Somebody else asks for an account whose holder is to be the one who signs: that is about oneself, too."""
    anna, ben = member(shared), member(shared, holder="4713")
    assert sign(login, ben, asked(login, anna, "account.create", **newcomer(holder="4713"))) == "scope"


def test_refusing_an_act_about_oneself(shared: Database, login: psycopg.Connection) -> None:
    """A thief in an officer's account cannot refuse its recovery; who asked may take back what they asked."""
    anna, stolen = member(shared), member(shared)
    act = asked(login, anna, "account.recover", **about(stolen))
    assert refuse(login, stolen, act) is False
    assert refuse(login, anna, act) is True


def test_a_review_by_two_accounts_of_one_holder(shared: Database, login: psycopg.Connection) -> None:
    """Nobody says that their own account is still needed, with a second one of theirs neither."""
    one, other = member(shared, holder="4714"), member(shared, holder="4714")
    assert tend(login, one, "review", one) == 0
    assert tend(login, one, "review", other) == 0
    assert tend(login, member(shared), "review", other) == 1


def test_a_manager_is_no_second_person(shared: Database, login: psycopg.Connection) -> None:
    """Who may invite cannot approve: not in the service, and not in their own organisation."""
    for organisation in ("Service", PARTNER):
        asker, other = member(shared, "manager", organisation), member(shared, "manager", organisation)
        assert sign(login, other, asked(login, asker, "account.create", **newcomer())) == "scope"


def test_an_officers_role_in_a_partner_is_no_second_person(shared: Database, login: psycopg.Connection) -> None:
    """A partner may name its people officers: they admit nobody, and tend nobody else's accounts."""
    asker, officer, ours = member(shared, "manager", PARTNER), member(shared, "officer", PARTNER), member(shared)
    assert sign(login, officer, asked(login, asker, "account.create", **newcomer())) == "scope"
    assert tend(login, officer, "close", ours) == 0


def test_a_manager_of_another_organisation(shared: Database, login: psycopg.Connection) -> None:
    """A partner's manager asks nothing, and closes nobody, in another organisation, the service among them."""
    manager, theirs, ours = member(shared, "manager", PARTNER), member(shared, "adviser", "Other"), member(shared)
    for whom in (theirs, ours):
        assert ask(login, manager, act_of(manager, "account.recover", whom.organisation, **about(whom))) == "scope"
        assert tend(login, manager, "close", whom) == 0
    assert ask(login, manager, act_of(manager, "account.create", ours.organisation, **newcomer())) == "scope"


def test_an_act_that_names_ones_own_organisation_for_anothers_account(
    shared: Database, login: psycopg.Connection
) -> None:
    """The account that an act is about is of the organisation that it names, whoever asks."""
    manager, theirs = member(shared, "manager", PARTNER), member(shared, "adviser", "Other")
    for kind in ("account.recover", "account.elevate"):
        assert ask(login, manager, act_of(manager, kind, **about(theirs, role="manager"))) == "scope"
        anna = member(shared)
        assert ask(login, anna, act_of(anna, kind, **about(theirs, role="manager"))) == "scope"


def test_an_adviser_asks(shared: Database, login: psycopg.Connection) -> None:
    """Whoever works with people's records admits nobody, and does not see who is about to be."""
    adviser, anna = member(shared, "adviser", segment="59"), member(shared)
    assert ask(login, adviser, act_of(adviser, "account.create", **newcomer())) == "scope"
    act = asked(login, anna, "account.create", **newcomer())
    assert sign(login, adviser, act) == "scope"
    seen = login.execute("select act from cloison.acts_v1(%s, %s)", adviser.bearer).fetchall()
    assert (act,) not in seen
    assert (act,) in login.execute("select act from cloison.acts_v1(%s, %s)", member(shared).bearer).fetchall()


def test_a_passkey_added_beside_others_signs_nothing_for_a_day(shared: Database, login: psycopg.Connection) -> None:
    """A thief who adds a passkey of their own to an officer's account does not approve with it while it is new."""
    anna, ben = member(shared), member(shared)
    act = asked(login, anna, "account.create", **newcomer())
    factor, key = passkey(shared, ben.segment, ben.account, "1 hour")
    with pytest.raises(psycopg.DatabaseError) as refused:
        sign(login, ben._replace(factor=factor, public_key=key), act)
    assert refused.value.sqlstate == "CL023"
    assert sign(login, ben, act) == "done"


def test_a_recovered_officer_signs_nothing_for_a_day(database: Database) -> None:
    """Whoever talked two people into a recovery has a day to wait, in which its victim notices."""
    clock = Clock(database)
    anna, ben, carla = member(database), member(database), member(database)
    with database.connect("signin") as login:
        assert sign(login, ben, asked(login, anna, "account.recover", **about(carla))) == "done"
        code = handed(login, anna, carla.segment, carla.handle)
        assert code is not None
        assert redeem(login, carla.segment, code) is True
        row = database.owner.execute(
            "select factor, public_key from cloison.factor where account = %s and frozen_at is null", (carla.account,)
        ).fetchone()
        assert row is not None
        carla = begun(database, carla._replace(factor=row[0], public_key=row[1]))
        act = asked(login, ben, "account.create", **newcomer())
        with pytest.raises(psycopg.DatabaseError) as refused:
            sign(login, carla, act)
        assert refused.value.sqlstate == "CL023"
        clock.advance(hours=24, seconds=1)
        assert sign(login, begun(database, carla), act) == "done"


def test_whoever_handed_a_code_over_is_not_the_newcomers_second_person(database: Database) -> None:
    """A code that was kept makes one person two accounts: for a day these two sign nothing together."""
    clock = Clock(database)
    anna, ben = member(database), member(database)
    details = newcomer("carla", "officer", NOWHERE)
    with database.connect("signin") as login:
        assert sign(login, ben, asked(login, anna, "account.create", **details)) == "done"
        code = handed(login, ben, NOWHERE, "carla")
        assert code is not None
        assert redeem(login, NOWHERE, code) is True
        row = database.owner.execute(
            "select account, factor, public_key from cloison.factor join cloison.account using (segment, account) "
            "where handle = 'carla'"
        ).fetchone()
        assert row is not None
        carla = begun(database, Member(NOWHERE, row[0], "carla", anna.organisation, row[1], row[2], b""))
        by_ben = asked(login, ben, "account.create", **newcomer())
        assert sign(login, carla, by_ben) == "scope"
        assert sign(login, ben, asked(login, carla, "account.create", **newcomer())) == "scope"
        assert sign(login, carla, asked(login, anna, "account.create", **newcomer())) == "done"
        clock.advance(hours=24, seconds=1)
        assert sign(login, begun(database, carla), by_ben) == "done"


def test_who_decided_is_for_officers(shared: Database, login: psycopg.Connection) -> None:
    """Approvals and refusals of others' acts are told to officers of the service alone; what was taken back is none."""
    anna, ben = member(shared), member(shared)
    assert sign(login, ben, asked(login, anna, "account.create", **newcomer())) == "done"
    assert refuse(login, anna, asked(login, ben, "account.create", **newcomer())) is True
    assert refuse(login, anna, asked(login, anna, "account.create", **newcomer())) is True
    told = login.execute(DECISIONS, anna.bearer).fetchall()
    ours = sorted(row for row in told if {row[0], row[1]} == {anna.handle, ben.handle})
    assert ours == sorted([(anna.handle, ben.handle, True), (ben.handle, anna.handle, False)])
    for who in (member(shared, "manager"), member(shared, "officer", PARTNER), begun(shared, anna, "desk")):
        assert login.execute(DECISIONS, who.bearer).fetchall() == []
