"""The database's superuser rewrites the audit log: every change before the last cosigned checkpoint is found."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql
from support.database import SEGMENT, Database
from support.logged import Logged
from support.meter import Clock
from support.signing import NOWHERE, asked, begun, member, newcomer, sign

from cloison.audit import entry, verify
from cloison.audit.checkpoint import Signer
from cloison.audit.sequencer import Sequencer
from cloison.audit.verify import Kind
from cloison.audit.witness import EVERYWHERE, Alarm, Found

SECOND = b" where account = %(a)s and number = 2"
OTHERS = b"(select organisation from cloison.organisation where name = 'Other')"
FORGED_TILE = b"overlay(hashes placing sha256('x') from 33)"


class Change(NamedTuple):
    """What a superuser does, `a` being one author, and how it is found."""

    statement: bytes
    kind: Kind


def entry_set(what: bytes) -> Change:
    """One entry is another."""
    return Change(b"update cloison.entry set " + what + SECOND, Kind.CHANGED)


CHANGES = {
    "another person": entry_set(b"person = gen_random_uuid()"),
    "another purpose": entry_set(b"purpose = 5"),
    "another outcome": entry_set(b"outcome = 'scope'"),
    "nobody": entry_set(b"person = null"),
    "back-dated": entry_set(b"at = at - interval '1 microsecond'"),
    "taken out": Change(b"delete from cloison.entry" + SECOND, Kind.MISSING),
    "cut off": Change(b"delete from cloison.entry where account = %(a)s and number >= 3", Kind.MISSING),
    "an author taken out": Change(b"delete from cloison.entry where account = %(a)s", Kind.MISSING),
    "exchanged": Change(
        b"update cloison.entry e set person = o.person from cloison.entry o "
        b"where e.account = %(a)s and o.account = e.account and (e.number, o.number) in ((2, 3), (3, 2))",
        Kind.CHANGED,
    ),
    "put in": Change(
        b"insert into cloison.entry (segment, account, number, at, event, outcome) "
        b"select segment, account, 0, at, event, outcome from cloison.entry" + SECOND,
        Kind.INSERTED,
    ),
    "somebody else's": Change(
        b"update cloison.account set organisation = " + OTHERS + b" where account = %(a)s", Kind.CHANGED
    ),
    "batch taken out": Change(b"delete from cloison.log_batch where first = 0 and %(a)s is not null", Kind.MISSING),
    "tile changed": Change(
        b"update cloison.log_tile set hashes = " + FORGED_TILE + b" where level = 0 and %(a)s is not null",
        Kind.REWRITTEN,
    ),
    "tiles taken out": Change(b"delete from cloison.log_tile where %(a)s is not null", Kind.REWRITTEN),
    "blinding key changed": Change(
        b"update cloison.log_blinding set key = sha256('x') where %(a)s is not null", Kind.CHANGED
    ),
    "checkpoints taken out": Change(
        b"with taken as (delete from cloison.log_cosignature) delete from cloison.log_head where %(a)s is not null",
        Kind.UNSIGNED,
    ),
}


@pytest.fixture
def logged(database: Database, tmp_path: Path) -> Iterator[Logged]:
    """A log with a few authors, anchored."""
    found = Logged(database, tmp_path)
    found.opened()
    yield found
    found.close()


def test_honest_log_holds(logged: Logged) -> None:
    """Everything is in the tree, and the tail is known by number."""
    assert logged.anchor() > 0
    report = logged.report()
    assert report.findings == []
    assert report.unanchored == 0
    logged.opened(4)
    new = logged.entries() - report.anchored
    assert new > 4
    assert logged.report() == (SEGMENT, report.anchored, new, 0, [])
    assert logged.sequence() == new
    assert logged.report() == (SEGMENT, report.anchored, new, 0, [])
    assert logged.witnessed() == []
    assert logged.report() == (SEGMENT, report.anchored + new, 0, 0, [])
    assert logged.findings() == []


def test_looked_at_while_the_witness_signs(logged: Logged) -> None:
    """What it has kept, and not given out yet, is newer than the checkpoint it has cosigned; nothing is wrong."""
    logged.anchor()
    before = "select size, note from cloison.log_cosignature where segment = %s"
    with logged.superuser() as superuser:
        row = superuser.execute(before, (SEGMENT,)).fetchone()
        logged.opened(4)
        added = logged.anchor()
        back = "update cloison.log_cosignature set (size, note) = (%s, %s) where segment = %s"
        superuser.execute(back, (*(row or ()), SEGMENT))
    assert (logged.findings(), logged.report().unanchored) == ([], added)


@pytest.mark.parametrize("change", CHANGES)
def test_rewritten(logged: Logged, change: str) -> None:
    """Each way is found, by what it is."""
    session = logged.opened(5)
    logged.database.account(organisation="Other")
    logged.anchor()
    assert logged.findings() == []
    with logged.superuser() as superuser:
        superuser.execute("set session_replication_role = replica")
        superuser.execute(CHANGES[change].statement, {"a": session.account})
    assert CHANGES[change].kind in logged.kinds()


def test_one_entry_is_named(logged: Logged) -> None:
    """The place in the tree of what was changed, and nothing else."""
    session = logged.opened(5)
    logged.anchor()
    with logged.superuser() as superuser:
        superuser.execute("update cloison.entry set purpose = 5 where account = %s and number = 3", (session.account,))
    (finding,) = logged.findings()
    log = logged.log()
    its_own = [session.account.bytes, entry.written(3)]
    places = [place for place, values in log.entries(0) if list(values[1:3]) == its_own]
    assert [finding.entry] == places


def test_log_made_anew_with_another_key(logged: Logged) -> None:
    """Tree, tiles and checkpoint recomputed over other entries, signed by a key of the superuser's."""
    session = logged.opened(5)
    logged.anchor()
    forger = Signer(logged.signer.key.name, verify.ED25519, bytes(32))
    rewrite(logged, session.account, forger)
    assert Kind.UNSIGNED in logged.kinds()
    assert Found(SEGMENT, Alarm.UNSIGNED) in logged.witnessed()


