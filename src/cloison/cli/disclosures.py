"""`cloison disclosures …`: what authorities with the right to ask were given, and who signed."""

import typer
from rich.markup import escape
from rich.table import Table

from cloison.access import exports
from cloison.cli.shared import Json, show, started
from cloison.store.pools import connect

app = typer.Typer(no_args_is_help=True, help="What authorities with the right to ask were given.")


@app.callback()
def _group() -> None:
    """Keep `list` a word of its own: Typer would make a single command the group itself."""


@app.command("list")
def disclosures_list(as_json: Json = False) -> None:
    """List the register of disclosures; people by their numbers alone."""
    with connect(started(), "owner") as owner:
        found = exports.disclosures(owner)
    table = Table("when", "authority", "legal basis", "reference", "person", "compartments", "signed by", "fetched")
    for one in found:
        fetched = "" if one.fetched_at is None else f"{one.fetched_at:%Y-%m-%d %H:%M}"
        table.add_row(
            *(f"{one.given_at:%Y-%m-%d}", escape(one.authority), escape(one.legal_basis), escape(one.reference)),
            *(str(one.person), ", ".join(one.compartments), ", ".join(one.signed_by), fetched),
        )
    show(as_json, {"disclosures": found}, table)
