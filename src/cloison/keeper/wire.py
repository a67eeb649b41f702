"""Frames and proofs: what both ends of a keeper's connection do alike."""

import hashlib
import hmac
from asyncio import StreamReader

import msgspec

from cloison.errors import TooLargeError
from cloison.keeper.messages import Caller

LENGTH_BYTES = 4


def frame(message: msgspec.Struct, limit_bytes: int) -> bytes:
    """`message` as it goes over the socket; raises TooLargeError where it is longer than `limit_bytes`."""
    body = msgspec.msgpack.encode(message)
    _check_size(len(body), limit_bytes)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


async def read_frame(reader: StreamReader, limit_bytes: int) -> bytes:
    """The next message's bytes; raises TooLargeError before reading one that is longer than `limit_bytes`.

    Raises asyncio.IncompleteReadError at the end of the stream.
    """
    size = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
    _check_size(size, limit_bytes)
    return await reader.readexactly(size)


def _check_size(size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        raise TooLargeError(limit=f"{limit_bytes} bytes")


def caller_proof(secret: str, caller: Caller, keeper_nonce: bytes, caller_nonce: bytes) -> bytes:
    """What a caller sends to show that it holds `secret`, which itself never travels."""
    return _proof(secret, f"caller {caller}", keeper_nonce + caller_nonce)


def keeper_proof(secret: str, caller: Caller, keeper_nonce: bytes, caller_nonce: bytes) -> bytes:
    """What the keeper answers; another word than the caller's, so that neither can be echoed as the other."""
    return _proof(secret, f"keeper {caller}", keeper_nonce + caller_nonce)


def _proof(secret: str, word: str, nonces: bytes) -> bytes:
    return hmac.digest(secret.encode(), b"cloison-greeting-1|" + word.encode() + b"|" + nonces, hashlib.sha256)
