"""`cloison blast-radius`: how many people a stolen account could be released at most, before anything is stolen."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cloison.access import organisations as bodies
from cloison.access.blast_radius import Bound, Why
from cloison.access.blast_report import Report, Total, report
from cloison.access.exports import left
from cloison.access.exposed import read_staff
from cloison.access.what_if import FORMS, changed
from cloison.cli.radius_chart import write_chart
from cloison.cli.shared import Json, show, started
from cloison.errors import BadRequestError
from cloison.store.pools import connect
from cloison.terminal import notes

app = typer.Typer()
SHOWN = 20  # accounts of the table and of the chart, where nobody says how many
WORDS = {
    Why.FROZEN: "frozen",
    Why.NO_AGREEMENT: "no agreement in force",
    Why.SEGMENT: "its segment is not agreed on",
    Why.ROLE: "its role is not agreed on",
    Why.RIGHTS: "its role opens nobody",
}
LEGEND = (
    "The most distinct people (together: account-person pairs) in any window of that length, as relations stand now "
    "or begin within it; opened, or only named on lists and cards. At most: whatever relations are given meanwhile."
)
Changes = Annotated[list[str] | None, typer.Option("--if", help=f"What it would be if: {FORMS}; may be repeated.")]


@app.command("blast-radius")
def blast_radius(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    account: Annotated[str | None, typer.Option(help="This account alone, by its handle.")] = None,
    organisation: Annotated[str | None, typer.Option(help="This organisation and its accounts alone.")] = None,
    changes: Changes = None,
    top: Annotated[int | None, typer.Option(min=1, help=f"So many at most; {SHOWN} in the table if not given.")] = None,
    chart: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Draw the accounts as bars.")] = None,
    as_json: Json = False,
) -> None:
    """Compute from budgets and relations how many people a stolen account could be released at most."""
    if chart is not None and chart.suffix != ".svg":
        raise typer.BadParameter("the chart is an SVG: give a name that ends in .svg", param_hint="--chart")
    with connect(started(), "owner") as owner:
        staff = read_staff(owner)
        named = [each.name for each in bodies.organisations(owner)]
        exports = left(owner)
    try:
        wished = changed(staff, changes or [])
    except BadRequestError as error:
        raise typer.BadParameter(str(error.fields["reason"]), param_hint="--if") from error
    before = report(staff, named).only(account, organisation)
    after = report(wished, named).only(account, organisation) if changes else None
    if chart is not None:
        write_chart(chart, (after or before).accounts[: top or SHOWN])
    value = {**before.to_json(top), "exports": exports}
    if after is not None:
        value["if"] = {"changes": changes, **after.to_json(top)}
    show(as_json, value, _table(before, after, top or SHOWN))
    if not as_json:
        notes.print(LEGEND, soft_wrap=True)
        if exports.grants:
            notes.print(f"Beside these: {exports.people:,} people left in {exports.grants} exports that two signed.")


def _table(before: Report, after: Report | None, top: int) -> Table:
    """Accounts, then organisations, then the desk; with `after`, before → after, in the order of before."""
    made = Table("account", "organisation", "role")
    for name in ("5 minutes", "hour", "day", "28 days", "opened in a day", "at most in a day"):
        made.add_column(name, justify="right")
    after = after or before
    later = {each.account: each for each in after.accounts}
    if any(later[each.account].why for each in before.accounts[:top]):
        made.add_column("nobody because")
    _add_accounts(made, before.accounts[:top], later)
    if len(before.accounts) > top:
        made.add_row(f"… {len(before.accounts) - top} more")
    made.add_section()
    totals = {each.organisation: each.total for each in after.organisations}
    for body in before.organisations[:top]:
        numbers = _numbers(body.total, totals[body.organisation])
        made.add_row(f"{body.total.accounts} accounts", escape(body.organisation), "", *numbers)
    made.add_section()
    sessions = f"{before.desk.sessions} sessions"
    made.add_row("captured desk", sessions, "", *_numbers(before.desk.total, after.desk.total))
    return made


def _add_accounts(made: Table, before: Sequence[Bound], later: Mapping[str, Bound]) -> None:
    for each in before:
        other = later[each.account]
        role = each.role if each.role == other.role else f"{each.role} → {other.role}"
        names = (escape(name) for name in (each.account, each.organisation, role))
        made.add_row(*names, *_numbers(each, other), *([WORDS[other.why]] if other.why else []))


def _numbers(before: Bound | Total, after: Bound | Total) -> list[str]:
    each = ((*of.people.each, of.opened.day, of.whatever_reach.day) for of in (before, after))
    return [_both(*pair) for pair in zip(*each, strict=True)]


def _both(number: int, other: int) -> str:
    return f"{number:,}" if number == other else f"{number:,} → {other:,}"
