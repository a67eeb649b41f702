"""A Parquet file of people, read in batches by PyArrow; every value becomes the text that a CSV would hold."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cloison.errors import ImportFileError
from cloison.register.files.chunks import Chunk, PeopleFile
from cloison.register.files.header import fields_of
from cloison.register.files.mapping import Mapping, translations
from cloison.register.profile import FieldType, Profile

BUFFER_BYTES = 1 << 18  # of each column: a row group is streamed, not read at once

Convert = Callable[[pa.Array], pa.Array]


class ParquetFile(PeopleFile):
    """A Parquet file whose columns are checked; its first person is row 1."""

    def __init__(self, path: Path, profile: Profile, mapping: Mapping) -> None:
        """Open `path`; raises ImportFileError if it cannot be read or its columns do not fit."""
        try:
            self._file = pq.ParquetFile(
                path, buffer_size=BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True
            )
            schema = self._file.schema_arrow
        except (pa.ArrowException, OSError, UnicodeDecodeError):
            # not chained: what PyArrow says may quote the file
            raise ImportFileError(
                reason=f"{path.name} is damaged or encrypted Parquet: copy it again, or write it without encryption"
            ) from None
        try:
            found = fields_of(schema.names, profile, mapping)
            named = [(name, field) for name, field in zip(schema.names, found, strict=True) if field]
            self._converts = {
                field: _converter(field, schema.field(name).type, profile.fields[field].type) for name, field in named
            }
            self.size_bytes = path.stat().st_size
        except BaseException:
            self._file.close()
            raise
        self._names = [name for name, _ in named]
        self.columns = tuple(field for _, field in named)
        self.rows_known = int(self._file.metadata.num_rows)
        self._translations = translations(mapping, profile, self.columns)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def chunks(self, rows: int = 1_024) -> Iterator[Chunk]:
        """All rows, once, at most `rows` at a time; see PeopleFile."""
        row = 1
        batches = self._file.iter_batches(batch_size=rows, columns=self._names, use_threads=False)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError):
                reason = (
                    f"the rows from {row} on are damaged or encrypted: copy it again, or write it without encryption"
                )
                raise ImportFileError(reason=reason) from None
            if batch is None:
                return
            columns = {
                field: self._texts(field, batch.column(name), row)
                for name, field in zip(self._names, self.columns, strict=True)
            }
            count, first = batch.num_rows, row
            row += count
            read_bytes = self.size_bytes * (row - 1) // max(self.rows_known or 1, 1)
            yield Chunk(first, count, columns, range(first, row), [], read_bytes)

    def _texts(self, field: str, array: pa.Array, first_row: int) -> list[str]:
        try:
            texts: list[str] = self._converts[field](array).to_numpy(zero_copy_only=False).tolist()
        except (UnicodeDecodeError, pa.ArrowException):
            row = first_row + _first_unreadable(array, self._converts[field])
            raise ImportFileError(reason=f"row {row}, column {field} holds a value that is no text") from None
        translate = self._translations.get(field)
        return translate(texts) if translate else texts


def _converter(field: str, kind: pa.DataType, wanted: FieldType) -> Convert:
    """What makes text of a column, empty where there is nothing; raises ImportFileError for a type that is no text."""
    if pa.types.is_dictionary(kind):
        inner = _converter(field, kind.value_type, wanted)
        return lambda array: inner(array.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return lambda array: array.fill_null("") if array.null_count else array
    if pa.types.is_boolean(kind) and wanted is FieldType.YES_NO:
        return lambda array: pc.if_else(array, "yes", "no").fill_null("")
    if pa.types.is_timestamp(kind):
        return _timestamps
    if pa.types.is_date64(kind):
        return lambda array: _as_text(array.cast(pa.date32()))
    if pa.types.is_integer(kind) or pa.types.is_date32(kind) or pa.types.is_null(kind) or _is_view(kind):
        return _as_text
    raise ImportFileError(reason=f"column {field} is of the type {kind}: write it as text")


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string_view(kind))


def _as_text(array: pa.Array) -> pa.Array:
    return array.cast(pa.string()).fill_null("")


def _timestamps(array: pa.Array) -> pa.Array:
    """Midnights as dates; other times keep their hour, which the check of dates then refuses."""
    local = pc.local_timestamp(array) if array.type.tz else array
    days = local.cast(pa.date32(), safe=False)
    midnight = pc.equal(days.cast(local.type), local)
    return pc.if_else(midnight, days.cast(pa.string()), local.cast(pa.string())).fill_null("")


def _first_unreadable(array: pa.Array, convert: Convert) -> int:
    for index in range(len(array)):
        try:
            convert(array.slice(index, 1)).to_pylist()
        except (UnicodeDecodeError, pa.ArrowException):
            return index
    return 0