def test_log_made_anew_with_the_logs_own_key(logged: Logged) -> None:
    """The sequencer's key was stolen, too: the witness does not sign, and its record convicts the log."""
    session = logged.opened(5)
    logged.anchor()
    rewrite(logged, session.account, logged.signer)
    assert Kind.FORKED in logged.kinds()
    assert logged.report().anchored == 0  # no witness has signed what there is now
    assert Found(SEGMENT, Alarm.FORKED) in logged.witnessed()


def test_witness_kept_away(logged: Logged) -> None:
    """A log that no witness has signed ten minutes after its first entry is not believed."""
    logged.opened(3)
    logged.sequence()
    assert (logged.report().findings, logged.report().anchored) == ([], 0)
    with logged.superuser() as superuser:
        superuser.execute("update cloison.entry set at = at - interval '11 minutes'")
    assert Kind.UNSIGNED in logged.kinds()


@pytest.mark.parametrize("what", ["public_key", "authenticator_data", "client_data", "signature", "canonical"])
def test_what_was_signed_is_anchored(logged: Logged, what: str) -> None:
    """An act's bytes, and the passkey's answer of each who signed it, are those that the entry of the signature had."""
    asker, signer = member(logged.database), member(logged.database)
    with logged.database.connect("signin") as login:
        act = asked(login, asker, "account.create", **newcomer())
        assert sign(login, signer, act) == "done"
    logged.anchor()
    assert logged.report(NOWHERE).findings == []
    table = "act" if what == "canonical" else "act_signature"
    forged = sql.SQL("update cloison.{} set {} = 'x' where act = %s")
    with logged.superuser() as superuser:
        superuser.execute(forged.format(sql.Identifier(table), sql.Identifier(what)), (act,))
    assert {finding.kind for finding in logged.report(NOWHERE).findings} == {Kind.CHANGED}
    assert len(logged.report(NOWHERE).findings) == 2  # asked, and signed


