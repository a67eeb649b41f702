"""The command line as transcripts: what is typed, what is seen, which code it ends with."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from support.operated import PROGRAM, OperatedHome, processes_of, rows_of
from support.operated_acts import signed
from support.transcript import play
from typer.core import TyperGroup
from typer.testing import CliRunner

from cloison.cli.commands import program
from cloison.config import write_secret
from cloison.register import synthetic

SEGMENT = "59"
PEOPLE = 100
# Runs the program of the command line, and interrupts it when it first looks for a module of the commands'.
INTERRUPTED = """
import os, runpy, signal, sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == "psycopg":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatedHome]:
    """A home with a database and an organisation, in which nothing is served."""
    operated = OperatedHome(tmp_path_factory.mktemp("operated"))
    operated.initialise()
    signed(operated, "organisations", "create", "Agence")
    yield operated
    operated.stop()


@pytest.fixture(scope="module")
def people(operated: OperatedHome) -> list[str]:
    """The lines of a file of fictional people of one department, the header first; each test takes its own."""
    synthetic.write(operated.folder / "all.csv", PEOPLE, seed=7, departments=[SEGMENT])
    return (operated.folder / "all.csv").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[OperatedHome]:
    """A folder with settings alone: `init` was not run."""
    nowhere = OperatedHome(tmp_path)
    yield nowhere
    nowhere.stop()


def commands(group: TyperGroup, *words: str) -> Iterator[tuple[str, ...]]:
    """The words of every command and group of commands."""
    yield words
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, *words, name)
        else:
            yield (*words, name)


def test_every_command_explains_itself() -> None:
    """`--help` works for each command and each group, and says in a sentence what it does."""
    app = program()
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for words in commands(group):
        shown = CliRunner().invoke(app, [*words, "--help"])
        assert (shown.exit_code, "Usage: " in shown.output) == (0, True), words


def test_organisations_and_accounts(operated: OperatedHome) -> None:
    """They are asked for, listed when officers signed, and refused by name where they cannot be, with exit code 1."""
    signed(operated, "organisations", "create", "Mission [locale]")
    signed(operated, "accounts", "create", "marie", "--organisation", "Agence", "--segment", "59", "--agency", "lille")
    play(
        operated,
        """
        $ cloison organisations list
        Agence
        Mission [locale]
        Service
        $ cloison accounts create marie --organisation Agence --segment 62
        ! act_impossible: The act cannot be done: the name is taken. Nothing was signed.
        [1]
        $ cloison accounts create jean --organisation Agence --segment 59
        account.create waits as act …: 2 people sign it at http://localhost:…/acts, before 20…
        $ cloison accounts create paul --organisation Agence --segment 59 --role king
        …
        ! …there are adviser, …
        …
        [2]
        $ cloison accounts list
        …
        …account…segment…organisation…agency…role…
        …
        │ marie…59…Agence…lille…adviser…
        …
        $ cloison accounts freeze nobody
        ! unknown_account: There is no account nobody; `cloison accounts list` shows them.
        [1]
        """,
    )


def test_wrong_use_ends_with_2(operated: OperatedHome) -> None:
    """What cannot be understood is told apart from what is refused."""
    play(
        operated,
        """
        $ cloison accounts create paul
        …
        ! …Missing option '--…
        …
        [2]
        $ cloison organisations create ""
        …
        ! …a name has 1 to 200 characters…
        …
        [2]
        $ cloison people synth 10 --out people.xlsx
        …
        ! …must end in .csv…
        …
        [2]
        $ cloison accounts create paul --organisation Agence --segment Lille
        …
        ! …give a department's number, such as 59 or 2A…
        …
        [2]
        $ cloison alerts --since 31/12/2026
        …
        ! …a day is written YYYY-MM-DD…
        …
        [2]
        $ cloison organisations agree Agence --ends 31/12/2026
        …
        ! …a day is written YYYY-MM-DD…
        …
        [2]
        """,
    )


