"""The home: make it, serve it, look after it, attack it."""

import contextlib
import signal
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from cloison.cli.shared import Json, home_of, show
from cloison.config import Home
from cloison.doctor import examine
from cloison.installation import Wish, initialise
from cloison.passphrase import passphrase_file
from cloison.processes import base_url, serving, supervise
from cloison.store.embedded import stop_database
from cloison.terminal import notes

if TYPE_CHECKING:
    from cloison.replay.scenarios import Scenario

app = typer.Typer()
CODE = "{handle} registers a passkey at the sign-in door until {until:%Y-%m-%d %H:%M %Z} with the code {code}"


@app.command()
def init(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    profile: Annotated[str, typer.Option(help="A bundled profile's name or a TOML file.")] = "jobseekers-fr",
    database: Annotated[str, typer.Option(help="An external PostgreSQL (>= 15), without user and password.")] = "",
    administrator: Annotated[
        str, typer.Option(envvar="CLOISON_ADMINISTRATOR", help="Who may create roles there; used once.")
    ] = "",
    organisation: Annotated[str, typer.Option(help="The name of the service, of which the officers are.")] = "Service",
    officer: Annotated[list[str] | None, typer.Option(help="One of the first two officers; given twice.")] = None,
    as_json: Json = False,
) -> None:
    """Make the home of CLOISON_HOME ready, or bring it up to date; with two officers, who let everybody else in."""
    home = Home()
    with passphrase_file(home, confirm=True) as passphrase:
        wish = Wish(profile, database, administrator, organisation, tuple(officer or ()))
        officers = initialise(home, passphrase, wish)
    lines = [f"{home.path} is ready.", *(CODE.format(**msgspec.structs.asdict(one)) for one in officers)]
    made = {"home": str(home.path), "profile": home.config.profile, "officers": officers}
    show(as_json, made, "\n".join(lines))


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
    scenario: Annotated[list[str] | None, typer.Option(help="Only attacks whose name begins so; repeatable.")] = None,
    as_json: Json = False,
) -> None:
    """Make a register of fictional people, let the known attacks loose on it, and print how many each one got."""
    from cloison.replay import demo as demonstration  # noqa: PLC0415 - a third of a second of every command's start

    plan = demonstration.Plan(people, serve_after, as_json, _chosen(scenario))
    kept = demonstration.run(Home(), plan)
    raise typer.Exit(0 if kept else 1)


@app.command()
def replay(
    scenario: Annotated[list[str] | None, typer.Argument(help="Names or beginnings of names; all if none.")] = None,
    people: Annotated[int, typer.Option(min=2_000, help="How many fictional people.")] = 20_000,
    as_json: Json = False,
) -> None:
    """Replay known attacks on a throw-away home, with the controls off and on."""
    from cloison.replay import demo as demonstration  # noqa: PLC0415 - as in `demo`

    kept = demonstration.replay(_chosen(scenario), people, as_json=as_json)
    raise typer.Exit(0 if kept else 1)


def _chosen(names: list[str] | None) -> "list[Scenario]":
    from cloison.replay.scenarios import SCENARIOS, chosen  # noqa: PLC0415 - as in `demo`

    try:
        return chosen(names or [])
    except KeyError as unknown:
        offered = ", ".join(scenario.name for scenario in SCENARIOS)
        raise typer.BadParameter(f"no scenario begins with {unknown}; there are {offered}") from None
