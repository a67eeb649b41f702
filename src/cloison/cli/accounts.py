"""`cloison accounts …`: who works in the register."""

import asyncio
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cloison.access import accounts as staff
from cloison.access import sessions
from cloison.cli.shared import Json, show, started
from cloison.passphrase import passphrase_file
from cloison.processes import keeper_of, running_keeper
from cloison.register.places import commune_codes, department
from cloison.register.profile import Profile, SegmentBy, load_profile
from cloison.store.pools import connect

app = typer.Typer(no_args_is_help=True, help="Who works in the register.")


@app.command("create")
def accounts_create(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    handle: str,
    organisation: Annotated[str, typer.Option()],
    segment: Annotated[str, typer.Option(help="The home segment, such as 59.")],
    role: Annotated[str, typer.Option(help="One of the profile's roles.")] = "adviser",
    agency: Annotated[str, typer.Option(help="The local office.")] = "main",
    as_json: Json = False,
) -> None:
    """Create an account."""
    home = started()
    _refuse_unknown_segment(load_profile(home.config.profile), segment)
    with connect(home, "owner") as owner:
        new = staff.Account(staff.NOBODY, handle, segment, organisation, agency, role)
        account = staff.create_account(owner, new)
    show(as_json, account, f"{account.handle}: {account.account}")


@app.command("list")
def accounts_list(as_json: Json = False) -> None:
    """List the accounts."""
    with connect(started(), "owner") as owner:
        found = staff.accounts(owner)
    table = Table("account", "segment", "organisation", "agency", "role")
    for account in found:
        named = (account.handle, account.segment, account.organisation, account.agency, account.role)
        table.add_row(*(escape(name) for name in named))
    show(as_json, {"accounts": found}, table)


@app.command("session")
def accounts_session(
    account: str,
    seconds: Annotated[int, typer.Option(min=1, max=sessions.LONGEST_SECONDS)] = sessions.SESSION_SECONDS,
    touched: Annotated[bool, typer.Option(help="As if its passkey had been touched just now.")] = False,
    as_json: Json = False,
) -> None:
    """Issue a session by hand; its token is shown once. Needs the owner's login and the keeper."""
    home = started()

    async def issue() -> sessions.Issued:
        async with keeper_of(home, "issuer") as keeper:
            with connect(home, "owner") as owner:
                return await sessions.issue(
                    owner, keeper, staff.find_account(owner, account), seconds=seconds, touched=touched
                )

    with passphrase_file(home) as passphrase, running_keeper(home, passphrase):
        issued = asyncio.run(issue())
    show(as_json, issued, issued.token)


@app.command("freeze")
def accounts_freeze(account: str, as_json: Json = False) -> None:
    """Freeze an account: its sessions open nothing from the next charge on."""
    _act("select cloison.freeze_v1(%s, %s)", account, as_json, "frozen")


@app.command("unfreeze")
def accounts_unfreeze(account: str, as_json: Json = False) -> None:
    """Lift the freeze of an account."""
    _act("select cloison.unfreeze_v1(%s, %s)", account, as_json, "active")


@app.command("sign-out")
def accounts_sign_out(account: str, as_json: Json = False) -> None:
    """End all sessions of an account."""
    _act("select cloison.end_sessions_v1(%s, %s)", account, as_json, "signed out")


def _act(statement: str, handle: str, as_json: bool, state: str) -> None:
    with connect(started(), "owner") as owner:
        account = staff.find_account(owner, handle)
        owner.execute(statement.encode(), (account.segment, account.account))
    show(as_json, {"account": handle, "state": state}, f"{handle}: {state}")


def _refuse_unknown_segment(profile: Profile, segment: str) -> None:
    """A department's name for its number would make an account that finds nobody."""
    rule = profile.segment
    if rule.rule is SegmentBy.INSEE_DEPARTMENT and segment not in {rule.otherwise, *map(department, commune_codes())}:
        raise typer.BadParameter(
            "there is no such segment: give a department's number, such as 59 or 2A", param_hint="--segment"
        )
