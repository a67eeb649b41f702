"""From a row to a record: segments, cohorts, compartments, labels, and every reason at once."""

from datetime import date
from pathlib import Path

import msgspec
import pytest

from cloison.register.fields import Reason
from cloison.register.profile import load_profile
from cloison.register.records import Record, RecordMaker, Reject, is_segment

TODAY = date(2026, 11, 22)
MAKER = RecordMaker(load_profile("jobseekers-fr"), today=TODAY)
PATIENTS = RecordMaker(load_profile(str(Path(__file__).parent / "patients.toml")), today=TODAY)
ROW = {
    "identifier": "12345678901", "sex": "2", "birth_name": "LE GALL", "first_names": "ZOÉ ANNE",
    "birth_date": "1984-02-29", "commune": "59350", "category": "registered", "nir": "2 84 13 2A 004 012 03",
}  # fmt: skip
PATIENT = {"record_number": "AB12", "surname": "LE GALL", "site": "north-1", "file": "open"}


def made(maker: RecordMaker, row: dict[str, str]) -> Record:
    """The record of a row that must be right."""
    record = maker.to_record(row)
    assert isinstance(record, Record)
    return record


def refused(maker: RecordMaker, row: dict[str, str]) -> list[Reject]:
    """The reasons why a row is refused."""
    rejects = maker.to_record(row)
    assert isinstance(rejects, list)
    return rejects


def test_a_record_has_one_plain_text_a_compartment_and_a_label() -> None:
    """Fields lie in their compartments, empty ones nowhere; the label is made of name and year of birth."""
    assert [msgspec.msgpack.decode(text) for text in made(MAKER, ROW).plain] == [
        ["12345678901", "2", "LE GALL", "", "ZOÉ ANNE", "1984-02-29", ""],
        ["", "", "59350", "", "", ""],
        ["284132A00401203"],
        ["registered", "", "", "", "", ""],
        ["LE GALL ZOÉ ANNE", 1984, "Lille"],
    ]


def test_the_label_prefers_the_name_in_use() -> None:
    """Who goes by another name is shown by it."""
    record = made(MAKER, {**ROW, "usage_name": "MARTIN"})
    assert msgspec.msgpack.decode(record.plain[-1])[0] == "MARTIN ZOÉ ANNE"


@pytest.mark.parametrize(
    ("commune", "segment"), [("59350", "59"), ("2A004", "2A"), ("97105", "971"), ("97608", "976"), ("", "00")]
)
def test_the_segment_is_the_department_of_the_commune(commune: str, segment: str) -> None:
    """Two characters, three overseas; those without a commune share one."""
    assert made(MAKER, {**ROW, "commune": commune}).segment == segment


@pytest.mark.parametrize(
    ("changes", "cohort"),
    [
        ({"category": "registered"}, 2031 * 4 + 3),
        ({"category": "formerly", "ended_on": "2024-02-29"}, 2029 * 4),
        ({"category": "formerly", "ended_on": "2025-12-31"}, 2030 * 4 + 3),
        ({"category": "formerly"}, 2031 * 4 + 3),
        ({"category": "space", "space_used_on": "2026-08-31"}, 2027 * 4 + 2),
    ],
)
def test_the_cohort_is_the_quarter_in_which_retention_ends(changes: dict[str, str], cohort: int) -> None:
    """Five years after the end, thirteen months after the last use, else from the day of import."""
    assert made(MAKER, {**ROW, **changes}).cohort == cohort


def test_every_reason_is_told_at_once_and_no_value_is() -> None:
    """A row with several faults is refused for all of them, with masked values."""
    row = {**ROW, "birth_date": "2023-02-29", "email": "=HYPERLINK(1)", "nir": "1234", "birth_name": " "}
    rejects = refused(MAKER, row)
    assert {(reject.field, reject.reason) for reject in rejects} == {
        ("birth_date", Reason.DATE),
        ("email", Reason.EMAIL),
        ("nir", Reason.NIR_FORM),
        ("birth_name", Reason.MISSING),
    }
    assert {reject.masked for reject in rejects} == {"2•••", "•••", "1•••", ""}


def test_somebody_without_nir_and_identifier_is_refused() -> None:
    """One of the two is required; either will do."""
    row = {name: value for name, value in ROW.items() if name not in {"nir", "identifier"}}
    assert refused(MAKER, row) == [Reject("nir or identifier", Reason.MISSING, "")]
    assert made(MAKER, {**row, "nir": ROW["nir"]}).locators == [(0, b"284132a00401203")]
    assert made(MAKER, {**row, "identifier": "1234567A"}).locators == [(1, b"1234567a")]


def test_a_wrong_commune_is_one_fault_not_two() -> None:
    """The segment that cannot be told for that reason is not a second one."""
    assert [reject.reason for reject in refused(MAKER, {**ROW, "commune": "99999"})] == [Reason.COMMUNE]


def test_patients_have_segments_of_their_own_rule() -> None:
    """By the value of another field; what cannot name a segment, or is missing, is refused."""
    record = made(PATIENTS, PATIENT)
    assert record.segment == "north-1"
    assert len(record.plain) == 3
    assert record.locators == [(0, b"ab12")]
    assert refused(PATIENTS, {**PATIENT, "site": "north 1"}) == [Reject("site", Reason.SEGMENT, "n•••")]
    assert Reject("site", Reason.MISSING, "") in refused(PATIENTS, {**PATIENT, "site": ""})


def test_patients_are_kept_as_long_as_their_profile_says() -> None:
    """Twenty years from the day the file was closed; the label has no year where there is no birth date."""
    record = made(PATIENTS, {**PATIENT, "file": "closed", "closed_on": "2020-05-05"})
    assert record.cohort == 2040 * 4 + 1
    assert msgspec.msgpack.decode(record.plain[-1]) == ["LE GALL", "", ""]


@pytest.mark.parametrize(
    ("text", "right"),
    [("59", True), ("a_b-C", True), ("", False), ("x" * 17, False), ("é", False), ("a b", False), ("a\n", False)],
)
def test_segments_are_short_plain_words(text: str, *, right: bool) -> None:
    """The same alphabet as in SQL and in the keeper's messages."""
    assert is_segment(text) is right
