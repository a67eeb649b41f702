"""Codes of invitations: used twice, too late, superseded, guessed, or in the hands of whom they give too much."""

import secrets
from functools import partial

import psycopg
import pytest
from support.database import Database
from support.meter import Clock
from support.signing import (
    NOWHERE,
    PARTNER,
    Member,
    about,
    asked,
    at_once,
    begun,
    handed,
    member,
    newcomer,
    only,
    redeem,
    refuse,
    sign,
    tend,
)

pytest_plugins = ["support.signing_fixtures"]

INVITED = "select handle from cloison.invitation_v1(%s, %s)"
FACTORS = "select count(*) from cloison.factor join cloison.account using (segment, account) where handle = %s"
HOURS = "update cloison.session set touched_at = touched_at - interval '6 minutes' where account = %s"


def admitted(
    login: psycopg.Connection, asker: Member, approver: Member, role: str = "adviser", segment: str = "59"
) -> str:
    """Somebody whom two people let in; their handle."""
    details = newcomer(role=role, segment=segment)
    assert sign(login, approver, asked(login, asker, "account.create", **details)) == "done"
    return str(details["handle"])


def code_of(login: psycopg.Connection, who: Member, handle: str, segment: str = "59") -> bytes:
    """A code that `who` gets."""
    code = handed(login, who, segment, handle)
    assert code is not None
    return code


def test_reused_code(shared: Database, login: psycopg.Connection) -> None:
    """A code registers one passkey; then it invites nobody, and no new one is handed over."""
    anna, ben = member(shared), member(shared)
    handle = admitted(login, anna, ben)
    code = code_of(login, anna, handle)
    assert redeem(login, "59", code) is True
    assert redeem(login, "59", code) is False
    assert login.execute(INVITED, ("59", code)).fetchone() is None
    assert handed(login, anna, "59", handle) is None
    assert shared.one(FACTORS, handle) == 1


def test_redeemed_twice_at_once(shared: Database, login: psycopg.Connection) -> None:
    """Two who redeem one code at the same instant, who it was told to and who overheard it: one comes in."""
    anna, ben = member(shared), member(shared)
    for _ in range(5):
        handle = admitted(login, anna, ben)
        code = code_of(login, anna, handle)
        answers = at_once(shared, *[partial(redeem, segment="59", code=code)] * 3)
        assert sorted(map(str, answers)) == ["False", "False", "True"]
        assert shared.one(FACTORS, handle) == 1


def test_superseded_code(shared: Database, login: psycopg.Connection) -> None:
    """Only the code that was handed over last holds."""
    anna, ben = member(shared), member(shared)
    handle = admitted(login, anna, ben)
    first, second = code_of(login, anna, handle), code_of(login, ben, handle)
    assert redeem(login, "59", first) is False
    assert redeem(login, "59", second) is True


def test_expired_code(database: Database) -> None:
    """After 72 hours a code invites nobody, however late it was handed over, and none is handed over."""
    clock = Clock(database)
    anna, ben = member(database), member(database)
    with database.connect("signin") as login:
        handle = admitted(login, anna, ben)
        clock.advance(hours=71, minutes=59)
        code = code_of(login, begun(database, anna), handle)
        clock.advance(minutes=1, seconds=1)
        assert redeem(login, "59", code) is False
        assert handed(login, begun(database, anna), "59", handle) is None
    assert database.one(FACTORS, handle) == 0


def test_guessed_code(shared: Database, login: psycopg.Connection) -> None:
    """A made-up code, an invitation without any code yet, another segment's code: the same answer."""
    anna, ben = member(shared), member(shared)
    handle = admitted(login, anna, ben)
    for guess in (secrets.token_bytes(32), b"", b"\0" * 32):
        assert redeem(login, "59", guess) is False
    code = code_of(login, anna, handle)
    assert redeem(login, "62", code) is False
    assert redeem(login, "59", code[:-1]) is False


def test_a_used_challenge_does_not_use_the_code_up(shared: Database, login: psycopg.Connection) -> None:
    """Whoever shows an old challenge with a code is refused, and the code is still its owner's."""
    anna, ben = member(shared), member(shared)
    code, challenge = code_of(login, anna, admitted(login, anna, ben)), secrets.token_bytes(32)
    assert redeem(login, "59", secrets.token_bytes(32), challenge) is False
    assert redeem(login, "59", code, challenge) is False
    assert redeem(login, "59", code) is True


