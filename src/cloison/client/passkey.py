"""A passkey made of software, and the browser around it: for demo homes, tests and replays, never for real accounts.

    passkey = SoftwarePasskey(Path("adviser.passkey"))
    credential = passkey.register(options, "http://localhost:8441")
    credential = passkey.touch(options, "http://localhost:8441")

What a browser checks, it checks too: the RP ID is the origin's host or a domain above it, an excluded passkey does not
register again, only a passkey of the RP ID answers. An attack in a test begins with `Lies`: what the authenticator, or
the page it is used from, says instead of the truth.

With a file, its keys survive the process: mode 0600, written anew beside itself, under a lock, before each answer. So a
counter never goes back, and two processes that use one file are no clones.
"""

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor

from cloison.errors import PasskeyError
from cloison.model import SOFTWARE_AAGUID

Json = dict[str, Any]
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
ES256, EDDSA, RS256 = -7, -8, -257
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 1, 4, 8, 16, 64  # flags of the authenticator data
OTHERS = 0o077  # a file's rights that are not its owner's


class Lies(msgspec.Struct, frozen=True, kw_only=True):
    """What is said instead of the truth; the defaults are the truth."""

    origin: str | None = None
    rp_id: str | None = None
    challenge: bytes | None = None
    ceremony: str | None = None
    client_data: Json = {}  # more, or other, members of the client data
    present: bool = True
    verified: bool = True
    backup_eligible: bool = False
    backed_up: bool = False
    count: int | None = None
    aaguid: UUID = SOFTWARE_AAGUID
    user: bytes | None = None

    @property
    def flags(self) -> int:
        """The flags of the authenticator data, but that there is a new credential in it."""
        said = (self.present, self.verified, self.backup_eligible, self.backed_up)
        names = (PRESENT, VERIFIED, ELIGIBLE, BACKED_UP)
        return sum(flag for flag, holds in zip(names, said, strict=True) if holds)


HONEST = Lies()


class Credential(msgspec.Struct):
    """One key for one RP ID and user; `count` is how often it signed."""

    credential: bytes
    rp_id: str
    user: bytes
    key: bytes  # PKCS #8, not enciphered: the file's mode is what protects it
    count: int = 0


class Maker(msgspec.Struct, frozen=True):
    """Who attests that the passkey is of its make: certificates, the signing one first, and that one's key."""

    certificates: list[bytes]
    key: ec.EllipticCurvePrivateKey


def es256() -> PrivateKey:
    """A new key on the curve P-256."""
    return ec.generate_private_key(ec.SECP256R1())


