"""A provider run by an attacker, or one between us and it: forged tokens, and answers that are no answers."""

import base64
import gzip
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import JWKRegistry, KeyParameters, RSAKey
from joserfc.jwt import encode
from support.hostile_provider import DESCRIPTION, KEYS, TOKEN, Answer, Claims, Hostile, hostile_provider
from support.oidc_provider import BINDING, Time, redirect_uri

from cloison.access.oidc import Ask, Fault
from cloison.access.oidc_client import ANSWER_BYTES, KEPT_SECONDS, OidcClient
from cloison.errors import CloisonError, ProviderAnswerError, ProviderRefusedError, ProviderUnavailableError

ENDLESS = [b" " * 65_536] * 1_000
ZIP_BOMB = Answer([gzip.compress(b" " * 10_000_000)], headers=(("Content-Encoding", "gzip"),))
PATIENCE_SECONDS = 1.5  # on a busy machine an honest answer takes a while, too


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    """The attacker's provider, honest until the test changes it."""
    with hostile_provider() as running:
        yield running


@pytest.fixture
async def client(hostile: Hostile) -> AsyncIterator[OidcClient]:
    """Our client of it."""
    async with OidcClient(hostile.agreed(), call_seconds=PATIENCE_SECONDS) as client:
        yield client


async def refused(hostile: Hostile, client: OidcClient) -> CloisonError:
    """The error that a sign-in ends with."""
    with pytest.raises(CloisonError) as raised:
        await client.finish(await hostile.come_back(client), BINDING)
    return raised.value


def part(document: object) -> str:
    """One part of a token."""
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def with_secret(header: Claims, secret: bytes, claims: Claims) -> str:
    """A token of HS256, made by hand: the library refuses to sign with a public key."""
    content = f"{part(header)}.{part(claims)}"
    mac = base64.urlsafe_b64encode(hmac.digest(secret, content.encode(), "sha256")).rstrip(b"=").decode()
    return f"{content}.{mac}"


async def test_honest_answers_sign_in(hostile: Hostile, client: OidcClient) -> None:
    """What the following tests change is all that stands between them and a sign-in."""
    assert (await client.finish(await hostile.come_back(client), BINDING)).subject == "victim"


async def test_secret_goes_where_the_provider_takes_it(hostile: Hostile, client: OidcClient) -> None:
    """In the form where that is all it takes; nowhere where it takes nothing that we have."""
    hostile.describe(token_endpoint_auth_methods_supported=["client_secret_post"])
    await client.finish(await hostile.come_back(client), BINDING)
    assert (hostile.form["client_id"], hostile.form["client_secret"]) == (["cloison"], ["x"])
    hostile.describe(token_endpoint_auth_methods_supported=["tls_client_auth"])
    async with OidcClient(hostile.agreed()) as fresh:
        assert (await refused(hostile, fresh)).fields["reason"] == Fault.METADATA
    assert hostile.calls[TOKEN] == 1


# -- forged tokens ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
async def test_token_without_signature_is_refused(hostile: Hostile, client: OidcClient, alg: str) -> None:
    """`alg: none`, in any writing, is no algorithm."""
    hostile.forge = lambda claims: f"{part({'alg': alg, 'kid': hostile.key.kid})}.{part(claims)}."
    assert (await refused(hostile, client)).fields["reason"] == Fault.ALGORITHM


async def test_public_key_is_no_shared_secret(hostile: Hostile, client: OidcClient) -> None:
    """HS256 with the public key, in each form it has, as the secret: the oldest confusion of all."""
    public = hostile.key.public_key
    forms = [public.public_bytes(e, PublicFormat.SubjectPublicKeyInfo) for e in (Encoding.PEM, Encoding.DER)]
    for secret in [*forms, json.dumps(hostile.key.as_dict(private=False)).encode(), b"x"]:
        hostile.forge = partial(with_secret, {"alg": "HS256", "kid": hostile.key.kid}, secret)
        assert (await refused(hostile, client)).fields["reason"] == Fault.ALGORITHM


