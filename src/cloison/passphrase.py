"""Where the passphrase of the keeper's root key comes from, for every command alike.

In order: the file that CLOISON_PASSPHRASE_FILE names; `HOME.passphrase` beside the home, which `cloison demo` makes; a
prompt, whose answer is kept in a private temporary file for as long as the command runs.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from cloison.config import Home, write_secret
from cloison.errors import ConfigError

VARIABLE = "CLOISON_PASSPHRASE_FILE"


def beside(home: Home) -> Path:
    """The passphrase's file beside the home: made by `demo`, for fictional people only."""
    return home.path.with_name(home.path.name + ".passphrase")


@contextmanager
def passphrase_file(home: Home, *, confirm: bool = False) -> Iterator[Path]:
    """A file that holds the passphrase; `confirm`: a prompt asks twice. Raises ConfigError where nobody can be asked."""
    named = os.environ.get(VARIABLE)
    if named:
        yield Path(named)
    elif beside(home).exists():
        yield beside(home)
    elif not sys.stdin.isatty():
        raise ConfigError(reason=f"{VARIABLE} is not set, and nobody is there to be asked for the passphrase")
    else:
        answer = typer.prompt("Passphrase of the root key", hide_input=True, confirmation_prompt=confirm, err=True)
        with tempfile.TemporaryDirectory(prefix="cloison-") as folder:
            path = Path(folder) / "passphrase"
            write_secret(path, answer)
            yield path
