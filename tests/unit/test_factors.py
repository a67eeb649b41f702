"""Passkeys at a door: what is taken, and each attack that is not."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from support.factors import (
    ALLOWED_MAKE,
    DEMO,
    ORIGIN,
    RP_ID,
    USER,
    authority,
    known,
    maker,
    registered,
    to_register,
    to_touch,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor, parse_cbor

from cloison.access.evidence import Flaw
from cloison.access.factors import (
    SENTENCES,
    FactorRefusal,
    KnownFactor,
    Rules,
    Touch,
    decode_user,
    encode_user,
    presented_by,
    registration_options,
    signin_options,
    verify_assertion,
    verify_registration,
)
from cloison.client.passkey import HONEST, Lies, PrivateKey, SoftwarePasskey
from cloison.errors import FactorRefusedError
from cloison.web.language import translate

Json = dict[str, Any]
SYNCED = Lies(backup_eligible=True, backed_up=True)
ELSEWHERE = "http://localhost:8440"  # the desk's origin: same host, another door


def refusal_of(act: Callable[[], object]) -> FactorRefusal:
    """Why it is refused."""
    with pytest.raises(FactorRefusedError) as raised:
        act()
    found = raised.value.fields["refusal"]
    assert isinstance(found, FactorRefusal)
    return found


def touched(passkey: SoftwarePasskey, factor: KnownFactor, rules: Rules = DEMO) -> Touch:
    """What the door takes of a sign-in."""
    challenge, options = to_touch(rules)
    return verify_assertion(rules, challenge, passkey.touch(options, rules.origin), factor)


def pair(lies: Lies = HONEST, rules: Rules = DEMO) -> tuple[SoftwarePasskey, KnownFactor]:
    """A passkey that told the truth when it was registered, and tells these lies from now on."""
    passkey = SoftwarePasskey()
    factor = known(registered(passkey, rules))
    passkey.lies = lies
    return passkey, factor


# -- what is taken ------------------------------------------------------------------------------------------------


def rsa_of(bits: int) -> PrivateKey:
    """An RSA key; of any length, for an attacker chooses it."""
    return rsa.generate_private_key(65_537, bits)


@pytest.mark.parametrize(
    "new_key",
    [lambda: ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate, lambda: rsa_of(2_048)],
    ids=["ES256", "EdDSA", "RS256"],
)
def test_passkey_registers_and_signs_in(new_key: Callable[[], PrivateKey]) -> None:
    """A passkey of each accepted kind is registered, then signs in twice, its count growing."""
    passkey = SoftwarePasskey(new_key=new_key)
    new = registered(passkey)
    assert (new.sign_count, new.backup_eligible, new.attested, new.transports) == (0, False, False, ("internal",))
    factor = known(new)
    first = touched(passkey, factor)
    assert first == Touch(1, backup_state=False)
    assert touched(passkey, msgspec.structs.replace(factor, sign_count=1)) == Touch(2, backup_state=False)


def test_options_leave_no_choice() -> None:
    """A browser is told that the passkey is discoverable and verifies its user, and which keys are taken."""
    options = registration_options(DEMO, bytes(32), USER, "demo.adviser", [b"old"])
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["requireResidentKey"] is True
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert [each["alg"] for each in options["pubKeyCredParams"]] == [-7, -8, -257]
    assert options["attestation"] == "none"
    assert options["excludeCredentials"] == [{"id": bytes_to_base64url(b"old"), "type": "public-key"}]
    listed = Rules(rp_id=RP_ID, origin=ORIGIN, aaguids=frozenset({ALLOWED_MAKE}), roots=(b"root",))
    assert registration_options(listed, bytes(32), USER, "demo.adviser")["attestation"] == "direct"


def test_whoever_signs_in_says_no_name() -> None:
    """At a shared counter the security key says who it is; a step-up asks for the keys of one account."""
    assert not signin_options(DEMO, bytes(32)).get("allowCredentials")
    options = signin_options(DEMO, bytes(32), {b"key": ["usb", "carrier pigeon"]})
    assert options["allowCredentials"] == [
        {"id": bytes_to_base64url(b"key"), "type": "public-key", "transports": ["usb"]}
    ]
    assert options["userVerification"] == "required"


@pytest.mark.parametrize("length", [0, 16, 64])
def test_challenge_of_another_length_is_no_challenge(length: int) -> None:
    """The library makes up a challenge where it gets none, which nobody could ever verify."""
    with pytest.raises(ValueError, match="32 bytes"):
        signin_options(DEMO, bytes(length))
    with pytest.raises(ValueError, match="32 bytes"):
        registration_options(DEMO, bytes(length), USER, "demo.adviser")


def test_user_handle_names_an_account() -> None:
    """It comes back as it was, and holds nothing but segment and number."""
    account = uuid4()
    assert decode_user(encode_user("2A", account)) == ("2A", account)


@pytest.mark.parametrize("handle", [b"", b"59", b"59|", b"59|x", USER + b"\n", b"|" + USER, USER.upper(), b"\xff" * 53])
def test_forged_user_handle_is_refused(handle: bytes) -> None:
    """Nothing is looked up by a handle that the door never gave."""
    assert refusal_of(lambda: decode_user(handle)) is FactorRefusal.USER


@pytest.mark.parametrize(
    ("rp_id", "origin"),
    [
        ("localhost", "http://localhost:8441/"),
        ("localhost", "http://127.0.0.1:8441"),
        ("example.org", "http://example.org"),
        ("example.org", "https://desk.example.org"),
        ("example.org", "https://example.org@evil.example.net"),
        ("", "https://"),
    ],
)
def test_rules_that_cannot_be_kept_are_refused(rp_id: str, origin: str) -> None:
    """A door does not start with an origin that its passkeys would not be bound to."""
    with pytest.raises(ValueError, match="origin"):
        Rules(rp_id=rp_id, origin=origin)


def test_list_of_makes_needs_roots() -> None:
    """Without roots the library checks no chain at all, so that anybody could claim a listed make."""
    with pytest.raises(ValueError, match="roots"):
        Rules(rp_id=RP_ID, origin=ORIGIN, aaguids=frozenset({ALLOWED_MAKE}))


# -- attacks on both ceremonies -----------------------------------------------------------------------------------

SHARED_ATTACKS = {
    "origin_confusion_with_the_desk": (Lies(origin=ELSEWHERE), FactorRefusal.ORIGIN),
    "origin_confusion_with_a_phishing_page": (Lies(origin="https://localhost.example.net"), FactorRefusal.ORIGIN),
    "origin_confusion_by_a_slash": (Lies(origin=ORIGIN + "/"), FactorRefusal.ORIGIN),
    "origin_confusion_by_case": (Lies(origin=ORIGIN.upper()), FactorRefusal.ORIGIN),
    "origin_confusion_by_type": (Lies(client_data={"origin": [ORIGIN]}), FactorRefusal.ORIGIN),
    "rp_id_confusion": (Lies(rp_id="example.org"), FactorRefusal.RP_ID),
    "shown_inside_another_page": (Lies(client_data={"crossOrigin": True}), FactorRefusal.CROSS_ORIGIN),
    "cross_origin_by_type": (Lies(client_data={"crossOrigin": "false"}), FactorRefusal.CROSS_ORIGIN),
    "inside_a_page_that_is_named": (Lies(client_data={"topOrigin": "https://example.net"}), FactorRefusal.CROSS_ORIGIN),
    "replayed_challenge": (Lies(challenge=b"an older challenge, 32 bytes ..."), FactorRefusal.CHALLENGE),
    "challenge_by_type": (Lies(client_data={"challenge": 7}), FactorRefusal.MALFORMED),
    "challenge_padded": (Lies(client_data={"challenge": "AAAA===="}), FactorRefusal.MALFORMED),
    "ceremony_of_a_payment": (Lies(ceremony="payment.get"), FactorRefusal.CEREMONY),
    "downgrade_of_user_verification": (Lies(verified=False), FactorRefusal.VERIFICATION),
    "touch_without_anybody": (Lies(present=False), FactorRefusal.PRESENCE),
    "backed_up_but_not_eligible": (Lies(backed_up=True), FactorRefusal.MALFORMED),
    "synced_passkey": (SYNCED, FactorRefusal.SYNCED),
}


@pytest.mark.parametrize("attack", SHARED_ATTACKS)
def test_registration_refuses(attack: str) -> None:
    """Each attack on a registration has its own refusal."""
    lies, refusal = SHARED_ATTACKS[attack]
    assert refusal_of(lambda: registered(SoftwarePasskey(lies=lies))) is refusal


@pytest.mark.parametrize("attack", SHARED_ATTACKS)
def test_touch_refuses(attack: str) -> None:
    """Each attack on a sign-in has its own refusal, though the passkey is the right one and signs it all."""
    lies, refusal = SHARED_ATTACKS[attack]
    passkey, factor = pair(lies)
    if lies is SYNCED:  # one that was taken while the agreement allowed it
        factor = msgspec.structs.replace(factor, backup_eligible=True)
    assert refusal_of(lambda: touched(passkey, factor)) is refusal


def test_registration_is_no_sign_in_and_the_other_way_round() -> None:
    """An answer to one ceremony does not do for the other, with the same challenge."""
    passkey, factor = pair(Lies(ceremony="webauthn.create"))
    assert refusal_of(lambda: touched(passkey, factor)) is FactorRefusal.CEREMONY
    assert refusal_of(lambda: registered(SoftwarePasskey(lies=Lies(ceremony="webauthn.get")))) is FactorRefusal.CEREMONY


def test_answer_from_the_desks_page_is_refused() -> None:
    """A captured desk can ask for a touch, but its pages have another origin, and the browser says so."""
    passkey, factor = pair()
    challenge, options = to_touch()
    credential = passkey.touch(options, ELSEWHERE)
    assert refusal_of(lambda: verify_assertion(DEMO, challenge, credential, factor)) is FactorRefusal.ORIGIN


# -- attacks on a touch -------------------------------------------------------------------------------------------


def test_replayed_answer_is_refused() -> None:
    """A recorded sign-in is worthless for the next challenge, and for the same one by its count."""
    passkey, factor = pair()
    challenge, options = to_touch()
    recorded = passkey.touch(options, ORIGIN)
    touch = verify_assertion(DEMO, challenge, recorded, factor)
    later = msgspec.structs.replace(factor, sign_count=touch.sign_count)
    next_challenge, _ = to_touch()
    assert refusal_of(lambda: verify_assertion(DEMO, next_challenge, recorded, later)) is FactorRefusal.CHALLENGE
    assert refusal_of(lambda: verify_assertion(DEMO, challenge, recorded, later)) is FactorRefusal.CLONED


@pytest.mark.parametrize(("stored", "said"), [(5, 5), (5, 4), (5, 0), (1, 1)])
def test_cloned_authenticator_is_refused(stored: int, said: int) -> None:
    """A count that does not grow means that two have the key, and the refusal says that and nothing else."""
    passkey, factor = pair(Lies(count=said))
    factor = msgspec.structs.replace(factor, sign_count=stored)
    assert refusal_of(lambda: touched(passkey, factor)) is FactorRefusal.CLONED


def test_passkey_that_never_counts_is_no_clone() -> None:
    """Many passkeys say 0 always; there is nothing to compare."""
    passkey, factor = pair(Lies(count=0))
    assert touched(passkey, factor) == Touch(0, backup_state=False)


def test_clone_alarm_takes_the_true_key() -> None:
    """Whoever knows only the credential's number cannot have an account frozen by an old count."""
    passkey, factor = pair(Lies(count=1))
    factor = msgspec.structs.replace(factor, sign_count=9)
    challenge, options = to_touch()
    credential = passkey.touch(options, ORIGIN)
    credential["response"]["signature"] = bytes_to_base64url(b"0" * 70)
    assert refusal_of(lambda: verify_assertion(DEMO, challenge, credential, factor)) is FactorRefusal.SIGNATURE


