"""The pages' words: translated, and there for every script that asks for them."""

import re
from pathlib import Path

import pytest

import cloison.web
from cloison.access.acts import REQUIRED
from cloison.access.impossible import IMPOSSIBLE
from cloison.config import Config
from cloison.register.profile import load_profile
from cloison.signin import acts, door
from cloison.signin import pages as signin_pages
from cloison.space import pages as space_pages
from cloison.web import pages, shells
from cloison.web.language import translate

FOLDER = Path(cloison.web.__file__).parent
TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))
SAID = re.compile(r'_\("([^"]+)"\)')
ASKED = re.compile(r"word\('([a-z_]+)'")
CODES = re.compile(r"code: '([a-z_]+)'")
CONFIG = Config()
PROFILE = load_profile(CONFIG.profile)
SAME_IN_FRENCH = {"Pages", "Session", "Situation", "Commune", "NIR", "DPO"}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_sentences_of_pages_are_translated(template: Path) -> None:
    """No sentence of a page stays English for a French reader."""
    said = set(SAID.findall(template.read_text(encoding="utf-8"))) - SAME_IN_FRENCH
    assert [text for text in said if translate(text, "fr") == text] == []


def test_words_of_the_profile_are_translated() -> None:
    """Roles, purposes, compartments, fields and kinds of acts have French names."""
    compartments = [name for name in PROFILE.compartments if name != pages.LABEL]
    names = [*PROFILE.roles, *PROFILE.purposes, *compartments, *PROFILE.fields]
    words = {shells.spoken(name) for name in names} | set(signin_pages.KINDS.values())
    assert [word for word in words - SAME_IN_FRENCH if translate(word, "fr") == word] == []


BY_OTHERS = {
    "account": "handle",
    "executor": "handle",
    "roles": "roles-adviser",
    "compartments": "compartments-nir",
}  # by name, or boxes


def test_every_act_can_be_asked_for_at_the_page() -> None:
    """Each kind of act that the API offers has a name, and fields for what it must say."""
    page = signin_pages.signin_shells(CONFIG).pages["acts", "en"].decode()
    assert set(signin_pages.KINDS) == set(acts.OFFERED)
    for kind in acts.OFFERED:
        for detail in REQUIRED[kind]:
            field = BY_OTHERS.get(detail, detail)
            assert f'id="{field}"' in page


@pytest.mark.parametrize("value", [*IMPOSSIBLE.values(), *door.STATES.values()])
def test_reasons_are_translated(value: str) -> None:
    """Why an act cannot be done, or an account not be used, is said in French too."""
    assert translate(value, "fr") != value


@pytest.mark.parametrize("name", ["desk", *signin_pages.PAGES, *space_pages.PAGES])
def test_scripts_find_their_words(name: str) -> None:
    """Whatever a page's script, or one that it uses, says stands in the page, in both languages."""
    found, helpers = signin_pages.signin_shells(CONFIG), ["device.js", "page.js", "passkey.js", "provider.js"]
    if name == "desk":
        found, helpers = pages.desk_shells(CONFIG, PROFILE), ["device.js", "page.js", "stranger.js"]
    elif name in space_pages.PAGES:
        found, helpers = space_pages.space_shells(CONFIG), [*helpers, "space.js"]
    scripts = "".join(found.scripts[each].decode() for each in (f"{name}.js", *helpers))
    used = set(ASKED.findall(scripts)) | set(CODES.findall(scripts)) - {"foreign"}
    for language in ("en", "fr"):
        page = found.pages[name, language].decode()
        assert [word for word in used if f'data-word="{word}"' not in page] == []
        assert f'<html lang="{language}">' in page
