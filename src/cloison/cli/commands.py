"""All commands, put together, and what becomes of their errors.

Every command has `--json`, the last thing on standard output; progress goes to standard error. Exit codes: 0 done,
1 refused or found something, 2 wrong use. Errors of `errors.py` are printed here and nowhere else; of PostgreSQL's own
only the code, as their text may quote values.
"""

import sys
from typing import NoReturn

import psycopg
import structlog
import typer
from rich.markup import escape

from cloison.cli import (
    accounts,
    alerts,
    bench,
    blast_radius,
    caseload,
    feeds,
    history,
    holders,
    home,
    organisations,
    people,
    protection,
    staff,
    statistics,
)
from cloison.errors import CloisonError, SystemRefusedError
from cloison.store.faults import error_of
from cloison.terminal import notes

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(home.app)
people.app.command("history")(history.people_history)
app.add_typer(people.app, name="people")
accounts.app.command("holder")(holders.accounts_holder)
app.add_typer(accounts.app, name="accounts")
app.add_typer(organisations.app, name="organisations")
app.add_typer(protection.app, name="protection")
app.add_typer(alerts.app)
app.add_typer(bench.app)
app.add_typer(staff.app, name="staff")
app.add_typer(caseload.app, name="caseload")
app.add_typer(feeds.app, name="feeds")
app.add_typer(statistics.app)
app.add_typer(blast_radius.app)


def run() -> None:
    """Run the command that was typed; prints errors of ours in one line and exits with 1."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        app()
    except CloisonError as error:
        _fail(error)
    except psycopg.Error as error:
        _fail(error_of(error))
    except OSError as error:
        _fail(SystemRefusedError(reason=f"{error.filename or 'a file'}: {error.strerror}"))


def _fail(error: CloisonError) -> NoReturn:
    notes.print(f"[bold]{error.code}[/]: {escape(str(error))}", soft_wrap=True)
    sys.exit(1)
