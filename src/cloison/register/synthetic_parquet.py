"""Parquet files of text columns, written a row group at a time. A module of its own: few commands need pyarrow."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 100_000  # rows that are in memory at one time

Column = Sequence[str]


class ParquetSink:
    """A Parquet file, all of whose columns are strings."""

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        """Make the file, replacing an older one; raises OSError if it cannot be."""
        self._schema = pa.schema([(name, pa.string()) for name in header])
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def __enter__(self) -> Self:
        """The file itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is left, and the end that makes it a Parquet file; after an error it stays without one."""
        if kind is None:
            self._flush()
            self._writer.close()

    def write(self, columns: Sequence[Column]) -> None:
        """Add rows, given as one list a column."""
        batch = pa.record_batch([pa.array(column, pa.string()) for column in columns], schema=self._schema)
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting), row_group_size=self._rows)
        self._waiting, self._rows = [], 0
