"""Each attacker is worth something: let loose on the register as it was, it takes everybody."""

import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from cloison.client import Client, Credentials, DeviceKey
from cloison.config import Home
from cloison.errors import NoSessionError
from cloison.register import synthetic
from cloison.replay import dumps
from cloison.replay.attackers import (
    Leaked,
    Prey,
    asked_for,
    greedy_session,
    guessed_identifiers,
    neighbours,
    parallel_connections,
)
from cloison.replay.attackers_batch import mixed_batch, poisoned
from cloison.replay.known_people import Known, read_people
from cloison.replay.loot import Loot
from cloison.replay.throwaway import Unguarded, register_as_it_was, throw_away_home
from cloison.store.postgres_binaries import find_binaries

pytestmark = pytest.mark.one_version  # the attackers' worth; nothing of ours is in that register

PEOPLE = 1_500
CASELOAD = 92
SECONDS = 20.0


@pytest.fixture(scope="module")
def people_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The people file, of fictional people."""
    path = tmp_path_factory.mktemp("people") / "people.csv"
    synthetic.write(path, PEOPLE, seed=3)
    return path


@pytest.fixture(scope="module")
def known(people_file: Path) -> list[Known]:
    """Its people."""
    return read_people(people_file)


@pytest.fixture(scope="module")
def server() -> Iterator[Home]:
    """A throw-away database server."""
    with throw_away_home() as home:
        yield home


@pytest.fixture(scope="module")
def as_it_was(server: Home, people_file: Path) -> Iterator[Unguarded]:
    """The register as it was."""
    with register_as_it_was(server, people_file, range(1, 1 + CASELOAD)) as unguarded:
        yield unguarded


@pytest.fixture
def prey(as_it_was: Unguarded, known: list[Known]) -> Prey:
    """A stolen session on it, and a thief who counts people's numbers up."""
    return Prey(
        base_url=as_it_was.base_url,
        held=Credentials(as_it_was.token, DeviceKey()),
        purpose="follow_up",
        compartments=["identity"],
        people=[UUID(int=number) for number in range(1, PEOPLE + 1)],
        leaked=[Leaked(one.nir, one.birth_date, one.identifier) for one in known[:40]],
        batch=200,
    )


def test_the_register_as_it_was_holds_everybody(as_it_was: Unguarded) -> None:
    """The comparison is fair: the same people are in it."""
    assert as_it_was.people == PEOPLE


@pytest.mark.parametrize("attack", [greedy_session, parallel_connections, guessed_identifiers])
async def test_stolen_session_takes_everybody(prey: Prey, attack: Callable[[Prey, Loot], Awaitable[None]]) -> None:
    """One stolen session is enough, however it goes about it."""
    loot = Loot(SECONDS)
    await attack(prey, loot)
    assert loot.people == PEOPLE


async def test_mixed_batch_takes_everybody(prey: Prey) -> None:
    """Poison spoils nothing for a server that looks at nothing."""
    loot = Loot(SECONDS)
    await mixed_batch(prey, list(prey.people[:CASELOAD]), loot)
    assert loot.people == PEOPLE


async def test_whole_caseload_comes_at_once(prey: Prey) -> None:
    """A caseload has no pages and no budget."""
    async with Client(prey.base_url, prey.held) as desk:
        listed = await desk.caseload(whole=True)
    assert len(listed.cards) == CASELOAD
    assert listed.next is None


async def test_whole_records_come(prey: Prey, known: list[Known]) -> None:
    """Every field comes, NIR and address included, whatever compartments were asked for."""
    async with Client(prey.base_url, prey.held) as desk:
        (opened,) = await desk.open(asked_for(prey, prey.people[:1]))
    assert opened.fields is not None
    assert (opened.fields["identifier"], opened.fields["nir"]) == (known[0].identifier, known[0].nir)


async def test_register_as_it_was_wants_a_session_too(prey: Prey) -> None:
    """The comparison is fair: without a valid token nobody comes in."""
    async with Client(prey.base_url, Credentials("00." + "A" * 43, DeviceKey())) as desk:
        with pytest.raises(NoSessionError):
            await desk.caseload(whole=True)


def test_its_database_login_reads_everybody(as_it_was: Unguarded) -> None:
    """The web server's own login may select from the table of people."""
    with psycopg.connect(as_it_was.conninfo) as connection:
        assert connection.execute("select count(nir) from person").fetchone() == (PEOPLE,)


def test_its_dump_is_readable(as_it_was: Unguarded, known: list[Known], tmp_path: Path) -> None:
    """A stolen dump gives everybody away."""
    dumped = dump(as_it_was.conninfo, tmp_path / "dump.sql")
    assert len(dumps.readable_people(dumped, known)) == PEOPLE


def test_hexadecimal_hides_nobody(as_it_was: Unguarded, known: list[Known], tmp_path: Path) -> None:
    """Plaintext in binary columns is found in a dump as well."""
    with psycopg.connect(as_it_was.conninfo) as connection:
        connection.execute("create table hidden as select array[convert_to(nir, 'UTF8')] as sealed from person")
        connection.execute("create table kept as select number from person")
        connection.execute("alter table person rename to elsewhere")
        connection.commit()
        hidden = tmp_path / "hidden.sql"
        hidden.write_bytes(
            b"".join(line for line in dump(as_it_was.conninfo, tmp_path / "all.sql").open("rb") if b"\\\\x" in line)
        )
        connection.execute("alter table elsewhere rename to person")
        connection.execute("drop table hidden, kept")
    with_nir = sum(bool(one.nir) for one in known)
    assert len(dumps.readable_people(hidden, known)) == with_nir


def test_neighbours_share_all_but_the_order() -> None:
    """Whoever knows sex, birth date and place has 998 further candidates, each with its right key."""
    for place in ("59350", "2A004", "2B033"):
        body = f"18513{place}"
        candidates = list(neighbours(f"{body}00199"))
        assert len(set(candidates)) == 998
        digits = [c.replace("2A", "19", 1).replace("2B", "18", 1) if place[0:2] in c[5:7] else c for c in candidates]
        assert [d for d in digits if (int(d[:13]) + int(d[13:])) % 97] == []


def test_poison_is_of_many_kinds(prey: Prey) -> None:
    """Duplicates, NULs, wrong types, huge values, broken text: each body is another."""
    bodies = list(poisoned(prey, prey.people[:4]))
    assert len(set(bodies)) == len(bodies) > 30
    assert any(b"\\u0000" in body for body in bodies)
    assert max(map(len, bodies)) > 1_000_000


def dump(conninfo: str, out: Path) -> Path:
    """A dump of that database."""
    with psycopg.connect(conninfo) as connection:
        major = connection.info.server_version // 10_000
    dumps.dump(conninfo, find_binaries(os.environ, major).program("pg_dump"), out)
    return out
