"""`cloison clients …`: systems that call for themselves, each known by its public key."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cloison.access import clients, operating
from cloison.access.acts import ActKind
from cloison.access.clients import PublicKey
from cloison.cli import acts
from cloison.cli.acts import Wait
from cloison.cli.shared import Json, show, started
from cloison.client.service import ServiceKey
from cloison.errors import BadRequestError, UnknownClientError
from cloison.register.fields import mask
from cloison.store.pools import connect
from cloison.terminal import notes

KEY_BYTES = 10_000
app = typer.Typer(no_args_is_help=True, help="Systems that call for themselves: directories, case management, readers.")
LIST = (
    "select c.client, c.name, o.name, c.uses::text[], c.closed_at "
    "from cloison.client c join cloison.organisation o using (organisation) order by c.name"
)
CLOSE = "select cloison.close_client_v1(%s)"


def key_of(path: Path) -> PublicKey:
    """The public key of a file; raises BadRequestError."""
    try:
        with path.open(encoding="ascii") as file:
            return clients.public_key(file.read(KEY_BYTES))
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequestError(reason=f"the file of the key cannot be read ({type(error).__name__})") from error


@app.command("key")
def clients_key(file: Path, as_json: Json = False) -> None:
    """Make a system's key where it will be used: the private half in FILE, the public one in FILE.pub."""
    key, public = ServiceKey(), file.with_name(file.name + ".pub")
    try:
        key.write(file)
    except OSError as error:
        raise BadRequestError(reason=f"the file cannot be made ({type(error).__name__}); it must not exist") from error
    public.write_text(key.public_pem, encoding="ascii")
    found = clients.public_key(key.public_pem)
    told = {"private": str(file), "public": str(public), "thumbprint": found.thumbprint}
    show(as_json, told, f"{public}: SHA-256 {found.thumbprint}")


@app.command("create")
def clients_create(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    name: str,
    organisation: Annotated[str, typer.Option(help="Whose system it is.")],
    use: Annotated[list[str], typer.Option(help="scim, delegate, changes; may be repeated.")],
    key: Annotated[Path, typer.Option(help="The file of its public key, PEM or JWK (P-256).")],
    wait: Wait = 0,
    as_json: Json = False,
) -> None:
    """Ask that a system be registered; two officers sign, and see the SHA-256 of its key."""
    home = started()
    found = key_of(key)
    details = {"name": name, "uses": clients.uses(use), "thumbprint": found.thumbprint, "key": found.jwk}
    with connect(home, "operator") as operator:
        whose = operating.organisation(operator, organisation)
        asked = operating.ask(operator, ActKind.CLIENT_REGISTER, whose, details)
        notes.print(escape(acts.sentence(home, asked)), soft_wrap=True)
        asked = acts.told(home, operator, asked, wait)
    told = {"name": name, "client": asked.act, "act": asked.act, "state": asked.state}
    show(as_json, told, f"{name}: client {asked.act}")


@app.command("list")
def clients_list(as_json: Json = False) -> None:
    """List the systems, sources of interactions among them."""
    with connect(started(), "operator") as operator:
        rows = operator.execute(LIST).fetchall()
    table = Table("system", "client", "organisation", "uses", "state")
    for client, name, organisation, uses, closed in rows:
        state = "open" if closed is None else f"closed {closed:%Y-%m-%d}"
        table.add_row(escape(name), str(client), escape(organisation), ", ".join(uses), state)
    names = ("client", "name", "organisation", "uses", "closed_at")
    show(as_json, {"clients": [dict(zip(names, row, strict=True)) for row in rows]}, table)


@app.command("close")
def clients_close(name: str, as_json: Json = False) -> None:
    """Close a system for good: it calls no more, and the sessions handed on to it end at once."""
    with connect(started(), "operator") as operator:
        if operator.execute(CLOSE, (name,)).fetchone() != (True,):
            raise UnknownClientError(client=mask(name))
    show(as_json, {"name": name, "state": "closed"}, f"{name}: closed")
