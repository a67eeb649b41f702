"""`python -m cloison.web`: serves the desk of `CLOISON_HOME`."""

import asyncio
import logging
import signal

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from cloison.config import Home
from cloison.web.application import desk_app


async def serve(home: Home) -> None:
    server = Server(
        desk_app(home),
        address=home.config.web.host,
        port=home.config.web.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=1024,
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=65536),
    )
    loop = asyncio.get_running_loop()
    for s in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(s, server.stop)
    await server.serve()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    uvloop.run(serve(Home()))
