"""A real OpenID Connect provider for tests (panva's oidc-provider), and a browser's part in a sign-in there.

`make install` puts it into `tests/support/oidc/node_modules`, with a Node.js that it supports. Where it is missing the
test fails.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey
from playwright.async_api import Page

from cloison.access.oidc import Ask, Callback, Provider
from cloison.access.oidc_client import OidcClient
from support.beside import free_port

FOLDER = Path(__file__).parent / "oidc"
START_SECONDS = 20.0
CLIENT = "cloison"
SECRET = "a client's secret: 100 % fictional"
ACCEPTED = (("mfa",), ("pwd", "otp"))
BINDING = b"the key of this browser"
STRONG: Mapping[str, object] = {"acr": "loa2", "amr": ["pwd", "otp"]}


def redirect_uri(name: str) -> str:
    """Where a provider's answers come back to: each has an address of its own."""
    return f"https://connexion.example.org/oidc/{name}"


def node() -> str:
    """A Node.js for the provider: the one that came with it, else the system's."""
    if not (FOLDER / "node_modules" / "oidc-provider").is_dir():
        pytest.fail("oidc-provider is missing: run `make install`, which needs npm (Debian's package npm)")
    bundled = sorted(FOLDER.glob("node_modules/node-linux-*/bin/node"))
    found = str(bundled[0]) if bundled else shutil.which("node")
    return found or pytest.fail("Node.js is missing: install version 22 or newer (Debian's package nodejs)")


class RunningProvider:
    """One provider, with clients of ours and of a stranger's."""

    def __init__(self, folder: Path, name: str = "agence") -> None:
        """A provider that keeps its keys in `folder`; not started."""
        self.name, self._folder = name, folder
        self.issuer = f"http://127.0.0.1:{free_port()}"
        self.private_key = ""
        self._process: subprocess.Popen[str] | None = None
        self.clients = [self._client(CLIENT, client_secret=SECRET)]

    def _client(self, client_id: str, **more: object) -> dict[str, object]:
        uris = [redirect_uri(name) for name in ("agence", "region")]
        return {"client_id": client_id, "redirect_uris": uris, **more}

    def add_client(self, client_id: str, **more: object) -> None:
        """Have it know one more client from its next start on."""
        self.clients.append(self._client(client_id, **more))

    def agreed(self, **changes: object) -> Provider:
        """It as our settings have it."""
        settings: dict[str, Any] = {
            "name": self.name,
            "issuer": self.issuer,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "amr": ACCEPTED,
        }
        return Provider(**(settings | changes))

    def start(self) -> Self:
        """Start it, with the keys that it had; returns when it listens."""
        settings = self._folder / f"{self.name}.json"
        keys = str(self._folder / f"{self.name}.keys.json")
        settings.write_text(json.dumps({"issuer": self.issuer, "keys": keys, "clients": self.clients}))
        log = (self._folder / f"{self.name}.log").open("w")
        self._process = subprocess.Popen(
            [node(), str(FOLDER / "provider.mjs"), str(settings)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={"PATH": os.environ["PATH"], "NODE_ENV": "production"},
        )
        log.close()
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "listening\n":  # its end, where it fails
            pytest.fail(f"the provider did not start: {(self._folder / f'{self.name}.log').read_text()[-2_000:]}")
        return self

    def stop(self) -> None:
        """Stop it; whoever asks it now gets no connection."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def rotate(self) -> None:
        """Have it sign with new keys alone."""
        httpx.post(f"{self.issuer}/test/rotate").raise_for_status()

    def replace_claims(self, **claims: object) -> None:
        """Have its ID tokens say this from now on, signed by its real key; nothing: what is true again."""
        httpx.post(f"{self.issuer}/test/claims", json=claims).raise_for_status()


class Browser:
    """Somebody's browser without its screen: follows redirects, keeps cookies, signs in when the provider asks."""

    def __init__(self, sub: str = "agent-1", shown: Mapping[str, object] = STRONG) -> None:
        """A person of that subject, who shows this whenever the provider asks them to sign in."""
        self.signs_in = {"sub": sub, **shown}
        self.asked = 0  # how often the provider asked
        self._cookies = httpx.Client(trust_env=False, timeout=START_SECONDS)

    def visit(self, url: str, provider: str) -> Callback:
        """Follow the way from an authorization URL to our own address, and say what came back there."""
        for _ in range(10):
            response = self._answer(url)
            url = urljoin(url, response.headers["location"])
            if url.startswith(redirect_uri("")):
                return called_back(provider, url)
        pytest.fail("the provider never sent the browser back")

    def _answer(self, url: str) -> httpx.Response:
        if "/interaction/" not in url:
            return self._cookies.get(url)
        self.asked += 1
        return self._cookies.post(url, json=self.signs_in)

    def close(self) -> None:
        """Close its connections."""
        self._cookies.close()


def called_back(provider: str, url: str) -> Callback:
    """What the address says that a browser is sent back to."""
    found = dict(parse_qsl(urlsplit(url).query))
    known = {name: found[name] for name in ("state", "code", "iss", "error") if name in found}
    return Callback(provider=provider, **known)


def own_key() -> ECKey:
    """A key by which a provider knows us, and no secret."""
    return ECKey.generate_key("P-256", parameters={"alg": "ES256", "use": "sig"}, auto_kid=True)


async def sign_in_there(page: Page, back: str, **shown: object) -> None:
    """Show this at the provider, which has no page for it, and be sent back to the door whose origin is `back`."""
    await page.wait_for_url("**/interaction/*")
    answer = await page.request.post(page.url, data=shown, max_redirects=0)
    await page.goto(answer.headers["location"], wait_until="commit")
    await page.wait_for_url(f"{back}/**")


class Time:
    """A clock that a test turns."""

    def __init__(self, now: Callable[[], float]) -> None:
        """With that clock's time."""
        self._now, self.ahead = now, 0.0

    def __call__(self) -> float:
        """What it shows."""
        return self._now() + self.ahead


async def come_back(
    client: OidcClient,
    browser: Browser,
    binding: bytes = BINDING,
    *,
    login: bool = False,
    max_age_seconds: int | None = None,
) -> Callback:
    """Begin a sign-in and go through the provider; what came back is not used yet."""
    name = client.provider.name
    ask = Ask(redirect_uri=redirect_uri(name), login=login, max_age_seconds=max_age_seconds)
    return browser.visit(await client.begin(ask, binding), name)
