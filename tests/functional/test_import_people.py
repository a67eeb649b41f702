"""The import of people, with a real database and a real keeper: whole, repeated, killed, doubled, refused."""

import asyncio
import csv
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.database import Database
from support.keeper import RunningKeeper

from cloison.config import Home
from cloison.errors import (
    CloisonError,
    DatabaseUnavailableError,
    ImportFileError,
    KeeperUnavailableError,
)
from cloison.processes import keeper_of, running_keeper
from cloison.register import synthetic
from cloison.register.intake import Progress, Register, Summary, import_file
from cloison.register.profile import load_profile
from cloison.store.pools import pool

PEOPLE = 1_200
PROFILE = load_profile("jobseekers-fr")

# What is killed: the import as a process of its own. Arguments: home, connection string, file.
IMPORT = """
import asyncio, sys
from pathlib import Path
from cloison.config import Home
from cloison.processes import keeper_of
from cloison.register.intake import Register, import_file
from cloison.register.profile import load_profile
from cloison.store.pools import pool

async def run(home, info, file):
    async with keeper_of(Home(home), "intake") as keeper, pool(info, 2) as connections:
        await import_file(Path(file), Register(load_profile("jobseekers-fr"), keeper, connections))

asyncio.run(run(*sys.argv[1:]))
"""


@pytest.fixture(scope="module", autouse=True)
def _keeper(home: Home, passphrase_file: Path) -> Iterator[None]:
    """The keeper of the home, for this module."""
    with running_keeper(home, passphrase_file):
        yield


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A file of people of five departments."""
    path = tmp_path / "people.csv"
    synthetic.write(path, PEOPLE, seed=3, departments=["59", "2A", "971", "75", "48"])
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def save(path: Path, rows: list[dict[str, str]]) -> Path:
    """Write rows to a file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, synthetic.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def silent(_progress: Progress) -> None:
    """No progress shown."""


async def bring_in(
    database: Database, path: Path, progress: Callable[[Progress], None] = silent, home: Home | None = None
) -> Summary:
    """Import a file as the command does; `home` is another keeper's than the database's."""
    connections = pool(database.conninfo("intake"), 2)
    async with keeper_of(home or database.home, "intake") as keeper, connections:
        return await import_file(path, Register(PROFILE, keeper, connections), progress)


def state(database: Database) -> tuple[object, object, object]:
    """How many people, how many locators, and how many locators of nobody there are."""
    return (
        database.one("select count(*) from cloison.person"),
        database.one("select count(*) from cloison.locator"),
        database.one(
            "select count(*) from cloison.locator l "
            "left join cloison.person p using (segment, person) where p.person is null"
        ),
    )


def whole(path: Path) -> tuple[int, int, int]:
    """What `state` must be once the whole file is in."""
    rows = rows_of(path)
    return len(rows), sum(bool(row[field]) for row in rows for field in PROFILE.locators), 0


async def test_everybody_of_a_file_is_in_the_register(database: Database, people: Path) -> None:
    """Each in the segment of their department, with keys of their own and all compartments sealed."""
    summary = await bring_in(database, people)
    assert (summary.read, summary.inserted, summary.known, summary.rejected) == (PEOPLE, PEOPLE, 0, 0)
    assert state(database) == whole(people)
    segments = database.owner.execute("select segment, count(*) from cloison.person group by 1").fetchall()
    departments = [row["commune"][:3] if row["commune"][:2] == "97" else row["commune"][:2] for row in rows_of(people)]
    assert dict(segments) == {name: departments.count(name) for name in departments}
    assert database.one("select count(distinct key_id) from cloison.person") == PEOPLE
    assert database.one("select bool_and(cardinality(sealed) = 5) from cloison.person") is True
    assert rows_of(people.with_name("people.csv.rejects.csv")) == []


