"""Whom clients trust, read once a process: the certificates of all authorities take longer than many an answer."""

import functools
import ssl

import httpx


@functools.cache
def authorities() -> ssl.SSLContext:
    """Those that httpx trusts by itself, nothing of the environment among them: for `verify` of any client."""
    return httpx.create_ssl_context(trust_env=False)
