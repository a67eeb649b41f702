"""A segment's log in a folder, as `verify.py` reads it: with that file and the keys all that a stranger needs."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from cloison.audit import entry, verify
from cloison.audit.reading import Stored


def export(log: Stored, folder: Path) -> int:
    """Write a log into `folder`/SEGMENT; how many entries. Blinding keys go along: entries are there in the clear."""
    place = folder / log.segment
    place.mkdir(parents=True)
    months: set[str] = set()
    (place / verify.CHECKPOINT).write_text(log.checkpoint(), encoding="utf-8")
    with (place / verify.LEAVES).open("wb") as file:
        file.writelines(log.leaves())
    count = _write(place / verify.ENTRIES, log.entries(), months) + _write(place / verify.TAIL, log.tail(), months)
    keys = {month: key.hex() for month in sorted(months) if (key := log.blinding(month)) is not None}
    (place / verify.BLINDING).write_text(json.dumps(keys), encoding="utf-8")
    return count


def _write(path: Path, entries: Iterable[Sequence[bytes | None] | None], months: set[str]) -> int:
    count = 0
    with path.open("wb") as file:
        for values in entries:
            data = b"" if values is None else entry.canonical(values)
            file.write(len(data).to_bytes(verify.LENGTH_BYTES, "big") + data)
            at = None if values is None else values[verify.AT]
            if at is not None:
                months.add(entry.month(at))
            count += 1
    return count
