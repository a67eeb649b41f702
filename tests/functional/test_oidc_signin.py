"""Signing in at a real OpenID Connect provider: what we ask, how we are known, what it must prove."""

from urllib.parse import parse_qs, urlsplit

import pytest
from support.oidc_provider import BINDING, Browser, RunningProvider, come_back, redirect_uri

from cloison.access.oidc import Ask, Fault
from cloison.access.oidc_client import OidcClient
from cloison.errors import FactorsNotProvedError, ProviderAnswerError, ProviderRefusedError

pytest_plugins = ["support.oidc_fixtures"]

NEVER_SENT = {"login_hint", "id_token_hint", "claims", "response_mode"}


async def test_signing_in_says_who_and_what_was_proved(
    provider: RunningProvider, client: OidcClient, browser: Browser
) -> None:
    """Issuer, subject, level and methods are what the person showed at the provider."""
    proved = await client.finish(await come_back(client, browser), BINDING)
    assert (proved.issuer, proved.subject) == (provider.issuer, "agent-1")
    assert (proved.acr, proved.amr) == ("loa2", ("pwd", "otp"))


async def test_what_we_ask_is_a_code_with_pkce_state_and_nonce(client: OidcClient) -> None:
    """The address the browser goes to has S256, a state and a nonce of its own each time, and nobody's name."""
    ask = Ask(redirect_uri=redirect_uri("agence"))
    asked = [parse_qs(urlsplit(await client.begin(ask, BINDING)).query) for _ in range(2)]
    assert asked[0]["response_type"] == ["code"]
    assert asked[0]["code_challenge_method"] == ["S256"]
    assert NEVER_SENT.isdisjoint(asked[0])
    assert all(asked[0][name] != asked[1][name] for name in ("state", "nonce", "code_challenge"))


@pytest.mark.parametrize(
    "known_by",
    [
        {"client_id": "es256", "client_secret": "a third"},
        {"client_id": "by-key", "client_secret": ""},
    ],
    ids=lambda known: known["client_id"],
)
async def test_each_way_of_being_known_works(
    provider: RunningProvider, browser: Browser, known_by: dict[str, str]
) -> None:
    """A private key instead of a secret, and tokens signed by ES256."""
    key = provider.private_key if known_by["client_id"] == "by-key" else ""
    async with OidcClient(provider.agreed(private_key=key, **known_by)) as client:
        assert (await client.finish(await come_back(client, browser), BINDING)).subject == "agent-1"


async def test_wrong_secret_is_refused(provider: RunningProvider, browser: Browser) -> None:
    """Who has the code but not our secret gets nothing from the provider."""
    async with OidcClient(provider.agreed(client_secret="guessed")) as client:
        callback = await come_back(client, browser)
        with pytest.raises(ProviderRefusedError) as refused:
            await client.finish(callback, BINDING)
    assert refused.value.fields["reason"] == "invalid_client"


async def test_session_at_the_provider_is_enough_unless_we_ask_again(client: OidcClient, browser: Browser) -> None:
    """The second sign-in needs no factor at the provider; one that asks for a login does."""
    await client.finish(await come_back(client, browser), BINDING)
    await client.finish(await come_back(client, browser), BINDING)
    assert browser.asked == 1
    await client.finish(await come_back(client, browser, login=True), BINDING)
    assert browser.asked == 2


async def test_old_presence_is_refused_where_a_fresh_one_was_asked_for(
    provider: RunningProvider, client: OidcClient, browser: Browser
) -> None:
    """A provider that lets an hour-old session pass for a touch of the last five minutes is not believed."""
    fresh = await client.finish(await come_back(client, browser, max_age_seconds=300), BINDING)
    assert fresh.authenticated_at is not None
    for claimed in (fresh.authenticated_at - 3_600, None):
        provider.replace_claims(auth_time=claimed)
        with pytest.raises(ProviderAnswerError) as refused:
            await client.finish(await come_back(client, browser, max_age_seconds=300), BINDING)
        assert refused.value.fields["reason"] == Fault.FRESHNESS


@pytest.mark.parametrize(
    "shown",
    [
        {"acr": "loa2", "amr": ["pwd"]},
        {"acr": "loa2", "amr": []},
        {"acr": "loa2", "amr": ["pwd", "email"]},
        {"acr": "loa2", "amr": ["otp"]},
        {"acr": "mfa"},
    ],
    ids=str,
)
async def test_password_alone_at_the_provider_is_refused(client: OidcClient, shown: dict[str, object]) -> None:
    """One factor, an e-mailed code beside it, or no word about factors signs nobody in."""
    callback = await come_back(client, Browser(shown=shown))
    with pytest.raises(FactorsNotProvedError):
        await client.finish(callback, BINDING)


@pytest.mark.parametrize(("acr", "enough"), [("loa2", True), ("loa1", False), (None, False)])
async def test_level_that_the_agreement_demands_must_come_back(
    provider: RunningProvider, *, acr: str | None, enough: bool
) -> None:
    """Asking for a level is no proof of it: the token must say it, whatever else it says."""
    browser = Browser(shown={"acr": acr, "amr": ["mfa", "pwd", "otp"]})
    async with OidcClient(provider.agreed(acr_values=("loa2",))) as client:
        callback = await come_back(client, browser)
        if enough:
            assert (await client.finish(callback, BINDING)).acr == "loa2"
        else:
            with pytest.raises(FactorsNotProvedError):
                await client.finish(callback, BINDING)
