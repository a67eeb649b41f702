"""`python -m cloison.intake`: serves the intake door of `CLOISON_HOME`, in one process, on a Unix socket of its own.

One process, so that one change of a person is under way at a time; its socket is for its own user alone.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from cloison.config import Home
from cloison.errors import CloisonError, ConfigError
from cloison.intake.application import intake_app
from cloison.web.kept import Kept

QUEUE = 256
CONNECTIONS = 256  # the desk keeps fewer
HEADER_MILLISECONDS = 30_000  # longer than the desk keeps an idle connection
OURS_ALONE = 0o177

_log = logging.getLogger("cloison.intake")


async def serve(home: Home) -> None:
    """Serve until SIGTERM or SIGINT; what is under way then is answered first."""
    path = home.intake_socket
    clear(path)
    os.umask(OURS_ALONE)  # whoever may connect may try tokens
    server = Server(
        Kept(intake_app(home)),
        uds=path,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=QUEUE,
        backpressure=CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS),
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    _log.info("the intake door listens on %s", path)
    await server.serve()


def clear(path: Path) -> None:
    """Remove a socket that a killed door left; raises ConfigError where one still answers."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
        else:
            raise ConfigError(reason=f"another intake door answers at {path}")


def main() -> int:
    """Run the door; 1 where it cannot be set up, with the reason on standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        uvloop.run(serve(Home()))
    except CloisonError as error:
        _log.error("%s: %s", error.code, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
