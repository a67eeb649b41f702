"""Signing in at LemonLDAP::NG, which sends no `iss` and tells levels rather than methods."""

from pathlib import Path

import pytest
from support.lemonldap import LEVEL, PLAIN_SECRET, lemonldap, sign_in
from support.oidc_provider import BINDING, CLIENT, called_back, redirect_uri

from cloison.access.oidc import Ask, Provider
from cloison.access.oidc_client import OidcClient
from cloison.errors import FactorsNotProvedError


async def test_level_of_lemonldap_decides(tmp_path: Path) -> None:
    """Its user signs in where the level reached is one that was agreed on, and not where a higher one was."""
    with lemonldap(tmp_path, "agence") as issuer:
        for agreed, enough in ((LEVEL, True), ("loa-2", False)):
            provider = Provider(
                name="agence", issuer=issuer, client_id=CLIENT, client_secret=PLAIN_SECRET, acr_values=(agreed,)
            )
            async with OidcClient(provider) as client:
                url = await client.begin(Ask(redirect_uri=redirect_uri("agence")), BINDING)
                callback = called_back("agence", sign_in(url, "dwho"))
                assert callback.iss is None
                if enough:
                    assert (await client.finish(callback, BINDING)).subject == "dwho"
                else:
                    with pytest.raises(FactorsNotProvedError):
                        await client.finish(callback, BINDING)
