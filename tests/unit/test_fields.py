"""Values of every field type: what is kept, what is refused and why, and what a reject shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.fr import nir as nir_number

from cloison.register.fields import BULLETS, InvalidValueError, Reason, check, mask
from cloison.register.profile import Field, FieldType

TODAY = "2026-11-22"


def kept(kind: FieldType, value: str, **options: object) -> str:
    """What is kept of a value of a field of this type."""
    return check(Field(type=kind, compartment="c", **options), value, today=TODAY)  # type: ignore[arg-type]


def refused(kind: FieldType, value: str, **options: object) -> Reason:
    """The reason why a value is refused."""
    with pytest.raises(InvalidValueError) as caught:
        kept(kind, value, **options)
    assert value not in str(caught.value)
    return caught.value.reason


def with_key(thirteen: str) -> str:
    """A NIR with its right key."""
    return thirteen + nir_number.calc_check_digits(thirteen + "00")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (FieldType.TEXT, "  Zoe\u0301 ", "Zoé"),
        (FieldType.TEXT, "Anne\u00a0Marie", "Anne Marie"),
        (FieldType.TEXT, "محمد", "محمد"),
        (FieldType.TEXT, "   ", ""),
        (FieldType.IDENTIFIER, "1234567a", "1234567A"),
        (FieldType.DATE, "2024-02-29", "2024-02-29"),
        (FieldType.EMAIL, "Zoe.O'Neil+a@mail.example.org", "Zoe.O'Neil+a@mail.example.org"),
        (FieldType.PHONE, "06 39 98 12 34", "0639981234"),
        (FieldType.PHONE, "0199001234", "0199001234"),
        (FieldType.COMMUNE, "59350", "59350"),
        (FieldType.COMMUNE, "2a004", "2A004"),
        (FieldType.COMMUNE, "75112", "75112"),
        (FieldType.COMMUNE, "75056", "75056"),
        (FieldType.COMMUNE, "97608", "97608"),
        (FieldType.PLACE, "99352", "99352"),
        (FieldType.PLACE, "2b033", "2B033"),
        (FieldType.POSTCODE, "01000", "01000"),
        (FieldType.YES_NO, "no", "no"),
    ],
)
def test_a_right_value_is_kept_in_one_form(kind: FieldType, value: str, expected: str) -> None:
    """Stripped, composed, without the spaces that only separate, in upper case where case says nothing."""
    assert kept(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (FieldType.TEXT, "Mar\x00tin", Reason.CHARACTER),
        (FieldType.TEXT, "Martin\x1b[2J", Reason.CHARACTER),
        (FieldType.TEXT, "Martin\n", Reason.CHARACTER),
        (FieldType.TEXT, "Mar\u202etin", Reason.CHARACTER),
        (FieldType.TEXT, "x" * 101, Reason.LENGTH),
        (FieldType.IDENTIFIER, "1234-567", Reason.IDENTIFIER),
        (FieldType.IDENTIFIER, "١٢٣٤", Reason.IDENTIFIER),
        (FieldType.DATE, "2023-02-29", Reason.DATE),
        (FieldType.DATE, "1900-02-29", Reason.DATE),
        (FieldType.DATE, "29/02/2024", Reason.DATE),
        (FieldType.DATE, "20240229", Reason.DATE),
        (FieldType.DATE, "2024-W09-4", Reason.DATE),
        (FieldType.DATE, "2024-13-01", Reason.DATE),
        (FieldType.DATE, "0000-00-00", Reason.DATE),
        (FieldType.DATE, "1879-12-31", Reason.DATE_RANGE),
        (FieldType.DATE, "9999-12-31", Reason.DATE_RANGE),
        (FieldType.EMAIL, "zoe.example.org", Reason.EMAIL),
        (FieldType.EMAIL, "zoe@localhost", Reason.EMAIL),
        (FieldType.EMAIL, "zoe@example.org, eve@example.org", Reason.EMAIL),
        (FieldType.EMAIL, "zoe@-example.org", Reason.EMAIL),
        (FieldType.PHONE, "06 39 98 12 3", Reason.PHONE),
        (FieldType.PHONE, "+33639981234", Reason.PHONE),
        (FieldType.PHONE, "0039981234", Reason.PHONE),
        (FieldType.PHONE, "٠٦٣٩٩٨١٢٣٤", Reason.PHONE),
        (FieldType.COMMUNE, "59999", Reason.COMMUNE),
        (FieldType.COMMUNE, "Lille", Reason.COMMUNE),
        (FieldType.PLACE, "2C004", Reason.PLACE),
        (FieldType.PLACE, "5935", Reason.PLACE),
        (FieldType.POSTCODE, "5900", Reason.POSTCODE),
        (FieldType.YES_NO, "oui", Reason.CHOICE),
    ],
)
def test_a_wrong_value_is_refused_with_the_reason(kind: FieldType, value: str, reason: Reason) -> None:
    """Every type refuses what it is not, for a reason of the closed list, and the error does not repeat the value."""
    assert refused(kind, value) is reason


@pytest.mark.parametrize("value", ["2 95 10 99 126 111 93", "253072B07300470", "253072A07300443", "253072a07300443"])
def test_the_nirs_of_the_known_vectors_are_right(value: str) -> None:
    """Spaces, Corsica and births abroad."""
    assert kept(FieldType.NIR, value) == value.replace(" ", "").upper()


@pytest.mark.parametrize("month", ["01", "12", "13", "19", "20", "30", "50", "99"])
def test_months_that_insee_or_fiction_use_are_taken(month: str) -> None:
    """Real months, those of fictional people and those of incomplete civil records."""
    assert kept(FieldType.NIR, with_key(f"184{month}59350012"))


@pytest.mark.parametrize("month", ["00", "31", "49"])
def test_other_months_are_refused(month: str) -> None:
    """A month that nobody uses, with a right key."""
    assert refused(FieldType.NIR, with_key(f"184{month}59350012")) is Reason.NIR_MONTH


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("18413593500129", Reason.NIR_FORM),
        ("9" + with_key("1841359350012")[1:], Reason.NIR_FORM),
        ("18413593500A2" + "00", Reason.NIR_FORM),
        ("184132C00401200", Reason.NIR_FORM),
        ("١٨٤١٣٥٩٣٥٠٠١٢٠٠", Reason.NIR_FORM),
    ],
)
def test_what_has_not_the_form_of_a_nir_is_refused(value: str, reason: Reason) -> None:
    """Too short, impossible sex, letters elsewhere, digits of another script."""
    assert refused(FieldType.NIR, value) is reason


@given(st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_of_a_nir_is_always_found(position: int, shift: int) -> None:
    """The key finds every single wrong digit, unless the form or the month already refuses it."""
    right = with_key("1841359350012")
    wrong = right[:position] + str((int(right[position]) + shift) % 10) + right[position + 1 :]
    assert refused(FieldType.NIR, wrong) in {Reason.NIR_KEY, Reason.NIR_MONTH, Reason.NIR_FORM}


def test_a_birth_date_to_come_is_refused() -> None:
    """`past` takes today and refuses tomorrow."""
    assert kept(FieldType.DATE, TODAY, past=True) == TODAY
    assert refused(FieldType.DATE, "2026-11-23", past=True) is Reason.DATE_RANGE


def test_lengths_are_the_fields_own() -> None:
    """Shorter and longer than the profile says are refused."""
    assert refused(FieldType.IDENTIFIER, "1234567", min_length=8, max_length=12) is Reason.LENGTH
    assert refused(FieldType.IDENTIFIER, "1234567890123", min_length=8, max_length=12) is Reason.LENGTH


def test_a_choice_is_one_of_the_fields_choices() -> None:
    """Exactly as the profile spells it."""
    assert kept(FieldType.CHOICE, "open", choices=("open", "closed")) == "open"
    assert refused(FieldType.CHOICE, "Open", choices=("open", "closed")) is Reason.CHOICE


@given(st.sampled_from(FieldType), st.text(max_size=40))
def test_no_text_does_anything_but_pass_or_be_refused(kind: FieldType, value: str) -> None:
    """Whatever stands in a cell: it is kept without characters that do not print, or refused with a reason."""
    try:
        result = kept(kind, value, choices=("open",))
    except InvalidValueError:
        return
    assert result.isprintable()


@given(st.sampled_from(FieldType), st.text(max_size=40))
def test_what_is_kept_stays_as_it_is(kind: FieldType, value: str) -> None:
    """Checking what was kept changes nothing: import and search see one form."""
    try:
        result = kept(kind, value)
    except InvalidValueError:
        return
    assert kept(kind, result) == result


@pytest.mark.parametrize(
    ("value", "shown"), [("Martin", "M" + BULLETS), ("Luc", BULLETS), ("=1+1|cmd", BULLETS), ("", ""), ("   ", "")]
)
def test_a_mask_shows_one_letter_at_most(value: str, shown: str) -> None:
    """The first letter or digit of values long enough, nothing of the length, nothing of the rest."""
    assert mask(value) == shown


@given(st.text())
def test_formulas_in_a_cell_reach_no_spreadsheet(value: str) -> None:
    """What a mask begins with starts a formula in no spreadsheet program."""
    assert not mask(value).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "|", "%"))