def test_device_of_a_session_is_anchored(logged: Logged) -> None:
    """Entries say for which device's key the session is, and it cannot be said otherwise later."""
    who = begun(logged.database, member(logged.database))
    logged.anchor()
    device = entry.NUMBERS["device"] - 1
    said = {values[device] for _, values in logged.log(NOWHERE).entries(0) if values[1] == who.account.bytes}
    assert hashlib.sha256(b"device").digest() in said
    with logged.superuser() as superuser:
        superuser.execute("update cloison.log_session set device = sha256('other')")
    assert {finding.kind for finding in logged.report(NOWHERE).findings} == {Kind.CHANGED}


@pytest.mark.parametrize("days", [0, 40, -3])
def test_inserted_beside_another(logged: Logged, days: int) -> None:
    """A second entry of a number that another one has, of whatever instant: somebody else would have been looked at."""
    logged.opened(3)
    logged.anchor()
    assert logged.findings() == []
    with logged.superuser() as superuser:
        superuser.execute(
            "create temp table copied as select * from cloison.entry where event = 'open' and number = 2 limit 1"
        )
        superuser.execute("update copied set person = gen_random_uuid(), at = at + make_interval(days => %s)", (days,))
        superuser.execute("insert into cloison.entry select * from copied")
    assert logged.kinds() & {Kind.INSERTED, Kind.OUT_OF_ORDER}


def test_clock_turned(logged: Logged) -> None:
    """The database's clock is turned: nothing gets in before what is anchored, and a witness sees it."""
    logged.anchor()
    clock = Clock(logged.database)
    clock.advance(hours=-3)
    logged.opened(2)
    logged.sequencer = Sequencer(logged.sequencing, logged.signer)
    logged.sequence()
    assert logged.witnessed() == [Found(EVERYWHERE, Alarm.CLOCK)]
    assert logged.report().findings == []
    assert logged.report().unanchored > 0


def test_older_backup(logged: Logged) -> None:
    """Entries, tree and checkpoint of yesterday: the log is shorter than what the witness has."""
    logged.anchor()
    names = ("entry", "log_head", "log_cosignature", "log_tile", "log_batch", "log_author", "ledger")
    tables = [sql.Identifier(name) for name in names]
    with logged.superuser() as superuser:
        for table in tables:
            superuser.execute(sql.SQL("create table public.{0} as select * from cloison.{0}").format(table))
        logged.opened(5)
        logged.anchor()
        superuser.execute("set session_replication_role = replica")
        for table in reversed(tables):
            superuser.execute(sql.SQL("delete from cloison.{0}").format(table))
        for table in tables:
            superuser.execute(sql.SQL("insert into cloison.{0} select * from public.{0}").format(table))
    assert logged.kinds() == {Kind.ROLLED_BACK}
    assert Found(SEGMENT, Alarm.ROLLED_BACK) in logged.witnessed()


def test_entries_withheld_before_they_are_sequenced(logged: Logged) -> None:
    """Whoever lacks one in between waits outside of the tree, with what came behind it; all others go on."""
    logged.anchor()
    victim = logged.opened(5)
    with logged.superuser() as superuser:
        superuser.execute("delete from cloison.entry where account = %s and number = 2", (victim.account,))
    before, waiting = logged.entries(), logged.report().unanchored
    logged.opened(2)
    held_back = logged.entries() - before + waiting - logged.anchor()
    assert held_back == 3  # what came behind
    assert Kind.WITHHELD in logged.kinds()


def test_tail_cut_off_before_it_is_sequenced(logged: Logged) -> None:
    """The ledger has counted what is gone."""
    logged.anchor()
    victim = logged.opened(5)
    with logged.superuser() as superuser:
        superuser.execute("delete from cloison.entry where account = %s and number > 2", (victim.account,))
    assert Kind.CUT_OFF in logged.kinds()


