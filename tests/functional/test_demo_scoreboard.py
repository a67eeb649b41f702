"""The scoreboard: its JSON, its table, and when a promise is broken."""

import json

import msgspec
import pytest
from rich.console import Console

from cloison.access.blast_radius import Bound
from cloison.access.exposed import People
from cloison.replay.bounds import within_ceiling
from cloison.replay.loot import Loot
from cloison.replay.scenarios import SCENARIOS, chosen
from cloison.replay.scoreboard import MOST_PEOPLE, Row, Scoreboard, WindowRow, as_json, as_table, broken

ROW = Row("greedy-session", 100_000, 92, 92, "budget, no_session", 0.25)
KEYS = {"scenario", "people_off", "people_on", "bound", "stopped_by", "seconds_to_stop"}


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        """Begin at some time."""
        self.now = 100.0

    def __call__(self) -> float:
        """The time, in seconds."""
        return self.now


def text_of(board: Scoreboard) -> str:
    """The table as a terminal of 80 columns shows it."""
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123 - nothing is kept
    console.print(as_table(board))
    return console.export_text()


def test_json_has_the_agreed_keys() -> None:
    """Scripts find the number of people and six figures a scenario."""
    board = json.loads(as_json(Scoreboard(100_000, [ROW])))
    assert set(board) == {"people", "scenarios"}
    assert board["people"] == 100_000
    assert [set(row) for row in board["scenarios"]] == [KEYS]
    assert board["scenarios"][0]["people_on"] == 92


def test_json_shows_windows_only_where_time_was_simulated() -> None:
    """The extra key stands where it means something."""
    row = msgspec.structs.replace(ROW, windows={"hour": WindowRow(30, 30)})
    assert json.loads(as_json(Scoreboard(1, [row])))["scenarios"][0]["windows"] == {"hour": {"worst": 30, "bound": 30}}


def test_table_names_every_scenario_in_full() -> None:
    """A terminal of 80 columns cuts no scenario's name."""
    rows = [msgspec.structs.replace(ROW, scenario=scenario.name) for scenario in SCENARIOS]
    text = text_of(Scoreboard(100_000, rows))
    assert [row.scenario for row in rows if row.scenario not in text] == []
    assert "100,000" in text


@pytest.mark.parametrize(
    "row",
    [
        msgspec.structs.replace(ROW, people_on=93),
        msgspec.structs.replace(ROW, people_on=MOST_PEOPLE + 1, bound=1_000),
        msgspec.structs.replace(ROW, windows={"day": WindowRow(81, 80)}),
    ],
)
def test_too_many_people_break_a_promise(row: Row) -> None:
    """Whatever takes more than its bound, more than any may, or more in one window, is named."""
    assert broken(Scoreboard(100_000, [ROW, row])) == ["greedy-session"]


def test_nothing_is_broken_at_the_bound() -> None:
    """Exactly the bound is what was promised."""
    assert broken(Scoreboard(100_000, [ROW])) == []


def test_loot_counts_people_once() -> None:
    """A label and a record of the same person are one person, and seconds run to the last new one."""
    clock = Clock()
    loot = Loot(6, clock)
    loot.got(["a", "b"])
    clock.now += 2
    loot.got(["c"])
    clock.now += 2
    loot.got(["a", "c"])
    assert (loot.people, loot.seconds_to_stop, loot.over) == (3, 2.0, False)
    clock.now += 3
    assert loot.over


def test_loot_tells_what_came_after_the_last_person() -> None:
    """Refusals before the last new person did not stop anybody."""
    loot = Loot(6)
    loot.refused("scope")
    loot.got(["a"])
    loot.refused("budget")
    loot.refused("no_session")
    loot.refused("budget")
    assert loot.stopped_by == "budget, no_session"


def of_an_hour(people: int, opened: int, labels: int) -> Bound:
    """An account that can have so many people in an hour."""
    return Bound("a", "agency", "59", "adviser", None, People(hour=people), People(hour=opened), People(hour=labels))


def test_bound_is_the_blast_radius_where_the_keeper_would_open_more() -> None:
    """A partner has its caseload, whatever its budgets add up to."""
    assert within_ceiling(of_an_hour(92, 20, 92), 150) == 92


def test_bound_is_the_keepers_where_the_database_would_list_more() -> None:
    """Of more names than the keeper opens in an hour, only those count; what is opened is not among them."""
    assert within_ceiling(of_an_hour(180, 30, 150), 60) == 90


def test_scenarios_are_chosen_by_beginnings() -> None:
    """A beginning of a name is enough, and no name means all."""
    assert [scenario.name for scenario in chosen(["d"])] == ["desk-login", "door-and-dump", "dba-and-adviser"]
    assert chosen([]) == list(SCENARIOS)


def test_an_unknown_scenario_is_named() -> None:
    """A name that fits nothing is an error that says which."""
    with pytest.raises(KeyError, match="nobody"):
        chosen(["greedy", "nobody"])
