"""PostgreSQL is away for long: the desk is back as soon as it is, not when some doubled pause is over."""

import time
from pathlib import Path

import pytest
from support.operated import OperatedHome, healthy, wait_until

from cloison.processes import serving
from cloison.store.embedded import Embedded

OUTAGE_SECONDS = 75  # pauses between attempts that double would have reached a minute
BACK_SECONDS = 5


@pytest.mark.soak
def test_a_long_outage_ends_at_once(tmp_path: Path) -> None:
    """After more than a minute without a database records can be opened within seconds of its return."""
    operated = OperatedHome(tmp_path)
    operated.initialise()
    database = Embedded(operated.home)
    try:
        with serving(operated.home, operated.passphrase_file):  # which does not start the database again
            database.stop()
            ends_at = time.monotonic() + OUTAGE_SECONDS
            wait_until(lambda: not healthy(operated.url) and time.monotonic() > ends_at, OUTAGE_SECONDS + BACK_SECONDS)
            database.start()
            wait_until(lambda: healthy(operated.url), BACK_SECONDS)
    finally:
        database.stop()
