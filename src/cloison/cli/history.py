"""`cloison people history`: what was done with somebody's record, as the person will see it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
import psycopg
import typer
from rich.markup import escape
from rich.table import Table

from cloison.cli.shared import Json, show, started
from cloison.model import bits
from cloison.register.profile import load_profile
from cloison.store.pools import connect
from cloison.terminal import notes

ENTRIES = (
    "select at, person, organisation, role, event, outcome, purpose, compartments, version "
    "from cloison.history_v1(%s, %s)"
)
IDENTITIES = "select person from cloison.identities_v1(%s, %s) order by person"
SEGMENT = (
    "select segment from cloison.person where person = %(person)s union all "
    "select segment from cloison.absorbed where person = %(person)s union all "
    "select went_to from cloison.trail where person = %(person)s limit 1"
)


class Entry(msgspec.Struct, frozen=True):
    """One thing that was done: when, by whom, what, why, which compartments; `person`: under which number."""

    at: datetime
    person: UUID
    organisation: str | None
    role: str | None
    event: str
    outcome: str
    purpose: str | None
    compartments: list[str]
    version: int | None


class History(msgspec.Struct, frozen=True):
    """All numbers that somebody had, and all that was done under them."""

    identities: list[UUID]
    entries: list[Entry]


def people_history(
    person: Annotated[UUID, typer.Argument(help="The person's number, one they have or had.")], as_json: Json = False
) -> None:
    """List who consulted or changed somebody's record, under every number that they ever had; as the owner."""
    home = started()
    with connect(home, "owner") as owner:
        history = history_of(owner, person, load_profile(home.config.profile).compartments)
    if not history.entries:
        notes.print("Nothing is recorded under this number: it is nobody's, or not one of this register.")
    table = Table("when", "organisation", "role", "what", "outcome", "why", "compartments", "version")
    for entry in history.entries:
        row = (entry.organisation, entry.role, entry.event, entry.outcome, entry.purpose, ", ".join(entry.compartments))
        version = "" if entry.version is None else str(entry.version)
        table.add_row(f"{entry.at:%Y-%m-%d %H:%M:%S}", *(escape(cell or "") for cell in row), version)
    show(as_json, history, table)


def history_of(owner: psycopg.Connection, person: UUID, compartments: tuple[str, ...]) -> History:
    """The history of somebody, oldest first; `owner` is the owner's connection."""
    found = owner.execute(SEGMENT, {"person": person}).fetchone()
    whose = (found[0] if found else "", person)
    identities = [row[0] for row in owner.execute(IDENTITIES, whose).fetchall()]
    entries = []
    for at, number, organisation, role, event, outcome, purpose, mask, version in owner.execute(ENTRIES, whose):
        names = [compartments[bit] for bit in bits(mask)]
        entries.append(Entry(at, number, organisation, role, event, outcome, purpose, names, version))
    return History(identities, entries)
