"""Somebody who has taken the register shows witnesses something else, or one witness works against the others."""

import base64
import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from support.database import SEGMENT, Database
from support.logged import SEED_BYTES, Logged
from support.meter import fails

from cloison.audit import verify
from cloison.audit.checkpoint import Signer
from cloison.audit.record import CHECKPOINTS, Kept, Record, seen_in
from cloison.audit.sequencer import Sequencer
from cloison.audit.verify import Checkpoint, Kind, Report
from cloison.audit.witness import EVERYWHERE, Alarm, Found, Witness
from cloison.audit.witnesses import login_of
from cloison.store.schema import admit_witness, dismiss_witness

TREE = ("log_tile", "log_batch", "log_author", "log_cosignature", "log_head")


class Second:
    """A witness beside the first: a folder, a key and a login of its own."""

    def __init__(self, logged: Logged, folder: Path) -> None:
        """Admitted; it has seen nothing yet."""
        self.logged, self.folder = logged, folder
        self.signer = Signer("second.example.org", verify.COSIGNATURE, secrets.token_bytes(SEED_BYTES))
        self.login = login_of(self.signer.key)
        password = secrets.token_urlsafe()
        with logged.superuser() as superuser:
            admit_witness(superuser, self.login, password)
        info = make_conninfo(logged.database.conninfo("witness"), user=f"cloison_{self.login}", password=password)
        self.connection = psycopg.connect(info, autocommit=True)
        self.witness = Witness(folder, self.signer, logged.signer.key)

    def look(self) -> list[Found]:
        """What it finds."""
        return self.witness.step(self.connection)

    def close(self) -> None:
        """Dismissed."""
        self.connection.close()
        with self.logged.superuser() as superuser:
            dismiss_witness(superuser, self.login)

    def report(self) -> Report:
        """What a verifier says who knows both witnesses."""
        keys = [self.logged.cosigner.key, self.signer.key]
        return verify.verify(self.logged.log(), self.logged.signer.key, keys)

    def checkpoint(self) -> Checkpoint:
        """The newest that counts."""
        keys = [self.logged.cosigner.key, self.signer.key]
        note = verify.newest(self.logged.log().checkpoints(), self.logged.signer.key, keys)
        return verify.read_checkpoint(note, self.logged.signer.key, keys)


@pytest.fixture
def logged(database: Database, tmp_path: Path) -> Iterator[Logged]:
    """A log with a few authors, anchored."""
    found = Logged(database, tmp_path / "first")
    found.opened()
    found.anchor()
    yield found
    found.close()


@pytest.fixture
def second(logged: Logged, tmp_path: Path) -> Iterator[Second]:
    """A second witness, which has signed too."""
    found = Second(logged, tmp_path / "second")
    assert found.look() == []
    yield found
    found.close()


def names(logged: Logged, second: Second) -> set[str]:
    """What both witnesses are called."""
    return {logged.cosigner.key.name, second.signer.key.name}


def test_second_signature_keeps_the_first(logged: Logged, second: Second) -> None:
    """Both stand on one note; each signs again for itself, and the other's stays."""
    assert set(second.checkpoint().cosigned) == names(logged, second)
    logged.opened(2)
    logged.anchor()
    assert set(second.checkpoint().cosigned) == {logged.cosigner.key.name}  # one has looked: it suffices
    assert second.report().findings == []
    second.look()
    assert set(second.checkpoint().cosigned) == names(logged, second)


@pytest.mark.parametrize("what", ["under its name", "in its place", "garbage"])
def test_one_witness_replaces_the_signature_of_another(logged: Logged, second: Second, what: str) -> None:
    """A witness writes whatever it likes as its own note; the other's signature stands and is found."""
    first = logged.cosigner.key
    note = logged.log().checkpoints()[0]
    text = verify.text_of(note)
    forged = f"{verify.SIGNATURE_LINE}{first.name} {base64.b64encode(first.number + bytes(72)).decode()}\n"
    log_line = note[len(text) + 1 :].splitlines(keepends=True)[0]
    written = {
        "under its name": f"{text}\n{log_line}{forged}",
        "in its place": f"{text}\n{forged}",
        "garbage": f"x\n\n{verify.SIGNATURE_LINE}{first.name} ***\n",
    }[what]
    size = second.checkpoint().size
    assert second.connection.execute("select cloison.cosign_v1(%s, %s, %s)", (SEGMENT, size, written)).fetchone() == (
        True,
    )
    assert set(second.checkpoint().cosigned) == {first.name}
    assert second.report().findings == []


