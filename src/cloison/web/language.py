"""French for those who prefer it: the sentences of `errors.py`, from the catalogue in `locale/`.

The catalogue is compiled when the desk starts, so that no compiled file can be older than its text.
"""

import gettext
import io
from importlib import resources

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ENGLISH = "en"
TRANSLATED = ("fr",)
PREFERENCES_READ = 16  # of an Accept-Language header: no browser sends more
WEIGHT = ";q="


def translate(text: str, language: str) -> str:
    """`text` in `language`; itself where there is no translation."""
    catalogue = _CATALOGUES.get(language)
    return text if catalogue is None else catalogue.gettext(text)


def chosen(accept_language: str | None) -> str:
    """The language of ours that an Accept-Language header likes best; English where it says nothing readable."""
    best, best_weight = ENGLISH, 0.0
    for preference in (accept_language or "").split(",", PREFERENCES_READ)[:PREFERENCES_READ]:
        tag, _, weight = preference.replace(" ", "").partition(WEIGHT)
        language = tag.partition("-")[0].lower()
        if language in (ENGLISH, *TRANSLATED) and _number(weight) > best_weight:
            best, best_weight = language, _number(weight)
    return best


def _number(weight: str) -> float:
    try:
        return float(weight) if weight else 1.0
    except ValueError:
        return 0.0


def _catalogue(language: str) -> gettext.GNUTranslations:
    source = resources.files("cloison.web") / "locale" / language / "LC_MESSAGES" / "cloison.po"
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(source.read_bytes()), locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


_CATALOGUES = {language: _catalogue(language) for language in TRANSLATED}
