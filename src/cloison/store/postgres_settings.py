"""What the embedded PostgreSQL is told, who may come in, how its folder is made, and what its output means.

The settings and their reasons are in `postgresql.conf` beside this module; only those that depend on the machine's
memory are worked out here.

The locale is `C` in UTF-8, in every version: order is that of bytes, so indexes never break when the
system's locales change, and 15, 16 and 18 answer alike. The builtin `C.UTF-8` of 17 and later has the same
order and folds the case of letters; nothing asks for that, as names are sealed and search terms are hashes.
"""

from importlib import resources
from pathlib import Path

ACCESS = """\
# Every login, with its own password, through the socket. Replication and TCP have no line: refused.
# TYPE  DATABASE  USER  METHOD
local   all       all   scram-sha-256
"""

LOCAL = """\
# Your own settings of memory and speed, such as: shared_buffers = 4GB
# They take effect when the database is started again. Those of safety cannot be changed here.
"""

MEGABYTE = 2**20
SHARED_LEAST, SHARED_MOST = 128, 8_192  # in megabytes
SHARED_PART, CACHE_PART = 16, 4  # of the memory: doors and keeper need theirs, and several homes may share a machine
ALTER_SYSTEM_MAJOR = 17  # the first version that can forbid ALTER SYSTEM


def initdb_arguments(data: Path, password_file: Path) -> list[str]:
    """Arguments of initdb: scram for all, UTF-8, locale C, page checksums, the superuser's password."""
    return [
        f"--pgdata={data}",
        "--username=postgres",
        f"--pwfile={password_file}",
        "--auth-local=scram-sha-256",
        "--auth-host=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--data-checksums",
        "--no-instructions",
    ]


def settings_text(major: int, sockets: Path, memory_bytes: int) -> str:
    """The whole `postgresql.conf` for one major version, its socket in the folder `sockets`."""
    fixed = resources.files("cloison.store").joinpath("postgresql.conf").read_text(encoding="utf-8")
    memory = memory_bytes // MEGABYTE
    of_memory = [  # first, so that the operator's local.conf, which `fixed` includes, can say otherwise
        # an import touches a page of each index for each person: those that do not fit here cost it half its speed
        f"shared_buffers = {min(max(memory // SHARED_PART, SHARED_LEAST), SHARED_MOST)}MB",
        f"effective_cache_size = {max(memory // CACHE_PART, SHARED_LEAST)}MB  # steers plans only",
    ]
    lines = [f"unix_socket_directories = {quoted(list_item(str(sockets)))}"]
    if major >= ALTER_SYSTEM_MAJOR:
        lines.append("allow_alter_system = off  # before 17 each start undoes what ALTER SYSTEM wrote")
    return "\n".join([*of_memory, fixed, *lines, ""])


def list_item(text: str) -> str:
    """`text` as one item of a setting that is a list: quoted, so that commas and spaces are its own."""
    return '"' + text.replace('"', '""') + '"'


def quoted(text: str) -> str:
    """`text` as a string of `postgresql.conf`."""
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
    return f"'{escaped}'"


def explain(output: str) -> str:
    """What to do about a failed initdb or start, from what it printed (file names and settings only)."""
    for phrase, advice in ADVICE.items():
        if phrase in output:
            return advice
    told = [line for line in output.splitlines() if "FATAL" in line or "error:" in line or "PANIC" in line]
    return told[-1].strip() if told else "it did not start; the end of log/postgresql.log says why"


SURVIVORS = "processes of a killed PostgreSQL still use this home; end them and run the command again"
LITTLE_MEMORY = "the system has too little memory; lower shared_buffers in database/local.conf"

ADVICE = {
    "No space left on device": "the disk is full; free space and run the command again",
    "Check free disk space": "the disk is full; free space and run the command again",  # of a short write
    "Disk quota exceeded": "your disk quota is used up; free space and run the command again",
    "Read-only file system": "the home lies on a read-only file system; set CLOISON_HOME to another folder",
    "pre-existing shared memory block": SURVIVORS,
    "could not create shared memory segment": LITTLE_MEMORY,
    "Cannot allocate memory": LITTLE_MEMORY,
    "error while loading shared libraries": "its programs do not fit this system; install PostgreSQL and "
    "set CLOISON_POSTGRES_BIN to the folder of its programs",
    "database files are incompatible": "another PostgreSQL made it; set CLOISON_POSTGRES to its version",
    'configuration file "': "a line of database/local.conf is not understood; log/postgresql.log names it",
    "could not locate a valid checkpoint record": "its files are damaged; restore a backup",
}
