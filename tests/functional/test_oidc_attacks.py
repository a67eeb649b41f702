"""Attacks on a sign-in at a real OpenID Connect provider, and its failures: each ends with nobody signed in."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.oidc_provider import BINDING, Browser, RunningProvider, Time, come_back

from cloison.access.oidc import Callback, Fault
from cloison.access.oidc_client import KEYS_AGAIN_SECONDS, OidcClient
from cloison.errors import ProviderAnswerError, ProviderRefusedError, ProviderUnavailableError, StaleSigninError

pytest_plugins = ["support.oidc_fixtures"]

HOUR = 3_600


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RunningProvider]:
    """A provider for a test that stops it or takes its keys; not started."""
    running = RunningProvider(tmp_path, "region")
    yield running
    running.stop()


async def doubted(client: OidcClient, callback: Callback) -> object:
    """Why the client does not believe what came back."""
    with pytest.raises(ProviderAnswerError) as refused:
        await client.finish(callback, BINDING)
    return refused.value.fields["reason"]


# -- the way back through the browser -----------------------------------------------------------------------------


async def test_replayed_callback_is_refused(client: OidcClient, browser: Browser) -> None:
    """What came back signs in once, however often it is shown."""
    callback = await come_back(client, browser)
    await client.finish(callback, BINDING)
    with pytest.raises(StaleSigninError):
        await client.finish(callback, BINDING)


async def test_replayed_code_in_a_sign_in_of_ones_own_is_refused(client: OidcClient, browser: Browser) -> None:
    """A used code in a state that was not used yet gets nothing from the provider."""
    used = await come_back(client, browser)
    await client.finish(used, BINDING)
    injected = msgspec.structs.replace(await come_back(client, browser), code=used.code)
    with pytest.raises(ProviderRefusedError) as refused:
        await client.finish(injected, BINDING)
    assert refused.value.fields["reason"] == "invalid_grant"


async def test_stolen_code_in_the_thiefs_own_sign_in_is_refused(client: OidcClient, browser: Browser) -> None:
    """A code caught on its way, not used yet, is of no use without the verifier of its own sign-in."""
    stolen = await come_back(client, browser)
    thief = Browser("thief")
    injected = msgspec.structs.replace(await come_back(client, thief, b"the thief's"), code=stolen.code)
    with pytest.raises(ProviderRefusedError):
        await client.finish(injected, b"the thief's")


async def test_sign_in_begun_in_another_browser_is_refused(client: OidcClient, browser: Browser) -> None:
    """Login CSRF and fixation: a callback slipped into somebody's browser finds another key there."""
    callback = await come_back(client, browser, b"the thief's")
    with pytest.raises(StaleSigninError):
        await client.finish(callback, BINDING)
    assert (await client.finish(callback, b"the thief's")).subject == "agent-1"  # who failed to use it up did not


@pytest.mark.parametrize("state", ["", "A", "AAAA", "é", "A" * 300, "A" * 100_000, "\x00", "../.."])
async def test_invented_state_is_refused(client: OidcClient, browser: Browser, state: str) -> None:
    """Only what we sealed comes back as a sign-in."""
    callback = msgspec.structs.replace(await come_back(client, browser), state=state)
    with pytest.raises(StaleSigninError):
        await client.finish(callback, BINDING)


async def test_state_of_another_process_is_refused(
    provider: RunningProvider, client: OidcClient, browser: Browser
) -> None:
    """A captured process's key seals nothing for another one."""
    async with OidcClient(provider.agreed()) as other:
        callback = await come_back(other, browser)
    with pytest.raises(StaleSigninError):
        await client.finish(callback, BINDING)


async def test_sign_in_left_lying_is_refused(provider: RunningProvider, browser: Browser) -> None:
    """After ten minutes a state is over, though the code may still hold."""
    passing = Time(time.monotonic)
    async with OidcClient(provider.agreed(), monotonic=passing) as client:
        callback = await come_back(client, browser)
        passing.ahead = 601
        with pytest.raises(StaleSigninError):
            await client.finish(callback, BINDING)


async def test_provider_that_says_no_is_passed_on_by_its_word_alone(client: OidcClient, browser: Browser) -> None:
    """A refusal's word is shown if it is a known one; what anybody writes into the address is not."""
    browser.signs_in = {"error": "access_denied"}
    callback = await come_back(client, browser)
    with pytest.raises(ProviderRefusedError) as refused:
        await client.finish(callback, BINDING)
    assert refused.value.fields["reason"] == "access_denied"
    browser.signs_in = {"error": "access_denied"}
    callback = msgspec.structs.replace(await come_back(client, browser), error="Dupont 1990-01-01")
    with pytest.raises(ProviderRefusedError) as refused:
        await client.finish(callback, BINDING)
    assert refused.value.fields["reason"] == "other"


# -- two providers ------------------------------------------------------------------------------------------------


