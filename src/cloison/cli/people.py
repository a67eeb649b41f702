"""`cloison people …`: bring people in, or make fictional ones."""

from pathlib import Path
from typing import Annotated

import typer

from cloison.cli.shared import Json, notes, show, with_register
from cloison.register.intake import Register, Summary, import_file

app = typer.Typer(no_args_is_help=True, help="Bring people in, or make fictional ones.")


@app.command("synth")
def people_synth(
    count: Annotated[int, typer.Argument(min=0)],
    out: Annotated[Path, typer.Option(help="The CSV file to write.")],
    seed: int = 0,
    as_json: Json = False,
) -> None:
    """Write realistic, fictional people: INSEE names and places, NIRs in impossible months."""
    if out.suffix != ".csv":
        raise typer.BadParameter("the file's name must end in .csv", param_hint="--out")
    from cloison.register import synthetic  # noqa: PLC0415 - its numpy would cost every command a tenth of a second

    synthetic.write(out, count, seed=seed)
    show(as_json, {"people": count, "file": str(out)}, f"{count} people written to {out}")


@app.command("import")
def people_import(file: Path, as_json: Json = False) -> None:
    """Bring the people of a CSV file in; those refused go to FILE.rejects.csv."""

    async def bring_in(register: Register) -> Summary:
        with notes.status("Importing …") as status:
            return await import_file(file, register, lambda s: status.update(_progress(s)))

    summary = with_register(bring_in)
    text = (
        f"{summary.inserted} people new, {summary.known} known, {summary.rejected} rows rejected, in "
        f"{summary.seconds:.1f} s"
    )
    show(as_json, summary, text)
    raise typer.Exit(1 if summary.rejected else 0)


def _progress(summary: Summary) -> str:
    rate = summary.read / summary.seconds if summary.seconds else 0
    return f"Importing: {summary.read} rows, {rate:.0f} a second, {summary.rejected} rejected"
