"""`cloison audit …`: verify the audit log, write it out for strangers, show its keys."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.table import Table

from cloison.access import approved
from cloison.access.accounts import NOWHERE
from cloison.audit import export, reading, record, verify
from cloison.audit.verify import Finding, Kind, Report
from cloison.audit.witnesses import keys
from cloison.cli import proofs, witnesses
from cloison.cli.forward import audit_forward
from cloison.cli.log import audit_list
from cloison.cli.shared import Json, home_of, show, started
from cloison.store.pools import connect

app = typer.Typer(no_args_is_help=True, help="The audit log: verify it, write it out, witness it, forward it.")
app.command("prove")(proofs.audit_prove)
app.command("consistency")(proofs.audit_consistency)
app.command("check")(proofs.audit_check)
app.command("witness")(witnesses.audit_witness)
app.add_typer(witnesses.app, name="witnesses")
app.command("forward")(audit_forward)
app.command("list")(audit_list)
PROGRAMS = ("verify.py", "proof.py", "entry.py", "tree.py")


@app.command("verify")
def audit_verify(
    folder: Annotated[Path | None, typer.Argument(help="A folder of `audit export`; else the database.")] = None,
    as_json: Json = False,
) -> None:
    """Recompute the whole log: every entry, every hash, every signature; exits with 1 where something does not hold."""
    log_key, witness_keys = keys(home_of())
    seen = record.seen_in(home_of().witness)  # before the database is read: it has at least that much
    reports: list[Report] = []
    findings: list[Finding] = []
    with _told() as told, verify.Workers(told) as workers:
        if folder is not None:
            # without what our witness has seen: it may have seen more since the folder was written
            logs = [verify.Folder(path) for path in sorted(folder.iterdir()) if path.is_dir()]
            if not logs:
                raise typer.BadParameter("there is no log in this folder", param_hint="FOLDER")
            reports += [verify.verify(log, log_key, witness_keys, every=workers.every) for log in logs]
        else:
            for log in _logs():
                reports.append(verify.verify(log, log_key, witness_keys, seen.get(log.segment), workers.every))
                findings += log.rows_put_back() + log.strays()
            findings += _unapproved()
    findings += [finding for report in reports for finding in report.findings]
    _tell(as_json, reports, findings)
    if findings:
        raise typer.Exit(1)


@app.command("export")
def audit_export(
    folder: Annotated[Path, typer.Argument(help="A folder to be made.")],
    as_json: Json = False,
) -> None:
    """Write the log with what verifies it into a folder: a stranger needs Python, `cryptography` and the keys."""
    log_key, witness_keys = keys(home_of())
    folder.mkdir()
    entries = 0
    with _told() as told:
        for log in _logs():
            entries += export.export(log, folder, (log_key, witness_keys), partial(_more, told, entries))
    for name in PROGRAMS:
        with files("cloison.audit").joinpath(name).open("rb") as source, (folder / name).open("wb") as target:
            shutil.copyfileobj(source, target)
    words = " ".join(["python verify.py . --key", log_key.text, *(f"--witness {each.text}" for each in witness_keys)])
    by = {"key": log_key.text, "witnesses": [each.text for each in witness_keys]}
    result = {"folder": str(folder), "entries": entries, **by}
    show(as_json, result, f"{entries} entries. In the folder: {words}")


def _more(told: Callable[[int], None], before: int, entries: int) -> None:
    told(before + entries)


def _logs() -> Iterator[reading.Stored]:
    """The logs of all segments, as of one instant, for as many processes as read them."""
    home = started()
    with connect(home, "owner") as owner, owner.transaction():
        owner.execute("set transaction isolation level repeatable read, read only")
        ((name,),) = owner.execute("select pg_export_snapshot()").fetchall()
        for segment in reading.segments(owner):
            yield reading.Stored(partial(reading.snapshot, home.path, name), segment)


def _unapproved() -> list[Finding]:
    """Acts that were not signed by those who must; those that lack one are said in the service's own segment."""
    home = home_of()
    settings, found = home.config.signin, []
    origins = (settings.public_origin, *settings.former_origins)
    with connect(home, "owner") as owner, owner.transaction():
        owner.execute("set transaction isolation level repeatable read, read only")
        for one in approved.unapproved(owner, urlsplit(settings.public_origin).hostname or "", origins):
            segment = one.segment or NOWHERE
            log = reading.Stored(lambda: owner, segment)
            place = None if one.account is None or one.number is None else log.place(one.account, one.number)
            found.append(Finding(segment, place, Kind.UNAPPROVED))
    return found


@contextmanager
def _told() -> Iterator[Callable[[int], None]]:
    """What tells on standard error how many entries were looked at, and how many a second."""
    began = time.monotonic()
    with Console(stderr=True).status("Reading …") as status:

        def tell(entries: int) -> None:
            rate = entries / (time.monotonic() - began)
            status.update(f"{entries:,} entries, {rate:,.0f} a second")

        yield tell


def _tell(as_json: bool, reports: list[Report], findings: list[Finding]) -> None:
    anchored = sum(each.anchored for each in reports)
    unanchored = sum(each.unanchored for each in reports)
    dropped = sum(each.dropped for each in reports)
    result = {
        "entries": anchored + unanchored,
        "anchored": anchored,
        "unanchored": unanchored,
        "ok": not findings,
        "findings": [{"segment": one.segment, "entry": one.entry, "kind": one.kind} for one in findings],
    }
    table = Table("segment", "entry", "what does not hold")
    for one in findings:
        table.add_row(one.segment, "" if one.entry is None else str(one.entry), one.kind)
    gone = f", of which {dropped} were dropped with their months" if dropped else ""
    said = f"{anchored} entries are anchored{gone}; {unanchored} are not yet; everything holds."
    show(as_json, result, table if findings else said)
