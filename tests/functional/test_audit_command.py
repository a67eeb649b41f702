"""`cloison audit`, on a home that is served: sequenced, witnessed, verified in the database and by a stranger."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import tomli_w
from support.api import calling, problem, wanted
from support.desk import RunningRegister
from support.load import people_of
from support.operated import Done, OperatedHome, Served, kill_9, served, wait_until

from cloison.config import ForwardConfig

PEOPLE = 4
AT_ONCE_SECONDS = 2.0
LOOKING_AFTER = ("cloison.audit.sequencer", "cloison.audit.witness", "cloison.audit.forwarder")
FORWARDED = "audit.jsonl"
ALONE = """
import sys
sys.modules["cloison"] = None
sys.path.insert(0, ".")
import verify
sys.exit(verify.main())
"""
TOLD = {"entries", "anchored", "unanchored", "ok", "findings"}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A home of this module's own, where somebody has opened a few people."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"))
    operated.initialise()
    forwarded = ForwardConfig(file=str(operated.folder / FORWARDED))
    settings = msgspec.structs.replace(operated.home.config, forward=forwarded)
    operated.home.settings_file.write_text(tomli_w.dumps(msgspec.to_builtins(settings)), encoding="utf-8")
    try:
        with served(operated) as serving:
            register = RunningRegister(operated.home, operated.folder)
            agent = register.agent(PEOPLE)
            with calling(register, agent) as api:
                api.open(people_of(operated.home, agent))
            wait_until(lambda: verified(operated)["unanchored"] == 0)
            yield serving
    finally:
        operated.stop()


def verified(operated: OperatedHome, *words: str | Path, holds: bool = True) -> dict[str, object]:
    """What `cloison audit verify` says."""
    done = operated.run("audit", "verify", *words, "--json")
    assert done.status == (0 if holds else 1), done
    told: dict[str, object] = done.json()
    assert told.keys() == TOLD
    return told


def by_a_stranger(folder: Path, exported: Done) -> subprocess.CompletedProcess[str]:
    """Verify with nothing but the folder and the keys: no Cloison can be imported."""
    told = exported.json()
    keys = ["--key", told["key"], *(word for key in told["witnesses"] for word in ("--witness", key))]
    command = [sys.executable, "-c", ALONE, ".", *keys]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_log_without_entries(tmp_path: Path) -> None:
    """A home that was just made: nothing is there, nothing is wrong; a folder without a log is none that holds."""
    operated = OperatedHome(tmp_path)
    try:
        operated.do("init")
        assert verified(operated) == {"entries": 0, "anchored": 0, "unanchored": 0, "ok": True, "findings": []}
        exported = operated.run("audit", "export", "log", "--json")
        assert exported.json()["entries"] == 0
        assert operated.run("audit", "verify", "log").status == 2
    finally:
        operated.stop()
    done = by_a_stranger(tmp_path / "log", exported)
    assert (done.returncode, "no log" in done.stderr) == (2, True), done


def test_everything_is_anchored_within_seconds(serving: Served) -> None:
    """Every entry is in the tree, signed and cosigned; nothing does not hold."""
    told = verified(serving.operated)
    assert told["ok"] is True
    assert told["entries"] == told["anchored"]
    assert isinstance(told["anchored"], int)
    assert told["anchored"] > PEOPLE
    for module in LOOKING_AFTER:
        assert serving.child(module).is_running()


def test_a_stranger_verifies_an_exported_folder(serving: Served, tmp_path: Path) -> None:
    """With three files of ours, Python, `cryptography` and the public keys; and finds what was changed afterwards."""
    folder = tmp_path / "log"
    exported = serving.operated.run("audit", "export", folder, "--json")
    assert exported.status == 0, exported
    done = by_a_stranger(folder, exported)
    assert done.returncode == 0, done
    assert "anchored" in done.stdout
    assert verified(serving.operated, folder)["ok"] is True

    entries = next(path / "entries.000000" for path in sorted(folder.iterdir()) if path.is_dir() and path.name == "59")
    data = bytearray(entries.read_bytes())
    for place, kind in ((-20, "changed"), (-1, "unreadable")):
        data[place] ^= 1
        entries.write_bytes(data)
        done = by_a_stranger(folder, exported)
        assert (done.returncode, kind in done.stdout) == (1, True), done
    shutil.rmtree(folder / "59")
    assert (
        by_a_stranger(folder, exported).returncode == 0
    )  # nobody can see which segments there are: see the threat model


def test_killed_they_go_on_where_the_tree_ends(serving: Served) -> None:
    """Sequencer, witness and forwarder are killed, come back, and anchor and forward what was written meanwhile."""
    operated = serving.operated
    before = verified(operated)["anchored"]
    for module in LOOKING_AFTER:
        kill_9(serving.child(module))
    handle = operated.do("accounts", "list")["accounts"][0]["handle"]
    operated.do("accounts", "freeze", handle)

    def anchored() -> bool:
        told = verified(operated)
        return told["unanchored"] == 0 and told["anchored"] != before

    wait_until(anchored, 60)

    def forwarded() -> bool:
        lines = (operated.folder / FORWARDED).read_bytes().splitlines()
        return any(json.loads(line)["metadata"]["event_code"] == "account_frozen" for line in lines)

    wait_until(forwarded, 60)


def test_nothing_is_opened_unwitnessed(serving: Served) -> None:
    """Sequencer and witness stand still, and nothing was signed for long: 503 at once, and what to do; then again."""
    operated = serving.operated
    register = RunningRegister(operated.home, operated.folder)
    agent = register.agent(1)
    (person,) = people_of(operated.home, agent)
    still = [serving.await_child(module) for module in LOOKING_AFTER]
    with calling(register, agent) as api:
        assert api.open([person])[0]["outcome"] == "open"
        for each in still:
            each.suspend()
        with operated.superuser() as superuser:
            superuser.execute("update cloison.log_head set cosigned_at = cosigned_at - interval '700 seconds'")
        began = time.monotonic()
        said = problem(api.post("/v1/people/open", {"requests": [wanted(person)]}), 503, "unwitnessed")
        assert time.monotonic() - began < AT_ONCE_SECONDS
        assert said.retry_after
        for each in still:
            each.resume()
        operated.do("accounts", "freeze", register.agent(1).handle)  # the log grows, and is signed
        wait_until(lambda: api.post("/v1/people/open", {"requests": [wanted(person)]}).is_success)


def test_rewritten_in_the_database(serving: Served) -> None:
    """The command names segment, place and kind, in a table too, and exits with 1."""
    operated = serving.operated
    with operated.superuser() as superuser:
        superuser.execute("update cloison.entry set purpose = 7 where segment = '59' and event = 'open' and number = 1")
    told = verified(operated, holds=False)
    assert told["ok"] is False
    findings = json.loads(json.dumps(told["findings"]))
    assert {(one["segment"], one["kind"]) for one in findings} == {("59", "changed")}
    shown = operated.run("audit", "verify")
    assert (shown.status, "changed" in shown.out) == (1, True)
