"""`cloison bench`: what the guard costs, against the same without it."""

from pathlib import Path
from typing import Annotated

import typer

from cloison.cli.shared import Json, show
from cloison.terminal import notes

app = typer.Typer()


@app.command()
def bench(
    people: Annotated[int, typer.Option(min=10_000, help="How many fictional people at most.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each run is repeated, in turn with the others.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each run takes.")] = 0.8,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="A folder for bench.md, bench.json and charts.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure guarded openings, searches and imports beside unguarded ones, in a temporary home; 5 minutes."""
    from cloison.bench import documents, measure, report  # noqa: PLC0415 - a third of a second of every command's start

    figures = measure.measure(measure.Plan(people, rounds, seconds), lambda line: notes.print(line, soft_wrap=True))
    made = report.report(figures)
    if out is not None:
        documents.write(made, out)
    show(as_json, made, report.markdown(made))
