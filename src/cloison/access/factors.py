"""Passkeys: what is asked of a browser, and which answers are taken. No I/O.

The rules for a registration and for a touch (a sign-in, a step-up, a signature), in order:
  1. the answer can be read, and is for this ceremony, this challenge, exactly this origin, not inside another page;
  2. the authenticator data are for our RP ID, with somebody present whom the passkey verified (PIN, finger, face): a
     touch without it is one factor, so that this flag is never optional;
  3. the key is ES256, EdDSA or RS256, of a strength we take; the attestation is `none` or `packed`;
  4. the signature is right; for a touch, by the key of the very account that the user handle names;
  5. a passkey that can be copied between devices (backup-eligible) is refused unless the agreement allows it, at each
     touch again; one that says otherwise than at its registration is refused whatever the agreement;
  6. where an agreement lists makes (AAGUIDs), registration takes a maker's attestation (`makes.py`): `none`, or its own
     word, proves nothing. At a touch the make that was proved is compared with the list as it is now;
  7. our software passkey is refused outside of a demo home. It says what it is; others need not, and without a list of
     makes nothing tells a program from a device;
  8. a count that does not grow, where it or the last one is not 0, is a clone's: a refusal of its own, looked at last,
     so that only the passkey's true key can raise the alarm.

Who stores the count must do so in one statement that compares (`where sign_count < new or new = 0`): two copies that
touch at the same instant both pass here.

py_webauthn verifies as a whole after our own checks, which give each refusal its name.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    options_to_json_dict,
    parse_attestation_object,
    parse_backup_flags,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AttestationFormat,
    AttestationObject,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from cloison.access.evidence import (
    ALGORITHMS,
    UNREADABLE,
    Assertion,
    Ceremony,
    Flaw,
    accepted_key,
    authenticator_flaws,
    client_data_flaws,
    read_assertion,
    read_authenticator_data,
    signature_flaws,
    strict_bytes,
)
from cloison.access.makes import make_proved
from cloison.errors import FactorRefusedError
from cloison.model import SOFTWARE_AAGUID

CHALLENGE_BYTES = 32
CEREMONY_SECONDS = 300
_MILLISECONDS = 1_000
_USER = re.compile(rb"([0-9A-Za-z_-]{1,16})\|([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_FORMATS = frozenset({AttestationFormat.NONE, AttestationFormat.PACKED})


class FactorRefusal(StrEnum):
    """Why a passkey is refused; those of `evidence.Flaw` that a touch can have are here by the same names."""

    MALFORMED = "malformed"
    CEREMONY = "ceremony"
    CHALLENGE = "challenge"
    ORIGIN = "origin"
    CROSS_ORIGIN = "cross_origin"
    RP_ID = "rp_id"
    PRESENCE = "presence"
    VERIFICATION = "verification"
    ALGORITHM = "algorithm"
    ATTESTATION = "attestation"
    CREDENTIAL = "credential"
    USER = "user"
    SIGNATURE = "signature"
    ELIGIBILITY = "eligibility"
    SYNCED = "synced"
    MAKE = "make"
    SOFTWARE = "software"
    CLONED = "cloned"


SENTENCES: Mapping[FactorRefusal, str] = {
    FactorRefusal.MALFORMED: "its answer cannot be read; begin again, with another browser if need be",
    FactorRefusal.CEREMONY: "it answered another question than the one asked; begin again",
    FactorRefusal.CHALLENGE: "its answer belongs to another attempt; begin again",
    FactorRefusal.ORIGIN: "it was used on a page with another address; open this address yourself and begin again",
    FactorRefusal.CROSS_ORIGIN: "it was used inside another page; open this address in a tab of its own",
    FactorRefusal.RP_ID: "it was made for another address",
    FactorRefusal.PRESENCE: "nobody touched it; begin again",
    FactorRefusal.VERIFICATION: "it did not check that it is you; set its PIN, fingerprint or face, and begin again",
    FactorRefusal.ALGORITHM: "its kind of key is not taken; use another one",
    FactorRefusal.ATTESTATION: "its make is not proved; use one that your organisation hands out",
    FactorRefusal.CREDENTIAL: "it is not the one that was asked for; use one of this account",
    FactorRefusal.USER: "it belongs to another account",
    FactorRefusal.SIGNATURE: "its signature is wrong; begin again",
    FactorRefusal.ELIGIBILITY: "it says otherwise than at its registration whether it can be copied; tell an officer",
    FactorRefusal.SYNCED: "it can be copied between devices, which is not allowed here; use a security key",
    FactorRefusal.MAKE: "its make is not allowed here; use one that your organisation hands out",
    FactorRefusal.SOFTWARE: "it is a software passkey, which demonstrations alone take",
    FactorRefusal.CLONED: "a copy of it may be in use; use another one and tell an officer at once",
}


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What one door takes from one organisation's accounts; `roots` are makers' certificates in PEM form."""

    rp_id: str
    origin: str
    name: str = "Cloison"
    synced: bool = False
    software: bool = False
    aaguids: frozenset[UUID] | None = None
    roots: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Refuse, by ValueError, rules that cannot be kept."""
        parts = urlsplit(self.origin)
        plain = f"{parts.scheme}://{parts.netloc}" == self.origin and "@" not in parts.netloc
        secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname == "localhost")
        if not plain or not secure or parts.hostname != self.rp_id:
            raise ValueError("the origin is https://HOST[:PORT], or http://localhost:PORT, and the RP ID its host")
        if self.aaguids is not None and not self.roots:
            raise ValueError("a list of makes needs the roots of their makers, or anybody could claim one")


class NewFactor(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey to be stored; `public_key` in COSE form; `attested`: its maker proved the AAGUID."""

    credential: bytes
    public_key: bytes
    sign_count: int
    aaguid: UUID
    backup_eligible: bool
    backed_up: bool
    transports: tuple[str, ...]
    attested: bool


