"""Messages to people, by the SMTP server of the settings. Nothing of a message or an address is logged or raised."""

from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import aiosmtplib

from cloison.access.codes import Message
from cloison.config import MailConfig
from cloison.errors import MailFailedError, NoMailError

SEND_SECONDS = 10.0
RETRY_SECONDS = 60


def require_mail(config: MailConfig) -> None:
    """Raise NoMailError where no server is set up."""
    if not config.host or not config.sender:
        raise NoMailError(channel="email")


async def send(config: MailConfig, address: str, message: Message, language: str) -> None:
    """Hand a message over to the server; raises NoMailError, and MailFailedError where it is not taken in time."""
    require_mail(config)
    try:
        made = _made(config, address, message, language)
        await aiosmtplib.send(
            made,
            hostname=config.host,
            port=config.port,
            start_tls=True if config.tls else None,  # None: where the server offers it
            timeout=SEND_SECONDS,
        )
    except (aiosmtplib.SMTPException, OSError, ValueError):
        # not chained: the text of the error holds the address
        raise MailFailedError(retry_after_seconds=RETRY_SECONDS) from None


def _made(config: MailConfig, address: str, message: Message, language: str) -> EmailMessage:
    made = EmailMessage()
    made["From"] = config.sender
    made["To"] = address
    made["Subject"] = message.subject
    made["Date"] = formatdate(localtime=False)
    made["Message-ID"] = make_msgid(domain=config.sender.rpartition("@")[2].strip(">") or "localhost")
    made["Auto-Submitted"] = "auto-generated"
    made["Content-Language"] = language
    made.set_content(message.text)
    return made
