"""Reading a ticket and checking that the meter made it, for this session, just now. No I/O.

1. The MAC is right, compared in constant time; only then is the text looked at.
2. The text has the one form that `release_v1` writes.
3. It was made for the caller who shows it.
4. It is seconds old.
5. Its session is known, has not expired, belongs to the ticket's account, and its token is shown.

Left out on purpose: whether the person may be opened at all. That is the meter's decision; the keeper bounds
what a forged or misled meter could give away.
"""

import hashlib
import hmac
import re
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hmac import HMAC

from cloison.errors import ForgedTicketError, NoSessionError, StaleTicketError
from cloison.keeper.messages import Caller, SessionCeilings, TicketUse

KINDS = {Caller.DESK: ("ticket", "export"), Caller.INTAKE: ("change",)}
CLOCK_SKEW_SECONDS = 5  # how far the database's clock may be ahead of ours

_UUID = "([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
_TICKET = re.compile(
    rf"cloison-(ticket|change|export)-1\|{_UUID}\|{_UUID}\|{_UUID}\|([0-9A-Za-z_-]{{1,16}})\|([0-9]{{1,5}})\|{_UUID}"
    r"\|([0-9]{1,18})\|([0-9]{1,9})\|([0-9]{1,10})\|([0-9]{1,15})"
    rf"(?:\|{_UUID})?"
)


class Ticket(NamedTuple):
    """What a ticket says; UUIDs stay text, as that is what is signed.

    `kind`: a `ticket` opens for the desk, a `change` for intake, which needs the whole record; an `export` for the desk
    too, on the budget of the export that it names.
    """

    kind: str
    request: str
    session: str
    account: str
    segment: str
    cohort: int
    person: str
    key_id: int
    compartments: int
    version: int
    at_milliseconds: int
    export: str | None = None

    def mark(self) -> bytes:
        """What makes two uses the same use: session, request and person."""
        return hashlib.sha256(f"{self.session}|{self.request}|{self.person}".encode()).digest()[:16]


def read_ticket(use: TicketUse, signing: HMAC) -> Ticket:
    """Steps 1 and 2, with the tickets' key ready in `signing`; raises ForgedTicketError."""
    signed = signing.copy()
    signed.update(use.ticket.encode())
    try:
        signed.verify(use.mac)
    except InvalidSignature as error:
        raise ForgedTicketError from error
    found = _TICKET.fullmatch(use.ticket)
    if found is None:
        raise ForgedTicketError
    kind, request, session, account, segment, cohort, person, *numbers, export = found.groups()
    key_id, compartments, version, at = map(int, numbers)
    if (kind == "export") is (export is None):
        raise ForgedTicketError
    whose = (kind, request, session, account, segment, int(cohort), person)
    return Ticket(*whose, key_id, compartments, version, at, export)


def check_caller(ticket: Ticket, caller: Caller) -> None:
    """Step 3; raises ForgedTicketError for a ticket that was made for another caller."""
    if ticket.kind not in KINDS.get(caller, ()):
        raise ForgedTicketError


def check_age(ticket: Ticket, now: float, ticket_seconds: int) -> None:
    """Step 4, `now` in seconds since 1970; raises StaleTicketError."""
    age_seconds = now - ticket.at_milliseconds / 1_000
    if not -CLOCK_SKEW_SECONDS <= age_seconds <= ticket_seconds:
        raise StaleTicketError


def check_session(ticket: Ticket, session: SessionCeilings | None, token: bytes, now: float) -> SessionCeilings:
    """Step 5: the session; raises NoSessionError if it is over, ForgedTicketError if it is another's."""
    if session is None or session.expires_at <= now:
        raise NoSessionError
    shown = hashlib.sha256(token).digest()
    if not hmac.compare_digest(shown, session.token_hash) or ticket.account != str(session.account):
        raise ForgedTicketError
    return session
