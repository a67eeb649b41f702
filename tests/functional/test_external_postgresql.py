"""A register on a PostgreSQL that somebody else runs: one's own server, with a superuser, or a hosted one, without."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from support.api import calling
from support.desk import RunningRegister
from support.external import ExternalServer, external_server
from support.load import logged, people_of
from support.operated import OperatedHome, served

from cloison.config import DatabaseConfig
from cloison.doctor import examine
from cloison.store.pools import connect

PEOPLE = 5
MEMBERS = """
select roleid::regrole::text from pg_auth_members
where member = %s::regrole and roleid::regrole::text like 'cloison%%' and not admin_option
"""


class Case(NamedTuple):
    """A version, and whether the administrator is one of a hosting company's customers."""

    major: int
    hosted: bool


class External(NamedTuple):
    """A server, its administrator, and a home on it."""

    server: ExternalServer
    administrator: str
    operated: OperatedHome
    hosted: bool


@pytest.fixture(
    scope="module",
    params=[
        Case(15, hosted=False),
        pytest.param(Case(15, hosted=True), marks=pytest.mark.soak),
        Case(16, hosted=True),
    ],
    ids=lambda case: f"{case.major}-{'hosted' if case.hosted else 'own'}",
)
def external(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[External]:
    """A home made on that server by the command line."""
    case: Case = request.param
    with external_server(tmp_path_factory.mktemp("server"), case.major) as server:
        administrator = server.hosted() if case.hosted else server.superuser()
        operated = OperatedHome(tmp_path_factory.mktemp("operated"))
        operated.home.settings_file.unlink()  # init writes it
        operated.do("init", "--database", server.url, "--administrator", administrator)
        with_port(operated)
        yield External(server, administrator, operated, case.hosted)


def with_port(operated: OperatedHome) -> None:
    """Give the home's desk the free port that the test's settings had."""
    port = operated.url.rpartition(":")[2]
    text = operated.home.settings_file.read_text(encoding="utf-8")
    operated.home.settings_file.write_text(text.replace("port = 8440", f"port = {port}"), encoding="utf-8")
    operated.home.__dict__.pop("config", None)


def test_people_are_brought_in_and_opened(external: External, tmp_path: Path) -> None:
    """Import, openings over HTTP and the audit log work as on the embedded one, and doctor says what is left open."""
    operated = external.operated
    with served(operated):
        register = RunningRegister(operated.home, tmp_path)
        agent = register.agent(PEOPLE)
        with calling(register, agent) as api:
            opened = api.open(people_of(operated.home, agent))
        assert [one["outcome"] for one in opened] == ["open"] * PEOPLE
        assert sorted(o["fields"]["identifier"] for o in opened) == sorted(p["identifier"] for p in agent.people)
        assert len(logged(operated.home)) == PEOPLE
        faults = {check.name: check.advice for check in examine(operated.home) if not check.ok}
    if external.hosted:
        assert faults.keys() == {"hardening"}
        assert "run cloison init with a superuser as --administrator" in faults["hardening"]
    else:
        assert faults == {}


def test_a_second_init(external: External) -> None:
    """`init` may be repeated, once the logins are there without the administrator."""
    external.operated.do("init", "--database", external.server.url)
    assert {check.name for check in examine(external.operated.home) if not check.ok} <= {
        "hardening",
        "keeper",
        "intake door",
        "sign-in door",
    }


def test_the_administrator_keeps_no_way_into_the_register(external: External) -> None:
    """Who made our roles on a hosted server is no member of them afterwards, and cannot enter the database.

    A superuser can, whatever one does: what he finds are sealed rows.
    """
    refused = pytest.raises(psycopg.OperationalError, match="permission denied for database")
    with refused if external.hosted else nullcontext():
        psycopg.connect(make_conninfo(external.administrator, dbname="cloison")).close()
    with connect(external.operated.home, "owner") as owner:
        members = owner.execute(MEMBERS, (user_of(external.administrator),)).fetchall()
    assert members == []


def user_of(conninfo: str) -> str:
    """Who a connection string says that one is."""
    return str(conninfo_to_dict(conninfo)["user"])


def test_no_password_reaches_the_servers_log(external: External) -> None:
    """A server that logs statements sees hashes of the logins' passwords, so that its log lets nobody in."""
    with psycopg.connect(external.server.superuser(), autocommit=True) as superuser:
        superuser.execute("alter system set log_statement = 'all'")
        superuser.execute("select pg_reload_conf()")
        external.operated.do("init", "--administrator", external.administrator)
        superuser.execute("alter system reset log_statement")
        superuser.execute("select pg_reload_conf()")
    log = external.server.log()
    assert "SCRAM-SHA-256$" in log
    for password in external.operated.home.logins.iterdir():
        assert password.read_text(encoding="utf-8").strip() not in log


def test_an_external_database_needs_an_administrator_once(tmp_path: Path) -> None:
    """Without logins and without who could make them, or with one who cannot be reached, `init` says so."""
    nobody = f"host={tmp_path} port=5433"
    operated = OperatedHome(tmp_path, database=DatabaseConfig(url=nobody))
    without = operated.run("init")
    assert (without.status, "an external PostgreSQL needs --administrator once" in without.err) == (1, True), without
    unreached = operated.run("init", "--administrator", f"{nobody} user=postgres password=secret")
    assert (unreached.status, "database_unavailable" in unreached.err) == (1, True), unreached
    assert "secret" not in unreached.err
    malformed = operated.run("init", "--administrator", "secret")
    assert (malformed.status, "--administrator is no connection string" in malformed.err) == (1, True), malformed
    assert "secret" not in malformed.err


def test_an_administrator_who_may_not(tmp_path: Path) -> None:
    """Somebody without CREATEROLE and CREATEDB is told what it takes; a database of somebody else's is left alone."""
    folder = tmp_path / "server"
    folder.mkdir()
    with external_server(folder, 16) as server:
        operated = OperatedHome(tmp_path, database=DatabaseConfig(url=server.url))
        with psycopg.connect(server.superuser(), autocommit=True) as superuser:
            superuser.execute("create role clerk login password 'clerk'")
            superuser.execute("create database cloison")
        clerk = operated.run("init", "--administrator", f"{server.url} dbname=postgres user=clerk password=clerk")
        assert (clerk.status, "must be a superuser, or have CREATEROLE and CREATEDB" in clerk.err) == (1, True), clerk
        taken = operated.run("init", "--administrator", server.superuser())
        assert (taken.status, "the database cloison is postgres's" in taken.err) == (1, True), taken
