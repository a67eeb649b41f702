"""Which encoding a text file is in, and its text, block by block.

The rules of `detect`, in order:

1. A byte order mark says it. One that contradicts the encoding given is an error.
2. The encoding given is taken; if the first MiB is UTF-8 beyond ASCII and something else was given, that is an error.
3. A first MiB that is UTF-8 is UTF-8. Should a later byte not be, the reader says where and what to do.
4. Bytes of which every other one is zero are UTF-16 without a mark.
5. What decodes as cp1252 (Latin-1, and what Windows adds to it) with almost nothing but French letters and
   typographic signs is taken for that.
6. Everything else is read as UTF-8, so that the error names its row and column.
"""

import codecs
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from cloison.errors import ImportFileError

SAMPLE_BYTES = 1 << 20
BLOCK_BYTES = 1 << 16  # what is fastest: it stays in the processor's cache
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
MARKS_UTF_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)  # the first begins as UTF-16's does
ENCODINGS = ("utf-8", "latin-1", "cp1252", "iso-8859-15", "utf-16", "utf-16-le", "utf-16-be")
ALIKE = {"utf-8-sig": "utf-8"}
FRENCH = frozenset("àâäáæçéèêëíîïñóôöœùûüúÿÀÂÄÁÆÇÉÈÊËÍÎÏÑÓÔÖŒÙÛÜÚŸ…«»’‘“”°–—€²\u00a0")  # noqa: RUF001
FRENCH_SHARE = 0.95
ASCII = bytes(range(128))
ZERO_SHARE = 0.3  # of the bytes in even, or in odd places


class Encoding(NamedTuple):
    """An encoding by its codec's name, whether it was worked out, and how many bytes of a mark to pass over."""

    name: str
    detected: bool
    mark_bytes: int = 0


class Block(NamedTuple):
    """Some text, how far into the file it ends, and whether the bytes after it are not in the encoding."""

    text: str
    read_bytes: int
    broken: bool = False


def known_encoding(name: str) -> str | None:
    """The codec's name of an encoding that can be given; None for others."""
    try:
        wanted = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    wanted = ALIKE.get(wanted, wanted)
    return next((known for known in ENCODINGS if codecs.lookup(known).name == wanted), None)


def detect(sample: bytes, given: str | None) -> Encoding:
    """The encoding of a file that begins with `sample`; raises ImportFileError if it cannot be the one given."""
    wanted = known_encoding(given) if given else None
    if given and wanted is None:
        raise ImportFileError(reason=f"there is no encoding {given[:20]}; give one of {', '.join(ENCODINGS)}")
    if sample.startswith(MARKS_UTF_32):
        raise ImportFileError(reason="it is UTF-32; save it as UTF-8")
    for mark, name in MARKS.items():
        if sample.startswith(mark):
            if wanted and wanted not in {name, "utf-16" if name.startswith("utf-16") else name}:
                raise ImportFileError(reason=f"it begins with the mark of {name} and cannot be {wanted}")
            return Encoding(name, detected=wanted is None, mark_bytes=len(mark))
    if wanted:
        if wanted != "utf-8" and not sample.isascii() and _is_utf_8(sample):
            raise ImportFileError(reason=f"it is UTF-8 and not {wanted}: leave the encoding out")
        return Encoding("utf-16-le" if wanted == "utf-16" else wanted, detected=False)
    return Encoding(_guessed(sample), detected=True)


def _guessed(sample: bytes) -> str:
    for name, zeros in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        if zeros.count(0) > ZERO_SHARE * len(zeros):
            return name
    return "utf-8" if _is_utf_8(sample) or not _is_french(sample) else "cp1252"


def _is_utf_8(sample: bytes) -> bool:
    try:
        # a character may be cut at the end of the sample
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=len(sample) < SAMPLE_BYTES)
    except UnicodeDecodeError:
        return False
    return True


def _is_french(sample: bytes) -> bool:
    beyond = sample.translate(None, delete=ASCII)
    try:
        french = sum(character in FRENCH for character in beyond.decode("cp1252"))
    except UnicodeDecodeError:
        return False
    return french >= FRENCH_SHARE * len(beyond)


def blocks(file: BinaryIO, sample: bytes, encoding: Encoding) -> Iterator[Block]:
    """The text of a file of which `sample` is read already; ends after the first block that is broken."""
    decoder = codecs.getincrementaldecoder(encoding.name)()
    read_bytes = encoding.mark_bytes
    for part in _parts(file, sample[encoding.mark_bytes :]):
        read_bytes += len(part)
        try:
            yield Block(decoder.decode(part, final=not part), read_bytes)
        except UnicodeDecodeError as error:
            sound = error.object[: error.start].decode(encoding.name)
        else:
            continue
        yield Block(sound, read_bytes, broken=True)
        return


def _parts(file: BinaryIO, sample: bytes) -> Iterator[bytes]:
    for start in range(0, len(sample), BLOCK_BYTES):
        yield sample[start : start + BLOCK_BYTES]
    try:
        yield from iter(lambda: file.read(BLOCK_BYTES), b"")
    except OSError as error:
        raise ImportFileError(reason=f"it cannot be read on ({error.strerror})") from error
    yield b""  # the end: what is half a character now stays one
