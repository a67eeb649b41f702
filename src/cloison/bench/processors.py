"""Which process a run's processor time went to: desk, keeper, database, and the load generator itself."""

from collections.abc import Sequence

import psutil

from cloison.config import Home
from cloison.processes import Process
from cloison.store import postmaster

Seconds = dict[str, float]
NAMES = {"cloison.web": "desk", "cloison.keeper": "keeper"}


def seconds(processes: Sequence[Process], home: Home) -> Seconds:
    """Processor seconds that each has taken until now."""
    taken = {NAMES[p.module]: _taken(psutil.Process(p.pid)) for p in processes if p.module in NAMES}
    found = postmaster.living(home.database / "data")
    if found is not None:
        server = psutil.Process(found.pid)
        ended = server.cpu_times()
        taken["database"] = ended.children_user + ended.children_system + sum(map(_taken, server.children()))
    taken["load"] = _taken(psutil.Process())
    return taken


def microseconds_each(before: Seconds, after: Seconds, people: int) -> Seconds:
    """Of what was taken between two looks, microseconds a person opened; zeros where nobody was."""
    return {name: (after[name] - before[name]) / people * 1e6 if people else 0.0 for name in before}


def _taken(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # a connection that ended between two looks
        return 0.0
    return float(times.user + times.system)
