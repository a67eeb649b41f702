"""Signing in through the door at an organisation's own OpenID provider: linked accounts alone, two factors always."""

import hashlib
from collections.abc import Iterator
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest
from playwright.async_api import Browser, expect
from support.browser import FAULTS
from support.oidc_provider import CLIENT, SECRET, STRONG, RunningProvider, sign_in_there
from support.operated import OperatedHome
from support.staffed import Staffed, staffed
from support.visitor import STORED

from cloison.client import Client, Credentials
from cloison.client.device import DeviceAuth, DeviceKey
from cloison.client.passkey import SoftwarePasskey
from cloison.client.signin import SigninClient
from cloison.config import ProviderConfig, write_secret
from cloison.errors import CeremonyError, FactorsNotProvedError, InvitationError, NotLinkedError, StaleSigninError
from cloison.store.pools import connect

pytest_plugins = ["support.browser_fixtures"]

TITLE = "Agence <Nord>"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProvider]:
    """A running provider."""
    with RunningProvider(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory, provider: RunningProvider) -> Iterator[Staffed]:
    """A served home whose service signs its staff in at the provider too."""
    folder = tmp_path_factory.mktemp("provided")
    write_secret(folder / "secret", SECRET)

    def agreed(operated: OperatedHome) -> ProviderConfig:
        origin = operated.home.config.signin.public_origin
        provider.clients[0]["redirect_uris"] = [f"{origin}/oidc/{provider.name}"]
        provider.stop()
        provider.start()
        return ProviderConfig(
            name=provider.name,
            title=TITLE,
            issuer=provider.issuer,
            client_id=CLIENT,
            secret_file=str(folder / "secret"),
            amr=(("mfa",), ("pwd", "otp")),
        )

    with staffed(folder, agreed) as found:
        with connect(found.operated.home, "owner") as owner:
            owner.execute(
                "insert into cloison.signin_terms (organisation, provider) "
                "select organisation, %s from cloison.organisation",
                (provider.name,),
            )
        yield found


def sent_back(url: str, origin: str, sub: str, amr: list[str]) -> dict[str, str]:
    """What a browser is sent back with, of somebody who shows this at the provider."""
    with httpx.Client(trust_env=False) as browser:
        for _ in range(10):
            shown = {"sub": sub, "acr": "loa2", "amr": amr}
            answer = browser.post(url, json=shown) if "/interaction/" in url else browser.get(url)
            url = urljoin(url, answer.headers["location"])
            if url.startswith(origin):
                found = dict(parse_qsl(urlsplit(url).query))
                return {name: found[name] for name in ("state", "code", "iss") if name in found}
    raise AssertionError


async def invited(staff: Staffed, handle: str) -> str:
    """The code of a new adviser's invitation."""
    async with staff.client("anna") as anna, staff.client("ben") as ben:
        details = {"handle": handle, "segment": "59", "agency": "lille", "role": "adviser"}
        asked = await anna.ask_for("account.create", "Service", **details)
        await ben.sign(asked.act)
        return (await ben.hand_over("59", handle)).code


async def test_linked_by_an_invitation_and_by_nothing_else(staff: Staffed, provider: RunningProvider) -> None:
    """A stranger with two factors is nobody here; with a code handed over they are linked, once, and sign in."""
    code = await invited(staff, "dora")
    async with SigninClient(staff.signin, SoftwarePasskey()) as door:

        async def arrive(sub: str, key: DeviceKey, amr: list[str], invitation: str = "") -> dict[str, str]:
            away = await door.go_to_provider(provider.name, key, invitation=invitation)
            sent = sent_back(away.url, staff.signin, sub, amr)
            return {"provider": provider.name, "invited": away.invited, **sent}

        key = DeviceKey()
        with pytest.raises(NotLinkedError):
            await door.come_back(key, **await arrive("dora", key, ["pwd", "otp"]))
        waits = await arrive("eve", key, ["pwd", "otp"], code)
        signed_in = await door.come_back(key, **await arrive("dora", key, ["pwd", "otp"], code))
        async with Client(staff.desk, signed_in.held) as desk:
            assert (await desk.session()).account == "dora"
        assert (await door.come_back(key, **await arrive("dora", key, ["pwd", "otp"]))).held.token
        with pytest.raises(InvitationError):  # of somebody else, by the same code
            await door.come_back(key, **waits)
        with pytest.raises(InvitationError):  # told before anybody leaves
            await arrive("eve", key, ["pwd", "otp"], code)
        with pytest.raises(FactorsNotProvedError):  # a password alone
            await door.come_back(key, **await arrive("dora", key, ["pwd"]))
        thief, answer = DeviceKey(), await arrive("dora", key, ["pwd", "otp"])
        with pytest.raises(StaleSigninError):  # the answer in another browser
            await door.come_back(thief, **answer)
        with connect(staff.operated.home, "owner") as owner:
            kept = owner.execute("select subject_hash from cloison.identity").fetchall()
        assert kept == [(hashlib.sha256(b"dora").digest(),)]


