"""Whether a value is one of its field's type, and the one form in which it is kept.

The rules, in the order of `check`:

1. No-break spaces become spaces; a character that does not print (NUL, control, direction marks) is refused.
2. The text is stripped and in Unicode's form NFC.
3. Its length, in characters, is the field's.
4. Its type's own check gives the form that is kept, or the reason for the refusal.

Left out on purpose: whether NIR, sex and dates agree with each other. They differ for real people (corrected
civil records, births before 1968), and an import that refuses them would lose them.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from enum import StrEnum

from stdnum.fr import nir as nir_number

from cloison.register.places import PLACE, commune_codes
from cloison.register.profile import Field, FieldType

FIRST_YEAR, LAST_YEAR = 1880, 2199  # nobody alive was born before; a later end would only stretch retention
DATE_LENGTH = 10
NO_BREAK = {0xA0: " ", 0x202F: " ", 0x2007: " "}
BULLETS = "•••"
UNMASKED_FROM = 4  # the first character of a shorter value would say too much of it

# the grammar of HTML's <input type=email>, with at least one dot in the domain
_EMAIL = re.compile(
    r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+"
)
_PHONE = re.compile(r"0[1-9]\d{8}", re.ASCII)
_POSTCODE = re.compile(r"\d{5}", re.ASCII)
_IDENTIFIER = re.compile(r"[0-9A-Z]+", re.ASCII)
# sex (3, 4, 7, 8: provisional), year, month, place, order, key
_NIR = re.compile(r"[123478]\d\d(\d\d)(?:\d\d|2[AB])\d{8}", re.ASCII)
# 13-19 exist for nobody: the months of fictional people. 20-30 and 50-99 stand for incomplete civil records.
_NIR_MONTHS = frozenset(f"{month:02d}" for month in (*range(1, 31), *range(50, 100)))


class Reason(StrEnum):
    """Why a row or a value is refused; what `FILE.rejects.csv` says."""

    MISSING = "missing"  # a required field, or all of several of which one is required, is empty
    CHARACTER = "character"  # a character that does not print
    LENGTH = "length"  # shorter or longer than the field allows
    DATE = "date"  # not YYYY-MM-DD, or not a day of the calendar
    DATE_RANGE = "date_range"  # before 1880, after 2199, or in the future where that cannot be
    IDENTIFIER = "identifier"  # not ASCII letters and digits
    NIR_FORM = "nir_form"  # not 15 characters of the right kinds
    NIR_MONTH = "nir_month"  # a month that is never used
    NIR_KEY = "nir_key"  # the last two digits do not fit the others
    EMAIL = "email"  # not an address
    PHONE = "phone"  # not 10 digits beginning 01 to 09
    COMMUNE = "commune"  # not the INSEE code of a commune
    PLACE = "place"  # not an INSEE code
    POSTCODE = "postcode"  # not 5 digits
    CHOICE = "choice"  # none of the field's choices
    SEGMENT = "segment"  # gives no segment
    COLUMNS = "columns"  # the row has more or fewer columns than the header
    CONFLICT = "conflict"  # a value unique in the register belongs to somebody else
    PARTIAL = "partial"  # the person is there, and the file has only some columns of what would change
    BUSY = "busy"  # somebody else changed the same person again and again


class InvalidValueError(ValueError):
    """A value is not one of its field's type; holds the reason, never the value."""

    def __init__(self, reason: Reason) -> None:
        """Keep the reason."""
        super().__init__(reason.value)
        self.reason = reason


def check(field: Field, value: str, *, today: str) -> str:
    """The form in which `value` is kept, empty if it is blank; raises InvalidValueError with the reason.

    `today`, an ISO date, is the last day that fields marked `past` may have.
    """
    text = tidy(value)
    if not text:
        return text
    if len(text) > field.max_length:
        raise InvalidValueError(Reason.LENGTH)
    kept = _CHECKS[field.type](field, text)
    if len(kept) < field.min_length:
        raise InvalidValueError(Reason.LENGTH)
    if field.past and kept > today:
        raise InvalidValueError(Reason.DATE_RANGE)
    return kept


def tidy(value: str) -> str:
    """`value` stripped and in NFC; raises InvalidValueError if a character of it does not print."""
    if value.isascii() and value.isprintable():
        return value.strip()
    if not value.isascii():
        value = unicodedata.normalize("NFC", value.translate(NO_BREAK))
    if not value.isprintable():
        raise InvalidValueError(Reason.CHARACTER)
    return value.strip()


def mask(value: str) -> str:
    """What a reject shows of a value: its first letter or digit at most, and nothing of its length."""
    text = value.strip()
    # a cell that begins with a letter, a digit or a bullet is a formula in no spreadsheet
    shown = text[0] if len(text) >= UNMASKED_FROM and text[0].isalnum() else ""
    return shown + BULLETS if text else ""


def _text(_field: Field, text: str) -> str:
    return text


def _identifier(_field: Field, text: str) -> str:
    upper = text.upper()
    return _matching(_IDENTIFIER, upper, Reason.IDENTIFIER)


def _date(_field: Field, text: str) -> str:
    # fromisoformat takes other ISO forms too (20240229, 2024-W09-4): the dashes tell them apart
    if len(text) != DATE_LENGTH or text[4] != "-" or text[7] != "-":
        raise InvalidValueError(Reason.DATE)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        # not chained: the error quotes the value
        raise InvalidValueError(Reason.DATE) from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InvalidValueError(Reason.DATE_RANGE)
    return text


def _nir(_field: Field, text: str) -> str:
    compact = text.replace(" ", "").upper()
    found = _NIR.fullmatch(compact)
    if found is None:
        raise InvalidValueError(Reason.NIR_FORM)
    if found[1] not in _NIR_MONTHS:
        raise InvalidValueError(Reason.NIR_MONTH)
    if nir_number.calc_check_digits(compact) != compact[13:]:
        raise InvalidValueError(Reason.NIR_KEY)
    return compact


def _email(_field: Field, text: str) -> str:
    return _matching(_EMAIL, text, Reason.EMAIL)


def _phone(_field: Field, text: str) -> str:
    return _matching(_PHONE, text.replace(" ", ""), Reason.PHONE)


def _commune(_field: Field, text: str) -> str:
    code = text.upper()
    if code not in commune_codes():
        raise InvalidValueError(Reason.COMMUNE)
    return code


def _place(_field: Field, text: str) -> str:
    return _matching(PLACE, text.upper(), Reason.PLACE)


def _postcode(_field: Field, text: str) -> str:
    return _matching(_POSTCODE, text, Reason.POSTCODE)


def _choice(field: Field, text: str) -> str:
    if text not in field.choices:
        raise InvalidValueError(Reason.CHOICE)
    return text


def _yes_no(_field: Field, text: str) -> str:
    if text not in {"yes", "no"}:
        raise InvalidValueError(Reason.CHOICE)
    return text


def _matching(pattern: re.Pattern[str], text: str, reason: Reason) -> str:
    if pattern.fullmatch(text) is None:
        raise InvalidValueError(reason)
    return text


_CHECKS: dict[FieldType, Callable[[Field, str], str]] = {
    FieldType.TEXT: _text,
    FieldType.IDENTIFIER: _identifier,
    FieldType.DATE: _date,
    FieldType.NIR: _nir,
    FieldType.EMAIL: _email,
    FieldType.PHONE: _phone,
    FieldType.COMMUNE: _commune,
    FieldType.PLACE: _place,
    FieldType.POSTCODE: _postcode,
    FieldType.CHOICE: _choice,
    FieldType.YES_NO: _yes_no,
}
