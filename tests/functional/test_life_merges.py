"""Merges and splits over HTTP: two accounts, both records as they were, exposure that follows both."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from support.api import problem
from support.desk import RunningRegister
from support.life import Life, entries, living, newcomer, nir, one

MERGE_SECONDS = 0.05
RELATIONS = "select count(*) from cloison.relation where person = %s"


@contextmanager
def two(register: RunningRegister) -> Iterator[tuple[Life, Life]]:
    """Somebody who asks, and a manager who approves."""
    with living(register) as asks, living(register, 0, "manager") as approves:
        yield asks, approves


def approve(approves: Life, merge: object) -> dict[str, object]:
    """Approve what was asked."""
    return approves.did("POST", f"/v1/merges/{merge}/approve")


def split(asks: Life, merge: object) -> dict[str, object]:
    """Ask that a merge be taken back."""
    return asks.did("POST", f"/v1/merges/{merge}/split", {"purpose": "correction"})


def identities(register: RunningRegister, person: object) -> set[UUID]:
    """All numbers that somebody ever had."""
    found = one(register, "select array_agg(person) from cloison.identities_v1('59', %s)", person)
    return set(found)


def test_a_merge_takes_two_and_the_survivor_takes_what_it_lacked(register: RunningRegister) -> None:
    """Asked, nothing happens; approved, one record is left with what each had, found by either's numbers' import."""
    with two(register) as (asks, approves):
        survivor = asks.bring_in(email="kept@example.org", nir=nir(2, 11, year=71))
        absorbed_row = newcomer(email="other@example.org", phone="0199005566", address="1 rue Fictive")
        absorbed = asks.bring_in(**absorbed_row)
        asked = asks.merge(survivor, absorbed)
        assert asked["outcome"] == "pending"
        assert asks.outcome(absorbed) == "open"
        begun = time.monotonic()
        done = approve(approves, asked["merge"])
        assert time.monotonic() - begun < 10 * MERGE_SECONDS  # with the way there and back, on a busy machine
        assert (done["outcome"], done["person"], done["version"]) == ("merged", str(survivor), 2)
        fields = asks.fields(survivor)
        assert (fields["email"], fields["phone"], fields["address"]) == (
            *("kept@example.org", "0199005566"),
            "1 rue Fictive",
        )
        assert asks.outcome(absorbed) == "scope"
        assert asks.create(**absorbed_row)["person"] == str(survivor)
        assert one(register, "select count(*) from cloison.person where person = %s", absorbed) == 0
        merged = [entry for entry in entries(register, survivor) if entry[0] == "people_merged"]
        assert [(entry[4], len(entry[5])) for entry in merged] == [(2, 32)]


def test_nobody_approves_what_they_asked_themselves(register: RunningRegister) -> None:
    """Nor does anybody without the act, or of another organisation, nor a second time."""
    with two(register) as (asks, approves), living(register) as another:
        people = asks.bring_in(), asks.bring_in()
        merge = asks.merge(*people)["merge"]
        one(
            register,
            "update cloison.role set acts = acts | 32 where name = 'benefits' returning acts",
        )
        with living(register, 0, "benefits") as both:
            for life in (asks, another):
                assert approve(life, merge) == {"outcome": "scope"}
            both.register.relate(both.agent.handle, [])
        assert approve(approves, "00000000-0000-4000-8000-000000000000") == {"outcome": "scope"}
        assert approve(approves, merge)["outcome"] == "merged"
        assert approve(approves, merge) == {"outcome": "scope"}


def test_two_definitive_nirs_are_two_people(register: RunningRegister) -> None:
    """Such a merge is refused; a provisional one gives way, but to its own record only."""
    with living(register) as life:
        first, second = life.bring_in(nir=nir(1, 21, year=72)), life.bring_in(nir=nir(1, 22, year=72))
        waiting = life.bring_in(nir=nir(7, 23, year=73))
        body = {"purpose": "correction", "survivor": str(first), "absorbed": str(second)}
        refusal = problem(life.send("POST", "/v1/merges", body), 409, "merge_refused").detail
        assert "differ" in refusal
        assert nir(1, 21, year=72) not in refusal
        turned = {**body, "survivor": str(waiting), "absorbed": str(first)}
        assert "definitive" in problem(life.send("POST", "/v1/merges", turned), 409, "merge_refused").detail
        assert life.merge(first, waiting)["outcome"] == "pending"


def test_a_split_restores_both_as_they_were(register: RunningRegister) -> None:
    """Fields, locators and relations of both are what they were; a field corrected since stays with the survivor."""
    with two(register) as (asks, approves), living(register) as follower:
        survivor_row, absorbed_row = newcomer(), newcomer(phone="0199005577", address="2 rue Fictive")
        survivor, absorbed = asks.bring_in(**survivor_row), asks.bring_in(**absorbed_row)
        follower.follow(absorbed_row)
        before = one(register, RELATIONS, survivor), one(register, RELATIONS, absorbed)
        merge = asks.merge(survivor, absorbed)["merge"]
        approve(approves, merge)
        assert one(register, RELATIONS, absorbed) == 0
        assert follower.outcome(survivor) == "open"
        assert asks.change(survivor, address="3 rue Fictive")["outcome"] == "changed"
        assert split(asks, merge)["outcome"] == "pending"
        assert approve(approves, merge)["outcome"] == "split"
        assert asks.fields(survivor) == {**survivor_row, "address": "3 rue Fictive"}
        assert asks.fields(absorbed) == absorbed_row
        assert follower.outcome(survivor) == "scope"
        assert (one(register, RELATIONS, survivor), one(register, RELATIONS, absorbed)) == before
        assert asks.create(**absorbed_row)["person"] == str(absorbed)
        assert asks.create(**survivor_row)["person"] == str(survivor)
        assert "people_split" in [entry[0] for entry in entries(register, survivor)]


def test_merged_and_split_again_and_again(register: RunningRegister) -> None:
    """A merge may follow a split, and be taken back too: the keys of both records still open them."""
    with two(register) as (asks, approves):
        rows = newcomer(), newcomer(phone="0199005588")
        survivor, absorbed = asks.bring_in(**rows[0]), asks.bring_in(**rows[1])
        for _ in range(2):
            merge = asks.merge(survivor, absorbed)["merge"]
            assert approve(approves, merge)["outcome"] == "merged"
            assert asks.fields(survivor)["phone"] == "0199005588"
            assert split(asks, merge)["outcome"] == "pending"
            assert approve(approves, merge)["outcome"] == "split"
        assert (asks.fields(survivor), asks.fields(absorbed)) == rows


def test_a_record_changed_since_is_not_merged_as_it_was(register: RunningRegister) -> None:
    """What is approved is what was asked: a change in between makes the request stale, and nothing is lost."""
    with two(register) as (asks, approves):
        survivor, absorbed = asks.bring_in(), asks.bring_in(phone="0199005599")
        merge = asks.merge(survivor, absorbed)["merge"]
        asks.change(survivor, email="since@example.org")
        assert approve(approves, merge) == {"outcome": "stale"}
        assert asks.fields(survivor)["email"] == "since@example.org"
        assert asks.outcome(absorbed) == "open"
        assert approve(approves, asks.merge(survivor, absorbed)["merge"])["outcome"] == "merged"
        assert asks.fields(survivor)["email"] == "since@example.org"


def test_exposure_follows_both(register: RunningRegister) -> None:
    """All numbers of a person lead to the other while merged; afterwards only to what was opened meanwhile."""
    with two(register) as (asks, approves):
        survivor, absorbed = asks.bring_in(), asks.bring_in()
        asks.outcome(absorbed)
        assert identities(register, survivor) == {survivor}
        merge = asks.merge(survivor, absorbed)["merge"]
        approve(approves, merge)
        asks.outcome(survivor)
        assert identities(register, survivor) == identities(register, absorbed) == {survivor, absorbed}
        split(asks, merge)
        approve(approves, merge)
        assert identities(register, survivor) == {survivor}
        assert identities(register, absorbed) == {survivor, absorbed}
        opened = (
            "select count(*) from cloison.history_v1('59', %s) where event = 'open' and outcome = 'open' and person = %s"
        )
        asks.outcome(survivor)
        assert one(register, opened, survivor, survivor) == 2
        assert one(register, opened, absorbed, survivor) == 1  # while they were one
        assert one(register, opened, absorbed, absorbed) == 1


def test_a_stranger_merges_nobody(register: RunningRegister) -> None:
    """A relation with one of the two is not enough, and the answer is that for nobody."""
    with living(register) as theirs, living(register) as life:
        stranger, mine = theirs.bring_in(), life.bring_in()
        nobody = "00000000-0000-4000-8000-000000000000"
        for pair in ((mine, stranger), (stranger, mine), (mine, nobody)):
            assert life.merge(*pair) == {"outcome": "scope"}
        assert split(life, nobody) == {"outcome": "scope"}
