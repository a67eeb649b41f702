"""`cloison bench`: what the guard costs, in one run.

The steps, each told with its seconds:

1. a temporary home is made and served, with staff; beside it a plaintext table in the same server, and three desks over
   it that guard nothing (`unguarded.py`);
2. people come in, in three parts: 10,000, a hundred thousand, a million. Each part is copied into the plaintext table,
   too, so that imports are compared rate by rate; then guarded and plain openings take turns at 16 clients;
3. with everybody in, all openings take turns at 1, 16 and 64 clients, in five rounds; searches beside them;
4. the flush of a commit is timed, and tables are weighed.

Whatever ends it, what it started is stopped and removed.
"""

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import httpx
import uvloop

from cloison.bench import plaintext, processors, signing_in, workload
from cloison.bench.load import NextRequest, Sample, drive
from cloison.bench.rounds import Case, Measured, percentile, rounds
from cloison.bench.stage import Staff, Stage, stage
from cloison.bench.unguarded import HOW, PLAINTEXT, PORT, How
from cloison.errors import ConfigError
from cloison.processes import Process
from cloison.replay.throwaway import free_port
from cloison.tls import nobody

CLIENTS = (1, 16, 64)
FLAT_CLIENTS = 16
SMALLEST, GROWTH = 10_000, 10
READY_SECONDS, POLL_SECONDS = 30.0, 0.05

OPEN, SEARCH, IMPORT = "guarded opening", "guarded search", "import"
PROOF, SIGN_IN = "check of a request's proof", "sign-in by a passkey"
PLAIN = {How.SELECT: "unguarded SELECT", How.AUDITED: "SELECT + INSERT", How.BATCHED: "unguarded SELECT, batched"}
COPY = "plaintext COPY"

Tell = Callable[[str], None]


class Plan(NamedTuple):
    """How much is measured: the most people, the rounds of the last step, and the seconds of each run."""

    people: int = 1_000_000
    rounds: int = 5
    seconds: float = 0.8


class Growth(NamedTuple):
    """One part that came in: how many people there were then, and rates of import and COPY, both indexed before."""

    people: int
    imported: float
    copied: float
    openings: dict[str, Measured]


class Figures(NamedTuple):
    """All that was measured. Bytes are a person's; processor times are microseconds an opening."""

    growth: list[Growth]
    coming_in: dict[str, Measured]
    openings: dict[tuple[str, int], Measured]
    processors: processors.Seconds
    commit_p99_ms: float
    register_bytes: float
    plaintext_bytes: float


class _Desk(NamedTuple):
    """A desk that is asked: what it is called, its port, and the staff who ask it."""

    benchmark: str
    port: int
    staff: Sequence[Staff]

    def case(self, clients: int, make: Callable[[workload.Desk, Sequence[Staff], int, int], list[NextRequest]]) -> Case:
        def run(seconds: float) -> Sample:
            makers = make(workload.Desk(self.port).renew(), self.staff, clients, random.getrandbits(32))
            return uvloop.run(drive(("127.0.0.1", self.port), makers, seconds))

        return Case(self.benchmark, clients, run)


def measure(plan: Plan, tell: Tell) -> Figures:
    """Measure, telling each step; raises ConfigError where a server does not come up, and as an import does."""
    steps = _Steps(tell)
    with stage(plan.people) as it:
        steps.done(f"a home, and a file of {plan.people:,} people")
        conninfo = plaintext.create(it.home)
        growth: list[Growth] = []
        desks: list[_Desk] = []
        with contextlib.ExitStack() as servers:
            for people in sizes(plan.people):
                added = people - it.people
                imported = added / it.grow(people)
                copied = added / plaintext.grow(conninfo, it.part)
                if not desks:
                    desks = _desks(it, conninfo, servers)
                it.settle()
                steps.done(f"{people:,} people, {imported:,.0f} a second; as plain text {copied:,.0f}")
                compared = [desk.case(FLAT_CLIENTS, workload.openings) for desk in desks[:2]]
                growth.append(Growth(people, imported, copied, _by_name(compared, plan)))
                steps.done(f"openings at {FLAT_CLIENTS} clients")
            cases = [desk.case(clients, workload.openings) for clients in CLIENTS for desk in desks]
            searching = desks[0]._replace(benchmark=SEARCH)
            cases += [searching.case(clients, workload.searches) for clients in CLIENTS]
            found = rounds(cases, plan.rounds, plan.seconds)
            steps.done(f"{plan.rounds} rounds of {len(cases)} runs")
            coming_in = {PROOF: signing_in.proofs(plan.rounds), SIGN_IN: signing_in.sign_ins(it, plan.rounds)}
            steps.done("proofs and sign-ins")
            taken = _processors(it, desks[0], plan.seconds)
            commits = plaintext.commits(conninfo)
        return Figures(
            growth,
            coming_in,
            {(case.benchmark, case.clients): figure for case, figure in zip(cases, found, strict=True)},
            taken,
            percentile(commits, 99) * 1_000,
            it.bytes_of_people() / it.people,
            plaintext.size(conninfo) / it.people,
        )


def sizes(people: int) -> list[int]:
    """The sizes that a register grows through: 10,000 and its tenfolds below `people`, then `people`."""
    found = []
    size = SMALLEST
    while size < people:
        found.append(size)
        size *= GROWTH
    return [*found, people]


class _Steps:
    """Tells each step with its seconds."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._last = time.monotonic()

    def done(self, what: str) -> None:
        now = time.monotonic()
        self._tell(f"{now - self._last:6.1f} s  {what}")
        self._last = now


def _by_name(cases: Sequence[Case], plan: Plan) -> dict[str, Measured]:
    return {case.benchmark: m for case, m in zip(cases, rounds(cases, plan.rounds, plan.seconds), strict=True)}


def _desks(it: Stage, conninfo: str, servers: contextlib.ExitStack) -> list[_Desk]:
    """The guarded desk, then the plain ones, whose people are as many and spread alike."""
    staff = it.hire()
    plaintext.sign_in(conninfo, [one.held for one in staff])
    people = iter(plaintext.some_people(conninfo, sum(len(one.people) for one in staff)))
    plain = [one._replace(people=[next(people) for _ in one.people]) for one in staff]
    ports = {how: servers.enter_context(_served(it, conninfo, how)) for how in How}
    guarded = _Desk(OPEN, it.home.config.web.port, staff)
    return [guarded, *(_Desk(PLAIN[how], port, plain) for how, port in ports.items())]


@contextlib.contextmanager
def _served(it: Stage, conninfo: str, how: How) -> Iterator[int]:
    """An unguarded desk that answers; its port."""
    port = free_port()
    process = Process(it.home, "cloison.bench.unguarded", {PLAINTEXT: conninfo, PORT: str(port), HOW: how})
    try:
        process.start()
        _await_answer(process, port)
        yield port
    finally:
        process.stop()


def _await_answer(process: Process, port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2.0, verify=nobody(), trust_env=False)
        except httpx.HTTPError:
            if process.pid is None or time.monotonic() > deadline:
                raise ConfigError(reason="a desk to compare with did not start; is a port of 127.0.0.1 free?") from None
            time.sleep(POLL_SECONDS)
        else:
            return


def _processors(it: Stage, desk: _Desk, seconds: float) -> processors.Seconds:
    """Microseconds of each process an opening, at the most clients."""
    before = processors.seconds(it.processes, it.home)
    sample = desk.case(CLIENTS[-1], workload.openings).run(max(seconds, 1.0))
    return processors.microseconds_each(before, processors.seconds(it.processes, it.home), sample.opened)
