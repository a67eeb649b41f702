"""How far an import is, on standard error: one line that changes at a terminal, elsewhere a line every ten seconds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console

from cloison.register.intake import DONE, Progress

LINE_SECONDS = 10.0  # between two lines where nobody watches: a log of cron's stays short


@contextmanager
def told(notes: Console) -> Iterator[Callable[[Progress], None]]:
    """What an import is to be given to tell how far it is."""
    if notes.is_terminal:
        with notes.status("Importing …") as status:
            yield lambda progress: status.update(text_of(progress))
    else:
        yield Lines(lambda line: notes.print(line, markup=False, soft_wrap=True)).tell


class Lines:
    """Lines for a log: one every ten seconds, and one where something else begins to be done."""

    def __init__(self, write: Callable[[str], None]) -> None:
        """Write lines by `write`; the first after ten seconds, so that a short import has none."""
        self._write = write
        self._last = 0.0
        self._doing = ""

    def tell(self, progress: Progress) -> None:
        """Write a line, if it is time for one."""
        if progress.doing == DONE:  # the result follows
            return
        changed, self._doing = self._doing != progress.doing, progress.doing
        if progress.summary.seconds >= self._last + LINE_SECONDS or (changed and self._last):
            self._last = progress.summary.seconds
            self._write(text_of(progress))


def text_of(progress: Progress) -> str:
    """Rows, rate, share of the file and time left."""
    summary = progress.summary
    rate = summary.read / summary.seconds if summary.seconds else 0
    left = (
        ""
        if progress.seconds_left is None or progress.share == 1
        else f", {progress.share:.0%}, {timedelta(seconds=round(progress.seconds_left))} left"
    )
    return f"{progress.doing}: {summary.read:,} rows, {rate:,.0f} a second, {summary.rejected:,} rejected{left}"
