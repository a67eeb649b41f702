"""`cloison statistics`: how many people, by segment, category, month, age and sex; nobody in a small count is shown."""

import asyncio
import csv
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cloison.cli.shared import Json, show, started
from cloison.passphrase import passphrase_file
from cloison.processes import keeper_of, running_keeper
from cloison.register.counting import BY, Counts, Question, Row, counted, counted_segments, shown, table
from cloison.register.profile import StatisticsRule, load_profile
from cloison.register.statistics import age_bands, month_before, months_between
from cloison.store.pools import connect
from cloison.terminal import notes

app = typer.Typer()
MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would calculate
UNKNOWN = "unknown"
HIDDEN, AT_LEAST = "·", "≥ "
LEGEND = f"{HIDDEN} from 1 to 10 people, or what would tell of them; {AT_LEAST.strip()} of these, some are left out"


@app.command("statistics")
def statistics(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    month: Annotated[str, typer.Option(help="One month, such as 2026-10; by default the last that is over.")] = "",
    first: Annotated[str, typer.Option("--from", help="The first of several months.")] = "",
    last: Annotated[str, typer.Option("--to", help="The last of several months.")] = "",
    segment: Annotated[list[str] | None, typer.Option(help="Only this segment; may be repeated.")] = None,
    by: Annotated[str, typer.Option(help=f"What to tell apart, of {','.join(BY)}; empty: nothing.")] = "month,category",
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the table to this file.")] = None,
    as_json: Json = False,
) -> None:
    """Count people by the month they came into their category, without reading a record."""
    months, dimensions = _months(month, first, last), _dimensions(by)
    home = started()
    profile = load_profile(home.config.profile)
    if profile.statistics is None:
        raise typer.BadParameter(f"the profile {profile.name} has no [statistics]")

    async def count() -> tuple[Counts, tuple[str, ...]]:
        async with keeper_of(home, "statistics") as keeper:
            with connect(home, "statistics") as connection, notes.status("Counting …"):
                return await counted(connection, keeper, profile, months), counted_segments(connection)

    with passphrase_file(home) as passphrase, running_keeper(home, passphrase):
        counts, everywhere = asyncio.run(count())
    shown_months = shown(counts)
    question = Question(months, dimensions, tuple(segment or everywhere), not segment)
    rows = [_labelled(row, dimensions, profile.statistics) for row in table(shown_months, profile, question)]
    (total,) = table(shown_months, profile, Question(months, (), question.segments, not segment)) or [Row((), 0, True)]
    if csv_file is not None:
        write_csv(csv_file, dimensions, rows)
    show(as_json, _result(months, dimensions, rows, total), _table(dimensions, rows, total))
    if not as_json and not all(row.complete for row in (*rows, total)):
        notes.print(LEGEND)


def _months(month: str, first: str, last: str) -> list[str]:
    """The months asked for; one that is not over is refused: its counts still grow, from one edition to the next."""
    if month and (first or last):
        raise typer.BadParameter("give either --month, or --from and --to")
    over = month_before(datetime.now().astimezone().date())
    begin, end = (month or first or last or over), (month or last or over)
    if not MONTH.fullmatch(begin) or not MONTH.fullmatch(end):
        raise typer.BadParameter("a month is written YYYY-MM")
    if begin > end or end > over:
        raise typer.BadParameter(f"the months must be in order, and over: the last is {over}")
    return months_between(begin, end)


def _dimensions(by: str) -> tuple[str, ...]:
    named = [name.strip() for name in by.split(",") if name.strip()]
    if unknown := set(named) - set(BY):
        raise typer.BadParameter(f"--by knows {', '.join(BY)}, not {', '.join(sorted(unknown))}")
    return tuple(dict.fromkeys(named))


def _labelled(row: Row, dimensions: tuple[str, ...], rule: StatisticsRule) -> Row:
    """The row with its bands named and `unknown` where a record does not say."""
    bands = age_bands(rule)
    parts = zip(dimensions, row.of, strict=True)
    of = tuple((bands.get(part, part) if dimension == "age" else part) or UNKNOWN for dimension, part in parts)
    return Row(of, row.people, row.complete)


def _result(months: list[str], dimensions: tuple[str, ...], rows: list[Row], total: Row) -> dict[str, object]:
    """The JSON of the command."""
    return {
        "months": months,
        "by": dimensions,
        "rows": [
            dict(zip(dimensions, row.of, strict=True)) | {"people": row.people, "complete": row.complete}
            for row in rows
        ],
        "total": {"people": total.people, "complete": total.complete},
    }


def _table(dimensions: tuple[str, ...], rows: list[Row], total: Row) -> Table:
    made = Table(*(dimensions or ("",)))
    made.add_column("people", justify="right")
    for row in rows if dimensions else []:
        made.add_row(*row.of, _people(row))
    made.add_section()
    made.add_row("all", *("" for _ in dimensions[1:]), _people(total))
    return made


def _people(row: Row) -> str:
    if row.people is None:
        return HIDDEN
    return f"{row.people:,}" if row.complete else f"{AT_LEAST}{row.people:,}"


def write_csv(path: Path, dimensions: tuple[str, ...], rows: list[Row]) -> None:
    """The rows as CSV; what a spreadsheet would calculate is kept from it by an apostrophe."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*dimensions, "people", "complete"])
        for row in rows:
            people = "" if row.people is None else row.people
            writer.writerow([*map(_plain, row.of), people, "yes" if row.complete else "no"])


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text
