"""What changes and merges make of values, without I/O."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.life import nir

from cloison.errors import ActRefusedError, MergeRefusedError
from cloison.register.changes import (
    act_fields,
    act_patch,
    asked_locators,
    is_adult,
    mask_of,
    patched,
    question_groups,
    signs_in_alone,
)
from cloison.register.merging import is_provisional, merged, unmerged
from cloison.register.profile import load_profile

PROFILE = load_profile("jobseekers-fr")
FIELDS = [name for name in PROFILE.fields if name != "nir"]
VALUES = st.dictionaries(st.sampled_from(FIELDS), st.text("abc", min_size=1, max_size=3))
TODAY = date(2026, 3, 1)


def test_a_patch_changes_what_it_names_and_null_empties() -> None:
    """What is not named stays; a blank is the same as null."""
    assert patched({"a": "1", "b": "2", "c": "3"}, {"a": None, "b": "4", "d": ""}) == {"b": "4", "c": "3"}


def test_the_compartments_of_a_change() -> None:
    """Whoever changes a NIR needs its compartment, and no other."""
    assert mask_of(PROFILE, ["nir"]) == 4
    assert mask_of(PROFILE, ["nir", "email", "phone"]) == 6
    assert mask_of(PROFILE, act_fields(PROFILE, "death")) == 8


def test_only_a_new_number_is_a_question() -> None:
    """What stays, or goes, asks nothing about anybody."""
    before = {"nir": nir(1, 1), "identifier": "12345678"}
    assert asked_locators(PROFILE, before, before) == []
    assert asked_locators(PROFILE, before, {"nir": nir(1, 1)}) == []
    assert asked_locators(PROFILE, before, {**before, "identifier": "87654321"}) == ["identifier"]
    assert asked_locators(PROFILE, {}, before) == ["nir", "identifier"]


def test_guesses_at_one_nir_share_a_group() -> None:
    """The 999 that one birth leaves are one group; another birth date, or place, is another."""
    values = {"birth_date": "1990-02-03", "identifier": "12345678"}
    groups = [question_groups(PROFILE, ["nir"], {**values, "nir": nir(1, order)}) for order in (1, 2, 998)]
    assert groups[0] == groups[1] == groups[2]
    assert len(groups[0]) == 1
    other = question_groups(PROFILE, ["nir"], {**values, "nir": nir(1, 1, place="59009")})
    assert other != groups[0]
    assert question_groups(PROFILE, ["identifier"], values) == []


def test_acts_write_what_the_profile_says() -> None:
    """A death ends a registration where there is one; what cannot be done is refused."""
    assert act_patch(PROFILE, "end", "2024-01-01", {"category": "registered"}) == {
        "category": "formerly",
        "ended_on": "2024-01-01",
    }
    assert act_patch(PROFILE, "death", "2024-01-01", {"category": "space"}) == {"deceased_on": "2024-01-01"}
    ended = act_patch(PROFILE, "death", "2024-01-01", {"category": "registered"})
    assert ended == {"deceased_on": "2024-01-01", "category": "formerly", "ended_on": "2024-01-01"}
    assert act_patch(PROFILE, "resume", "2024-01-01", {"category": "space"})["ended_on"] is None
    for act, values in (
        ("end", {"category": "formerly"}),
        ("resume", {"category": "formerly", "deceased_on": "2023-01-01"}),
        ("promote", {"category": "registered"}),
    ):
        with pytest.raises(ActRefusedError):
            act_patch(PROFILE, act, "2024-01-01", values)


@pytest.mark.parametrize(
    ("born", "alone", "adult"),
    [
        ("2010-03-02", False, False),
        ("2010-03-01", True, False),
        ("2008-03-02", True, False),
        ("2008-03-01", True, True),
        ("2008-02-29", True, True),
        ("1880-01-01", True, True),
    ],
)
def test_ages_turn_on_the_birthday(born: str, alone: bool, adult: bool) -> None:  # noqa: FBT001 - a case's columns
    """Sixteen to sign in alone, eighteen to be of age, from the very day on."""
    values = {"birth_date": born}
    assert (signs_in_alone(PROFILE, values, TODAY), is_adult(PROFILE, values, TODAY)) == (alone, adult)


def test_provisional_numbers_are_told_by_their_beginning() -> None:
    """7 and 8 stand for a civil status that is not certified yet; 1 and 2 never do."""
    assert [is_provisional(PROFILE, nir(sex, 1)) for sex in (1, 2, 7, 8)] == [False, False, True, True]


def test_which_records_do_not_merge() -> None:
    """Two definitive NIRs that differ are two people; the definitive one survives."""
    for survivor, absorbed in ((nir(1, 1), nir(1, 2)), (nir(7, 1), nir(1, 1))):
        with pytest.raises(MergeRefusedError):
            merged(PROFILE, {"nir": survivor}, {"nir": absorbed})
    for survivor, absorbed in ((nir(1, 1), nir(1, 1)), (nir(1, 1), nir(7, 1)), (nir(7, 1), nir(7, 2))):
        assert merged(PROFILE, {"nir": survivor}, {"nir": absorbed}) == ({"nir": survivor}, [])


@given(VALUES, VALUES)
def test_a_split_takes_a_merge_back(survivor: dict[str, str], absorbed: dict[str, str]) -> None:
    """Whatever both had, the survivor has again what it had; nothing it had was lost meanwhile."""
    both = merged(PROFILE, survivor, absorbed)
    assert survivor.items() <= both.values.items()
    assert both.values.keys() == survivor.keys() | absorbed.keys()
    assert unmerged(PROFILE, both.values, absorbed, both.filled) == survivor


@given(VALUES, VALUES, st.sampled_from(FIELDS))
def test_a_split_leaves_what_was_corrected(survivor: dict[str, str], absorbed: dict[str, str], field: str) -> None:
    """A field that was corrected since the merge is the survivor's own."""
    both = merged(PROFILE, survivor, absorbed)
    after = unmerged(PROFILE, {**both.values, field: "corrected"}, absorbed, both.filled)
    assert after == {**survivor, field: "corrected"}