async def test_symmetric_key_in_the_set_is_not_used(hostile: Hostile, client: OidcClient) -> None:
    """Whoever serves a shared secret as a key, or calls an RSA key one of HS256, gets nothing believed."""
    hostile.serve_keys([{"kty": "oct", "k": "c2VjcmV0", "kid": hostile.key.kid, "alg": "RS256"}])
    assert (await refused(hostile, client)).fields["reason"] == Fault.KEYS


async def test_key_that_the_token_brings_along_is_not_looked_at(hostile: Hostile, client: OidcClient) -> None:
    """A token signed by the attacker's key, which its header holds or points to, is signed by nobody."""
    own = RSAKey.generate_key(2048)
    brought = {
        "alg": "RS256",
        "kid": hostile.key.kid,
        "jwk": own.as_dict(private=False),
        "jku": hostile.issuer + "/own",
    }
    hostile.forge = lambda claims: encode(brought, claims, own)
    assert (await refused(hostile, client)).fields["reason"] == Fault.SIGNATURE
    assert hostile.calls["/own"] == 0


@pytest.mark.filterwarnings("ignore:Key size should be")
@pytest.mark.parametrize(
    "kind",
    [("RSA", 1024, None), ("RSA", 2048, {"use": "enc"}), ("RSA", 2048, {"alg": "RS512"}), ("EC", "P-256", None)],
    ids=["short", "for encryption", "for another algorithm", "of another kind"],
)
async def test_unfit_key_is_not_used(
    hostile: Hostile, client: OidcClient, kind: tuple[str, int | str, KeyParameters | None]
) -> None:
    """A key signs by the one kind of algorithm it is for, is long enough, and is for signatures."""
    key = JWKRegistry.generate_key(*kind, True, True)
    hostile.serve_keys([key.as_dict(private=False)])
    hostile.forge = lambda claims: hostile.signed(claims, kid=key.kid)
    assert (await refused(hostile, client)).fields["reason"] == Fault.KEYS


async def test_two_keys_of_one_name_are_one_too_many(hostile: Hostile, client: OidcClient) -> None:
    """Where a token may mean either of two keys it means none; without a name, the only fitting key is meant."""
    other = RSAKey.generate_key(2048)
    both = [hostile.key.as_dict(private=False), other.as_dict(private=False) | {"kid": hostile.key.kid}]
    hostile.serve_keys(both)
    assert (await refused(hostile, client)).fields["reason"] == Fault.KEYS
    hostile.serve_keys(both[:1])
    hostile.forge = lambda claims: encode({"alg": "RS256"}, claims, hostile.key)
    async with OidcClient(hostile.agreed()) as fresh:
        await fresh.finish(await hostile.come_back(fresh), BINDING)


async def test_extension_that_must_be_understood_is_refused(hostile: Hostile, client: OidcClient) -> None:
    """`crit` names what we do not know: a token that cannot be judged is refused."""
    header = {"alg": "RS256", "kid": hostile.key.kid, "crit": ["b64"], "b64": True}
    content = hostile.signed({}).split(".")[2]
    hostile.forge = lambda claims: f"{part(header)}.{part(claims)}.{content}"
    assert (await refused(hostile, client)).fields["reason"] == Fault.UNREADABLE


async def test_tokens_of_unknown_keys_do_not_flood_the_provider(hostile: Hostile, client: OidcClient) -> None:
    """Fifty tokens that name fifty unknown keys have the key set fetched once."""
    made = iter(range(50))
    hostile.forge = lambda claims: hostile.signed(claims, kid=f"unknown-{next(made)}")
    for _ in range(50):
        assert (await refused(hostile, client)).fields["reason"] == Fault.KEYS
    assert (hostile.calls[KEYS], hostile.calls[DESCRIPTION]) == (1, 1)


async def test_leaked_key_that_the_provider_took_back_is_forgotten(hostile: Hostile) -> None:
    """Whoever signs with a key that has left the provider's set is believed for an hour at most."""
    passing = Time(time.monotonic)
    async with OidcClient(hostile.agreed(), monotonic=passing) as client:
        await client.finish(await hostile.come_back(client), BINDING)
        hostile.serve_keys([RSAKey.generate_key(2048, auto_kid=True).as_dict(private=False)])
        passing.ahead = KEPT_SECONDS + 1
        assert (await refused(hostile, client)).fields["reason"] == Fault.KEYS


