"""`cloison bench` as anyone runs it, as small as it can be."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from support.operated import PROGRAM

from cloison.bench.report import Report


@pytest.mark.soak
def test_bench_prints_and_writes_its_figures(tmp_path: Path) -> None:
    """Every figure is there, nobody was refused, and the folder holds document, figures and charts."""
    arguments = ("--people", "10000", "--rounds", "1", "--seconds", "0.2", "--out", "docs", "--json")
    done = subprocess.run(
        [sys.executable, PROGRAM, "bench", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    report = msgspec.json.decode(done.stdout, type=Report)
    assert all((row.per_second or row.bytes or 0) > 0 for row in report.rows)
    assert {row.clients for row in report.rows} == {None, 1, 16, 64}
    assert set(report.processor_microseconds) == {"desk", "keeper", "database", "load"}
    assert report.machine.commit_p99_ms > 0
    written = {file.name: file.read_text(encoding="utf-8") for file in (tmp_path / "docs").iterdir()}
    assert written.keys() == {"bench.md", "bench.json", "bench-rates.svg", "bench-growth.svg"}
    assert msgspec.json.decode(written["bench.json"], type=Report) == report
    assert written["bench-rates.svg"].startswith("<svg")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "docs"]
