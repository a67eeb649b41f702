"""People who sign in to their own space at an OpenID provider: linked by both halves of a code, and by nothing else."""

import hashlib
from collections.abc import Iterator
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import msgspec
import pytest
import tomli_w
from playwright.async_api import Browser, expect
from support.browser import FAULTS
from support.oidc_provider import CLIENT, SECRET, RunningProvider, sign_in_there
from support.operated import OperatedHome, served
from support.space_door import Space, space_of
from support.visitor import STORED

from cloison.client.passkey import SoftwarePasskey
from cloison.client.space import SpaceClient
from cloison.config import ProviderConfig, write_secret
from cloison.errors import (
    CeremonyError,
    FactorRefusedError,
    FactorsNotProvedError,
    InvitationError,
    NoSessionError,
    NotLinkedError,
    StaleSigninError,
)

pytest_plugins = ["support.browser_fixtures"]

SUBSTANTIAL = "loa2"  # as FranceConnect's eidas2


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> RunningProvider:
    """A provider, to be started when it knows where people are sent back to."""
    return RunningProvider(tmp_path_factory.mktemp("provider"), "identite")


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory, provider: RunningProvider) -> Iterator[Space]:
    """A served home whose space door knows the provider."""
    folder = tmp_path_factory.mktemp("space")
    operated = OperatedHome(folder)
    write_secret(folder / "secret", SECRET)
    agreed = ProviderConfig(
        name=provider.name,
        title="Identité <Citoyenne>",
        issuer=provider.issuer,
        client_id=CLIENT,
        secret_file=str(folder / "secret"),
        acr_values=(SUBSTANTIAL,),
    )
    config = operated.home.config
    told = msgspec.structs.replace(config, space=msgspec.structs.replace(config.space, providers=(agreed,)))
    operated.home.settings_file.write_text(tomli_w.dumps(msgspec.to_builtins(told)), encoding="utf-8")
    provider.clients[0]["redirect_uris"] = [f"{config.space.public_origin}/oidc/{provider.name}"]
    operated.initialise()
    try:
        with provider, served(operated), space_of(operated.home) as found:
            yield found
    finally:
        operated.stop()


async def proved(
    client: SpaceClient, space: Space, sub: str, halves: tuple[str, str] = ("", ""), acr: str = SUBSTANTIAL
) -> dict[str, str]:
    """What a browser is sent back with, of somebody who goes to the provider from this device and shows this there."""
    away = await client.go_to_provider("identite", halves)
    url = away.url
    async with httpx.AsyncClient(trust_env=False) as browser:
        for _ in range(10):
            shown = {"sub": sub, "acr": acr}
            asked = browser.post(url, json=shown) if "/interaction/" in url else browser.get(url)
            answer = await asked
            url = urljoin(url, answer.headers["location"])
            if url.startswith(space.url):
                found = dict(parse_qsl(urlsplit(url).query))
                return {"provider": "identite", "invited": away.invited} | {
                    name: found[name] for name in ("state", "code", "iss")
                }
    raise AssertionError


async def test_stranger_with_a_proved_identity(space: Space) -> None:
    """Whoever was not invited is nobody, whatever they prove; half a code, or one factor, changes nothing."""
    (code, spoken), _ = space.code()
    async with space.client() as client:
        with pytest.raises(NotLinkedError):
            await client.come_back(await proved(client, space, "stranger"))
        for halves in ((code, "0000-0000"), ("59-0000-0000-0000-0000", spoken), (code, "")):
            with pytest.raises(InvitationError):
                await client.come_back(await proved(client, space, "stranger", halves))
        with pytest.raises(FactorsNotProvedError):
            await client.come_back(await proved(client, space, "stranger", (code, spoken), "loa1"))
        with pytest.raises(NotLinkedError):
            await client.come_back(await proved(client, space, "stranger"))


async def test_provider_answer_in_another_browser(space: Space) -> None:
    """An answer that another device asked for, or that came before, signs nobody in: nor can one be slipped in."""
    halves, _ = space.code()
    async with space.client() as client, space.client() as thief:
        answer = await proved(client, space, "odile", halves)
        with pytest.raises(StaleSigninError):
            await thief.come_back(answer)
        own = await proved(thief, space, "olivier")
        with pytest.raises(CeremonyError):  # the halves that wait in somebody's browser, with an identity of one's own
            await thief.come_back(own | {"invited": answer["invited"]})
        await client.come_back(answer)
        with pytest.raises(StaleSigninError):
            await client.come_back(answer)


