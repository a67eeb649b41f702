"""Mapping files: other people's columns, words and dates, and what is wrong with a mapping."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.people_files import HEADER, PROFILE, ROW, columns_of, refusal, saved

from cloison.errors import ImportFileError
from cloison.register.fields import Reason
from cloison.register.files import Mapping, load_mapping, looks_swapped, swapped_error
from cloison.register.files.mapping import iso_of_day_first
from cloison.register.records import RecordMaker, Reject

MAPPING = """
delimiter = ";"
encoding = "latin-1"
dates = "day-first"
ignore = ["Commentaire"]
[columns]
birth_name = "Nom de naissance"
first_names = "Prénoms"
birth_date = "Né(e) le"
[values.category]
"Inscrit" = "registered"
"" = "space"
"""
FRENCH = (
    "NIR; nom  de NAISSANCE;Prénoms;Né(e) le;category;commune;Commentaire\r\n"
    "284132A00401203;LE GALL;ZOÉ;29/02/1984;Inscrit;59350;rien\r\n"
    "284132A00401203;LE GALL;ZOÉ;1984-02-29; INSCRIT ;59350;\r\n"
    "284132A00401203;LE GALL;ZOÉ;30/02/1984;;59350;\r\n"
)


def loaded(tmp_path: Path, text: str) -> Mapping:
    """A mapping file of this text."""
    return load_mapping(saved(tmp_path, text, "mapping.toml"), PROFILE)


def test_a_mapping_makes_the_profiles_columns_words_and_dates(tmp_path: Path) -> None:
    """Names and words without case, dates day first, ISO dates as they are, other columns ignored."""
    columns = columns_of(saved(tmp_path, FRENCH.encode("latin-1")), loaded(tmp_path, MAPPING))
    assert list(columns) == ["nir", "birth_name", "first_names", "birth_date", "category", "commune"]
    assert columns["first_names"] == ["ZOÉ"] * 3
    assert columns["birth_date"] == ["1984-02-29", "1984-02-29", "30/02/1984"]
    assert columns["category"] == ["registered", "registered", "space"]


def test_dates_are_day_first_only_where_the_mapping_says_so(tmp_path: Path) -> None:
    """Without it 01/02/1984 stays what it is, for the check to refuse: nobody's birthday is guessed."""
    path = saved(tmp_path, f"{HEADER}\n{ROW}\n".replace("1984-02-29", "01/02/1984"))
    assert columns_of(path)["birth_date"] == ["01/02/1984"]
    assert columns_of(path, Mapping(dates="day-first"))["birth_date"] == ["1984-02-01"]


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("31/12/1980", "1980-12-31"),
        ("31-12-1980", "1980-12-31"),
        ("31.12.1980", "1980-12-31"),
        (" 31/12/1980 ", "1980-12-31"),
        ("1980-12-31", "1980-12-31"),
        ("31/12-1980", "31/12-1980"),
        ("12/31/1980", "12/31/1980"),
        ("1/2/1980", "1/2/1980"),
        ("٣١/١٢/١٩٨٠", "٣١/١٢/١٩٨٠"),
        ("00/00/0000", "00/00/0000"),
        ("", ""),
    ],
)
def test_day_first_dates(text: str, iso: str) -> None:
    """Three separators, days of the calendar; everything else is left for the check of the field."""
    assert iso_of_day_first(text) == iso


@given(st.dates(), st.sampled_from("/-."))
def test_every_day_written_day_first_is_that_day(day: object, separator: str) -> None:
    """No day is taken for another."""
    year, month, number = str(day).split("-")
    assert iso_of_day_first(separator.join((number, month, year))) == str(day)


@given(st.text(max_size=12))
def test_any_text_is_a_date_or_itself(text: str) -> None:
    """Nothing makes the conversion fail."""
    assert iso_of_day_first(text) == text or len(iso_of_day_first(text)) == len("1980-12-31")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('delimeter = ";"', "delimeter"),
        ('delimiter = "x"', "delimiter must be"),
        ('encoding = "klingon"', "there is no encoding klingon"),
        ('dates = "month-first"', "month-first"),
        ('[columns]\nname = "Nom"', "there is no field name"),
        ('[columns]\nbirth_name = "Nom"\nbirth_name = "Nom2"', "mapping.toml"),
        ('[columns]\nbirth_name = "Nom"\nusage_name = "NOM "', "column NOM  stands there twice"),
        ('ignore = ["Nom"]\n[columns]\nbirth_name = "Nom"', "column Nom stands there twice"),
        ('[values.colour]\nred = "1"', "there is no field colour"),
        ('[values.category]\nInscrit = "inscribed"', "inscribed is none of registered, formerly, space"),
        ('[values.adapted_follow_up]\nOui = "oui"', "oui is none of yes, no"),
        ('[values.category]\nInscrit = "space"\nINSCRIT = "registered"', "a word stands there twice"),
        ("[columns", "mapping.toml"),
        ("birth_name = 1", "mapping.toml"),
    ],
)
def test_a_mapping_that_cannot_serve_is_refused_with_its_fault(tmp_path: Path, text: str, told: str) -> None:
    """An unknown key is an error rather than a setting silently without effect."""
    with pytest.raises(ImportFileError) as caught:
        loaded(tmp_path, text)
    assert told in str(caught.value)
    assert "the mapping mapping.toml" in str(caught.value)


