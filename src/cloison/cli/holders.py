"""`cloison accounts holder`: whose record an account's holder is, so that the account never opens it."""

from typing import Annotated

import typer

from cloison.access import operating, protection
from cloison.access.acts import ActKind
from cloison.cli import acts
from cloison.cli.acts import Wait
from cloison.cli.numbers import DEFAULT_BY, By, NumberFile, located
from cloison.cli.shared import Json, home_of, show, started
from cloison.store.pools import connect


def accounts_holder(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    account: str,
    file: NumberFile = "",
    by: By = DEFAULT_BY,
    clear: Annotated[str, typer.Option(metavar="REASON", help="Ask that it be forgotten whose record it is.")] = "",
    wait: Wait = 0,
    as_json: Json = False,
) -> None:
    """Say by a number whose record an account's holder is: the account never opens, lists or finds it.

    The number is asked for, or read from a file; only a keyed hash of it is kept, beside those given before. It may be
    of somebody who registers later. To forget them takes two officers.
    """
    home = home_of()
    with connect(started(), "operator") as operator:
        about = operating.account(operator, account)
        if clear:
            details = {"handle": account, "reason": clear}
            asked = operating.ask(operator, ActKind.ACCOUNT_FORGET_HOLDER, about, details)
            asked = acts.told(home, operator, asked, wait)
            show(as_json, asked, acts.sentence(home, asked))
            return
    terms = located(file, by)
    with connect(home, "operator") as operator:
        protection.hold(operator, account, terms)
    known = f"known by {len(terms)} number{'s' * (len(terms) > 1)} more"
    show(as_json, {"account": account, "numbers": len(terms)}, f"{account}: the holder's own record is {known}")
