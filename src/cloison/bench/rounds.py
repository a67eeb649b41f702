"""Runs in turn, again and again: what is compared is measured within seconds of one another, whatever the machine does.

A round runs every case once, in an order that turns from round to round; a figure is the median of the rounds, and its
spread what lies between the lowest and the highest of them.
"""

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cloison.bench.load import Sample
from cloison.errors import ConfigError

PERCENT = 100


class Case(NamedTuple):
    """What is run: its name, how many clients, and what runs it for some seconds."""

    benchmark: str
    clients: int
    run: Callable[[float], Sample]


class Measured(NamedTuple):
    """What the rounds of one case gave: medians, and the lowest and highest rate."""

    per_second: float
    lowest: float
    highest: float
    p50_ms: float
    p99_ms: float
    refused: int


def rounds(cases: Sequence[Case], count: int, seconds: float) -> list[Measured]:
    """Run each case `count` times for `seconds`; in the order of `cases`.

    Raises ConfigError where requests were refused: what is refused costs less, and nothing would be compared.
    """
    samples: list[list[Sample]] = [[] for _ in cases]
    for number in range(count):
        for place in range(len(cases)):
            turn = (place + number) % len(cases)
            samples[turn].append(cases[turn].run(seconds))
    found = [measured(taken) for taken in samples]
    for case, figures in zip(cases, found, strict=True):
        if figures.refused:
            raise ConfigError(reason=f"{figures.refused} requests of `{case.benchmark}` were refused; measure fewer")
    return found


def measured(samples: Sequence[Sample]) -> Measured:
    """The figures of one case's samples."""
    rates = [sample.per_second for sample in samples]
    return Measured(
        per_second=statistics.median(rates),
        lowest=min(rates),
        highest=max(rates),
        p50_ms=statistics.median(percentile(sample.latencies, 50) for sample in samples) * 1_000,
        p99_ms=statistics.median(percentile(sample.latencies, 99) for sample in samples) * 1_000,
        refused=sum(sample.refused for sample in samples),
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """The value at or below which that share of them lies (nearest rank); raises ValueError where there are none."""
    if not values:
        raise ValueError
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // PERCENT)  # rounded up
    return ordered[max(int(rank) - 1, 0)]
