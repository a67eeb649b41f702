"""Copied passkeys, codes and challenges shown again, and what a recovery or a removal leaves to a thief: nothing."""

import secrets
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import psycopg
from support.database import Database
from support.signing import (
    TOUCHED,
    Member,
    about,
    asked,
    at_once,
    begun,
    handed,
    member,
    only,
    passkey,
    redeem,
    sign,
    start,
)

pytest_plugins = ["support.signing_fixtures"]

MEMBER = "select handle from cloison.member_v1(%s, %s)"
REMOVE = "select cloison.remove_factor_v1(%s, %s, %s)"
NOTHING = "select cloison.start_session_v1(%s, %s, gen_random_uuid(), 'desk', %s, %s, null, %s, 60, sha256('device'))"
TOUCH = "select cloison.touch_session_v1(%s, %s, %s)"


def touched(login: psycopg.Connection, who: Member, count: int, challenge: bytes | None = None) -> object:
    """What the database says of a touch that the door has verified."""
    return only(
        login,
        TOUCHED,
        who.segment,
        who.account,
        who.factor,
        count,
        datetime.now(UTC),
        challenge or secrets.token_bytes(32),
    )


def remove(login: psycopg.Connection, who: Member, factor: UUID) -> object:
    """Take a passkey away from one's account."""
    return only(login, REMOVE, *who.bearer, factor)


def lives(login: psycopg.Connection, who: Member) -> bool:
    """Whether the session of the sign-in door goes on."""
    return login.execute(MEMBER, who.bearer).fetchone() is not None


def alerts(database: Database, who: Member) -> list[str]:
    """Kinds of alerts about an account."""
    rows = database.owner.execute("select kind from cloison.alert where account = %s", (who.account,)).fetchall()
    return [row[0] for row in rows]


def test_cloned_passkey(shared: Database, login: psycopg.Connection) -> None:
    """A count that does not grow freezes the passkey, with an alert; the true one does not come in either."""
    anna = member(shared)
    assert touched(login, anna, 5) == "open"
    assert touched(login, anna, 5) == "cloned"
    assert touched(login, anna, 6) == "none"
    assert alerts(shared, anna) == ["factor_cloned"]


def test_cloned_passkey_that_counts_down_to_zero(shared: Database, login: psycopg.Connection) -> None:
    """A copy that says 0, as passkeys without a count do, is found out where the passkey counted before."""
    anna = member(shared)
    assert touched(login, anna, 1) == "open"
    assert touched(login, anna, 0) == "cloned"


def test_sessions_of_a_cloned_passkey_end(shared: Database, login: psycopg.Connection) -> None:
    """The copy may have come in first: when it is noticed, all that began with the passkey ends, at both doors."""
    anna = member(shared)
    other, _ = passkey(shared, anna.segment, anna.account)
    safe = begun(shared, anna._replace(factor=other))
    desk = begun(shared, anna, "desk")
    assert touched(login, anna, 2) == "open"
    assert touched(login, anna, 2) == "cloned"
    assert not lives(login, anna)
    assert only(shared.owner, "select count(*) from cloison.session_v1(%s, %s)", *desk.bearer) == 0
    assert lives(login, safe)


def test_two_copies_at_once(shared: Database) -> None:
    """Of two copies that touch at the same instant one is found out, whichever."""
    for _ in range(5):
        anna = member(shared)
        answers = at_once(shared, *[partial(touched, who=anna, count=1)] * 2)
        assert sorted(map(str, answers)) == ["cloned", "open"]


def test_a_challenge_used_twice(shared: Database, login: psycopg.Connection) -> None:
    """A challenge is good once, for another account or a higher count neither, and at the same instant neither."""
    anna, ben, challenge = member(shared), member(shared), secrets.token_bytes(32)
    assert touched(login, anna, 1, challenge) == "open"
    assert touched(login, anna, 2, challenge) == "spent"
    assert touched(login, ben, 1, challenge) == "spent"
    calls = [partial(touched, who=ben, count=count, challenge=b"c" * 32) for count in (7, 8, 9)]
    answers = at_once(shared, *calls)
    assert sorted(map(str, answers)) == ["open", "spent", "spent"]


def test_a_code_used_twice(shared: Database, login: psycopg.Connection) -> None:
    """A code begins one session, however many ask at the same instant."""
    anna, code = member(shared), secrets.token_bytes(32)
    news = [anna._replace(token=secrets.token_bytes(32)) for _ in range(3)]
    answers = at_once(shared, *[partial(start, who=new, code=code) for new in news])
    assert sum(answer is not None for answer in answers) == 1
    assert start(login, anna._replace(token=secrets.token_bytes(32)), code) is None


def test_a_code_that_outlives_its_passkey(shared: Database, login: psycopg.Connection) -> None:
    """A thief's touch just before the recovery leaves no code that begins a session after it."""
    anna, ben, stolen = member(shared), member(shared), member(shared)
    thief = stolen._replace(token=secrets.token_bytes(32))
    assert touched(login, stolen, 1) == "open"
    assert sign(login, ben, asked(login, anna, "account.recover", **about(stolen))) == "done"
    assert start(login, thief, secrets.token_bytes(32)) is None
    assert not lives(login, thief)


