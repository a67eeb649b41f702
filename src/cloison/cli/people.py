"""`cloison people …`: bring people in, or make fictional ones."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cloison.cli import exports, history
from cloison.cli.days import day
from cloison.cli.progress import told
from cloison.cli.register import with_register
from cloison.cli.shared import Json, show
from cloison.errors import ImportStoppedError
from cloison.register.files import load_mapping
from cloison.register.intake import Reading, Register, Summary, import_file
from cloison.terminal import notes

app = typer.Typer(no_args_is_help=True, help="Bring people in, or make fictional ones.")


@app.command("synth")
def people_synth(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    count: Annotated[int, typer.Argument(min=0)],
    out: Annotated[Path, typer.Option(help="The file to write: .csv or .parquet.")],
    seed: int = 0,
    as_of: Annotated[datetime | None, typer.Option(parser=day, metavar="DAY", help="The day it is of; today.")] = None,
    staff: Annotated[
        Path | None, typer.Option(help="A folder for those who work for them: accounts, caseloads, interactions.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write realistic, fictional people: INSEE names and places, NIRs in impossible months; if asked, their staff."""
    if out.suffix not in {".csv", ".parquet"}:
        raise typer.BadParameter("the file's name must end in .csv or .parquet", param_hint="--out")
    from cloison.register import synthetic  # noqa: PLC0415 - its numpy would cost every command a tenth of a second

    synthetic.write(out, count, seed=seed, as_of=as_of.date() if as_of else None, staff=staff)
    told = {"people": count, "file": str(out), **({"staff": str(staff)} if staff else {})}
    show(as_json, told, f"{count} people written to {out}" + (f", their staff to {staff}" if staff else ""))


@app.command("import")
def people_import(
    file: Path,
    mapping: Annotated[Path | None, typer.Option(help="A TOML file that renames columns, dates and words.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Such as latin-1; detected if not given.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Comma, semicolon, tab or |; detected if not given.")] = None,
    as_json: Json = False,
) -> None:
    """Bring the people of a CSV or Parquet file in, or up to date; rows refused go to FILE.rejects.csv.

    Run it again after an interruption, or every night with what changed: who is there is not doubled.
    """

    async def bring_in(register: Register) -> Summary:
        renamed = load_mapping(mapping, register.profile) if mapping else None
        reading = Reading(renamed, encoding, delimiter)
        with told(notes) as tell:
            return await import_file(file, register, tell, reading)

    try:
        summary = with_register(bring_in)
    except KeyboardInterrupt:
        raise ImportStoppedError from None
    text = (
        f"{summary.inserted} people new, {summary.updated} changed, {summary.known} known, {summary.rejected} rows "
        f"rejected, in {summary.seconds:.1f} s"
    )
    show(as_json, summary, text)
    raise typer.Exit(1 if summary.rejected else 0)


app.command("history")(history.people_history)
app.command("export")(exports.people_export)
