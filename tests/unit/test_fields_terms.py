"""Search terms: what is alike for a search, what is not, and that import and search agree."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.fr import nir as nir_number

from cloison.errors import BadRequestError, UnknownSearchError
from cloison.keeper.searching import grouped
from cloison.register import terms
from cloison.register.profile import load_profile
from cloison.register.records import Record, RecordMaker
from cloison.register.terms import locator_inputs, term_inputs

JOBSEEKERS = load_profile("jobseekers-fr")
PATIENTS = load_profile(str(Path(__file__).parent / "patients.toml"))
NIR = "2 84 13 2A 004 012 03"
BORN = {"birth_date": "1984-02-29"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("LE GALL", "Le-Gall"),
        ("D'ORNANO", "d\u2019ornano"),
        ("ÉLOÏSE", "Eloise"),
        ("LECŒUR", "LECOEUR"),
        ("Groß", "GROSS"),
        ("Müller", "MULLER"),
        ("Łukasz", "LUKASZ"),
    ],
)
def test_spellings_of_one_name_are_alike(one: str, other: str) -> None:
    """Accents, case, hyphens, apostrophes, spaces and joined letters make no difference."""
    assert terms.name(one) == terms.name(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("DUPONT", "DUPOND"), ("GAUTHIER", "GAUTIER"), ("ROUSSEAU", "ROUSSO"), ("PHILIPPE", "FILIP"), ("HENRY", "ENRI")],
)
def test_names_that_sound_alike_in_french_are_alike(one: str, other: str) -> None:
    """Silent letters, double letters, ph and f, h and none."""
    assert terms.sound(one) == terms.sound(other)


@pytest.mark.parametrize("name", ["HU", "A", "X", "محمد", "李"])
def test_a_name_without_a_french_sound_is_its_own(name: str) -> None:
    """Too short or of another script: searched by its letters, never by nothing."""
    assert terms.sound(name) == name


def test_different_names_stay_different() -> None:
    """MARTIN is not MORIN, whether by letters or by sound."""
    for normal in (terms.name, terms.sound):
        assert normal("MARTIN") != normal("MORIN")


def test_a_search_by_name_goes_by_sound_and_birth_date() -> None:
    """Names spelt alike sound alike, so that one term serves both."""
    found = term_inputs(JOBSEEKERS, "birth_name", {"birth_name": "Le Gall", **BORN})
    assert found == {6: b"LEGAL\x1f1984-02-29"}


def test_an_identifier_alone_finds_and_with_the_birth_date_proves() -> None:
    """Slot 2 takes the identifier; slot 3 comes with the birth date."""
    assert set(term_inputs(JOBSEEKERS, "identifier", {"identifier": "1234567a"})) == {2}
    assert set(term_inputs(JOBSEEKERS, "identifier", {"identifier": "1234567a", **BORN})) == {2, 3}


def test_what_is_imported_is_what_is_searched() -> None:
    """For every search the bytes of a record's terms are those of the same facts typed differently."""
    row = {
        "nir": NIR, "identifier": "1234567A", "birth_name": "LE GALL", "first_names": "ZOÉ", "category": "space",
        "email": "Zoe.Legall@example.org", "phone": "0639981234", "commune": "59350", **BORN,
    }  # fmt: skip
    record = RecordMaker(JOBSEEKERS).to_record(row)
    assert isinstance(record, Record)
    typed = {
        "nir": NIR.replace(" ", "").lower(), "identifier": " 1234567a", "birth_name": "le-gall",
        "email": "ZOE.LEGALL@EXAMPLE.ORG", "phone": "06 39 98 12 34", **BORN,
    }  # fmt: skip
    searched: dict[int, bytes] = {}
    for name in ("nir", "identifier", "email", "phone", "birth_name"):
        searched |= term_inputs(JOBSEEKERS, name, typed)
    assert dict(record.terms) == searched
    assert set(searched) == {1, 2, 3, 4, 5, 6}


def test_misses_on_one_identity_share_a_group() -> None:
    """NIRs that differ in order and key only share a group; another place or date has another."""
    [search] = JOBSEEKERS.searches_named("nir")
    one, other, later = (
        term_inputs(JOBSEEKERS, "nir", {"nir": number + nir_number.calc_check_digits(f"{number}00"), **born})
        for number, born in (
            ("1841359350012", BORN),
            ("1841359350913", BORN),
            ("1841359350012", {"birth_date": "1984-03-01"}),
        )
    )
    group = grouped(one[search.slot], search.cuts)
    assert group == b"1841359350\x1f1984-02-29"
    assert grouped(other[search.slot], search.cuts) == group
    assert grouped(later[search.slot], search.cuts) != group
    assert [search.cuts for search in JOBSEEKERS.searches_named("email")] == [[]]


def test_group_of_values_that_are_no_persons() -> None:
    """A value with a fact too many, too few, or cut inside a letter is grouped somehow, and never fails."""
    assert grouped(b"a\x1fb\x1fc", [0, -1]) == b"a"
    assert grouped(b"ab", [1, 0]) == b"a"
    assert grouped("né".encode()[:-1] + b"\x1fb", [2, 0]) == "n\ufffd\x1fb".encode()


@pytest.mark.parametrize(
    ("search", "facts", "told"),
    [
        ("nir", {"nir": NIR}, "birth_date"),
        ("nir", BORN, "nir"),
        ("birth_name", {"birth_name": "MARTIN"}, "birth_date"),
        ("birth_name", {"birth_name": "---", **BORN}, "birth_name"),
        ("email", {}, "email"),
        ("email", {"email": "SECRET"}, "email"),
        ("birth_name", {"birth_name": "MAR\x00TIN", **BORN}, "character"),
        ("birth_name", {"birth_name": "MARTIN\x1f1984-02-29", **BORN}, "character"),
    ],
)
def test_facts_that_cannot_be_searched_by_are_refused_without_repeating_them(
    search: str, facts: dict[str, str], told: str
) -> None:
    """The answer names the field and the reason, never the fact."""
    with pytest.raises(BadRequestError) as caught:
        term_inputs(JOBSEEKERS, search, facts)
    assert told in str(caught.value)
    assert not any(fact in str(caught.value) for fact in facts.values())


def test_an_unknown_search_names_those_there_are() -> None:
    """A search by a name alone does not exist."""
    with pytest.raises(UnknownSearchError, match="nir, identifier, email, phone, birth_name"):
        term_inputs(JOBSEEKERS, "first_names", {"first_names": "ZOÉ"})


def test_patients_are_searched_by_their_own_facts() -> None:
    """The second profile has other searches and slots, and nothing of the first."""
    facts = {"surname": "Le Gall", "given_name": "Philippe", "born": "1984-02-29"}
    assert term_inputs(PATIENTS, "full_name", facts) == {1: b"LEGALL\x1fFILIP\x1f1984-02-29"}
    assert locator_inputs(PATIENTS, {"record_number": "AB12"}) == [(0, b"ab12")]
    with pytest.raises(UnknownSearchError):
        term_inputs(PATIENTS, "nir", {"nir": NIR})


@given(st.text(min_size=1, max_size=100))
def test_no_name_makes_a_term_longer_than_the_keeper_takes(name: str) -> None:
    """Scripts whose letters fall apart in many bytes are cut, and never the birth date."""
    try:
        found = term_inputs(JOBSEEKERS, "birth_name", {"birth_name": name, **BORN})
    except BadRequestError:
        return
    for term in found.values():
        assert len(term) <= 512
        assert term.endswith(b"\x1f1984-02-29")
