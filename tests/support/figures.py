"""What an import costs, measured on a home of its own: people a second, processor time by process, memory, bytes."""

import csv
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg

from cloison.register import synthetic
from support.imports import watched
from support.operated import OperatedHome

WATCH_SECONDS = 0.5  # between samples: looking costs time, too
BLOCK_BYTES = 1 << 20
PLAIN_INDEXES = (
    "alter table plain add primary key (person)",
    "create unique index plain_nir on plain (nir)",
    "create unique index plain_identifier on plain (identifier)",
    "create index plain_email on plain (email)",
    "create index plain_phone on plain (phone)",
    "create index plain_name on plain (birth_name, birth_date)",
)


class Cost(NamedTuple):
    """One import, or one COPY: processor time in microseconds a row, memory of ours at its peak."""

    what: str
    rows: int
    seconds: float
    importer: float | None
    keeper: float | None
    postgresql: float
    megabytes: float | None

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


def measured(operated: OperatedHome, what: str, file: str) -> tuple[Cost, dict[str, int]]:
    """Import a file; what it cost, and its counts."""
    before = database_seconds(operated)
    with watched(operated, WATCH_SECONDS) as seen:
        process = operated.start("people", "import", file, "--json")
        seen.root = process.pid
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    out, err = process.communicate()
    assert process.returncode == 0, err
    time.sleep(1)  # until PostgreSQL has counted the processes that ended
    summary = json.loads(out)
    rows = summary["read"]
    keeper = seen.cpu_seconds.get("keeper", 0.0)  # its end apart; all of it is in `usage`, as the import waited for it
    cost = Cost(
        what,
        rows,
        summary["seconds"],
        (usage.ru_utime + usage.ru_stime - keeper) / rows * 1e6,
        keeper / rows * 1e6,
        (database_seconds(operated) - before) / rows * 1e6,
        seen.peak_megabytes,
    )
    return cost, summary


def database_seconds(operated: OperatedHome) -> float:
    """Processor seconds of all of PostgreSQL's processes, the ended ones too."""
    postmaster = operated.postmaster()
    times = postmaster.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in postmaster.children(recursive=True):
        times = child.cpu_times()
        total += times.user + times.system
    return total


def copied(operated: OperatedHome, file: Path, *, indexed_first: bool) -> Cost:
    """COPY of the same file as plain text into the same server, with the same searches indexed before or after it."""
    columns = ", ".join(f"{name} text" for name in synthetic.COLUMNS)
    before, what = database_seconds(operated), "before" if indexed_first else "after"
    with operated.superuser() as superuser:
        superuser.execute("drop table if exists plain")
        superuser.execute(f"create table plain (person bigint generated always as identity, {columns})".encode())
        started = time.monotonic()
        if indexed_first:
            _indexed(superuser)
        rows = _copy(superuser, file)
        if not indexed_first:
            _indexed(superuser)
        seconds = time.monotonic() - started
        superuser.execute("drop table plain")
    time.sleep(1)
    cost = (database_seconds(operated) - before) / rows * 1e6
    return Cost(f"plaintext COPY, indexes made {what} it", rows, seconds, None, None, cost, None)


def _indexed(superuser: psycopg.Connection) -> None:
    superuser.execute("set maintenance_work_mem = '256MB'")
    for statement in PLAIN_INDEXES:
        superuser.execute(statement.encode())


def _copy(superuser: psycopg.Connection, file: Path) -> int:
    columns = ", ".join(synthetic.COLUMNS)
    cursor = superuser.cursor()
    statement = f"copy plain ({columns}) from stdin (format csv, header, null '')"
    with file.open("rb") as source, cursor.copy(statement.encode()) as copy:
        while block := source.read(BLOCK_BYTES):
            copy.write(block)
    return cursor.rowcount


def part_of(source: Path, path: Path, first: int, count: int, change: Callable[[int, dict[str, str]], None]) -> Path:
    """`count` rows of a CSV from row `first` (0: the first person) on, as `change` leaves them; never all at once."""
    with source.open(encoding="utf-8", newline="") as file, path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, synthetic.COLUMNS)
        writer.writeheader()
        for number, row in enumerate(islice(csv.DictReader(file), first, first + count)):
            change(number, row)
            writer.writerow(row)
    return path


def sizes(operated: OperatedHome, people: int) -> Iterator[tuple[str, float]]:
    """Bytes a person of each table with its indexes, and of the keeper's store."""
    with operated.superuser() as superuser:
        for table in ("person", "locator", "entry"):
            row = superuser.execute(
                "select pg_table_size(c), pg_indexes_size(c) from to_regclass(%s) c", (f"cloison.{table}",)
            ).fetchone()
            assert row is not None
            yield table, row[0] / people
            yield f"{table}: indexes", row[1] / people
    yield "keeper's store", sum(file.stat().st_size for file in operated.home.keeper.glob("*.db*")) / people


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of them lies."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def machine() -> str:
    """What it was measured on."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, Python {platform.python_version()}"


def report(costs: Sequence[Cost]) -> str:
    """Those costs as a table in Markdown."""
    lines = [
        "| what | rows | seconds | rows a second | µs a row: importer | keeper | PostgreSQL | peak MB of ours |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {c.what} | {c.rows:,} | {c.seconds:.1f} | {c.rate:,.0f} | {_shown(c.importer)} | {_shown(c.keeper)} | "
        f"{c.postgresql:.1f} | {_shown(c.megabytes)} |"
        for c in costs
    ]
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV, one after the other."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
