"""Sessions in real Chromium: bound to the browser they began in, changed fast at a counter, ended everywhere."""

import re
import time
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect
from support.browser import FAULTS, STEAL_KEY, Authenticator
from support.visitor import House, Visitor

pytest_plugins = ["support.browser_fixtures"]

SWITCH_SECONDS = 5
# with a token from elsewhere: this browser's own key, no proof, and as if the token alone were enough
TRY_TOKEN = """async (token) => {
    const { signedFetch, nextKey } = await import('/static/device.js');
    const own = signedFetch('/v1/session', {held: {key: await nextKey(), token}}).catch((problem) => problem.code);
    const bare = (headers) => fetch('/v1/session', {headers}).then((answer) => answer.json()).then(({code}) => code);
    return [await own, await bare({Authorization: `DPoP ${token}`}), await bare({Authorization: `Bearer ${token}`})];
}"""
TOKEN = "async () => (await (await import('/static/device.js')).kept('session')).token"
TWO_KEYS = """async () => {
    const { forget, nextKey, thumbprint } = await import('/static/device.js');
    await forget('next');
    return Promise.all([1, 2].map(async () => thumbprint(await nextKey())));
}"""
WRONG_CLOCK = "const now = Date.now; Date.now = () => now() + 3600_000"


async def adviser(chromium: Browser, house: House, handle: str, locale: str = "en-GB") -> Visitor:
    """Somebody who has come in and is signed in at the desk."""
    who = await Visitor.come(chromium, house.staff, locale)
    await who.redeem(await house.admit(handle))
    await who.sign_in_at_desk()
    return who


async def test_copied_token_is_refused_in_another_browser(chromium: Browser, house: House) -> None:
    """Whoever copies the token out of IndexedDB to another browser has nothing: the key stayed behind."""
    hugo = await adviser(chromium, house, "hugo")
    token = await hugo.page.evaluate(TOKEN)
    thief = await Visitor.come(chromium, house.staff)
    await thief.page.goto(house.staff.desk)
    assert await thief.page.evaluate(TRY_TOKEN, token) == ["no_session", "proof", "no_session"]
    await hugo.page.reload()
    await expect(hugo.page.locator("#account")).to_have_text("hugo")
    await hugo.sign_in_at_door()
    await expect(hugo.page.locator("#signins")).to_contain_text("its token was shown by another device, and refused")


async def test_device_key_cannot_be_exported(chromium: Browser, house: House) -> None:
    """A script in the page may use the session's key while it is there, and take it away in no form."""
    ines = await adviser(chromium, house, "ines")
    assert await ines.page.evaluate(STEAL_KEY) == {"extractable": False, "taken": []}


async def test_nothing_rides_along(chromium: Browser, house: House) -> None:
    """No cookie is set, and localStorage and sessionStorage are empty: no other site's request has rights."""
    jean = await adviser(chromium, house, "jean")
    await jean.sign_in_at_door()
    assert await jean.page.context.cookies() == []
    for origin in (house.staff.desk, house.staff.signin):
        await jean.page.goto(origin)
        assert await jean.page.evaluate("localStorage.length + sessionStorage.length") == 0


async def test_users_change_at_a_counter_by_security_key(chromium: Browser, house: House) -> None:
    """One pulls a key out, the other plugs one in: signed in within 5 seconds, and nothing is left of the former."""
    first = await adviser(chromium, house, "karim")
    row = await house.follow("karim")
    page = first.page
    karims = await first.key.credentials()
    await first.key.unplug()
    second = Visitor(page, await Authenticator.plug_in(page), house.staff)
    await second.redeem(await house.admit("lea"))
    leas = await second.key.credentials()
    await second.key.unplug()

    key = await plugged_in(page, karims)
    await page.goto(house.staff.desk)
    await page.get_by_label("Everybody followed").check()
    await expect(page.locator("#caseload")).to_contain_text("Open:")
    for account, credentials in (("lea", leas), ("karim", karims)):
        await key.unplug()
        key = await plugged_in(page, credentials)
        since = time.monotonic()
        await page.get_by_role("button", name="Change user").click()
        await expect(page.locator("#account")).to_have_text(account)
        assert time.monotonic() - since < SWITCH_SECONDS
        if account == "lea":
            await page.go_back()
            await expect(page.locator("body")).not_to_contain_text(row["birth_name"])
            await page.goto(house.staff.desk)
            await expect(page.locator("#account")).to_have_text("lea")


