"""Signing in through the door at an organisation's own OpenID provider: linked accounts alone, two factors always."""

import hashlib
from collections.abc import Iterator
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx
import pytest
from support.oidc_provider import CLIENT, SECRET, RunningProvider
from support.operated import OperatedHome
from support.staffed import Staffed, staffed

from cloison.client import Client
from cloison.client.device import DeviceKey
from cloison.client.passkey import SoftwarePasskey
from cloison.client.signin import SigninClient
from cloison.config import ProviderConfig, write_secret
from cloison.errors import FactorsNotProvedError, InvitationError, NotLinkedError, StaleSigninError
from cloison.store.pools import connect


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

        async def arrive(sub: str, key: DeviceKey, amr: list[str]) -> dict[str, str]:
            url = await door.go_to_provider(provider.name, key)
            return {"provider": provider.name, **sent_back(url, staff.signin, sub, amr)}

        key = DeviceKey()
        with pytest.raises(NotLinkedError):
            await door.come_back(key, **await arrive("dora", key, ["pwd", "otp"]))
        signed_in = await door.come_back(key, **await arrive("dora", key, ["pwd", "otp"]), invitation=code)
        async with Client(staff.desk, signed_in.held) as desk:
            assert (await desk.session()).account == "dora"
        assert (await door.come_back(key, **await arrive("dora", key, ["pwd", "otp"]))).held.token
        with pytest.raises(InvitationError):  # of somebody else, by the same code
            await door.come_back(key, **await arrive("eve", key, ["pwd", "otp"]), invitation=code)
        with pytest.raises(FactorsNotProvedError):  # a password alone
            await door.come_back(key, **await arrive("dora", key, ["pwd"]))
        thief, answer = DeviceKey(), await arrive("dora", key, ["pwd", "otp"])
        with pytest.raises(StaleSigninError):  # the answer in another browser
            await door.come_back(thief, **answer)
        with connect(staff.operated.home, "owner") as owner:
            kept = owner.execute("select subject_hash from cloison.identity").fetchall()
        assert kept == [(hashlib.sha256(b"dora").digest(),)]
