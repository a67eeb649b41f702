"""Imports by the command line that are killed, watched and repeated; files of changes as they come every night."""

import csv
import random
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen
from typing import Any, NamedTuple

import psutil
import psycopg

from cloison.access import organisations
from cloison.processes import base_url
from cloison.register import synthetic
from cloison.store.embedded import start_database
from cloison.store.pools import connect
from support.desk import ELSEWHERE, SEGMENT, RunningRegister
from support.operated import Done, OperatedHome, wait_until

Row = dict[str, str]
END_SECONDS = 60.0
SAMPLE_SECONDS = 0.02
UNAVAILABLE = ("keeper_unavailable", "database_unavailable", "embedded_database")


def saved(path: Path, rows: Sequence[Row]) -> Path:
    """A CSV file of these rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, synthetic.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


class Delta(NamedTuple):
    """What a night brings: the whole file as it is now, and how many rows of each kind are not as they were."""

    rows: list[Row]
    changed: int
    moved: int
    ended: int
    new: int

    @property
    def updated(self) -> int:
        """How many people who are there are not as they were."""
        return self.changed + self.moved + self.ended


def delta_of(rows: Sequence[Row], new: Sequence[Row], share: int = 100) -> Delta:
    """One in `share` of `rows` changed, one moved to another department, one ended; `new` people in between."""
    after = [dict(row) for row in rows]
    here = [row for row in after if row["commune"].startswith(SEGMENT)]
    registered = [row for row in here if row["category"] == "registered"]
    count = max(len(rows) // share, 1)
    ended = registered[:count]
    others = [row for row in here if row not in ended]
    changed, moved = others[:count], others[count : 2 * count]
    for number, row in enumerate(changed):
        row |= {"phone": f"063998{number % 10_000:04}", "address": f"{number} RUE NEUVE", "usage_name": "NEUVILLE"}
    for row in moved:
        row |= {"commune": "75113", "postcode": "75013", "city": "Paris"}
    for row in ended:
        row |= {"category": "formerly", "ended_on": "2026-06-30"}
    for number, row in enumerate(new):
        after.insert(number * len(rows) // len(new), dict(row))
    return Delta(after, len(changed), len(moved), len(ended), len(new))


# -- what is in the register


def acts(operated: OperatedHome) -> int:
    """How much imports have written: people in, and changes of people."""
    with connect(operated.home, "owner") as owner:
        row = owner.execute(
            "select (select count(*) from cloison.person) + (select count(*) from cloison.entry "
            "where event in ('person_changed', 'person_moved'))"
        ).fetchone()
    return 0 if row is None else int(row[0])


def loading(operated: OperatedHome) -> bool:
    """Whether an initial load is not at its end."""
    with connect(operated.home, "owner") as owner:
        return owner.execute("select from cloison.load").fetchone() is not None


def term_indexes(operated: OperatedHome) -> int:
    """How many indexes of search terms there are; 7 when all is well."""
    with connect(operated.home, "owner") as owner:
        row = owner.execute(
            "select count(*) from pg_index i join pg_class c on c.oid = i.indexrelid "
            "where c.relname like 'person\\_term_' and i.indisvalid"
        ).fetchone()
    return 0 if row is None else int(row[0])


class Present(RunningRegister):
    """The desk of a home whose people are in already: those of `rows`, none of whom it brings in again."""

    def __init__(self, operated: OperatedHome, folder: Path, rows: Sequence[Row]) -> None:
        """Keeper and desk must run."""
        self.home = operated.home
        self.url = base_url(operated.home)
        self._folder = folder
        self.people = [row for row in rows if row["commune"].startswith(SEGMENT)]
        self._untaken = self.people[::-1]
        self.elsewhere = [row for row in rows if row["commune"].startswith(ELSEWHERE)]
        with connect(self.home, "owner") as owner:
            organisations.create_organisation(owner, "Service")


# -- what is killed


class Kill(NamedTuple):
    """Who is killed, and when: once so much more is written, or so long after the start."""

    victim: str  # importer, keeper, backend, postmaster
    acts: int
    seconds: float


def random_kills(count: int, most_acts: int, most_seconds: float) -> Iterator[Kill]:
    """Kills at random moments, mostly of the import itself; each victim at least once in ten."""
    moments = random.SystemRandom()
    victims = ["importer", "importer", "keeper", "importer", "backend", "importer", "importer", "postmaster"]
    for number in range(count):
        timed = number % 4 == 3  # one in four falls wherever, into start and end too
        yield Kill(
            victims[number % len(victims)],
            0 if timed else moments.randint(1, most_acts),
            moments.uniform(0.1, most_seconds) if timed else 0.0,
        )


def import_killed(operated: OperatedHome, file: str, kill: Kill) -> Done:
    """Begin an import of `file` and kill its victim at the moment; how it ended. It may have been at its end before."""
    up(operated)
    before = acts(operated) if kill.acts else 0
    process = operated.start("people", "import", file)
    started = time.monotonic()
    if kill.acts:
        wait_until(lambda: process.poll() is not None or _written(operated) >= before + kill.acts)
    else:
        wait_until(lambda: process.poll() is not None or time.monotonic() > started + kill.seconds)
    strike(operated, process, kill.victim)
    out, err = process.communicate(timeout=END_SECONDS)
    return Done(process.returncode, out, err)


def up(operated: OperatedHome) -> None:
    """PostgreSQL runs and takes connections, whatever was killed of it before."""
    start_database(operated.home)
    wait_until(lambda: _written(operated) >= 0)


def _written(operated: OperatedHome) -> int:
    try:
        return acts(operated)
    except psycopg.Error:  # PostgreSQL is not there yet
        return -1


def strike(operated: OperatedHome, process: Popen[str], victim: str) -> None:
    """Kill -9; where the victim is not there (yet, or any more), the import itself."""
    found: psutil.Process | None = None
    if victim == "keeper":
        with suppress(psutil.NoSuchProcess):
            found = next(iter(psutil.Process(process.pid).children()), None)
    elif victim == "postmaster":
        found = operated.postmaster()
    elif victim == "backend":
        found = backend(operated)
    with suppress(psutil.NoSuchProcess):
        if found is None:
            process.send_signal(signal.SIGKILL)
        else:
            found.kill()


def keepers(operated: OperatedHome) -> list[psutil.Process]:
    """The keeper's process of this home, if there is one."""
    return [process for process in ours(operated) if any("cloison.keeper" in word for word in process.cmdline())]


