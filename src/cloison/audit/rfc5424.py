"""Messages of syslog (RFC 5424), and their frames on a TLS connection (RFC 5425, section 4.3.1); no I/O.

A message is JSON in ASCII, so that it needs no byte order mark, which readers of JSON stumble over.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from cloison.audit.ocsf import Severity

LOG_AUDIT = 13  # the facility
NAME_CHARACTERS = 255
ORIGIN = '[origin software="cloison" swVersion="{version}"]'  # the one structured datum that is registered and fits
SEVERITIES = {Severity.INFORMATIONAL: 6, Severity.LOW: 5, Severity.MEDIUM: 4, Severity.HIGH: 3}


class Header(NamedTuple):
    """From where, from which version of Cloison, how severe, when. `host` is one of `name_of`."""

    host: str
    version: str
    severity: Severity
    at: datetime


def json_line(event: Mapping[str, object]) -> bytes:
    """An event on one line, without its end."""
    return json.dumps(event, separators=(",", ":")).encode("ascii")


def name_of(host: str) -> str:
    """A host's name as it may stand in a header; `-` where nothing of it may."""
    return "".join(c for c in host if "!" <= c <= "~")[:NAME_CHARACTERS] or "-"


def message(header: Header, kind: str, text: bytes) -> bytes:
    """A message: header, what kind of event it is, origin, text."""
    priority = LOG_AUDIT * 8 + SEVERITIES[header.severity]
    instant = header.at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    origin = ORIGIN.format(version=header.version)
    return f"<{priority}>1 {instant} {header.host} cloison - {kind} {origin} ".encode("ascii") + text


def frame(message: bytes) -> bytes:
    """A message with its length before it."""
    return b"%d %b" % (len(message), message)
