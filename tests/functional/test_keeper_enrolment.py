"""Enrolling, changing, finding and destroying people's keys, through the keeper's socket."""

import asyncio
import os
import time
from uuid import uuid4

import pytest
from support.keeper import COHORT, Callers, RunningKeeper, Someone, Staff, callers, keys_of

from cloison.errors import MissingKeyError, StaleVersionError, TamperedRowError
from cloison.keeper.messages import Change, Former, KeyGrant, KnownPerson, NewPerson, TermQuery

pytest_plugins = ["support.keeper_fixtures"]


ALL = 0b11111


def change_of(someone: Someone, version: int = 1, compartments: int = ALL) -> Change:
    """The change of a record that has `version` now."""
    return Change(someone.segment, someone.cohort, someone.person, someone.key_id, version, compartments)


async def test_every_key_is_another(acting: Callers) -> None:
    """No two people, compartments, segments or cohorts share a key, nor does one person enrolled twice."""
    person = uuid4()
    places = [("59", COHORT), ("59", COHORT + 1), ("13", COHORT), ("59", COHORT)]
    enrolled = await acting.intake.enrol([NewPerson(s, c, person, []) for s, c in places])
    keys = [key for made in enrolled for key in made.keys] + (await acting.enrol())[0].keys
    assert len(set(keys)) == len(keys) == 25
    assert {len(key) for key in keys} == {32}


async def test_long_lists_are_split(acting: Callers) -> None:
    """A list longer than one request comes back whole and in order."""
    people = await acting.enrol(600)
    assert len({someone.key_id for someone in people}) == 600
    staff = await acting.sign_in((600, 600, 600, 600))
    assert await acting.open_one(staff, people[-1]) == people[-1].keys[:3]


async def test_terms_of_a_search_are_those_of_enrolment(acting: Callers) -> None:
    """The desk finds a value in each cohort year of its segment, under the slot it was stored for, and nowhere else."""
    years = (2031, 2032, 2040)
    found = [(await acting.enrol(segment="75", cohort=year * 4 + 2))[0].terms for year in years]
    staff = await acting.sign_in()
    queries = [
        TermQuery("75", 1, b"nir 0"),
        TermQuery("75", 5, b"0639981234"),
        TermQuery("75", 5, b"nir 0"),
        TermQuery("75", 1, b"nir 1"),
        TermQuery("76", 1, b"nir 0"),
    ]
    signed = [await acting.desk.terms(staff.token, query) for query in queries]
    first, fifth, other_slot, other_value, nowhere = [each.terms for each in signed]
    assert first == [terms[0] for terms in found]
    assert fifth == [terms[1] for terms in found]
    assert not set(first) & {*other_slot, *other_value}
    assert nowhere == []
    assert all(-(2**63) <= term < 2**63 for term in first)


async def test_groups_are_stable(acting: Callers) -> None:
    """A group's number is the same for all accounts and all values that share its facts, another for others."""
    one, two = await acting.sign_in(), await acting.sign_in()

    async def group(staff: Staff, segment: str, value: bytes) -> int | None:
        return (await acting.desk.terms(staff.token, TermQuery(segment, 1, value), None, [6, 0])).group

    number = await group(one, "59", b"a group's one\x1f1984")
    assert number == await group(two, "59", b"a group's other\x1f1984")
    assert number != await group(two, "59", b"a group's one\x1f1985")
    assert number != await group(two, "59", b"another\x1f1984")
    assert number != await group(two, "5", b"9|a group's one\x1f1984")
    assert (await acting.desk.terms(one.token, TermQuery("59", 1, b"a group"))).group is None


async def test_locators_are_stable(own_keeper: RunningKeeper) -> None:
    """A locator is the same after a restart, and another for another kind."""
    own_keeper.start()
    async with callers(own_keeper) as acting:
        terms = await acting.intake.locate([(0, b"value"), (1, b"value"), (0, b"other"), (0, b"value")])
        assert len(set(terms)) == 3
        await own_keeper.kill_and_start()
        assert await acting.intake.locate([(0, b"value"), (1, b"value")]) == terms[:2]


