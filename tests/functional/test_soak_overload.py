"""Overload, measured: what is answered at four times the capacity; the figures go to docs/benchmarks/overload.md."""

import random
import resource
import statistics
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
import uvloop
from support import figures

from cloison.bench import workload
from cloison.bench.flood import Asked, Flooded, ask_again, flood
from cloison.bench.load import OPEN, drive
from cloison.bench.rounds import percentile
from cloison.bench.stage import Staff, Stage, stage

PEOPLE = 20_000
CLIENTS = 64
ROUNDS = 5
SECONDS = 3.0
GOOD_SECONDS = 1.0
LEAST = 0.8  # of the capacity
FILES = 20_000
RATE = "4 times the rate"
DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks" / "overload.md"

pytestmark = pytest.mark.soak


class Run(NamedTuple):
    """A run's answers in time a second as a share of the capacity, and what its clients met."""

    share: float
    p50_ms: float
    p99_ms: float
    refused_ms: float
    refused: float  # for each that was answered
    megabytes: float


@pytest.fixture
def staged() -> Iterator[tuple[Stage, list[Staff]]]:
    """A home with staff."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, FILES), hard))
    with stage(PEOPLE) as it:
        it.grow(PEOPLE)
        staff = it.hire()
        it.settle()
        yield it, staff
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_four_times_the_capacity_is_measured(staged: tuple[Stage, list[Staff]]) -> None:
    """At four times the rate at least 80 % of the capacity is answered in time, and with as many clients more."""
    it, staff = staged
    address = ("127.0.0.1", it.home.config.web.port)
    desk = workload.Desk(address[1])
    made = workload.openings(desk, staff, CLIENTS, seed=4)
    pick = random.Random(4)  # noqa: S311 - who asks, not a secret

    def asked() -> Asked:
        return Asked(pick.choice(made)())

    def capacity() -> float:
        desk.renew()
        return uvloop.run(drive(address, made, SECONDS / 2)).per_second

    loads: dict[str, Callable[[float], Awaitable[Flooded]]] = {
        RATE: lambda now: flood(address, asked, 4 * now, SECONDS),
        "4 times the clients": lambda _: ask_again(address, asked, 4 * CLIENTS, SECONDS),
        "16 times the clients": lambda _: ask_again(address, asked, 16 * CLIENTS, SECONDS),
    }
    capacity()
    runs: dict[str, list[Run]] = {name: [] for name in loads}
    capacities = [capacity()]
    for _ in range(ROUNDS):
        for name, load in loads.items():
            found = uvloop.run(_awaited(load(capacities[-1])))
            megabytes = psutil.Process(it.processes[-1].pid).memory_info().rss / 2**20
            capacities.append(capacity())
            runs[name].append(run_of(found, statistics.mean(capacities[-2:]), megabytes))
    write(runs, capacities)
    assert statistics.median(run.share for run in runs[RATE]) >= LEAST


async def _awaited(load: Awaitable[Flooded]) -> Flooded:
    return await load


def run_of(flooded: Flooded, capacity: float, megabytes: float) -> Run:
    """The figures of one run, of which every request was answered."""
    told = flooded.told
    given = [one.seconds for one in told if OPEN in one.body]
    refused = [one.seconds for one in told if one.status == 503 and one.retry_after is not None]
    assert len(given) + len(refused) == len(told)
    assert flooded.unsent == 0
    return Run(
        sum(taken < GOOD_SECONDS for taken in given) / flooded.seconds / capacity,
        percentile(given, 50) * 1_000,
        percentile(given, 99) * 1_000,
        percentile(refused, 50) * 1_000 if refused else 0.0,
        len(refused) / len(given),
        megabytes,
    )


def write(runs: dict[str, list[Run]], capacities: Sequence[float]) -> None:
    """The document, whole."""
    lines = []
    for name, of_load in runs.items():
        shares = [run.share for run in of_load]
        share, p50, p99, refused_ms, refused, megabytes = map(statistics.median, zip(*of_load, strict=True))
        cells = (name, f"{share:.2f} ({min(shares):.2f} to {max(shares):.2f})", f"{p50:,.0f}", f"{p99:,.0f}")
        lines.append("| " + " | ".join((*cells, f"{refused:.1f}", f"{refused_ms:,.0f}", f"{megabytes:,.0f}")) + " |")
    told = [
        "# Overload",
        "",
        f'Printed by `make soak ARGS="-k overload"` on {figures.machine()}: one person a request,',
        f"{ROUNDS} rounds of {SECONDS:.0f} seconds a load, medians and the lowest and highest round; desk, keeper,",
        "PostgreSQL and the clients on the same cores. The capacity is what",
        f"{CLIENTS} clients get that wait for each answer, measured before and after each run:",
        f"{statistics.median(capacities):,.0f} people opened a second. A good answer opens somebody within",
        f"{GOOD_SECONDS:.0f} second, as a share of it. No request was left without an answer. Clients ask",
        "again at once, whatever `Retry-After` says.",
        "",
        "| load | good answers | p50 ms | p99 ms | refused for each answered | p50 ms of a refusal | MB of the desk |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *lines,
        "",
    ]
    DOCUMENT.write_text("\n".join(told), encoding="utf-8")
