"""`cloison audit forward`: the audit log out to a SIEM, from where it stopped."""

import logging
import threading
from typing import Annotated

import typer

from cloison.audit import forwarder
from cloison.cli.shared import Json, show, started
from cloison.terminal import notes


def audit_forward(
    once: Annotated[bool, typer.Option("--once", help="End when what is in the log now has been forwarded.")] = False,
    as_json: Json = False,
) -> None:
    """Forward the audit log to where [forward] in cloison.toml says, as `cloison serve` does; see docs/siem.md."""
    home = started()

    def tell(progress: forwarder.Progress) -> None:
        notes.print(str(progress), soft_wrap=True)

    if once:
        progress = forwarder.once(home, tell)
        show(as_json, progress._asdict(), f"{progress}.")
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with forwarder.alone(home), forwarder.forwarding(home):
        pass  # settings that cannot be used are said at once
    forwarder.run(home, threading.Event(), tell)