async def test_older_row_put_back(acting: Callers) -> None:
    """Once a change is confirmed, the older row opens no more."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    new_keys = keys_of((await acting.intake.prepare_change([change_of(someone)]))[0])
    assert not set(new_keys) & set(someone.keys)
    await acting.intake.confirm_change([(someone.key_id, 2)])
    assert await acting.open_one(staff, someone, version=2) == new_keys[:3]
    with pytest.raises(StaleVersionError):
        await acting.open_one(staff, someone, version=1)


async def test_change_cut_off_before_the_register_has_it(acting: Callers) -> None:
    """A change that was only prepared leaves the record readable, and can be made again."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    first = keys_of((await acting.intake.prepare_change([change_of(someone)]))[0])
    assert await acting.open_one(staff, someone, version=1) == someone.keys[:3]
    again = (await acting.intake.prepare_change([change_of(someone)]))[0]
    assert isinstance(again, KeyGrant)
    assert set(again.versions) == {3}
    assert not set(again.keys) & set(first)


async def test_change_cut_off_before_it_is_confirmed(acting: Callers) -> None:
    """A new row that the register has but nobody confirmed opens, and from then on the older one does not."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    new_keys = keys_of((await acting.intake.prepare_change([change_of(someone)]))[0])
    assert await acting.open_one(staff, someone, version=2) == new_keys[:3]
    with pytest.raises(StaleVersionError):
        await acting.open_one(staff, someone, version=1)
    await acting.intake.confirm_change([(someone.key_id, 2)])
    assert await acting.open_one(staff, someone, version=2)


async def test_one_compartment_changes(acting: Callers) -> None:
    """A change of one compartment leaves the others under the keys they were sealed with, in every later version."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    [address] = keys_of((await acting.intake.prepare_change([change_of(someone, compartments=0b00010)]))[0])
    await acting.intake.confirm_change([(someone.key_id, 2)])
    changed = [someone.keys[0], address, someone.keys[2]]
    assert await acting.open_one(staff, someone, version=2) == changed
    [nir] = keys_of((await acting.intake.prepare_change([change_of(someone, 2, 0b00100)]))[0])
    assert await acting.open_one(staff, someone, version=2) == changed
    assert await acting.open_one(staff, someone, version=3) == [someone.keys[0], address, nir]


async def test_somebody_goes_elsewhere(acting: Callers) -> None:
    """The key that was left opens until the new one is confirmed, then is gone; the new row's version goes on."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    former = Former(someone.segment, someone.cohort, someone.key_id)
    [moved] = await acting.intake.enrol([NewPerson("13", COHORT + 4, someone.person, [], 2, former)])
    there = someone._replace(segment="13", cohort=COHORT + 4, key_id=moved.key_id, keys=moved.keys)
    assert await acting.open_one(staff, someone)
    await acting.intake.confirm_change([(moved.key_id, 2)])
    assert await acting.open_one(staff, there, version=2) == moved.keys[:3]
    with pytest.raises(MissingKeyError):
        await acting.open_one(staff, someone)


async def test_elsewhere_unconfirmed(acting: Callers) -> None:
    """A move that nobody confirmed ends when the new row is shown: the row that was left opens no more."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    former = Former(someone.segment, someone.cohort, someone.key_id)
    [moved] = await acting.intake.enrol([NewPerson("13", COHORT, someone.person, [], 2, former)])
    assert await acting.open_one(staff, someone._replace(segment="13", key_id=moved.key_id), version=2)
    with pytest.raises(MissingKeyError):
        await acting.open_one(staff, someone)