def test_what_is_no_file_of_ours(operated: OperatedHome) -> None:
    """Bytes instead of text, a name instead of a folder: each is told in a line, and nothing of it is repeated."""
    signed(operated, "accounts", "create", "lea", "--organisation", "Agence", "--segment", "59")
    (operated.folder / "bytes.csv").write_bytes(b"\xff\xfe\x00Zyxwvu\n")
    play(
        operated,
        """
        $ cloison caseload import bytes.csv
        ! import_file: The file cannot be imported: row 1 is not UTF-8 or not CSV.
        [1]
        $ cloison accounts holder lea --file bytes.csv
        ! import_file: The file cannot be imported: it is not UTF-8 text.
        [1]
        $ cloison staff import bytes.csv
        ! import_file: The file cannot be imported: bytes.csv is no folder; give the one that holds the files.
        [1]
        $ cloison clients key telephone.pem
        telephone.pem.pub: SHA-256 …
        $ cloison feeds create "A B" --kind telephone --key telephone.pem.pub
        ! bad_request: The request cannot be read: a source's name has 1 to 40 of a-z 0-9 . _ - and …
        [1]
        $ cloison people history 00000000-0000-4000-8000-000000000000
        …
        ! Nothing is recorded under this number: it is nobody's, or not one of this register.
        """,
    )


def write(operated: OperatedHome, name: str, lines: list[str]) -> None:
    """A file in the folder where commands are run."""
    (operated.folder / name).write_text("\n".join([*lines, ""]), encoding="utf-8")


def test_people_from_a_file(operated: OperatedHome, people: list[str]) -> None:
    """People are brought in, and known the second time; a bad file is refused as a whole."""
    write(operated, "people.csv", people[:61])
    write(operated, "tabs.csv", [line.replace(",", "\t") for line in people[:61]])
    write(operated, "words.csv", ["colour,shape", "red,round"])
    play(
        operated,
        """
        $ cloison people synth 5 --out nowhere/five.csv
        ! system_refused: The system refused what was asked (nowhere/five.csv: No such file or directory). …
        [1]
        $ cloison people import people.csv
        60 people new, 0 changed, 0 known, 0 rows rejected, in … s
        $ cloison people import people.csv
        0 people new, 0 changed, 60 known, 0 rows rejected, in … s
        $ cloison people import tabs.csv
        0 people new, 0 changed, 60 known, 0 rows rejected, in … s
        $ cloison people import nobody.csv
        ! import_file: The file cannot be imported: nobody.csv cannot be read (No such file or directory).
        [1]
        $ cloison people import words.csv
        ! import_file: The file cannot be imported: its first row names no column of jobseekers-fr: …
        [1]
        """,
    )


def test_rejected_rows_end_with_1(operated: OperatedHome, people: list[str]) -> None:
    """Good rows come in, bad ones go to the file of rejects, and the exit code says that there are some."""
    write(operated, "mixed.csv", [people[0], *people[61:81], "this,is,no,person"])
    play(
        operated,
        """
        $ cloison people import mixed.csv
        20 people new, 0 changed, 0 known, 1 rows rejected, in … s
        [1]
        """,
    )
    assert [row["row"] for row in rows_of(operated.folder / "mixed.csv.rejects.csv")] == ["22"]


def test_caseloads_from_a_file(operated: OperatedHome, people: list[str]) -> None:
    """Relations come in by account and identifier; refused rows are counted by reason, a bad file is refused."""
    write(operated, "followed.csv", [people[0], *people[81:91]])
    known = [row["identifier"] for row in rows_of(operated.folder / "followed.csv")]
    header = "account,identifier,relation"
    tabbed = (f"claire\t{identifier}\tcaseload" for identifier in known)
    write(operated, "caseload.csv", ["account\tidentifier\trelation", *tabbed])
    write(operated, "wrong.csv", [header, f"nobody,{known[0]},caseload", "claire,,cover", f"claire,{known[0]},friend"])
    write(operated, "header.csv", ["account,shoe_size", "claire,38"])
    signed(operated, "accounts", "create", "claire", "--organisation", "Agence", "--segment", "59")
    play(
        operated,
        """
        $ cloison people import followed.csv
        10 people new, 0 changed, 0 known, 0 rows rejected, in … s
        $ cloison caseload import caseload.csv
        10 relations written; refused: none
        $ cloison caseload import wrong.csv
        0 relations written; refused: …
        [1]
        $ cloison caseload import header.csv
        ! import_file: The file cannot be imported: it needs the columns account and one of nir, identifier; …
        [1]
        """,
    )


