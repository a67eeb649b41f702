"""`cloison people export`: the people of a grant that two others signed, encrypted for its recipient."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from cloison.cli.shared import Json, home_of, show


def people_export(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    grant: Annotated[UUID, typer.Option(help="The number of the act that two others signed.")],
    passkey: Annotated[Path, typer.Option(help="The executor's software passkey: demonstrations have such.")],
    recipient: Annotated[Path, typer.Option(help="A file with the recipient's public key, as age-keygen writes it.")],
    out: Annotated[Path, typer.Option(help="The folder to write into; one that was begun goes on.")],
    desk: Annotated[str, typer.Option(help="The desk's address, where it is not this home's.")] = "",
    signin: Annotated[str, typer.Option(help="The sign-in door's address, where it is not this home's.")] = "",
    as_json: Json = False,
) -> None:
    """Export the people of a grant into files that only its recipient can read; run it again after an interruption.

    Nothing readable is written. Decrypt with: for page in FOLDER/*.age; do age --decrypt --identity KEY "$page"; done
    """
    addresses = (desk or home_of().config.web.public_origin, signin or home_of().config.signin.public_origin)
    from cloison.cli import exporting  # noqa: PLC0415 - its passkeys would cost each `people` command a third of its start

    result = exporting.export(exporting.wish_of(grant, passkey, recipient, *addresses), out)
    text = f"{result.people} people in {result.pages} files; SHA-256 of SHA256SUMS: {result.sums}"
    show(as_json, result, text)
    raise typer.Exit(1 if result.unread else 0)
