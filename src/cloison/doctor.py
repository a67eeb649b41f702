"""Examines a home: what is not as it must be, and what to do about it. Reads only; prints nothing itself.

Each check stands alone, so that one that fails does not hide the others. A check that cannot be made has failed.
"""

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

from cloison.audit import witnesses
from cloison.config import Home
from cloison.errors import CloisonError
from cloison.installation import ticket_blocks
from cloison.processes import intake_answers, keeper_of, signin_answers
from cloison.register.profile import load_profile
from cloison.store import schema
from cloison.store.pools import connect, conninfo
from cloison.store.rights import granted, left_open, wanted

POSTGRESQL_LEAST = 150000  # server_version_num
CLOCK_SECONDS = 120  # beyond this doors stop: a clock turned forward would refill budgets
FREE_BYTES = 2 * 2**30
SEQUENCED_SECONDS = 120  # within which an audit entry is in the tree, and the log signed
WITNESS_SECONDS = 600  # within which each witness signs
FORWARD_SECONDS = 600  # that an audit entry may wait until it is forwarded

NO_ENTRY = "PostgreSQL does not let us in; start it (cloison serve), or run cloison init to repair the logins"
REQUIRED = "scram-sha-256"  # what libpq names where the server does not ask for the password in this way
UNASKED = "PostgreSQL does not ask for our password as it must"
NO_TRUST = "pg_hba.conf must say scram-sha-256, never trust"
SHOWN_MOST = 5  # names in one advice

SETTINGS = """
select case s.setrole when 0 then 'the database' else s.setrole::regrole::text end, unnest(s.setconfig)
from pg_db_role_setting s
where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
  and (s.setrole = 0 or s.setrole::regrole::text like 'cloison\\_%')
"""
POWERS = """
select rolname from pg_roles where rolname like 'cloison\\_%'
  and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)
"""
POWERFUL = "select rolname from pg_roles where rolcanlogin and (rolsuper or rolcreaterole or rolbypassrls) limit 20"
SAFE_SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "max_prepared_transactions": "0",
    "password_encryption": "scram-sha-256",
    "log_parameter_max_length_on_error": "0",
}
# What makes the server log statements; their parameters are the tokens of sessions.
LOGGED = """
select name from pg_settings where current_setting('log_parameter_max_length') <> '0' and (
    name = 'log_statement' and setting in ('mod', 'all')
    or name in ('log_min_duration_statement', 'log_min_duration_sample') and setting <> '-1'
    or name = 'log_transaction_sample_rate' and setting <> '0')
"""
BEHIND = """
select entries, coalesce(extract(epoch from cloison.clock_v1() - since), 0)::float8 from cloison.forward_behind_v1(%s)
"""
# By PostgreSQL's own clock: whether ours was turned is another check's. How many authors have older entries that are
# not in the tree; of most of them the newest that is there is younger.
WAITING = """
select count(*) from (
    select l.segment, l.account, l.next_number from cloison.ledger l
    union all select l.segment, l.organisation, l.next_number from cloison.organisation_ledger l) l
left join cloison.log_author s on s.segment = l.segment and s.account = l.account
cross join (select now() - make_interval(secs => %s) as at) since
where l.next_number - 1 > coalesce(s.sequenced, 0) and (s.sequenced_at >= since.at) is not true
    and exists (select from cloison.entry e where e.segment = l.segment and e.account = l.account
                and e.number > coalesce(s.sequenced, 0) and e.at < since.at)
"""
# Seconds since the log of which that is longest was signed: by the sequencer, by a witness; since the oldest one began.
SIGNED = """
select coalesce(extract(epoch from max(now() - coalesce(h.signed_at, h.begun_at))), 0)::float8,
    coalesce(extract(epoch from max(now() - coalesce(h.cosigned_at, h.begun_at))), 0)::float8,
    coalesce(extract(epoch from max(now() - h.begun_at)), 0)::float8, now()
from cloison.log_head h
"""


class Check(msgspec.Struct, frozen=True):
    """One thing looked at; `advice` is empty where all is well."""

    name: str
    ok: bool
    advice: str = ""


