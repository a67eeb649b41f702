"""Whose fault an error of PostgreSQL is, decided by its code alone."""

import psycopg
import pytest
from psycopg.errors import lookup
from psycopg_pool import PoolTimeout

from cloison.errors import CloisonError, DatabaseRefusedError, DatabaseUnavailableError
from cloison.store.faults import error_of, is_lost


@pytest.mark.parametrize(
    ("state", "kind", "reason"),
    [
        ("53100", DatabaseUnavailableError, "its disk is full"),
        ("53200", DatabaseUnavailableError, "it is short of resources"),
        ("57014", DatabaseUnavailableError, "it took too long"),
        ("57P01", DatabaseUnavailableError, "the connection was ended"),
        ("57P03", DatabaseUnavailableError, "it is starting"),
        ("58030", DatabaseUnavailableError, "its disk fails"),
        ("08006", DatabaseUnavailableError, "the connection was lost"),
        ("42501", DatabaseRefusedError, "42501"),
        ("22021", DatabaseRefusedError, "22021"),
        ("40P01", DatabaseRefusedError, "40P01"),
    ],
)
def test_code_decides(state: str, kind: type[CloisonError], reason: str) -> None:
    """The server's own troubles are `unavailable` and say which; what was asked wrongly is `refused` by its code."""
    error = error_of(lookup(state)("a message that quotes what was sent"))
    assert (type(error), error.fields["reason"]) == (kind, reason)
    assert "quotes" not in str(error)


def test_nobody_answers() -> None:
    """Without a code nobody was there to give one; psycopg_pool's impatience is the same."""
    for error in (psycopg.OperationalError("connection refused"), PoolTimeout("no connection after 5 s")):
        assert str(error_of(error)) == str(DatabaseUnavailableError(reason="no connection"))


def test_connections_that_are_lost() -> None:
    """A connection that ended makes the others of its pool suspect; a full disk or a refusal does not."""
    assert is_lost(psycopg.OperationalError("server closed the connection"))
    assert is_lost(lookup("57P01")())
    assert not is_lost(lookup("53100")())
    assert not is_lost(lookup("42501")())
