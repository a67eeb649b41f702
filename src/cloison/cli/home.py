"""The home: make it, serve it, look after it, attack it."""

import contextlib
import signal
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.markup import escape
from rich.table import Table

from cloison.cli.shared import Json, home_of, show
from cloison.config import Home
from cloison.doctor import examine
from cloison.installation import Wish, initialise
from cloison.passphrase import passphrase_file
from cloison.processes import base_url, serving, stop_database, supervise
from cloison.terminal import notes

app = typer.Typer()


@app.command()
def init(
    profile: Annotated[str, typer.Option(help="A bundled profile's name or a TOML file.")] = "jobseekers-fr",
    database: Annotated[str, typer.Option(help="An external PostgreSQL (>= 15), without user and password.")] = "",
    administrator: Annotated[
        str, typer.Option(envvar="CLOISON_ADMINISTRATOR", help="Who may create roles there; used once.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Make the home of CLOISON_HOME ready, or bring it up to date."""
    home = Home()
    with passphrase_file(home, confirm=True) as passphrase:
        initialise(home, passphrase, Wish(profile, database, administrator))
    show(as_json, {"home": str(home.path), "profile": home.config.profile}, f"{home.path} is ready.")


@app.command()
def serve() -> None:
    """Run database, keeper and desk until interrupted; what ends by accident is started again."""
    home = home_of()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with contextlib.suppress(KeyboardInterrupt), passphrase_file(home) as passphrase, serving(home, passphrase) as ours:
        notes.print(
            f"The desk answers at {base_url(home)}; its API is described at {base_url(home)}/openapi.json",
            soft_wrap=True,
        )
        supervise(home, ours)
    stop_database(home)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """A signal ends the command; a second one must not, or what it started would stay."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    notes.print("Stopping.")
    raise KeyboardInterrupt


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check version, rights, authentication, settings, clock, keeper and disk, and say what to do."""
    checks = examine(Home())
    table = Table("check", "state", "what to do")
    for check in checks:
        table.add_row(check.name, "ok" if check.ok else "[bold]not ok[/]", escape(check.advice))
    show(as_json, {"checks": checks}, table)
    raise typer.Exit(0 if all(check.ok for check in checks) else 1)


@app.command()
def demo(
    people: Annotated[int, typer.Option(min=2_000, help="How many fictional people.")] = 100_000,
    serve_after: Annotated[bool, typer.Option("--serve/--no-serve", help="Stay up to try by hand.")] = True,
    as_json: Json = False,
) -> None:
    """Make a register of fictional people, let the known attacks loose on it, and print how many each one got."""
    from cloison.replay import demo as demonstration  # noqa: PLC0415 - a third of a second of every command's start

    kept = demonstration.run(Home(), demonstration.Plan(people, serve_after, as_json))
    raise typer.Exit(0 if kept else 1)


@app.command()
def replay(
    scenario: Annotated[list[str] | None, typer.Argument(help="Names or beginnings of names; all if none.")] = None,
    people: Annotated[int, typer.Option(min=2_000, help="How many fictional people.")] = 20_000,
    as_json: Json = False,
) -> None:
    """Replay known attacks on a throw-away home, with the controls off and on."""
    from cloison.replay import demo as demonstration  # noqa: PLC0415 - as in `demo`

    try:
        scenarios = demonstration.chosen(scenario or [])
    except KeyError as unknown:
        offered = ", ".join(s.name for s in demonstration.SCENARIOS)
        raise typer.BadParameter(f"no scenario begins with {unknown}; there are {offered}") from None
    kept = demonstration.replay(scenarios, people, as_json=as_json)
    raise typer.Exit(0 if kept else 1)
