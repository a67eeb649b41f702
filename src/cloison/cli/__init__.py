"""The command line: `cloison …`, a module for each group of commands, put together in `commands.py`.

Nothing is imported here but what Python has at hand: reading the other modules takes a third of a second, in which
somebody may already have thought better of it.
"""

import os
import signal
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130  # 128 and the signal's number, as shells have it


def main() -> None:
    """Run the command line; Ctrl-C ends it at once and in one line while its modules are still being read."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # a shell's background job ignores it
    if ours:
        signal.signal(signal.SIGINT, _end)
    from cloison.cli.commands import run  # noqa: PLC0415 - see above

    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    """Nothing has been begun yet; an exception would pass through whatever module is being read just now."""
    os.write(2, b"Interrupted.\n")
    os._exit(INTERRUPTED)
