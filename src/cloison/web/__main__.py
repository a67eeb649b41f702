"""`python -m cloison.web`: serves the desk of `CLOISON_HOME`, in one process.

One process, because the meter batches the requests of all clients together, and because a desk that is killed must
leave no worker behind that holds its port and its secrets. TLS ends in the reverse proxy before it.
"""

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable

import psutil
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from litestar import Litestar

from cloison.config import Home, WebConfig
from cloison.errors import CloisonError, ConfigError
from cloison.web.admission import Admission
from cloison.web.application import desk_app
from cloison.web.kept import Kept

# What a client may hold that sends slowly or nothing at all. Granian counts connections, idle ones too, and accepts no
# more than these; the rest waits in the kernel's queue until a slow one has used up its time.
CONNECTIONS = 8_192
QUEUE = 1_024
# To send the headers, and between two requests on one connection. Longer than the 5 seconds for which httpx keeps an
# idle connection, so that the client is the first to close it and no request meets a closing one.
HEADER_MILLISECONDS = 10_000
HEADER_BYTES = 16_384  # read ahead for each connection: 128 MB for all of them, where Granian's own 400 kB were 3 GB
# For whoever reads no answers: what is sent and not taken by then ends the connection, or enough of them would keep
# everybody else out for ever.
READ_MILLISECONDS = 10_000
LISTENING_SECONDS = 0.02  # between two looks for the socket
YOUNG_OBJECTS = 50_000  # made before circles among them are looked for, of which a request leaves few
SPARE_FILES = 256  # beside the connections: the database's, the keeper's, Python's own

_log = logging.getLogger("cloison.web")


async def serve(web: WebConfig, app: Litestar) -> None:
    """Serve until SIGTERM or SIGINT; what is under way then is answered first."""
    refuse_taken(web.host, web.port)
    server = Server(
        Kept(Admission(app, web.waiting_requests, app.state.metrics, web.address_header)),
        address=web.host,
        port=web.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,  # a reverse proxy speaks HTTP/1.1 to what is behind it; HTTP/2 has floods of its own
        websockets=False,
        backlog=QUEUE,
        backpressure=_connections(),
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS, max_buffer_size=HEADER_BYTES),
        log_enabled=False,  # it would configure logging anew, with lines a connection
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    _log.info("listening on %s:%s", web.host, web.port)
    gc.freeze()  # what was made at the start stays: looking through it again took a tenth of a busy desk's time
    gc.set_threshold(YOUNG_OBJECTS)
    bounding = asyncio.create_task(_bound_reading(web.port))
    await server.serve()
    bounding.cancel()


def main() -> int:
    """Run the desk; 1 where it cannot be set up, with the reason on standard error."""
    return run("web", lambda home: (home.config.web, desk_app(home)))


def run(name: str, made: Callable[[Home], tuple[WebConfig, Litestar]]) -> int:
    """Serve what `made` makes of the home, until it is told to stop; 1 where it cannot be set up, with the reason."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would write down the address of each change: of whom
    try:
        uvloop.run(serve(*made(Home())))
    except CloisonError as error:
        logging.getLogger(f"cloison.{name}").error("%s: %s", error.code, error)  # noqa: TRY400 - it says what to do by itself
        return 1
    return 0


def refuse_taken(host: str, port: int) -> None:
    """Raise ConfigError if somebody has the address.

    Granian shares its port with whoever shares theirs: two desks would answer in turn, each for its own home.
    """
    try:
        socket.create_server((host, port), family=_family(host)).close()
    except OSError as error:
        raise ConfigError(
            reason=f"nobody can listen on {host}:{port} ({error.strerror}); set another port in cloison.toml"
        ) from error


async def _bound_reading(port: int) -> None:
    """Set READ_MILLISECONDS on Granian's listening socket, for all its connections; Granian has no setting for it."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it
    while option is not None:
        for found in psutil.Process().net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr.port == port:
                with socket.socket(fileno=os.dup(found.fd)) as listening:
                    listening.setsockopt(socket.IPPROTO_TCP, option, READ_MILLISECONDS)
                return
        await asyncio.sleep(LISTENING_SECONDS)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _connections() -> int:
    """How many connections fit: as many as wanted, or as the system lets this process have files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + SPARE_FILES
    files = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(files - SPARE_FILES, 1)


if __name__ == "__main__":
    sys.exit(main())
