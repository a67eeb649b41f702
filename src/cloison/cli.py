"""The command line: `cloison …`.

Every command has `--json`, the last thing on standard output; progress goes to standard error. Exit codes: 0 done,
1 refused or found something, 2 wrong use. Errors of `errors.py` are printed here and nowhere else; of PostgreSQL's own
only the code, as their text may quote values.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
import psycopg
import structlog
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cloison.access import accounts as staff
from cloison.access import sessions
from cloison.access.relations import Imported, import_relations
from cloison.config import Home
from cloison.doctor import examine
from cloison.errors import CloisonError, ConfigError, SystemRefusedError
from cloison.installation import Wish, initialise
from cloison.passphrase import passphrase_file
from cloison.processes import (
    base_url,
    keeper_of,
    running_keeper,
    serving,
    start_database,
    stop_database,
    supervise,
)
from cloison.register.intake import Register, Summary, import_file
from cloison.register.profile import load_profile
from cloison.store.faults import error_of
from cloison.store.pools import connect, conninfo, pool

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
people_app = typer.Typer(no_args_is_help=True, help="Bring people in, or make fictional ones.")
accounts_app = typer.Typer(no_args_is_help=True, help="Who works in the register.")
organisations_app = typer.Typer(no_args_is_help=True, help="The service itself and its partners.")
caseload_app = typer.Typer(no_args_is_help=True, help="Who follows whom.")
app.add_typer(people_app, name="people")
app.add_typer(accounts_app, name="accounts")
app.add_typer(organisations_app, name="organisations")
app.add_typer(caseload_app, name="caseload")

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
INTAKE_CONNECTIONS = 3
NAME_CHARACTERS = 200  # of an organisation, as the table has it
notes = Console(stderr=True, highlight=False)
results = Console(highlight=False)
Result = TypeVar("Result")


def main() -> None:
    """Run the command line; prints errors of ours in one line and exits with 1."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        app()
    except CloisonError as error:
        _fail(error)
    except psycopg.Error as error:
        _fail(error_of(error))
    except OSError as error:
        _fail(SystemRefusedError(reason=f"{error.filename or 'a file'}: {error.strerror}"))


def _fail(error: CloisonError) -> NoReturn:
    notes.print(f"[bold]{error.code}[/]: {escape(str(error))}", soft_wrap=True)
    sys.exit(1)


# -- the home -------------------------------------------------------------------------------------------------------


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
    _show(as_json, {"home": str(home.path), "profile": home.config.profile}, f"{home.path} is ready.")


@app.command()
def serve() -> None:
    """Run database, keeper and desk until interrupted; what ends by accident is started again."""
    home = _home()
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
    _show(as_json, {"checks": checks}, table)
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


# -- people -----------------------------------------------------------------------------------------------------------


@people_app.command("synth")
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
    _show(as_json, {"people": count, "file": str(out)}, f"{count} people written to {out}")


@people_app.command("import")
def people_import(file: Path, as_json: Json = False) -> None:
    """Bring the people of a CSV file in; those refused go to FILE.rejects.csv."""

    async def bring_in(register: Register) -> Summary:
        with notes.status("Importing …") as status:
            return await import_file(file, register, lambda s: status.update(_progress(s)))

    summary = _with_register(bring_in)
    text = (
        f"{summary.inserted} people new, {summary.known} known, {summary.rejected} rows rejected, in "
        f"{summary.seconds:.1f} s"
    )
    _show(as_json, summary, text)
    raise typer.Exit(1 if summary.rejected else 0)


@caseload_app.command("import")
def caseload_import(file: Path, as_json: Json = False) -> None:
    """Bring relations in from a CSV file: account, identifier or nir, relation, from, until."""

    async def bring_in(register: Register) -> Imported:
        with notes.status("Importing …") as status:
            return await import_relations(file, register, lambda i: status.update(f"{i.read} rows"))

    imported = _with_register(bring_in)
    refused = ", ".join(f"{rows} {reason}" for reason, rows in imported.refused.items()) or "none"
    _show(as_json, imported, f"{imported.written} relations written; refused: {refused}")
    raise typer.Exit(1 if imported.refused else 0)


# -- organisations and accounts ---------------------------------------------------------------------------------------


@organisations_app.command("create")
def organisations_create(name: str, as_json: Json = False) -> None:
    """Create an organisation, or find the one of that name."""
    if not 1 <= len(name.strip()) <= NAME_CHARACTERS:
        raise typer.BadParameter(f"a name has 1 to {NAME_CHARACTERS} characters", param_hint="NAME")
    home = _started()
    with connect(home, "owner") as owner:
        organisation = staff.create_organisation(owner, name)
    _show(as_json, organisation, f"{organisation.name}: {organisation.organisation}")