async def test_mix_up_of_two_providers_sends_no_code_to_the_wrong_one(
    provider: RunningProvider, client: OidcClient, browser: Browser, own: RunningProvider
) -> None:
    """An honest provider's answer to a sign-in that began at a malicious one is refused before the code is sent on."""
    with own:
        async with OidcClient(own.agreed()) as malicious:
            theirs = await come_back(malicious, browser)
            honest = await come_back(client, browser)
            mixed = msgspec.structs.replace(theirs, code=honest.code, iss=provider.issuer)
            assert await doubted(malicious, mixed) == Fault.ISSUER
            crossed = msgspec.structs.replace(await come_back(malicious, browser), provider=provider.name)
            for client_asked in (client, malicious):
                with pytest.raises(StaleSigninError):
                    await client_asked.finish(crossed, BINDING)
    assert (await client.finish(honest, BINDING)).subject == "agent-1"  # its code went nowhere


async def test_answer_without_the_issuer_that_was_promised_is_refused(client: OidcClient, browser: Browser) -> None:
    """Leaving `iss` out does not get past it: this provider says that it always sends it."""
    callback = msgspec.structs.replace(await come_back(client, browser), iss=None)
    assert await doubted(client, callback) == Fault.ISSUER


# -- what the provider signed --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "fault"),
    [
        ({"aud": "somebody-else"}, Fault.AUDIENCE),
        ({"aud": ["cloison", "somebody-else"]}, Fault.AUDIENCE),
        ({"aud": ["cloison", "somebody-else"], "azp": "cloison"}, Fault.AUDIENCE),
        ({"aud": []}, Fault.AUDIENCE),
        ({"azp": "somebody-else"}, Fault.AUDIENCE),
        ({"iss": "https://elsewhere.example.org"}, Fault.ISSUER),
        ({"nonce": "of an earlier sign-in"}, Fault.NONCE),
        ({"nonce": None}, Fault.NONCE),
        ({"exp": 1}, Fault.TIME),
        ({"iat": 1}, Fault.TIME),
        ({"nbf": 33_000_000_000}, Fault.TIME),
        ({"exp": None}, Fault.UNREADABLE),
        ({"iat": None}, Fault.UNREADABLE),
        ({"sub": ""}, Fault.SUBJECT),
        ({"sub": "a" * 256}, Fault.SUBJECT),
        ({"sub": "a\nb"}, Fault.SUBJECT),
        ({"sub": None}, Fault.UNREADABLE),
        ({"amr": "mfa"}, Fault.UNREADABLE),
        ({"padding": "x" * 20_000}, Fault.TOO_LARGE),
    ],
    ids=str,
)
async def test_token_that_says_something_else_is_refused(
    provider: RunningProvider, client: OidcClient, browser: Browser, claims: dict[str, object], fault: Fault
) -> None:
    """Wrong audience, replayed nonce, expired and the like, though the provider's real key signed them."""
    provider.replace_claims(**claims)
    assert await doubted(client, await come_back(client, browser)) == fault


@pytest.mark.parametrize(("ahead", "believed"), [(-50, True), (50, True), (340, True), (-HOUR, False), (HOUR, False)])
async def test_clocks_may_differ_by_a_minute(
    provider: RunningProvider, browser: Browser, *, ahead: float, believed: bool
) -> None:
    """A token five minutes long holds a minute longer and a minute earlier, and not an hour."""
    async with OidcClient(provider.agreed(), clock=lambda: time.time() + ahead) as client:
        callback = await come_back(client, browser)
        if believed:
            await client.finish(callback, BINDING)
        else:
            assert await doubted(client, callback) == Fault.TIME


# -- its keys -----------------------------------------------------------------------------------------------------


async def test_rotated_keys_are_followed_at_most_once_a_minute(own: RunningProvider, browser: Browser) -> None:
    """New keys are fetched when a token names one; a second change within the minute has to wait."""
    passing = Time(time.monotonic)
    with own:
        async with OidcClient(own.agreed(), monotonic=passing) as client:
            await client.finish(await come_back(client, browser), BINDING)
            own.rotate()
            assert await doubted(client, await come_back(client, browser)) == Fault.KEYS
            passing.ahead += KEYS_AGAIN_SECONDS
            await client.finish(await come_back(client, browser), BINDING)


# -- the provider is gone -----------------------------------------------------------------------------------------


async def test_provider_that_is_down_signs_nobody_in_and_comes_back(own: RunningProvider, browser: Browser) -> None:
    """Whether it goes before or during the sign-in: one error that says so, and the next try works when it is back."""
    async with OidcClient(own.agreed()) as client:
        with pytest.raises(ProviderUnavailableError):
            await come_back(client, browser)
        with own:
            callback = await come_back(client, browser)
            own.stop()
            with pytest.raises(ProviderUnavailableError):
                await client.finish(callback, BINDING)
            own.start()
            with pytest.raises(StaleSigninError):  # the code was sent once, and is never sent again
                await client.finish(callback, BINDING)
            await client.finish(await come_back(client, Browser()), BINDING)
