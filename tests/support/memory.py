"""Where the shared home's files are: in memory, where this machine has enough of it.

A database for each test is 560 files made and removed; a disk takes four times as long for them. What the tests see of
PostgreSQL is the same: whether the log was flushed, who waits for whom, what a killed server finds. Tests that fill
disks or kill servers have homes of their own on the disk, and `--on-disk` puts the shared one there, too.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")  # noqa: S108 - the kernel's folder in memory; ours in it has a random name and mode 0700
LEAST_BYTES = 4 * 2**30  # several times what the homes of two workers took


@contextmanager
def quick_folder(otherwise: Path, *, on_disk: bool) -> Iterator[Path]:
    """A folder in memory, removed at the end; `otherwise`, where that was asked for or there is little memory."""
    if on_disk or not _ample():
        yield otherwise
        return
    with tempfile.TemporaryDirectory(prefix="cloison-tests-", dir=MEMORY, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _ample() -> bool:
    if not os.access(MEMORY, os.W_OK):
        return False
    return min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) > LEAST_BYTES
