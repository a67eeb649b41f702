"""People's logins as the database keeps them: who is invited, what a try costs, when a session begins and ends."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import pytest
from support.database import SEGMENT, Database
from support.spaces import BEGIN, KEPT, NO_PASSKEY, REDEEM, TOTP, Spaces

OTHER = b"o" * 32
TOUCHED = "select cloison.space_touched_v1(%s, %s, %s, %s, %s, %s, 300)"


@pytest.fixture
def spaces(shared: Database) -> Iterator[Spaces]:
    """The space door's and intake's logins."""
    found = Spaces(shared)
    yield found
    found.close()


def test_only_whom_the_session_just_opened_is_invited(spaces: Spaces) -> None:
    """An adviser makes a code for somebody whose record is open before them, and for nobody else of their caseload."""
    session, (person,) = spaces.adviser()
    (stranger,) = spaces.database.people(1)
    spaces.database.relate(session.account, [stranger])
    assert spaces.invite(session, stranger) is None
    assert spaces.invite(session, uuid4()) is None
    assert spaces.invite(session._replace(token=secrets.token_bytes(32)), person) is None
    assert spaces.invite(session, person) is not None
    age = "update cloison.entry set at = at - interval '16 minutes' where session = %s"
    spaces.database.owner.execute(age, (session.session,))
    assert spaces.invite(session, person) is None
    assert spaces.events(stranger) == ["space_invited"], "a refusal is written down too"


def test_frozen_or_ended_session_invites_nobody(spaces: Spaces) -> None:
    """What stops an account stops its invitations."""
    session, (person,) = spaces.adviser()
    spaces.database.one("select cloison.freeze_v1(%s, %s)", SEGMENT, session.account)
    assert spaces.invite(session, person) is None
    spaces.database.one("select cloison.unfreeze_v1(%s, %s)", SEGMENT, session.account)
    spaces.database.one("select cloison.end_sessions_v1(%s, %s)", SEGMENT, session.account)
    assert spaces.invite(session, person) is None


def test_three_invitations_a_day_and_the_last_holds(spaces: Spaces) -> None:
    """A second code makes the first one void; a fourth in a day is refused."""
    session, (person,) = spaces.adviser()
    first, second, third = (spaces.invite(session, person) for _ in range(3))
    assert spaces.invite(session, person) is None
    assert first is not None and second is not None and third is not None  # noqa: PT018 - for the types
    assert spaces.redeem(first, secrets.token_bytes(32)) == "none"
    assert spaces.redeem(third, secrets.token_bytes(32)) == "open"


def test_reused_expired_and_guessed_invitations(spaces: Spaces) -> None:
    """A code is good once, for 14 days, and for ten goes of redeeming it, of which each is counted twice."""
    session, (one, two, three) = spaces.adviser(3)
    once, late, tried = (spaces.invite(session, person) for person in (one, two, three))
    assert once is not None and late is not None and tried is not None  # noqa: PT018 - for the types
    taken = secrets.token_bytes(32)
    assert spaces.redeem(once, taken) == "open"
    assert spaces.redeem(once, secrets.token_bytes(32)) == "none"
    old = "update cloison.space_invitation set expires_at = expires_at - interval '15 days' where code_hash = %s"
    spaces.database.owner.execute(old, (late,))
    assert spaces.redeem(late, secrets.token_bytes(32)) == "none"
    assert [spaces.redeem(tried, taken) for _ in range(21)] == ["taken"] * 20 + ["none"]
    assert spaces.redeem(secrets.token_bytes(32), secrets.token_bytes(32)) == "none"


def test_one_factor_is_too_few(spaces: Spaces) -> None:
    """A login needs a passkey, or a password and a phone."""
    session, (person,) = spaces.adviser()
    code = spaces.invite(session, person)
    assert code is not None
    assert spaces.redeem(code, secrets.token_bytes(32), password=None) == "factors"
    assert spaces.redeem(code, secrets.token_bytes(32), password=None, passkey=b"c" * 16) == "open"


def test_invitation_makes_a_login_anew(spaces: Spaces) -> None:
    """Whoever redeems another code has the login alone: old passkeys, name, sessions, devices and tries are gone."""
    login = spaces.login(passkey=b"p" * 16)
    live = spaces.begin(login, 101)
    assert live is not None
    session, (opened,) = spaces.adviser()
    spaces.database.owner.execute(
        "update cloison.entry set person = %s where session = %s and person = %s",
        (login.person, session.session, opened),
    )
    spaces.database.relate(session.account, [login.person])
    code, name = spaces.invite(session, login.person), secrets.token_bytes(32)
    assert code is not None
    assert spaces.redeem(code, name, password="$argon2id$new") == "open"
    assert not spaces.member(login, live)
    assert not spaces.attempt(login.name)
    assert spaces.attempt(name)
    assert spaces.ask("select from cloison.space_factors_v1(%s, %s)", SEGMENT, login.login) == []
    assert spaces.begin(login, 102) is None, "a comparison with the old password begins nothing"
    assert spaces.database.one("select count(*) from cloison.space_device where login = %s", login.login) == 0


def test_ten_tries_of_a_thousand_at_once(spaces: Spaces) -> None:
    """However many try at the same instant, ten are given something to compare with, and a sign-in sets it back."""
    login = spaces.login()
    doors = [spaces.database.connect("space") for _ in range(6)]

    def knock(number: int) -> int:
        return sum(spaces.attempt(login.name, None, doors[number]) for _ in range(25))

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(knock, range(6))) == 10
    for door in doors:
        door.close()
    assert spaces.events(login.person).count("space_blocked") == 1
    assert not spaces.attempt(login.name)
    assert spaces.begin(login) is not None, "by passkey"
    assert spaces.attempt(login.name)


def test_known_device_is_not_locked_out(spaces: Spaces) -> None:
    """Strangers who use up a login's tries leave those of its devices; a device has ten of its own, and no other's."""
    login, other = spaces.login(), spaces.login()
    spaces.begin(login, 101)
    assert [spaces.attempt(login.name) for _ in range(11)].count(True) == 10
    assert [spaces.attempt(login.name, b"d" * 32) for _ in range(11)].count(True) == 10
    assert not spaces.attempt(login.name, OTHER)
    assert [spaces.attempt(other.name, b"d" * 32) for _ in range(11)].count(True) == 10, (
        "not known there: as a stranger"
    )
    assert spaces.begin(login, 102) is not None
    assert spaces.attempt(login.name)


def test_unknown_name_is_written_for_too(spaces: Spaces) -> None:
    """A try of nobody's name writes a row as a try of somebody's does, and gives nothing."""
    count = "select sum(tries) from cloison.space_decoy"
    before = spaces.database.one(count)
    assert not spaces.attempt(secrets.token_bytes(32))
    assert spaces.database.one(count) == int(str(before)) + 1


def test_replayed_one_time_code(spaces: Spaces) -> None:
    """A step's code begins one session, and none of an earlier step does; of two at once, one."""
    login = spaces.login()
    assert spaces.begin(login, 101) is not None
    assert spaces.begin(login, 101) is None
    assert spaces.begin(login, 100) is None
    assert spaces.begin(login, 102) is not None