def test_fork_for_one_reader(logged: Logged) -> None:
    """Of two logs of one length the witness has signed one; the other has no signature of its."""
    session = logged.opened(5)
    logged.anchor()
    shown = logged.database.one("select note from cloison.log_cosignature where segment = %s", SEGMENT)
    rewrite(logged, session.account, logged.signer)
    forged = str(logged.database.one("select note from cloison.log_head where segment = %s", SEGMENT))
    keys = [logged.cosigner.key]
    honest = verify.read_checkpoint(str(shown), logged.signer.key, keys)
    other = verify.read_checkpoint(forged, logged.signer.key, keys)
    assert (honest.size, list(honest.cosigned)) == (other.size, [logged.cosigner.key.name])
    assert (honest.root != other.root, other.cosigned) == (True, {})


def test_ten_thousand_mutations_in_small(logged: Logged) -> None:
    """Random columns of random entries of the tree, one at a time: none goes unseen. More of them: make soak."""
    logged.opened(6)
    logged.anchor()
    assert unseen(logged, 40) == []


@pytest.mark.soak
def test_ten_thousand_mutations(logged: Logged) -> None:
    """The same, ten thousand times."""
    logged.opened(6)
    logged.anchor()
    assert unseen(logged, 10_000) == []


MUTATIONS = (
    "person = gen_random_uuid()",
    "account = gen_random_uuid()",
    "number = number + 1000",
    "at = at + interval '1 second'",
    "event = 'list'",
    "outcome = 'frozen'",
    "session = gen_random_uuid()",
    "request = gen_random_uuid()",
    "compartments = compartments + 1",
    "purpose = coalesce(purpose, 0) + 1",
    "relation = 'cover'",
    "subject = gen_random_uuid()",
    "amount = coalesce(amount, 0) + 1",
    "version = coalesce(version, 0) + 1",
    "sealed_hash = sha256('x')",
)


def unseen(logged: Logged, times: int) -> list[str]:
    """Mutations that no verifier found."""
    chance = random.Random(times)  # noqa: S311 - a game
    missed = []
    with logged.superuser() as superuser:
        superuser.execute("set session_replication_role = replica")
        places = [
            row[0]
            for row in superuser.execute(
                "select ctid::text from cloison.entry where segment = %s order by 1", (SEGMENT,)
            ).fetchall()
        ]
        for _ in range(times):
            mutation, place = chance.choice(MUTATIONS), chance.choice(places)
            with superuser.transaction(force_rollback=True):
                superuser.execute(b"update cloison.entry set " + mutation.encode() + b" where ctid = %s", (place,))
                logged.database.owner = superuser
                if not logged.report().findings:
                    missed.append(mutation)
    return missed


def rewrite(logged: Logged, account: object, signer: Signer) -> None:
    """Change an entry, and make the whole tree over what is there now."""
    with logged.superuser() as superuser:
        superuser.execute("update cloison.entry set purpose = 5 where account = %s and number = 2", (account,))
        for table in ("log_tile", "log_batch", "log_author", "log_cosignature", "log_head"):
            superuser.execute(sql.SQL("delete from cloison.{}").format(sql.Identifier(table)))
    forger = Sequencer(logged.sequencing, signer)
    while forger.step():
        pass


def test_two_sequencers(logged: Logged) -> None:
    """Of two that read the same entries one is refused, and goes on with what is stored."""
    logged.anchor()
    other = Sequencer(logged.sequencing, logged.signer)
    assert other.step() == 0
    logged.opened(3)
    logged.sequence()
    more = logged.entries()
    logged.opened(3)
    with pytest.raises(psycopg.DatabaseError) as raised:
        other.step()
    assert raised.value.sqlstate == "CL036"
    assert other.step() == logged.entries() - more
    logged.witnessed()
    assert logged.findings() == []