def test_key_of_somebody_else_is_refused() -> None:
    """An answer signed by another key under a stolen credential number is refused."""
    passkey, factor = pair()
    other, _ = pair()
    challenge, options = to_touch()
    credential = other.touch(options, ORIGIN)
    assert refusal_of(lambda: verify_assertion(DEMO, challenge, credential, factor)) is FactorRefusal.CREDENTIAL
    credential["id"] = credential["rawId"] = bytes_to_base64url(factor.credential)
    assert refusal_of(lambda: verify_assertion(DEMO, challenge, credential, factor)) is FactorRefusal.SIGNATURE
    assert touched(passkey, factor).sign_count == 1


def test_another_accounts_user_handle_is_refused() -> None:
    """The handle is not signed, so a passkey answers only for the account it was stored with."""
    passkey, factor = pair(Lies(user=encode_user("59", uuid4())))
    assert refusal_of(lambda: touched(passkey, factor)) is FactorRefusal.USER


@pytest.mark.parametrize("synced", [True, False])
def test_change_of_backup_eligibility_is_refused(synced: bool) -> None:  # noqa: FBT001 - a case
    """It cannot change, so that a key that says otherwise than before was taken out of its device."""
    rules = msgspec.structs.replace(DEMO, synced=True)
    passkey, factor = pair(Lies(backup_eligible=not synced), rules)
    factor = msgspec.structs.replace(factor, backup_eligible=synced)
    assert refusal_of(lambda: touched(passkey, factor, rules)) is FactorRefusal.ELIGIBILITY


