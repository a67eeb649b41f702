"""`cloison grants …`: what was given for a time, to whom, and who signed."""

import typer
from rich.markup import escape
from rich.table import Table

from cloison.access import grants
from cloison.cli.shared import Json, show, started
from cloison.store.pools import connect

app = typer.Typer(no_args_is_help=True, help="Break-glass, campaigns, exports and disclosures.")


@app.callback()
def _group() -> None:
    """Keep `list` a word of its own: Typer would make a single command the group itself."""


@app.command("list")
def grants_list(as_json: Json = False) -> None:
    """List what was given in the last 28 days; nobody's record, nor whose it is."""
    with connect(started(), "operator") as operator:
        found = grants.all_given(operator)
    table = Table("when", "what", "account", "organisation", "people", "taken", "until", "state", "signed by")
    for one in found:
        taken = "" if one.taken is None else f"{one.taken:,}"
        table.add_row(
            *(f"{one.given_at:%Y-%m-%d %H:%M}", one.kind, escape(one.account), escape(one.organisation)),
            *(f"{one.people:,}", taken, f"{one.until:%Y-%m-%d %H:%M}", one.state, ", ".join(one.signed_by)),
        )
    show(as_json, {"grants": found}, table)
