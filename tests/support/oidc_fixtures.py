"""Identity providers for tests: one that all share, and browsers."""

import json
from collections.abc import AsyncIterator, Iterator

import pytest

from cloison.access.oidc_client import OidcClient
from support.oidc_provider import Browser, RunningProvider, own_key


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProvider]:
    """A running provider, which knows us by several ways; tests leave its claims true."""
    running = RunningProvider(tmp_path_factory.mktemp("provider"))
    key = own_key()
    running.add_client(
        "by-key", token_endpoint_auth_method="private_key_jwt", jwks={"keys": [key.as_dict(private=False)]}
    )
    running.private_key = json.dumps(key.as_dict(private=True))
    running.add_client("es256", client_secret="a third", id_token_signed_response_alg="ES256")
    with running:
        yield running


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A browser of somebody who shows two factors."""
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
async def client(provider: RunningProvider) -> AsyncIterator[OidcClient]:
    """Our client of the shared provider; what a test had its tokens say is true again afterwards."""
    async with OidcClient(provider.agreed()) as client:
        yield client
    provider.replace_claims()