class KnownFactor(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a passkey; `user` is its account's handle, from `encode_user`."""

    credential: bytes
    public_key: bytes
    sign_count: int
    aaguid: UUID
    backup_eligible: bool
    user: bytes


class Touch(msgspec.Struct, frozen=True):
    """A touch that was taken, and what is to be stored of it."""

    sign_count: int
    backup_state: bool


def encode_user(segment: str, account: UUID) -> bytes:
    """The user handle of an account: random but for the segment, so nothing about anybody."""
    return f"{segment}|{account}".encode()


def decode_user(handle: bytes) -> tuple[str, UUID]:
    """Segment and account of a user handle; raises FactorRefusedError for any other bytes."""
    found = _USER.fullmatch(handle)
    if found is None:
        raise refused(FactorRefusal.USER)
    return found[1].decode(), UUID(found[2].decode())


def refused(refusal: FactorRefusal | Flaw) -> FactorRefusedError:
    """The error that says so; its field `refusal` is the refusal's name."""
    named = FactorRefusal(refusal.value)
    return FactorRefusedError(reason=SENTENCES[named], refusal=named)


# -- what is asked of the browser ---------------------------------------------------------------------------------


def registration_options(
    rules: Rules, challenge: bytes, user: bytes, handle: str, known: Iterable[bytes] = ()
) -> dict[str, Any]:
    """What `navigator.credentials.create` takes, in JSON form; `known` are the account's passkeys already."""
    direct = rules.aaguids is not None
    made = generate_registration_options(
        rp_id=rules.rp_id,
        rp_name=rules.name,
        user_id=user,
        user_name=handle,
        challenge=_long_enough(challenge),
        timeout=CEREMONY_SECONDS * _MILLISECONDS,
        attestation=AttestationConveyancePreference.DIRECT if direct else AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in known],
        supported_pub_key_algs=list(ALGORITHMS),
    )
    return options_to_json_dict(made)


