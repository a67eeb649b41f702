"""What all commands share: where the home is, how a result is shown, how a progress is told."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from cloison.config import Home
from cloison.errors import ConfigError
from cloison.passphrase import passphrase_file
from cloison.processes import keeper_of, running_keeper, start_database
from cloison.register.intake import Register
from cloison.register.profile import load_profile
from cloison.store.pools import conninfo, pool
from cloison.terminal import results

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
INTAKE_CONNECTIONS = 3
Result = TypeVar("Result")


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


def with_register(work: Callable[[Register], Coroutine[Any, Any, Result]]) -> Result:
    """Run `work` with the keeper and the database as intake knows them."""
    home = started()

    async def run() -> Result:
        connections = pool(conninfo(home, "intake"), INTAKE_CONNECTIONS)
        async with keeper_of(home, "intake") as keeper, connections:
            return await work(Register(load_profile(home.config.profile), keeper, connections))

    with passphrase_file(home) as passphrase, running_keeper(home, passphrase):
        return asyncio.run(run())


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