def test_forged_line_beside_the_true_one(logged: Logged, second: Second) -> None:
    """Of two lines under one name and key the one that holds counts, whichever comes last."""
    first = logged.cosigner.key
    forged = f"{verify.SIGNATURE_LINE}{first.name} {base64.b64encode(first.number + bytes(72)).decode()}\n"
    honest = next(note for note in logged.log().checkpoints() if first.name in note)
    found = verify.read_checkpoint(honest + forged, logged.signer.key, [first, second.signer.key])
    assert first.name in found.cosigned


def test_witness_changes_nothing_else(second: Second) -> None:
    """Its login reads no entry, no author, no key and no signature of another, and writes into no table."""
    for table in ("entry", "log_author", "log_blinding", "log_cosignature", "person", "account"):
        with fails("42501"):
            second.connection.execute(sql.SQL("select * from cloison.{}").format(sql.Identifier(table)))
    with fails("42501"):
        second.connection.execute("delete from cloison.log_cosignature")
    with fails("42501"):
        second.connection.execute("select cloison.unsequenced_v1(null, 1)")


def test_size_beyond_the_tree(second: Second) -> None:
    """What a witness says it signed keeps no honest one from signing: no size beyond the tree is taken."""
    before = second.logged.database.one("select cosigned_size from cloison.log_head where segment = %s", SEGMENT)
    taken = second.connection.execute("select cloison.cosign_v1(%s, %s, 'x')", (SEGMENT, 10**9)).fetchone()
    assert taken == (False,)
    assert before == second.logged.database.one(
        "select cosigned_size from cloison.log_head where segment = %s", SEGMENT
    )


def test_fork_between_two_witnesses(logged: Logged, second: Second) -> None:
    """Each is shown a log of its own, signed by the log's stolen key: a verifier who knows both finds it."""
    logged.opened(4)
    logged.anchor()
    session = logged.opened(1)
    with logged.superuser() as superuser:
        for table in TREE:
            superuser.execute(
                sql.SQL("create table public.{0} as select * from cloison.{0}").format(sql.Identifier(table))
            )
        superuser.execute("update cloison.entry set purpose = 5 where account = %s and number = 1", (session.account,))
        logged.sequence()
        assert second.look() == []  # to whom this is a continuation
        forked = superuser.execute(
            "select * from cloison.log_cosignature where witness = %s", (f"cloison_{second.login}",)
        ).fetchall()
        superuser.execute("update cloison.entry set purpose = 0 where account = %s and number = 1", (session.account,))
        superuser.execute("set session_replication_role = replica")
        for table in TREE:
            name = sql.Identifier(table)
            superuser.execute(sql.SQL("delete from cloison.{0}").format(name))
            superuser.execute(sql.SQL("insert into cloison.{0} select * from public.{0}").format(name))
        logged.sequencer = Sequencer(logged.sequencing, logged.signer)
        logged.anchor()
        assert second.report().findings == []  # the first one's log holds
        superuser.execute("delete from cloison.log_cosignature where witness = %s", (f"cloison_{second.login}",))
        superuser.cursor().executemany("insert into cloison.log_cosignature values (%s, %s, %s, %s, %s)", forked)
    assert {finding.kind for finding in second.report().findings} == {Kind.FORKED}
    assert second.look() == [Found(SEGMENT, Alarm.FORKED)]


