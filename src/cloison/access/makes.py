"""Whether a new passkey's make is proved: by its maker's certificate, never by its own word. No I/O.

An authenticator says its AAGUID, the number of its make, itself. Without attestation, or with a signature by the
credential's own key, any program can say any number. So where an organisation allows certain makes only:
  1. the attestation is `packed`, with certificates (other formats wait until somebody has such devices);
  2. they lead to a root that the operator trusts (the library checks chain, times and signature, and checks *no* chain
     where it is given no root: `Rules` refuses a list of makes without roots);
  3. the signing certificate is an authenticator's, not an authority's or a server's under the same root;
  4. it is for this very AAGUID, so that a cheap key of a maker cannot pass for that maker's dear one.
"""

from typing import Any
from uuid import UUID

from cryptography import x509
from cryptography.x509.oid import NameOID

PACKED = "packed"
AAGUID = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")  # of the FIDO alliance
OCTETS = bytes([4, 16])  # the extension's value: an octet string of 16 bytes
UNIT = "Authenticator Attestation"


def make_proved(form: str, certificates: list[bytes] | None, aaguid: UUID) -> bool:
    """Rules 1, 3 and 4, for an attestation whose chain and signature are right."""
    if form != PACKED or not certificates:
        return False
    try:
        certificate = x509.load_der_x509_certificate(certificates[0])
        units = [each.value for each in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)]
        authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        made: Any = certificate.extensions.get_extension_for_oid(AAGUID).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return False
    return not authority and units == [UNIT] and made.value == OCTETS + aaguid.bytes