async def test_the_database_holds_nothing_readable(database: Database, people: Path) -> None:
    """No name, date, number, address or phone of the file stands anywhere in the tables of people."""
    await bring_in(database, people)
    dump = b""
    for table in ("person", "locator", "entry"):
        with database.owner.cursor().copy(f"copy (table cloison.{table}) to stdout (format binary)") as copy:
            dump += b"".join(bytes(block) for block in copy)
    assert len(dump) > PEOPLE * 500
    for row in rows_of(people):
        for field in ("birth_name", "first_names", "birth_date", "nir", "identifier", "email", "phone", "address"):
            if len(row[field]) > 4:
                assert row[field].encode() not in dump


async def test_lengths_of_sealed_rows_are_few(database: Database, people: Path) -> None:
    """The length of a sealed compartment says little of what is in it."""
    await bring_in(database, people)
    for compartment in range(1, 6):
        lengths = database.one("select count(distinct length(sealed[%s])) from cloison.person", compartment)
        assert isinstance(lengths, int)
        assert lengths <= 4


async def test_a_second_run_changes_nothing(database: Database, people: Path) -> None:
    """Everybody is known, nobody is written or enrolled again."""
    await bring_in(database, people)
    before = database.owner.execute("select * from cloison.person order by person").fetchall()
    async with keeper_of(database.home, "issuer") as keeper:
        keys = (await keeper.status()).keys_made
        summary = await bring_in(database, people)
        assert (await keeper.status()).keys_made == keys
    assert (summary.inserted, summary.known, summary.rejected) == (0, PEOPLE, 0)
    assert database.owner.execute("select * from cloison.person order by person").fetchall() == before