def examine(home: Home) -> list[Check]:
    """Look at everything; one check each, in order. Where there is no home there is nothing else to look at."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("home", lambda: _home(home)),
        ("disk", lambda: _disk(home)),
        ("PostgreSQL", lambda: _version(home)),
        ("schema", lambda: _schema(home)),
        ("authentication", lambda: _authentication(home)),
        ("rights", lambda: _rights(home)),
        ("role settings", lambda: _role_settings(home)),
        ("server settings", lambda: _server_settings(home)),
        ("hardening", lambda: _hardening(home)),
        ("clock", lambda: _clock(home)),
        ("keeper", lambda: asyncio.run(_keeper(home))),
        ("intake door", lambda: _intake(home)),
        ("sign-in door", lambda: _signin(home)),
        ("ceilings", lambda: _ceilings(home)),
        ("initial load", lambda: _load(home)),
        ("sequencer", lambda: _sequencer(home)),
        ("witnesses", lambda: _witnesses(home)),
        ("forwarding", lambda: _forwarding(home)),
    ]
    return [_made(name, check) for name, check in (checks if home.path.is_dir() else checks[:1])]


def _made(name: str, check: Callable[[], str]) -> Check:
    try:
        advice = check()
    except CloisonError as error:
        advice = str(error)
    except psycopg.OperationalError as error:
        advice = f"{UNASKED}; {NO_TRUST}" if REQUIRED in str(error) else NO_ENTRY
    except psycopg.Error as error:
        advice = f"PostgreSQL answered {error.sqlstate}; run cloison init"
    except OSError as error:
        advice = f"the system answered: {error.strerror}"
    return Check(name, not advice, advice)


def _home(home: Home) -> str:
    if not home.path.is_dir():
        return f"{home.path} is not there; run cloison init, or set CLOISON_HOME"
    _ = home.config  # raises ConfigError
    folders = [home.logins, home.keeper, home.callers, home.log, home.database]
    secrets = [path for folder in (home.logins, home.keeper, home.callers) for path in folder.glob("*")]
    wide = [str(path.relative_to(home.path)) for path in (*folders, *secrets) if _open_to_others(path)]
    return f"others may use {_some(wide)}; run chmod go= on each, and think of what they may have read" if wide else ""


def _open_to_others(path: Path) -> bool:
    return path.exists() and bool(path.stat().st_mode & 0o077)


def _some(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - SHOWN_MOST
    return ", ".join(names[:SHOWN_MOST]) + (f" and {more} more" if more > 0 else "")


def _disk(home: Home) -> str:
    free = shutil.disk_usage(home.path).free
    return f"only {free // 2**20} MB are free in {home.path}; make room" if free < FREE_BYTES else ""


def _version(home: Home) -> str:
    with connect(home, "owner") as owner:
        version = owner.info.server_version
    return "" if version >= POSTGRESQL_LEAST else f"version {version // 10000} is older than 15; upgrade PostgreSQL"


def _schema(home: Home) -> str:
    with connect(home, "owner") as owner:
        installed, newest = schema.installed_version(owner), schema.newest_version()
    if installed is None:
        return "there is no schema; run cloison init"
    if installed > newest:
        return f"the schema is at {installed}, this program knows {newest} at most; use the newer program"
    return "" if installed == newest else f"the schema is at {installed}, this program needs {newest}; run cloison init"


def _authentication(home: Home) -> str:
    """Tries to come in with a wrong password, as each of our logins and as whoever has power; none may work.

    Each of ours comes in with the right one, too: a server that refuses everybody would look safe.
    """
    for login in schema.LOGINS:
        if _comes_in(home, schema.role_of(login)):
            return f"{login} comes in without its password; {NO_TRUST}"
        with connect(home, login) as connection:
            powerful = [row[0] for row in connection.execute(POWERFUL).fetchall()]
    admitted = [role for role in powerful if _comes_in(home, role)]
    return f"{_some(admitted)} comes in without a password; {NO_TRUST}" if admitted else ""


def _comes_in(home: Home, role: str) -> bool:
    wrong = make_conninfo(conninfo(home, "owner"), user=role, password="wrong", require_auth="")  # noqa: S106 - wrong on purpose
    try:
        psycopg.connect(wrong).close()
    except psycopg.OperationalError:
        return False
    return True


def _rights(home: Home) -> str:
    ours = {("cloison_" + login, "MEMBER", "cloison_witness") for login in witnesses.keys_by_login(home)}
    with connect(home, "owner") as owner:
        expected, found = wanted(owner) | ours - {("cloison_witness", "MEMBER", "cloison_witness")}, granted(owner)
    more = sorted(f"{who} {right} {what}" for who, right, what in found - expected)
    less = sorted(f"{who} {right} {what}" for who, right, what in expected - found)
    parts = [f"too much: {_some(more)}" if more else "", f"missing: {_some(less)}" if less else ""]
    faults = "; ".join(filter(None, parts))
    return f"not as in 90_grants.sql ({faults}); run cloison init, and find out who changed it" if faults else ""


def _role_settings(home: Home) -> str:
    with connect(home, "owner") as owner:
        settings = [f"{role}: {setting}" for role, setting in owner.execute(SETTINGS).fetchall()]
        powers = [row[0] for row in owner.execute(POWERS).fetchall()]
    if powers:
        return f"{_some(powers)} has an administrator's powers; run cloison init, and find out who gave them"
    return f"settings are attached ({_some(settings)}); run cloison init, and find out who did it" if settings else ""


def _server_settings(home: Home) -> str:
    with connect(home, "owner") as owner:
        found = {name: owner.execute("select current_setting(%s)", (name,)).fetchone() for name in SAFE_SETTINGS}
        logged = [row[0] for row in owner.execute(LOGGED).fetchall()]
    wrong = [f"{name} = {value}" for name, value in SAFE_SETTINGS.items() if found[name] != (value,)]
    if logged:
        wrong.append(f"log_parameter_max_length = 0 (with {_some(logged)} the log holds tokens of sessions)")
    return f"set {', '.join(wrong)} in postgresql.conf" if wrong else ""


def _hardening(home: Home) -> str:
    with connect(home, "owner") as owner:
        opened = left_open(owner)
    who = "with a superuser as --administrator" if home.config.database.url else ""
    return f"PUBLIC may use {_some(opened)}; run cloison init {who}".rstrip() if opened else ""


def _clock(home: Home) -> str:
    before = time.time()
    with connect(home, "owner") as owner:
        row = owner.execute("select extract(epoch from cloison.clock_v1())::float8").fetchone()
    off = abs((row[0] if row else 0) - (before + time.time()) / 2)
    return f"the database's clock is {off:.0f} s off this machine's; set both by NTP" if off > CLOCK_SECONDS else ""


def _ceilings(home: Home) -> str:
    """Whether the keeper would refuse what the profile's budgets allow."""
    wanted, found = load_profile(home.config.profile).most_people, home.config.keeper.account_people
    if all(most >= needed for most, needed in zip(found, wanted, strict=True)):
        return ""
    return f"keeper.account_people {list(found)} is below the profile's budgets; set {list(wanted)} in cloison.toml"


