"""Whether a log's entries stand in order, as far as it can be told without seeing one; no I/O.

Of each leaf the register says which author's which entry stands there: the author by a number that names nobody, the
entry by its number among the author's own. A witness holds the register to that: leaves follow one another without a
gap, and of each author the numbers go from 1 on. That an entry is the one that its place says, only whoever reads
entries can tell (`verify.py`, rule 3).
"""

from typing import NamedTuple

import msgspec


class Batch(NamedTuple):
    """What was put into the tree at once, from leaf `first` on: of each author so many entries, from a number on."""

    first: int
    authors: list[int]
    numbers: list[int]
    counts: list[int]


class Order(msgspec.Struct):
    """The first `size` leaves are in order; `last`: the last number of each author among them."""

    size: int = 0
    last: dict[int, int] = msgspec.field(default_factory=dict)

    def follow(self, batch: Batch) -> bool:
        """Whether a batch is what comes next, which it then is; else nothing has changed."""
        runs = list(zip(batch.authors, batch.numbers, batch.counts, strict=False))
        if not len(batch.authors) == len(batch.numbers) == len(batch.counts) or batch.first != self.size:
            return False
        if len({author for author, _, _ in runs}) < len(runs):
            return False
        if any(count < 1 or number != self.last.get(author, 0) + 1 for author, number, count in runs):
            return False
        self.last.update({author: number + count - 1 for author, number, count in runs})
        self.size += sum(count for _, _, count in runs)
        return True
