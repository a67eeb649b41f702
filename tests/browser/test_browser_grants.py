"""What some people let others do for a time, in real Chromium: a stranger opened, a campaign; and accounts tended."""

from playwright.async_api import Browser, Dialog, Page, expect
from support.browser import FAULTS, tab_to
from support.visitor import House, Visitor

pytest_plugins = ["support.browser_fixtures"]


async def come_in(who: Visitor, code: str) -> Visitor:
    """Somebody new, by their code, signed in at the sign-in door."""
    await who.redeem(code)
    await who.sign_in_at_door()
    return who


async def ask(page: Page, kind: str, **fields: str) -> None:
    """Ask for an act: choose its kind, fill in its fields, read it, sign it."""
    await page.locator("#kind").select_option(kind)
    for name, text in fields.items():
        await page.locator(f"#{name}").fill(text)
    await page.locator("#ask button").click()
    await page.locator("#draft-sign").click()
    await expect(page.locator("#waiting > li")).not_to_have_count(0)


async def test_stranger_is_let_open_by_two(chromium: Browser, house: House) -> None:
    """En français: facts at the desk, asked for and signed at the sign-in door, and the record opened."""
    bruno = await come_in(await Visitor.come(chromium, house.staff, "fr-FR"), await house.admit("bruno"))
    carla = await come_in(await Visitor.come(chromium, house.staff), await house.admit("carla", "manager"))
    house.a_day_later()
    row, page = house.stranger(), bruno.page
    await bruno.sign_in_at_desk()
    await expect(page.locator("#grants-none")).to_be_visible()
    await page.get_by_label("Connue par").select_option(label="Identifiant")
    await page.get_by_label("Numéro, exactement").fill(row["identifier"])
    born = page.locator("#proof-birth_date")
    await born.fill("14/07/1985")
    await page.get_by_role("button", name="Garder ces données").click()
    await expect(page.get_by_role("alert")).to_be_focused()
    await expect(page.get_by_label("Numéro, exactement")).to_have_value(row["identifier"])
    await born.fill(row["birth_date"])
    await page.get_by_role("button", name="Garder ces données").click()
    await expect(page.locator("#told")).to_contain_text("Personne n'a regardé si elles désignent quelqu'un.")
    await expect(page.get_by_label("Numéro, exactement")).to_be_empty()
    number = await page.locator("#facts-number").inner_text()

    await page.get_by_role("link", name="Le demander à la porte de connexion").click()
    await page.wait_for_url(f"{house.staff.signin}/acts")  # until its script has run
    await page.locator("#kind").select_option(label="Ouvrir quelqu'un sans relation")
    await page.get_by_label("Identité").check()
    await ask(page, "grant.break_glass", facts=number, hours="2", reason="Appelé par l'hôpital.")
    await page.goto(house.staff.desk)
    await expect(page.locator("#grants")).to_contain_text("Attend la signature de quelqu'un d'autre")

    await carla.page.goto(f"{house.staff.signin}/acts")
    act = carla.page.locator("#waiting > li", has_text="Appelé par l'hôpital.")
    await expect(act).to_contain_text("it counts against your budget too")
    await act.get_by_role("button", name="Sign with a touch").click()
    await expect(carla.page.locator("#told")).to_have_text("Signed, and done.")

    await page.get_by_role("button", name="Actualiser").click()
    await expect(page.locator("#grants > li")).to_contain_text("Identité.")
    await page.get_by_role("button", name="Choisir ce dossier").click()
    await expect(page.get_by_role("heading", name="Dossier")).to_be_focused()
    await page.get_by_role("button", name="Ouvrir", exact=True).click()
    await expect(page.locator("#fields")).to_contain_text(row["birth_name"])
    assert await page.evaluate(FAULTS) == []
    await page.goto(f"{house.staff.signin}/accounts")
    await expect(page.get_by_text("Votre rôle ne gère pas de comptes.")).to_be_visible()


async def test_campaign_is_ended_by_who_asked(chromium: Browser, house: House) -> None:
    """What an act gave for a time stands at the page until whoever asked for it, or an officer, ends it."""
    edith = await come_in(await Visitor.come(chromium, house.staff), await house.admit("edith", "manager"))
    page = edith.page
    await page.goto(f"{house.staff.signin}/acts")
    terms = {"segment": "59", "agency": "lille", "people": "10", "days": "1", "reason": "New rules."}
    await ask(page, "grant.campaign", **terms)
    async with house.staff.client("anna") as anna:
        (waiting,) = [act for act in await anna.waiting() if act.kind == "grant.campaign"]
        assert (await anna.sign(waiting.act)).state == "done"
    await page.reload()
    await expect(page.locator("#standing > li")).to_contain_text("10 more people of its own caseload a day")
    assert await page.evaluate(FAULTS) == []
    await page.get_by_role("button", name="End it now").click()
    await expect(page.locator("#told")).to_have_text("It is ended, at once and for good.")
    await expect(page.locator("#given")).to_be_hidden()


async def test_accounts_are_tended_without_a_mouse(chromium: Browser, house: House) -> None:
    """En français: frozen and closed after a question, kept for another year; what was not done is said, and stays."""
    for handle in ("gus", "hal"):
        await house.admit(handle)
    code = await house.admit("fabien", "officer", "00")
    fabien = await come_in(await Visitor.come(chromium, house.staff, "fr-FR"), code)
    page, alert, told = fabien.page, fabien.page.get_by_role("alert"), fabien.page.locator("#told")
    asked: list[str] = []

    async def accept(dialog: Dialog) -> None:
        asked.append(dialog.message.split()[0])
        await dialog.accept()

    page.on("dialog", accept)
    await page.get_by_role("link", name="Gérer les comptes").click()
    await page.wait_for_url(f"{house.staff.signin}/accounts")
    await tab_to(page, "review")
    await page.keyboard.press("ArrowDown")
    await tab_to(page, "segment")
    await page.keyboard.type("59")
    await tab_to(page, "handles")
    await page.keyboard.type("gus, hal nobody")
    await page.keyboard.press("Enter")
    await expect(alert).to_be_focused()
    await expect(alert).to_contain_text("Gelés : 2 compte(s) sur 3. Les autres n'existent pas")
    await expect(page.locator("#handles")).to_have_value("gus, hal nobody")
    assert await page.evaluate(FAULTS) == []
    await page.locator("#handles").fill("gus")
    for choice, done in (("Les garder un an de plus", "Gardés un an de plus"), ("Les fermer", "Fermés")):
        await page.get_by_label(choice).check()
        await page.locator("#segment").fill("59")
        await page.locator("#handles").fill("gus")
        await page.keyboard.press("Enter")
        await expect(told).to_have_text(f"{done} : 1 compte(s) sur 1.")
        await expect(page.locator("#handles")).to_be_empty()
    assert asked == ["Geler", "Fermer"]
