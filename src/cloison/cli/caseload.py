"""`cloison caseload …`: who follows whom."""

from pathlib import Path

import typer

from cloison.access.relations import Imported, import_relations
from cloison.cli.shared import Json, notes, show, with_register
from cloison.register.intake import Register

app = typer.Typer(no_args_is_help=True, help="Who follows whom.")


@app.command("import")
def caseload_import(file: Path, as_json: Json = False) -> None:
    """Bring relations in from a CSV file: account, identifier or nir, relation, from, until."""

    async def bring_in(register: Register) -> Imported:
        with notes.status("Importing …") as status:
            return await import_relations(file, register, lambda i: status.update(f"{i.read} rows"))

    imported = with_register(bring_in)
    refused = ", ".join(f"{rows} {reason}" for reason, rows in imported.refused.items()) or "none"
    show(as_json, imported, f"{imported.written} relations written; refused: {refused}")
    raise typer.Exit(1 if imported.refused else 0)
