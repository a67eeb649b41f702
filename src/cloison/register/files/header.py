"""What stands between the columns of a file, and which field of the profile each one is. No I/O."""

import csv
from collections.abc import Sequence

from cloison.errors import ImportFileError
from cloison.register.files.mapping import DELIMITERS, Mapping, folded
from cloison.register.profile import Profile

COLUMN_NAME_LONGEST = 40
NAMES_SHOWN = 20


def delimiter_of(header: str) -> str:
    """The sign that parts `header`, the first line of a file, into most columns; a comma where none does."""
    return max(DELIMITERS, key=lambda sign: _columns_counted(header, sign))


def fields_of(header: Sequence[str], profile: Profile, mapping: Mapping) -> list[str | None]:
    """The field of each column, None for those that the mapping ignores; raises ImportFileError if they do not fit.

    The rules:

    1. Names are compared without case and surrounding spaces; the mapping's go before the profile's own.
    2. A header without any known name is no header: none of it is repeated, as it may be somebody.
    3. Every name is known or ignored, and stands there once.
    4. What the profile requires is there, and so is what the mapping names.
    """
    names = [folded(column) for column in header]
    if not any(names):
        raise ImportFileError(reason="it is empty; its first row must name the columns")
    known = {folded(field): field for field in profile.fields if field not in mapping.columns}
    known |= {folded(column): field for field, column in mapping.columns.items()}
    ignored = {folded(column) for column in mapping.ignore}
    if not known.keys() & set(names):
        raise ImportFileError(
            reason=f"its first row names no column of {profile.name}: is the header there? If its columns have other "
            "names, a mapping file (--mapping) says which is which"
        )
    found = [None if name in ignored else known.get(name) for name in names]
    _refuse_faults(header, names, found, ignored=ignored, profile=profile, mapping=mapping)
    return found


def _columns_counted(header: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([header], delimiter=delimiter), []))
    except csv.Error:  # a line end that is none: what reads the columns says so
        return 0


def _refuse_faults(  # noqa: PLR0913 - all of them are what is compared
    header: Sequence[str],
    names: list[str],
    found: list[str | None],
    *,
    ignored: set[str],
    profile: Profile,
    mapping: Mapping,
) -> None:
    fields = {field for field in found if field}
    unknown = [
        _shown(column)
        for column, name, field in zip(header, names, found, strict=True)
        if field is None and name not in ignored
    ]
    seen = dict(zip(names, header, strict=True))
    twice = [_shown(seen[name]) for name in seen if names.count(name) > 1]
    faults = {
        "missing": _missing(fields, profile, mapping),
        "unknown": unknown,
        "doubled": [column for column in twice if column not in unknown],
    }
    if not any(faults.values()):
        return
    told = "; ".join(f"{kind} columns: {_listed(columns)}" for kind, columns in faults.items() if columns)
    advice = "A mapping file (--mapping) gives columns their fields, or ignores them" if unknown else ""
    raise ImportFileError(reason=". ".join(filter(None, (told, advice))))


def _missing(fields: set[str], profile: Profile, mapping: Mapping) -> list[str]:
    needed: list[tuple[str, ...]] = [(name,) for name, field in profile.fields.items() if field.required]
    needed += [*profile.required_any, (profile.segment.field,), *((field,) for field in mapping.columns)]
    absent = [group for group in needed if not set(group) & fields]
    # as the file would call them
    return list(dict.fromkeys(" or ".join(mapping.columns.get(name, name) for name in group) for group in absent))


def _listed(columns: list[str]) -> str:
    more = len(columns) - NAMES_SHOWN
    return ", ".join(columns[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _shown(column: str) -> str:
    """A column's name, harmless in a terminal; empty ones are said to be so."""
    plain = "".join(character if character.isprintable() else "?" for character in column.strip())
    return plain[:COLUMN_NAME_LONGEST] or "(without a name)"
