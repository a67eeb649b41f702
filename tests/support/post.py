"""A mail server for one test: a real one, which keeps what it is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from cloison.config import MailConfig


class Post:
    """What arrived: the addresses, and the messages."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.envelopes: list[tuple[list[str], EmailMessage]] = []
        self.refuses = False

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a message, or refuse it."""
        if self.refuses:
            return "451 later"
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, EmailMessage, policy=default)
        self.envelopes.append((list(envelope.rcpt_tos), message))
        return "250 OK"

    @property
    def text(self) -> str:
        """The text of the message that arrived last; empty before one did, as aiosmtpd looks at every attribute."""
        if not self.envelopes:
            return ""
        payload = self.envelopes[-1][1].get_payload(decode=True)
        assert isinstance(payload, bytes)
        return payload.decode()


@contextmanager
def delivering(config: MailConfig) -> Iterator[Post]:
    """A mail server where the settings say that there is one."""
    post = Post()
    controller = Controller(post, hostname=config.host, port=config.port)
    controller.start()
    try:
        yield post
    finally:
        controller.stop()
