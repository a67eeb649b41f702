"""Tests of the command line that read like what somebody typed and saw.

    $ cloison accounts freeze marie
    marie: frozen

A line that begins with `$ ` is a command, run in the home's folder; the lines below it are all that it prints: as they
are on standard output, behind `! ` on standard error, and last `[1]` or the like where the exit code is not 0. `…`
stands for anything within a line, a line of `…` alone for any number of lines.
"""

import re
import shlex
import textwrap
from itertools import groupby

from support.operated import Done, OperatedHome

PROMPT = "$ cloison "
ANYTHING = "…"


def play(home: OperatedHome, transcript: str) -> None:
    """Run every command; fails where what is seen differs from what is expected."""
    command = ""
    lines = [line.rstrip() for line in textwrap.dedent(transcript).strip().splitlines()]
    for is_command, group in groupby(lines, key=lambda line: line.startswith(PROMPT)):
        block = list(group)
        if not is_command:
            _expect(home, command, block)
            command = ""
            continue
        for silent in [command, *block[:-1]]:
            if silent:
                _expect(home, silent, [])
        command = block[-1]
    if command:
        _expect(home, command, [])


def _expect(home: OperatedHome, command: str, expected: list[str]) -> None:
    seen = "\n".join(_seen(home.run(*shlex.split(command.removeprefix(PROMPT)))))
    wanted = [re.escape(line).replace(re.escape(ANYTHING), ".*") for line in expected if line]
    pattern = "\n".join(r"(?s:.*)" if line == ".*" else line for line in wanted)
    assert re.fullmatch(pattern, seen), f"{command}\n--- seen\n{seen}\n--- expected\n" + "\n".join(expected)


def _seen(done: Done) -> list[str]:
    errors = [f"! {line.rstrip()}" for line in done.err.splitlines() if line.strip()]
    output = [line.rstrip() for line in done.out.splitlines() if line.strip()]
    return [*output, *errors, *([f"[{done.status}]"] if done.status else [])]
