"""What all commands share: where the home is, how a result is shown, how a progress is told."""

import sys
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from cloison.config import Home
from cloison.errors import ConfigError
from cloison.store.embedded import start_database
from cloison.terminal import results

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def home_of() -> Home:
    """The home, which must have been made: no command but `init` and `demo` makes a database by the way."""
    home = Home()
    if not home.settings_file.exists():
        raise ConfigError(reason=f"{home.path} is no home of a register; run cloison init, or set CLOISON_HOME")
    return home


def started() -> Home:
    """The home, its embedded database running."""
    home = home_of()
    start_database(home)
    return home


def show(as_json: bool, value: object, text: str | Table) -> None:
    """Print the result of a command: `value` as JSON, or `text` for people."""
    if as_json:
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    elif isinstance(text, Table):
        for column in text.columns:
            column.overflow = "fold"  # a number or a handle that is cut off is of no use to anybody
        results.print(text)
    else:
        results.print(Text(text), soft_wrap=True)
