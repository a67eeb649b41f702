"""What people see of a command: its result on standard output, all else on standard error."""

import sys

from rich.console import Console

WIDEST = 10_000  # characters: what goes to a file or another program is not cut to the width of a screen

notes = Console(stderr=True, highlight=False)
results = Console(highlight=False, width=None if sys.stdout.isatty() else WIDEST)