class SoftwarePasskey:
    """An authenticator with any number of credentials, in memory or in a file; `lies` may be changed at any time."""

    def __init__(
        self,
        path: Path | None = None,
        lies: Lies = HONEST,
        *,
        new_key: Callable[[], PrivateKey] = es256,
        maker: Maker | None = None,
    ) -> None:
        """Use the file at `path`, which may not be there yet; `new_key` makes the keys of new credentials."""
        self.lies = lies
        self._path = path
        self._new_key = new_key
        self._maker = maker
        self._held: list[Credential] = []

    @property
    def credentials(self) -> list[bytes]:
        """The identifiers of all credentials, the oldest first."""
        with self._opened(write=False) as held:
            return [each.credential for each in held]

    def register(self, options: Mapping[str, Any] | str, origin: str) -> Json:
        """Make a credential, as `navigator.credentials.create` does; raises PasskeyError."""
        asked = _read(options)
        rp_id = self._rp_id(str(asked["rp"]["id"]), origin)
        excluded = _identifiers(asked.get("excludeCredentials"))
        key = self._new_key()
        with self._opened(write=True) as held:
            if any(each.credential in excluded for each in held):
                raise PasskeyError(reason="it is registered already")
            made = Credential(secrets.token_bytes(32), rp_id, base64url_to_bytes(asked["user"]["id"]), _stored(key))
            held.append(made)
        client_data = self._client_data("webauthn.create", asked, origin)
        head = len(made.credential).to_bytes(2) + made.credential
        attested = self.lies.aaguid.bytes + head + encode_cbor(cose_key(key))
        data = self._authenticator_data(made, ATTESTED) + attested
        statement = self._attestation(str(asked.get("attestation", "none")), key, data, client_data)
        return _credential(
            made.credential,
            clientDataJSON=bytes_to_base64url(client_data),
            attestationObject=bytes_to_base64url(encode_cbor({**statement, "authData": data})),
            transports=["internal"],
        )

    def touch(self, options: Mapping[str, Any] | str, origin: str) -> Json:
        """Sign the challenge, as `navigator.credentials.get` does, with the newest that fits; raises PasskeyError."""
        asked = _read(options)
        rp_id = self._rp_id(str(asked["rpId"]), origin)
        allowed = _identifiers(asked.get("allowCredentials"))
        with self._opened(write=True) as held:
            fitting = [each for each in held if each.rp_id == rp_id and (not allowed or each.credential in allowed)]
            if not fitting:
                raise PasskeyError(reason="it has no key for this address and account")
            used = fitting[-1]
            used.count += 1
        client_data = self._client_data("webauthn.get", asked, origin)
        data = self._authenticator_data(used, 0)
        signature = _signed(_loaded(used.key), data + hashlib.sha256(client_data).digest())
        return _credential(
            used.credential,
            clientDataJSON=bytes_to_base64url(client_data),
            authenticatorData=bytes_to_base64url(data),
            signature=bytes_to_base64url(signature),
            userHandle=bytes_to_base64url(used.user if self.lies.user is None else self.lies.user),
        )

    def _rp_id(self, asked: str, origin: str) -> str:
        """The RP ID, if a browser would use it from a page of this origin."""
        host = urlsplit(origin).hostname or ""
        if self.lies.origin is None and self.lies.rp_id is None and host != asked and not host.endswith(f".{asked}"):
            raise PasskeyError(reason="the address of the page is not the one it is asked for")
        return asked

    def _client_data(self, ceremony: str, asked: Json, origin: str) -> bytes:
        challenge = base64url_to_bytes(asked["challenge"]) if self.lies.challenge is None else self.lies.challenge
        said: Json = {
            "type": self.lies.ceremony or ceremony,
            "challenge": bytes_to_base64url(challenge),
            "origin": self.lies.origin or origin,
            "crossOrigin": False,
        }
        return json.dumps(said | self.lies.client_data, separators=(",", ":")).encode()

    def _authenticator_data(self, credential: Credential, flags: int) -> bytes:
        rp_id = hashlib.sha256((self.lies.rp_id or credential.rp_id).encode()).digest()
        count = credential.count if self.lies.count is None else self.lies.count
        return rp_id + bytes([self.lies.flags | flags]) + count.to_bytes(4)

    def _attestation(self, conveyance: str, key: PrivateKey, data: bytes, client_data: bytes) -> Json:
        """None where nobody asks; else the maker's, or the credential's own signature, which proves no make."""
        if conveyance == "none":
            return {"fmt": "none", "attStmt": {}}
        signed = data + hashlib.sha256(client_data).digest()
        if self._maker is None:
            return {"fmt": "packed", "attStmt": {"alg": cose_key(key)[3], "sig": _signed(key, signed)}}
        statement = {"alg": ES256, "sig": _signed(self._maker.key, signed), "x5c": self._maker.certificates}
        return {"fmt": "packed", "attStmt": statement}

    @contextmanager
    def _opened(self, *, write: bool) -> Iterator[list[Credential]]:
        """The credentials; what is changed in the block is kept when it ends well."""
        if self._path is None:
            yield self._held
            return
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # of the folder: the file itself is replaced
            held = _from_file(self._path)
            yield held
            if write:
                _to_file(self._path, held)
        finally:
            os.close(folder)


def cose_key(key: PrivateKey) -> dict[int, object]:
    """The public key in COSE's form, as an authenticator hands it over."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {1: 1, 3: EDDSA, -1: 6, -2: raw}
    if isinstance(key, rsa.RSAPrivateKey):
        public = key.public_key().public_numbers()
        return {1: 3, 3: RS256, -1: public.n.to_bytes((public.n.bit_length() + 7) // 8), -2: public.e.to_bytes(3)}
    point = key.public_key().public_numbers()
    return {1: 2, 3: ES256, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}


def _signed(key: PrivateKey, data: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def _stored(key: PrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())


def _loaded(stored: bytes) -> PrivateKey:
    key = serialization.load_der_private_key(stored, None)
    assert isinstance(key, PrivateKey)  # noqa: S101 - `_stored` wrote it
    return key


def _read(options: Mapping[str, Any] | str) -> Json:
    read: Json = json.loads(options) if isinstance(options, str) else dict(options)
    return read


def _identifiers(listed: list[Json] | None) -> set[bytes]:
    return {base64url_to_bytes(each["id"]) for each in listed or []}


def _credential(identifier: bytes, **response: object) -> Json:
    """A PublicKeyCredential in WebAuthn's JSON form."""
    name = bytes_to_base64url(identifier)
    return {
        "id": name,
        "rawId": name,
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
        "response": response,
    }


def _from_file(path: Path) -> list[Credential]:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return []
    with os.fdopen(file, "rb") as opened:
        if os.fstat(opened.fileno()).st_mode & OTHERS:
            raise PasskeyError(reason="others may read its file; `chmod 600` it, and make a new one if they did")
        return msgspec.json.decode(opened.read(), type=list[Credential])


def _to_file(path: Path, held: list[Credential]) -> None:
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(held))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
