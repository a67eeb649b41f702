"""All commands, put together, and what becomes of their errors.

Every command has `--json`, the last thing on standard output; progress goes to standard error. Exit codes: 0 done,
1 refused or found something, 2 wrong use. Errors of `errors.py` are printed here and nowhere else; of PostgreSQL's own
only the code, as their text may quote values.
"""

import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

import psycopg
import typer
from rich.markup import escape

from cloison.errors import CloisonError, SystemRefusedError
from cloison.store.faults import error_of
from cloison.terminal import notes

# In the order of the help: groups of commands, each in the module of its name; commands that stand alone, with theirs.
GROUPS = (
    *("people", "accounts", "acts", "organisations", "protection", "staff"),
    *("caseload", "feeds", "clients", "grants", "disclosures", "audit"),
)
ALONE = {
    **dict.fromkeys(("init", "serve", "doctor", "demo", "replay"), "home"),
    "alerts": "alerts",
    "bench": "bench",
    "statistics": "statistics",
    "blast-radius": "blast_radius",
}


def program(words: Sequence[str] = ()) -> typer.Typer:
    """The command line: of what was typed, `words`, what its first one names, or else all.

    All modules take half a second to read, most of which nobody needs who lists accounts.
    """
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_cloison)
    first = words[0] if words else ""
    for module in dict.fromkeys([ALONE[first]] if first in ALONE else [] if first in GROUPS else ALONE.values()):
        app.add_typer(_app_of(module))
    for group in (first,) if first in GROUPS else () if first in ALONE else GROUPS:
        app.add_typer(_app_of(group), name=group)
    return app


def run() -> None:
    """Run the command that was typed; prints errors of ours in one line and exits with 1."""
    try:
        program(sys.argv[1:])()
    except CloisonError as error:
        _fail(error)
    except psycopg.Error as error:
        _fail(error_of(error))
    except OSError as error:
        _fail(SystemRefusedError(reason=f"{error.filename or 'a file'}: {error.strerror}"))


def _cloison() -> None:
    """Keep a register of people that no stolen account can empty."""


def _app_of(module: str) -> typer.Typer:
    app: typer.Typer = importlib.import_module(f"cloison.cli.{module}").app
    return app


def _fail(error: CloisonError) -> NoReturn:
    notes.print(f"[bold]{error.code}[/]: {escape(str(error))}", soft_wrap=True)
    sys.exit(1)
