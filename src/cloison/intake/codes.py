"""A code for somebody at the counter, so that whoever found them by two facts may open them like an appointment.

The steps:

1. `ask_code_v1` notes the code's keyed hash and charges the opening of the compartment that holds the address, for
   somebody whom the account found with both facts in the last half hour; it commits before anything is read;
2. `release_address_v1`, in a later transaction, returns the sealed row and a ticket for that compartment;
3. the keeper gives its key; the address is unsealed here, and goes no further than the message;
4. the message is handed over to the mail server;
5. `confirm_code_v1` compares the hash of what the person told, counts the tries, and writes the relation.

The agent never sees the address, and may have a role that could not: reception has no right to contact.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from cloison.access import mail
from cloison.access.codes import hash_of, message, new_code
from cloison.config import MailConfig
from cloison.errors import NoMailError
from cloison.intake.reading import patiently
from cloison.keeper.messages import Refusal, TicketUse
from cloison.model import Outcome
from cloison.register.layout import Layout
from cloison.register.resealing import Register, query
from cloison.register.sealing import Place, unseal
from cloison.store.metered import Bearer

ASK = "select * from cloison.ask_code_v1(%b::text, %b::bytea, %b::uuid, %b::uuid, %b::int4, %b::bytea)"
RELEASE = "select * from cloison.release_address_v1(%b::text, %b::bytea, %b::uuid)"
CONFIRM = "select * from cloison.confirm_code_v1(%b::text, %b::bytea, %b::uuid, %b::bytea)"
EMAIL = "email"


class Sent(NamedTuple):
    """What became of a code; `sent` is false where the record has no address."""

    outcome: Outcome
    sent: bool = False
    expires_at: datetime | None = None
    retry_after: int | None = None


class Confirmed(NamedTuple):
    """Until when the person can be opened, or why not."""

    outcome: Outcome
    until: datetime | None = None
    retry_after: int | None = None


class Codes:
    """Makes, sends and checks codes."""

    def __init__(self, register: Register, config: MailConfig, key: bytes) -> None:
        """Work on this register, with this mail server and the key of hashes."""
        self.register = register
        self.config = config
        self._key = key
        self._field = register.profile.address_field
        self._compartment = max(register.profile.address_bit.bit_length() - 1, 0)

    async def send(self, who: Bearer, person: UUID, channel: str, language: str) -> Sent:
        """Send a code to the person's address; steps 1 to 4.

        Raises NoMailError, MailFailedError, NoSessionError, OverloadedError, DatabaseUnavailableError,
        DatabaseRefusedError, KeeperUnavailableError, and what the keeper refuses the record for.
        """
        if channel != EMAIL or not self._field:
            raise NoMailError(channel=channel)
        mail.require_mail(self.config)
        code, digits = uuid4(), new_code()
        hashed = hash_of(self._key, who, person, digits)
        asked = (*who, code, person, 1 << self._compartment, hashed)
        ((outcome, retry_after, expires_at),) = await patiently(self.register, ASK, asked)  # 1
        if outcome != Outcome.OPEN:
            return Sent(Outcome(outcome), retry_after=retry_after)
        rows = await query(self.register, RELEASE, (*who, code))  # 2
        if not rows:  # charged, and then the session ended or the account was frozen
            return Sent(Outcome.STALE)
        address = await self.address(who, rows[0])  # 3
        if not address:
            return Sent(Outcome.OPEN)
        await mail.send(self.config, address, message(digits, language), language)  # 4
        return Sent(Outcome.OPEN, True, expires_at)

    async def confirm(self, who: Bearer, person: UUID, digits: str) -> Confirmed:
        """Step 5; raises as `send` does, but for the keeper's and the mail server's."""
        hashed = hash_of(self._key, who, person, digits)
        rows = await patiently(self.register, CONFIRM, (*who, person, hashed))
        outcome, retry_after, until = rows[0]
        return Confirmed(Outcome(outcome), until, retry_after)

    async def address(self, who: Bearer, row: tuple[object, ...]) -> str:
        """The address in a released row; empty where there is none."""
        person, sealed, ticket, mac = row
        assert isinstance(person, UUID) and isinstance(sealed, list)  # noqa: S101, PT018 - as the function's columns are
        assert isinstance(ticket, str) and isinstance(mac, bytes)  # noqa: S101, PT018
        (grant,) = await self.register.keeper.open([TicketUse(ticket, mac, who.token)])
        if isinstance(grant, Refusal):
            raise grant.error()
        place = Place(who.segment, person, grant.versions[0])
        text = unseal(grant.keys[0], sealed[self._compartment], place=place, compartment=self._compartment)
        return str(Layout(self.register.profile).fields_of(self._compartment, text).get(self._field, ""))
