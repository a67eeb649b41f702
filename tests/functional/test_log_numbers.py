"""How fast the audit log is sequenced and verified, what it takes and costs: docs/benchmarks/audit-log.md.

`make soak ARGS="-k log_numbers"`; LOG_ENTRIES says how many entries, ten million by default.
"""

import os
import platform
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import uvloop
from support.database import SEGMENT, Database
from support.logged import Logged
from support.operated import wait_until

from cloison.audit import export, verify
from cloison.bench import workload
from cloison.bench.load import drive
from cloison.bench.stage import Stage, stage

ENTRIES = int(os.environ.get("LOG_ENTRIES", "10000000"))
AUTHORS = 2_000
AUTHOR = """
create temp table author as select gen_random_uuid() as account, gen_random_uuid() as session, i
from generate_series(1, 2000) i
"""
# Openings as the charge writes them: each author one after the other, of people who come again.
WRITTEN = """
insert into cloison.entry (
    segment, account, number, at, event, outcome, session, request, person, compartments, purpose, relation)
select %(segment)s, a.account, %(first)s + n,
    clock_timestamp() - interval '1 hour' + (%(first)s + n) * interval '1 millisecond',
    'open', 'open', a.session, gen_random_uuid(),
    md5(((a.i * 37 + (%(first)s + n) * 7919) %% %(people)s)::text)::uuid, 3, 0, 'caseload'
from author a cross join generate_series(0, 4) n order by random()
"""
SIZES = """
select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c
where c.relnamespace = 'cloison'::regnamespace and c.relkind = 'r' and c.relname like %s
"""
WAITING = """
select count(*) from cloison.ledger l left join cloison.log_author s on s.segment = l.segment and s.account = l.account
where l.next_number - 1 > coalesce(s.sequenced, 0)
"""
PEOPLE = 10_000
CLIENTS = 64
ROUNDS = 5
SECONDS = 8.0  # two rounds of a sequencer under load
LEAST_SHARE, LEAST_SEQUENCED, MOST_BYTES, MOST_SECONDS = 0.95, 20_000, 250, 120
DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks" / "audit-log.md"
TEXT = """# The audit log, measured
`make soak ARGS="-k log_numbers"`, {machine}.

| what | asked | measured |
| --- | --: | --: |
{rows}
"""


@pytest.fixture
def logged(database: Database, tmp_path: Path) -> Iterator[Logged]:
    """So many entries that no sequencer has seen."""
    found = Logged(database, tmp_path)
    found.sequencer.keep(12)
    owner = database.owner
    owner.execute(AUTHOR)
    for first in range(1, ENTRIES // AUTHORS + 1, 5):
        owner.execute(WRITTEN, {"segment": SEGMENT, "first": first, "people": ENTRIES // 3})
    owner.execute(
        "insert into cloison.ledger (segment, account, next_number) select %s, account, %s from author",
        (SEGMENT, ENTRIES // AUTHORS + 1),
    )
    owner.execute("vacuum analyze cloison.entry")
    yield found
    found.close()


@contextmanager
def unattended(it: Stage) -> Iterator[None]:
    """Sequencer and witness stand still; afterwards they have caught up."""
    modules = {"cloison.audit.sequencer", "cloison.audit.witness"}
    found = [child for each in it.processes if modules & set((child := psutil.Process(each.pid)).cmdline())]
    assert len(found) == len(modules)
    for each in found:
        each.suspend()
    yield
    for each in found:
        each.resume()
    with it.administrator() as administrator:
        wait_until(lambda: administrator.execute(WAITING).fetchall() == [(0,)], 60)


def share_with_the_log() -> float:
    """Openings a second with sequencer and witness at work, of those while they stand still: medians, in turn."""
    with stage(PEOPLE) as it:
        it.grow(PEOPLE)
        staff = it.hire()
        it.settle()
        port = it.home.config.web.port

        def run() -> float:
            makers = workload.openings(workload.Desk(port).renew(), staff, CLIENTS, random.getrandbits(32))
            return uvloop.run(drive(("127.0.0.1", port), makers, SECONDS)).per_second

        run()
        attended, alone = [], []
        for _ in range(ROUNDS):
            attended.append(run())
            with unattended(it):
                alone.append(run())
    return statistics.median(attended) / statistics.median(alone)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_numbers_of_the_log(logged: Logged, tmp_path: Path) -> None:
    """Sequencing on a core, bytes an entry, verifying on two cores, and what openings lose."""
    began, cpu = time.perf_counter(), time.process_time()
    added = logged.sequence()
    seconds, own = time.perf_counter() - began, time.process_time() - cpu
    assert added >= ENTRIES
    logged.witnessed()
    owner = logged.database.owner
    owner.execute("vacuum full cloison.log_tile")
    rows_bytes, tree_bytes = (int(str(logged.database.one(SIZES, like))) / added for like in ("entry%", "log%"))

    folder = tmp_path / "exported"
    exporting = time.perf_counter()
    export.export(logged.log(), folder, (logged.signer.key, [logged.cosigner.key]), lambda _: None)
    exported = time.perf_counter() - exporting
    verifying = time.perf_counter()
    with verify.Workers() as workers:
        log = verify.Folder(folder / SEGMENT)
        report = verify.verify(log, logged.signer.key, [logged.cosigner.key], every=workers.every)
    verified = time.perf_counter() - verifying
    assert (report.findings, report.anchored) == ([], added)
    looking = time.perf_counter()
    assert logged.report().findings == []
    live = time.perf_counter() - looking
    share = share_with_the_log()
    rows = [
        ("entries, of 2,000 authors in a segment", "", f"{added:,}"),
        ("sequenced a second", f"{LEAST_SEQUENCED:,}", f"{added / seconds:,.0f}"),
        ("sequenced a second of the sequencer's own processor time", "", f"{added / own:,.0f}"),
        ("bytes an entry, with indexes, and of the tree", f"{MOST_BYTES}", f"{rows_bytes:.0f} + {tree_bytes:.0f}"),
        (
            f"a folder verified on {os.cpu_count()} cores, s for 10 million",
            f"{MOST_SECONDS}",
            f"{verified / added * 1e7:.0f}",
        ),
        ("the database verified by one process, s for 10 million", "", f"{live / added * 1e7:.0f}"),
        ("exported, s for 10 million", "", f"{exported / added * 1e7:.0f}"),
        ("openings with sequencer and witness, of those without", f"{LEAST_SHARE}", f"{share:.3f}"),
    ]
    made = TEXT.format(
        machine=f"{os.cpu_count()} cores, Python {platform.python_version()}",
        rows="\n".join(f"| {' | '.join(row)} |" for row in rows),
    )
    DOCUMENT.write_text(made, encoding="utf-8")
    assert added / seconds >= LEAST_SEQUENCED, made
    assert rows_bytes + tree_bytes <= MOST_BYTES, made
    assert verified / added * 1e7 <= MOST_SECONDS, made
    assert share >= LEAST_SHARE, made
