"""`cloison accounts …`: who works in the register. What gives rights waits for two officers; `acts.py` tells how."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cloison.access import accounts as staff
from cloison.access import operating
from cloison.access.acts import ActKind
from cloison.cli import acts, holders
from cloison.cli.acts import Reason, Wait
from cloison.cli.shared import Json, show, started
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
    wait: Wait = 0,
    as_json: Json = False,
) -> None:
    """Ask for an account: when two officers have signed, one of them hands over the code that registers a passkey."""
    home = started()
    profile = load_profile(home.config.profile)
    _refuse_unknown_segment(profile, segment)
    if role not in (roles := list(profile.roles)):
        raise typer.BadParameter(f"there is no such role; there are {', '.join(roles)}", param_hint="--role")
    details = {"handle": handle, "role": role, "agency": agency, "segment": segment}
    with connect(home, "operator") as operator:
        about = operating.organisation(operator, organisation)
        asked = acts.told(home, operator, operating.ask(operator, ActKind.ACCOUNT_CREATE, about, details), wait)
    show(as_json, asked, acts.sentence(home, asked))


@app.command("list")
def accounts_list(as_json: Json = False) -> None:
    """List the accounts."""
    with connect(started(), "operator") as operator:
        found = staff.accounts(operator)
    table = Table("account", "segment", "organisation", "agency", "role")
    for account in found:
        named = (account.handle, account.segment, account.organisation, account.agency, account.role)
        table.add_row(*(escape(name) for name in named))
    show(as_json, {"accounts": found}, table)


@app.command("freeze")
def accounts_freeze(account: str, as_json: Json = False) -> None:
    """Freeze an account: its sessions open nothing from the next charge on."""
    _tend("freeze", account, as_json, "frozen")


@app.command("unfreeze")
def accounts_unfreeze(account: str, reason: Reason, wait: Wait = 0, as_json: Json = False) -> None:
    """Ask that the freeze of an account be lifted; two officers sign."""
    home = started()
    with connect(home, "operator") as operator:
        about = operating.account(operator, account)
        details = {"handle": account, "reason": reason}
        asked = acts.told(home, operator, operating.ask(operator, ActKind.ACCOUNT_UNFREEZE, about, details), wait)
    show(as_json, asked, acts.sentence(home, asked))


@app.command("sign-out")
def accounts_sign_out(account: str, as_json: Json = False) -> None:
    """End all sessions of an account."""
    _tend("sign_out", account, as_json, "signed out")


@app.command("close")
def accounts_close(account: str, as_json: Json = False) -> None:
    """Close the account of somebody who left, for good."""
    _tend("close", account, as_json, "closed")


def _tend(what: str, handle: str, as_json: bool, state: str) -> None:
    with connect(started(), "operator") as operator:
        operating.tend(operator, what, handle)
    show(as_json, {"account": handle, "state": state}, f"{handle}: {state}")


def _refuse_unknown_segment(profile: Profile, segment: str) -> None:
    """A department's name for its number would make an account that finds nobody."""
    rule = profile.segment
    if rule.rule is SegmentBy.INSEE_DEPARTMENT and segment not in {rule.otherwise, *map(department, commune_codes())}:
        raise typer.BadParameter(
            "there is no such segment: give a department's number, such as 59 or 2A", param_hint="--segment"
        )


app.command("holder")(holders.accounts_holder)
