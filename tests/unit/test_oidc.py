"""What is decided about a sign-in at an identity provider, without one."""

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jwt import encode

from cloison.access import oidc_state
from cloison.access.oidc import (
    METHODS,
    REFUSALS,
    Ask,
    Callback,
    Ceremony,
    Fault,
    Metadata,
    Provider,
    authorization_url,
    discovery_url,
    is_safe,
    proves,
    read_metadata,
    refusal,
    shows_two_kinds,
)
from cloison.access.oidc_client import OidcClient
from cloison.access.oidc_state import CEREMONY_SECONDS, Ceremonies
from cloison.access.oidc_tokens import Key, choose, header_of, private_key, read_keys, verify
from cloison.errors import ConfigError, OverloadedError, ProviderAnswerError, StaleSigninError

ISSUER = "https://connexion.example.org"
NOW = 1_800_000_000
BINDING = b"the key of this browser"
ASK = Ask(redirect_uri="https://cloison.example.org/oidc/agence")
KEYS: dict[str, Key] = {
    "RS256": RSAKey.generate_key(2048, auto_kid=True),
    "PS256": RSAKey.generate_key(2048, auto_kid=True),
    "ES256": ECKey.generate_key("P-256", auto_kid=True),
    "EdDSA": OKPKey.generate_key("Ed25519", auto_kid=True, parameters={"alg": "EdDSA"}),
    "Ed25519": OKPKey.generate_key("Ed25519", auto_kid=True, parameters={"alg": "Ed25519"}),
}
CEREMONY = Ceremony(
    provider="agence", redirect_uri=ASK.redirect_uri, nonce="n", verifier="v", binding=BINDING, begun_at=0.0
)
CLAIMS = {"iss": ISSUER, "sub": "agent-1", "aud": "cloison", "iat": NOW, "exp": NOW + 300, "nonce": "n", "amr": ["mfa"]}


def agreed(**changes: object) -> Provider:
    """A provider that can be."""
    settings = {"name": "agence", "issuer": ISSUER, "client_id": "cloison", "client_secret": "x", "amr": [["mfa"]]}
    return msgspec.convert(settings | changes, Provider)


def key_set(*keys: Key) -> bytes:
    """The document of a key set."""
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


def signed(alg: str = "RS256", **claims: object) -> str:
    """A token by the provider's key of that algorithm."""
    key = KEYS[alg]
    return encode({"alg": alg, "kid": key.kid}, CLAIMS | claims, key, algorithms=[alg])


def believed(token: str, provider: Provider | None = None) -> str:
    """The subject of a token; raises ProviderAnswerError."""
    provider = provider or agreed()
    key = choose(read_keys(provider, key_set(*KEYS.values())), header_of(provider, token))
    if key is None:
        raise ProviderAnswerError(provider="agence", reason=Fault.KEYS)
    return verify(provider, token, key, CEREMONY, NOW).subject


# -- who a provider is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Agence Dupont"},
        {"name": ""},
        {"name": "a/b"},
        {"issuer": "http://connexion.example.org"},
        {"issuer": "https://user@connexion.example.org"},
        {"issuer": ISSUER + "?a=b"},
        {"issuer": ISSUER + "#a"},
        {"issuer": ""},
        {"client_secret": ""},
        {"private_key": "{}"},
        {"scopes": ["email"]},
        {"algorithms": []},
        {"algorithms": ["RS256", "HS256"]},
        {"algorithms": ["none"]},
        {"amr": []},
        {"amr": [["pwd"]]},
        {"amr": [["mfa"], ["pwd", "pin"]]},
        {"amr": [["mfa"], ["pwd", "email"]]},
        {"amr": [["mfa"], []]},
    ],
    ids=str,
)
def test_provider_that_cannot_be_safe_is_refused(changes: dict[str, object]) -> None:
    """Settings that would let one factor, a shared secret or an unsafe address through never come to be."""
    with pytest.raises(ConfigError):
        agreed(**changes)


def test_levels_or_methods_suffice_as_an_agreement() -> None:
    """A provider that tells levels alone is as good as one that tells methods alone."""
    assert agreed(amr=[], acr_values=["eidas2"])
    assert agreed(acr_values=[], amr=[["pwd", "otp"]])


def test_secrets_of_a_provider_are_not_printed() -> None:
    """A log that prints a provider holds neither its secret nor its key."""
    assert "hidden" not in repr(agreed(client_secret="hidden"))
    assert "hidden" not in repr(agreed(client_secret="", private_key="hidden"))


