"""`cloison feeds …`: sources of interactions that no account can write."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cloison.access import feeds as sources
from cloison.access import operating
from cloison.access.acts import ActKind
from cloison.access.feeds import FeedKind, import_interactions
from cloison.access.relations import Imported
from cloison.cli import acts
from cloison.cli.acts import Wait
from cloison.cli.caseload import progress, report
from cloison.cli.clients import key_of
from cloison.cli.register import with_register
from cloison.cli.shared import Json, show, started
from cloison.register.intake import Register
from cloison.store.pools import connect
from cloison.terminal import notes

app = typer.Typer(no_args_is_help=True, help="Sources of interactions: appointments, personal space, telephone.")


@app.command("create")
def feeds_create(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    name: str,
    kind: Annotated[FeedKind, typer.Option(help="What tells of the interactions.")],
    key: Annotated[Path, typer.Option(help="The file of its public key, PEM or JWK (P-256).")],
    segments: Annotated[str, typer.Option(help="Only people of these, such as 59,62; by default all.")] = "",
    wait: Wait = 0,
    as_json: Json = False,
) -> None:
    """Ask for a source, which two officers open; it is a system that calls by its key (`cloison clients key`)."""
    home = started()
    named = [segment.strip() for segment in segments.split(",") if segment.strip()]
    details = sources.new_feed(name, kind, key_of(key), named)
    with connect(home, "operator") as operator:
        asked = operating.ask(operator, ActKind.FEED_OPEN, operating.service(operator), details)
        notes.print(escape(acts.sentence(home, asked)), soft_wrap=True)
        asked = acts.told(home, operator, asked, wait)
    told = {"name": name, "kind": kind, "client": asked.act, "act": asked.act, "state": asked.state}
    show(as_json, told, f"{name}: client {asked.act}")


@app.command("list")
def feeds_list(as_json: Json = False) -> None:
    """List the sources."""
    with connect(started(), "operator") as operator:
        found = sources.feeds(operator)
    table = Table("source", "kind", "segments", "state")
    for feed in found:
        state = "open" if feed.closed_at is None else f"closed {feed.closed_at:%Y-%m-%d}"
        table.add_row(escape(feed.name), feed.kind, ", ".join(feed.segments) or "all", state)
    show(as_json, {"feeds": found}, table)


@app.command("close")
def feeds_close(name: str, as_json: Json = False) -> None:
    """Close a source for good: it writes nothing any more."""
    with connect(started(), "operator") as operator:
        sources.close_feed(operator, name)
    show(as_json, {"feed": name, "state": "closed"}, f"{name}: closed")


@app.command("import")
def feeds_import(
    file: Path, source: Annotated[str, typer.Option(help="The source that the file is from.")], as_json: Json = False
) -> None:
    """Bring a source's interactions in from a CSV file: account, identifier or nir, interaction, from, until.

    An interaction that was told before is passed over, and, where there is a column `kind`, one of another kind than
    the source's. Rows refused go to FILE.rejects.csv, with the reason `over` those that lie in the past.
    """
    with connect(started(), "operator") as operator:
        found = sources.find_feed(operator, source)

    async def bring_in(register: Register) -> Imported:
        with notes.status("Importing …") as status:
            return await import_interactions(file, register, found, lambda i: status.update(progress(i)))

    report(with_register(bring_in), "interactions written", as_json)