def test_session_is_bound_idle_and_ended(spaces: Spaces) -> None:
    """A token with another device's key finds nothing; unused for 20 minutes, or after 8 hours, it has ended."""
    login = spaces.login()
    live = spaces.begin(login, 101)
    assert live is not None
    assert spaces.member(login, live)
    assert not spaces.member(login, live._replace(token=live.secret))
    late = "update cloison.space_session set {} where session = %s"
    spaces.database.owner.execute(late.format("seen_at = seen_at - interval '21 minutes'"), (live.session,))
    assert not spaces.member(login, live)
    again = spaces.begin(login, 102)
    assert again is not None
    spaces.database.owner.execute(late.format("expires_at = expires_at - interval '9 hours'"), (again.session,))
    assert not spaces.member(login, again)


def test_sign_out_everywhere(spaces: Spaces) -> None:
    """One session ends all of its login; one that ended ends none."""
    login = spaces.login()
    one, two = spaces.begin(login, 101), spaces.begin(login, 102)
    assert one is not None and two is not None  # noqa: PT018 - for the types
    out = "select cloison.space_sign_out_v1(%s, %s, %s)"
    assert spaces.ask(out, SEGMENT, one.token, True) == [(2,)]
    assert not spaces.member(login, two)
    assert spaces.ask(out, SEGMENT, two.token, True) == [(0,)]


