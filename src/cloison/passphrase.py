"""Where the passphrase of the keeper's root key comes from, for every command alike.

In order: the file that CLOISON_PASSPHRASE_FILE names; `HOME.passphrase` beside the home, which `cloison demo` makes; a
prompt, whose answer is kept in a private temporary file for as long as the command runs.

A file inside the home is refused: whoever copies the home, for a backup or a theft, would copy the passphrase with it.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from cloison.config import Home, read_secret, write_secret
from cloison.errors import ConfigError

VARIABLE = "CLOISON_PASSPHRASE_FILE"


def beside(home: Home) -> Path:
    """The passphrase's file beside the home: made by `demo`, for fictional people only."""
    return home.path.with_name(home.path.name + ".passphrase")


@contextmanager
def passphrase_file(home: Home, *, confirm: bool = False) -> Iterator[Path]:
    """A file that holds the passphrase; `confirm`: a prompt asks twice.

    Raises ConfigError where nobody can be asked, and for a file that is missing, empty, open to others or in the home.
    """
    named = os.environ.get(VARIABLE)
    if named:
        yield _checked(home, Path(named))
    elif beside(home).exists():
        yield _checked(home, beside(home))
    elif not sys.stdin.isatty():
        raise ConfigError(reason=f"{VARIABLE} is not set, and nobody is there to be asked for the passphrase")
    else:
        answer = typer.prompt("Passphrase of the root key", hide_input=True, confirmation_prompt=confirm, err=True)
        with tempfile.TemporaryDirectory(prefix="cloison-") as folder:
            path = Path(folder) / "passphrase"
            write_secret(path, answer)
            yield path


def _checked(home: Home, path: Path) -> Path:
    if path.resolve().is_relative_to(home.path.resolve()):
        raise ConfigError(reason=f"{VARIABLE} lies inside the home; keep the passphrase elsewhere")
    if not path.is_file():
        raise ConfigError(reason=f"{path}, where {VARIABLE} says the passphrase is, is no file")
    if not read_secret(path):
        raise ConfigError(reason=f"{path} is empty; write the passphrase into it")
    return path.absolute()  # the keeper is started from elsewhere
