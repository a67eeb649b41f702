"""The figures of a benchmark as rows, as Markdown and as charts. No I/O.

A row is a benchmark at so many clients against another: `ratio` is its rate over that one's in the same run, for bytes
its bytes over that one's. `lowest` and `highest` are the slowest and the fastest round.
"""

import os
import platform
from typing import Any

import msgspec
import psutil

from cloison.bench.measure import (
    CLIENTS,
    COPY,
    FLAT_CLIENTS,
    IMPORT,
    OPEN,
    PLAIN,
    PROOF,
    SEARCH,
    SIGN_IN,
    Figures,
    Growth,
)
from cloison.bench.rounds import Measured
from cloison.bench.unguarded import How

SELECT, AUDITED, BATCHED = PLAIN[How.SELECT], PLAIN[How.AUDITED], PLAIN[How.BATCHED]
NEW_LINE = "\n"
COMING_IN = {PROOF, SIGN_IN}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure; what does not apply is null."""

    benchmark: str
    people: int
    clients: int | None = None
    per_second: float | None = None
    lowest: float | None = None
    highest: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    bytes: float | None = None
    against: str | None = None
    ratio: float | None = None


class Machine(msgspec.Struct, frozen=True):
    """What it was measured on; `commit_p99_ms`: the 99th of a hundred commits of one row, flushed to its disk."""

    cores: int
    memory_gb: int
    python: str
    commit_p99_ms: float


class Report(msgspec.Struct, frozen=True):
    """All that `cloison bench` prints; processor times are microseconds an opening, at the most clients."""

    machine: Machine
    rows: list[Row]
    processor_microseconds: dict[str, float]
    keeper_share: float


def report(figures: Figures) -> Report:
    """The rows of these figures."""
    taken = {name: round(value, 1) for name, value in figures.processors.items()}
    served = sum(value for name, value in figures.processors.items() if name != "load")
    machine = Machine(
        os.cpu_count() or 0,
        round(psutil.virtual_memory().total / 2**30),
        platform.python_version(),
        round(figures.commit_p99_ms, 2),
    )
    share = figures.processors.get("keeper", 0.0) / served if served else 0.0
    return Report(machine, _rows(figures), taken, round(share, 3))


def _rows(figures: Figures) -> list[Row]:
    people = figures.growth[-1].people
    rows = []
    for clients in CLIENTS:
        found = {name: figures.openings[name, clients] for name in (OPEN, SELECT, AUDITED, BATCHED, SEARCH)}
        rows += [_against(_row(OPEN, people, clients, found[OPEN]), other, found[other]) for other in (SELECT, AUDITED)]
        rows += [_row(name, people, clients, found[name]) for name in (SELECT, AUDITED, BATCHED, SEARCH)]
    rows += [row for growth in figures.growth for row in _grown(growth)]
    rows += [_row(name, people, 1, measured) for name, measured in figures.coming_in.items()]
    ratio = round(figures.register_bytes / figures.plaintext_bytes, 3)
    size = round(figures.register_bytes, 1)
    return [*rows, Row(benchmark="bytes a person", people=people, bytes=size, against=COPY, ratio=ratio)]


def _grown(growth: Growth) -> list[Row]:
    rate, ratio = round(growth.imported, 1), round(growth.imported / growth.copied, 3)
    imported = Row(benchmark=IMPORT, people=growth.people, per_second=rate, against=COPY, ratio=ratio)
    opened = _row(OPEN, growth.people, FLAT_CLIENTS, growth.openings[OPEN])
    return [imported, _against(opened, SELECT, growth.openings[SELECT])]


def _row(benchmark: str, people: int, clients: int, measured: Measured) -> Row:
    return Row(
        benchmark=benchmark,
        people=people,
        clients=clients,
        per_second=round(measured.per_second, 1),
        lowest=round(measured.lowest, 1),
        highest=round(measured.highest, 1),
        p50_ms=round(measured.p50_ms, 2),
        p99_ms=round(measured.p99_ms, 2),
    )


def _against(row: Row, other: str, measured: Measured) -> Row:
    return msgspec.structs.replace(row, against=other, ratio=round((row.per_second or 0) / measured.per_second, 3))


def markdown(made: Report) -> str:
    """The report as a document's table."""
    machine = made.machine
    where = f"{machine.cores} cores, {machine.memory_gb} GB, Python {machine.python}"
    times = ", ".join(f"{name} {value:.0f}" for name, value in made.processor_microseconds.items())
    return f"""\
{where}; all processes and the clients on the same cores.
99 of 100 commits of one row are on disk within {machine.commit_p99_ms} ms.

| benchmark | people | clients | a second | slowest to fastest round | p50 ms | p99 ms | against | ratio |
| --- | --: | --: | --: | --: | --: | --: | --- | --: |
{NEW_LINE.join(map(_line, made.rows))}

Processor time of one guarded opening at {CLIENTS[-1]} clients, in microseconds: {times}.
The keeper's share of it, the clients' apart: {made.keeper_share:.0%}.
"""


def _line(row: Row) -> str:
    rate = row.bytes if row.per_second is None else row.per_second
    spread = "" if row.lowest is None else f"{row.lowest:,.0f} to {row.highest:,.0f}"
    cells = [
        row.benchmark,
        f"{row.people:,}",
        "" if row.clients is None else str(row.clients),
        "" if rate is None else f"{rate:,.0f}",
        spread,
        _milliseconds(row.p50_ms),
        _milliseconds(row.p99_ms),
        row.against or "",
        "" if row.ratio is None else f"{row.ratio:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def _milliseconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def charts(made: Report) -> dict[str, dict[str, Any]]:
    """Vega-Lite charts by name: rates by clients, and openings as the register grows."""
    most = max(row.people for row in made.rows)
    rates: dict[tuple[str, int | None], Row] = {}
    growing: dict[int, Row] = {}
    for row in made.rows:
        if row.clients is not None and row.people == most and row.benchmark not in COMING_IN:
            rates.setdefault((row.benchmark, row.clients), row)  # the rounds of all, before those of the growth
        if (row.benchmark, row.clients) == (OPEN, FLAT_CLIENTS):
            growing[row.people] = row
    by_clients = [_point(row) for row in rates.values()]
    return {
        "bench-rates": _chart(by_clients, "clients", "clients"),
        "bench-growth": _chart(
            [_point(growing[people]) for people in sorted(growing)], "people", "people in the register"
        ),
    }


def _point(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("benchmark", "people", "clients", "per_second", "lowest", "highest")}


def _chart(points: list[dict[str, Any]], over: str, title: str) -> dict[str, Any]:
    x = {"field": over, "type": "ordinal", "title": title}
    offset, color = {"field": "benchmark"}, {"field": "benchmark", "type": "nominal", "title": None}
    bars = {"x": x, "xOffset": offset, "color": color}
    rate = {"field": "per_second", "type": "quantitative", "title": "people a second"}
    spread = {"y": {"field": "lowest", "type": "quantitative"}, "y2": {"field": "highest"}, "x": x, "xOffset": offset}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": points},
        "width": 520,
        "height": 260,
        "layer": [
            {"mark": "bar", "encoding": {**bars, "y": rate}},
            {"mark": {"type": "rule", "color": "#222"}, "encoding": spread},
        ],
    }
