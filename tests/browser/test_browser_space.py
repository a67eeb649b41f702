"""The pages of people's own space in real Chromium: in by an invitation, by passkey, by password; and out again."""

import json
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect
from support.browser import FAULTS, STEAL_KEY, Authenticator
from support.space_door import PASSWORD, Phones, Space, space_of
from support.visitor import STORED, House

from cloison.client.space_wire import Phone

pytest_plugins = ["support.browser_fixtures"]

OTHER_PASSWORD = "un hérisson patine derrière la gare"
PAGES = ("/", "/signin", "/invitation", "/account", "/history")
SMALL: ViewportSize = {"width": 320, "height": 640}
FILLED = (
    "() => Object.fromEntries([...document.querySelectorAll('input[autocomplete]')].map((e) => [e.id, e.autocomplete]))"
)
SHOW_ALL = "() => document.querySelectorAll('[hidden]').forEach((each) => { each.hidden = false; })"
SIDEWAYS = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
EVERYTHING = """() => new Promise((done) => {
    const opening = indexedDB.open('cloison', 1);
    opening.onsuccess = () => {
        const all = opening.result.transaction('device').objectStore('device').getAll();
        all.onsuccess = () => done(JSON.stringify([all.result, location.href, document.title, {...localStorage}]));
    };
})"""


@pytest.fixture(scope="module")
def space(house: House) -> Iterator[Space]:
    """The served door of the house."""
    with space_of(house.staff.operated.home) as found:
        yield found


async def come(browser: Browser, locale: str = "en-GB") -> Page:
    """Somebody with a telephone of their own."""
    context = await browser.new_context(
        locale=locale, viewport=SMALL, permissions=["clipboard-read", "clipboard-write"]
    )
    return await context.new_page()


async def invited(page: Page, space: Space, spoken: str = "") -> str:
    """Come by the link of a message, with the half that was told, or another one; the right one."""
    (code, right), _ = space.code()
    await page.goto(f"{space.url}/invitation#code={code}")
    await expect(page.locator("#code")).to_have_value(code)
    assert page.url == f"{space.url}/invitation"
    await page.locator("#spoken").fill(spoken or right)
    await page.locator("#halves button").click()
    await expect(page.locator("#choose-title")).to_be_focused()
    return right


async def test_passkey_opens_ones_own_space(chromium: Browser, space: Space) -> None:
    """Both halves, a touch; signed in, another passkey, the first one taken away, out and in by the other."""
    page = await come(chromium)
    first = await Authenticator.plug_in(page)
    right = await invited(page, space, "0000-0000")
    await page.get_by_label("Name for signing in").fill("adele@example.org")
    await page.get_by_role("button", name="Make my way in").click()
    await expect(page.get_by_role("alert")).to_contain_text("The code invites nobody")
    await expect(page.get_by_role("alert")).to_be_focused()
    await page.get_by_label("The half that the adviser gave you").fill(right.lower())
    await page.get_by_role("button", name="Make my way in").click()
    await expect(page.locator("#done-title")).to_be_focused()
    assert len(await first.credentials()) == 1, "a half that was wrong costs no second touch"

    await page.locator("#done").get_by_role("link", name="Sign in to my space").click()
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await expect(page.locator("#signins > li")).to_have_count(1)
    await expect(page.locator("#signins")).to_contain_text("by passkey: open")
    assert await page.evaluate(STEAL_KEY) == {"extractable": False, "taken": []}
    await page.get_by_role("button", name="Add a passkey").click()
    await expect(page.get_by_role("alert")).to_contain_text("This device has a passkey for your space already")
    await first.unplug()
    second = await Authenticator.plug_in(page)
    await page.get_by_role("button", name="Add a passkey").click()
    await expect(page.locator("#told")).to_have_text("The passkey is added.")
    page.once("dialog", lambda asked: asked.dismiss())
    await page.get_by_role("button", name="Take passkey 1 away").click()
    await expect(page.locator("#passkeys > li")).to_have_count(2)
    page.once("dialog", lambda asked: asked.accept())
    await page.get_by_role("button", name="Take passkey 1 away").click()
    await expect(page.locator("#passkeys > li")).to_have_count(1)
    await expect(page.locator("#ways-title")).to_be_focused()
    page.once("dialog", lambda asked: asked.accept())
    await page.get_by_role("button", name="Take passkey 1 away").click()
    await expect(page.get_by_role("alert")).to_contain_text("It is the last way to sign in")

    await page.get_by_role("link", name="Sign in to my space").first.click()
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await expect(page.locator("#signins > li")).to_contain_text(["by passkey: open", "by passkey: over"])
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.locator("#told")).to_have_text("You are signed out.")
    await expect(page.locator("#signins > li")).to_have_count(0)
    assert await page.evaluate(STORED, "session") == "null"
    await page.locator("#signed-out a").click()
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await expect(page.locator("#signins > li")).to_have_count(3)
    assert len(await second.credentials()) == 1