@organisations_app.command("list")
def organisations_list(as_json: Json = False) -> None:
    """List the organisations."""
    with connect(_started(), "owner") as owner:
        found = staff.organisations(owner)
    _show(as_json, {"organisations": found}, "\n".join(o.name for o in found))


@accounts_app.command("create")
def accounts_create(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    handle: str,
    organisation: Annotated[str, typer.Option()],
    segment: Annotated[str, typer.Option(help="The home segment, such as 59.")],
    role: Annotated[str, typer.Option(help="One of the profile's roles.")] = "adviser",
    agency: Annotated[str, typer.Option(help="The local office.")] = "main",
    as_json: Json = False,
) -> None:
    """Create an account."""
    with connect(_started(), "owner") as owner:
        new = staff.Account(staff.NOBODY, handle, segment, organisation, agency, role)
        account = staff.create_account(owner, new)
    _show(as_json, account, f"{account.handle}: {account.account}")


@accounts_app.command("list")
def accounts_list(as_json: Json = False) -> None:
    """List the accounts."""
    with connect(_started(), "owner") as owner:
        found = staff.accounts(owner)
    table = Table("account", "segment", "organisation", "agency", "role")
    for account in found:
        named = (account.handle, account.segment, account.organisation, account.agency, account.role)
        table.add_row(*(escape(name) for name in named))
    _show(as_json, {"accounts": found}, table)


@accounts_app.command("session")
def accounts_session(
    account: str,
    seconds: Annotated[int, typer.Option(min=1, max=sessions.LONGEST_SECONDS)] = sessions.SESSION_SECONDS,
    touched: Annotated[bool, typer.Option(help="As if its passkey had been touched just now.")] = False,
    as_json: Json = False,
) -> None:
    """Issue a session by hand; its token is shown once. Needs the owner's login and the keeper."""
    home = _started()

    async def issue() -> sessions.Issued:
        async with keeper_of(home, "issuer") as keeper:
            with connect(home, "owner") as owner:
                return await sessions.issue(
                    owner, keeper, staff.find_account(owner, account), seconds=seconds, touched=touched
                )

    with passphrase_file(home) as passphrase, running_keeper(home, passphrase):
        issued = asyncio.run(issue())
    _show(as_json, issued, issued.token)


@accounts_app.command("freeze")
def accounts_freeze(account: str, as_json: Json = False) -> None:
    """Freeze an account: its sessions open nothing from the next charge on."""
    _act("select cloison.freeze_v1(%s, %s)", account, as_json, "frozen")


@accounts_app.command("unfreeze")
def accounts_unfreeze(account: str, as_json: Json = False) -> None:
    """Lift the freeze of an account."""
    _act("select cloison.unfreeze_v1(%s, %s)", account, as_json, "active")


@accounts_app.command("sign-out")
def accounts_sign_out(account: str, as_json: Json = False) -> None:
    """End all sessions of an account."""
    _act("select cloison.end_sessions_v1(%s, %s)", account, as_json, "signed out")


# -- shared -----------------------------------------------------------------------------------------------------------


def _act(statement: str, handle: str, as_json: bool, state: str) -> None:
    with connect(_started(), "owner") as owner:
        account = staff.find_account(owner, handle)
        owner.execute(statement.encode(), (account.segment, account.account))
    _show(as_json, {"account": handle, "state": state}, f"{handle}: {state}")


def _home() -> Home:
    """The home, which must have been made: no command but `init` and `demo` makes a database by the way."""
    home = Home()
    if not home.settings_file.exists():
        raise ConfigError(reason=f"{home.path} is no home of a register; run cloison init, or set CLOISON_HOME")
    return home


def _started() -> Home:
    home = _home()
    start_database(home)
    return home


def _with_register(work: Callable[[Register], Coroutine[Any, Any, Result]]) -> Result:
    """Run `work` with the keeper and the database as intake knows them."""
    home = _started()

    async def run() -> Result:
        connections = pool(conninfo(home, "intake"), INTAKE_CONNECTIONS)
        async with keeper_of(home, "intake") as keeper, connections:
            return await work(Register(load_profile(home.config.profile), keeper, connections))

    with passphrase_file(home) as passphrase, running_keeper(home, passphrase):
        return asyncio.run(run())


def _progress(summary: Summary) -> str:
    rate = summary.read / summary.seconds if summary.seconds else 0
    return f"Importing: {summary.read} rows, {rate:.0f} a second, {summary.rejected} rejected"


def _show(as_json: bool, value: object, text: object) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    else:
        results.print(Text(text) if isinstance(text, str) else text, soft_wrap=True)
