"""`cloison audit prove`, `consistency`, `check`: proofs about the log, for whoever has its keys and nothing else."""

import json
from pathlib import Path
from typing import Annotated
from uuid import UUID

import psycopg
import typer

from cloison.access.accounts import find_account
from cloison.audit import entry, proof, reading, record, verify
from cloison.audit.proof import FaultyProofError, Proof
from cloison.audit.verify import Checkpoint, Key
from cloison.audit.witnesses import keys
from cloison.cli.shared import Json, home_of, show, started
from cloison.config import Home
from cloison.errors import NoProofError
from cloison.store.pools import connect

Segment = Annotated[str, typer.Option(help="The segment; where it does not follow from a checkpoint.")]
FIELDS = ", ".join(field.name for field in entry.FIELDS)


def audit_prove(  # noqa: PLR0913, PLR0917 - the options of a command are its parameters
    segment: Annotated[str, typer.Argument(help="The segment of the entry.")],
    leaf: Annotated[int | None, typer.Option(min=0, help="The entry's place in the tree, from 0 on.")] = None,
    account: Annotated[str, typer.Option(help="Else its author: a handle, or a UUID of docs/audit-format.md,")] = "",
    number: Annotated[int, typer.Option(min=1, help="and its number among the author's.")] = 1,
    disclose: Annotated[list[str] | None, typer.Option(help=f"A field to be disclosed; repeatable. {FIELDS}")] = None,
    as_json: Json = False,
) -> None:
    """Prove that an entry is in the log, disclosing the fields that are named and no other; `audit check` checks it."""
    if unknown := set(disclose or ()) - set(entry.NUMBERS):
        raise typer.BadParameter(f"no field is called {', '.join(sorted(unknown))}; there are {FIELDS}")
    if (leaf is None) == (not account):
        raise typer.BadParameter("say which entry: --leaf, or --account and --number")
    home = started()
    with connect(home, "owner") as owner, owner.transaction():
        owner.execute("set transaction isolation level repeatable read, read only")
        log = reading.Stored(lambda: owner, segment)
        place = leaf if leaf is not None else log.place(_author(owner, account), number)
        note, checkpoint = _newest(home, log)
        if place is None or place >= checkpoint.size:
            raise NoProofError(reason=f"segment {segment} has no such entry in the {checkpoint.size} that are anchored")
        made = proof.inclusion(note, checkpoint.size, place, log.tile)
        made |= _disclosed(log, place, disclose or [])
    _show(as_json, made, *keys(home))


def audit_consistency(
    old: Annotated[str, typer.Argument(help="A file with a checkpoint; or how many leaves one has that we signed.")],
    new: Annotated[str, typer.Argument(help="The same of a newer one; without it, the newest.")] = "",
    segment: Segment = "",
    as_json: Json = False,
) -> None:
    """Prove that a checkpoint continues an older one; exits with 1 where it does not."""
    home = started()
    log_key, witness_keys = keys(home)
    first = _checkpoint(home, old, segment, log_key)
    log_name, _, found = first[1].origin.rpartition("/")
    if log_name != log_key.name:
        raise NoProofError(reason="the older checkpoint is another log's")
    with connect(home, "owner") as owner, owner.transaction():
        owner.execute("set transaction isolation level repeatable read, read only")
        log = reading.Stored(lambda: owner, found)
        second = _checkpoint(home, new, found, log_key) if new else _newest(home, log)
        if second[1].size < first[1].size:
            raise NoProofError(reason=f"{second[1].size} leaves do not continue {first[1].size}: rolled back, or older")
        made = proof.consistency((first[0], first[1].size), (second[0], second[1].size), log.tile)
    _show(as_json, made, log_key, witness_keys)


def audit_check(
    file: Annotated[Path, typer.Argument(help="What `audit prove` or `audit consistency` printed.")],
    key: Annotated[str, typer.Option(help="The log's public key; of this home without it.")] = "",
    witness: Annotated[list[str] | None, typer.Option(help="A witness's public key; any of them suffices.")] = None,
    as_json: Json = False,
) -> None:
    """Check a proof by keys alone, offline; exits with 1 where it proves nothing."""
    try:
        log_key, witness_keys = (Key.read(key), [Key.read(text) for text in witness or ()]) if key else keys(home_of())
    except ValueError:
        raise typer.BadParameter("this is no public key of a note") from None
    try:
        shown = proof.check(json.loads(file.read_text(encoding="utf-8")), log_key, witness_keys)
    except FaultyProofError as error:
        show(as_json, {"ok": False, "fault": error.fault}, f"It proves nothing: {error.fault}.")
        raise typer.Exit(1) from None
    except ValueError:
        show(as_json, {"ok": False, "fault": proof.Fault.UNREADABLE}, "It is no proof.")
        raise typer.Exit(1) from None
    place = "" if shown.leaf is None else f", leaf {shown.leaf}"
    lines = [f"It holds: {shown.origin}, {shown.size} leaves{place}."]
    lines += [f"{name}: {value}" for name, value in shown.fields.items()]
    show(as_json, {"ok": True, **shown._asdict()}, "\n".join(lines))


def _author(owner: psycopg.Connection, named: str) -> UUID:
    try:
        return UUID(named)
    except ValueError:
        return find_account(owner, named).account


def _newest(home: Home, log: reading.Stored) -> tuple[str, Checkpoint]:
    log_key, witness_keys = keys(home)
    note = verify.newest(log.checkpoints(), log_key, witness_keys)
    try:
        checkpoint = verify.read_checkpoint(note, log_key, witness_keys)
    except ValueError as error:
        raise NoProofError(reason=f"segment {log.segment} has no checkpoint of the log; run audit verify") from error
    if witness_keys and not checkpoint.cosigned:
        raise NoProofError(reason=f"no witness has signed for segment {log.segment} yet; run cloison doctor")
    return note, checkpoint


def _checkpoint(home: Home, named: str, segment: str, log_key: Key) -> tuple[str, Checkpoint]:
    """The checkpoint in a file; or of so many leaves, if the witness of this home has kept it."""
    if named.isdecimal():
        if not segment:
            raise typer.BadParameter("of which log? --segment says it")
        kept = record.kept_at(home.witness, segment, int(named))
        if kept is None:
            raise NoProofError(reason=f"the witness of this home has signed nothing of {named} leaves; give its file")
        note = kept.note
    else:
        note = Path(named).read_text(encoding="utf-8")
    try:
        return note, verify.read_checkpoint(note, log_key)
    except ValueError as error:
        raise NoProofError(reason=f"{named} is no checkpoint that the log has signed") from error


def _disclosed(log: reading.Stored, place: int, names: list[str]) -> Proof:
    """The leaf, with some of its fields; nothing of an entry that was dropped with its month."""
    ((_, values),) = log.between(place, place + 1)
    at = values[verify.AT]
    key = log.blinding(entry.month(at)) if at is not None else None
    if key is not None:
        return proof.disclosing(values, key, names)
    if names:
        raise NoProofError(reason="this entry is not there any more; that it was, its hash shows, without --disclose")
    return {}


def _show(as_json: bool, made: Proof, log_key: Key, witness_keys: list[Key]) -> None:
    """Print a proof, which is checked before: what the database says may prove nothing."""
    try:
        proof.check(made, log_key, witness_keys)
    except FaultyProofError as error:
        raise NoProofError(reason=f"what the database has is {error.fault}; run audit verify") from error
    show(as_json, made, json.dumps(made, indent=2))
