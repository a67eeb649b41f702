"""`cloison accounts holder`: whose record an account's holder is, so that the account never opens it."""

from typing import Annotated

import typer

from cloison.access import protection
from cloison.access.accounts import find_account
from cloison.cli.numbers import DEFAULT_BY, By, NumberFile, located
from cloison.cli.shared import Json, home_of, show, started
from cloison.store.pools import connect


def accounts_holder(
    account: str,
    file: NumberFile = "",
    by: By = DEFAULT_BY,
    clear: Annotated[bool, typer.Option("--clear", help="Forget whose record it is.")] = False,
    as_json: Json = False,
) -> None:
    """Say by a number whose record an account's holder is: the account never opens, lists or finds it.

    The number is asked for, or read from a file; only a keyed hash of it is kept. It may be of somebody who registers
    later.
    """
    home = home_of()
    with connect(started(), "owner") as owner:
        find_account(owner, account)
    terms = {} if clear else located(file, by)
    with connect(home, "owner") as owner:
        protection.set_holder(owner, account, terms)
    state = f"known by {len(terms)} number{'s' * (len(terms) > 1)}" if terms else "not known"
    show(as_json, {"account": account, "numbers": len(terms)}, f"{account}: the holder's own record is {state}")
