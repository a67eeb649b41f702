"""Where the audit log goes: to a receiver of syslog over TLS, or to a file; and when it is known to be there.

Syslog has no answers. What one is to be had is TLS's own: we end a connection by `close_notify`, and a receiver that
answers with its `close_notify` has read all that came before. Until then nothing counts as received: what lay in the
buffers of a receiver that died is sent again. An end that crosses ours is no answer to it and confirms nothing.
docs/siem.md tells what that asks of the receiver.
"""

import fcntl
import os
import socket
import ssl
import stat
import struct
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from cloison.audit import entry, ocsf, rfc5424
from cloison.config import ForwardConfig
from cloison.errors import ConfigError, ForwardError

CONNECT_SECONDS = 10.0
STALL_SECONDS = 30.0  # in which a receiver takes nothing, or does not end a connection
SETTLE_SECONDS = 0.5  # in which one that says nothing at the end may show that it died
FILE_MODE = 0o640  # whoever reads it for the SIEM is given the group
TAIL_BYTES = 65_536  # more than a line has
NO_LAST_WORD = (
    "ended the connection without TLS's close_notify, as one that dies does; if it always does so (rsyslog with gtls), "
    "have it use OpenSSL (ossl), or set forward.confirmed_by to close"
)
BEFORE_US = "ended the connection before we did: it died, or wants another certificate than forward.certificate"


class Outlet(Protocol):
    """Somewhere that events go to."""

    def written(self, fields: Mapping[str, entry.Value], line: bytes) -> bytes:
        """An event, whose JSON is `line`, as it is sent."""

    def send(self, data: bytes) -> None:
        """Send what was `written`; raises ForwardError."""

    def confirm(self) -> None:
        """Return when all that was sent is the receiver's; raises ForwardError where that is not known."""

    def close(self) -> None:
        """Let go: what was sent and not confirmed is to be sent again."""


