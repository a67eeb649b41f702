"""Examines a home: what is not as it must be, and what to do about it. Reads only; prints nothing itself.

Each check stands alone, so that one that fails does not hide the others. A check that cannot be made has failed.
"""

import asyncio
import shutil
import time
from collections.abc import Callable

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

from cloison.config import Home
from cloison.errors import CloisonError
from cloison.processes import keeper_of
from cloison.store import schema
from cloison.store.pools import connect, conninfo
from cloison.store.rights import granted, wanted

POSTGRESQL_LEAST = 150000  # server_version_num
CLOCK_SECONDS = 120  # beyond this doors stop: a clock turned forward would refill budgets
FREE_BYTES = 2 * 2**30

SETTINGS = "select coalesce(setrole::regrole::text, 'all'), unnest(setconfig) from pg_db_role_setting"
POWERS = """
select rolname from pg_roles where rolname like 'cloison\\_%'
  and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)
"""
# Rights of PUBLIC that 05_hardening.sql takes back; a hosted PostgreSQL may not have let us.
OPEN_TO_ALL = """
select p.proname from pg_proc p cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
where a.grantee = 0 and p.pronamespace = 'pg_catalog'::regnamespace
  and p.proname in ('lo_create', 'lo_creat', 'lo_from_bytea', 'lo_put', 'pg_stat_get_tuples_fetched')
group by 1 order by 1
"""


class Check(msgspec.Struct, frozen=True):
    """One thing looked at; `advice` is empty where all is well."""

    name: str
    ok: bool
    advice: str = ""


def examine(home: Home) -> list[Check]:
    """Look at everything; one check each, in order."""
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
    ]
    return [_made(name, check) for name, check in checks]


def _made(name: str, check: Callable[[], str]) -> Check:
    try:
        advice = check()
    except CloisonError as error:
        advice = str(error)
    except psycopg.OperationalError:
        advice = "PostgreSQL does not let us in; start it (cloison serve), or run cloison init to repair the logins"
    except psycopg.Error as error:
        advice = f"PostgreSQL answered {error.sqlstate}; run cloison init"
    except OSError as error:
        advice = f"the system answered: {error.strerror}"
    return Check(name, not advice, advice)


def _home(home: Home) -> str:
    if not home.path.is_dir():
        return f"{home.path} is not there; run cloison init, or set CLOISON_HOME"
    _ = home.config  # raises ConfigError
    wide = [
        f.name
        for f in (home.logins, home.keeper, home.callers, home.database)
        if f.exists() and f.stat().st_mode & 0o077
    ]
    return f"others may enter {', '.join(wide)}; run chmod 700 on each" if wide else ""


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
    return "" if installed == newest else f"the schema is at {installed}, this program needs {newest}; run cloison init"


def _authentication(home: Home) -> str:
    """Tries to come in with no password and with a wrong one; neither may work."""
    for login in schema.LOGINS:
        for wrong in ("", "wrong"):
            try:
                with psycopg.connect(make_conninfo(conninfo(home, login), password=wrong, require_auth="")):
                    return f"{login} comes in without its password; pg_hba.conf must say scram-sha-256, never trust"
            except psycopg.OperationalError:
                continue
    return ""


def _rights(home: Home) -> str:
    with connect(home, "owner") as owner:
        expected, found = wanted(owner), granted(owner)
    more = ", ".join(sorted(f"{who} {right} {what}" for who, right, what in found - expected))
    less = ", ".join(sorted(f"{who} {right} {what}" for who, right, what in expected - found))
    parts = [f"too much: {more}" if more else "", f"missing: {less}" if less else ""]
    faults = "; ".join(filter(None, parts))
    return f"not as in 90_grants.sql ({faults}); run cloison init, and find out who changed it" if faults else ""


def _role_settings(home: Home) -> str:
    with connect(home, "owner") as owner:
        settings = [f"{role}: {setting}" for role, setting in owner.execute(SETTINGS).fetchall()]
        powers = [row[0] for row in owner.execute(POWERS).fetchall()]
    if powers:
        return f"{', '.join(powers)} has an administrator's powers; run cloison init"
    return f"settings are attached to roles ({', '.join(settings)}); run alter role … reset all" if settings else ""


def _server_settings(home: Home) -> str:
    needed = {
        "fsync": "on",
        "full_page_writes": "on",
        "max_prepared_transactions": "0",
        "password_encryption": "scram-sha-256",
    }
    with connect(home, "owner") as owner:
        found = {name: owner.execute("select current_setting(%s)", (name,)).fetchone() for name in needed}
    wrong = [f"{name} = {value}" for name, value in needed.items() if found[name] != (value,)]
    return f"set {', '.join(wrong)} in postgresql.conf" if wrong else ""


def _hardening(home: Home) -> str:
    with connect(home, "owner") as owner:
        opened = [row[0] for row in owner.execute(OPEN_TO_ALL).fetchall()]
    return f"PUBLIC may execute {', '.join(opened)}; have an administrator run 05_hardening.sql" if opened else ""


def _clock(home: Home) -> str:
    before = time.time()
    with connect(home, "owner") as owner:
        row = owner.execute("select extract(epoch from cloison.clock_v1())::float8").fetchone()
    off = abs((row[0] if row else 0) - (before + time.time()) / 2)
    return f"the database's clock is {off:.0f} s off this machine's; set both by NTP" if off > CLOCK_SECONDS else ""


async def _keeper(home: Home) -> str:
    async with keeper_of(home, "issuer") as keeper:
        await keeper.status()
    return ""
