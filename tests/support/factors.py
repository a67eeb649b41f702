"""A passkey that is registered at a door, and the makers who attest some of them."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cloison.access.factors import (
    KnownFactor,
    NewFactor,
    Rules,
    encode_user,
    registration_options,
    signin_options,
    verify_registration,
)
from cloison.access.makes import AAGUID, OCTETS, UNIT
from cloison.client.passkey import Maker, SoftwarePasskey

ORIGIN, RP_ID = "http://localhost:8441", "localhost"
DEMO = Rules(rp_id=RP_ID, origin=ORIGIN, software=True)
USER = encode_user("59", UUID("7f1c62a0-0d5b-4c0e-9a51-3f1f6f0a7d11"))
ALLOWED_MAKE = UUID("0e0a7c5e-2b3f-4d51-8c6e-1a2b3c4d5e6f")


class Asked(NamedTuple):
    """A challenge and the options that carry it."""

    challenge: bytes
    options: dict[str, Any]


def to_register(rules: Rules = DEMO) -> Asked:
    """What the door asks of a new passkey."""
    challenge = secrets.token_bytes(32)
    return Asked(challenge, registration_options(rules, challenge, USER, "demo.adviser"))


def to_touch(rules: Rules = DEMO) -> Asked:
    """What the door asks of whoever signs in."""
    challenge = secrets.token_bytes(32)
    return Asked(challenge, signin_options(rules, challenge))


def registered(passkey: SoftwarePasskey, rules: Rules = DEMO) -> NewFactor:
    """What a door takes of a registration; raises FactorRefusedError."""
    challenge, options = to_register(rules)
    return verify_registration(rules, challenge, passkey.register(options, rules.origin))


def known(new: NewFactor) -> KnownFactor:
    """What the door has stored of it."""
    return KnownFactor(
        credential=new.credential,
        public_key=new.public_key,
        sign_count=new.sign_count,
        aaguid=new.aaguid,
        backup_eligible=new.backup_eligible,
        user=USER,
    )


class Authority(NamedTuple):
    """A maker's root: its certificate in PEM form, and what signs the certificates of its makes."""

    pem: bytes
    key: ec.EllipticCurvePrivateKey
    name: x509.Name


def authority() -> Authority:
    """A new root."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Maker of Keys (fictional)")])
    certificate = _certificate(name, key, name, key, authority=True).sign(key, hashes.SHA256())
    return Authority(certificate.public_bytes(serialization.Encoding.PEM), key, name)


def maker(root: Authority, aaguid: UUID | None, *, unit: str = UNIT, is_authority: bool = False) -> Maker:
    """Who attests keys of one make under a root; without an AAGUID the certificate names none."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)])
    made = _certificate(name, key, root.name, root.key, authority=is_authority)
    if aaguid is not None:
        extension = x509.UnrecognizedExtension(AAGUID, OCTETS + aaguid.bytes)
        made = made.add_extension(extension, critical=False)
    signed = made.sign(root.key, hashes.SHA256())
    return Maker([signed.public_bytes(serialization.Encoding.DER)], key)


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
