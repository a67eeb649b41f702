"""Whether PostgreSQL runs on a data folder, judged by what cannot lie: a living process whose folder it is.

`postmaster.pid` alone is not enough. After a power cut or `kill -9` it stays, and its number may by now be
any process's, most of all in a container, where numbers begin at 1 again. PostgreSQL would then not start.
"""

from pathlib import Path

import msgspec
import psutil

from cloison.errors import EmbeddedDatabaseError

PID_LINE, SOCKETS_LINE, STATE_LINE = 0, 4, 7


class Postmaster(msgspec.Struct, frozen=True):
    """What `postmaster.pid` says: the process, the folder of its socket, whether it takes connections."""

    pid: int
    sockets: str
    ready: bool


def parse_pid_file(text: str) -> Postmaster | None:
    """The content of `postmaster.pid`; None while it is half written."""
    lines = text.splitlines()
    if len(lines) <= SOCKETS_LINE or not lines[PID_LINE].strip().isdigit():
        return None
    ready = len(lines) > STATE_LINE and lines[STATE_LINE].strip() == "ready"
    return Postmaster(int(lines[PID_LINE]), lines[SOCKETS_LINE], ready)


def living(data: Path) -> Postmaster | None:
    """The PostgreSQL that runs on the folder `data`, or starts or stops there; None where there is none."""
    text = read_if_there(data / "postmaster.pid")
    said = parse_pid_file(text) if text else None
    return said if said and _works_in(said.pid, data) else None


def clear_stale_lock(lock: Path, data: Path) -> None:
    """Remove a lock file whose number now belongs to a process that is not `data`'s PostgreSQL.

    Where the number belongs to nobody the file stays: PostgreSQL itself then looks for survivors of a crash.
    """
    first = (read_if_there(lock) or "").partition("\n")[0].strip()
    if first.isdigit() and psutil.pid_exists(int(first)) and not _works_in(int(first), data):
        lock.unlink(missing_ok=True)


def read_if_there(path: Path) -> str | None:
    """The text of a small file of the database; None where there is none.

    Raises:
        EmbeddedDatabaseError: the database belongs to another user.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise EmbeddedDatabaseError(reason=f"{path.parent} belongs to another user; run this as that user") from error


def _works_in(pid: int, data: Path) -> bool:
    """Whether the process is alive and works in `data`, as PostgreSQL's processes do; a zombie does not."""
    try:
        return Path(psutil.Process(pid).cwd()) == data.resolve()
    except (psutil.Error, OSError):
        return False
