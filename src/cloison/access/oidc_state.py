"""What a sign-in at a provider carries from its beginning to its end, sealed into `state`. No I/O.

1. Who begins a sign-in and never ends it costs no memory: the ceremony travels sealed (AES-256-GCM) with a key of
   this process alone, so that nobody reads the verifier and nobody makes a state of their own.
2. It holds for ten minutes, for one provider, in the browser that can show `binding` again (the thumbprint of the key
   that signs its requests): a state that somebody else began and slipped in (login CSRF) is refused.
3. It is taken once. The mark is set before the code is exchanged, so that two callbacks at once cannot both go on.

One process is one door (docs/adr/0008-one-process-a-door.md). After a restart whoever was under way begins again.
`now` is the process's monotonic clock, which nobody sets back.
"""

import base64
import binascii
import hmac
import secrets

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloison.access.oidc import Ask, Callback, Ceremony, Provider
from cloison.errors import OverloadedError, StaleSigninError

CEREMONY_SECONDS = 600
NONCE_BYTES = 12
RANDOM_BYTES = 32
STATE_CHARACTERS = 2_048
TAKEN_AT_MOST = 100_000
LABEL = b"cloison-oidc-state-1"


class Ceremonies:
    """The sign-ins of one process: makes states, and takes each once."""

    def __init__(self) -> None:
        """With a key of its own that nobody else ever has."""
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._taken: dict[bytes, float] = {}  # nonce of the seal: until when; in the order of their taking

    def begin(self, provider: Provider, ask: Ask, binding: bytes, now: float) -> tuple[Ceremony, str]:
        """A new ceremony and its state."""
        ceremony = Ceremony(
            provider=provider.name,
            redirect_uri=ask.redirect_uri,
            nonce=secrets.token_urlsafe(RANDOM_BYTES),
            verifier=secrets.token_urlsafe(RANDOM_BYTES),
            binding=binding,
            begun_at=now,
            max_age_seconds=ask.max_age_seconds,
            carried=ask.carried,
        )
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, msgspec.msgpack.encode(ceremony), LABEL)
        return ceremony, base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def take(self, callback: Callback, binding: bytes, now: float) -> Ceremony:
        """The ceremony of a callback, never again; raises StaleSigninError and OverloadedError."""
        nonce, ceremony = self._opened(callback.state)
        ours = hmac.compare_digest(ceremony.binding, binding) and ceremony.provider == callback.provider
        in_time = now - ceremony.begun_at <= CEREMONY_SECONDS
        if not ours or not in_time or nonce in self._taken:
            raise StaleSigninError
        self._forget(now)
        if len(self._taken) >= TAKEN_AT_MOST:  # rather than forget one that could then come twice
            raise OverloadedError(retry_after_seconds=60)
        self._taken[nonce] = now + CEREMONY_SECONDS
        return ceremony

    def _opened(self, state: str) -> tuple[bytes, Ceremony]:
        if not state.isascii() or len(state) > STATE_CHARACTERS:
            raise StaleSigninError
        try:
            sealed = base64.urlsafe_b64decode(state + "=" * (-len(state) % 4))
            nonce = sealed[:NONCE_BYTES]
            opened = self._cipher.decrypt(nonce, sealed[NONCE_BYTES:], LABEL)
        except (binascii.Error, ValueError, InvalidTag):
            raise StaleSigninError from None
        return nonce, msgspec.msgpack.decode(opened, type=Ceremony)

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[first := next(iter(self._taken))] < now:
            del self._taken[first]
