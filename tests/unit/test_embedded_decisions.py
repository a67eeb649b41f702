"""What the embedded PostgreSQL decides without running anything."""

import errno
import os
from pathlib import Path

import pytest

from cloison.errors import EmbeddedDatabaseError
from cloison.store import postgres_settings as settings
from cloison.store.postgres_binaries import DEFAULT_MAJOR, find_binaries
from cloison.store.postmaster import Postmaster, clear_stale_lock, living, parse_pid_file

PID_FILE = "4711\n/srv/data\n1795374468\n5432\n/srv/run\n\n  5432001   1\nready   \n"


@pytest.mark.parametrize(
    ("environ", "made_by", "expected"),
    [
        ({}, None, DEFAULT_MAJOR),
        ({}, 16, 16),
        ({"CLOISON_POSTGRES": "16"}, None, 16),
        ({"CLOISON_POSTGRES": "18"}, 18, 18),
        ({"CLOISON_POSTGRES": ""}, None, DEFAULT_MAJOR),
    ],
)
def test_version_that_is_chosen(environ: dict[str, str], made_by: int | None, expected: int) -> None:
    """The version asked for is taken, else the one that made the database, else the default."""
    assert find_binaries(environ, made_by).major == expected


@pytest.mark.parametrize(
    ("environ", "made_by", "advice"),
    [
        ({"CLOISON_POSTGRES": "14"}, None, "must be 16 or 18"),
        ({"CLOISON_POSTGRES": "18; true"}, None, "must be 16 or 18"),
        ({"CLOISON_POSTGRES": "16"}, 18, "CLOISON_POSTGRES=18"),
        ({}, 15, "CLOISON_POSTGRES_BIN to the folder of PostgreSQL 15"),
        ({"CLOISON_POSTGRES_BIN": "no-such-folder"}, None, "has no initdb"),
    ],
)
def test_version_that_is_refused(environ: dict[str, str], made_by: int | None, advice: str) -> None:
    """What cannot run is refused before anything runs, and the message names the setting to change."""
    with pytest.raises(EmbeddedDatabaseError, match=advice):
        find_binaries(environ, made_by)


@pytest.mark.parametrize(("script", "advice"), [("echo 'postgres (PostgreSQL) 14.9'", "older"), ("exit 1", "run")])
def test_folder_of_unfit_programs(tmp_path: Path, script: str, advice: str) -> None:
    """Programs that are too old or do not run here are refused."""
    for name in ("initdb", "pg_ctl", "postgres"):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o700)
    with pytest.raises(EmbeddedDatabaseError, match=advice):
        find_binaries({"CLOISON_POSTGRES_BIN": str(tmp_path)}, None)


def test_pid_file() -> None:
    """The process, the socket's folder and the state are read from their lines."""
    assert parse_pid_file(PID_FILE) == Postmaster(4711, "/srv/run", ready=True)
    assert parse_pid_file(PID_FILE.replace("ready   ", "starting")) == Postmaster(4711, "/srv/run", ready=False)


@pytest.mark.parametrize("text", ["", "4711\n", "not a number\n\n\n\n\n\n", PID_FILE[:20]])
def test_half_written_pid_file(text: str) -> None:
    """A file that is not whole yet says nothing."""
    assert parse_pid_file(text) is None


def test_pid_of_a_process_elsewhere(tmp_path: Path) -> None:
    """A living process that does not work in the folder is not its PostgreSQL, and its stale lock goes."""
    lock = tmp_path / "postmaster.pid"
    lock.write_text(PID_FILE.replace("4711", str(os.getpid())), encoding="utf-8")
    assert living(tmp_path) is None
    clear_stale_lock(lock, tmp_path)
    assert not lock.exists()


@pytest.mark.parametrize("text", ["", "soon\n", "999999999\n"])
def test_lock_of_nobody(tmp_path: Path, text: str) -> None:
    """A lock that names no living process is left to PostgreSQL, which looks for survivors itself."""
    lock = tmp_path / "postmaster.pid"
    lock.write_text(text, encoding="utf-8")
    clear_stale_lock(lock, tmp_path)
    assert lock.exists()


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("FATAL:  could not extend file: No space left on device", "free space"),
        (f"error: {OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))}", "free space"),
        ("HINT:  Check free disk space.", "free space"),
        ("FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use", "end them"),
        ('FATAL:  configuration file "x" contains errors', "local.conf"),
        ("creating configuration files ... ok\nFATAL:  something unheard of", "something unheard of"),
        ("", "log/postgresql.log"),
    ],
)
def test_advice(output: str, advice: str) -> None:
    """A failure that is known is told as what to do; any other by PostgreSQL's own last word."""
    assert advice in settings.explain(output)


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        ("/srv/run", """'"/srv/run"'"""),
        ("/l'été", """'"/l''été"'"""),
        ('/a"b,c', """'"/a""b,c"'"""),
        ("/back\\slash\n", """'"/back\\\\slash\\n"'"""),
    ],
)
def test_folder_as_a_setting(folder: str, line: str) -> None:
    """Whatever a folder's name holds stays inside the quotes."""
    assert f"unix_socket_directories = {line}\n" in settings.settings_text(16, Path(folder), 2**30)


@pytest.mark.parametrize(("major", "there"), [(15, False), (16, False), (17, True), (18, True)])
def test_settings_that_a_version_knows(major: int, *, there: bool) -> None:
    """ALTER SYSTEM is forbidden where the version can forbid it; older ones would not start with that line."""
    assert ("allow_alter_system = off" in settings.settings_text(major, Path("/srv/run"), 2**30)) == there


def test_each_setting_stands_once() -> None:
    """No setting is given twice, where the later line would silently win."""
    lines = settings.settings_text(18, Path("/srv/run"), 2**30).splitlines()
    names = [line.split("=")[0].strip() for line in lines if "=" in line and line[0].isalpha()]
    assert len(names) == len(set(names))
    assert len(names) > 50


@pytest.mark.parametrize(("gigabytes", "shared"), [(1, "128MB"), (4, "256MB"), (64, "4096MB"), (1024, "8192MB")])
def test_memory_follows_the_machine(gigabytes: int, shared: str) -> None:
    """A sixteenth of the memory for shared buffers, within bounds."""
    assert f"shared_buffers = {shared}\n" in settings.settings_text(18, Path("/srv/run"), gigabytes * 2**30)
