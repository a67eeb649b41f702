"""Disks small enough to be filled."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MEGABYTE = 2**20
PAGE = 4096


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of its own in `folder`, for the length of the block; the test fails where nobody may mount one."""
    folder.mkdir(mode=0o700)
    _root("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        _root("umount", "--lazy", str(folder))


@contextmanager
def full(disk: Path, *, but_bytes: int = 0) -> Iterator[None]:
    """The disk, but for `but_bytes`, full for the length of the block, however much others write meanwhile."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        size = _fill(file.fileno())
        file.truncate(max(size - but_bytes, 0))
    try:
        yield
    finally:
        ballast.unlink()


def _fill(file: int) -> int:
    """Grow an open file by smaller and smaller pieces until none fits; its size."""
    size, piece = 0, 64 * MEGABYTE
    while piece >= PAGE:
        try:
            os.posix_fallocate(file, size, piece)
            size += piece
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            piece //= 2
    return size


def _root(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(
            f"{done.stderr.strip()}: to fill a disk the tests mount a small one; run them as root, or in "
            "`unshare --user --map-root-user --mount`"
        )
