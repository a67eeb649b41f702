"""A segment's log in a folder, as `verify.py` reads it: with that file and the keys all that a stranger needs."""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from pathlib import Path

from cloison.audit import entry, tree, verify
from cloison.audit.reading import Stored
from cloison.audit.verify import Key


def export(log: Stored, folder: Path, keys: tuple[Key, list[Key]], told: Callable[[int], None]) -> int:
    """Write a log into `folder`/SEGMENT; how many entries. Blinding keys go along: entries are there in the clear.

    `keys`: of the log and of its witnesses, by which the checkpoint is chosen.
    `told` is called with the number of entries that are written, each time that there are more.
    """
    place = folder / log.segment
    place.mkdir(parents=True)
    months: set[str] = set()
    count, size = 0, log.size()
    note = verify.newest(log.checkpoints(), *keys)
    (place / verify.CHECKPOINT).write_text(note, encoding="utf-8")
    _write_tiles(log, place, note, keys[0])
    with (place / verify.LEAVES).open("wb") as file:
        for piece in range(-(-size // verify.PIECE_LEAVES)):
            file.write(log.leaves(piece))
            entries = _with_gaps(log.entries(piece), piece * verify.PIECE_LEAVES)
            count += _write(place / f"{verify.ENTRIES}.{piece:06}", entries, months)
            told(count)
    count += _write(place / verify.TAIL, log.tail(), months)
    blinding = {month: key.hex() for month in sorted(months) if (key := log.blinding(month)) is not None}
    (place / verify.BLINDING).write_text(json.dumps(blinding), encoding="utf-8")
    (place / verify.DROPPED).write_text(json.dumps(log.dropped()), encoding="utf-8")
    return count


def _write_tiles(log: Stored, place: Path, note: str, log_key: Key) -> None:
    """The tree of the checkpoint as C2SP tlog-tiles has it: any program that reads such logs finds what it needs."""
    try:
        size = verify.read_checkpoint(note, log_key).size
    except ValueError:
        return  # the verifier says so
    for tile, width in tree.tiles_of(size):
        path = place / tree.tile_path(tile, width)
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(LookupError):  # the verifier says so, too
            path.write_bytes(log.tile(tile)[: width * tree.HASH_BYTES])


def _with_gaps(entries: Iterable[tuple[int, Sequence[bytes | None]]], place: int) -> Iterator[Sequence[bytes | None]]:
    """Entries from a place on, and nothing where the database no longer says which one stood there."""
    for at, values in entries:
        yield from repeat([], at - place)
        yield values
        place = at + 1


def _write(path: Path, entries: Iterable[Sequence[bytes | None]], months: set[str]) -> int:
    count = 0
    with path.open("wb") as file:
        for values in entries:
            data = entry.canonical(values) if values else b""
            file.write(len(data).to_bytes(verify.LENGTH_BYTES, "big") + data)
            at = values[verify.AT] if values else None
            if at is not None:
                months.add(entry.month(at))
            count += 1
    return count
