"""A folder that an export is written into: files that only the recipient can read, and where it goes on.

Each page is a file of its own in the age format, encrypted in memory: nothing readable is ever on the disk. Page,
then state are written beside themselves, flushed and renamed, so that an export that was killed goes on where the last
whole page ended, and nobody is lost or there twice. At the end `SHA256SUMS` lists the files. The recipient reads all by

    for page in export/*.age; do age --decrypt --identity key.txt "$page"; done

one person a line, in JSON.
"""

import fcntl
import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

import msgspec
from pyrage import RecipientError, encrypt, x25519

from cloison.client.wire import Exported, ExportPage
from cloison.errors import ExportFolderError

STATE, SUMS = "export.json", "SHA256SUMS"


class State(msgspec.Struct, frozen=True):
    """How far an export is: the number of the segment and the person behind which it goes on; what was written."""

    grant: UUID
    recipient: str
    segment: int = 0
    after: UUID | None = None
    pages: int = 0
    people: int = 0
    unread: int = 0
    ended: str = ""  # `everybody` or `budget`, once it is whole


class ExportFolder:
    """The folder of one grant; one process at a time, as a context manager."""

    def __init__(self, path: Path, grant: UUID, recipient: str) -> None:
        """Write to `path`, made where it is not there, for this public key; raises ExportFolderError."""
        try:
            self._recipient = x25519.Recipient.from_str(recipient)
        except RecipientError:
            raise ExportFolderError(reason="the recipient's key is not a public key of age") from None
        self._path = path
        self._first = State(grant, recipient)
        self.state = self._first

    def __enter__(self) -> Self:
        """Take the folder; raises ExportFolderError where it is another export's, or in use."""
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = os.open(self._path, os.O_RDONLY)
        try:
            self._take()
        except BaseException:
            os.close(self._folder)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Let it go."""
        os.close(self._folder)

    def add(self, page: ExportPage) -> None:
        """Write a page, and that it is there."""
        pages = self.state.pages + bool(page.people)
        if page.people:
            self._replace(f"{pages:06}.age", encrypt(_lines(page.people), [self._recipient]))
        self._keep(
            msgspec.structs.replace(
                self.state,
                segment=self.state.segment + (page.next is None),
                after=page.next,
                pages=pages,
                people=self.state.people + len(page.people),
                unread=self.state.unread + page.unread,
            )
        )

    def end(self, why: str) -> str:
        """Write the sums of all files; their own SHA-256."""
        names = [f"{number:06}.age" for number in range(1, self.state.pages + 1)]
        sums = "".join(f"{hashlib.sha256((self._path / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
        self._replace(SUMS, sums.encode())
        self._keep(msgspec.structs.replace(self.state, ended=why))
        return hashlib.sha256(sums.encode()).hexdigest()

    def _take(self) -> None:
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ExportFolderError(reason="another process writes into it") from None
        try:
            self.state = msgspec.json.decode((self._path / STATE).read_bytes(), type=State)
        except FileNotFoundError:
            if any(self._path.glob("*.age")):
                raise ExportFolderError(reason="it has files of another export") from None
            self._keep(self._first)  # before any page, or one that was killed at the first would not be known again
        except msgspec.DecodeError:
            raise ExportFolderError(reason=f"its {STATE} cannot be read") from None
        if (self.state.grant, self.state.recipient) != (self._first.grant, self._first.recipient):
            raise ExportFolderError(reason="it is of another export, or for another recipient")

    def _keep(self, state: State) -> None:
        self._replace(STATE, msgspec.json.encode(state))
        self.state = state

    def _replace(self, name: str, content: bytes) -> None:
        """Write a file whole, or not at all."""
        beside = self._path / f"{name}.new"
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path / name)
        os.fsync(self._folder)


def _lines(people: list[Exported]) -> bytes:
    return b"".join(msgspec.json.encode(one) + b"\n" for one in people)
