"""`cloison alerts`: what somebody should look at."""

from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cloison.access import protection
from cloison.cli.days import moment
from cloison.cli.shared import Json, show, started
from cloison.store.pools import connect

app = typer.Typer()


@app.command("alerts")
def alerts(
    since: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="DAY", help="A day or a time; from the first on by default."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the alerts: each opening of somebody protected, by whom, and which entry of the audit log tells more."""
    with connect(started(), "operator") as operator:
        found = protection.alerts(operator, since)
    table = Table("time", "kind", "account", "organisation", "person", "entry")
    for alert in found:
        entry = f"{alert.segment}/{alert.entry}"
        named = (alert.at.isoformat(" ", "seconds"), alert.kind, alert.account, alert.organisation)
        table.add_row(*(escape(name) for name in (*named, str(alert.person), entry)))
    show(as_json, {"alerts": found}, table)
