"""The pages of both doors in real Chromium: how people come in, approve, open a record, and go again."""

import pytest
from playwright.async_api import Browser, expect
from support.browser import FAULTS, tab_to
from support.visitor import House, Visitor

pytest_plugins = ["support.browser_fixtures"]

DOOR_PAGES = ("/", "/invitation", "/account", "/acts", "/accounts", "/touch")


async def test_officers_invite_approve_and_hand_over(chromium: Browser, house: House) -> None:
    """An officer asks for an account; another reads what it is and approves with a touch; a code lets it in."""
    dora, emil = await Visitor.come(chromium, house.staff), await Visitor.come(chromium, house.staff)
    for who, handle in ((dora, "dora"), (emil, "emil")):
        await who.redeem(await house.admit(handle, "officer", "00"))
        await who.sign_in_at_door()
        await expect(who.page.locator("#account")).to_have_text(handle)
        await who.page.get_by_role("link", name="Acts that wait").click()
    page = dora.page
    await page.get_by_label("What is to be done").select_option(label="Create an account")
    form = page.locator("#ask")
    for label, text in (("Account", "fiona"), ("Segment of the account", "59"), ("Agency", "lille")):
        await form.get_by_label(label, exact=True).fill(text)
    await form.get_by_label("Role", exact=True).select_option("adviser")
    await page.get_by_role("button", name="See what would be signed").click()
    sentence = "Create the account fiona as adviser, agency lille, segment 59."
    await expect(page.locator("#draft-what")).to_have_text(sentence)
    await expect(page.locator("#draft-what")).to_be_focused()
    await page.get_by_role("button", name="Sign and ask").click()
    await expect(page.locator("#told")).to_have_text("Signed. The act waits for others.")
    await expect(page.get_by_role("button", name="Take back")).to_be_visible()

    await emil.page.reload()
    act = emil.page.locator("#waiting > li", has_text="fiona")
    await expect(act.get_by_role("heading")).to_have_text(sentence)
    for line in ("Asked by dora for Service", "add 90 people to those who can be taken in a day", "1 of 2 have signed"):
        await expect(act).to_contain_text(line)
    await act.get_by_role("button", name="Sign with a touch").click()
    await expect(emil.page.locator("#told")).to_have_text("Signed, and done.")
    await emil.page.locator("#hand-handle").fill("fiona")
    await emil.page.locator("#hand-segment").fill("59")
    await emil.page.get_by_role("button", name="Make a code").click()
    await expect(emil.page.locator("#hand-code")).not_to_be_empty()

    fiona = await Visitor.come(chromium, house.staff)
    await fiona.redeem(await emil.page.locator("#hand-code").inner_text())
    await fiona.sign_in_at_desk()
    await expect(fiona.page.locator("#account")).to_have_text("fiona")


