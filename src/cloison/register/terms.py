"""What of a person is hashed into search terms: one form, shared by the import and the desk's search.

A term only ever matches if both sides spell it alike, so nobody else may normalise. The hashing itself is the
keeper's. Facts of one term are joined by a character that no field can hold (`fields` refuses it), so that no
two lists of facts give one text.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from phonetic_fr import phonetic

from cloison.errors import BadRequestError, UnknownSearchError
from cloison.keeper.messages import BETWEEN_FACTS
from cloison.register.fields import InvalidValueError, check
from cloison.register.profile import Normalisation, Profile, Search

FACT_BYTES = 169  # a longer fact is cut, on both sides alike: three and what is between them fit the keeper's 512
LAST_DAY = "9999-12-31"
SPELLINGS_KEPT = 1 << 16  # more than the surnames that most people share; a phonetic key takes 150 µs
# letters that Unicode does not split into a plain one and a mark
PLAIN_LETTERS = str.maketrans({"Ø": "O", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "TH", "Œ": "OE", "Æ": "AE", "ẞ": "SS"})


exact = str.lower  # a value already in its field's form, in one case


@lru_cache(SPELLINGS_KEPT)
def name(value: str) -> str:
    """A name's letters and digits alone: no accents, case, hyphens, apostrophes or spaces."""
    plain = unicodedata.normalize("NFD", value.upper().translate(PLAIN_LETTERS))
    return "".join(filter(str.isalnum, plain))


@lru_cache(SPELLINGS_KEPT)
def sound(value: str) -> str:
    """The key of what sounds alike in French; the plain name where that is nothing (too short, foreign)."""
    plain = name(value)
    return str(phonetic(plain)) or plain


NORMALISE: dict[Normalisation, Callable[[str], str]] = {
    Normalisation.EXACT: exact,
    Normalisation.NAME: name,
    Normalisation.PHONETIC: sound,
}


def term_inputs(profile: Profile, search_name: str, facts: Mapping[str, str]) -> dict[int, bytes]:
    """The bytes to hash for a search, by slot: of each term all of whose fields are among `facts`.

    `facts` are what the caller typed, by field; those of other fields are not looked at. Raises
    UnknownSearchError, and BadRequestError for a fact that is missing or malformed; neither repeats a fact.
    """
    searches = profile.searches_named(search_name)
    if not searches:
        raise UnknownSearchError(offered=", ".join(dict.fromkeys(search.name for search in profile.searches)))
    wanted = {field for search in searches for field in search.fields}
    values = {field: _fact(profile, field, facts[field]) for field in wanted & facts.keys()}
    for field in {need for search in searches for need in search.needs}:
        if not values.get(field):
            raise BadRequestError(reason=f"the search {search_name} needs {field}")
    terms = dict(terms_of(searches, values))
    if not terms:
        raise BadRequestError(reason=f"the search {search_name} needs {', '.join(searches[0].fields)}")
    return terms


def terms_of(searches: Iterable[Search], values: Mapping[str, str]) -> list[tuple[int, bytes]]:
    """Slot and bytes of each term none of whose fields is empty, from values in their kept form."""
    searches = list(searches)
    named = {name for search in searches for name in search.fields}
    return term_columns(searches, {name: [values.get(name, "")] for name in named})[0]


def term_columns(searches: Sequence[Search], values: Mapping[str, Sequence[str]]) -> list[list[tuple[int, bytes]]]:
    """The same for many people, from values in their kept form by column; one list a person."""
    normal: dict[tuple[str, Normalisation], list[bytes]] = {}  # several terms hash the same birth date
    for field, how in dict.fromkeys(fact for search in searches for fact in search.fields.items()):
        normal[field, how] = [text.encode()[:FACT_BYTES] for text in map(NORMALISE[how], values[field])]
    slots = []
    for search in searches:
        slot, facts = search.slot, zip(*(normal[fact] for fact in search.fields.items()), strict=True)
        # a name without a letter is nothing to search by either
        slots.append([None if b"" in parts else (slot, BETWEEN_FACTS.join(parts)) for parts in facts])
    return [list(filter(None, terms)) for terms in zip(*slots, strict=True)]


def locator_inputs(profile: Profile, values: Mapping[str, str]) -> list[tuple[int, bytes]]:
    """Kind and bytes of each value that is unique in the register, from values in their kept form."""
    columns = {name: [values.get(name, "")] for name in profile.locators}
    return locator_columns(profile, columns)[0]


def locator_columns(profile: Profile, values: Mapping[str, Sequence[str]]) -> list[list[tuple[int, bytes]]]:
    """The same for many people, by column; one list a person."""
    kinds = [
        [(kind, text.encode()) if text else None for text in map(exact, values[name])]
        for kind, name in enumerate(profile.locators)
    ]
    return [list(filter(None, found)) for found in zip(*kinds, strict=True)]


def _fact(profile: Profile, field: str, value: str) -> str:
    try:
        # any day will do: a birth date to come finds nobody
        return check(profile.fields[field], value, today=LAST_DAY)
    except InvalidValueError as error:
        raise BadRequestError(reason=f"{field}: {error.reason}") from error
