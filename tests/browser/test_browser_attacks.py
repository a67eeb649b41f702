"""What other sites, links and scripts try in real Chromium, and where it ends."""

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.async_api import Browser, expect
from support.browser import serving_pages
from support.visitor import House, Visitor

pytest_plugins = ["support.browser_fixtures"]

THUMBPRINT = "async () => { const d = await import('/static/device.js'); return d.thumbprint(await d.nextKey()); }"
CODE = "async (jkt) => (await import('/static/passkey.js')).codeFor(jkt, 'desk')"
SENT = """([url, headers]) => fetch(url, {method: 'POST', headers, body: '{}'})
    .then((answer) => answer.status, () => 'refused')"""
ASKED = """(kind) => navigator.credentials[kind]({publicKey: {
    challenge: new Uint8Array(32), rp: {name: 'x'}, user: {id: new Uint8Array(8), name: 'x', displayName: 'x'},
    pubKeyCredParams: [{type: 'public-key', alg: -7}],
}}).then(() => 'touched', (error) => error.name)"""
TOLD = """async ({details, claimed}) => {
    const { asked } = await import('/static/passkey.js');
    const post = (path, body) => asked(path, {method: 'POST', body});
    const { draft } = await post('/v1/acts', {kind: 'account.create', organisation: 'Service', details});
    return (await post('/v1/acts/told', {draft, organisation: claimed})).lines[0];
}"""
INJECTED = {
    "script": "const s = document.createElement('script'); s.textContent = 'window.taken = 1'; document.body.append(s)",
    "markup": "document.body.innerHTML = '<img src=x onerror=\"window.taken = 1\">'",
    "handler": "document.body.setAttribute('onclick', 'window.taken = 1'); document.body.click()",
    "timer": "setTimeout('window.taken = 1')",
    "elsewhere": "import('data:text/javascript,window.taken = 1')",
}


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another site."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "index.html").write_text("<!DOCTYPE html><title>Elsewhere</title>", encoding="utf-8")
    with serving_pages(folder) as origin:
        yield origin


async def test_code_for_another_device_signs_nobody_in(chromium: Browser, house: House) -> None:
    """Session fixation: a link with the attacker's thumbprint, or with the attacker's code, gives no session."""
    quentin, rose = await Visitor.come(chromium, house.staff), await Visitor.come(chromium, house.staff)
    await quentin.redeem(await house.admit("quentin"))
    await rose.redeem(await house.admit("rose"))
    await rose.page.goto(house.staff.desk)
    jkt = await rose.page.evaluate(THUMBPRINT)

    await quentin.page.goto(house.staff.desk)
    await quentin.page.goto(f"{house.staff.signin}/?jkt={jkt}&door=desk")
    await expect(quentin.page.get_by_role("alert")).to_contain_text(re.compile("not of this door|not for this browser"))
    await expect(quentin.page.locator("#signed-out")).to_be_visible()

    await quentin.sign_in_at_desk()
    await rose.page.goto(f"{house.staff.signin}/invitation")
    code = await rose.page.evaluate(CODE, jkt)
    await quentin.page.goto("about:blank")
    await quentin.page.goto(f"{house.staff.desk}/#code={code}")
    await expect(quentin.page.get_by_role("alert")).to_contain_text("not for this browser")
    await expect(quentin.page.locator("#account")).to_have_text("quentin")


async def test_no_server_sees_a_code(chromium: Browser, house: House) -> None:
    """A code comes back in the fragment of an address alone: no request, and so no log, has it."""
    sam = await Visitor.come(chromium, house.staff)
    await sam.redeem(await house.admit("sam"))
    sent: list[str] = []
    sam.page.on("request", lambda request: sent.append(request.url.partition("#")[0]))
    await sam.sign_in_at_desk()
    assert any(url.endswith("/v1/token") for url in sent)
    assert [url for url in sent if "code" in url or "token=" in url] == []


@pytest.mark.parametrize("query", ["jkt={jkt}&door=https://example.org", "jkt=x&door=desk", "door=desk"])
async def test_no_address_sends_a_browser_elsewhere(chromium: Browser, house: House, query: str) -> None:
    """Open redirect: what is not exactly the desk's own question is told so, and no passkey is asked."""
    page = await (await chromium.new_context()).new_page()
    await page.goto(f"{house.staff.signin}/?{query.format(jkt='a' * 43)}")
    await expect(page.get_by_role("alert")).to_contain_text("not one that the desk makes")
    await expect(page.get_by_role("button")).to_be_disabled()


def test_page_takes_no_other_parameter(house: House) -> None:
    """What no page reads is refused, rather than carried along."""
    answer = httpx.get(f"{house.staff.signin}/?next=https://example.org")
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_parameter")