def test_copied_token_is_noticed(spaces: Spaces) -> None:
    """A token shown with another key raises one alert an hour, of which the person's last sign-ins tell."""
    login = spaces.login()
    live = spaces.begin(login, 101)
    assert live is not None
    for _ in range(3):
        spaces.ask("select cloison.space_copied_v1(%s, %s, %s)", SEGMENT, live.secret, secrets.token_bytes(32))
    alerts = "select count(*) from cloison.alert where person = %s and kind = 'token_copied'"
    assert spaces.database.one(alerts, login.person) == 1
    ((copied,),) = spaces.ask("select copied_at from cloison.space_signins_v1(%s, %s)", SEGMENT, live.token)
    assert copied is not None


def test_cloned_passkey_and_reused_challenge(spaces: Spaces) -> None:
    """A challenge is good once; a count that does not grow freezes the passkey, with an alert.

    Not where the challenge was given out before the last touch: that is somebody with two pages, who is asked again.
    """
    login = spaces.login(passkey=b"q" * 16)
    ((factor,),) = spaces.ask("select factor from cloison.space_factors_v1(%s, %s)", SEGMENT, login.login)
    challenge, before = secrets.token_bytes(32), datetime.now(UTC)
    touch = partial(spaces.ask, TOUCHED, SEGMENT, login.login, factor)
    assert touch(3, before, challenge) == [("open",)]
    assert touch(4, before, challenge) == [("spent",)]
    assert touch(2, before, secrets.token_bytes(32)) == [("spent",)]
    assert touch(3, datetime.now(UTC), secrets.token_bytes(32)) == [("cloned",)]
    assert touch(9, datetime.now(UTC), secrets.token_bytes(32)) == [("none",)]
    assert spaces.events(login.person)[-1] == "space_factor_frozen"


def test_new_factor_needs_a_fresh_sign_in(spaces: Spaces) -> None:
    """Whoever finds a session open after five minutes cannot make the login theirs."""
    login = spaces.login()
    live = spaces.begin(login, 101)
    assert live is not None
    password = "select cloison.space_set_password_v1(%s, %s, %s, '$argon2id$x', %s, 200)"
    assert spaces.ask(password, SEGMENT, live.token, login.name, b"t" * 60) == [("open",)]
    assert spaces.ask(password, SEGMENT, live.token, secrets.token_bytes(32), b"t" * 60) == [("taken",)]
    spaces.database.owner.execute("delete from cloison.space_name")  # as of somebody who came by a provider
    for name in (OTHER, OTHER):
        assert spaces.ask(password, SEGMENT, live.token, name, b"t" * 60) == [("open",)]
    age = "update cloison.space_session set issued_at = issued_at - interval '6 minutes' where session = %s"
    spaces.database.owner.execute(age, (live.session,))
    assert spaces.ask(password, SEGMENT, live.token, OTHER, b"t" * 60) == [("step_up",)]
    add = "select cloison.space_add_factor_v1(%s, %s, %s, 60, %s, %s, 1, %s, true)"
    key = (secrets.token_bytes(32), b"z" * 16, b"key", uuid4())
    assert spaces.ask(add, SEGMENT, live.token, *key) == [("step_up",)]
    assert spaces.ask(add, SEGMENT, secrets.token_bytes(64), *key) == [("no_session",)]


def test_half_a_code_makes_no_login(spaces: Spaces) -> None:
    """Whoever has the mailed half guesses the other one twenty times, and then the right one is of no use either."""
    session, (person,) = spaces.adviser()
    code = spaces.invite(session, person)
    assert code is not None
    halves = "select login from cloison.space_halves_v1(%s, %s, %s)"
    for _ in range(10):
        guess = secrets.token_bytes(32)
        assert spaces.ask(halves, SEGMENT, code, guess) == []
        assert spaces.ask(REDEEM, SEGMENT, code, guess, OTHER, KEPT, TOTP, 1, *NO_PASSKEY) == [("none",)]
    assert spaces.ask(halves, SEGMENT, code, code) == []
    assert spaces.redeem(code, OTHER) == "none"


def test_who_has_gone_elsewhere_has_one_login(spaces: Spaces) -> None:
    """A login of the segment where somebody was before ends when they make one where they are now."""
    session, (person,) = spaces.adviser()
    name, former = secrets.token_bytes(32), uuid4()
    owner = spaces.database.owner
    owner.execute(
        "insert into cloison.space_login (segment, login, person, made_at, password, totp) "
        "values ('62', %s, %s, now(), %s, %s)",
        (former, person, KEPT, TOTP),
    )
    owner.execute("insert into cloison.space_name values (%s, '62', %s)", (name, former))
    assert spaces.attempt(name)
    code = spaces.invite(session, person)
    assert code is not None
    assert spaces.redeem(code, secrets.token_bytes(32)) == "open"
    assert not spaces.attempt(name)
    assert spaces.events(person).count("space_ended") == 1


