"""`cloison caseload …`: who follows whom, and how many such relations may be written."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from cloison.access import limits, operating
from cloison.access.acts import ActKind
from cloison.access.relations import METERED, Imported, import_relations
from cloison.cli import acts
from cloison.cli.acts import Wait
from cloison.cli.register import with_register
from cloison.cli.shared import Json, show, started
from cloison.register.intake import Register
from cloison.store.pools import connect
from cloison.terminal import notes

app = typer.Typer(no_args_is_help=True, help="Who follows whom.")


@app.command("import")
def caseload_import(file: Path, as_json: Json = False) -> None:
    """Bring relations in from a CSV file: account, identifier or nir, relation, from, until.

    Rows refused go to FILE.rejects.csv. New relations are metered per account and organisation: see `cloison
    caseload limit`.
    """

    async def bring_in(register: Register) -> Imported:
        with notes.status("Importing …") as status:
            return await import_relations(file, register, lambda i: status.update(progress(i)))

    report(with_register(bring_in), "relations written", as_json)


@app.command("limit")
def caseload_limit(
    name: Annotated[str, typer.Argument(help="Which limit; none: show them all.")] = "",
    value: Annotated[int | None, typer.Argument(min=0)] = None,
    organisation: Annotated[str, typer.Option(help="Of this organisation alone.")] = "",
    wait: Wait = 0,
    as_json: Json = False,
) -> None:
    """Show how many relations may be written, or ask that one limit be changed, of everybody or of one organisation."""
    if bool(name) != (value is not None):
        raise typer.BadParameter("a limit and its value go together", param_hint="VALUE")
    home = started()
    with connect(home, "operator") as operator:
        if value is not None:
            about = operating.organisation(operator, organisation) if organisation else operating.service(operator)
            details = {"limit": name, "value": value} | ({"only_of": organisation} if organisation else {})
            asked = operating.ask(operator, ActKind.LIMIT_SET, about, details)
            asked = acts.told(home, operator, asked, wait)
            show(as_json, asked, acts.sentence(home, asked))
            return
        found = limits.limits(operator)
    table = Table("limit", *(one.organisation or "everybody" for one in found))
    for limit in limits.NAMES:
        table.add_row(limit, *(str(msgspec.structs.asdict(one)[limit]) for one in found))
    show(as_json, {"limits": found}, table)


def progress(imported: Imported) -> str:
    """How far an import is, how fast, and how long it will take."""
    rate = imported.read / imported.seconds if imported.seconds else 0
    left = "" if imported.seconds_left is None else f", {imported.seconds_left:.0f} s left"
    return f"Importing: {imported.read} rows, {rate:.0f} a second{left}"


def report(imported: Imported, written: str, as_json: bool) -> None:
    """Show what an import did; ends with 1 where rows were refused."""
    refused = ", ".join(f"{rows} {reason}" for reason, rows in imported.refused.items()) or "none"
    known = f"; {imported.known} known" if imported.known else ""
    other = f"; {imported.other_kind} of another kind" if imported.other_kind else ""
    show(as_json, imported, f"{imported.written} {written}{known}{other}; refused: {refused}")
    if imported.refused.get(METERED) and imported.retry_after is not None:
        hours = -(-imported.retry_after // 3600)
        notes.print(
            f"Rows are metered: an account's or an organisation's limit is reached. Import the file again in {hours} "
            "hours, or see `cloison caseload limit`.",
            soft_wrap=True,
        )
    raise typer.Exit(1 if imported.refused else 0)