async def test_link_to_a_touch_touches_nothing_by_itself(chromium: Browser, house: House) -> None:
    """Somebody who holds a session sends its owner a link: the page tells what it is, and waits for a click."""
    tom = await Visitor.come(chromium, house.staff)
    await tom.redeem(await house.admit("tom"))
    before = [one["signCount"] for one in await tom.key.credentials()]
    await tom.page.goto(f"{house.staff.signin}/touch?session=00000000-0000-4000-8000-000000000000")
    await expect(tom.page.locator("main")).to_contain_text("do not touch")
    assert [one["signCount"] for one in await tom.key.credentials()] == before
    await tom.page.get_by_role("button", name="Touch my passkey").click()
    await expect(tom.page.get_by_role("alert")).to_contain_text("No valid session")  # nobody else's either


async def test_other_site_reaches_neither_door(chromium: Browser, house: House, elsewhere: str) -> None:
    """CSRF: another origin may not ask with a proof's header, nor read an answer; it may not show a page in a frame."""
    page = await (await chromium.new_context()).new_page()
    await page.goto(elsewhere)
    for url in (f"{house.staff.signin}/v1/token", f"{house.staff.signin}/v1/signout", f"{house.staff.desk}/v1/signout"):
        for headers in ({"DPoP": "x"}, {"Content-Type": "application/json"}, {}):
            assert await page.evaluate(SENT, [url, headers]) == "refused"
    await page.evaluate(
        "(url) => document.body.append(Object.assign(document.createElement('iframe'), {src: url}))", house.staff.signin
    )
    await page.wait_for_timeout(200)
    (frame,) = page.frames[1:]
    assert frame.url.startswith("chrome-error:")


def test_doors_share_one_address_with_one_origin(house: House, elsewhere: str) -> None:
    """CORS: the desk's origin may exchange a code at the sign-in door, and nobody may do anything else anywhere."""
    desk, signin = house.staff.desk, house.staff.signin
    for origin in (desk, elsewhere, "null", f"{desk}.example.org", signin):
        for url in (f"{signin}/v1/token", f"{signin}/v1/signin", f"{signin}/v1/account", f"{desk}/v1/session"):
            for method in ("OPTIONS", "POST"):
                asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
                found = httpx.request(method, url, headers=asked).headers
                allowed = {name: value for name, value in found.items() if name.startswith("access-control-")}
                if (origin, url) == (desk, f"{signin}/v1/token"):
                    assert allowed == {
                        "access-control-allow-origin": desk,
                        "access-control-allow-methods": "POST",
                        "access-control-allow-headers": "DPoP, Content-Type",
                        "access-control-expose-headers": "DPoP-Nonce",
                        "access-control-max-age": "600",
                    }
                    assert "Origin" in found["vary"]
                else:
                    assert allowed == {}


async def test_desk_page_cannot_ask_for_a_passkey(chromium: Browser, house: House) -> None:
    """A script that got into the desk's page may not ask for a touch, nor speak to the sign-in door but for a token."""
    page = await (await chromium.new_context()).new_page()
    await page.goto(house.staff.desk)
    for kind in ("get", "create"):
        assert await page.evaluate(ASKED, kind) == "NotAllowedError"
    for path in ("/v1/signin/options", "/v1/signin", "/v1/touch", "/v1/acts/sign"):
        assert await page.evaluate(SENT, [house.staff.signin + path, {}]) == "refused"


@pytest.mark.parametrize("how", INJECTED)
async def test_text_becomes_no_script(chromium: Browser, house: House, elsewhere: str, how: str) -> None:
    """XSS: what somebody gets into a page of either door does not run, though it would in another site's."""
    page = await (await chromium.new_context()).new_page()
    injection = f"async () => {{ try {{ {INJECTED[how]} }} catch {{}} }}"
    began = time.monotonic()
    await page.goto(elsewhere)
    await page.evaluate(injection)
    await page.wait_for_function("window.taken === 1")
    patience = 3 * (time.monotonic() - began)  # in which it would have run, however busy the machine is
    for address in (house.staff.desk, f"{house.staff.signin}/acts"):
        await page.goto(address)
        await page.evaluate(injection)
        await page.wait_for_timeout(1_000 * patience)
        assert await page.evaluate("window.taken") is None


async def test_act_is_not_shown_under_a_claimed_name(chromium: Browser, house: House) -> None:
    """An act is told with the organisation that it is about: a name that is merely claimed is not believed."""
    yves = await Visitor.come(chromium, house.staff)
    await yves.redeem(await house.admit("yves", "officer", "00"))
    await yves.sign_in_at_door()
    details = {"handle": "zoe", "segment": "59", "agency": "lille", "role": "adviser"}
    for claimed in ("Service", "", "Mission locale"):
        told = await yves.page.evaluate(TOLD, {"details": details, "claimed": claimed})
        assert told.startswith("Asked by yves for Service;")
