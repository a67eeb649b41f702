"""`cloison organisations …`: the service itself and its partners."""

import typer

from cloison.access import accounts as staff
from cloison.cli.shared import Json, show, started
from cloison.store.pools import connect

app = typer.Typer(no_args_is_help=True, help="The service itself and its partners.")
NAME_CHARACTERS = 200  # of an organisation, as the table has it


@app.command("create")
def organisations_create(name: str, as_json: Json = False) -> None:
    """Create an organisation, or find the one of that name."""
    if not 1 <= len(name.strip()) <= NAME_CHARACTERS:
        raise typer.BadParameter(f"a name has 1 to {NAME_CHARACTERS} characters", param_hint="NAME")
    home = started()
    with connect(home, "owner") as owner:
        organisation = staff.create_organisation(owner, name)
    show(as_json, organisation, f"{organisation.name}: {organisation.organisation}")


@app.command("list")
def organisations_list(as_json: Json = False) -> None:
    """List the organisations."""
    with connect(started(), "owner") as owner:
        found = staff.organisations(owner)
    show(as_json, {"organisations": found}, "\n".join(o.name for o in found))
