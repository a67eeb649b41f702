"""What a replay found: a line a scenario, as a table for people and as JSON for scripts. No I/O.

People are counted once, whatever was obtained of them: a label on a card counts as much as a whole record.
"""

import msgspec
from rich.table import Column, Table

MOST_PEOPLE = 200  # no scenario may take more with the controls on


class WindowRow(msgspec.Struct, frozen=True):
    """The most distinct people released in any window of one length, and its budget."""

    worst: int
    bound: int


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One scenario: people taken without controls and with them, the most that was possible, and what ended it.

    `seconds_to_stop` runs from the beginning to the last new person; `windows`, by name, where time was simulated.
    """

    scenario: str
    people_off: int
    people_on: int
    bound: int
    stopped_by: str
    seconds_to_stop: float
    windows: dict[str, WindowRow] = {}


class Scoreboard(msgspec.Struct, frozen=True):
    """All scenarios of one replay, on a register of `people`."""

    people: int
    scenarios: list[Row]


def as_json(board: Scoreboard) -> str:
    """The scoreboard in one line of JSON."""
    return msgspec.json.encode(board).decode()


def as_table(board: Scoreboard) -> Table:
    """The scoreboard for a terminal; a scenario that took more than it may stands out."""
    table = Table(
        Column("attack", no_wrap=True),
        *(Column(title, justify="right", no_wrap=True) for title in ("off", "on", "at most", "seconds")),
        "stopped by",
        title=f"People taken of {board.people:,}, with the controls off and on",
        caption="A person counts once; a name on a list counts as much as a whole record.",
    )
    for row in board.scenarios:
        taken = f"[bold red]{row.people_on}[/]" if is_broken(row) else str(row.people_on)
        figures = (f"{row.people_off:,}", taken, str(row.bound), f"{row.seconds_to_stop:.1f}")
        table.add_row(row.scenario, *figures, row.stopped_by)
    return table


def broken(board: Scoreboard) -> list[str]:
    """The scenarios that took more people than their bound, or than any may."""
    return [row.scenario for row in board.scenarios if is_broken(row)]


def is_broken(row: Row) -> bool:
    """Whether a promise did not hold: too many people at once, or in any window."""
    over = any(window.worst > window.bound for window in row.windows.values())
    return over or row.people_on > min(row.bound, MOST_PEOPLE)