def test_a_mapping_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    """With its path, or its name."""
    with pytest.raises(ImportFileError, match=r"nothing\.toml cannot be read"):
        load_mapping(tmp_path / "nothing.toml", PROFILE)
    with pytest.raises(ImportFileError, match=r"mapping\.toml"):
        load_mapping(saved(tmp_path, b"\xff\xfe\x00", "mapping.toml"), PROFILE)


def test_a_column_that_the_mapping_names_must_be_there(tmp_path: Path) -> None:
    """A slip in the name of an optional column would otherwise leave it out silently."""
    path = saved(tmp_path, f"{HEADER}\n{ROW}\n")
    assert "missing columns: Courriel" in refusal(path, Mapping(columns={"email": "Courriel"}))
    assert "missing columns: Nom" in refusal(path, Mapping(columns={"birth_name": "Nom"}))


def test_a_mapping_goes_before_the_profiles_own_names(tmp_path: Path) -> None:
    """Two names that another system uses the other way round can be told apart."""
    path = saved(tmp_path, f"{HEADER}\n{ROW}\n")
    mapping = Mapping(columns={"birth_name": "first_names", "first_names": "birth_name"})
    assert columns_of(path, mapping)["birth_name"] == ["ZOÉ"]


def rejects_of(columns: dict[str, list[str]]) -> list[list[Reject]]:
    """What the check of records refuses."""
    made = RecordMaker(PROFILE).records(columns, len(columns["nir"]))
    return [list(reasons) for _, reasons in made.rejects]


def people(tmp_path: Path, header: str, rows: int = 200) -> dict[str, list[str]]:
    """The columns of a file of people under that header."""
    lines = [f"{ROW},0639980000,zoe@example.org"] * rows
    return columns_of(saved(tmp_path, "\n".join([header, *lines])))


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("birth_date", "commune", ("birth_date seems to stand under commune", "commune seems to stand under")),
        ("nir", "birth_name", ("nir seems to stand under birth_name",)),
        ("phone", "email", ("phone seems to stand under email", "email seems to stand under phone")),
        ("birth_date", "first_names", ("birth_date seems to stand under first_names",)),
    ],
)
def test_swapped_columns_are_seen_by_their_values(tmp_path: Path, one: str, other: str, told: tuple[str, ...]) -> None:
    """The header fits and every row would be refused: the error says which column holds what."""
    right = f"{HEADER},phone,email"
    sound = people(tmp_path, right)
    assert looks_swapped(sound, rejects_of(sound)) == ()
    columns = people(tmp_path, right.replace(one, "?").replace(other, one).replace("?", other))
    found = looks_swapped(columns, rejects_of(columns))
    assert found
    error = swapped_error(found, columns, PROFILE, today="2025-01-01")
    assert all(part in str(error) for part in told)
    assert "LE GALL" not in str(error)


@pytest.mark.parametrize(("rows", "share"), [(1_000, 10), (1_000, 90), (99, 100)])
def test_bad_rows_are_no_swapped_columns(rows: int, share: int) -> None:
    """10 %, and even 90 %, are a bad file whose good rows go in; a handful of rows says nothing."""
    columns = {"birth_date": ["1984-02-29"] * rows}
    rejects = [[Reject("birth_date", Reason.DATE, "")]] * (rows * share // 100)
    assert looks_swapped(columns, rejects) == ()


def test_a_field_that_nearly_everybody_lacks_is_told() -> None:
    """A required column that is empty throughout is no matter of single rows."""
    columns = {"birth_name": [""] * 200, "nir": [""] * 200}
    rejects = [[Reject("birth_name", Reason.MISSING, ""), Reject("nir or identifier", Reason.MISSING, "")]] * 200
    found = looks_swapped(columns, rejects)
    assert found == ("birth_name", "nir or identifier")
    assert "birth_name, nir or identifier" in str(swapped_error(found, columns, PROFILE, today="2025-01-01"))
