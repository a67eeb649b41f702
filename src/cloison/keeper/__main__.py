"""`python -m cloison.keeper`: the keeper's process, until SIGTERM or SIGINT.

1. Nothing it writes is open to others, and it leaves no core dump.
2. The passphrase lies outside the home, the folder is closed to others, and no other keeper works on it.
3. Root key, keys and ledger are opened; only then does the socket answer, and one line on standard error says
   so.
"""

import asyncio
import fcntl
import gc
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

from cloison.config import Home
from cloison.errors import CloisonError, ConfigError
from cloison.keeper.ceilings import Ceilings
from cloison.keeper.exporting import Exports
from cloison.keeper.keyring import Keyring
from cloison.keeper.ledger import Ledger
from cloison.keeper.opening import Rooms
from cloison.keeper.providers import RootKey
from cloison.keeper.providers.file import open_root_key
from cloison.keeper.server import Server
from cloison.keeper.service import Service
from cloison.keeper.sessions import Sessions
from cloison.keeper.setup import caller_secrets, check_folder, key_store, read_passphrase, root_key_file

READY = "cloison.keeper: ready"
YOUNG_OBJECTS = 50_000  # requests leave no circles behind; the search for some would be a fifth of an enrolment


def main() -> int:
    """Run the keeper of `CLOISON_HOME`; returns 0 after a signal, 1 if it could not start or go on."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")
    home = Home()
    try:
        passphrase = read_passphrase(home)
        check_folder(home.keeper)
        with _alone(home):
            root = open_root_key(root_key_file(home), passphrase)
            del passphrase
            uvloop.run(_serve(home, root))
    except CloisonError as error:
        sys.stderr.write(f"cloison.keeper: {error}\n")
        return 1
    return 0


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Holds the folder's lock, which the kernel frees with the process; raises ConfigError if it is held."""
    with (home.keeper / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(reason=f"another keeper works on {home.keeper}") from error
        yield


@contextmanager
def _rooms(home: Home, root: RootKey) -> Iterator[Rooms]:
    """All that the service works with; closed at the end."""
    with key_store(home) as store:
        ledger = Ledger(home.keeper / "ledger.db")
        try:
            ceilings = Ceilings(home.config.keeper, ledger.history)
            yield Rooms(
                home.config.keeper,
                Keyring(root, store),
                store,
                ledger,
                Sessions(ledger, time.time()),
                ceilings,
                Exports(ledger, time.time()),
            )
        finally:
            ledger.close()


async def _serve(home: Home, root: RootKey) -> None:
    """Serves until a signal comes."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with _rooms(home, root) as rooms:
        server = Server(Service(rooms), caller_secrets(home))
        gc.freeze()  # what was read at the start stays; looking through it again would delay an opening
        gc.set_threshold(YOUNG_OBJECTS)
        await server.serve(home.keeper_socket, stop, _say_ready)


def _say_ready() -> None:
    sys.stderr.write(READY + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
