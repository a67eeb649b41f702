"""Files of synthetic people: CSV and Parquet alike, made fast and in constant memory."""

import csv
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cloison.register import synthetic

AS_OF = date(2026, 11, 22)
LEAST_A_SECOND = 20_000  # far below what it does (docs/benchmarks), so that a busy machine does not fail
MEASURED = """
import resource, sys
from datetime import date
from pathlib import Path
from cloison.register import synthetic
synthetic.write(sys.argv[1], int(sys.argv[2]), seed=1, as_of=date(2026, 11, 22), staff=Path(sys.argv[3]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def write(path: Path, count: int, seed: int = 3) -> None:
    """A file of people as of a fixed day."""
    synthetic.write(path, count, seed=seed, as_of=AS_OF)


@pytest.mark.parametrize("count", [0, 1, 20_000, 45_001])
def test_parquet_holds_what_csv_does(tmp_path: Path, count: int) -> None:
    """All columns are texts, all rows the same and in the same order, for a whole number of chunks and otherwise."""
    write(tmp_path / "people.csv", count)
    write(tmp_path / "people.parquet", count)
    with (tmp_path / "people.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = pq.read_table(tmp_path / "people.parquet")
    assert found.column_names == list(synthetic.COLUMNS)
    assert {str(field.type) for field in found.schema} == {"string"}
    assert found.to_pylist() == rows
    assert len(rows) == count


def test_parquet_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    """To the byte; another seed gives other people."""
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write(tmp_path / f"{name}.parquet", 500, seed)
    first, second, other = ((tmp_path / f"{name}.parquet").read_bytes() for name in "abc")
    assert first == second != other


def test_parquet_comes_in_row_groups(tmp_path: Path) -> None:
    """So that who writes and who reads a large file hold a part of it only."""
    write(tmp_path / "people.parquet", 210_000)
    file = pq.ParquetFile(tmp_path / "people.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [100_000, 100_000, 10_000]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_people_are_made_fast(tmp_path: Path, suffix: str) -> None:
    """A hundred thousand in seconds of the processor, the best of two: what else runs on the machine does not count."""
    seconds = []
    for _ in range(2):
        began = time.process_time()
        write(tmp_path / f"people.{suffix}", 100_000)
        seconds.append(time.process_time() - began)
    assert 100_000 / min(seconds) > LEAST_A_SECOND


@pytest.mark.soak
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, suffix: str) -> None:
    """Three times the people with their staff take no more memory, but for a row group and what accounts there are."""
    peaks = []
    for count in (110_000, 330_000):
        words = [str(tmp_path / f"people.{suffix}"), str(count), str(tmp_path / "staff")]
        done = subprocess.run([sys.executable, "-c", MEASURED, *words], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] < peaks[0] + 40  # MB; the 220,000 people between have 42 as a file, in memory several times that