async def plugged_in(page: Page, credentials: list[dict[str, Any]]) -> Authenticator:
    """A security key that was used before."""
    key = await Authenticator.plug_in(page)
    await key.hold(credentials)
    return key


async def test_sign_out_everywhere_ends_the_desk_in_every_tab(chromium: Browser, house: House) -> None:
    """Signed out at the sign-in door, the desk's session is over; signed out in one tab, the others show nothing."""
    mona = await adviser(chromium, house, "mona")
    other = await mona.page.context.new_page()
    await other.goto(house.staff.desk)
    await expect(other.locator("#account")).to_have_text("mona")
    await mona.page.get_by_role("button", name="Sign out").click()
    await expect(other.locator("#sign-in")).to_be_visible()

    await mona.sign_in_at_desk()
    await expect(other.locator("#account")).to_have_text("mona")
    await mona.sign_in_at_door()
    await expect(mona.page.locator("#signins > tr", has_text="open")).to_have_count(2)
    await mona.page.get_by_role("button", name="Sign out everywhere").click()
    await expect(mona.page.locator("#told")).to_have_text("You are signed out.")
    await mona.page.goto(house.staff.desk)
    await expect(mona.page.get_by_role("alert")).to_contain_text("No valid session")
    await expect(mona.page.locator("#sign-in")).to_be_visible()


async def test_tabs_that_begin_at_once_share_one_key(chromium: Browser, house: House) -> None:
    """Two tabs go to the sign-in door with the same thumbprint, so that the code of either is good for something."""
    page = await (await chromium.new_context()).new_page()
    await page.goto(house.staff.desk)
    await expect(page.locator("#sign-in")).to_be_visible()
    one, other = await page.evaluate(TWO_KEYS)
    assert one == other


async def test_passkeys_are_added_and_taken_away(chromium: Browser, house: House) -> None:
    """The account's page asks for an old key, then for the new one; takes keys away after a touch, but for the last."""
    nina = await adviser(chromium, house, "nina")
    await nina.sign_in_at_door()
    page, told = nina.page, nina.page.locator("#told")
    await expect(page.locator("#passkeys > li")).to_contain_text(re.compile("Passkey 1, added .+, last used .+"))
    await expect(page.locator("#last-passkey")).to_be_visible()
    await expect(page.locator("#passkeys button")).to_have_count(0)

    async def change_keys(route: Route) -> None:
        answer = await route.fetch()
        await nina.key.unplug()
        nina.key = await Authenticator.plug_in(page)
        await route.fulfill(response=answer)

    await page.route("**/v1/touch", change_keys)
    for number in (2, 3):
        await page.get_by_role("button", name="Add a passkey").click()
        await expect(told).to_have_text("The passkey is added.")
        await expect(page.locator("#passkeys > li")).to_have_count(number)
    await page.unroute("**/v1/touch")
    await expect(page.locator("#last-passkey")).to_be_hidden()
    assert await page.evaluate(FAULTS) == []

    second = page.get_by_role("button", name="Take passkey 2 away")
    page.once("dialog", lambda dialog: dialog.dismiss())
    await second.click()
    await expect(page.locator("#passkeys > li")).to_have_count(3)
    house.staff.operated.superuser().execute("update cloison.session set touched_at = touched_at - interval '1 hour'")
    page.on("dialog", lambda dialog: dialog.accept())
    await second.click()
    await expect(told).to_have_text("The passkey is taken away.")
    await expect(page.locator("#passkeys-title")).to_be_focused()
    await page.get_by_role("button", name="Take passkey 1 away").click()
    await expect(told).to_contain_text("with it this session")
    await expect(page.locator("#signed-out")).to_be_visible()
    await nina.sign_in_at_door()
    await expect(page.locator("#passkeys > li")).to_have_count(1)


@pytest.mark.parametrize("ahead", [1, -1])
async def test_device_whose_clock_is_an_hour_wrong_signs_in(chromium: Browser, house: House, ahead: int) -> None:
    """The device learns the doors' clock from their answers, and its proofs say that time."""
    handle = "olga" if ahead > 0 else "paul"
    who = await Visitor.come(chromium, house.staff)
    await who.page.context.add_init_script(WRONG_CLOCK.replace("3600_000", f"{ahead} * 3600_000"))
    await who.redeem(await house.admit(handle))
    await who.sign_in_at_desk()
    await expect(who.page.locator("#account")).to_have_text(handle)
    await who.sign_in_at_door()
