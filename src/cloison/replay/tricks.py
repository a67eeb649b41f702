"""Tricks to have a record without its charge, one function each, as the design lists them.

Those that take their charge back come first: they cost nothing of the session's budgets.
"""

import contextlib
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg

from cloison.replay.desk_login import CHARGE, RELEASE, DeskLogin, Trick, at_once
from cloison.replay.forbidden import STATEMENTS

PEOPLE_A_TRICK = 4
CONNECTIONS = 8

# -- release without a charge that stays ------------------------------------------------------------------------------


def release_in_the_charges_transaction(login: DeskLogin) -> None:
    """Release before the charge is committed, then take the charge back."""
    with login.connection(autocommit=False) as connection:
        people = login.some(PEOPLE_A_TRICK)
        requests, _ = login.charge(connection, people)
        login.release(connection, requests, people)


def release_after_rollback(login: DeskLogin) -> None:
    """Take the charge back, then release."""
    with login.connection(autocommit=False) as connection:
        people = login.some(PEOPLE_A_TRICK)
        requests, _ = login.charge(connection, people)
        connection.rollback()
        login.release(connection, requests, people)


def release_after_savepoint(login: DeskLogin) -> None:
    """Take the charge back to a savepoint, and release in the transaction around it."""
    with login.connection(autocommit=False) as connection:
        people = login.some(PEOPLE_A_TRICK)
        connection.execute("savepoint before")
        requests, _ = login.charge(connection, people)
        connection.execute("rollback to savepoint before")
        login.release(connection, requests, people)


def release_beside_an_open_charge(login: DeskLogin) -> None:
    """Release on a second connection while the charge is not committed, then take it back."""
    with login.connection(autocommit=False) as first, login.connection() as second:
        people = login.some(PEOPLE_A_TRICK)
        requests, _ = login.charge(first, people)
        login.release(second, requests, people)


def release_after_two_phase_commit(login: DeskLogin) -> None:
    """Leave the charge prepared, release, and roll the prepared transaction back."""
    with login.connection(autocommit=False) as first, login.connection() as second:
        people = login.some(PEOPLE_A_TRICK)
        requests, _ = login.charge(first, people)
        first.execute("prepare transaction 'charge'")
        login.release(second, requests, people)
        second.execute("rollback prepared 'charge'")


def release_after_a_killed_connection(login: DeskLogin) -> None:
    """Kill the connection that charged before it commits, then release."""
    with login.connection(autocommit=False) as first, login.connection() as second:
        people = login.some(PEOPLE_A_TRICK)
        requests, _ = login.charge(first, people)
        with contextlib.suppress(psycopg.Error):
            second.execute("select pg_terminate_backend(%s)", (first.info.backend_pid,))
        first.close()
        login.release(second, requests, people)


def release_through_a_held_cursor(login: DeskLogin) -> None:
    """Declare the release before the charge, WITH HOLD, and fetch it after the charge was taken back."""
    people, requests = login.some(1), [uuid4()]
    with login.connection(autocommit=False) as connection:
        cursor = psycopg.ClientCursor(connection)  # DECLARE takes no parameters of the server's
        cursor.execute(f"declare held cursor with hold for {RELEASE}", login.release_values(requests, people))
        connection.execute("savepoint before")
        connection.execute(CHARGE, login.charge_values(requests, people))
        login.keep(cursor.execute("fetch all from held").fetchall())


def charge_and_release_in_one_statement(login: DeskLogin) -> None:
    """One statement that charges and releases, then a rollback."""
    people, requests = login.some(1), [uuid4()]
    statement = f"with charged as materialized ({CHARGE}) {RELEASE}, charged where charged.outcome = 'open'"
    values = (*login.charge_values(requests, people), *login.release_values(requests, people))
    with login.connection(autocommit=False) as connection:
        login.keep(connection.execute(statement, values).fetchall())


def release_under_an_old_snapshot(login: DeskLogin) -> None:
    """Charge and release in transactions that keep the snapshot they began with."""
    for level in ("repeatable read", "serializable"):
        with login.connection() as connection:
            connection.execute(f"set default_transaction_isolation = '{level}'")
            people = login.some(1)
            requests, _ = login.charge(connection, people)
            login.release(connection, requests, people)


def release_of_an_old_transaction(login: DeskLogin) -> None:
    """Charge on one connection, release in a transaction that began long before."""
    with login.connection(autocommit=False) as old, login.connection() as connection:
        old.execute("select 1")
        people = login.some(1)
        requests, _ = login.charge(connection, people)
        login.release(old, requests, people)


def charge_without_durability(login: DeskLogin) -> None:
    """Charge without waiting for the disk, so that a crash would take the entry back."""
    with login.connection() as connection:
        connection.execute("set synchronous_commit = off")
        people = login.some(1)
        requests, _ = login.charge(connection, people)
        login.release(connection, requests, people)


def release_one_receipt_many_times(login: DeskLogin) -> None:
    """Release one charge on many connections at the same moment, for more people than it names."""
    with login.connection() as connection:
        people = login.some(1)
        requests, _ = login.charge(connection, people)
    others = login.some(CONNECTIONS)

    def race(other: UUID, login: DeskLogin) -> None:
        with login.connection() as connection:
            login.release(connection, requests * 3, [people[0], other, None])

    at_once(login, [partial(race, other) for other in others])


# -- what the login can read or become --------------------------------------------------------------------------------


def read_what_is_forbidden(login: DeskLogin) -> None:
    """Every statement that would show people, keys or other sessions, or give rights; whom they name is counted."""
    with login.connection() as connection:
        for statement in STATEMENTS:
            try:
                cursor = connection.execute(statement.encode())
                login.named |= _named(cursor)
            except psycopg.Error as error:
                login.refused(error.sqlstate or type(error).__name__)


def _named(cursor: psycopg.Cursor[tuple[Any, ...]]) -> set[UUID]:
    columns = [column.name for column in cursor.description or []]
    if "person" not in columns:
        return set()
    return {row[columns.index("person")] for row in cursor.fetchall()}


def copy_out(login: DeskLogin) -> None:
    """COPY the table of people, which pgAudit would log with 0 rows."""
    with login.connection() as connection, connection.cursor() as cursor:
        with cursor.copy("copy cloison.person (person, sealed) to stdout") as copy:
            people = [bytes(line).split(b"\t")[0] for line in copy]
        login.named |= {UUID(person.decode()) for person in people}


TRICKS: tuple[Trick, ...] = (
    release_in_the_charges_transaction,
    release_after_rollback,
    release_after_savepoint,
    release_beside_an_open_charge,
    release_after_two_phase_commit,
    release_after_a_killed_connection,
    release_through_a_held_cursor,
    charge_and_release_in_one_statement,
    release_under_an_old_snapshot,
    read_what_is_forbidden,
    copy_out,
    release_of_an_old_transaction,
    charge_without_durability,
    release_one_receipt_many_times,
)
