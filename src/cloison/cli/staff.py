"""`cloison staff …`: who works in the register, from the files of a folder."""

from pathlib import Path

import typer

from cloison.access.staff_files import Imported, import_staff, read_staff
from cloison.cli.shared import Json, show, started
from cloison.store.pools import connect
from cloison.terminal import notes

app = typer.Typer(no_args_is_help=True, help="Who works in the register, from files.")


@app.command("import")
def staff_import(folder: Path, as_json: Json = False) -> None:
    """Create organisations, agencies and accounts from organisations.csv, agencies.csv and accounts.csv of a folder.

    What is there already is left as it is, so that it may be run again. Whom they follow comes by `caseload import`.
    """
    staff = read_staff(folder)
    with connect(started(), "owner") as owner, notes.status("Importing …") as status:
        imported = import_staff(owner, staff, lambda i: status.update(f"{i.accounts + i.accounts_known} accounts"))
    show(as_json, imported, _told(imported))


def _told(imported: Imported) -> str:
    return (
        f"{imported.organisations} organisations new, {imported.organisations_known} known; "
        f"{imported.agencies} agencies; {imported.accounts} accounts new, {imported.accounts_known} known"
    )