def test_synced_passkey_is_taken_where_the_agreement_allows_it_and_while_it_does() -> None:
    """The state of its copies is told; once the agreement changes, the same passkey is refused."""
    rules = msgspec.structs.replace(DEMO, synced=True)
    passkey = SoftwarePasskey(lies=SYNCED)
    new = registered(passkey, rules)
    assert (new.backup_eligible, new.backed_up) == (True, True)
    assert touched(passkey, known(new), rules) == Touch(1, backup_state=True)
    assert refusal_of(lambda: touched(passkey, known(new))) is FactorRefusal.SYNCED


def test_software_passkey_is_refused_outside_of_a_demo_home() -> None:
    """Neither a registration nor a touch of one from a demo counts in a home where people's records are."""
    rules = msgspec.structs.replace(DEMO, software=False)
    assert refusal_of(lambda: registered(SoftwarePasskey(), rules)) is FactorRefusal.SOFTWARE
    passkey, factor = pair()
    assert refusal_of(lambda: touched(passkey, factor, rules)) is FactorRefusal.SOFTWARE


# -- attacks on a registration ------------------------------------------------------------------------------------

ROOT = authority()
LISTED = Rules(rp_id=RP_ID, origin=ORIGIN, aaguids=frozenset({ALLOWED_MAKE}), roots=(ROOT.pem,))
CLAIM = Lies(aaguid=ALLOWED_MAKE)