def test_rollback_that_the_first_witness_has_forgotten(logged: Logged, second: Second, tmp_path: Path) -> None:
    """Database and first witness's disk are those of yesterday: the first one signs, the second one alarms."""
    with logged.superuser() as superuser:
        names = ("entry", "ledger", *TREE)
        for name in map(sql.Identifier, names):
            superuser.execute(sql.SQL("create table public.{0} as select * from cloison.{0}").format(name))
        logged.opened(5)
        logged.anchor()
        assert second.look() == []
        superuser.execute("set session_replication_role = replica")
        for name in map(sql.Identifier, reversed(names)):
            superuser.execute(sql.SQL("delete from cloison.{0}").format(name))
        for name in map(sql.Identifier, names):
            superuser.execute(sql.SQL("insert into cloison.{0} select * from public.{0}").format(name))
    forgetful = Witness(tmp_path / "anew", logged.cosigner, logged.signer.key)
    assert forgetful.step(logged.witnessing) == []
    assert second.look() == [Found(SEGMENT, Alarm.ROLLED_BACK)]
    seen = seen_in(second.folder)[SEGMENT]
    report = verify.verify(logged.log(), logged.signer.key, [logged.cosigner.key], seen)
    assert {finding.kind for finding in report.findings} == {Kind.ROLLED_BACK}


def test_log_that_is_gone(logged: Logged, second: Second) -> None:
    """A segment's log is taken away as a whole."""
    with logged.superuser() as superuser:
        superuser.execute("delete from cloison.log_head where segment = %s", (SEGMENT,))
    assert second.look() == [Found(SEGMENT, Alarm.ROLLED_BACK)]


def test_tiles_that_are_not_the_checkpoints(logged: Logged, tmp_path: Path) -> None:
    """A witness that comes later does not sign a root without the hashes that it is of."""
    with logged.superuser() as superuser:
        forged = "update cloison.log_tile set hashes = overlay(hashes placing sha256('x') from 1) where segment = %s"
        superuser.execute(forged, (SEGMENT,))
    late = Witness(tmp_path / "late", logged.cosigner, logged.signer.key)
    assert late.step(logged.witnessing) == [Found(SEGMENT, Alarm.FORKED)]


ORDERS = {
    "a number left out": "numbers[1] = numbers[1] + 1",
    "a number given twice": "numbers[1] = numbers[1] - 1",
    "one entry too many": "counts[1] = counts[1] + 1",
    "an author twice": "authors = authors || authors[1], numbers = numbers || numbers[1], counts = counts || 1",
    "leaves left out": "first = first + 1",
}


@pytest.mark.parametrize("change", ORDERS)
def test_entry_out_of_order(logged: Logged, second: Second, change: str) -> None:
    """The tree grew, but what the register says of its leaves does not follow on what it said before."""
    logged.opened(2)
    logged.sequence()
    with logged.superuser() as superuser:
        newest = "where segment = %s and first = (select max(first) from cloison.log_batch where segment = %s)"
        changed = f"update cloison.log_batch set {ORDERS[change]} {newest}"  # noqa: S608 - a constant
        superuser.execute(changed.encode(), (SEGMENT, SEGMENT))
    assert second.look() == [Found(SEGMENT, Alarm.OUT_OF_ORDER)]
    assert second.look() == [Found(SEGMENT, Alarm.OUT_OF_ORDER)]
    before = seen_in(second.folder)[SEGMENT].size
    assert second.checkpoint().size == before  # nothing of it is signed


def test_order_is_known_after_a_restart(logged: Logged, second: Second) -> None:
    """What is lost of the order is read again from the first leaf on: old batches that were changed are found."""
    assert Witness(second.folder, second.signer, logged.signer.key).step(second.connection) == []
    with logged.superuser() as superuser:
        changed = "update cloison.log_batch set numbers[1] = numbers[1] + 1 where first = 0 and segment = %s"
        superuser.execute(changed, (SEGMENT,))
    again = Witness(second.folder, second.signer, logged.signer.key)
    assert again.step(second.connection) == [Found(SEGMENT, Alarm.OUT_OF_ORDER)]


