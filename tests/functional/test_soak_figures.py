"""A million people are imported, searched and opened; the figures go to docs/benchmarks/import.md.

`SOAK_PEOPLE` says how many, if not a million.
"""

import os
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from support import figures
from support.api import Api, calling
from support.imports import Present, term_indexes
from support.load import people_of
from support.operated import OperatedHome, served

from cloison.register import synthetic

PEOPLE = int(os.environ.get("SOAK_PEOPLE", "1000000"))
MORE = PEOPLE // 10
CHANGED = PEOPLE // 100
AGENTS = 25
PEOPLE_AN_AGENT = 8  # within the budgets of five minutes
MOST_MEGABYTES = 500
DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks" / "import.md"

pytestmark = pytest.mark.soak


@pytest.fixture
def operated(tmp_path: Path) -> Iterator[OperatedHome]:
    """A home with nobody in it, and files."""
    operated = OperatedHome(tmp_path)
    operated.initialise()
    synthetic.write(tmp_path / "all.csv", PEOPLE + MORE, seed=1)
    yield operated
    operated.stop()


def as_it_is(_number: int, _row: dict[str, str]) -> None:
    """Change nothing."""


def moved_house(number: int, row: dict[str, str]) -> None:
    """Another address in the same place, another phone."""
    row |= {"address": f"{number} RUE NEUVE", "phone": f"063998{number % 10_000:04}"}


def test_a_million_people_are_imported_searched_and_opened(operated: OperatedHome, tmp_path: Path) -> None:
    """All counts are right, memory stays within its bound, and the figures are written down."""
    everybody, cut = operated.folder / "all.csv", figures.part_of
    people = cut(everybody, operated.folder / "people.csv", 0, PEOPLE, as_it_is)
    cut(everybody, operated.folder / "more.csv", PEOPLE, MORE, as_it_is)
    cut(everybody, operated.folder / "unchanged.csv", 0, MORE, as_it_is)
    cut(everybody, operated.folder / "changed.csv", 0, CHANGED, moved_house)

    load, loaded = figures.measured(operated, "initial load, everything indexed", "people.csv")
    assert (loaded["inserted"], term_indexes(operated)) == (PEOPLE, 7)
    sizes = list(figures.sizes(operated, PEOPLE))
    after, before = (figures.copied(operated, people, indexed_first=first) for first in (False, True))
    more, added = figures.measured(operated, "newcomers into that register", "more.csv")
    known, unchanged = figures.measured(operated, "people who are as they were", "unchanged.csv")
    new, changed = figures.measured(operated, "people with a new address", "changed.csv")
    assert (added["inserted"], unchanged["known"], changed["updated"]) == (MORE, MORE, CHANGED)
    costs = [load, after, before, more, known, new]
    latencies = reading(operated, tmp_path)
    write(costs, sizes, latencies)
    assert max(cost.megabytes or 0 for cost in costs) < MOST_MEGABYTES


def reading(operated: OperatedHome, folder: Path) -> dict[str, list[float]]:
    """Milliseconds of searches and openings over HTTP, one after the other."""
    rows = [row for row in islice(figures.rows(operated.folder / "people.csv"), 20_000) if row["identifier"]]
    with served(operated):
        register = Present(operated, folder, rows)
        agents = [register.agent(PEOPLE_AN_AGENT) for _ in range(AGENTS)]
        taken: dict[str, list[float]] = {"search by identifier": [], "open one person": []}
        for agent in agents:
            people = people_of(operated.home, agent)
            with calling(register, agent) as api:
                api.http.get("/healthz")  # the connection is there
                for row, person in zip(agent.people, people, strict=True):
                    taken["search by identifier"].append(milliseconds(search, api, row))
                    taken["open one person"].append(milliseconds(open_one, api, person))
    return taken


def search(api: Api, row: dict[str, str]) -> None:
    """Find somebody of one's own."""
    assert len(api.search(identifier=row["identifier"])["cards"]) == 1


def open_one(api: Api, person: object) -> None:
    """Open somebody of one's own."""
    assert api.open([str(person)])[0]["outcome"] == "open"


def milliseconds(work: Callable[[Api, Any], None], api: Api, of_whom: object) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work(api, of_whom)
    return (time.perf_counter() - started) * 1e3


def write(costs: list[figures.Cost], sizes: list[tuple[str, float]], latencies: dict[str, list[float]]) -> None:
    """The document, whole."""
    load, after, before = costs[:3]
    told = [
        "# Importing people",
        "",
        f'Printed by `make soak ARGS="-k figures"` on {figures.machine()}: {PEOPLE:,} fictional people of all',
        "departments, from CSV, by `cloison people import`; PostgreSQL and all processes on the same cores. Processor",
        "time is that of all threads, start and end of the command included; memory is the proportional set size of",
        "importer and keeper together.",
        "",
        figures.report(costs),
        "",
        f"The initial load runs at {load.rate / after.rate:.2f} of the rate of COPY of the same plaintext with the",
        f"same searches indexed after it, and at {load.rate / before.rate:.2f} of that with the indexes made before.",
        "",
        "| bytes a person, after the initial load | |",
        "| --- | --- |",
        *(f"| {name} | {size:,.0f} |" for name, size in sizes),
        f"| together | {sum(size for _, size in sizes):,.0f} |",
        "",
        f"| over HTTP, {AGENTS * PEOPLE_AN_AGENT} times one after the other | p50 ms | p99 ms |",
        "| --- | --- | --- |",
        *(
            f"| {what} | {figures.percentile(taken, 0.5):.1f} | {figures.percentile(taken, 0.99):.1f} |"
            for what, taken in latencies.items()
        ),
        "",
    ]
    DOCUMENT.write_text("\n".join(told), encoding="utf-8")
