"""`cloison doctor`: each check fails for a real reason, says what to do, and is content once that is done."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import tomli_w
from support.operated import OperatedHome, Served, served, wait_until

from cloison.config import Home
from cloison.doctor import examine
from cloison.installation import Wish, initialise
from cloison.store.pools import connect

TURNED_CLOCK = """
create or replace function cloison.clock_v1() returns timestamptz language sql volatile security definer
set search_path = pg_catalog, cloison, pg_temp return clock_timestamp() + interval '28 days'
"""

# What an operator, or somebody who took the server, may do by a statement; the check that finds it, and its words.
# `cloison init` puts each of them right.
STATEMENTS = [
    ("grant select on cloison.person to cloison_desk", "rights", "too much: cloison_desk SELECT person)"),
    ("grant select (sealed) on cloison.person to cloison_intake", "rights", "cloison_intake SELECT person.sealed"),
    ("grant usage on schema cloison to public", "rights", "too much: public USAGE cloison)"),
    ("grant execute on function cloison.sweep_v1() to public", "rights", "public EXECUTE sweep_v1()"),
    ("revoke execute on function cloison.session_v1 from cloison_desk", "rights", "missing: cloison_desk EXECUTE"),
    ("drop function cloison.list_v1", "rights", "missing: cloison_desk EXECUTE list_v1"),
    ("grant cloison_owner to cloison_desk", "rights", "too much: cloison_desk MEMBER cloison_owner)"),
    ("grant pg_read_all_data to cloison_intake", "rights", "cloison_intake MEMBER pg_read_all_data"),
    ("grant connect, temporary on database cloison to public", "rights", "public CONNECT database"),
    ("alter role cloison_desk set synchronous_commit = off", "role settings", "cloison_desk: synchronous_commit=off"),
    ("alter role cloison_owner in database cloison set jit = on", "role settings", "cloison_owner: jit=on"),
    ("alter database cloison set search_path = public", "role settings", "the database: search_path=public"),
    ("alter role cloison_desk superuser", "role settings", "cloison_desk has an administrator's powers"),
    ("alter role cloison_reaper createrole", "role settings", "cloison_reaper has an administrator's powers"),
    ("grant execute on function lo_create(oid) to public", "hardening", "PUBLIC may use lo_create; run cloison init"),
    ("grant usage on language plpgsql to public", "hardening", "PUBLIC may use language plpgsql"),
    (
        "update cloison.ticket_key set inner_block = outer_block",
        "keeper",
        "with another keeper's key; run cloison init",
    ),
    (TURNED_CLOCK, "clock", "the database's clock is 2419"),
]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A home of this module's own, served, in which all is well."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"))
    operated.initialise()
    with served(operated) as serving:
        yield serving
    operated.stop()


@pytest.fixture
def operated(serving: Served) -> OperatedHome:
    """Its home."""
    return serving.operated


def faults(home: Home) -> dict[str, str]:
    """The checks that fail, and their advice."""
    return {check.name: check.advice for check in examine(home) if not check.ok}


@contextmanager
def edited(operated: OperatedHome, path: Path, line: str) -> Iterator[None]:
    """A file of PostgreSQL for the length of the block, with `line` put first (of access) or last (of settings)."""
    before = path.read_text(encoding="utf-8")
    first = path.name == "pg_hba.conf"
    path.write_text(f"{line}\n{before}" if first else f"{before}\n{line}\n", encoding="utf-8")
    with operated.superuser() as superuser:
        superuser.execute("select pg_reload_conf()")
        try:
            yield
        finally:
            path.write_text(before, encoding="utf-8")
            superuser.execute("select pg_reload_conf()")


def test_all_is_well(operated: OperatedHome) -> None:
    """A home as `init` and `serve` make it passes every check: exit code 0, as a table and as JSON."""
    assert faults(operated.home) == {}
    table, as_json = operated.run("doctor"), operated.run("doctor", "--json")
    assert (table.status, as_json.status) == (0, 0), table
    assert [check["name"] for check in as_json.json()["checks"]] == [
        *("home", "disk", "PostgreSQL", "schema", "authentication", "rights", "role settings", "server settings"),
        *("hardening", "clock", "keeper", "intake door", "sign-in door", "ceilings", "initial load"),
        *("sequencer", "witnesses", "forwarding"),
    ]


def test_what_is_wrong_is_shown_with_advice(operated: OperatedHome) -> None:
    """A failed check ends with exit code 1; table and JSON say what to do."""
    operated.home.callers.chmod(0o755)
    table, as_json = operated.run("doctor"), operated.run("doctor", "--json")
    operated.home.callers.chmod(0o700)
    assert (table.status, as_json.status) == (1, 1)
    advice = "others may use callers; run chmod go= on each"
    assert advice in table.out
    assert [c["advice"][: len(advice)] for c in as_json.json()["checks"] if not c["ok"]] == [advice]


@pytest.mark.parametrize(("statement", "check", "words"), STATEMENTS, ids=[words for _, _, words in STATEMENTS])
def test_a_statement_that_weakens_the_register(operated: OperatedHome, statement: str, check: str, words: str) -> None:
    """Whatever a statement opened, moved or took away is found by its check alone, and put right by `cloison init`."""
    with operated.superuser() as superuser:
        superuser.execute(statement.encode())
    found = faults(operated.home)
    assert found.keys() == {check}
    assert words in found[check]
    initialise(operated.home, operated.passphrase_file, Wish())
    assert faults(operated.home) == {}


def test_the_desk_cannot_hide_a_setting_of_its_own(operated: OperatedHome) -> None:
    """A door that attaches a setting to itself, as every login may, is found."""
    with connect(operated.home, "desk") as desk:
        desk.execute("alter role cloison_desk set default_transaction_isolation = 'serializable'")
    assert "cloison_desk: default_transaction_isolation=serializable" in faults(operated.home)["role settings"]
    initialise(operated.home, operated.passphrase_file, Wish())
    assert faults(operated.home) == {}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("local all all trust", "owner comes in without its password; pg_hba.conf must say scram-sha-256"),
        ("local all cloison_desk trust", "desk comes in without its password; pg_hba.conf must say scram-sha-256"),
        ("local all postgres trust", "postgres comes in without a password; pg_hba.conf must say scram-sha-256"),
    ],
)
def test_trust_in_pg_hba(operated: OperatedHome, line: str, words: str) -> None:
    """`trust` for everybody, for one door or for the superuser is found, and what does not work for it says why."""
    with edited(operated, operated.home.database / "data" / "pg_hba.conf", line):
        wait_until(lambda: faults(operated.home))
        found = faults(operated.home)
    assert words in found["authentication"]
    assert all("pg_hba.conf must say scram-sha-256, never trust" in advice for advice in found.values())
    wait_until(lambda: not faults(operated.home))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("fsync = off", "set fsync = on in postgresql.conf"),
        ("full_page_writes = off", "set full_page_writes = on in postgresql.conf"),
        ("log_statement = all\nlog_parameter_max_length = -1", "with log_statement the log holds tokens of sessions"),
    ],
)
def test_settings_of_the_server(operated: OperatedHome, line: str, words: str) -> None:
    """Settings that would lose a charge in a power cut, or write tokens to the log, are found."""
    with edited(operated, operated.home.database / "data" / "postgresql.conf", line):
        wait_until(lambda: faults(operated.home))
        assert faults(operated.home).keys() == {"server settings"}
        assert words in faults(operated.home)["server settings"]
    wait_until(lambda: not faults(operated.home))


@pytest.mark.parametrize(("change", "words"), [(-1, "run cloison init"), (1, "use the newer program")])
def test_a_schema_of_another_version(operated: OperatedHome, change: int, words: str) -> None:
    """An older schema is to be upgraded, a newer one left to the newer program."""
    statement = "update cloison.schema_version set version = version + %s"
    with connect(operated.home, "owner") as owner:
        owner.execute(statement, (change,))
        found = faults(operated.home)
        owner.execute(statement, (-change,))
    assert found.keys() == {"schema"}
    assert found["schema"].endswith(words)
    assert faults(operated.home) == {}


def test_a_missing_password_file(operated: OperatedHome) -> None:
    """Without a login's password nothing of that login works; `init` makes a new one, which the database takes."""
    password = operated.home.logins / "intake.password"
    password.unlink()
    found = faults(operated.home)
    assert found.keys() == {"authentication"}
    assert "intake.password is missing; run cloison init" in found["authentication"]
    initialise(operated.home, operated.passphrase_file, Wish())
    assert faults(operated.home) == {}


