"""`cloison demo` and `cloison replay`, run as people run them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cloison.config import Home
from cloison.passphrase import beside
from cloison.replay.demo_home import state_file
from cloison.replay.scenarios import SCENARIOS

PEOPLE = 2_500
SECONDS = 110
GIVES_NOTHING = {
    "stolen-dump",
    "stolen-backup",
    "rewritten-log",
    "stolen-password",
    "help-desk-reset",
    "hijacked-cookie",
    "hijacked-manager",
}


class Demo:
    """A home for demos, with a temporary folder of its own so that leftovers are seen."""

    def __init__(self, folder: Path) -> None:
        """Nothing is there yet."""
        self.home = Home(folder / "home")
        self.temporary = folder / "tmp"
        self.temporary.mkdir()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `cloison` with these arguments."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CLOISON_")},
            "CLOISON_HOME": str(self.home.path),
            "TMPDIR": str(self.temporary),
        }
        return subprocess.Popen(
            [sys.executable, "-c", "from cloison.cli import main; main()", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run it to its end: exit code, output, errors."""
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=SECONDS)
        return process.returncode, output, errors

    def leftovers(self) -> list[str]:
        """Processes that belong to the home or the temporary folder, and what is left in the latter."""
        places = (str(self.home.path), str(self.temporary))
        running = [" ".join(p.info["cmdline"] or []) for p in processes() if (p.info["cwd"] or "").startswith(places)]
        return running + [path.name for path in self.temporary.iterdir()]


def processes() -> list[psutil.Process]:
    """Every process with its working folder and command."""
    return [p for p in psutil.process_iter(["cwd", "cmdline"]) if p.info["cwd"] is not None]


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """A folder for the module's demos; near the root, as sockets need short paths."""
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"demo-{os.getpid()}"  # noqa: S108 - made by us alone, below
    folder.mkdir(mode=0o700)
    yield Demo(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def first(demo: Demo) -> tuple[int, str, str]:
    """The first demo in its home."""
    return demo.run("demo", "--people", str(PEOPLE), "--no-serve", "--json")


def rows_of(output: str) -> dict[str, dict[str, Any]]:
    """The scenarios of a scoreboard, the last line of the output."""
    return {row["scenario"]: row for row in json.loads(output.splitlines()[-1])["scenarios"]}


def test_demo_prints_the_scoreboard_alone(first: tuple[int, str, str]) -> None:
    """Standard output holds one line of JSON, standard error the seconds of each step."""
    code, output, errors = first
    assert code == 0, errors
    assert len(output.splitlines()) == 1
    assert json.loads(output)["people"] == PEOPLE
    assert list(rows_of(output)) == [scenario.name for scenario in SCENARIOS]
    assert re.search(r"[0-9.]+ s  in all", errors)


def test_no_attack_takes_more_than_its_bound(first: tuple[int, str, str]) -> None:
    """With the controls on nobody gets more people than was computed before, and never 200."""
    rows = rows_of(first[1])
    over = {name for name, row in rows.items() if not 0 <= row["people_on"] <= row["bound"] <= 200}
    assert over == set()


def test_attacks_get_what_an_honest_session_gets(first: tuple[int, str, str]) -> None:
    """An attack that got nobody at all was no attack; a sealed dump gives nobody, nor does whoever never came in."""
    rows = rows_of(first[1])
    assert {name for name, row in rows.items() if row["people_on"] == 0} == GIVES_NOTHING


def test_attacks_succeed_without_controls(first: tuple[int, str, str]) -> None:
    """The register as it was loses everybody to each of them."""
    rows = rows_of(first[1])
    assert {name: row["people_off"] for name, row in rows.items() if row["people_off"] < PEOPLE} == {}


def test_every_attack_says_what_stopped_it(first: tuple[int, str, str]) -> None:
    """An outcome or an error is named, and the seconds until the last new person are within the attack's time."""
    for row in rows_of(first[1]).values():
        assert row["stopped_by"]
        assert 0 <= row["seconds_to_stop"] < 30


def test_windows_are_reached_and_not_passed(first: tuple[int, str, str]) -> None:
    """The attacker at the edges gets each budget in full, in the worst window wherever it begins, and no more."""
    windows = rows_of(first[1])["window-edges"]["windows"]
    assert windows.keys() == {"minutes_5", "hour", "day", "days_28"}
    assert {name: row["worst"] for name, row in windows.items()} == {
        name: row["bound"] for name, row in windows.items()
    }


def test_demo_leaves_nothing_running(demo: Demo, first: tuple[int, str, str]) -> None:
    """Without --serve no process stays, and no temporary file; the register stays in the home."""
    assert first[0] == 0
    assert demo.leftovers() == []
    assert state_file(demo.home).exists()
    assert beside(demo.home).exists()


def test_second_demo_imports_nobody_and_serves(demo: Demo, first: tuple[int, str, str]) -> None:
    """The same home is attacked again with fresh accounts, then served until interrupted, the JSON staying last."""
    assert first[0] == 0
    process = demo.start("demo", "--people", "5000", "--scenario", "greedy", "--json")
    assert process.stdout is not None
    try:
        rows = rows_of(process.stdout.readline())
        assert list(rows) == ["greedy-session"]
        assert rows["greedy-session"]["people_on"] == rows_of(first[1])["greedy-session"]["people_on"]
        told = told_by(process, until="Ctrl-C")
        assert f"{PEOPLE} people already" in told
        assert "imported" not in told
        try_by_hand(told)
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "")
    assert demo.leftovers() == []


def told_by(process: subprocess.Popen[str], until: str) -> str:
    """What it says on standard error, up to the line with `until`."""
    assert process.stderr is not None
    told = ""
    while until not in told:
        line = process.stderr.readline()
        assert line, told
        told += line
    return told


def try_by_hand(told: str) -> None:
    """The commands that the demo offers work as they are printed."""
    script = textwrap.dedent(told[told.index("import asyncio") - 2 : told.index("  END")])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert "Outcome.OPEN" in done.stdout
    assert "birth_name" in done.stdout


@pytest.mark.soak
def test_replay_plays_what_is_named_and_leaves_nothing(demo: Demo) -> None:
    """A beginning of a name chooses, and the throw-away home is gone afterwards, as is the database."""
    code, output, errors = demo.run("replay", "stolen-d", "--people", "2000", "--json")
    assert code == 0, errors
    assert [row["scenario"] for row in json.loads(output)["scenarios"]] == ["stolen-dump"]
    assert demo.leftovers() == []


def test_unknown_scenario_is_wrong_use(demo: Demo) -> None:
    """A name that no scenario begins with names them all, and exits with 2."""
    code, _, errors = demo.run("replay", "bold-guess")
    assert code == 2
    assert [s.name for s in SCENARIOS if s.name not in re.sub(r"\W*\n\W*", " ", errors)] == []


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
def test_interrupted_replay_leaves_nothing(demo: Demo, number: signal.Signals) -> None:
    """Ctrl-C or a termination in the midst of it leaves no process and no file."""
    process = demo.start("replay", "--people", "2000")
    told_by(process, until="keeper and desk" if number is signal.SIGINT else "register as it was")
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    time.sleep(0.2)
    assert demo.leftovers() == []


def test_home_without_a_demo_is_left_alone(tmp_path: Path) -> None:
    """Where something else lies the demo refuses, with the reason and exit code 1."""
    demo = Demo(tmp_path)
    demo.home.path.mkdir()
    (demo.home.path / "cloison.toml").write_text("", encoding="utf-8")
    code, output, errors = demo.run("demo", "--no-serve")
    assert (code, output) == (1, "")
    assert "was not made by `cloison demo`" in errors