def test_listed_make_that_its_maker_attests_is_taken() -> None:
    """A certificate for this AAGUID under a trusted root proves the make."""
    passkey = SoftwarePasskey(lies=CLAIM, maker=maker(ROOT, ALLOWED_MAKE))
    new = registered(passkey, LISTED)
    assert (new.attested, new.aaguid) == (True, ALLOWED_MAKE)
    assert touched(passkey, known(new), LISTED).sign_count == 1


def test_certificate_without_a_root_proves_nothing() -> None:
    """Where no root is trusted the passkey may be taken, but its make is not said to be proved."""
    challenge, options = to_register()
    passkey = SoftwarePasskey(lies=CLAIM, maker=maker(ROOT, ALLOWED_MAKE))
    credential = passkey.register({**options, "attestation": "direct"}, ORIGIN)
    assert not verify_registration(DEMO, challenge, credential).attested


def test_make_taken_off_the_list_is_refused_at_the_next_touch() -> None:
    """A make that is found to be weak stops at once, for those who have it already."""
    passkey = SoftwarePasskey(lies=CLAIM, maker=maker(ROOT, ALLOWED_MAKE))
    factor = known(registered(passkey, LISTED))
    narrower = msgspec.structs.replace(LISTED, aaguids=frozenset({uuid4()}))
    assert refusal_of(lambda: touched(passkey, factor, narrower)) is FactorRefusal.MAKE


