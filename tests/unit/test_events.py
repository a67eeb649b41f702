"""Closed lists are the same in code, SQL and documents."""

import re
from importlib.resources import files
from pathlib import Path

from cloison.events import Event
from cloison.model import Meter, Outcome, Relation

DOCUMENT = Path(__file__).parents[2] / "docs" / "events.md"


def sql_enum(file: str, name: str) -> list[str]:
    """The values of an enum in one of our SQL files."""
    text = files("cloison.store.sql").joinpath(file).read_text(encoding="utf-8")
    found = re.search(rf"create type cloison\.{name} as enum \((.*?)\);", text, re.DOTALL)
    assert found is not None
    return re.findall(r"'(\w+)'", found[1])


def test_events_are_the_same_in_code_sql_and_document() -> None:
    """An event that one of the three lacks would be written and not understood, or documented and never written."""
    documented = re.findall(r"^\| `(\w+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert [event.value for event in Event] == sql_enum("40_audit.sql", "event") == documented


def test_outcomes_relations_and_meters_are_the_same_in_code_and_sql() -> None:
    """The bits of a role's mask are counted by the order of these lists."""
    assert [outcome.value for outcome in Outcome] == sql_enum("10_register.sql", "outcome")
    assert [relation.name.lower() for relation in Relation] == sql_enum("10_register.sql", "relation_kind")
    assert [meter.name.lower() for meter in Meter] == sql_enum("10_register.sql", "meter")
