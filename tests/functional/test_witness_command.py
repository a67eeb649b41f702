"""`cloison audit witness` on a machine apart, and proofs: over a log that is served, by commands as they are typed."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import metamorphic_log as stranger
import pytest
from support.operated import PROGRAM, Done, OperatedHome, Served, kill_9, served, wait_until

from cloison.audit import reading, tree, verify
from cloison.audit.record import CHECKPOINTS, seen_in
from cloison.audit.witnesses import keys
from cloison.config import write_secret
from cloison.store.embedded import start_database, stop_database

NAME = "second.example.org"
FORGED = "update cloison.log_tile set hashes = overlay(hashes placing sha256('x') from 1) where segment = '00'"


class Machine(NamedTuple):
    """Another machine: no home, a folder of the witness's own, what it was handed."""

    folder: Path
    key: str
    words: list[str]
    environment: dict[str, str]

    def run(self, *words: str) -> Done:
        """`cloison audit witness` there, once."""
        command = [str(PROGRAM), "audit", "witness", *self.words, "--once", *words]
        done = subprocess.run(
            command, env=self.environment, cwd=self.folder.parent, capture_output=True, text=True, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """The witness, until it is stopped."""
        log = self.folder.parent / "witness.log"
        with log.open("a") as output:
            command = [str(PROGRAM), "audit", "witness", *self.words]
            process = subprocess.Popen(
                command, env=self.environment, cwd=self.folder.parent, stderr=output, stdout=output, text=True
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)

    def said(self) -> str:
        """What it said while it ran."""
        return (self.folder.parent / "witness.log").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A home of this module's own, served, whose log is anchored."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"))
    operated.initialise()
    try:
        with served(operated) as serving:
            wait_until(lambda: operated.run("audit", "prove", "00", "--leaf", "0").status == 0)
            yield serving
    finally:
        operated.stop()


@pytest.fixture(scope="module")
def machine(serving: Served, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A second witness, known to the register."""
    folder = tmp_path_factory.mktemp("machine") / "witness"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLOISON_")}
    begun = Machine(folder, "", ["--folder", str(folder), "--name", NAME], environment)
    key = begun.run("--json").json()["key"]
    assert key.startswith(f"{NAME}+")
    told = serving.operated.do("audit", "witnesses", "add", key)
    password = folder.parent / "password"  # carried over by hand
    write_secret(password, Path(told["password_file"]).read_text(encoding="utf-8"))
    words = ["--database", told["database"], "--password-file", str(password), "--log-key", told["log_key"]]
    return Machine(folder, key, begun.words + words, environment)


def listed(operated: OperatedHome) -> dict[str, str | None]:
    """When each witness signed last, by name."""
    return {one["name"]: one["signed_at"] for one in operated.do("audit", "witnesses", "list")["witnesses"]}


def newest(operated: OperatedHome) -> str:
    """The newest checkpoint of segment 00 that counts."""
    with operated.superuser() as superuser:
        log = reading.Stored(lambda: superuser, "00")
        return verify.newest(log.checkpoints(), *keys(operated.home))


def newest_size(operated: OperatedHome) -> int:
    """How many leaves it has."""
    return verify.read_checkpoint(newest(operated), log_key(operated)).size


def log_key(operated: OperatedHome) -> verify.Key:
    """The log's."""
    return verify.Key.read(operated.home.log_public.read_text(encoding="utf-8"))


def connected(operated: OperatedHome) -> bool:
    """Whether the second witness is."""
    with operated.superuser() as superuser:
        found = (
            "select from pg_stat_activity where application_name = 'cloison witness' and usename <> 'cloison_witness'"
        )
        return superuser.execute(found).fetchone() is not None


def grow(operated: OperatedHome) -> None:
    """Something happens in the log of segment 00: an organisation is asked for."""
    operated.do("organisations", "create", f"Agence {os.urandom(4).hex()}")


def test_second_witness_signs_beside_the_first(serving: Served, machine: Machine) -> None:
    """It looks once, signs every log, keeps what it signed; both signatures stand; the register lists who signed."""
    done = machine.run("--json")
    assert (done.status, done.json()["ok"], done.json()["alarms"]) == (0, True, []), done
    assert "00" in done.json()["sizes"]
    assert seen_in(machine.folder)["00"].size == done.json()["sizes"]["00"]
    table = machine.run()
    assert (table.status, "leaves signed for" in table.out) == (0, True)
    signed = listed(serving.operated)
    assert (len(signed), signed[NAME] is not None) == (2, True)

    def both() -> bool:
        machine.run()
        found = verify.read_checkpoint(newest(serving.operated), *keys(serving.operated.home))
        return len(found.cosigned) == 2

    wait_until(both)
    assert serving.operated.do("audit", "verify")["ok"] is True
    assert (machine.folder / "witness.key").stat().st_mode & 0o077 == 0


def test_another_log_is_none_of_its(machine: Machine, tmp_path: Path) -> None:
    """The log's key is pinned at the first run; a folder is one witness's and one process's."""
    other = verify.Key("log.example.org", verify.ED25519, bytes(32)).text
    done = machine.run("--log-key", other)
    assert (done.status, "is of a witness to another log" in done.err) == (1, True), done
    done = machine.run("--database", "nonsense")
    assert (done.status, "no connection string" in done.err) == (1, True), done
    away = machine.run("--database", f"host={tmp_path} user=nobody dbname=nothing")
    assert (away.status, "database_unavailable" in away.err) == (1, True), away


def test_killed_and_cut_off_it_goes_on(serving: Served, machine: Machine) -> None:
    """Killed at any time, and with the database away, it comes back to where it was; it says so once."""
    operated = serving.operated

    def caught_up() -> bool:
        return seen_in(machine.folder)["00"].size >= newest_size(operated)

    before = seen_in(machine.folder)["00"].size
    with machine.running() as process:
        grow(operated)
        wait_until(lambda: seen_in(machine.folder)["00"].size > before)
        second = machine.run()
        assert (second.status, "another process witnesses in" in second.err) == (1, True), second
        process.send_signal(signal.SIGKILL)
        process.wait()
    with machine.running():
        wait_until(lambda: connected(operated))
        stop_database(operated.home)
        wait_until(lambda: "nothing can be signed" in machine.said())
        start_database(operated.home)
        grow(operated)
        wait_until(caught_up, 60)
    assert machine.said().count("nothing can be signed") == 1
    lines = (machine.folder / CHECKPOINTS / "00").read_text(encoding="utf-8").splitlines()
    sizes = [json.loads(line)["size"] for line in lines]
    assert sizes == sorted(set(sizes))


def test_inclusion_for_a_stranger(serving: Served, tmp_path: Path) -> None:
    """An entry by leaf, or by author and number; what is disclosed, and nothing else; a stranger's program agrees."""
    operated = serving.operated
    by_number = operated.do(
        *("audit", "prove", "00", "--account", "00000000-0000-0000-0000-000000000000", "--number", "1"),
        *("--disclose", "event", "--disclose", "at", "--disclose", "device"),
    )
    by_leaf = operated.do("audit", "prove", "00", "--leaf", str(by_number["index"]))
    assert (by_leaf["leaf"], by_leaf["disclosed"]) == (by_number["leaf"], {})
    assert set(by_number["disclosed"]) == {"event", "at"}
    checked = asked_offline(operated, tmp_path, by_number)
    event = bytes.fromhex(by_number["disclosed"]["event"]["value"]).decode()
    assert (checked["ok"], checked["fields"]["event"]) == (True, event)
    leaf = hashlib.sha256(b"\0" + bytes.fromhex(by_number["leaf"])).digest()
    path = [bytes.fromhex(each) for each in by_number["path"]]
    key = [log_key(operated).text]
    stranger.checkpoint_verify_inclusion(by_number["checkpoint"], key, by_number["index"], leaf, path)
    with pytest.raises(stranger.VerifyError):
        stranger.checkpoint_verify_inclusion(by_number["checkpoint"], key, by_number["index"] + 1, leaf, path)
    by_number["index"] += 1
    assert asked_offline(operated, tmp_path, by_number, status=1) == {"ok": False, "fault": "not_included"}
    for words, said in (
        (("00", "--leaf", "1000000"), "has no such entry"),
        (("zz", "--leaf", "0"), "no checkpoint"),
    ):
        done = operated.run("audit", "prove", *words)
        assert (done.status, said in done.err) == (1, True), done
    assert operated.run("audit", "prove", "00", "--leaf", "0", "--disclose", "name").status == 2


def test_consistency_for_a_stranger(serving: Served, machine: Machine, tmp_path: Path) -> None:
    """Between a checkpoint that a witness kept and the newest; a fork and a rollback prove nothing."""
    operated = serving.operated
    lines = (machine.folder / CHECKPOINTS / "00").read_text(encoding="utf-8").splitlines()
    old, size = json.loads(lines[0])["note"], json.loads(lines[0])["size"]
    (tmp_path / "old").write_text(old, encoding="utf-8")
    grow(operated)
    wait_until(lambda: newest_size(operated) > size)
    made = operated.do("audit", "consistency", tmp_path / "old")
    assert asked_offline(operated, tmp_path, made)["ok"] is True
    path = [bytes.fromhex(each) for each in made["path"]]
    stranger.checkpoint_verify_consistency(made["old"], made["new"], [log_key(operated).text], path)
    with pytest.raises(stranger.VerifyError):
        stranger.checkpoint_verify_consistency(made["new"], made["old"], [log_key(operated).text], path)
    ours = seen_in(operated.home.witness)["00"].size
    assert operated.do("audit", "consistency", str(ours), "--segment", "00")["proves"] == "consistency"
    (tmp_path / "new").write_text(made["new"], encoding="utf-8")
    for words, said in (
        ((tmp_path / "new", tmp_path / "old"), "rolled back"),
        ((operated.home.log_public,), "no checkpoint that the log has signed"),
    ):
        done = operated.run("audit", "consistency", *words)
        assert (done.status, said in done.err) == (1, True), done


def test_exported_tiles_are_any_programs(serving: Served, tmp_path: Path) -> None:
    """The folder is a log of C2SP tlog-tiles: from its tiles alone a stranger proves every leaf."""
    folder = tmp_path / "log"
    serving.operated.do("audit", "export", folder)
    place, key = folder / "00", [log_key(serving.operated).text]
    note = (place / "checkpoint").read_text(encoding="utf-8")
    size = stranger.checkpoint_verify(note, key).size
    hashes = (place / "tile" / "0" / f"000.p/{size}").read_bytes()
    assert len(hashes) == 32 * size < 32 * 256
    for index in range(size):
        leaf = hashes[32 * index : 32 * index + 32]
        path = tree.inclusion_proof(index, size, lambda _: hashes)
        stranger.checkpoint_verify_inclusion(note, key, index, leaf, path)


def test_alarms(serving: Served, machine: Machine) -> None:
    """The tree is not what it was: exit code, list, one alert, an entry; doctor misses who signs no more."""
    operated = serving.operated
    kill_9(serving.child("cloison.audit.witness"))
    with operated.superuser() as superuser:
        superuser.execute(FORGED)
        grow(operated)

        def forked() -> bool:
            done = machine.run("--json")
            return done.status == 1 and done.json()["alarms"] == [{"segment": "00", "alarm": "forked"}]

        wait_until(forked)
        assert "forked" in machine.run().out
        kinds = [one["kind"] for one in operated.do("alerts")["alerts"]]
        assert kinds.count("log_forked") == 1
        superuser.execute("update cloison.log_cosignature set at = at - interval '1 hour'")
        superuser.execute("update cloison.log_head set begun_at = begun_at - interval '1 hour'")
    checks = {one["name"]: one for one in operated.run("doctor", "--json").json()["checks"]}
    assert (checks["witnesses"]["ok"], NAME in checks["witnesses"]["advice"]) == (False, True)
    assert checks["rights"]["ok"] is True


def test_removed(serving: Served, machine: Machine) -> None:
    """A witness that is removed has no login, and its signature counts for nothing."""
    operated = serving.operated
    operated.do("audit", "witnesses", "remove", machine.key)
    assert NAME not in listed(operated)
    done = machine.run()
    assert (done.status, "database_unavailable" in done.err) == (1, True), done
    again = operated.run("audit", "witnesses", "remove", machine.key)
    assert (again.status, "no witness that was added" in again.err) == (1, True)
    done = operated.run("audit", "witnesses", "add", log_key(operated).text)
    assert (done.status, "the key of a log" in done.err) == (1, True), done


def asked_offline(operated: OperatedHome, folder: Path, made: Any, status: int = 0) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """What `audit check` says of a proof, without a home, by keys alone."""
    (folder / "proof.json").write_text(json.dumps(made), encoding="utf-8")
    words = ["--key", log_key(operated).text]
    for key in keys(operated.home)[1]:
        words += ["--witness", key.text]
    done = operated.run("audit", "check", folder / "proof.json", *words, "--json", CLOISON_HOME=str(folder / "none"))
    assert done.status == status, done
    told: dict[str, Any] = done.json()
    return told