def test_json_is_the_last_thing_on_standard_output(operated: OperatedHome, people: list[str]) -> None:
    """With `--json` every command's standard output is one JSON value and nothing else, in refusals nothing at all."""
    write(operated, "few.csv", [people[0], *people[91:94]])
    assert operated.do("init") == {
        "home": str(operated.home.path),
        "profile": "jobseekers-fr",
        "officers": [],
    }
    account = signed(operated, "accounts", "create", "jules", "--organisation", "Agence", "--segment", "59")
    assert (account["details"]["handle"], account["details"]["role"]) == ("jules", "adviser")
    assert operated.do("people", "synth", "3", "--out", "three.csv") == {"people": 3, "file": "three.csv"}
    assert operated.do("people", "import", "few.csv")["inserted"] == 3
    assert operated.run("accounts", "freeze", "nobody", "--json").out == ""
    doctor = operated.run("doctor", "--json")
    assert (doctor.status, [check["name"] for check in doctor.json()["checks"] if not check["ok"]]) == (
        1,
        ["keeper", "intake door", "sign-in door"],
    )


def test_tables_are_whole_in_a_file_and_wrap_on_a_screen(operated: OperatedHome) -> None:
    """Nothing of a table is cut: what is piped has a line a row, a narrow terminal several."""
    name = "une mission locale dont le nom est long"
    signed(operated, "organisations", "create", name)
    signed(
        operated, "accounts", "create", "table", "--organisation", name, "--segment", "59", "--agency", "hauts-de-lille"
    )
    piped = operated.run("accounts", "list", COLUMNS="60").out
    (row,) = [line for line in piped.splitlines() if "table" in line]
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["table", "59", name, "hauts-de-lille", "adviser"]
    terminal, theirs = pty.openpty()
    subprocess.run([PROGRAM, "accounts", "list"], env=operated.environment(COLUMNS="60"), stdout=theirs, check=True)
    rows = [line for line in os.read(terminal, 65_536).decode().splitlines() if line.startswith("│")]
    assert max(map(len, rows)) <= 60
    assert all(word in "".join(rows) for word in (*name.split(), "adviser"))
    assert "…" not in "".join(rows)