async def test_password_and_phone_open_ones_own_space(chromium: Browser, space: Space) -> None:
    """En français: a weak password is told, a wrong code too, nothing typed is lost; then out everywhere."""
    page = await come(chromium, "fr-FR")
    alert = page.get_by_role("alert")
    await invited(page, space)
    await page.get_by_label("Identifiant de connexion").fill("basile@example.org")
    await page.get_by_label("Par mot de passe, avec un code de mon téléphone").check()
    await page.get_by_label("Nouveau mot de passe").fill("basile@example.org")
    phones = await shown(page)
    link = page.get_by_role("link", name="Ouvrir l'application sur cet appareil")
    assert phones.phone.secret in (await link.get_attribute("href") or "")
    await page.get_by_label("Code que l'application affiche").fill("abc")
    await page.get_by_role("button", name="Créer mon accès").click()
    await expect(alert).to_contain_text("Le code du téléphone ne convient pas")
    await page.get_by_label("Code que l'application affiche").fill(phones.digits())
    await page.get_by_role("button", name="Créer mon accès").click()
    await expect(alert).to_contain_text("Ce mot de passe n'est pas accepté")
    await pasted(page, "new-password", PASSWORD)
    await page.get_by_role("button", name="Créer mon accès").click()
    await expect(page.get_by_role("heading", name="Votre espace vous est ouvert")).to_be_focused()

    await page.goto(f"{space.url}/signin")
    await typed(page, "Basile@example.org", PASSWORD, "000000")
    await page.get_by_role("button", name="S'identifier avec le mot de passe").click()
    await expect(alert).to_contain_text("Ces éléments ne vont pas ensemble")
    await expect(alert).to_be_focused()
    await expect(page.get_by_label("Mot de passe", exact=True)).to_have_value(PASSWORD)
    await page.get_by_label("Code de votre téléphone", exact=True).fill(phones.digits())
    await page.keyboard.press("Enter")
    await expect(page.locator("#signins")).to_contain_text("par mot de passe et code : ouverte")
    assert page.url == f"{space.url}/account"
    assert "basile" not in await page.evaluate(EVERYTHING)

    assert await page.evaluate(STORED, "known") != "null"

    phones = await set_anew(page, OTHER_PASSWORD)
    await expect(page.locator("#told")).to_contain_text("Mot de passe et téléphone sont enregistrés")
    await expect(page.locator("#change")).to_be_hidden()
    space.database.owner.execute("update cloison.space_session set issued_at = issued_at - interval '6 minutes'")
    await set_anew(page, PASSWORD)
    await expect(alert).to_contain_text("Vous vous êtes identifié il y a plus de cinq minutes")
    await expect(page.get_by_role("link", name="S'identifier de nouveau pour le changer")).to_be_visible()
    await expect(page.get_by_label("Nouveau mot de passe", exact=True)).to_have_value(PASSWORD)

    other = await come(chromium, "fr-FR")
    await other.goto(space.url)
    await typed(other, "basile@example.org", OTHER_PASSWORD, phones.digits())
    await other.keyboard.press("Enter")
    await expect(other.locator("#signins > li")).to_have_count(2)
    await other.get_by_role("button", name="Fermer toutes les sessions").click()
    await expect(other.locator("#told")).to_have_text("Vous êtes déconnecté partout. Sessions terminées : 2.")
    await page.reload()
    await expect(alert).to_contain_text("Pas de session valide")
    await expect(page.locator("#signed-out")).to_be_visible()


async def shown(page: Page) -> Phones:
    """A telephone with the secret that the page shows."""
    secret = "".join((await page.locator("#phone-secret").inner_text()).split())
    return Phones(Phone("", secret, ""))