def test_downgrade_to_no_attestation_is_refused() -> None:
    """A client that answers with the format `none` proves nothing about the make it claims."""
    challenge, options = to_register(LISTED)
    credential = SoftwarePasskey(lies=CLAIM).register({**options, "attestation": "none"}, ORIGIN)
    assert refusal_of(lambda: verify_registration(LISTED, challenge, credential)) is FactorRefusal.ATTESTATION


def test_claimed_make_is_refused() -> None:
    """A program that signs its own claim to a listed AAGUID is not of that make."""
    assert refusal_of(lambda: registered(SoftwarePasskey(lies=CLAIM), LISTED)) is FactorRefusal.ATTESTATION


ATTESTERS = {
    "attested_by_a_root_of_ones_own": lambda: maker(authority(), ALLOWED_MAKE),
    "attested_for_another_make_of_the_maker": lambda: maker(ROOT, uuid4()),
    "attested_for_no_make": lambda: maker(ROOT, None),
    "attested_by_a_server_certificate": lambda: maker(ROOT, ALLOWED_MAKE, unit="Web Server"),
    "attested_by_an_authority": lambda: maker(ROOT, ALLOWED_MAKE, is_authority=True),
}


@pytest.mark.parametrize("attack", ATTESTERS)
def test_false_attestation_is_refused(attack: str) -> None:
    """Each way to claim a make with a certificate that does not prove it."""
    passkey = SoftwarePasskey(lies=CLAIM, maker=ATTESTERS[attack]())
    assert refusal_of(lambda: registered(passkey, LISTED)) is FactorRefusal.ATTESTATION


def test_true_make_that_is_not_listed_is_refused() -> None:
    """A make that is proved, but not among those allowed."""
    other = uuid4()
    passkey = SoftwarePasskey(lies=Lies(aaguid=other), maker=maker(ROOT, other))
    assert refusal_of(lambda: registered(passkey, LISTED)) is FactorRefusal.MAKE


@pytest.mark.parametrize(
    "new_key",
    [lambda: rsa_of(1_024), lambda: ec.generate_private_key(ec.SECP256K1())],
    ids=["short_rsa", "es256_on_another_curve"],
)
def test_weak_or_mislabelled_key_is_refused(new_key: Callable[[], PrivateKey]) -> None:
    """A key that says ES256 or RS256 and is weaker than that is not taken."""
    assert refusal_of(lambda: registered(SoftwarePasskey(new_key=new_key))) is FactorRefusal.ALGORITHM


def changed_attestation(credential: Json, change: Callable[[Json], None]) -> Json:
    """The registration with something else in its attestation object."""
    read: Json = parse_cbor(base64url_to_bytes(credential["response"]["attestationObject"]))
    change(read)
    credential["response"]["attestationObject"] = bytes_to_base64url(encode_cbor(read))
    return credential


@pytest.mark.parametrize("form", ["tpm", "fido-u2f", "android-safetynet", "apple", "invented", ""])
def test_other_attestation_formats_are_refused(form: str) -> None:
    """What no test of ours covers is not parsed."""
    challenge, options = to_register()
    credential = changed_attestation(SoftwarePasskey().register(options, ORIGIN), lambda read: read.update(fmt=form))
    assert refusal_of(lambda: verify_registration(DEMO, challenge, credential)) in {
        FactorRefusal.ATTESTATION,
        FactorRefusal.MALFORMED,
    }


def test_tampered_registration_is_refused() -> None:
    """With a signature by its own key, a registration whose key was exchanged on the way is refused."""
    challenge, options = to_register()
    options["attestation"] = "direct"
    credential = SoftwarePasskey().register(options, ORIGIN)
    other: Json = parse_cbor(
        base64url_to_bytes(SoftwarePasskey().register(options, ORIGIN)["response"]["attestationObject"])
    )

    def swap(read: Json) -> None:
        read["authData"] = read["authData"][:87] + other["authData"][87:]  # the key stands behind a 32-byte number

    swapped = changed_attestation(credential, swap)
    assert refusal_of(lambda: verify_registration(DEMO, challenge, swapped)) is FactorRefusal.ATTESTATION


