"""Whether a register holds exactly the people of a file: nobody lost, nobody doubled, nobody mixed up."""

import asyncio
from collections import defaultdict
from uuid import UUID

from cloison.config import Home
from cloison.processes import keeper_of, running_keeper
from cloison.register.profile import load_profile
from cloison.register.records import Record, RecordMaker
from cloison.store.pools import connect
from support.operated import OperatedHome

Locators = frozenset[tuple[int, int]]  # of one person: the kind and keyed hash of each of their numbers
VALUES_A_CALL = 1_000


def assert_holds(operated: OperatedHome, rows: list[dict[str, str]]) -> None:
    """Each row is one person with exactly its numbers, and there is nobody else and no number of nobody."""
    with running_keeper(operated.home, operated.passphrase_file):
        expected = asyncio.run(_locators_of(operated.home, rows))
    found = _locators_in(operated.home)
    assert len(set(expected)) == len(rows)
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, expected))
    with connect(operated.home, "owner") as owner:
        people = {row[0] for row in owner.execute("select person from cloison.person").fetchall()}
    assert people == found.keys()


async def _locators_of(home: Home, rows: list[dict[str, str]]) -> list[Locators]:
    maker = RecordMaker(load_profile(home.config.profile))
    records = [record for record in map(maker.to_record, rows) if isinstance(record, Record)]
    values = [locator for record in records for locator in record.locators]
    terms: list[int] = []
    async with keeper_of(home, "intake") as keeper:
        for start in range(0, len(values), VALUES_A_CALL):
            terms += await keeper.locate(values[start : start + VALUES_A_CALL])
    each = iter(terms)
    return [frozenset((kind, next(each)) for kind, _ in record.locators) for record in records]


def _locators_in(home: Home) -> dict[UUID, Locators]:
    found: dict[UUID, set[tuple[int, int]]] = defaultdict(set)
    with connect(home, "owner") as owner:
        for person, kind, term in owner.execute("select person, kind, term from cloison.locator").fetchall():
            found[person].add((kind, term))
    return {person: frozenset(locators) for person, locators in found.items()}


def assert_part_of(operated: OperatedHome, rows: list[dict[str, str]]) -> int:
    """Whoever is in the register is one of `rows`, once and whole; how many they are."""
    with running_keeper(operated.home, operated.passphrase_file):
        expected = asyncio.run(_locators_of(operated.home, rows))
    found = _locators_in(operated.home)
    assert len(set(found.values())) == len(found)
    assert set(found.values()) <= set(expected)
    with connect(operated.home, "owner") as owner:
        people = {row[0] for row in owner.execute("select person from cloison.person").fetchall()}
    assert people == found.keys()
    return len(people)


def assert_counted(operated: OperatedHome) -> None:
    """The counters of the statistics count exactly who is there."""
    with connect(operated.home, "owner") as owner:
        wrong = owner.execute(
            "select from (select segment, cell, count(*) as people from cloison.person where cell is not null "
            "group by 1, 2) p full join (select * from cloison.counter where people > 0) c using (segment, cell) "
            "where p.people is distinct from c.people"
        ).fetchall()
    assert wrong == []
