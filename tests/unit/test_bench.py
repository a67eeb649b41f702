"""The benchmark's decisions: medians, percentiles, rows, ratios, charts; no I/O."""

import json
from collections.abc import Callable

import msgspec
import pytest

from cloison.bench.load import Sample
from cloison.bench.measure import CLIENTS, OPEN, PLAIN, PROOF, SEARCH, Figures, Growth, sizes
from cloison.bench.report import Report, charts, markdown, report
from cloison.bench.rounds import Case, Measured, measured, percentile, rounds
from cloison.bench.unguarded import How
from cloison.errors import ConfigError

AGAINST = {"unguarded SELECT", "SELECT + INSERT", "plaintext COPY", None}


def sample(opened: int, *latencies: float, refused: int = 0) -> Sample:
    """A run of two seconds."""
    return Sample(2.0, opened, refused, list(latencies))


def made() -> Report:
    """A report of two sizes; guarded opening does half the rate of a SELECT, twice that with an audit row."""
    plain = {How.SELECT: 200.0, How.AUDITED: 50.0, How.BATCHED: 400.0}
    rates = {OPEN: 100.0, SEARCH: 10.0, **{PLAIN[how]: rate for how, rate in plain.items()}}
    openings = {
        (name, c): Measured(rate, rate - 1, rate + 1, 5.0, 9.0, 0) for name, rate in rates.items() for c in CLIENTS
    }
    beside = {name: openings[name, 16] for name in (OPEN, PLAIN[How.SELECT])}
    growth = [Growth(people, 4_000.0, 40_000.0, beside) for people in (10_000, 50_000)]
    taken = {"desk": 60.0, "keeper": 20.0, "database": 20.0, "load": 30.0}
    coming_in = {PROOF: Measured(5_000.0, 4_999.0, 5_001.0, 0.2, 0.3, 0)}
    return report(Figures(growth, coming_in, openings, taken, 2.5, 1_200.0, 600.0))


def test_medians_of_rounds() -> None:
    """A figure is the median of its rounds; the spread is the slowest and the fastest, refusals are added up."""
    found = measured([sample(20, 0.1, 0.3), sample(60, 0.2, 0.4), sample(40, 0.3, 0.5, refused=2)])
    assert found == Measured(20.0, 10.0, 30.0, 200.0, 400.0, 2)


@pytest.mark.parametrize(("percent", "value"), [(1, 1.0), (50, 5.0), (90, 9.0), (99, 10.0), (100, 10.0)])
def test_percentiles_are_values_that_were_measured(percent: float, value: float) -> None:
    """The nearest rank, without anything in between."""
    assert percentile([float(n) for n in range(10, 0, -1)], percent) == value


def test_nothing_has_no_percentile() -> None:
    """Where nothing was answered there is nothing to say."""
    with pytest.raises(ValueError, match=r"^$"):
        percentile([], 50)


def test_every_round_runs_every_case_in_another_order() -> None:
    """None is always the first after the others' load."""
    ran: list[str] = []

    def case(name: str) -> Callable[[float], Sample]:
        return lambda _seconds: ran.append(name) or sample(1, 0.1)  # type: ignore[func-returns-value]

    rounds([Case(name, 1, case(name)) for name in "abc"], 3, 0.1)
    assert "".join(ran) == "abcbcacab"


def test_sizes_grow_tenfold() -> None:
    """The last is the one that was asked for."""
    assert sizes(1_000_000) == [10_000, 100_000, 1_000_000]
    assert sizes(25_000) == [10_000, 25_000]
    assert sizes(10_000) == [10_000]


def test_ratios_are_of_one_run() -> None:
    """Guarded over plain, import over COPY, bytes over bytes; against nothing else than what the contract names."""
    rows = made().rows
    ratios = {(row.benchmark, row.clients, row.people, row.against): row.ratio for row in rows}
    assert ratios[OPEN, 64, 50_000, "unguarded SELECT"] == 0.5
    assert ratios[OPEN, 64, 50_000, "SELECT + INSERT"] == 2.0
    assert ratios["import", None, 10_000, "plaintext COPY"] == 0.1
    assert ratios["bytes a person", None, 50_000, "plaintext COPY"] == 2.0
    assert {row.against for row in rows} == AGAINST
    assert all((row.ratio is None) == (row.against is None) for row in rows)


def test_the_keepers_share_leaves_the_clients_out() -> None:
    """What the load generator takes is nobody's guard."""
    assert made().keeper_share == 0.2


def test_the_report_is_json_and_a_document() -> None:
    """As the contract has it; every row is a line of the table."""
    report = made()
    rows = json.loads(msgspec.json.encode(report))["rows"]
    assert rows[0].keys() >= {"benchmark", "clients", "per_second", "p50_ms", "p99_ms", "against", "ratio"}
    lines = [line for line in markdown(report).splitlines() if line.startswith("| ")]
    assert len(lines) == len(rows) + 2
    assert {line.count("|") for line in lines} == {10}


def test_charts_show_each_rate_once() -> None:
    """One bar a benchmark and number of clients, one a size of the register."""
    drawn = charts(made())
    bars = [(bar["benchmark"], bar["clients"]) for bar in drawn["bench-rates"]["data"]["values"]]
    assert len(bars) == len(set(bars)) == 5 * len(CLIENTS)
    assert [bar["people"] for bar in drawn["bench-growth"]["data"]["values"]] == [10_000, 50_000]


def test_refusals_end_the_benchmark() -> None:
    """A refusal costs less than an opening: rates that hold some are not shown."""
    with pytest.raises(ConfigError, match=r"2 requests of `a` were refused"):
        rounds([Case("a", 1, lambda _seconds: sample(1, 0.1, refused=2))], 1, 0.1)
