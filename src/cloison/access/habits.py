"""Habits that make two people one: pairs who approve each other often, approvers who never refuse. No I/O.

Two people who wave each other's acts through are one person. Nothing here blocks anybody: the pairs and approvers are
shown to officers, neutrally, with the figures. Only acts of the period that the caller chose are looked at.

A *pair* is shown if each of both approved for the other, and one of these holds:
  1. Closed pair: of the approvals each of them received, more than half came from the other, with confidence: the
     lower end of Wilson's 95 % interval is above 1/2. That takes 4 of 4, or 10 of 12, in both directions. Wilson's,
     because the usual interval claims certainty at 4 of 4 and at 1 of 1 alike. In a house with two approvers this is
     necessity, not habit, and is shown all the same: such a house has one decision, not two.
  2. Surprising pair: in a large house, more often than the approver's share explains. If the acts of `a` were approved
     by whoever approves, `b` would have each with the chance that `b` has among approvals of *others'* acts by anybody
     but `a` (one added to each count, so that nobody has none). The binomial tail of what `b` did approve is the
     surprise of one direction; the smaller surprise of both directions is the pair's, as both must be strange. Shown
     beyond 1 in 100, divided by the number of pairs looked at (Bonferroni), so that a hundred houses show about one
     honest pair.

An *approver who never refuses* decided at least 30 acts and refused none: then a true rate of refusals above 10 % is
excluded with 95 % confidence (the rule of three: 3/n). Or fewer, if at the others' rate of refusals their run
of approvals has a chance below 1 in 100, divided by the number of approvers looked at.

Left out: rings of three or more, and time of day. They belong to the watch.
"""

from collections import Counter
from collections.abc import Sequence
from math import exp, lgamma, log, log1p, log10, sqrt
from typing import NamedTuple

import msgspec

Z = 1.96  # 95 % of a normal distribution
HALF = 0.5
CHANCE = 0.01
SURELY_NEVER = 30  # decisions without a refusal: the rule of three at 10 %


class Decision(NamedTuple):
    """An approval or a refusal; accounts or, better, their holders, under whatever name the caller has for them."""

    asker: str
    approver: str
    approved: bool


class Pair(msgspec.Struct, frozen=True):
    """Two people, and how many acts of the other each of them approved; `surprise` in powers of ten."""

    first: str
    second: str
    by_first: int
    by_second: int
    surprise: float
    closed: bool


class NeverRefusing(msgspec.Struct, frozen=True):
    """An approver who refused nothing of so many acts; `surprise` in powers of ten, at the others' rate."""

    approver: str
    decisions: int
    surprise: float


class Habits(msgspec.Struct, frozen=True):
    """What somebody should look at, the most surprising first."""

    pairs: list[Pair]
    never_refusing: list[NeverRefusing]


def suspicious_pairs(decisions: Sequence[Decision]) -> Habits:
    """Pairs who approve each other often, and approvers who never refuse."""
    return Habits(_pairs(decisions), _never_refusing(decisions))


def _pairs(decisions: Sequence[Decision]) -> list[Pair]:
    approved = Counter((each.asker, each.approver) for each in decisions if each.approved)
    mutual = sorted((a, b) for a, b in approved if a < b and (b, a) in approved)
    received: Counter[str] = Counter()
    given: Counter[str] = Counter()
    for (asker, approver), times in approved.items():
        received[asker] += times
        given[approver] += times
    total, approvers = sum(approved.values()), len(given)
    found = []
    for a, b in mutual:
        surprises, closed = [], True
        for asker, approver in ((a, b), (b, a)):
            times = approved[asker, approver]
            others = total - received[asker] - given[asker]  # the asker could not approve their own, so counts nowhere
            share = (given[approver] - times + 1) / (others + approvers - 1)
            surprises.append(_tail(times, received[asker], min(share, 1.0)))
            closed = closed and _wilson(times, received[asker]) > HALF
        found.append(Pair(a, b, approved[b, a], approved[a, b], min(surprises), closed))
    beyond = log10(max(len(mutual), 1) / CHANCE)
    shown = [pair for pair in found if pair.closed or pair.surprise > beyond]
    return sorted(shown, key=lambda pair: (-pair.surprise, pair.first, pair.second))


def _never_refusing(decisions: Sequence[Decision]) -> list[NeverRefusing]:
    decided = Counter(each.approver for each in decisions)
    refused = Counter(each.approver for each in decisions if not each.approved)
    beyond = log10(max(len(decided), 1) / CHANCE)
    found = []
    for approver in sorted(set(decided) - set(refused)):
        own = decided[approver]
        rate = (refused.total() + HALF) / (decided.total() - own + 1)  # all refusals are the others'
        surprise = own * -log1p(-min(rate, 1 - 1e-9)) / log(10)
        if own >= SURELY_NEVER or (refused and surprise > beyond):
            found.append(NeverRefusing(approver, own, surprise))
    return sorted(found, key=lambda each: (-each.surprise, each.approver))


def _wilson(hits: int, tries: int) -> float:
    """The lower end of Wilson's interval for a share."""
    share, square = hits / tries, Z * Z
    margin = Z * sqrt(share * (1 - share) / tries + square / (4 * tries * tries))
    return (share + square / (2 * tries) - margin) / (1 + square / tries)


def _tail(hits: int, tries: int, chance: float) -> float:
    """Minus the power of ten of the chance of so many hits or more."""
    if chance >= 1:
        return 0.0
    terms = [
        lgamma(tries + 1) - lgamma(k + 1) - lgamma(tries - k + 1) + k * log(chance) + (tries - k) * log1p(-chance)
        for k in range(hits, tries + 1)
    ]
    most = max(terms)
    return max(0.0, -(most + log(sum(exp(term - most) for term in terms))) / log(10))