def test_code_of_an_account_that_was_closed(shared: Database, login: psycopg.Connection) -> None:
    """Who leaves before they came in does not come in."""
    anna, ben = member(shared), member(shared)
    handle = admitted(login, anna, ben)
    code = code_of(login, anna, handle)
    assert only(login, "select cloison.tend_accounts_v1(%s, %s, 'close', '59', %s)", *anna.bearer, [handle]) == 1
    assert redeem(login, "59", code) is False
    assert handed(login, anna, "59", handle) is None


def test_code_from_before_a_recovery(shared: Database, login: psycopg.Connection) -> None:
    """An invitation that was never redeemed ends with the account's recovery."""
    anna, ben = member(shared), member(shared)
    handle = admitted(login, anna, ben)
    old = code_of(login, anna, handle)
    account = shared.one("select account from cloison.account where handle = %s", handle)
    act = asked(login, anna, "account.recover", account=str(account), handle=handle, segment="59")
    assert sign(login, ben, act) == "done"
    assert redeem(login, "59", old) is False
    assert redeem(login, "59", code_of(login, ben, handle)) is True


def test_code_for_an_act_that_is_not_done(shared: Database, login: psycopg.Connection) -> None:
    """An act that waits, or was refused, invites nobody."""
    anna, victim = member(shared), member(shared)
    act = asked(login, anna, "account.recover", **about(victim))
    assert handed(login, anna, victim.segment, victim.handle) is None
    assert refuse(login, anna, act) is True
    assert handed(login, anna, victim.segment, victim.handle) is None


def test_code_to_oneself(shared: Database, login: psycopg.Connection) -> None:
    """Nobody hands a code over to their own account, or to another of theirs."""
    anna, ben = member(shared), member(shared)
    lost, other = member(shared, holder="4720"), member(shared, holder="4720")
    assert sign(login, ben, asked(login, anna, "account.recover", **about(lost))) == "done"
    assert handed(login, other, lost.segment, lost.handle) is None


def test_code_in_the_hands_of_whom_it_gives_rights(shared: Database, login: psycopg.Connection) -> None:
    """A peer hands over codes of accounts with no rights that they lack: or an adviser would become an officer."""
    anna, ben = member(shared), member(shared)
    adviser, manager = member(shared, segment="59", role="adviser"), member(shared, segment="59", role="manager")
    officers, managers = admitted(login, anna, ben, "officer", NOWHERE), admitted(login, anna, ben, "manager")
    advisers = admitted(login, anna, ben)
    assert handed(login, adviser, NOWHERE, officers) is None
    assert handed(login, manager, NOWHERE, officers) is None
    assert handed(login, adviser, "59", managers) is None
    assert handed(login, adviser, "59", advisers) is not None
    assert handed(login, manager, "59", managers) is not None


def test_code_in_another_organisation(shared: Database, login: psycopg.Connection) -> None:
    """Of another organisation, only those who signed the act hand the code over, no other officer or manager."""
    manager, anna, ben = member(shared, "manager", PARTNER), member(shared), member(shared)
    details = newcomer(role="partner")
    assert sign(login, anna, asked(login, manager, "account.create", **details)) == "done"
    for who in (ben, member(shared, "manager", "Other")):
        assert handed(login, who, "59", details["handle"]) is None
    assert handed(login, anna, "59", details["handle"]) is not None
    assert handed(login, manager, "59", details["handle"]) is not None


@pytest.mark.parametrize("state", ["untouched", "frozen", "desk"])
def test_code_for_a_hijacked_session(shared: Database, login: psycopg.Connection, state: str) -> None:
    """A session without a fresh touch, of a frozen account, or of the desk, gets no code."""
    anna, ben, thief = member(shared), member(shared), member(shared)
    handle = admitted(login, anna, ben)
    if state == "untouched":
        shared.owner.execute(HOURS, (thief.account,))
    elif state == "frozen":
        assert tend(login, anna, "freeze", thief) == 1
    else:
        thief = begun(shared, thief, "desk")
    assert handed(login, thief, "59", handle) is None