def backend(operated: OperatedHome) -> psutil.Process | None:
    """A process of PostgreSQL that works for an import, if there is one."""
    with connect(operated.home, "owner") as owner:
        row = owner.execute("select pid from pg_stat_activity where application_name = 'cloison intake'").fetchone()
    return psutil.Process(row[0]) if row else None


def assert_said(done: Done, kill: Kill) -> None:
    """Who is killed says nothing; an import that loses what it needs ends by itself and says what."""
    if done.status not in {0, -signal.SIGKILL}:
        assert done.status == 1, (kill, done)
        assert done.err.rpartition("\n\n")[2].splitlines()[-1].startswith(UNAVAILABLE), (kill, done)
        assert "Traceback" not in done.err, (kill, done)


# -- what is watched


def ours(operated: OperatedHome) -> list[psutil.Process]:
    """The processes of a home that are ours: commands and keeper, not PostgreSQL's."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            mine = process.environ().get("CLOISON_HOME") == str(operated.home.path)
            if mine and any("cloison" in word for word in process.cmdline()):
                found.append(process)
    return found


class Sample(NamedTuple):
    """Proportional set size of all processes of ours at a moment."""

    at: float
    pss_bytes: int


class Watched:
    """What the processes of an import take, sampled while it runs."""

    def __init__(self, operated: OperatedHome, pause_seconds: float) -> None:
        """Nothing is sampled yet."""
        self.root: int | None = None  # of the processes that are ours, where it is known: cheaper to look at
        self._pause = pause_seconds
        self.samples: list[Sample] = []
        self.cpu_seconds: dict[str, float] = {}
        self._operated = operated
        self._ending = threading.Event()

    @property
    def peak_megabytes(self) -> float:
        """The most that all together had at a moment."""
        return max(sample.pss_bytes for sample in self.samples) / 2**20

    def peaks_of_halves(self) -> tuple[float, float]:
        """The same for the first half of the time, and for the second."""
        middle = (self.samples[0].at + self.samples[-1].at) / 2
        early = [sample.pss_bytes for sample in self.samples if sample.at <= middle]
        late = [sample.pss_bytes for sample in self.samples if sample.at > middle]
        return max(early) / 2**20, max(late) / 2**20

    def run(self) -> None:
        """Sample until `end`."""
        while not self._ending.wait(self._pause):
            self._sample()

    def end(self) -> None:
        """No more samples."""
        self._ending.set()

    def _processes(self) -> list[psutil.Process]:
        if self.root is None:
            return ours(self._operated)
        with suppress(psutil.Error):
            importer = psutil.Process(self.root)
            return [importer, *importer.children()]
        return []

    def _sample(self) -> None:
        total = 0
        for process in self._processes():
            with suppress(psutil.Error):
                total += process.memory_full_info().pss
                times = process.cpu_times()
                name = "keeper" if any("cloison.keeper" in word for word in process.cmdline()) else "importer"
                self.cpu_seconds[name] = max(self.cpu_seconds.get(name, 0.0), times.user + times.system)
        if total:
            self.samples.append(Sample(time.monotonic(), total))


@contextmanager
def watched(operated: OperatedHome, pause_seconds: float = SAMPLE_SECONDS) -> Iterator[Watched]:
    """Sampling, for the length of the block."""
    watched = Watched(operated, pause_seconds)
    thread = threading.Thread(target=watched.run)
    thread.start()
    try:
        yield watched
    finally:
        watched.end()
        thread.join()


def imported(operated: OperatedHome, file: str) -> Any:  # noqa: ANN401 - what JSON is
    """Import a file, nobody refused; its summary."""
    summary = operated.do("people", "import", file)
    assert summary["rejected"] == 0
    return summary