def _intake(home: Home) -> str:
    """Whether changes can be made; records can be opened without it."""
    return "" if intake_answers(home) else "the door that changes records does not answer; start it (cloison serve)"


def _signin(home: Home) -> str:
    """Whether anybody can sign in; sessions under way go on without it."""
    return "" if signin_answers(home) else "the door that people sign in at does not answer; start it (cloison serve)"


def _load(home: Home) -> str:
    """Whether the first import has ended; until then nobody can search."""
    with connect(home, "owner") as owner:
        row = owner.execute("select to_char(began_at, 'YYYY-MM-DD HH24:MI') from cloison.load").fetchone()
    if row is None:
        return ""
    return f"the first import, of {row[0]}, is not at its end; if none runs, run cloison people import again"


def _sequencer(home: Home) -> str:
    """Whether what was done is in the tree of the audit log, and the log is signed."""
    with connect(home, "owner") as owner:
        ((signed, _, _, _),) = owner.execute(SIGNED).fetchall()
        ((waiting,),) = owner.execute(WAITING, (SEQUENCED_SECONDS,)).fetchall()
    if signed > SEQUENCED_SECONDS:
        return f"nobody has signed the audit log for {signed:.0f} s; start it (cloison serve)"
    if waiting:
        where = home.log / "sequencer.log"
        return f"entries of {waiting} accounts wait to be put into the audit log's tree; {where} says why"
    return ""


def _witnesses(home: Home) -> str:
    """Whether somebody else has signed the audit log, and everybody who should."""
    most = home.config.audit.max_unwitnessed_seconds
    with connect(home, "owner") as owner:
        ((_, cosigned, begun, now),) = owner.execute(SIGNED).fetchall()
        everyone = witnesses.known(home, owner)
    if cosigned > most / 2:
        return (
            f"no witness has signed the audit log for {cosigned:.0f} s; after {most} s doors open nobody; "
            "start one (cloison serve, or cloison audit witness), and read what it says"
        )
    late = [
        one.name
        for one in everyone
        if begun > WITNESS_SECONDS
        and (one.signed_at is None or (now - one.signed_at).total_seconds() > WITNESS_SECONDS)
    ]
    return f"{_some(late)} signs no more; read what it says, or run cloison audit witnesses remove" if late else ""


def _forwarding(home: Home) -> str:
    """Whether what the audit log has is forwarded, where it is to be."""
    config = home.config.forward
    if not config.wanted:
        return ""
    with connect(home, "owner") as owner:
        row = owner.execute(BEHIND, (config.destination,)).fetchone()
    if row is None or row[0] == 0 or row[1] < FORWARD_SECONDS:
        return ""
    entries, seconds = row
    return (
        f"{entries:,} audit entries wait to be forwarded, the oldest for {seconds:.0f} s; {home.log / 'forwarder.log'} "
        "says why (cloison serve forwards, or cloison audit forward)"
    )


async def _keeper(home: Home) -> str:
    async with keeper_of(home, "issuer") as keeper:
        expected = ticket_blocks(await keeper.ticket_key())
    with connect(home, "owner") as owner:
        found = owner.execute("select inner_block, outer_block from cloison.ticket_key").fetchone()
    return "" if found == expected else "the database signs tickets with another keeper's key; run cloison init"