def test_a_session_that_begins_while_its_passkey_is_recovered_away(shared: Database, login: psycopg.Connection) -> None:
    """At the same instant either the session does not begin, or the recovery ends it."""
    anna, ben = member(shared), member(shared)
    for _ in range(6):
        stolen = member(shared)
        thief = stolen._replace(token=secrets.token_bytes(32))
        act = asked(login, anna, "account.recover", **about(stolen))
        calls = [partial(sign, who=ben, act=act), partial(start, who=thief, code=secrets.token_bytes(32))]
        assert at_once(shared, *calls)[0] == "done"
        assert not lives(login, thief)


def test_a_code_of_somebody_elses_passkey(shared: Database, login: psycopg.Connection) -> None:
    """A session begins with a passkey of its own account, or with a linked identity: with nothing, never."""
    anna, ben = member(shared), member(shared)
    new = anna._replace(token=secrets.token_bytes(32))
    assert start(login, new._replace(factor=ben.factor), secrets.token_bytes(32)) is None
    assert only(login, NOTHING, anna.segment, anna.account, *[secrets.token_bytes(32)] * 3) is None


def test_help_desk_reset(shared: Database, login: psycopg.Connection) -> None:
    """One person alone resets nobody: no code without an act, no act without a second person."""
    desk, manager = member(shared, "hotline"), member(shared, "manager", "Partner")
    victim = member(shared, "adviser", "Partner", "59")
    for who in (desk, manager, member(shared)):
        assert handed(login, who, victim.segment, victim.handle) is None
    act = asked(login, manager, "account.recover", **about(victim))
    for who in (desk, manager):
        assert sign(login, who, act) == "scope"
        assert handed(login, who, victim.segment, victim.handle) is None
    assert lives(login, victim)


def test_recovery_freezes_what_was_there(shared: Database, login: psycopg.Connection) -> None:
    """Old passkeys sign nobody in, their sessions of both doors end, and new ones come by a code alone."""
    anna, ben, victim = member(shared), member(shared), member(shared)
    passkey(shared, victim.segment, victim.account)
    desk = begun(shared, victim, "desk")
    assert sign(login, ben, asked(login, anna, "account.recover", **about(victim))) == "done"
    assert touched(login, victim, 1) == "none"
    assert not lives(login, victim)
    assert only(shared.owner, "select count(*) from cloison.session_v1(%s, %s)", *desk.bearer) == 0
    assert only(login, "select count(*) from cloison.factors_v1(%s, %s)", victim.segment, victim.account) == 0
    code = handed(login, ben, victim.segment, victim.handle)
    assert code is not None
    assert redeem(login, victim.segment, code) is True
    assert only(login, "select count(*) from cloison.factors_v1(%s, %s)", victim.segment, victim.account) == 1


def test_recovering_a_closed_account(shared: Database, login: psycopg.Connection) -> None:
    """Who left does not come back by a recovery or a lifted freeze that was asked for before."""
    anna, ben, leaver = member(shared), member(shared), member(shared)
    acts = [asked(login, anna, kind, **about(leaver)) for kind in ("account.recover", "account.unfreeze")]
    shared.one("select cloison.close_account_v1(%s, %s)::text", leaver.segment, leaver.account)
    for act in acts:
        (answer,) = at_once(shared, partial(sign, who=ben, act=act))
        assert answer == "CL005"
    assert shared.one("select count(*) from cloison.recall where subject = %s", leaver.account) == 1


def test_a_thief_in_a_session_removes_the_owners_passkey(shared: Database, login: psycopg.Connection) -> None:
    """Removing takes a fresh touch; the last passkey stays, or nobody would come in; nobody removes another's."""
    anna, ben = member(shared), member(shared)
    other, _ = passkey(shared, anna.segment, anna.account)
    shared.owner.execute(
        "update cloison.session set touched_at = touched_at - interval '6 minutes' where account = %s", (anna.account,)
    )
    assert remove(login, anna, other) == "step_up"
    fresh = begun(shared, anna)
    assert remove(login, ben, other) == "none"
    assert remove(login, fresh, other) == "open"
    assert remove(login, fresh, other) == "none"
    assert remove(login, fresh, anna.factor) == "last"
    assert lives(login, fresh)


def test_removing_both_passkeys_at_once(shared: Database) -> None:
    """Of two removals at the same instant one finds that the other passkey is the last."""
    anna = member(shared)
    other, _ = passkey(shared, anna.segment, anna.account)
    answers = at_once(shared, *[partial(remove, who=anna, factor=factor) for factor in (anna.factor, other)])
    assert "open" in answers
    count = only(shared.owner, "select count(*) from cloison.factors_v1(%s, %s)", anna.segment, anna.account)
    assert count == 1


def test_touching_anothers_session(shared: Database, login: psycopg.Connection) -> None:
    """A touch confirms sessions of its own account alone, and none that has ended by idleness."""
    anna, ben = member(shared), member(shared)
    session = shared.one("select session from cloison.session where account = %s", anna.account)
    assert only(login, TOUCH, ben.segment, ben.account, session) is False
    assert only(login, TOUCH, anna.segment, anna.account, session) is True
    shared.owner.execute(
        "update cloison.session set seen_at = now() - interval '1 hour' where session = %s", (session,)
    )
    assert only(login, TOUCH, anna.segment, anna.account, session) is False
