"""How far an import is, as the command line tells it: with rate, share and time left, at most a line in ten seconds."""

import io

from rich.console import Console

from cloison.cli.progress import LINE_SECONDS, Lines, text_of, told
from cloison.register.intake import DONE, Progress, Summary


def at(seconds: float, share: float, doing: str = "Importing") -> Progress:
    """How far an import of 1,000,000 rows is that takes 100 seconds."""
    summary = Summary(read=round(1_000_000 * share), rejected=3, seconds=seconds)
    return Progress(summary, share, seconds / share - seconds if share else None, doing)


def test_a_line_has_rate_share_and_time_left() -> None:
    """Rows read, rows a second, rows rejected, share of the file, time left at that rate."""
    assert text_of(at(25.0, 0.25)) == "Importing: 250,000 rows, 10,000 a second, 3 rejected, 25%, 0:01:15 left"


def test_nothing_is_promised_before_anybody_can_say() -> None:
    """No share at the beginning; no time left while indexes are made, which depends on no row."""
    assert text_of(at(0.0, 0.0)) == "Importing: 0 rows, 0 a second, 3 rejected"
    assert text_of(at(100.0, 1.0, "Making indexes")) == "Making indexes: 1,000,000 rows, 10,000 a second, 3 rejected"


def test_a_log_has_a_line_in_ten_seconds_at_most() -> None:
    """However often it is told; and one when something else begins to be done, none for the end."""
    lines: list[str] = []
    log = Lines(lines.append)
    for step in range(1_001):
        log.tell(at(step / 10, step / 1_000))
    assert len(lines) == 100 / LINE_SECONDS
    log.tell(at(100.0, 1.0, "Making indexes"))
    log.tell(at(101.0, 1.0, DONE))
    assert [line.partition(":")[0] for line in lines[-2:]] == ["Importing", "Making indexes"]


def test_without_a_terminal_no_control_character_is_written() -> None:
    """A file of cron's mail is text alone."""
    file = io.StringIO()
    with told(Console(file=file, highlight=False)) as tell:
        for step in range(1, 101):
            tell(at(step / 10, step / 100))
        tell(at(11.0, 1.0, "Making indexes"))
        tell(at(12.0, 1.0, DONE))
    first, second = file.getvalue().splitlines()
    assert first == "Importing: 1,000,000 rows, 100,000 a second, 3 rejected"
    assert second.startswith("Making indexes: 1,000,000 rows")
    assert not {"\x1b", "\r"} & set(file.getvalue())


def test_a_short_import_has_no_line() -> None:
    """What is over within ten seconds is told by its result alone."""
    lines: list[str] = []
    log = Lines(lines.append)
    for progress in (at(5.0, 0.5), at(9.0, 1.0, "Making indexes"), at(9.5, 1.0, DONE)):
        log.tell(progress)
    assert lines == []


def test_at_a_terminal_one_line_changes() -> None:
    """Rate, share and time left stand in a line that is drawn again."""
    file = io.StringIO()
    with told(Console(file=file, highlight=False, force_terminal=True, width=120)) as tell:
        tell(at(25.0, 0.25))
    assert "Importing: 250,000 rows, 10,000 a second, 3 rejected, 25%, 0:01:15 left" in file.getvalue()
    assert "\x1b[2K" in file.getvalue()  # the line is taken away again