def test_who_died_has_no_login(spaces: Spaces) -> None:
    """Name, devices, passkeys, sessions and codes lead nowhere then; nor for a record that another one took in."""
    login = spaces.login(passkey=b"w" * 16)
    live = spaces.begin(login, 101)
    assert live is not None
    spaces.database.one("select cloison.space_end_v1(%s, null)", login.person)
    assert not spaces.member(login, live)
    assert not spaces.attempt(login.name)
    assert spaces.ask("select from cloison.space_factors_v1(%s, %s)", SEGMENT, login.login) == []
    assert spaces.begin(login, 102) is None


def test_a_passkey_is_taken_away(spaces: Spaces) -> None:
    """Within five minutes of a sign-in, and never the last way; what it began elsewhere ends."""
    login = spaces.login(passkey=b"r" * 16, password=None)
    live = spaces.begin(login)
    assert live is not None
    listed = "select factor from cloison.space_passkeys_v1(%s, %s)"
    remove = "select cloison.space_remove_factor_v1(%s, %s, %s)"
    ((first,),) = spaces.ask(listed, SEGMENT, live.token)
    assert spaces.ask(remove, SEGMENT, live.token, first) == [("last",)]
    assert spaces.ask(remove, SEGMENT, live.token, uuid4()) == [("none",)]
    add = "select cloison.space_add_factor_v1(%s, %s, %s, 60, %s, %s, 1, %s, true)"
    assert spaces.ask(add, SEGMENT, live.token, secrets.token_bytes(32), b"s" * 16, b"key", uuid4()) == [("open",)]
    other = spaces.begin(login)
    assert other is not None
    assert spaces.ask(remove, SEGMENT, live.token, first) == [("open",)]
    assert len(spaces.ask(listed, SEGMENT, live.token)) == 1
    assert not spaces.member(login, other)


def test_sign_ins_of_others_are_not_waited_for(spaces: Spaces) -> None:
    """While one login's sign-in is under way, another one of the segment begins."""
    one, two = spaces.login(), spaces.login()
    with spaces.database.connect("space", autocommit=False) as slow:
        slow.execute("set local statement_timeout = '5s'")
        hashes = (secrets.token_bytes(32), secrets.token_bytes(32))
        begun = slow.execute(
            BEGIN, (SEGMENT, one.login, uuid4(), *hashes, b"d" * 32, KEPT, 101, None, "password")
        ).fetchone()
        assert begun is not None
        assert begun[0] is not None
        spaces.door.execute("set statement_timeout = '2s'")
        assert spaces.begin(two, 101) is not None


def test_adviser_who_wrote_the_address_invites_nobody(spaces: Spaces) -> None:
    """Whoever has just changed a record may have put their own address there, and would have both halves alone."""
    session, (person,) = spaces.adviser()
    assert spaces.invite(session, person) is not None
    written = "update cloison.entry set event = 'person_changed' where session = %s and event = 'space_invited'"
    spaces.database.owner.execute(written, (session.session,))
    assert spaces.invite(session, person) is None


def test_nobody_is_invited_out_of_relation(spaces: Spaces) -> None:
    """An opening of a quarter of an hour ago is not enough where the relation has ended since."""
    session, (person,) = spaces.adviser()
    gone = "delete from cloison.relation where account = %s and person = %s"
    spaces.database.owner.execute(gone, (session.account, person))
    assert spaces.invite(session, person) is None


def test_own_name_is_free_to_whoever_moved(spaces: Spaces) -> None:
    """Invited anew where they are now, somebody keeps the name of the login that they made where they were before."""
    session, (person,) = spaces.adviser()
    name, former = secrets.token_bytes(32), uuid4()
    owner = spaces.database.owner
    owner.execute(
        "insert into cloison.space_login (segment, login, person, made_at, password, totp) "
        "values ('62', %s, %s, now(), %s, %s)",
        (former, person, KEPT, TOTP),
    )
    owner.execute("insert into cloison.space_name values (%s, '62', %s)", (name, former))
    code = spaces.invite(session, person)
    assert code is not None
    assert spaces.redeem(code, name) == "open"
    assert spaces.ask("select segment from cloison.space_try_v1(%s, null)", name) == [(SEGMENT,)]