def test_credential_number_is_the_signed_one() -> None:
    """The number beside the answer cannot name another credential than the number in it."""
    challenge, options = to_register()
    credential = SoftwarePasskey().register(options, ORIGIN)
    credential["id"] = credential["rawId"] = bytes_to_base64url(b"somebody else's number, 32 bytes")
    assert refusal_of(lambda: verify_registration(DEMO, challenge, credential)) is FactorRefusal.MALFORMED


# -- whatever is sent ---------------------------------------------------------------------------------------------

VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("AA"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=3,
)
PLACES = ["id", "rawId", "type", "response", "clientDataJSON", "authenticatorData", "signature", "userHandle"]


@settings(max_examples=60)
@given(place=st.sampled_from(PLACES), value=VALUE)
def test_touch_with_anything_in_it_is_refused_in_words(place: str, value: object) -> None:
    """Whatever stands in whichever place, the answer is one of our refusals, never another error and never a yes."""
    passkey, factor = pair()
    challenge, options = to_touch()
    credential = passkey.touch(options, ORIGIN)
    where = credential if place in credential else credential["response"]
    if where[place] == value or (place == "userHandle" and value is None):  # a security key may leave it out
        return
    where[place] = value
    assert refusal_of(lambda: verify_assertion(DEMO, challenge, credential, factor)) in set(FactorRefusal)


@settings(max_examples=60)
@given(place=st.sampled_from([*PLACES[:5], "attestationObject"]), value=VALUE)
def test_registration_with_anything_in_it_is_refused_in_words(place: str, value: object) -> None:
    """As for a touch."""
    challenge, options = to_register()
    credential = SoftwarePasskey().register(options, ORIGIN)
    where = credential if place in credential else credential["response"]
    where[place] = value
    assert refusal_of(lambda: verify_registration(DEMO, challenge, credential)) in set(FactorRefusal)


@pytest.mark.parametrize("credential", ["", "[]", "null", "{", "7", '"x"', '{"response": []}', "[" * 100_000])
def test_text_that_is_no_answer_is_refused(credential: str) -> None:
    """Neither ceremony falls over a body that is not what it should be."""
    assert refusal_of(lambda: presented_by(credential)) is FactorRefusal.MALFORMED
    assert refusal_of(lambda: verify_registration(DEMO, bytes(32), credential)) is FactorRefusal.MALFORMED


def test_client_data_that_say_two_things_are_refused() -> None:
    """Of two origins in one answer, readers would choose differently."""
    passkey, factor = pair()
    challenge, options = to_touch()
    credential = passkey.touch(options, ORIGIN)
    said = base64url_to_bytes(credential["response"]["clientDataJSON"]).decode()
    doubled = said.replace('{"type"', '{"origin":"https://example.net","type"')
    credential["response"]["clientDataJSON"] = bytes_to_base64url(doubled.encode())
    assert refusal_of(lambda: verify_assertion(DEMO, challenge, credential, factor)) is FactorRefusal.MALFORMED


# -- what people read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", FactorRefusal)
def test_every_refusal_has_its_sentence(refusal: FactorRefusal) -> None:
    """In English and in French, and none of them leaves the reader with a name of the code."""
    assert translate(SENTENCES[refusal], "fr") != SENTENCES[refusal]
    assert "_" not in SENTENCES[refusal]


def test_flaws_of_evidence_are_refusals_too() -> None:
    """What a stranger would find wrong with an answer, the door calls by the same name."""
    assert {flaw.value for flaw in Flaw} - {"act"} <= {refusal.value for refusal in FactorRefusal}


def test_refusal_holds_nothing_of_the_answer() -> None:
    """An origin that was sent, a handle, a number: none of it is in the error."""
    passkey, factor = pair(Lies(origin="https://dupont.example.net"))
    challenge, options = to_touch()
    credential = passkey.touch(options, ORIGIN)
    with pytest.raises(FactorRefusedError) as raised:
        verify_assertion(DEMO, challenge, credential, factor)
    assert "dupont" not in str(raised.value)
    assert "dupont" not in json.dumps(raised.value.fields)
