"""`cloison audit witness`, on any machine: looks after a register's log. `cloison audit witnesses …`: who does."""

import logging
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from rich.table import Table

from cloison.audit import witness
from cloison.audit.verify import Key
from cloison.audit.witnesses import OWN, Known, keys_by_login, known, login_of, read_key
from cloison.cli.shared import Json, home_of, show, started
from cloison.config import read_secret
from cloison.errors import ConfigError
from cloison.installation import admit_witness, dismiss_witness
from cloison.store.pools import PINNED_OPTIONS, connect, conninfo

app = typer.Typer(no_args_is_help=True, help="Who witnesses the audit log, beside the witness of `cloison serve`.")
CONNECT_SECONDS = 5
Line = Annotated[str, typer.Argument(help="The public key's line, which `cloison audit witness` prints, or its file.")]
Administrator = Annotated[
    str, typer.Option(envvar="CLOISON_ADMINISTRATOR", help="Of an external PostgreSQL: who may create roles there.")
]


def audit_witness(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    folder: Annotated[Path, typer.Option(help="The witness's own: its key, and what it signed. Made if missing.")],
    name: Annotated[str, typer.Option(help="For a new key: such as witness.example.org.")] = "witness",
    log_key: Annotated[str, typer.Option(help="The log's public key, or its file; once, it is kept.")] = "",
    database: Annotated[
        str, typer.Option(envvar="CLOISON_WITNESS_DATABASE", help="The register's connection string, with the user.")
    ] = "",
    password_file: Annotated[Path | None, typer.Option(help="The file of that login's password; else libpq's.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Look once; exits with 1 where something is wrong.")] = False,
    as_json: Json = False,
) -> None:
    """Witness a register's audit log from a machine apart: check that it only grew, sign it, keep what was signed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        key = witness.make_key(folder, name)
    except ValueError:
        raise typer.BadParameter("a name has no spaces and no +") from None
    pinned = witness.pin(folder, _line(log_key) if log_key else "")
    if pinned is None or not database:
        said = f"{key.text}\nHave this key added (cloison audit witnesses add), then give --log-key and --database."
        show(as_json, {"key": key.text, "log_key": pinned and pinned.text}, said)
        return
    reach = _reach(database, password_file)
    if once:
        _once(folder, key, pinned, reach, as_json)
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("cloison.witness").info("witnessing as %s", key.text)
    witness.run(folder, pinned, lambda: psycopg.connect(reach, autocommit=True), witness.stopping())


def _once(folder: Path, key: Key, log_key: Key, reach: str, as_json: bool) -> None:
    with witness.alone(folder), psycopg.connect(reach, autocommit=True) as connection:
        looking = witness.opened(folder, log_key)
        found = looking.step(connection)
        for each in found:
            witness.tell(connection, each)
    table = Table("segment", "leaves signed for", "alarm")
    alarms = {each.segment: each.alarm for each in found}
    for segment in sorted({*looking.sizes, *alarms}):
        table.add_row(segment or "all", str(looking.sizes.get(segment, 0)), alarms.get(segment, ""))
    show(as_json, {"key": key.text, "sizes": looking.sizes, "alarms": found, "ok": not found}, table)
    if found:
        raise typer.Exit(1)


def _reach(database: str, password_file: Path | None) -> str:
    try:
        return make_conninfo(
            database,
            **({"password": read_secret(password_file)} if password_file else {}),
            options=PINNED_OPTIONS,
            application_name="cloison witness",
            connect_timeout=CONNECT_SECONDS,
            client_encoding="utf8",
        )
    except psycopg.ProgrammingError:
        raise ConfigError(reason="--database is no connection string") from None


@app.command("add")
def witnesses_add(key: Line, administrator: Administrator = "", as_json: Json = False) -> None:
    """Know one more witness: from now on its signature suffices, and it has a login of its own."""
    home = started()
    found = read_key(_line(key))
    password = admit_witness(home, found, administrator)
    parts = conninfo_to_dict(conninfo(home, OWN))
    where = {name: parts[name] for name in ("host", "port", "dbname") if name in parts}
    reach = make_conninfo("", **where, user=f"cloison_{login_of(found)}")
    log_key = home.log_public.read_text(encoding="utf-8").strip()
    told = {"key": found.text, "database": reach, "password_file": str(password), "log_key": log_key}
    said = f"cloison audit witness --folder … --log-key {log_key} --database '{reach}' --password-file …"
    show(as_json, told, f"On its machine, with {password}: {said}")


@app.command("remove")
def witnesses_remove(key: Line, administrator: Administrator = "", as_json: Json = False) -> None:
    """Know a witness no more: what it signed counts for nothing, and its login is gone."""
    home = started()
    found = read_key(_line(key))
    if keys_by_login(home).get(login_of(found)) != found:
        raise ConfigError(reason="this is no witness that was added; cloison audit witnesses list tells which are")
    dismiss_witness(home, found, administrator)
    show(as_json, {"key": found.text}, f"{found.name} is a witness no more.")


@app.command("list")
def witnesses_list(as_json: Json = False) -> None:
    """List the witnesses, and when each signed last."""
    with connect(started(), "owner") as owner:
        found: list[Known] = known(home_of(), owner)
    table = Table("name", "login", "signed last", "key")
    for one in found:
        table.add_row(one.name, one.login, one.signed_at.isoformat(" ", "seconds") if one.signed_at else "", one.key)
    show(as_json, {"witnesses": found}, table)


def _line(text: str) -> str:
    """A key's line, or what the file of that name has."""
    path = Path(text)
    return text if "+" in text or not path.exists() else path.read_text(encoding="utf-8")