def signin_options(
    rules: Rules, challenge: bytes, known: Mapping[bytes, Sequence[str]] | None = None
) -> dict[str, Any]:
    """What `navigator.credentials.get` takes; `known`: one account's passkeys and transports, or whoever signs in.

    At a shared counter nobody types a name: the security key says who it is, so a change of user is a change of key.
    """
    allowed = [
        PublicKeyCredentialDescriptor(id=each, transports=_transports(ways)) for each, ways in (known or {}).items()
    ]
    made = generate_authentication_options(
        rp_id=rules.rp_id,
        challenge=_long_enough(challenge),
        timeout=CEREMONY_SECONDS * _MILLISECONDS,
        allow_credentials=allowed,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(made)


def _long_enough(challenge: bytes) -> bytes:
    if len(challenge) != CHALLENGE_BYTES:  # the library would make up its own in place of none
        raise ValueError(f"a challenge has {CHALLENGE_BYTES} bytes")
    return challenge


def _transports(ways: Sequence[str]) -> list[AuthenticatorTransport]:
    known = {each.value: each for each in AuthenticatorTransport}
    return [known[way] for way in ways if way in known]


# -- what the browser answers -------------------------------------------------------------------------------------


def verify_registration(rules: Rules, challenge: bytes, credential: Mapping[str, Any] | str) -> NewFactor:
    """The passkey that a registration brings; raises FactorRefusedError."""
    read, attestation = _read_registration(credential)
    data = attestation.auth_data
    _first(client_data_flaws(read.response.client_data_json, Ceremony.CREATE, challenge, (rules.origin,)))
    _first(authenticator_flaws(data, rules.rp_id))
    attested = data.attested_credential_data
    if attested is None or len(attested.aaguid) != len(SOFTWARE_AAGUID.bytes) or attested.credential_id != read.raw_id:
        raise refused(FactorRefusal.MALFORMED)
    try:
        accepted_key(attested.credential_public_key)
    except ValueError as error:
        raise refused(FactorRefusal.ALGORITHM) from error
    aaguid = UUID(bytes=bytes(attested.aaguid))
    proved = _attested(rules, challenge, read, attestation, aaguid)
    if rules.aaguids is not None and not proved:
        raise refused(FactorRefusal.ATTESTATION)
    _allowed(rules, aaguid, eligible=data.flags.be)
    return NewFactor(
        credential=attested.credential_id,
        public_key=attested.credential_public_key,
        sign_count=data.sign_count,
        aaguid=aaguid,
        backup_eligible=data.flags.be,
        backed_up=data.flags.bs,
        transports=tuple(each.value for each in read.response.transports or ()),
        attested=proved,
    )


def verify_assertion(rules: Rules, challenge: bytes, credential: Mapping[str, Any] | str, known: KnownFactor) -> Touch:
    """The touch that an answer to `challenge` proves of a passkey we know; raises FactorRefusedError."""
    presented = presented_by(credential)
    if presented.credential != known.credential:
        raise refused(FactorRefusal.CREDENTIAL)
    if presented.user not in {None, known.user}:
        raise refused(FactorRefusal.USER)
    _first(client_data_flaws(presented.client_data, Ceremony.GET, challenge, (rules.origin,)))
    try:
        data = read_authenticator_data(presented.authenticator_data)
    except ValueError as error:
        raise refused(FactorRefusal.MALFORMED) from error
    _first(authenticator_flaws(data, rules.rp_id))
    _first(signature_flaws(presented, known.public_key))
    _verify_whole(rules, challenge, credential, known)
    if data.flags.be != known.backup_eligible:
        raise refused(FactorRefusal.ELIGIBILITY)
    _allowed(rules, known.aaguid, eligible=data.flags.be)
    if (data.sign_count or known.sign_count) and data.sign_count <= known.sign_count:
        raise refused(FactorRefusal.CLONED)
    return Touch(data.sign_count, data.flags.bs)


def presented_by(credential: Mapping[str, Any] | str) -> Assertion:
    """What an answer says of itself, nothing of it verified: by it the passkey is looked up."""
    try:
        return read_assertion(credential)
    except ValueError as error:
        raise refused(FactorRefusal.MALFORMED) from error


def _verify_whole(rules: Rules, challenge: bytes, credential: Mapping[str, Any] | str, known: KnownFactor) -> None:
    try:
        verify_authentication_response(
            credential=credential if isinstance(credential, str) else dict(credential),
            expected_challenge=challenge,
            expected_rp_id=rules.rp_id,
            expected_origin=rules.origin,
            credential_public_key=known.public_key,
            credential_current_sign_count=0,  # rule 8 looks at it, last
            require_user_verification=True,
        )
    except UNREADABLE as error:
        raise refused(FactorRefusal.SIGNATURE) from error


def _read_registration(credential: Mapping[str, Any] | str) -> tuple[RegistrationCredential, AttestationObject]:
    try:
        read = parse_registration_credential_json(credential if isinstance(credential, str) else dict(credential))
        if strict_bytes(read.id) != read.raw_id:
            raise refused(FactorRefusal.MALFORMED)
        attestation = parse_attestation_object(read.response.attestation_object)
        parse_backup_flags(attestation.auth_data.flags)  # backed up without being able to: refused
    except UNREADABLE as error:
        raise refused(FactorRefusal.MALFORMED) from error
    return read, attestation


def _attested(
    rules: Rules, challenge: bytes, read: RegistrationCredential, attestation: AttestationObject, aaguid: UUID
) -> bool:
    """Rules 3, 4 and 6: whether the attestation, which must be right as far as it goes, proves the make."""
    if attestation.fmt not in _FORMATS:
        raise refused(FactorRefusal.ATTESTATION)
    try:
        verify_registration_response(
            credential=read,
            expected_challenge=challenge,
            expected_rp_id=rules.rp_id,
            expected_origin=rules.origin,
            require_user_verification=True,
            supported_pub_key_algs=list(ALGORITHMS),
            pem_root_certs_bytes_by_fmt={AttestationFormat.PACKED: list(rules.roots)},
        )
    except UNREADABLE as error:
        raise refused(FactorRefusal.ATTESTATION) from error
    return bool(rules.roots) and make_proved(attestation.fmt, attestation.att_stmt.x5c, aaguid)


def _allowed(rules: Rules, aaguid: UUID, *, eligible: bool) -> None:
    """Rules 5 to 7."""
    if eligible and not rules.synced:
        raise refused(FactorRefusal.SYNCED)
    if aaguid == SOFTWARE_AAGUID and not rules.software:
        raise refused(FactorRefusal.SOFTWARE)
    if rules.aaguids is not None and aaguid not in rules.aaguids:
        raise refused(FactorRefusal.MAKE)


def _first(flaws: Iterable[Flaw]) -> None:
    for flaw in flaws:
        raise refused(flaw)