async def test_thumbprint_slipped_in_at_the_return(staff: Staffed, provider: RunningProvider) -> None:
    """The key that the session is for is named before the browser leaves; with the answer nobody can name another."""
    code = await invited(staff, "flora")
    page, desk, thief = DeviceKey(), DeviceKey(), DeviceKey()
    async with (
        SigninClient(staff.signin, SoftwarePasskey()) as door,
        httpx.AsyncClient(base_url=staff.signin, trust_env=False) as http,
    ):
        begun = {"provider": provider.name, "jkt": desk.jkt, "door": "desk", "invitation": code}
        away = (await http.post("/v1/signin/provider", json=begun, auth=signed(page))).json()
        answer = {"provider": provider.name, **sent_back(away["url"], staff.signin, "flora", ["mfa"])}
        for slipped in ({"jkt": thief.jkt}, {"thumbprint": thief.jkt}, {"door": "signin"}):
            refused = await http.post("/v1/signin/provider/return", json={**answer, **slipped}, auth=signed(page))
            assert (refused.status_code, refused.json()["code"]) == (400, "malformed_request")
        own = await door.go_to_provider(provider.name, thief)
        sent = sent_back(own.url, staff.signin, "thief", ["mfa"])
        with pytest.raises(CeremonyError):  # the code that waits in somebody's browser, with an identity of one's own
            await door.come_back(thief, provider=provider.name, invited=away["invited"], **sent)
        whole = {**answer, "invited": away["invited"]}
        back = (await http.post("/v1/signin/provider/return", json=whole, auth=signed(page))).json()
        assert back["door"] == "desk"
        for key in (thief, page):
            with pytest.raises(CeremonyError):
                await door.exchange(back["code"], key)
        assert (await door.exchange(back["code"], desk)).token


def signed(key: DeviceKey) -> DeviceAuth:
    """Requests of a device that has no session yet."""
    return DeviceAuth(Credentials("", key))


async def test_staff_come_in_by_an_identity_elsewhere(
    chromium: Browser, staff: Staffed, provider: RunningProvider
) -> None:
    """In Chromium, no passkey: a code and an identity, then both doors by its button; no address has the code."""
    code = await invited(staff, "gina")
    page = await (await chromium.new_context()).new_page()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    faults = []
    for path in ("/", "/invitation", f"/oidc/{provider.name}"):
        await page.goto(staff.signin + path)
        faults += await page.evaluate(FAULTS)
    assert faults == []
    await expect(page.get_by_role("alert")).to_contain_text("This sign-in is over")

    await page.goto(staff.signin)
    await page.get_by_role("button", name=f"Sign in with {TITLE}").click()
    await sign_in_there(page, staff.signin, sub="gina", **STRONG)
    await expect(page.get_by_role("alert")).to_contain_text("This identity belongs to no account here")
    assert page.url == f"{staff.signin}/oidc/{provider.name}"

    await page.get_by_role("link", name="I have a code").click()
    await page.wait_for_url(f"{staff.signin}/invitation")  # until its script has run
    other = page.get_by_role("button", name=f"Use {TITLE} instead of a passkey")
    await page.locator("#code").fill("59.nothing")
    await other.click()
    await expect(page.get_by_role("alert")).to_contain_text("The code invites nobody")
    await page.locator("#code").fill(code)
    await other.click()
    await sign_in_there(page, staff.signin, sub="gina", **STRONG)
    await page.wait_for_url(f"{staff.signin}/account")
    await expect(page.locator("#account")).to_have_text("gina")
    assert await page.evaluate(STORED, "pending") == "null"
    await expect(page.locator("#no-passkey")).to_be_visible()
    await expect(page.locator("#add")).to_be_hidden()

    await page.goto(staff.desk)
    await page.locator("#sign-in").click()
    await expect(page.locator("#for-desk")).to_be_visible()
    await page.get_by_role("button", name=f"Sign in with {TITLE}").click()
    await sign_in_there(page, staff.desk, sub="gina", **STRONG)
    await expect(page.locator("#account")).to_have_text("gina")
    assert page.url == f"{staff.desk}/"
    assert [url for url in sent if code in url] == []

    await page.goto(f"{staff.signin}/?jkt={DeviceKey().jkt}&door=desk")  # a link with the thumbprint of a thief's key
    await page.get_by_role("button", name=f"Sign in with {TITLE}").click()
    await sign_in_there(page, staff.desk, sub="gina", **STRONG)
    await expect(page.get_by_role("alert")).to_contain_text("not for this browser")
    await expect(page.locator("#account")).to_have_text("gina")
