"""Numbers that name somebody: asked for at a prompt, or read from a file or standard input, never an argument."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloison.errors import ConfigError, ImportFileError

if TYPE_CHECKING:
    from cloison.register.intake import Register

NumberFile = Annotated[
    str,
    typer.Option(
        "--file",
        help="A file with the number, or with CSV of numbers and one row; - for standard input. Default: a prompt.",
    ),
]
By = Annotated[str, typer.Option(help="Which number it is, such as nir or identifier.")]
DEFAULT_BY = "identifier"


def located(file: str, by: str) -> dict[int, int]:
    """Kind and keyed hash of each number that was given for one person."""
    # to read intake and keeper would cost each command about accounts a fifth of a second
    from cloison.access.locating import locate, read_numbers  # noqa: PLC0415
    from cloison.cli.register import with_register  # noqa: PLC0415

    text = _text(file, by)

    async def ask(register: "Register") -> dict[int, int]:
        return await locate(register, read_numbers(text, by, register.profile))

    return with_register(ask)


def _text(file: str, by: str) -> str:
    try:
        if file == "-":
            return sys.stdin.read()
        if file:
            return Path(file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        # not chained: the error holds what was read
        raise ImportFileError(reason="it is not UTF-8 text") from None
    if not sys.stdin.isatty():
        raise ConfigError(reason="nobody is at the terminal; give the number with --file")
    return str(typer.prompt(by, hide_input=True))