async def set_anew(page: Page, password: str) -> Phones:
    """Ask for another password, with another telephone; which one."""
    await page.get_by_role("button", name="Choisir un nouveau mot de passe et un téléphone").click()
    await expect(page.locator("#change-title")).to_be_focused()
    phones = await shown(page)
    await page.get_by_label("Identifiant de connexion").fill("basile@example.org")
    await pasted(page, "new-password", password)
    await page.get_by_label("Code que l'application affiche").fill(phones.digits())
    await page.get_by_role("button", name="Enregistrer").click()
    return phones


async def test_who_looked_at_me_and_its_proof(chromium: Browser, space: Space) -> None:
    """By keyboard alone, in French: who looked, of which organisation; the proof of a line is a file of its own."""
    page = await come(chromium, "fr-FR")
    faults: list[str] = []
    await Authenticator.plug_in(page)
    await invited(page, space)
    overhear(page, faults)
    await page.get_by_label("Identifiant de connexion").fill("chloe@example.org")
    await page.keyboard.press("Enter")
    await expect(page.locator("#done-title")).to_be_focused()
    await page.goto(f"{space.url}/history")
    await expect(page.locator("#signed-out")).to_be_visible()
    await page.goto(f"{space.url}/")
    await page.locator("#touch").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/account")
    await page.get_by_role("link", name="Qui a consulté mon dossier").focus()
    await page.keyboard.press("Enter")
    opened = page.locator("#lines > li").filter(has_text="votre dossier a été ouvert")
    await expect(opened).to_contain_text("Par : Conseiller, agence lille, Agence")
    await expect(opened).to_contain_text("De votre dossier : Identité")
    await expect(page.locator("#delay")).to_be_hidden()
    for _ in range(20):
        if await opened.get_by_role("button").count():
            break
        await page.wait_for_timeout(500)
        await page.reload()
        await expect(opened).to_be_visible()
    await opened.get_by_role("button", name="Télécharger la preuve").focus()
    async with page.expect_download() as downloading:
        await page.keyboard.press("Enter")
    proof = json.loads((await (await downloading.value).path()).read_bytes())
    assert (proof["proves"], "account" in proof["disclosed"]) == ("inclusion", False)
    await expect(page.locator("#told")).to_have_text("La preuve est téléchargée.")
    await page.evaluate(SHOW_ALL)
    faults += await page.evaluate(FAULTS)
    assert [each for each in faults if "401" not in each] == [], "a proof without the door's nonce is made again"
    assert not await page.evaluate(SIDEWAYS)


async def typed(page: Page, name: str, password: str, digits: str) -> None:
    """Fill the form of signing in, the code last; the password is pasted."""
    await page.get_by_label("Identifiant de connexion").fill(name)
    await pasted(page, "password", password)
    await page.get_by_label("Code de votre téléphone", exact=True).fill(digits)


async def pasted(page: Page, field: str, text: str) -> None:
    """Put the text into the field as a password manager or a hand does: from the clipboard."""
    await page.evaluate("text => navigator.clipboard.writeText(text)", text)
    await page.locator(f"#{field}").fill("")
    await page.locator(f"#{field}").focus()
    await page.keyboard.press("Control+V")


async def test_space_pages_can_be_read_aloud_and_on_a_telephone(chromium: Browser, space: Space) -> None:
    """Each page has its language, one main heading, labels, texts; nothing inline; none is wider than 320 pixels."""
    faults: list[str] = []
    filled: dict[str, str] = {}
    for locale, language in (("fr-CA", "fr"), ("en-GB", "en")):
        page = await come(chromium, locale)
        overhear(page, faults)
        titles = set()
        for path in PAGES:
            answer = await page.goto(space.url + path)
            assert answer is not None
            assert "connect-src 'self';" in (await answer.all_headers())["content-security-policy"]
            await expect(page.locator("html")).to_have_attribute("lang", language)
            await page.evaluate(SHOW_ALL)
            faults += await page.evaluate(FAULTS)
            assert not await page.evaluate(SIDEWAYS), path
            titles.add(await page.title())
            filled |= await page.evaluate(FILLED)
        assert len(titles) == len(PAGES) - 1, "one page has two addresses"
    assert faults == []
    assert filled == {
        "name": "username",
        "password": "current-password",
        "new-password": "new-password",
        "digits": "one-time-code",
        "new-digits": "one-time-code",
        "code": "off",
        "spoken": "off",
    }


def overhear(page: Page, faults: list[str]) -> None:
    """Keep what the browser complains about."""
    page.on("console", lambda said: faults.append(said.text))
