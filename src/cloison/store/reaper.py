"""Ends transactions of the doors that hold locks too long, from outside: a door's own settings bind only honest doors.

It has the doors' rights through membership and no right of an administrator, so that it can end their backends only.
"""

import psycopg

DOOR_TRANSACTION_SECONDS = 5
PAUSE_SECONDS = 1.0
SWEEP_PAUSES = 30  # how many pauses lie between two sweeps of what nothing counts any more

# xact_start cannot be set by the caller; a backend between transactions has none.
END_OLD_TRANSACTIONS = """
select count(pg_terminate_backend(pid)) from pg_stat_activity
where usename = 'cloison_desk' and datname = current_database()
  and xact_start < clock_timestamp() - make_interval(secs => %s)
"""


def reap(reaper: psycopg.Connection) -> int:
    """End the desk's transactions older than 5 seconds; how many there were. `reaper` is the reaper's connection."""
    row = reaper.execute(END_OLD_TRANSACTIONS, (DOOR_TRANSACTION_SECONDS,)).fetchone()
    return 0 if row is None else int(row[0])


def sweep(reaper: psycopg.Connection) -> None:
    """Remove receipts, openings, refusals and misses that no window counts any more; let waiting interactions begin."""
    reaper.execute("select cloison.sweep_v1()")
    reaper.execute("select cloison.sweep_relations_v1()")
    reaper.execute("select cloison.space_sweep_v1()")
    reaper.execute("select cloison.sweep_changes_v1()")