def test_an_interrupt_while_modules_are_read() -> None:
    """Ctrl-C before there is a command ends like one in it: one line, 130, no traceback."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, PROGRAM, "--help"], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"Interrupted.\n")


def test_commands_start_the_database_and_end_their_keeper(operated: OperatedHome) -> None:
    """A command that needs the database starts it; the keeper that it needed does not outlive it."""
    operated.stop()
    assert processes_of(operated.home) == []
    operated.do("organisations", "list")
    signed(operated, "accounts", "create", "anne", "--organisation", "Agence", "--segment", "59")
    operated.session("anne")
    left = processes_of(operated.home)
    assert left
    assert not [words for words in left if "cloison.keeper" in words]


def test_a_home_that_was_never_made(nowhere: OperatedHome, tmp_path: Path) -> None:
    """No command but `init` makes a home; the others say what to do and leave no folder behind."""
    missing = tmp_path / "missing"
    for words in (["accounts", "list"], ["serve"]):
        done = nowhere.run(*words, CLOISON_HOME=str(missing))
        assert (done.status, done.out) == (1, ""), done
        assert "is no home of a register; run cloison init" in done.err
    done = nowhere.run("people", "import", "people.csv")
    assert "home/keeper is missing; run cloison init" in done.err
    done = nowhere.run("init", CLOISON_HOME=str(nowhere.home.settings_file))
    assert "cloison.toml is no folder; set CLOISON_HOME to one" in done.err
    done = nowhere.run("doctor", "--json", CLOISON_HOME=str(missing))
    assert (done.status, len(done.json()["checks"])) == (1, 1)
    assert not missing.exists()


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("unset", "CLOISON_PASSPHRASE_FILE is not set, and nobody is there to be asked"),
        ("missing", "is no file"),
        ("inside", "lies inside the home; keep the passphrase elsewhere"),
        ("empty", "is empty; write the passphrase into it"),
        ("readable", "others may read"),
    ],
)
def test_a_passphrase_that_cannot_be_used(nowhere: OperatedHome, tmp_path: Path, what: str, told: str) -> None:
    """Without a usable passphrase nothing is made, and the error says what is wrong with it."""
    file = {"unset": None, "inside": nowhere.home.path / "phrase"}.get(what, tmp_path / "phrase")
    if file and what != "missing":
        write_secret(file, "" if what == "empty" else "some words")
        file.chmod(0o644 if what == "readable" else 0o600)
    done = nowhere.run("init", "--json", CLOISON_PASSPHRASE_FILE=None if file is None else str(file))
    assert (done.status, done.out) == (1, ""), done
    assert told in done.err
    assert not nowhere.home.keeper.exists()


def test_a_passphrase_from_a_prompt(nowhere: OperatedHome) -> None:
    """Somebody at a terminal is asked twice, unseen; what they type is in no file and on no screen afterwards."""
    terminal, theirs = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, "init", "--json"],
        env=nowhere.environment(CLOISON_PASSPHRASE_FILE=None),
        start_new_session=True,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        seen = answered(terminal, "Passphrase of the root key: ", "words to myself")
        seen += answered(terminal, "Repeat for confirmation: ", "words to myself")
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["profile"]) == (0, "jobseekers-fr")
    assert "words" not in seen + os.read(terminal, 4096).decode()
    assert nowhere.run("init", CLOISON_PASSPHRASE_FILE=str(nowhere.passphrase_file)).status == 1
    write_secret(nowhere.passphrase_file, "words to myself")
    assert nowhere.run("init").status == 0


def answered(terminal: int, prompt: str, answer: str) -> str:
    """Wait for a prompt and answer it; what was on the screen until then."""
    seen = ""
    while prompt not in seen:
        seen += os.read(terminal, 4096).decode()
    os.write(terminal, f"{answer}\n".encode())
    return seen


def test_a_wrong_passphrase(operated: OperatedHome, tmp_path: Path) -> None:
    """Another passphrase than that of the root key opens nothing and changes nothing."""
    write_secret(tmp_path / "phrase", "other words")
    done = operated.run("init", CLOISON_PASSPHRASE_FILE=str(tmp_path / "phrase"))
    assert (done.status, "The passphrase does not open the root key" in done.err) == (1, True), done


def test_settings_of_a_home_are_not_changed_by_the_way(operated: OperatedHome) -> None:
    """Wishes that differ from what a home was made with are refused, not ignored; settings must be readable."""
    play(
        operated,
        """
        $ cloison init --database "host=db.example.org"
        ! config: The configuration cannot be used: the home is there with another database; --database is for …
        [1]
        $ cloison init --database "host=db.example.org user=u password=p"
        ! config: The configuration cannot be used: --database is without user and password; …
        [1]
        $ cloison init --profile patients
        ! config: The configuration cannot be used: the home is there with the profile jobseekers-fr; --profile is …
        [1]
        """,
    )
    settings = operated.home.settings_file.read_text(encoding="utf-8")
    operated.home.settings_file.write_text(settings + "\ncolour = 'red'\n", encoding="utf-8")
    play(
        operated,
        """
        $ cloison accounts list
        ! config: The configuration cannot be used: cloison.toml: …
        [1]
        """,
    )
    operated.home.settings_file.write_text(settings, encoding="utf-8")
