"""An organisation's cap: account-person pairs, over all its accounts and segments, whatever they do at once."""

import threading
from collections.abc import Sequence
from uuid import UUID

import pytest
from support.database import SEGMENT, Database, charge
from support.leases import (
    ELSEWHERE,
    FURTHER,
    LEDGER,
    Borrower,
    borrower,
    cap,
    capped,
    capped_at,
    take_capped,
)
from support.meter import WRITTEN, Clock, fails

from cloison.access.agreements import Caps, Terms, agree
from cloison.access.organisations import find_organisation

Pair = tuple[UUID, UUID]


def staff(database: Database, organisation: str, people: int) -> list[tuple[Borrower, str]]:
    """Four accounts of an organisation, at home in two segments, who follow people at home and elsewhere."""
    made = []
    for home, segment in ((SEGMENT, SEGMENT), (SEGMENT, ELSEWHERE), (FURTHER, FURTHER), (FURTHER, SEGMENT)):
        account = database.account(segment=home, organisation=organisation)
        followed = database.people(people, segment)
        database.relate(account, followed, segment=segment)
        session = database.session(account, segment=home)
        made.append((Borrower(database, database.connect("desk"), session, followed), segment))
    return made


def pairs(it: Borrower, people: Sequence[UUID] | set[UUID]) -> set[Pair]:
    """The pairs of this account and these people."""
    return {(it.session.account, person) for person in people}


def counted(database: Database, organisation: str) -> int:
    """How many pairs the organisation's ledger holds."""
    number = find_organisation(database.owner, organisation).organisation
    count = database.one("select count(*) from cloison.organisation_opening where organisation = %s", number)
    assert isinstance(count, int)
    return count


@pytest.mark.parametrize("most", [0, 1, 5, 13])
def test_exactly_as_many_pairs_as_the_cap(shared: Database, most: int) -> None:
    """A cap of five opens five pairs, whichever accounts and segments they are of, and those again and again."""
    taken: set[Pair] = set()
    mixed = staff(shared, capped_at(shared, f"exactly {most}", most), 5)
    for i in range(5):
        for it, segment in mixed:
            taken |= pairs(it, take_capped(it, it.people[i : i + 1], segment))
    assert len(taken) == most
    for it, segment in mixed:
        mine = [person for account, person in taken if account == it.session.account]
        assert take_capped(it, mine, segment) == set(mine)


def test_same_person_by_two_accounts_is_two_pairs(shared: Database) -> None:
    """The cap counts pairs: the same person opened by two accounts counts twice."""
    organisation = capped_at(shared, "pairs", 3)
    one, other = (borrower(shared, 2, SEGMENT, organisation=organisation) for _ in range(2))
    shared.relate(other.session.account, one.people)
    assert take_capped(one, one.people) == set(one.people)
    assert len(take_capped(other, one.people)) == 1


