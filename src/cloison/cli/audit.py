"""`cloison audit …`: verify the audit log, write it out for strangers, show its keys."""

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cloison.audit import export, reading, verify, witness
from cloison.audit.verify import Finding, Key, Report
from cloison.cli.forward import audit_forward
from cloison.cli.shared import Json, home_of, show, started
from cloison.config import Home
from cloison.store.pools import connect

app = typer.Typer(no_args_is_help=True, help="The audit log: verify it, write it out, forward it.")
app.command("forward")(audit_forward)
PROGRAMS = ("verify.py", "entry.py", "tree.py")


@app.command("verify")
def audit_verify(
    folder: Annotated[Path | None, typer.Argument(help="A folder of `audit export`; else the database.")] = None,
    as_json: Json = False,
) -> None:
    """Recompute the whole log: every entry, every hash, every signature; exits with 1 where something does not hold."""
    log_key, witnesses = _keys(home_of())
    seen = witness.seen_in(home_of().witness)  # before the database is read: it has at least that much
    reports: list[Report] = []
    findings: list[Finding] = []
    if folder is not None:
        # without what our witness has seen: it may have seen more since the folder was written
        logs = (verify.Folder(path) for path in sorted(folder.iterdir()) if path.is_dir())
        reports += [verify.verify(log, log_key, witnesses) for log in logs]
    else:
        with connect(started(), "owner") as owner, owner.transaction():
            owner.execute("set transaction isolation level repeatable read, read only")
            for segment in reading.segments(owner):
                log = reading.Stored(owner, segment)
                reports.append(verify.verify(log, log_key, witnesses, seen.get(segment)))
                findings += log.rows_put_back() + log.strays()
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
    folder.mkdir()
    entries = 0
    with connect(started(), "owner") as owner, owner.transaction():
        owner.execute("set transaction isolation level repeatable read, read only")
        for segment in reading.segments(owner):
            entries += export.export(reading.Stored(owner, segment), folder)
    for name in PROGRAMS:
        with files("cloison.audit").joinpath(name).open("rb") as source, (folder / name).open("wb") as target:
            shutil.copyfileobj(source, target)
    log_key, witnesses = _keys(home_of())
    words = " ".join(["python verify.py . --key", log_key.text, *(f"--witness {each.text}" for each in witnesses)])
    keys = {"key": log_key.text, "witnesses": [each.text for each in witnesses]}
    result = {"folder": str(folder), "entries": entries, **keys}
    show(as_json, result, f"{entries} entries. In the folder: {words}")


def _keys(home: Home) -> tuple[Key, list[Key]]:
    public = home.witness_key.with_suffix(".pub")
    witnesses = [Key.read(public.read_text(encoding="utf-8"))] if public.exists() else []
    return Key.read(home.log_public.read_text(encoding="utf-8")), witnesses


def _tell(as_json: bool, reports: list[Report], findings: list[Finding]) -> None:
    anchored, unanchored = (sum(counts) for counts in zip(*((r.anchored, r.unanchored) for r in reports), strict=True))
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
    said = f"{anchored} entries are anchored, {unanchored} are not yet; everything holds."
    show(as_json, result, table if findings else said)