def test_an_import_killed_again_and_again_loses_and_doubles_nobody(database: Database, people: Path) -> None:
    """SIGKILL at any moment, five times over, then one run to the end: everybody once, no locator of nobody."""
    command = [sys.executable, "-c", IMPORT, str(database.home.path), database.conninfo("intake"), str(people)]
    seen = []
    for more_seconds in (0.0, 0.05, 0.01, 0.03, 0.02):
        process = subprocess.Popen(command)
        before = database.one("select count(*) from cloison.person")
        deadline = time.monotonic() + 20
        # wait for the first rows of this run, so that the kill falls into the writing and not into the start
        while process.poll() is None and time.monotonic() < deadline:
            if database.one("select count(*) from cloison.person") != before:
                break
            time.sleep(0.005)
        time.sleep(more_seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen.append(database.one("select count(*) from cloison.person"))
    assert 0 < int(str(seen[0])) < PEOPLE
    asyncio.run(bring_in(database, people))
    assert state(database) == whole(people)


async def test_two_imports_of_one_file_at_once_double_nobody(database: Database, people: Path) -> None:
    """What one has brought in is known to the other."""
    one, other = await asyncio.gather(bring_in(database, people), bring_in(database, people))
    assert one.inserted + other.inserted == PEOPLE
    assert one.known + other.known == PEOPLE
    assert state(database) == whole(people)


async def test_somebody_twice_in_a_file_is_in_the_register_once(database: Database, people: Path) -> None:
    """The second row is known, far from the first and right after it."""
    rows = rows_of(people)
    save(people, [*rows, rows[0], rows[-1], rows[-1]])
    summary = await bring_in(database, people)
    assert (summary.inserted, summary.known) == (PEOPLE, 3)
    assert state(database)[0] == PEOPLE


async def test_a_number_that_belongs_to_somebody_else_is_refused(
    database: Database, people: Path, tmp_path: Path
) -> None:
    """One person's NIR with another's identifier, or with a new one: a conflict, told and not written."""
    await bring_in(database, people)
    with_nir = [row for row in rows_of(people) if row["nir"]]
    namesake = {**with_nir[2], "identifier": "99999999999", "birth_name": "QUELQUUN D AUTRE"}
    younger = {**with_nir[4], "birth_date": "1999-01-01"}
    path = save(tmp_path / "more.csv", [namesake, with_nir[3], younger])
    summary = await bring_in(database, path)
    assert (summary.inserted, summary.updated, summary.known, summary.rejected) == (0, 0, 1, 2)
    assert sorted(tuple(row.values()) for row in rows_of(tmp_path / "more.csv.rejects.csv")) == [
        ("2", "nir or identifier", "conflict", ""),
        ("4", "nir or identifier", "conflict", ""),
    ]
    mixed = {**with_nir[0], "identifier": with_nir[1]["identifier"]}
    assert (await bring_in(database, save(path, [mixed]))).rejected == 1
    assert state(database)[0] == PEOPLE


async def test_wrong_rows_are_left_out_and_told_without_their_values(database: Database, people: Path) -> None:
    """The others are in; FILE.rejects.csv has row, field, reason and a mask, and no formula."""
    rows = rows_of(people)
    rows[0] |= {"birth_date": "2023-02-29", "email": "=HYPERLINK(A1)"}
    rows[2] |= {"birth_name": "MAR\x00TIN"}
    rows[4] |= {"nir": "", "identifier": ""}
    summary = await bring_in(database, save(people, rows))
    assert (summary.inserted, summary.rejected) == (PEOPLE - 3, 3)
    rejects = rows_of(people.with_name("people.csv.rejects.csv"))
    assert [tuple(reject.values()) for reject in rejects] == [
        ("2", "birth_date", "date", "2•••"),
        ("2", "email", "email", "•••"),
        ("4", "birth_name", "character", "M•••"),
        ("6", "nir or identifier", "missing", ""),
    ]


async def test_progress_is_told_while_it_goes(database: Database, people: Path) -> None:
    """From the first step to the last row, never backwards."""
    told: list[int] = []
    await bring_in(database, people, lambda progress: told.append(progress.summary.read))
    assert told == sorted(told)
    assert len(told) > 3
    assert told[-1] == PEOPLE


def test_a_file_that_breaks_off_keeps_what_was_in_it(database: Database, people: Path) -> None:
    """A row that is not UTF-8 stops the import with its number; mended and run again, everybody is in once."""
    right = people.read_bytes()
    people.write_bytes(right + b"ZO\xc9\n")
    with pytest.raises(ImportFileError, match=f"row {PEOPLE + 2}, column 1"):
        asyncio.run(bring_in(database, people))
    people.write_bytes(right)
    asyncio.run(bring_in(database, people))
    assert state(database) == whole(people)


async def test_without_a_database_the_import_says_so(home: Home, people: Path) -> None:
    """No connection: a named error, not a hang, and nobody is enrolled for nothing."""
    nowhere = "host=/nonexistent dbname=cloison user=cloison_intake"
    async with keeper_of(home, "intake") as keeper, pool(nowhere, 1) as connections:
        with pytest.raises(DatabaseUnavailableError):
            await import_file(people, Register(PROFILE, keeper, connections))


async def test_a_login_without_the_right_is_refused_by_name(home: Home, database: Database, people: Path) -> None:
    """The desk's login cannot bring anybody in."""
    async with keeper_of(home, "intake") as keeper, pool(database.conninfo("desk"), 1) as connections:
        with pytest.raises(CloisonError, match="42501"):
            await import_file(people, Register(PROFILE, keeper, connections))
    assert state(database)[0] == 0


async def test_a_keeper_that_dies_stops_the_import_and_the_next_one_ends_it(
    database: Database, people: Path, tmp_path: Path
) -> None:
    """Killed under way, the keeper leaves a named error; started again, the import completes, nobody twice."""
    path = people.with_name("many.csv")
    synthetic.write(path, 12_000, seed=4, departments=["59", "75"])
    folder = tmp_path / "keeper"
    folder.mkdir()
    own = RunningKeeper(folder).start()

    def kill_under_way(progress: Progress) -> None:
        if progress.summary.inserted:
            own.stop(signal.SIGKILL)

    try:
        with pytest.raises(KeeperUnavailableError):
            await bring_in(database, path, kill_under_way, own.home)
        assert 0 < int(str(state(database)[0])) < 12_000
        own.start()
        await bring_in(database, path, home=own.home)
    finally:
        own.stop()
    assert state(database) == whole(path)
