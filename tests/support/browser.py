"""Debian's Chromium for tests, driven by Playwright, with a virtual authenticator in place of a security key.

`make install` brings both. Where one is missing the test fails.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from threading import Thread
from typing import Any, Self

import pytest
from playwright.async_api import CDPSession, Page

ARGUMENTS = [
    "--no-sandbox",  # root has none; the pages are ours
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",  # it would look for its maker's hosts at every start
    "--disable-component-update",
    "--disable-sync",
]
SECURITY_KEY = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}

# what a page must be for somebody who hears it, or has no mouse
FAULTS = """() => {
    const all = (selector) => [...document.querySelectorAll(selector)];
    const levels = all('h1, h2, h3').map((each) => Number(each.tagName[1]));
    return [
        ...all('input, select').filter((each) => !each.labels.length).map((each) => `no label: ${each.id}`),
        ...all('button, a').filter((each) => !each.textContent.trim()).map((each) => `no text: ${each.outerHTML}`),
        ...all('a').filter((each) => !each.href).map((each) => `leads nowhere: ${each.textContent}`),
        ...all('section:not([aria-labelledby])').map(() => 'a section without a heading'),
        ...all('[aria-labelledby]').filter((each) => !document.getElementById(each.getAttribute('aria-labelledby'))),
        ...all('img, svg, canvas').map(() => 'a picture'),
        ...all('[style], style, script:not([src])').map(() => 'something in the page itself'),
        ...all('[tabindex]').filter((each) => each.tabIndex > 0).map(() => 'an order of its own'),
        ...(all('h1').length === 1 && all('main').length === 1 ? [] : ['not one main heading']),
        ...levels.slice(1).filter((level, i) => level > levels[i] + 1).map(() => 'a level of headings is left out'),
    ];
}"""
STEAL_KEY = """async () => {
    const { kept } = await import('/static/device.js');
    const { key } = await kept('session');
    const tries = ['jwk', 'pkcs8', 'raw', 'spki'].map(
        (form) => crypto.subtle.exportKey(form, key.privateKey).then(() => form, () => null));
    return {extractable: key.privateKey.extractable, taken: (await Promise.all(tries)).filter(Boolean)};
}"""


class Authenticator:
    """The virtual authenticator of one page: what its owner has in hand."""

    def __init__(self, session: CDPSession, number: str) -> None:
        """One that is plugged in."""
        self._session, self._number = session, number

    @classmethod
    async def plug_in(cls, page: Page, **options: object) -> Self:
        """A new one, without credentials; `options` as of CDP's VirtualAuthenticatorOptions."""
        session = await page.context.new_cdp_session(page)
        await session.send("WebAuthn.enable")
        made = await session.send("WebAuthn.addVirtualAuthenticator", {"options": SECURITY_KEY | options})
        return cls(session, made["authenticatorId"])

    async def credentials(self) -> list[dict[str, Any]]:
        """What it holds, private keys included."""
        found = await self._session.send("WebAuthn.getCredentials", {"authenticatorId": self._number})
        return list(found["credentials"])

    async def hold(self, credentials: list[dict[str, Any]]) -> None:
        """Hold these from now on: it is a key that was plugged in before."""
        for one in credentials:
            told = {"authenticatorId": self._number, "credential": one}
            await self._session.send("WebAuthn.addCredential", told)

    async def verifies_user(self, *, verifies: bool) -> None:
        """Whether the owner gives PIN or fingerprint from now on."""
        told = {"authenticatorId": self._number, "isUserVerified": verifies}
        await self._session.send("WebAuthn.setUserVerified", told)

    async def unplug(self) -> None:
        """Take it away, with all it holds."""
        await self._session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self._number})


def installed() -> str:
    """The program; the test fails where it is missing."""
    return which("chromium") or pytest.fail(
        "Chromium is missing: run `make install` as root, or `apt-get install chromium`"
    )


async def tab_to(page: Page, wanted: str) -> None:
    """Press Tab until the element has the focus, once around at most."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.id") == wanted:
            return
    pytest.fail(f"nobody gets to {wanted} by Tab")


@contextmanager
def serving_pages(folder: Path) -> Iterator[str]:
    """A server of static pages on a port of its own; its origin, by the name that WebAuthn needs."""
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://localhost:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""
