"""What sign-in rests on, in a real browser: passkeys bound to an origin, and a device key that cannot leave."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey
from playwright.async_api import Browser, BrowserContext, Error, Page
from support.browser import Authenticator, serving_pages
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.exceptions import InvalidAuthenticationResponse

pytest_plugins = ["support.browser_fixtures"]

PAGES = Path(__file__).parent / "pages"
HOST = "localhost"
CHALLENGE = bytes(range(32))


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Where the page of keys is served."""
    with serving_pages(PAGES) as origin:
        yield origin


async def opened(person: BrowserContext, origin: str) -> Page:
    """The page of keys, ready."""
    page = await person.new_page()
    await page.goto(f"{origin}/keys.html")
    await page.wait_for_function("window.steal !== undefined")
    return page


async def calling(page: Page, name: str, *arguments: str) -> Any:  # noqa: ANN401 - whatever the page answers
    """What a function of the page answers."""
    return await page.evaluate("([name, args]) => window[name](...args)", [name, list(arguments)])


async def registered(page: Page, origin: str) -> bytes:
    """The public key of a new passkey, verified as the sign-in door does."""
    made = await calling(page, "register", bytes_to_base64url(CHALLENGE), HOST)
    verified = verify_registration_response(
        credential=made,
        expected_challenge=CHALLENGE,
        expected_rp_id=HOST,
        expected_origin=origin,
        require_user_verification=True,
    )
    return verified.credential_public_key


async def test_passkey_is_made_and_used(person: BrowserContext, origin: str) -> None:
    """A discoverable passkey with user verification signs the challenge; no other challenge is signed by it."""
    page = await opened(person, origin)
    authenticator = await Authenticator.plug_in(page)
    public = await registered(page, origin)
    (kept,) = await authenticator.credentials()
    assert (kept["isResidentCredential"], kept["rpId"]) == (True, HOST)
    shown = await calling(page, "touch", bytes_to_base64url(CHALLENGE), HOST)

    def verify(challenge: bytes, expected_origin: str) -> bytes:
        return verify_authentication_response(
            credential=shown,
            expected_challenge=challenge,
            expected_rp_id=HOST,
            expected_origin=expected_origin,
            credential_public_key=public,
            credential_current_sign_count=0,
            require_user_verification=True,
        ).credential_id

    assert bytes_to_base64url(verify(CHALLENGE, origin)) == shown["id"]
    for challenge, expected_origin in ((b"another challenge", origin), (CHALLENGE, "http://localhost:1")):
        with pytest.raises(InvalidAuthenticationResponse):
            verify(challenge, expected_origin)


async def test_page_cannot_ask_for_another_hosts_passkey(person: BrowserContext, origin: str) -> None:
    """RP-ID confusion: the browser itself refuses a page that names a host that is not its own."""
    page = await opened(person, origin)
    await Authenticator.plug_in(page)
    await registered(page, origin)
    for name in ("register", "touch"):
        with pytest.raises(Error, match="SecurityError"):
            await calling(page, name, bytes_to_base64url(CHALLENGE), "connexion.example.org")


async def test_touch_without_pin_or_finger_is_none(person: BrowserContext, origin: str) -> None:
    """Whoever finds the security key but cannot verify themselves makes no signature."""
    page = await opened(person, origin)
    authenticator = await Authenticator.plug_in(page)
    await registered(page, origin)
    await authenticator.verifies_user(verifies=False)
    with pytest.raises(Error, match="NotAllowedError"):
        await calling(page, "touch", bytes_to_base64url(CHALLENGE), HOST)


async def test_device_key_signs_after_a_reload_and_cannot_be_taken(person: BrowserContext, origin: str) -> None:
    """IndexedDB keeps the key, a script in the page can use it while it is there, and never read it."""
    page = await opened(person, origin)
    public = ECKey.import_key(await calling(page, "makeDeviceKey")).public_key
    await page.reload()
    await page.wait_for_function("window.steal !== undefined")
    signed = bytes.fromhex(await calling(page, "sign", "a request"))
    halves = encode_dss_signature(int.from_bytes(signed[:32]), int.from_bytes(signed[32:]))
    public.verify(halves, b"a request", ECDSA(SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(halves, b"another request", ECDSA(SHA256()))
    assert await calling(page, "steal") == {"extractable": False, "taken": [], "text": "{}"}


async def test_other_origin_and_other_browser_have_no_device_key(
    chromium: Browser, person: BrowserContext, origin: str
) -> None:
    """Another port of the same host, and another person's browser, find nothing to sign with."""
    await calling(await opened(person, origin), "makeDeviceKey")
    with serving_pages(PAGES) as elsewhere:
        assert await calling(await opened(person, elsewhere), "sign", "a request") is None
    somebody_else = await chromium.new_context()
    assert await calling(await opened(somebody_else, origin), "sign", "a request") is None
    assert await calling(await opened(person, origin), "sign", "a request") is not None