# -- answers that are no answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [DESCRIPTION, KEYS, TOKEN])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(ENDLESS), (ProviderAnswerError, Fault.TOO_LARGE)),
        (Answer([b" " * (ANSWER_BYTES + 1)]), (ProviderAnswerError, Fault.TOO_LARGE)),
        (Answer([b"{"] * 100, pause_seconds=0.05), (ProviderUnavailableError, "too slow")),
        (ZIP_BOMB, (ProviderAnswerError, Fault.UNREADABLE)),
        (Answer([b"[" * 100_000]), (ProviderAnswerError, Fault.UNREADABLE)),
        (Answer([b"<html>"]), (ProviderAnswerError, Fault.UNREADABLE)),
        (Answer([b"\xff\x00"]), (ProviderAnswerError, Fault.UNREADABLE)),
        (Answer([]), (ProviderAnswerError, Fault.UNREADABLE)),
        (Answer([b"{}"]), (ProviderAnswerError, Fault.UNREADABLE)),
        (Answer([], status=502), (ProviderUnavailableError, "error")),
    ],
    ids=["endless", "too large", "drop by drop", "zip bomb", "deep", "html", "binary", "empty", "lacking", "502"],
)
async def test_answer_that_is_none_ends_the_sign_in(
    hostile: Hostile, client: OidcClient, path: str, answer: Answer, expected: tuple[type[CloisonError], str]
) -> None:  # fmt: skip
    """Endless, slow, packed, broken: wherever it comes, it is refused in bounded time and memory."""
    hostile.answers[path] = answer
    begun = time.monotonic()
    error = await refused(hostile, client)
    assert (type(error), error.fields["reason"]) == expected
    assert time.monotonic() - begun < PATIENCE_SECONDS + 3


@pytest.mark.parametrize("path", [DESCRIPTION, KEYS, TOKEN])
async def test_redirect_is_not_followed(hostile: Hostile, client: OidcClient, path: str) -> None:
    """No answer sends our secret, or us, to another address."""
    hostile.answers[path] = Answer([b"{}"], status=307, headers=(("Location", hostile.issuer + "/elsewhere"),))
    assert isinstance(await refused(hostile, client), ProviderAnswerError | ProviderRefusedError)
    assert hostile.calls["/elsewhere"] == 0


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"issuer": "https://elsewhere.example.org"}, Fault.ISSUER),
        ({"authorization_endpoint": "http://elsewhere.example.org/auth"}, Fault.METADATA),
        ({"token_endpoint": "http://elsewhere.example.org/token"}, Fault.METADATA),
        ({"jwks_uri": "file:///etc/passwd"}, Fault.METADATA),
        ({"jwks_uri": "http://127.0.0.1@elsewhere.example.org/"}, Fault.METADATA),
        ({"jwks_uri": "http://[::1"}, Fault.METADATA),
        ({"authorization_endpoint": "javascript:alert(1)"}, Fault.METADATA),
        ({"code_challenge_methods_supported": ["plain"]}, Fault.METADATA),
        ({"token_endpoint": None}, Fault.UNREADABLE),
    ],
    ids=str,
)
async def test_description_that_is_not_safe_is_refused(
    hostile: Hostile, client: OidcClient, said: Claims, fault: Fault
) -> None:
    """Another issuer, an address that others can read, PKCE without S256: nobody is sent there."""
    hostile.describe(**said)
    with pytest.raises(ProviderAnswerError) as raised:
        await client.begin(Ask(redirect_uri=redirect_uri("pirate")), BINDING)
    assert raised.value.fields["reason"] == fault


async def test_words_of_a_provider_are_not_passed_on(hostile: Hostile, client: OidcClient) -> None:
    """What an error says could name a person: only the standard's own words get through."""
    said = {"error": "Dupont 1990-01-01", "error_description": "Dupont 1990-01-01"}
    hostile.answers[TOKEN] = Answer([json.dumps(said).encode()], status=400)
    error = await refused(hostile, client)
    assert isinstance(error, ProviderRefusedError)
    assert "Dupont" not in str(error)