def test_parallel_accounts_and_segments(shared: Database) -> None:
    """Eight threads of four accounts in three segments, at once and without pause, open as many pairs as the cap."""
    organisation = capped_at(shared, "parallel", 17)
    mixed = staff(shared, organisation, 10)
    taken: set[Pair] = set()

    def open_all(it: Borrower, segment: str, people: Sequence[UUID]) -> None:
        mine = it._replace(desk=shared.connect("desk"))
        for i in range(0, len(people), 3):
            part = people[i : i + 3]
            for _ in range(4):  # two threads of one account make each other busy
                taken.update(pairs(it, take_capped(mine, part, segment)))

    threads = [
        threading.Thread(target=open_all, args=(it, segment, it.people[:: 1 if turn else -1]))
        for it, segment in mixed
        for turn in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(shared, organisation) == 17
    for it, segment in mixed:
        taken |= pairs(it, take_capped(it, it.people, segment))
    assert len(taken) == 17


def test_without_the_organisations_count(shared: Database) -> None:
    """Where there is a cap, neither the plain charge nor a lease of the home's alone opens anybody."""
    it = borrower(shared, 3, SEGMENT, organisation=capped_at(shared, "uncounted", 9))
    assert charge(it.desk, it.session, it.people)[1] == ["lease"] * 3
    lent = it.lent(it.people, SEGMENT)
    assert it.charge(lent, SEGMENT) == ["lease"] * 3
    assert it.release(lent, SEGMENT) == set()


def test_count_read_and_rolled_back(shared: Database) -> None:
    """The organisation's signature is never given out by a transaction that could still take its count back."""
    it = borrower(shared, 3, organisation=capped_at(shared, "rolled back", 9))
    lent = it.lent(it.people)
    with it.desk.transaction(force_rollback=True):
        assert cap(it.desk, lent) == ["open"] * 3
        with fails(WRITTEN), it.desk.transaction():
            capped(it.desk, lent)
        assert capped(shared.connect("desk"), lent) == []
    assert capped(it.desk, lent) == []


def test_ledger_of_another_segment(shared: Database) -> None:
    """A lease is counted where the organisation's ledger is and nowhere else."""
    organisation = capped_at(shared, "elsewhere", 9)
    it = borrower(shared, 3, organisation=organisation)
    lent = it.lent(it.people)
    assert cap(it.desk, lent, ELSEWHERE) == ["lease"] * 3
    assert capped(it.desk, lent, ELSEWHERE) == []
    number = find_organisation(shared.owner, organisation).organisation
    agree(shared.owner, number, organisation, Terms(segments=(ELSEWHERE, SEGMENT), caps=Caps(hour=9)))
    assert cap(it.desk, lent, LEDGER) == ["open"] * 3


def test_new_agreement_forgets_nothing(shared: Database) -> None:
    """Another agreement does not fill the cap up again, be it with another one in between that had none."""
    organisation = capped_at(shared, "again", 3)
    it = borrower(shared, 6, SEGMENT, organisation=organisation)
    assert len(take_capped(it, it.people[:2])) == 2
    number = find_organisation(shared.owner, organisation).organisation
    for terms in (Terms(), Terms(caps=Caps(hour=3)), Terms(caps=Caps(hour=3, day=90))):
        agree(shared.owner, number, organisation, terms)
    assert len(take_capped(it, it.people[2:])) == 1


def test_held_lock_on_the_organisations_ledger(shared: Database) -> None:
    """Who holds an organisation's ledger makes its accounts busy, and nobody else's."""
    held = borrower(shared, 2, organisation=capped_at(shared, "held", 9))
    free = borrower(shared, 2, organisation=capped_at(shared, "free", 9))
    lent = [held.lent(held.people), free.lent(free.people)]
    thief = shared.connect("desk")
    with thief.transaction(force_rollback=True):
        cap(thief, lent[0])
        assert cap(held.desk, [*lent[0], *lent[1]]) == ["busy"] * 2 + ["open"] * 2
    assert cap(held.desk, lent[0]) == ["open"] * 2


def test_organisations_own_numbers(shared: Database) -> None:
    """What an organisation's ledger lends and refuses is logged under its own numbers, without gaps."""
    organisation = capped_at(shared, "numbered", 3)
    it = borrower(shared, 8, SEGMENT, organisation=organisation)
    for i in range(4):
        take_capped(it, it.people[2 * i : 2 * i + 2])
    number = find_organisation(shared.owner, organisation).organisation
    rows = shared.owner.execute(
        "select number, outcome, amount from cloison.entry where segment = %s and account = %s order by number",
        (LEDGER, number),
    ).fetchall()
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert sum(row[2] for row in rows if row[1] == "open") == 3
    assert sum(row[2] for row in rows if row[1] == "budget") == 5


def test_agreement_that_ends_by_date(database: Database) -> None:
    """On the microsecond at which an agreement ends, its accounts open nobody, at home or elsewhere."""
    clock = Clock(database)
    it = borrower(database, 4, SEGMENT, organisation="Agence")
    elsewhere = borrower(database, 4, organisation="Agence")
    number = find_organisation(database.owner, "Agence").organisation
    clock.advance(seconds=1)
    ends_at = database.one("select cloison.clock_v1() + interval '8 seconds'")
    agree(database.owner, number, "Agence", Terms(ends_at=ends_at))  # type: ignore[arg-type]
    clock.advance(seconds=7.999_999)
    lent = elsewhere.lent(elsewhere.people)
    assert charge(it.desk, it.session, it.people[:1])[1] == ["open"]
    assert elsewhere.charge(lent[:2]) == ["open"] * 2
    clock.advance(microseconds=1)
    assert charge(it.desk, it.session, it.people[1:2])[1] == ["scope"]
    assert elsewhere.charge(lent[2:]) == ["scope"] * 2
    assert elsewhere.release(lent) == set()
