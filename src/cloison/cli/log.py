"""`cloison audit list`: entries of the audit log, by whoever runs the machine; each page is an entry of its own."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from cloison.access import log_pages
from cloison.access.log_pages import Wanted
from cloison.cli.days import moment
from cloison.cli.shared import Json, show, started
from cloison.client.log_wire import PAGE
from cloison.register.profile import load_profile
from cloison.store.pools import connect
from cloison.terminal import notes


def audit_list(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    account: Annotated[str | None, typer.Option(help="Of the account of this handle.")] = None,
    organisation: Annotated[str | None, typer.Option(help="Of all accounts of this organisation.")] = None,
    person: Annotated[UUID | None, typer.Option(help="About the person of this number.")] = None,
    since: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DAY", help="From this day or time on.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="DAY", help="Before this day or time.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE, help="How many at most.")] = 100,
    cursor: Annotated[str | None, typer.Option(help="Of the page before, whose next one is wanted.")] = None,
    as_json: Json = False,
) -> None:
    """List entries of the audit log, newest first. That they were read is one, too."""
    home = started()
    wanted = Wanted(
        account=account,
        organisation=organisation,
        person=person,
        since=since,
        until=until,
        cursor=cursor,
        most=limit,
    )
    with connect(home, "operator") as operator:
        page = log_pages.read_by_operator(operator, wanted)
    profile = load_profile(home.config.profile)
    told = log_pages.told(page, profile.compartments, profile.purposes)
    table = Table(
        "time", "account", "organisation", "role", "what", "outcome", "person", "why", "compartments", "entry"
    )
    for one in told.entries:
        author = (escape(one.account or str(one.author)), escape(one.organisation), escape(one.role))
        done = (one.event, one.outcome, str(one.person or ""), one.purpose or "", ", ".join(one.compartments))
        table.add_row(f"{one.at:%Y-%m-%d %H:%M:%S}", *author, *done, f"{one.segment}/{one.number}")
    show(as_json, told, table)
    if told.cursor is not None:
        notes.print(f"There are more: --cursor {told.cursor}")