async def test_adviser_opens_a_record_and_its_number_after_a_touch(chromium: Browser, house: House) -> None:
    """En français: a caseload, a search, a record; the NIR after a touch at the sign-in door, then signed out."""
    gaelle = await Visitor.come(chromium, house.staff, "fr-FR")
    await gaelle.redeem(await house.admit("gaelle"))
    row = await house.follow("gaelle")
    page = gaelle.page
    await gaelle.sign_in_at_desk()
    assert page.url == f"{house.staff.desk}/"  # the code is gone from the address
    await page.get_by_label("Toutes les personnes suivies").check()
    await expect(page.locator("#caseload > li")).to_have_count(1)
    await page.get_by_label("Rechercher par").select_option(label="Identifiant")
    await page.get_by_label("Ce qui est recherché").fill(row["identifier"])
    await page.get_by_role("button", name="Rechercher").click()
    await page.locator("#found").get_by_role("button", name="Ouvrir").click()
    await expect(page.get_by_role("heading", name="Dossier")).to_be_focused()
    await page.get_by_role("button", name="Ouvrir", exact=True).click()
    await expect(page.locator("#fields")).to_contain_text(row["birth_name"])
    await expect(page.locator("#fields")).not_to_contain_text(row["nir"])

    house.staff.operated.superuser().execute("update cloison.session set touched_at = touched_at - interval '1 hour'")
    await page.get_by_label("NIR").check()
    await page.get_by_role("button", name="Ouvrir", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_focused()
    await expect(page.get_by_role("alert")).to_contain_text("moins de cinq minutes")
    await page.get_by_role("button", name="Toucher ma clé d'accès").click()
    await expect(page.get_by_role("heading", name="Confirmer en touchant sa clé")).to_be_visible()
    await page.get_by_role("button", name="Toucher ma clé d'accès").click()
    await expect(page.locator("#fields")).to_contain_text(row["nir"])
    assert page.url == f"{house.staff.desk}/"

    await page.get_by_role("button", name="Se déconnecter").click()
    await expect(page.locator("#told")).to_have_text("Vous êtes déconnecté.")
    await expect(page.locator("body")).not_to_contain_text(row["birth_name"])
    assert await gaelle.stored("session") == await gaelle.stored("pending") == "null"
    await page.reload()
    await expect(page.locator("#sign-in")).to_be_visible()


@pytest.mark.parametrize(("locale", "language"), [("fr-CA", "fr"), ("en-GB", "en"), ("de-DE", "en")])
async def test_pages_can_be_read_aloud(chromium: Browser, house: House, locale: str, language: str) -> None:
    """Each page says its language, has one main heading, labels, texts; nothing is a picture, nothing inline."""
    page = await (await chromium.new_context(locale=locale)).new_page()
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text))
    titles = set()
    for address in (house.staff.desk, *(house.staff.signin + path for path in DOOR_PAGES)):
        await page.goto(address)
        await expect(page.locator("html")).to_have_attribute("lang", language)
        faults += await page.evaluate(FAULTS)
        titles.add(await page.title())
    assert faults == []
    assert len(titles) == 1 + len(DOOR_PAGES)


async def test_desk_is_worked_without_a_mouse(chromium: Browser, house: House) -> None:
    """Tab and Enter alone: signed in, searched, told what was wrong where the focus is, and signed out."""
    ulla = await Visitor.come(chromium, house.staff)
    await ulla.redeem(await house.admit("ulla"))
    page = ulla.page
    await page.goto(house.staff.desk)
    await tab_to(page, "sign-in")
    await page.keyboard.press("Enter")
    await expect(page.locator("#account")).to_have_text("ulla")
    await tab_to(page, "by")
    await page.keyboard.type("Birth name")
    await tab_to(page, "value")
    await page.keyboard.type("DURAND")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_be_focused()
    await expect(page.get_by_role("alert")).to_contain_text("The request cannot be read")
    await tab_to(page, "fact-birth_date")
    await page.keyboard.type("1985-07-14")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Nobody whom you have a relation with was found.")).to_be_visible()
    await expect(page.get_by_role("alert")).to_be_hidden()
    await tab_to(page, "sign-out")
    await page.keyboard.press("Enter")
    await expect(page.locator("#sign-in")).to_be_focused()


async def test_refusals_are_told_in_french(chromium: Browser, house: House) -> None:
    """En français: a wrong code, no passkey in the machine, a passkey that was registered before."""
    victor = await Visitor.come(chromium, house.staff, "fr-FR")
    page, alert = victor.page, victor.page.get_by_role("alert")
    await page.goto(f"{house.staff.signin}/invitation")
    await page.get_by_label("Le code qui vous a été remis").fill("59.rien")
    await page.get_by_role("button", name="Enregistrer ma clé d'accès").click()
    await expect(alert).to_contain_text("Ce code n'invite personne")
    await expect(alert).to_be_focused()
    await victor.redeem(await house.admit("victor"))
    await victor.sign_in_at_door()
    await page.get_by_role("button", name="Ajouter une clé d'accès").click()
    await expect(alert).to_contain_text("déjà enregistrée")
    await victor.key.verifies_user(verifies=False)
    await page.get_by_role("button", name="Toucher ma clé d'accès").click()
    await expect(alert).to_contain_text("Aucune clé d'accès n'a répondu")