def test_a_password_that_is_not_the_databases(operated: OperatedHome) -> None:
    """A login whose password the database does not take is no safe login but a broken one."""
    password = operated.home.logins / "intake.password"
    password.write_text("something else\n", encoding="utf-8")
    found = faults(operated.home)
    assert found.keys() == {"authentication"}
    assert "run cloison init to repair the logins" in found["authentication"]
    initialise(operated.home, operated.passphrase_file, Wish())
    assert faults(operated.home) == {}


@pytest.mark.parametrize("name", ["keeper", "logins", "log", "keeper/keys.db", "logins/reaper.password"])
def test_files_that_others_may_read(operated: OperatedHome, name: str) -> None:
    """A folder or a secret that others may enter or read is named."""
    path = operated.home.path / name
    mode = path.stat().st_mode
    path.chmod(0o755)
    found = faults(operated.home)
    path.chmod(mode)
    assert f"others may use {name}; run chmod go=" in found["home"]
    assert faults(operated.home) == {}


def test_a_keeper_whose_ceilings_are_below_the_profile(operated: OperatedHome) -> None:
    """Budgets that the keeper would refuse are found before an adviser finds them."""
    settings = operated.home.settings_file
    text = settings.read_text(encoding="utf-8")
    narrowed = tomllib.loads(text)
    narrowed["keeper"]["account_people"] = [1, 1, 1, 1]
    settings.write_text(tomli_w.dumps(narrowed), encoding="utf-8")
    try:
        found = faults(Home(operated.home.path))
    finally:
        settings.write_text(text, encoding="utf-8")
    assert found.keys() == {"ceilings"}
    assert "set [13, 40, 120, 1200] in cloison.toml" in found["ceilings"]


