"""`cloison staff …`: who works in the register, from the files of a folder."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import psycopg
import typer

from cloison.access.staff_files import Imported, ask_import, import_staff, read_staff
from cloison.cli import acts
from cloison.cli.acts import Wait
from cloison.cli.shared import Json, show, started
from cloison.store.pools import connect
from cloison.terminal import notes

app = typer.Typer(no_args_is_help=True, help="Who works in the register, from files.")

Folder = Annotated[Path | None, typer.Argument(help="The folder with the files.")]
Signed = Annotated[UUID | None, typer.Option("--act", help="Bring in what was signed under this number.")]
Why = Annotated[str, typer.Option("--reason", help="Why; whoever signs reads it.")]


@app.command("import")
def staff_import(
    folder: Folder = None, act: Signed = None, reason: Why = "staff file", wait: Wait = 0, as_json: Json = False
) -> None:
    """Create organisations, agencies and accounts from organisations.csv, agencies.csv and accounts.csv of a folder.

    First it asks, and two officers sign how many of what, and the SHA-256 of all rows; then, with --act, or in the same
    command with --wait, they are created. What is there already is left as it is. Whom they follow comes by `caseload
    import`.
    """
    if (folder is None) == (act is None):
        raise typer.BadParameter("give the folder to ask, or --act to bring in what was signed", param_hint="FOLDER")
    home = started()
    with connect(home, "operator") as operator:
        if folder is not None:
            asked = acts.told(home, operator, ask_import(operator, read_staff(folder), reason), wait)
            if asked.state != "done":
                show(as_json, asked, acts.sentence(home, asked))
                return
            act = asked.act
        assert act is not None  # noqa: S101 - as above: it was given, or asked for
        imported = _bring_in(operator, act)
    show(as_json, imported, _told(imported))


def _bring_in(operator: psycopg.Connection, act: UUID) -> Imported:
    with notes.status("Importing …") as status:
        return import_staff(operator, act, lambda i: status.update(f"{i.accounts} accounts made"))


def _told(imported: Imported) -> str:
    return (
        f"{imported.organisations} organisations new, {imported.organisations_known} known; "
        f"{imported.agencies} agencies; {imported.accounts} accounts new, {imported.accounts_known} known"
    )