async def test_act_is_refused_or_taken_back(chromium: Browser, house: House) -> None:
    """An officer refuses what another asked; the asker takes back what nobody signed yet."""
    wanda = await Visitor.come(chromium, house.staff)
    await wanda.redeem(await house.admit("wanda", "officer", "00"))
    async with house.staff.client("anna") as anna:
        details = {"handle": "xenia", "segment": "59", "agency": "lille", "role": "adviser"}
        await anna.ask_for("account.create", "Service", **details)
    await wanda.sign_in_at_door()
    await wanda.page.goto(f"{house.staff.signin}/acts")
    await wanda.page.locator("#waiting > li", has_text="xenia").get_by_role("button", name="Refuse for good").click()
    await expect(wanda.page.locator("#told")).to_have_text("The act is refused.")
    await wanda.page.get_by_label("What is to be done").select_option(label="Lift a freeze")
    await expect(wanda.page.get_by_label("Agency")).to_be_hidden()
    await wanda.page.locator("#handle").fill("anna")
    await wanda.page.locator("#segment").fill("00")
    await wanda.page.locator("#reason").fill("holiday")
    await wanda.page.get_by_role("button", name="See what would be signed").click()
    await expect(wanda.page.locator("#draft-what")).to_contain_text("Lift the freeze of anna")
    await wanda.page.locator("#reason").fill("another reason")
    await expect(wanda.page.locator("#draft")).to_be_hidden()  # what is signed is what was shown


async def test_agreement_is_asked_for_with_all_its_terms(chromium: Browser, house: House) -> None:
    """En français: an organisation, then its agreement, whose sentence and lines hold all that is signed."""
    zacharie = await Visitor.come(chromium, house.staff, "fr-FR")
    await zacharie.redeem(await house.admit("zacharie", "officer", "00"))
    await zacharie.sign_in_at_door()
    page = zacharie.page
    await page.goto(f"{house.staff.signin}/acts")
    await page.get_by_label("Ce qui est à faire").select_option(label="Créer un organisme")
    await page.get_by_label("Nom du nouvel organisme").fill("Cap 59")
    await page.get_by_role("button", name="Voir ce qui serait signé").click()
    await page.get_by_role("button", name="Signer et demander").click()
    await expect(page.locator("#told")).to_have_text("Signé. L'acte attend d'autres signatures.")
    async with house.staff.client("anna") as second:
        for act in await second.waiting():
            assert (await second.sign(act.act)).state == "done"

    await page.get_by_label("Ce qui est à faire").select_option(label="Conclure ou modifier une convention")
    await page.get_by_label("Organisme", exact=True).fill("Cap 59")
    await page.get_by_label("Segments, séparés").fill("59, 62")
    for role in ("Partenaire", "Responsable"):
        await page.get_by_label(role, exact=True).check()
    await page.get_by_label("Nombre de comptes").fill("2")
    await page.get_by_label("Dernier jour").fill("2099-01-01")
    await page.get_by_label("Personnes ouvertes par jour").fill("100")
    await page.get_by_role("button", name="Voir ce qui serait signé").click()
    sentence = "Convenir des segments 59, 62, des rôles partner, manager et de 2 comptes, jusqu'au 2099-01-01."
    await expect(page.locator("#draft-what")).to_have_text(sentence)
    for line in ("pour Cap 59", "caps: day = 100", "ajouter 100 personnes"):
        await expect(page.locator("#draft-lines")).to_contain_text(line)
    await page.get_by_role("button", name="Signer et demander").click()
    await expect(page.locator("#waiting")).to_contain_text(sentence)
    await page.get_by_role("button", name="Retirer").click()
    await expect(page.locator("#told")).to_have_text("L'acte est retiré.")


async def test_other_name_of_the_machine_leads_to_the_door_itself(chromium: Browser, house: House) -> None:
    """Whoever comes by a name that proofs and passkeys are not for is brought to the one that they are for."""
    page = await (await chromium.new_context()).new_page()
    await page.goto(house.staff.desk.replace("127.0.0.1", "localhost"))
    await page.wait_for_url(f"{house.staff.desk}/")
    await page.goto(house.staff.signin.replace("localhost", "127.0.0.1") + "/invitation")
    await page.wait_for_url(f"{house.staff.signin}/invitation")