def test_a_keeper_that_is_down(operated: OperatedHome, serving: Served) -> None:
    """A keeper that does not answer is said to, and is looked at apart from everything else."""
    keeper = serving.child("cloison.keeper")
    keeper.suspend()
    found = faults(operated.home)
    keeper.resume()
    assert found.keys() == {"keeper"}
    assert "The keeper does not answer" in found["keeper"]
    wait_until(lambda: not faults(operated.home))


def test_an_intake_door_that_is_down(operated: OperatedHome, serving: Served) -> None:
    """Where nobody changes records doctor says so; opening them is not concerned."""
    door = serving.child("cloison.intake")
    door.suspend()
    found = faults(operated.home)
    door.resume()
    assert found.keys() == {"intake door"}
    assert "start it (cloison serve)" in found["intake door"]
    wait_until(lambda: not faults(operated.home))


def test_a_database_that_is_down(operated: OperatedHome, serving: Served) -> None:
    """Without PostgreSQL each check that needs it has failed, and says how to start it; none is taken for passed."""
    assert serving.end().status == 0
    found = faults(operated.home)
    assert found.keys() >= {"PostgreSQL", "schema", "authentication", "rights", "hardening", "clock", "keeper"}
    assert "start it (cloison serve)" in found["PostgreSQL"]
    with pytest.raises(psycopg.OperationalError):
        connect(operated.home, "owner")
