"""A stolen dump, as `pg_dump` writes it: whose data can be read in it, and the sealed rows that it holds.

Binary columns come as hexadecimal; they are looked into as well, in case they hold text that is not sealed.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

from psycopg.conninfo import conninfo_to_dict

from cloison.errors import DatabaseUnavailableError
from cloison.replay.attackers_keeper import SealedRow
from cloison.replay.known_people import Known

DUMP_SECONDS = 300
TEXT = re.compile(rb"[0-9A-Za-z][0-9A-Za-z.@_+-]{7,}")  # identifiers, NIRs, e-mail addresses, phones
BINARY = re.compile(rb"\\\\x([0-9a-f]{16,})")
PEOPLE_BEGIN = b"COPY cloison.person ("
END = b"\\."
NAMES = re.compile(rb"\w+")


def dump(conninfo: str, program: str, out: Path, form: str = "plain") -> None:
    """Write the database that `conninfo` leads to into `out`; `program` is the `pg_dump` of the server's version.

    `form`: plain, or custom, which can be restored. Raises DatabaseUnavailableError.
    """
    _run(conninfo, program, f"--file={out}", f"--format={form}")


def restore(conninfo: str, program: str, dumped: Path) -> None:
    """Fill an empty database from a dump of the custom form, by `pg_restore`. Raises DatabaseUnavailableError."""
    _run(conninfo, program, f"--dbname={conninfo_to_dict(conninfo)['dbname']}", "--exit-on-error", str(dumped))


def _run(conninfo: str, program: str, *words: str) -> None:
    fields = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if value is not None}
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "password": "PGPASSWORD"}
    # by the environment: everybody may read a command line
    environment = {names[name]: value for name, value in fields.items() if name in names}
    command = [program, "--no-password", *words]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=DUMP_SECONDS, check=False)
    if done.returncode:
        raise DatabaseUnavailableError(reason=f"{Path(program).name} failed")


def readable_people(dumped: Path, known: Iterable[Known]) -> set[int]:
    """Who of `known` (by place) can be read in the dump: by NIR, identifier, e-mail address or phone of their own."""
    owners = _owners(known)
    found: set[int] = set()
    with dumped.open("rb") as file:
        for line in file:
            found.update(owners[text] for text in _texts(line) if text in owners)
    return found


def owners_of(texts: Iterable[bytes], known: Iterable[Known]) -> set[int]:
    """Whose values are among these words, by place in `known`."""
    owners = _owners(known)
    return {owners[text] for text in texts if text in owners}


def sealed_rows(dumped: Path) -> Iterator[SealedRow]:
    """The people of a dump of ours and what is sealed of each."""
    with dumped.open("rb") as file:
        names: list[bytes] = []
        for line in file:
            if names and line.rstrip() == END:
                return
            if names:
                yield _row(dict(zip(names, line.split(b"\t"), strict=True)))
            elif line.startswith(PEOPLE_BEGIN):
                names = NAMES.findall(line[len(PEOPLE_BEGIN) : line.index(b")")])


def _row(columns: dict[bytes, bytes]) -> SealedRow:
    sealed = [bytes.fromhex(text.decode()) for text in BINARY.findall(columns[b"sealed"])]
    return SealedRow(
        segment=columns[b"segment"].decode(),
        person=UUID(columns[b"person"].decode()),
        version=int(columns[b"version"]),
        compartments=(1 << len(sealed)) - 1,
        sealed=sealed,
        ticket="",
        mac=b"",
    )


def _owners(known: Iterable[Known]) -> dict[bytes, int]:
    """Whose each value is; a value of several people, such as a family's phone, tells nobody apart."""
    owners: dict[bytes, int] = {}
    shared: set[bytes] = set()
    for place, person in enumerate(known):
        for value in (person.nir, person.identifier, person.email, person.phone):
            text = value.encode()
            if text and owners.setdefault(text, place) != place:
                shared.add(text)
    return {text: place for text, place in owners.items() if text not in shared}


def _texts(line: bytes) -> Iterator[bytes]:
    """What could be a value: words of the line, and words within its binary columns."""
    yield from TEXT.findall(BINARY.sub(b" ", line))
    for binary in BINARY.findall(line):
        yield from TEXT.findall(bytes.fromhex(binary.decode()))
