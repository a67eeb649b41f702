"""`cloison protection …`: people withheld from all but a named audience, by the operator."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Column, Table

from cloison.access import operating, protection
from cloison.access.acts import ActKind
from cloison.cli import acts
from cloison.cli.acts import Reason, Wait
from cloison.cli.days import moment
from cloison.cli.numbers import DEFAULT_BY, By, NumberFile, located
from cloison.cli.shared import Json, home_of, show, started
from cloison.store.pools import connect

UUID_WIDTH = 36
app = typer.Typer(no_args_is_help=True, help="People withheld from all but a named audience.")

Until = Annotated[
    datetime | None,
    typer.Option(parser=moment, metavar="DAY", help="When it ends; by default when it is lifted."),
]


@app.command("set")
def protection_set(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    person: Annotated[UUID | None, typer.Option(help="The person's number in the register, with --segment.")] = None,
    segment: Annotated[str, typer.Option(help="The person's segment, such as 59.")] = "",
    audience: Annotated[
        list[str] | None, typer.Option(help="An account that may open the person, or HANDLE=DAY; may be repeated.")
    ] = None,
    until: Until = None,
    file: NumberFile = "",
    by: By = DEFAULT_BY,
    as_json: Json = False,
) -> None:
    """Withhold somebody from all accounts but the audience: never found, and an alert at each opening.

    Without --person, they are named by a number that is asked for, or read from a file.
    """
    if (person is None) != (not segment):
        raise typer.BadParameter("a person's number and segment go together", param_hint="--segment")
    named = dict(_member(word) for word in audience or [])
    home = home_of()
    started()
    terms = {} if person is not None else located(file, by)
    with connect(home, "operator") as operator:
        place = (segment, person) if person is not None else protection.located(operator, terms)
        number = protection.protect_by_operator(operator, place, named, until)
    show(as_json, {"protection": number, "person": place[1], "segment": place[0]}, f"protected: {number}")


@app.command("lift")
def protection_lift(number: UUID, reason: Reason, wait: Wait = 0, as_json: Json = False) -> None:
    """Ask that a protection be lifted; two officers sign."""
    home = started()
    with connect(home, "operator") as operator:
        details = {"protection": str(number), "reason": reason}
        asked = operating.ask(operator, ActKind.PROTECTION_LIFT, operating.service(operator), details)
        asked = acts.told(home, operator, asked, wait)
    show(as_json, asked, acts.sentence(home, asked))


@app.command("list")
def protection_list(as_json: Json = False) -> None:
    """List the protections that stand."""
    with connect(started(), "operator") as operator:
        found = protection.protections(operator)
    number = Column("protection", min_width=UUID_WIDTH)  # whole, as it is what lifts it
    table = Table(number, "segment", "person", "since", "until", "audience")
    for one in found:
        until = "" if one.until is None else one.until.isoformat(" ", "seconds")
        named = (str(one.protection), one.segment, str(one.person), one.since.isoformat(" ", "seconds"), until)
        table.add_row(*(escape(word) for word in (*named, ", ".join(one.audience))))
    show(as_json, {"protections": found}, table)


def _member(word: str) -> tuple[str, datetime | None]:
    handle, _, until = word.partition("=")
    return handle, moment(until) if until else None