class TlsOutlet:
    """A receiver of syslog over TLS. A connection begins with the first event and ends where it is confirmed."""

    def __init__(self, config: ForwardConfig, product: str) -> None:
        """Nothing is connected yet."""
        self._config, self._product = config, product
        self._host = rfc5424.name_of(socket.gethostname())
        self._socket: ssl.SSLSocket | None = None

    def written(self, fields: Mapping[str, entry.Value], line: bytes) -> bytes:
        """A frame with a message of RFC 5424."""
        header = rfc5424.Header(self._host, self._product, ocsf.severity_of(fields), ocsf.instant_of(fields))
        return rfc5424.frame(rfc5424.message(header, str(fields["event"]), line))

    def send(self, data: bytes) -> None:
        """Send, as slowly as the receiver takes it."""
        with self._diagnosed():
            if self._socket is None:
                self._socket = self._connected()
            left = memoryview(data)
            while left:
                left = left[self._socket.send(left) :]

    def confirm(self) -> None:
        """End the connection in order."""
        if self._socket is None:
            return
        with self._diagnosed():
            self._ended(self._socket)
        self.close()

    def close(self) -> None:
        """Drop the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ended(self, connection: ssl.SSLSocket) -> None:
        silent = self._config.confirmed_by == "close"
        if silent:
            self._see_it_is_there(connection)
        try:
            plain = connection.unwrap()
        except ssl.SSLEOFError:
            if not silent:
                raise ForwardError(reason=f"{self._place} {NO_LAST_WORD}") from None
            # It has read to our end, and closed: had anything been unread, its system would have reset the connection.
            self._see_it_was_an_answer(connection)
            return
        with plain:
            self._see_it_was_an_answer(plain)
            plain.shutdown(socket.SHUT_WR)
            plain.recv(1)  # its end; a reset, where it left something unread

    def _see_it_is_there(self, connection: ssl.SSLSocket) -> None:
        """One that says nothing at its end is given a moment to show that it has ended already."""
        connection.settimeout(SETTLE_SECONDS)
        with suppress(TimeoutError):  # it has nothing to say
            connection.recv(1)
            raise ForwardError(reason=f"{self._place} {BEFORE_US}")
        connection.settimeout(STALL_SECONDS)

    def _see_it_was_an_answer(self, connection: socket.socket) -> None:
        """A receiver may end a connection by itself: an end that crosses ours has not seen it, and tells nothing."""
        if unacknowledged(connection):
            raise ForwardError(reason=f"{self._place} {BEFORE_US}")

    def _connected(self) -> ssl.SSLSocket:
        config, context = self._config, self._context()
        raw = socket.create_connection((config.host, config.port), CONNECT_SECONDS)
        try:
            made = context.wrap_socket(raw, server_hostname=config.server_name or config.host)
        except BaseException:
            raw.close()
            raise
        made.settimeout(STALL_SECONDS)
        return made

    def _context(self) -> ssl.SSLContext:
        """Made for each connection, so that renewed certificates are taken up."""
        config = self._config
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it verifies certificate and name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with _named("ca", config.ca):
            context.load_verify_locations(config.ca)
        if config.certificate:
            key = config.key or config.certificate
            with _named("certificate or key", f"{config.certificate}, {key}"):
                if Path(key).stat().st_mode & 0o077:
                    raise ConfigError(reason=f"others may read forward.key, {key}; run chmod 600 on it")
                context.load_cert_chain(config.certificate, key, password="")  # or it would ask at the terminal
        return context

    @property
    def _place(self) -> str:
        return f"{self._config.host} port {self._config.port}"

    @contextmanager
    def _diagnosed(self) -> Iterator[None]:
        """Whatever fails inside ends the connection, and is told."""
        try:
            yield
        except BaseException as error:
            self.close()
            if not isinstance(error, OSError):
                raise
            raise ForwardError(reason=self._told(error)) from None

    def _told(self, error: OSError) -> str:
        match error:
            case ssl.SSLCertVerificationError():
                return (
                    f"the certificate of {self._place} is not believed ({error.verify_message.rstrip('.')}); set "
                    "forward.ca to whoever issued it, forward.server_name to the name in it, if it is the right one"
                )
            case ssl.SSLEOFError() | ConnectionResetError() | BrokenPipeError():
                return f"{self._place} {BEFORE_US}"
            case ssl.SSLError():
                return f"TLS with {self._place} failed ({(error.reason or 'unknown').lower()})"
            case TimeoutError():
                return f"{self._place} does not answer, or takes nothing"
        return f"{self._place}: {error.strerror or type(error).__name__}"


class FileOutlet:
    """A file of JSON lines. It is opened anew after each confirmation, so that it may be renamed meanwhile."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet."""
        self._path = path
        self._file: BinaryIO | None = None

    def written(self, fields: Mapping[str, entry.Value], line: bytes) -> bytes:  # noqa: ARG002 - as every outlet's
        """A line."""
        return line + b"\n"

    def send(self, data: bytes) -> None:
        """Write."""
        with self._diagnosed():
            if self._file is None:
                self._file = self._opened()
            self._file.write(data)

    def confirm(self) -> None:
        """Have it on the disk."""
        if self._file is None:
            return
        with self._diagnosed():
            self._file.flush()
            os.fsync(self._file.fileno())
        self.close()

    def close(self) -> None:
        """Close the file; a line that was begun is taken out when it is opened again."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _opened(self) -> BinaryIO:
        new = not self._path.exists()
        if not new and not stat.S_ISREG(self._path.stat().st_mode):
            raise ConfigError(reason=f"forward.file, {self._path}, is no ordinary file; name another one")
        file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, FILE_MODE), "r+b")
        if new:
            _have_name_on_disk(self._path)
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - TAIL_BYTES))
        tail = file.read()
        torn = len(tail) - (tail.rfind(b"\n") + 1)
        if torn:  # by a kill, or a disk that was full
            file.truncate(end - torn)
        file.seek(0, os.SEEK_END)
        return file

    @contextmanager
    def _diagnosed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with suppress(OSError):  # its rest cannot be written either
                self.close()
            raise ForwardError(reason=f"{self._path}: {error.strerror}") from None


def outlet_of(config: ForwardConfig, product: str) -> Outlet:
    """Where the settings say; raises ConfigError where they do not."""
    if bool(config.host) == bool(config.file):
        raise ConfigError(reason="set either forward.host or forward.file in cloison.toml, to say where the log goes")
    if config.file:
        return FileOutlet(Path(config.file))
    if not config.ca:
        raise ConfigError(reason=f"set forward.ca to the certificate of whoever issued that of {config.host}")
    return TlsOutlet(config, product)


@contextmanager
def _named(setting: str, path: str) -> Iterator[None]:
    """Errors of a file of the settings, by the setting."""
    try:
        yield
    except ssl.SSLError:
        raise ConfigError(
            reason=f"forward.{setting}, {path}, cannot be used; give PEM files that belong together"
        ) from None
    except OSError as error:
        raise ConfigError(reason=f"forward.{setting}, {path}: {error.strerror}") from None


def unacknowledged(connection: socket.socket) -> int:
    """How many octets that we sent the other system has not taken; 0 where ours does not tell (it does on Linux)."""
    if sys.platform != "linux":
        return 0
    waiting = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(struct.calcsize("i")))
    return int(struct.unpack("i", waiting)[0])


def _have_name_on_disk(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
