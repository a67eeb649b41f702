"""What kind of file this is, told by its first and last bytes; what cannot be read is refused with what to do."""

import os
from enum import Enum, auto
from pathlib import Path

from cloison.errors import ImportFileError

MAGIC_BYTES = 8
PARQUET, PARQUET_SEALED = b"PAR1", b"PARE"  # the second: its footer is encrypted
PARQUET_LEAST = 12  # magic, length of the footer, magic
UNPACK = "is compressed: unpack it first"
SAVE_AS_CSV = "is a workbook: save its sheet as CSV (UTF-8)"
ELSE = {
    b"\x1f\x8b": f"{UNPACK} (gunzip)",
    b"\x28\xb5\x2f\xfd": f"{UNPACK} (unzstd)",
    b"BZh": f"{UNPACK} (bunzip2)",
    b"\xfd7zXZ": f"{UNPACK} (unxz)",
    b"PK\x03\x04": f"{SAVE_AS_CSV}, or an archive: unpack it",
    b"\xd0\xcf\x11\xe0": SAVE_AS_CSV,
    b"%PDF": "is a PDF: export CSV or Parquet",
}
PACKED_NAMES = {".gz", ".zst", ".bz2", ".xz", ".zip"}


class Kind(Enum):
    """The kinds of file that can be imported."""

    CSV = auto()
    PARQUET = auto()


def kind_of(path: Path) -> Kind:
    """The kind of the file `path`; raises ImportFileError for one that cannot be read, or not as it is."""
    try:
        with path.open("rb") as file:
            first = file.read(MAGIC_BYTES)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - len(PARQUET)))
            last = file.read()
    except OSError as error:
        raise ImportFileError(reason=f"{path} cannot be read ({error.strerror or 'not a file'})") from error
    for magic, told in ELSE.items():
        if first.startswith(magic):
            raise ImportFileError(reason=f"{path.name} {told}")
    if path.suffix.lower() in PACKED_NAMES:
        raise ImportFileError(reason=f"{path.name} {UNPACK}")
    if not size:
        raise ImportFileError(reason="it is empty; its first row must name the columns")
    if path.suffix.lower() != ".parquet" and not first.startswith((PARQUET, PARQUET_SEALED)):
        return Kind.CSV
    _refuse_broken(path.name, first, last, size)
    return Kind.PARQUET


def _refuse_broken(name: str, first: bytes, last: bytes, size: int) -> None:
    if first.startswith(PARQUET_SEALED) or last == PARQUET_SEALED:
        raise ImportFileError(reason=f"{name} is encrypted Parquet: write it without encryption")
    if not first.startswith(PARQUET):
        raise ImportFileError(reason=f"{name} is not Parquet, whatever its name says; a CSV file's name ends in .csv")
    if last != PARQUET or size < PARQUET_LEAST:
        raise ImportFileError(reason=f"{name} is cut short, its end is missing: copy or write it again")
