"""`cloison feeds …`: sources of interactions that no account can write."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cloison.access import feeds as sources
from cloison.access.feeds import FeedKind, import_interactions
from cloison.access.relations import Imported
from cloison.cli.caseload import progress, report
from cloison.cli.shared import Json, show, started, with_register
from cloison.register.intake import Register
from cloison.store.pools import connect
from cloison.terminal import notes

app = typer.Typer(no_args_is_help=True, help="Sources of interactions: appointments, personal space, telephone.")


@app.command("create")
def feeds_create(
    name: str,
    kind: Annotated[FeedKind, typer.Option(help="What tells of the interactions.")],
    segments: Annotated[str, typer.Option(help="Only people of these, such as 59,62; by default all.")] = "",
    as_json: Json = False,
) -> None:
    """Create a source; its service token is shown once, and only its hash is kept."""
    wanted = [segment.strip() for segment in segments.split(",") if segment.strip()]
    with connect(started(), "owner") as owner:
        created = sources.create_feed(owner, name, kind, wanted)
    show(as_json, created, created.token)


@app.command("list")
def feeds_list(as_json: Json = False) -> None:
    """List the sources."""
    with connect(started(), "owner") as owner:
        found = sources.feeds(owner)
    table = Table("source", "kind", "segments", "state")
    for feed in found:
        state = "open" if feed.closed_at is None else f"closed {feed.closed_at:%Y-%m-%d}"
        table.add_row(escape(feed.name), feed.kind, ", ".join(feed.segments) or "all", state)
    show(as_json, {"feeds": found}, table)


@app.command("close")
def feeds_close(name: str, as_json: Json = False) -> None:
    """Close a source for good: its token writes nothing any more."""
    with connect(started(), "owner") as owner:
        sources.close_feed(owner, name)
    show(as_json, {"feed": name, "state": "closed"}, f"{name}: closed")


@app.command("import")
def feeds_import(
    file: Path, source: Annotated[str, typer.Option(help="The source that the file is from.")], as_json: Json = False
) -> None:
    """Bring a source's interactions in from a CSV file: account, identifier or nir, interaction, from, until.

    An interaction that was told before is passed over, and, where there is a column `kind`, one of another kind than
    the source's. Rows refused go to FILE.rejects.csv, with the reason `over` those that lie in the past.
    """
    with connect(started(), "owner") as owner:
        found = sources.find_feed(owner, source)

    async def bring_in(register: Register) -> Imported:
        with notes.status("Importing …") as status:
            return await import_interactions(file, register, found, lambda i: status.update(progress(i)))

    report(with_register(bring_in), "interactions written", as_json)
