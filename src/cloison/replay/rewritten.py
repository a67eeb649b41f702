"""The scenarios on the log: an administrator rewrites it, or puts an older backup back in its place.

What counts as taken is who was consulted without anybody being able to know: what is found is not.
"""

import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cloison.audit.verify import Kind
from cloison.replay import dumps
from cloison.replay.attackers_log import REWRITES
from cloison.replay.logged import LoggedRegister, consulted
from cloison.replay.loot import Loot
from cloison.replay.simulated import SimulatedRegister
from cloison.store.postgres_binaries import find_binaries

LATER = timedelta(seconds=601)  # than the witness signed last


def rewritten_log(it: LoggedRegister, loot: Loot) -> None:
    """People are consulted; the traces are done away with, in each way that there is; the log is verified."""
    people, _ = it.consulted(it.register.people)
    it.anchor()
    with psycopg.connect(it.register.logins["postgres"], autocommit=True) as admin:
        for rewrite in REWRITES.values():
            with admin.transaction(force_rollback=True):
                rewrite(admin, it.traces())
                found = it.found(admin)
            _count(found, people, loot)


def restored_backup(it: LoggedRegister, folder: Path, loot: Loot) -> None:
    """An older backup is put back, in which nobody was consulted; the log is verified, and consulting goes on."""
    half = len(it.register.people) // 2
    it.consulted(it.register.people[:half])
    it.anchor()
    with psycopg.connect(it.register.logins["postgres"]) as admin:
        programs = find_binaries(os.environ, admin.info.server_version // 10_000)
    backup = folder / "register.backup"
    dumps.dump(it.register.logins["postgres"], programs.program("pg_dump"), backup, form="custom")
    people, _ = it.consulted(it.register.people[half:])
    it.anchor()

    name = f"cloison_restored_{secrets.token_hex(6)}"
    restored = {login: make_conninfo(info, dbname=name) for login, info in it.register.logins.items()}
    with psycopg.connect(it.register.logins["postgres"], autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template template0 encoding 'UTF8'").format(sql.Identifier(name)))
        try:
            dumps.restore(restored["postgres"], programs.program("pg_restore"), backup)
            with psycopg.connect(restored["postgres"]) as superuser:
                _count(it.found(superuser), people, loot)
            for alarm in it.anchor(name):
                loot.refused(alarm)
            with psycopg.connect(restored["owner"], autocommit=True) as owner:
                register = SimulatedRegister(owner, restored, it.register.account)
                register.set_clock(datetime.now(UTC) + LATER)
                released, refusals = consulted(register, it.register.people)
            loot.got(released)
            for refusal in sorted(refusals):
                loot.refused(refusal)
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _count(found: set[Kind], people: list[UUID], loot: Loot) -> None:
    if not found:
        loot.got(people)
    for kind in sorted(found):
        loot.refused(kind)
