"""`cloison acts …`: what waits for several people's signatures, and how what the operator asks is told.

Whoever signs does so with a passkey at the sign-in door, in a browser. A passkey made of software, which demo homes
alone take, can do it from here: by the same routes as anybody.
"""

import asyncio
from pathlib import Path
from typing import Annotated
from uuid import UUID

import psycopg
import typer
from rich.markup import escape
from rich.table import Table

from cloison.access import operating
from cloison.access.operating import KnownAct
from cloison.cli.shared import Json, home_of, show, started
from cloison.config import Home
from cloison.store.pools import connect
from cloison.terminal import notes

app = typer.Typer(no_args_is_help=True, help="What takes several people: asked for, waiting, done.")

Wait = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Wait so long for the signatures.")]
Reason = Annotated[str, typer.Option(help="Why; whoever signs reads it.")]
PasskeyFile = Annotated[Path, typer.Option("--passkey", help="A passkey made of software, for demo homes.")]
REFUSED = frozenset({"refused", "expired"})


@app.command("list")
def acts_list(as_json: Json = False) -> None:
    """List the acts of the last 28 days."""
    with connect(started(), "operator") as operator:
        found = operating.known_acts(operator)
    table = Table("act", "kind", "organisation", "asked by", "state", "signed by", "until")
    for act in found:
        row = (str(act.act), act.kind, act.organisation, act.asked_by or "operator", act.state)
        table.add_row(*(escape(word) for word in (*row, ", ".join(act.signed_by), f"{act.expires_at:%Y-%m-%d %H:%M}")))
    show(as_json, {"acts": found}, table)


@app.command("show")
def acts_show(act: UUID, wait: Wait = 0, as_json: Json = False) -> None:
    """Show an act: what it says, how it stands, who signed."""
    home = started()
    with connect(home, "operator") as operator:
        found = operating.settled(operator, act, wait)
    lines = [sentence(home, found), *(f"{name}: {value}" for name, value in found.details.items())]
    show(as_json, found, "\n".join([*lines, f"signed by: {', '.join(found.signed_by) or 'nobody'}"]))


@app.command("withdraw")
def acts_withdraw(act: UUID, as_json: Json = False) -> None:
    """Take back what was asked from here; officers refuse at the sign-in door."""
    with connect(started(), "operator") as operator:
        operating.withdraw(operator, act)
    show(as_json, {"act": act, "state": "refused"}, f"{act}: refused")


@app.command("sign")
def acts_sign(act: UUID, passkey: PasskeyFile, as_json: Json = False) -> None:
    """Sign an act at the running sign-in door, as whoever's passkey it is; demo homes alone take such ones."""
    # the client and its cryptography would cost each command a third of a second
    from cloison.client.passkey import SoftwarePasskey  # noqa: PLC0415
    from cloison.client.signin import SigninClient  # noqa: PLC0415

    async def sign() -> str:
        async with SigninClient(home_of().config.signin.public_origin, SoftwarePasskey(passkey)) as door:
            return (await door.sign(act)).state

    state = asyncio.run(sign())
    show(as_json, {"act": act, "state": state}, f"{act}: {state}")


def told(home: Home, operator: psycopg.Connection, act: KnownAct, wait: float) -> KnownAct:
    """The act when it waits no more, or after `wait` seconds; ends the command with 1 where it was refused."""
    if wait:
        with notes.status(escape(sentence(home, act))):
            act = operating.settled(operator, act.act, wait)
    if act.state in REFUSED:
        notes.print(escape(sentence(home, act)), soft_wrap=True)
        raise typer.Exit(1)
    return act


def sentence(home: Home, act: KnownAct) -> str:
    """How an act stands, and what is to be done."""
    if act.state != "waiting":
        return f"{act.kind}: {act.state} ({act.act})"
    door = f"{home.config.signin.public_origin}/acts"
    later = f", the last of them not before {act.not_before:%Y-%m-%d %H:%M %Z}" if act.not_before > act.asked_at else ""
    return (
        f"{act.kind} waits as act {act.act}: {act.people_needed} people sign it at {door}{later}, "
        f"before {act.expires_at:%Y-%m-%d %H:%M %Z}"
    )