def test_stalled(logged: Logged, second: Second) -> None:
    """Nobody has signed the log for two minutes."""
    with logged.superuser() as superuser:
        older = "update cloison.log_head set signed_at = signed_at - interval '121 seconds' where segment = %s"
        superuser.execute(older, (SEGMENT,))
    assert second.look() == [Found(SEGMENT, Alarm.STALLED)]


@pytest.mark.parametrize("hours", [672, -1])
def test_turned_clock(logged: Logged, second: Second, hours: int) -> None:
    """The database's clock was turned: no log is signed, whatever it says."""
    turned = (
        "create or replace function cloison.log_now_v1() returns timestamptz language sql volatile security definer "
        f"set search_path = pg_catalog, cloison, pg_temp return clock_timestamp() + interval '{hours} hours'"
    )
    with logged.superuser() as superuser:
        superuser.execute(turned.encode())
    assert second.look() == [Found(EVERYWHERE, Alarm.CLOCK)]


def test_segment_that_leads_out_of_the_folder(logged: Logged, second: Second) -> None:
    """The log's key was stolen too, and a segment is called like a file elsewhere: nothing is written there."""
    name = "../../elsewhere"
    note = logged.signer.checkpoint(f"{logged.signer.key.name}/{name}", 0, verify.NOT_BEGUN.root)
    with logged.superuser() as superuser:
        superuser.execute(
            "insert into cloison.log_head (segment, begun_at, note, signed_at) values (%s, now(), %s, now())",
            (name, note),
        )
    assert second.look() == [Found(name, Alarm.UNSIGNED)]
    assert sorted(path.name for path in (second.folder / CHECKPOINTS).iterdir()) == list(second.witness.sizes)
    with pytest.raises(ValueError, match="no segment"):
        Record(second.folder).keep(name, Kept(0, "", 0, ""))


def test_torn_record(logged: Logged, second: Second) -> None:
    """A kill cuts a line off: the next one is kept whole behind it, and rolled back to before it is not signed."""
    path = second.folder / CHECKPOINTS / SEGMENT
    with path.open("ab") as file:
        file.write(path.read_bytes()[:70])
    second.witness = Witness(second.folder, second.signer, logged.signer.key)
    logged.opened(2)
    logged.anchor()
    assert second.look() == []
    assert seen_in(second.folder)[SEGMENT].size == logged.entries()


def test_every_checkpoint_is_kept(logged: Logged, second: Second) -> None:
    """Each with the log's signature and its own, in their order; signing again adds none."""
    for _ in range(2):
        logged.opened(1)
        logged.anchor()
        second.look()
        second.look()
    lines = (second.folder / CHECKPOINTS / SEGMENT).read_bytes().splitlines()
    notes = [json.loads(line)["note"] for line in lines]
    kept = [verify.read_checkpoint(note, logged.signer.key, [second.signer.key]) for note in notes]
    assert [each.size for each in kept] == sorted({each.size for each in kept})
    assert (len(kept), all(each.cosigned for each in kept)) == (3, True)


def test_alarm_is_an_alert_and_an_entry(logged: Logged, second: Second) -> None:
    """It is told once an hour and log, by a login that can write nothing else; unknown words and places are refused."""
    tell = "select cloison.log_alarm_v1(%s, %s)"
    for _ in range(3):
        second.connection.execute(tell, (SEGMENT, Alarm.FORKED))
    second.connection.execute(tell, ("nowhere", Alarm.ROLLED_BACK))
    alerts = "select segment, kind::text from cloison.alert order by 1"
    assert logged.database.owner.execute(alerts).fetchall() == [("00", "log_rolled_back"), (SEGMENT, "log_forked")]
    told = "select count(*) from cloison.entry join cloison.alert using (segment, account, number) where event = %s"
    assert logged.database.one(told, "log_alarmed") == 2
    with fails("22P02"):
        second.connection.execute(tell, (SEGMENT, "protected"))


def test_time_of_a_signature_is_the_witnesses_own(second: Second) -> None:
    """Whoever reads the note learns when it was signed, by a clock that the register does not turn."""
    assert all(abs(at - time.time()) < 60 for at in second.checkpoint().cosigned.values())
