"""What a witness keeps on a disk of its own: every checkpoint that it has signed, only ever added to, a file a log.

A line is one checkpoint, `Kept` as JSON, with the log's signature and the witness's: two of them that do not fit
together convict whoever signed them. A line counts once it ends and is on the disk; what a kill cut off is no line, and
the next one begins anew behind it.
"""

import contextlib
import os
import re
from pathlib import Path

import msgspec

from cloison.audit.verify import Seen

CHECKPOINTS = "checkpoints"  # in the witness's folder
SEGMENT = re.compile(r"[A-Za-z0-9_-]{1,64}")  # a name that is a file's, and no way out of the folder
LAST_BYTES = 16_384  # of a file: more than its last two lines


class Kept(msgspec.Struct, frozen=True):
    """A checkpoint that was signed: its leaves, its root in hexadecimal, when in seconds since 1970, and the note."""

    size: int
    root: str
    at: int
    note: str

    @property
    def seen(self) -> Seen:
        """What it says of the log."""
        return Seen(self.size, bytes.fromhex(self.root))


class Record:
    """The files of one witness."""

    def __init__(self, folder: Path) -> None:
        """Read the last checkpoint of each log."""
        self._folder = folder / CHECKPOINTS
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.last = {path.name: kept for path in self._folder.iterdir() if (kept := _last(path))}

    def keep(self, segment: str, kept: Kept) -> None:
        """Write one and have it on the disk; raises ValueError for a name that is no segment's, OSError."""
        if not SEGMENT.fullmatch(segment):
            raise ValueError("no segment")
        path = self._folder / segment
        new = not path.exists()
        with path.open("a+b") as file:
            if not new and file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # else what was cut off would take this line with it
                    file.write(b"\n")
            file.write(msgspec.json.encode(kept) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if new:
            _settle(self._folder)
        self.last[segment] = kept


def kept_at(folder: Path, segment: str, size: int) -> Kept | None:
    """The checkpoint of so many leaves that the witness whose folder this is has signed; None: it has none."""
    path = folder / CHECKPOINTS / segment
    if not SEGMENT.fullmatch(segment) or not path.exists():
        return None
    with path.open("rb") as file:
        for line in file:
            with contextlib.suppress(msgspec.DecodeError):
                kept = msgspec.json.decode(line, type=Kept)
                if kept.size == size:
                    return kept
    return None


def seen_in(folder: Path) -> dict[str, Seen]:
    """What the witness whose folder this is has signed last, by segment; nothing where it has not been."""
    return {name: kept.seen for name, kept in Record(folder).last.items()} if (folder / CHECKPOINTS).is_dir() else {}


def _last(path: Path) -> Kept | None:
    """The last whole line of a log's file."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LAST_BYTES))
        lines = file.read().split(b"\n")[:-1]
    for line in reversed(lines):
        try:
            return msgspec.json.decode(line, type=Kept)
        except msgspec.DecodeError:
            continue
    return None


def _settle(folder: Path) -> None:
    """Have a new file's name on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