@pytest.mark.parametrize("key", ["{}", "not json", '{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}'])
def test_private_key_that_is_none_is_refused_when_it_is_read(key: str) -> None:
    """A client is not made with what could not sign."""
    with pytest.raises(ConfigError):
        OidcClient(agreed(client_secret="", private_key=key))


def test_private_key_is_private_and_names_its_algorithm() -> None:
    """A public key, one without `alg`, one whose `alg` is another kind's: none is our signing key."""
    key = ECKey.generate_key("P-256").as_dict(private=True)
    public = {name: value for name, value in key.items() if name != "d"}
    for unfit in (key, public | {"alg": "ES256"}, key | {"alg": "RS256"}, key | {"alg": "ES384"}):
        assert private_key(json.dumps(unfit).encode()) is None
    assert private_key(json.dumps(key | {"alg": "ES256"}).encode()) is not None


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://connexion.example.org/auth", True),
        ("http://localhost:3000/auth", True),
        ("http://[::1]:3000/auth", True),
        ("http://localhost.example.org/auth", False),
        ("http://127.0.0.1.example.org/auth", False),
        ("ftp://localhost/", False),
        ("https:///auth", False),
        ("//connexion.example.org", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_addresses_that_others_can_read_are_told(url: str, *, safe: bool) -> None:
    """Https, or this machine itself; a name that only begins like it is another machine."""
    assert is_safe(url) is safe


# -- what is asked ------------------------------------------------------------------------------------------------


def test_endpoint_with_a_question_mark_gets_one_only() -> None:
    """What the provider put into its own address stays there."""
    metadata = Metadata(ISSUER, ISSUER + "/auth?realm=a", ISSUER + "/token", ISSUER + "/keys")
    ask = Ask(redirect_uri=ASK.redirect_uri, login=True, max_age_seconds=300)
    url = authorization_url(agreed(acr_values=["eidas2", "eidas3"]), metadata, ask, CEREMONY, "s")
    assert url.startswith(ISSUER + "/auth?realm=a&response_type=code&")
    assert url.endswith("&acr_values=eidas2+eidas3&prompt=login&max_age=300")


def test_description_is_looked_for_under_the_issuer() -> None:
    """A slash at the issuer's end makes no second one in the address, and still must be repeated to the letter."""
    provider = agreed(issuer=ISSUER + "/a/")
    assert discovery_url(provider) == ISSUER + "/a/.well-known/openid-configuration"
    endpoints = dict.fromkeys(("authorization_endpoint", "token_endpoint", "jwks_uri"), ISSUER + "/x")
    with pytest.raises(ProviderAnswerError):
        read_metadata(provider, json.dumps({"issuer": ISSUER + "/a"} | endpoints).encode())


# -- state --------------------------------------------------------------------------------------------------------


def test_no_changed_state_is_taken() -> None:
    """Each bit of a state changed by itself makes it nobody's."""
    ceremonies = Ceremonies()
    _, state = ceremonies.begin(agreed(), ASK, BINDING, 0.0)
    raw = base64.urlsafe_b64decode(state + "==")
    for position in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[position // 8] ^= 1 << position % 8
        callback = Callback(provider="agence", state=base64.urlsafe_b64encode(changed).decode().rstrip("="))
        with pytest.raises(StaleSigninError):
            ceremonies.take(callback, BINDING, 0.0)
    assert ceremonies.take(Callback(provider="agence", state=state), BINDING, 0.0).binding == BINDING


@given(st.text(max_size=400))
def test_no_invented_state_is_taken(state: str) -> None:
    """Whatever text comes back as a state is refused in the same words."""
    with pytest.raises(StaleSigninError):
        Ceremonies().take(Callback(provider="agence", state=state), BINDING, 0.0)


def test_state_in_another_writing_is_the_same_state() -> None:
    """Base64 has several writings of the same bytes: none of them has a state taken twice."""
    ceremonies = Ceremonies()
    _, state = ceremonies.begin(agreed(), ASK, BINDING, 0.0)
    ceremonies.take(Callback(provider="agence", state=state), BINDING, 0.0)
    for written in (state + "=", state + "==", state[:9] + "\n" + state[9:], state):
        with pytest.raises(StaleSigninError):
            ceremonies.take(Callback(provider="agence", state=written), BINDING, 0.0)


def test_taken_states_are_remembered_as_long_as_they_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more were taken than can be remembered newcomers wait: none is forgotten and taken again."""
    monkeypatch.setattr(oidc_state, "TAKEN_AT_MOST", 2)
    ceremonies = Ceremonies()
    states = [ceremonies.begin(agreed(), ASK, BINDING, 1.0)[1] for _ in range(3)]
    callbacks = [Callback(provider="agence", state=state) for state in states]
    for callback in callbacks[:2]:
        ceremonies.take(callback, BINDING, 1.0)
    with pytest.raises(OverloadedError):
        ceremonies.take(callbacks[2], BINDING, 1.0)
    for callback in callbacks[:2]:
        with pytest.raises(StaleSigninError):
            ceremonies.take(callback, BINDING, 1.0 + CEREMONY_SECONDS)
    later = Callback(provider="agence", state=ceremonies.begin(agreed(), ASK, BINDING, 700.0)[1])
    assert ceremonies.take(later, BINDING, 700.0)


# -- tokens -------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("alg", KEYS)
def test_token_of_each_algorithm_is_believed_where_it_was_agreed_on(alg: str) -> None:
    """And refused by a provider that is known to sign by another one, though its key is in the set."""
    assert believed(signed(alg)) == "agent-1"
    with pytest.raises(ProviderAnswerError):
        believed(signed(alg), agreed(algorithms=["ES384"]))


@given(st.integers(min_value=0), st.sampled_from("ABab01-_.=~\n\x00é"))
def test_no_changed_token_is_believed(position: int, character: str) -> None:
    """One character changed anywhere: refused; the last one's spare bits are another writing of the same."""
    token = TOKEN
    place = position % len(token)
    changed = token[:place] + character + token[place + 1 :]
    if changed == token or place == len(token) - 1:
        return
    with pytest.raises(ProviderAnswerError):
        believed(changed)


TOKEN = signed()


@given(
    st.text(max_size=200) | st.binary(max_size=100).map(lambda raw: base64.urlsafe_b64encode(raw).decode() + ".e30.x")
)
def test_no_invented_token_is_believed(token: str) -> None:
    """Whatever text comes as a token is refused by an error of ours."""
    with pytest.raises(ProviderAnswerError):
        believed(token)


def test_keys_that_cannot_be_read_are_passed_over() -> None:
    """One broken or strange key in the set does not cost the others."""
    strange: list[object] = [1, None, [], {}, {"kty": "RSA"}, {"kty": "EC", "crv": "P-256", "x": "A", "y": "B"}]
    strange += [{"kty": "AKP", "alg": "ML-DSA-65", "pub": "x"}, {"kty": "RSA", "n": "", "e": "AQAB"}, {"kty": ["RSA"]}]
    good = KEYS["ES256"].as_dict(private=False)
    (key,) = read_keys(agreed(), json.dumps({"keys": [*strange, good]}).encode())
    assert key.kid == KEYS["ES256"].kid


def test_private_keys_that_a_provider_publishes_sign_nothing_for_us() -> None:
    """A set that leaks its private halves is read like any other; what they are stays with the provider."""
    leaked = json.dumps({"keys": [KEYS["RS256"].as_dict(private=True)]}).encode()
    (key,) = read_keys(agreed(), leaked)
    assert verify(agreed(), TOKEN, key, CEREMONY, NOW).subject == "agent-1"


# -- two factors --------------------------------------------------------------------------------------------------


@given(st.sets(st.sampled_from([*METHODS, "mfa", "kba", "email", "ip", "user"])))
def test_two_factors_are_of_two_kinds(methods: set[str]) -> None:
    """Any number of methods of one kind is one factor, and what is no factor adds nothing."""
    kinds = {METHODS[method] for method in methods & set(METHODS)}
    assert shows_two_kinds(tuple(methods)) is ("mfa" in methods or len(kinds) >= 2)


@pytest.mark.parametrize(
    ("acr", "amr", "enough"),
    [
        ("eidas2", ("pwd", "otp"), True),
        ("eidas2", ("pwd", "otp", "geo"), True),
        ("eidas2", ("pwd",), False),
        ("eidas1", ("pwd", "otp"), False),
        (None, ("pwd", "otp"), False),
        ("eidas2", (), False),
        ("eidas2 eidas3", ("pwd", "otp"), False),
    ],
)
def test_where_level_and_methods_were_agreed_on_both_hold(
    acr: str | None, amr: tuple[str, ...], *, enough: bool
) -> None:
    """Neither makes up for the other."""
    assert proves(agreed(acr_values=["eidas2", "eidas3"], amr=[["pwd", "otp"], ["hwk", "pin"]]), acr, amr) is enough


@pytest.mark.parametrize("word", [*sorted(REFUSALS), "Dupont", ""])
def test_only_words_of_the_standards_are_passed_on(word: str) -> None:
    """A refusal says the standard's word, or `other`."""
    assert refusal(agreed(), word).fields["reason"] == (word if word in REFUSALS else "other")
