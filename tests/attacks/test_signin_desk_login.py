"""A thief with the desk's login: what the sign-in door may do they may not; and sessions keep to their door."""

import secrets
from importlib.resources import files

import psycopg
import pytest
from support.database import Database, take
from support.signing import Member, act_of, ask, begun, handed, member, newcomer, only, sign, tend

pytest_plugins = ["support.signing_fixtures"]

SOURCES = ("80_signin.sql", "81_acts.sql", "86_clients.sql")
ALLOWED = {"sign_out_v1", "seen_v1", "copied_v1"}
CREATES = "create or replace function cloison."
SIGNATURE = (
    "select p.oid::regprocedure::text, array(select format_type(t, null) from unnest(p.proargtypes::oid[]) t) "
    "from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'cloison' and p.proname = %s"
)
MEMBER = "select handle from cloison.member_v1(%s, %s)"
SESSION = "select handle from cloison.session_v1(%s, %s)"
SIGN_OUT = "select cloison.sign_out_v1(%s, %s, %s)"
COPIED = "select cloison.copied_v1(%s, %s, %s)::text"


def functions() -> list[str]:
    """Every function of accounts, sessions and acts, by its name in the sources."""
    found: list[str] = []
    for name in SOURCES:
        text = files("cloison.store.sql").joinpath(name).read_text(encoding="utf-8")
        found += [part.split("(")[0] for part in text.split(CREATES)[1:]]
    return found


@pytest.mark.parametrize("name", sorted(set(functions()) - ALLOWED))
def test_the_desks_login_may_not_call(shared: Database, name: str) -> None:
    """Neither begin a session, nor add a passkey, ask for an act, sign one, or read who may."""
    with shared.connect("desk") as desk:
        rows = shared.owner.execute(SIGNATURE, (name,)).fetchall()
        assert rows
        for _, types in rows:
            holes = ", ".join(f"null::{one}" for one in types)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                desk.execute(f"select cloison.{name}({holes})".encode())


@pytest.mark.parametrize("table", ["session", "factor", "act", "act_signature", "invitation", "spent", "account"])
def test_the_desks_login_reads_and_writes_no_table(shared: Database, table: str) -> None:
    """It makes no session, signature or invitation by hand, and reads none."""
    with shared.connect("desk") as desk:
        for statement in (
            "select * from cloison.{}",
            "delete from cloison.{}",
            "insert into cloison.{} default values",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                desk.execute(statement.format(table).encode())


def test_a_desk_session_at_the_sign_in_door(shared: Database, login: psycopg.Connection) -> None:
    """What a captured desk holds, its users' sessions, approves, invites and recovers nobody."""
    anna, ben = member(shared), member(shared)
    held = begun(shared, ben, "desk")
    act = act_of(anna, "account.create", **newcomer())
    assert ask(login, anna, act) == "waiting"
    assert login.execute(MEMBER, held.bearer).fetchone() is None
    assert sign(login, held, act.act) == "no_session"
    assert ask(login, held, act_of(held, "account.create", **newcomer())) == "no_session"
    assert tend(login, held, "close", anna) == 0
    assert handed(login, held, "59", str(act.details["handle"])) is None
    assert login.execute("select * from cloison.acts_v1(%s, %s)", held.bearer).fetchall() == []


def test_a_sign_in_session_at_the_desk(shared: Database) -> None:
    """What somebody else's page holds of the sign-in door opens nobody: the meter does not know it."""
    session, people = shared.adviser(3)
    held = member(shared, "adviser", segment="59")
    with shared.connect("desk") as desk:
        assert desk.execute(SESSION, held.bearer).fetchone() is None
        stolen = session._replace(token=held.token)
        assert take(desk, stolen, people) == set()
        assert take(desk, session, people) == set(people)


def test_what_the_desks_login_may_do_with_sessions(shared: Database) -> None:
    """It ends sessions whose token it holds and notes copied ones; with a made-up token, nothing."""
    anna, ben = member(shared), member(shared)
    held = begun(shared, anna, "desk")
    with shared.connect("desk") as desk:
        guess = secrets.token_bytes(32)
        assert only(desk, SIGN_OUT, anna.segment, guess, True) == 0
        only(desk, COPIED, anna.segment, guess, guess)
        assert only(desk, SIGN_OUT, *held.bearer, True) == 2
    assert living(shared, anna) == 0
    assert living(shared, ben) == 1
    assert shared.one("select count(*) from cloison.alert where account = %s", ben.account) == 0


def test_a_copied_token_raises_one_alert(shared: Database, login: psycopg.Connection) -> None:
    """Shown with another key again and again, a token raises one alert an hour, and ends nobody's session."""
    anna = member(shared)
    for _ in range(3):
        only(login, COPIED, anna.segment, anna.token[:16], b"another key")
        only(login, COPIED, anna.segment, anna.token[:16], anna.token)
    assert shared.one("select count(*) from cloison.alert where account = %s", anna.account) == 1
    assert living(shared, anna) == 1


def living(database: Database, who: Member) -> object:
    """How many sessions of theirs go on."""
    return database.one(
        "select count(*) from cloison.session s where s.account = %s and not exists "
        "(select from cloison.session_end e where e.session = s.session)",
        who.account,
    )


def test_the_sign_in_doors_login_opens_nobody(login: psycopg.Connection) -> None:
    """It begins sessions, and reads no person, no name, no audit entry."""
    for statement in ("select * from cloison.person", "select * from cloison.entry", "select * from cloison.account"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            login.execute(statement)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        login.execute("select cloison.issue_session_v1('59', null, null, null, 60, true)")


def test_stolen_password_list(shared: Database) -> None:
    """There is none to steal of the staff: public keys and hashes of random secrets, no more."""
    columns = shared.owner.execute(
        "select table_name, column_name from information_schema.columns where table_schema = 'cloison' "
        "and column_name ~* 'passw|pwd|pin$|secret$|private' and table_name <> 'space_login'"  # people's own, keyed
    ).fetchall()
    assert columns == []
