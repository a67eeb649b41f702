"""Whom to trust where there is no TLS, at doors of this machine: nobody.

A client that is told nothing reads the certificates of all authorities, which takes longer than such a door to answer.
"""

import functools
import ssl


@functools.cache
def nobody() -> ssl.SSLContext:
    """No certificate is trusted; for `verify`."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
