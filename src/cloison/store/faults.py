"""Whose fault an error of PostgreSQL is: the server's, which is `unavailable`, or the request's, which it `refused`.

Of the server's words only the code is used: its messages quote what was sent.
"""

import psycopg

from cloison.errors import (
    CloisonError,
    DatabaseRefusedError,
    DatabaseUnavailableError,
    RegisterLoadingError,
    UnwitnessedError,
)

# Codes, or beginnings of them, that are the server's own.
TROUBLES = {
    "08": "the connection was lost",
    "53100": "its disk is full",
    "53": "it is short of resources",
    "57014": "it took too long",
    "57P03": "it is starting",
    "57P": "the connection was ended",
    "58": "its disk fails",
}
LOADING = "CL008"  # as search_v1 says it
UNWITNESSED = "CL038"  # as settle_v1 says it
UNWITNESSED_SECONDS = 30  # in which a sequencer or witness that has just begun again is there


def error_of(error: psycopg.Error) -> CloisonError:
    """The error of ours that `error` is; `psycopg_pool`'s are psycopg's too."""
    state = error.sqlstate or ""
    if state == LOADING:
        return RegisterLoadingError()
    if state == UNWITNESSED:
        return UnwitnessedError(retry_after_seconds=UNWITNESSED_SECONDS)
    trouble = next((reason for code, reason in TROUBLES.items() if state.startswith(code)), None)
    if trouble is None and isinstance(error, psycopg.OperationalError) and not state:
        trouble = "no connection"
    if trouble is not None:
        return DatabaseUnavailableError(reason=trouble)
    return DatabaseRefusedError(reason=state or type(error).__name__)


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection is gone, and others of the same pool most likely with it."""
    return isinstance(error, psycopg.OperationalError) and (not error.sqlstate or error.sqlstate.startswith("57P"))
