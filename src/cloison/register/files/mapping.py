"""The mapping file: how somebody else's columns, words and dates become the profile's. No I/O but `load_mapping`.

    delimiter = ";"
    encoding = "latin-1"
    dates = "day-first"              # 31/12/1980, 31-12-1980, 31.12.1980; ISO dates stay what they are
    ignore = ["Commentaire"]
    [columns]
    birth_name = "Nom de naissance"
    [values.category]
    "Inscrit" = "registered"

Names of columns and words are compared without case and surrounding spaces. A field without a line in `[columns]` is
looked for under its own name.
"""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec

from cloison.errors import ImportFileError
from cloison.register.files.encodings import known_encoding
from cloison.register.profile import Field, FieldType, Profile

DELIMITERS = (",", ";", "\t", "|")
REMEMBERED_MOST = 65_536  # days of a century are 36,525
REMEMBERED_LONGEST = 100  # characters
DAY_FIRST_LENGTH = 10
YES_NO = ("yes", "no")

Translation = Callable[[list[str]], list[str]]


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the columns of a file become fields; a key that it does not know is an error."""

    delimiter: str = ""
    encoding: str = ""
    dates: Literal["iso", "day-first"] = "iso"
    ignore: tuple[str, ...] = ()
    columns: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {}


def load_mapping(path: Path, profile: Profile) -> Mapping:
    """The mapping in the TOML file `path`; raises ImportFileError with everything that is wrong with it."""
    try:
        mapping = msgspec.toml.decode(path.read_bytes(), type=Mapping)
    except OSError as error:
        raise ImportFileError(reason=f"the mapping {path} cannot be read ({error.strerror})") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ImportFileError(reason=f"the mapping {path.name}: {error}") from error
    if faults := list(mapping_faults(mapping, profile)):
        raise ImportFileError(reason=f"the mapping {path.name}: {'; '.join(faults)}")
    return mapping


def mapping_faults(mapping: Mapping, profile: Profile) -> Iterator[str]:
    """Why a mapping cannot serve a profile.

    1. Delimiter and encoding are ones that can be read.
    2. It speaks of the profile's fields only.
    3. A column goes to one field, or is ignored.
    4. A word becomes one word, and one that the field can take.
    """
    if mapping.delimiter and mapping.delimiter not in DELIMITERS:
        yield "delimiter must be a comma, a semicolon, a tab or |"
    if mapping.encoding and known_encoding(mapping.encoding) is None:
        yield f"there is no encoding {mapping.encoding}"
    named = {**mapping.columns, **mapping.values}
    yield from (f"there is no field {name}" for name in named if name not in profile.fields)
    seen: set[str] = set()
    for column in (*mapping.columns.values(), *mapping.ignore):
        if folded(column) in seen:
            yield f"column {column} stands there twice"
        seen.add(folded(column))
    for name, words in mapping.values.items():
        if name in profile.fields:
            yield from (f"values.{name}: {fault}" for fault in _word_faults(words, profile.fields[name]))


def _word_faults(words: dict[str, str], field: Field) -> Iterator[str]:
    taken = YES_NO if field.type is FieldType.YES_NO else field.choices
    for word in set(words.values()) if taken else ():
        if word and word not in taken:
            yield f"{word} is none of {', '.join(taken)}"
    if len({folded(word) for word in words}) != len(words):
        yield "a word stands there twice"


def folded(name: str) -> str:
    """A column's name or a word as it is compared: without case, surrounding and no-break spaces."""
    return " ".join(name.split()).casefold()


def translations(mapping: Mapping, profile: Profile, fields: tuple[str, ...]) -> dict[str, Translation]:
    """What turns a column's values into the profile's, for those of `fields` where the mapping asks for it."""
    made: dict[str, Translation] = {}
    for name in fields:
        steps: list[Callable[[str], str]] = []
        if words := mapping.values.get(name):
            steps.append(_word_for_word({folded(word): meant for word, meant in words.items()}))
        if mapping.dates == "day-first" and profile.fields[name].type is FieldType.DATE:
            steps.append(iso_of_day_first)
        if steps:
            made[name] = _remembered(steps)
    return made


def iso_of_day_first(text: str) -> str:
    """31/12/1980, 31-12-1980 or 31.12.1980 as 1980-12-31; everything else as it is."""
    plain = text.strip()
    separator = plain[2:3]
    if len(plain) != DAY_FIRST_LENGTH or separator not in "/-." or plain[5] != separator or not plain.isascii():
        return text
    day, month, year = plain[:2], plain[3:5], plain[6:]
    if not (day + month + year).isdigit():
        return text
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return text


def _word_for_word(words: dict[str, str]) -> Callable[[str], str]:
    return lambda value: words.get(folded(value), value)


class _Remembered(dict[str, str]):
    """Answers of `steps` by value, a bounded number of them: a day or a category comes a thousand times."""

    def __init__(self, steps: list[Callable[[str], str]]) -> None:
        super().__init__()
        self._steps = steps

    def __missing__(self, value: str) -> str:
        answer = value
        for step in self._steps:
            answer = step(answer)
        if len(value) <= REMEMBERED_LONGEST and len(self) < REMEMBERED_MOST:
            self[value] = answer
        return answer


def _remembered(steps: list[Callable[[str], str]]) -> Translation:
    answer = _Remembered(steps).__getitem__
    return lambda values: list(map(answer, values))