async def test_identity_of_somebody_else(space: Space) -> None:
    """An identity leads to one person: another one's code does not take it, and stays good for its own person."""
    mine, _ = space.code()
    other, _ = space.code()
    async with space.client() as client:
        await client.come_back(await proved(client, space, "pierre", mine))
        with pytest.raises(InvitationError):
            await client.come_back(await proved(client, space, "pierre", other))
        assert [one.way for one in (await client.login()).signins] == ["provider"]
        await client.redeem(*other, "paul@example.org", passkey=SoftwarePasskey())


async def test_new_invitation_takes_the_identity_back(space: Space) -> None:
    """Whoever is invited again has one way in: the identity leads nowhere, until a code links it anew, or they die."""
    first, person = space.code()
    passkey = SoftwarePasskey()
    async with space.client() as client:
        await client.come_back(await proved(client, space, "rose", first))
        again, _ = space.code(person)
        await client.redeem(*again, "rose@example.org", passkey=passkey)
        with pytest.raises(NoSessionError):
            await client.login()
        with pytest.raises(NotLinkedError):
            await client.come_back(await proved(client, space, "rose"))
        third, _ = space.code(person)
        await client.come_back(await proved(client, space, "rose", third))
        with pytest.raises(FactorRefusedError):
            await client.touch_in(passkey)
        login = await client.login()
        assert (login.passkeys, login.by_password, login.by_provider) == ([], False, True)
        await client.add_passkey(passkey)
        (added,) = (await client.login()).passkeys
        await client.remove_passkey(added.factor)  # not the last way: the identity is one
        space.database.one("select cloison.space_end_v1(%s, null)", person)  # as where they die, or are merged
        with pytest.raises(NotLinkedError):
            await client.come_back(await proved(client, space, "rose"))


async def test_nothing_of_an_identity_can_be_read(space: Space, provider: RunningProvider) -> None:
    """The database has keyed hashes, by which nobody who has it alone can try issuers and subjects."""
    halves, _ = space.code()
    async with space.client() as client:
        await client.come_back(await proved(client, space, "ulysse", halves))
    rows = space.database.owner.execute("select t::text from cloison.space_identity t").fetchall()
    text = str(rows)
    assert "59" in text
    plain = hashlib.sha256(f"{provider.issuer}\0ulysse".encode()).hexdigest()
    for word in (provider.issuer, "ulysse", b"ulysse".hex(), plain):
        assert word not in text


async def test_in_by_an_identity_elsewhere(chromium: Browser, space: Space) -> None:
    """En français: both halves, the provider, and back; signed out, and in by its button; no address keeps anything."""
    context = await chromium.new_context(locale="fr-FR")
    page = await context.new_page()
    (code, spoken), _ = space.code()
    await page.goto(space.url)
    await page.get_by_role("button", name="S'identifier avec Identité <Citoyenne>").click()
    await sign_in_there(page, space.url, sub="simone", acr=SUBSTANTIAL)
    await expect(page.get_by_role("alert")).to_contain_text("Cette identité ne mène à aucun espace")
    assert page.url == f"{space.url}/oidc/identite"
    assert await page.evaluate(FAULTS) == []

    await page.goto(f"{space.url}/invitation#code={code}")
    await page.get_by_label("La moitié que le conseiller vous a remise").fill(spoken)
    await page.get_by_role("button", name="Continuer").click()
    await page.get_by_label("Par Identité <Citoyenne>").check()
    await expect(page.get_by_label("Identifiant de connexion")).to_be_hidden()
    await page.get_by_label("La moitié que le conseiller vous a remise").fill("0000-0000")
    await page.get_by_role("button", name="Créer mon accès").click()
    await expect(page.get_by_role("alert")).to_contain_text("Ce code n'invite personne")  # before anybody leaves
    await page.get_by_label("La moitié que le conseiller vous a remise").fill(spoken)
    await page.get_by_role("button", name="Créer mon accès").click()
    await sign_in_there(page, space.url, sub="simone", acr=SUBSTANTIAL)
    await expect(page.locator("#signins")).to_contain_text("par une identité ailleurs : ouverte")
    assert page.url == f"{space.url}/account"
    assert await page.evaluate(STORED, "pending") == "null"
    await page.get_by_role("button", name="Se déconnecter").click()
    await page.locator("#signed-out a").click()
    await page.get_by_role("button", name="S'identifier avec Identité <Citoyenne>").click()
    await sign_in_there(page, space.url, sub="simone", acr=SUBSTANTIAL)
    await expect(page.locator("#signins > li")).to_have_count(2)