async def test_nobody_elses_key_is_destroyed(acting: Callers) -> None:
    """Intake cannot have somebody's key destroyed by naming it as the former key of another."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    former = Former(someone.segment, someone.cohort, someone.key_id)
    with pytest.raises(TamperedRowError):
        await acting.intake.enrol([NewPerson("13", COHORT, uuid4(), [], 2, former)])
    assert await acting.open_one(staff, someone)


async def test_known_people_are_recognised(acting: Callers) -> None:
    """Terms asked for somebody who is there are those that were made for them; without keys there are none."""
    [someone] = await acting.enrol()
    there = KnownPerson(someone.segment, someone.cohort, [(1, b"nir 0"), (5, b"0639981234")])
    gone = KnownPerson("no-such", 1, [(1, b"nir 0")])
    assert await acting.intake.recognise([there, gone]) == [someone.terms, []]


async def test_unprepared_confirmation(acting: Callers) -> None:
    """Confirming what was never prepared changes nothing."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    await acting.intake.confirm_change([(someone.key_id, 2), (someone.key_id, 7), (2**40, 2)])
    assert await acting.open_one(staff, someone, version=1)


async def test_intake_cannot_read(acting: Callers) -> None:
    """Intake gets keys of versions yet to be written, never of the one that is there, and of nobody it mistakes."""
    [someone, other] = await acting.enrol(2)
    changes = [
        change_of(someone, version=2),
        Change("59", COHORT, other.person, someone.key_id, 1, ALL),
        Change("59", COHORT, someone.person, 2**40, 1, ALL),
    ]
    errors = [StaleVersionError, TamperedRowError, MissingKeyError]
    for answer, error in zip(await acting.intake.prepare_change(changes), errors, strict=True):
        with pytest.raises(error):
            keys_of(answer)


async def test_destroyed_person(acting: Callers) -> None:
    """A destroyed key opens nothing, others go on, and its number is not given again."""
    staff, [gone, stays] = await acting.sign_in(), await acting.enrol(2)
    assert await acting.retention.destroy_people([gone.key_id, 2**40]) == 1
    with pytest.raises(MissingKeyError):
        await acting.open_one(staff, gone)
    assert await acting.open_one(staff, stays)
    assert await acting.retention.destroy_people([gone.key_id]) == 0


async def test_destroyed_cohort(own_keeper: RunningKeeper) -> None:
    """After a cohort's end its people open no more, restart or not, and a year without cohorts has no terms."""
    own_keeper.start()
    async with callers(own_keeper) as acting:
        staff = await acting.sign_in()
        [first], [second], [later] = [await acting.enrol(cohort=COHORT + n) for n in (0, 1, 4)]
        query = TermQuery("59", 1, b"nir 0")
        assert (await acting.desk.terms(staff.token, query)).terms == [first.terms[0], later.terms[0]]
        assert await acting.retention.destroy_cohort("59", COHORT)
        assert not await acting.retention.destroy_cohort("59", COHORT)
        assert (await acting.desk.terms(staff.token, query)).terms == [second.terms[0], later.terms[0]]
        assert await acting.retention.destroy_cohort("59", COHORT + 1)
        for _ in range(2):
            assert (await acting.desk.terms(staff.token, query)).terms == [later.terms[0]]
            assert await acting.opened(staff, [first, second]) == 0
            assert await acting.open_one(staff, later)
            await own_keeper.kill_and_start()
        [new] = await acting.enrol(cohort=COHORT)
        assert new.terms != first.terms
        with pytest.raises(TamperedRowError):
            await acting.open_one(staff, first)


async def test_openings_have_their_turn_during_an_import(acting: Callers) -> None:
    """While intake enrols thousands, a counter waits for its record a fraction of a second at most."""
    staff, people = await acting.sign_in((100, 100, 100, 100)), await acting.enrol(40)
    importing = asyncio.create_task(acting.enrol(5_000))
    waits = []
    for someone in people:
        began = time.monotonic()
        assert await acting.open_one(staff, someone)
        waits.append(time.monotonic() - began)
    await importing
    assert sorted(waits)[len(waits) // 2] < 0.1


async def test_any_bytes_can_be_a_value(acting: Callers) -> None:
    """Terms are made of bytes: nothing in a value is special."""
    values = [b"", b"\0", b"|", os.urandom(512), "é".encode(), b"a" * 512]
    assert len(set(await acting.intake.locate([(0, value) for value in values]))) == len(values)
