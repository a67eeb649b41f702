"""People met again by an import: brought up to date, never doubled, moved where they went; by the command line."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.api import calling
from support.desk import Agent, RunningRegister

from cloison.config import Home
from cloison.store.pools import connect

ALL = ["identity", "contact", "situation"]
PROGRAM = Path(sys.executable).with_name("cloison")
Row = dict[str, str]
Import = Callable[..., Any]


@pytest.fixture
def bring_in(home: Home, passphrase_file: Path, tmp_path: Path) -> Import:
    """Brings rows in by `cloison people import`; answers its JSON. `columns`: those that the file has (None: all)."""

    def run(*rows: Row, columns: list[str] | None = None) -> Any:  # noqa: ANN401 - what JSON is
        path = tmp_path / "again.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns or list(rows[0]), extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        environment = {**os.environ, "CLOISON_HOME": str(home.path), "CLOISON_PASSPHRASE_FILE": str(passphrase_file)}
        command: list[str | Path] = [PROGRAM, "people", "import", path, "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode in {0, 1}, done.stderr
        with path.with_name("again.csv.rejects.csv").open(encoding="utf-8", newline="") as file:
            return {**json.loads(done.stdout), "rejects": [tuple(row.values()) for row in csv.DictReader(file)]}

    return run


def opened(register: RunningRegister, agent: Agent) -> Row:
    """What the agent reads of the one person it follows."""
    with calling(register, agent) as api:
        [result] = api.open([only_person(register, agent)], compartments=ALL)
    assert result["outcome"] == "open", result
    return dict(result["fields"])


def only_person(register: RunningRegister, agent: Agent) -> str:
    """The one person whom the agent follows."""
    with connect(register.home, "owner") as owner:
        rows = owner.execute(
            "select person from cloison.relation join cloison.account using (account) where handle = %s",
            (agent.handle,),
        ).fetchall()
    assert len(rows) == 1
    return str(rows[0][0])


def row_in_register(register: RunningRegister, person: str) -> dict[str, Any]:
    """The person's row as it stands in the table."""
    with connect(register.home, "owner") as owner:
        cursor = owner.execute("select * from cloison.person where person = %s", (person,))
        assert cursor.description is not None
        return dict(zip([column.name for column in cursor.description], cursor.fetchone() or (), strict=True))


def test_what_is_new_is_read_and_searched(register: RunningRegister, bring_in: Import) -> None:
    """A new address, e-mail and usage name are what the desk reads, finds and shows; the older ones are gone."""
    agent = register.agent(1)
    [before] = agent.people
    after = {**before, "email": "nouvelle.adresse@example.org", "usage_name": "NEUVILLE", "address": "1 RUE NEUVE"}
    summary = bring_in(after)
    assert (summary["inserted"], summary["updated"], summary["rejected"]) == (0, 1, 0)
    read = opened(register, agent)
    assert {name: read[name] for name in ("email", "usage_name", "address")} == {
        "email": "nouvelle.adresse@example.org", "usage_name": "NEUVILLE", "address": "1 RUE NEUVE",
    }  # fmt: skip
    with calling(register, agent) as api:
        [card] = api.search(email="nouvelle.adresse@example.org")["cards"]
        assert "NEUVILLE" in card["label"]
        if before["email"]:
            assert api.search(email=before["email"])["outcome"] == "scope"


def test_the_same_again_changes_nothing(register: RunningRegister, bring_in: Import) -> None:
    """What a source tells every night is known: no new version, and nobody is sealed anew."""
    agent = register.agent(1)
    row = {**agent.people[0], "phone": "0639980001"}
    assert bring_in(row)["updated"] == 1
    person = only_person(register, agent)
    before = row_in_register(register, person)
    assert bring_in(row)["known"] == 1
    assert row_in_register(register, person) == before


def test_the_entry_of_a_change_has_version_and_hash(register: RunningRegister, bring_in: Import) -> None:
    """Intake's entry names the person, the row's version from then on, and the hash of what is sealed."""
    agent = register.agent(1)
    bring_in({**agent.people[0], "phone": "0639980002"})
    person = only_person(register, agent)
    with connect(register.home, "owner") as owner:
        entry = owner.execute(
            "select e.event, e.version, e.sealed_hash = sha256(array_to_string(array("
            "select encode(s, 'hex') from unnest(p.sealed) s), '')::bytea) "
            "from cloison.entry e join cloison.person p using (segment, person) where e.person = %s and e.version > 1",
            (person,),
        ).fetchone()
    assert entry == ("person_changed", 2, True)


def test_somebody_who_moved_is_sealed_anew_where_they_went(register: RunningRegister, bring_in: Import) -> None:
    """Another department: one row, there, under other keys; relations and numbers lead there; no double."""
    agent = register.agent(1)
    person = only_person(register, agent)
    before = row_in_register(register, person)
    moved = {**agent.people[0], "commune": "75113", "postcode": "75013", "city": "Paris"}
    assert bring_in(moved)["updated"] == 1
    after = row_in_register(register, person)
    assert (after["segment"], after["version"]) == ("75", before["version"] + 1)
    assert after["key_id"] != before["key_id"]
    assert not set(after["sealed"]) & set(before["sealed"])
    with connect(register.home, "owner") as owner:
        [[segment]] = owner.execute("select segment from cloison.relation where person = %s", (person,)).fetchall()
    assert segment == "75"
    assert bring_in({**moved, "phone": "0639980003"})["updated"] == 1
    back = bring_in({**agent.people[0], "phone": "0639980003"})
    assert (back["inserted"], back["updated"]) == (0, 1)
    assert opened(register, agent)["phone"] == "0639980003"


def test_columns_that_a_file_has_not_stay(register: RunningRegister, bring_in: Import) -> None:
    """A compartment none of whose columns are in the file is as it was; the others are new."""
    agent = register.agent(1)
    [row] = agent.people
    columns = [name for name in row if name != "nir"]
    assert bring_in({**row, "first_names": "CAMILLE"}, columns=columns)["updated"] == 1
    person = only_person(register, agent)
    assert opened(register, agent)["first_names"] == "CAMILLE"
    assert bool(row_in_register(register, person)["term1"]) is bool(row["nir"])


def test_half_a_compartment_is_refused_for_who_is_there(register: RunningRegister, bring_in: Import) -> None:
    """A file without e-mail would lose the e-mail: the row is refused with the columns that are missing."""
    agent = register.agent(1)
    [row] = agent.people
    columns = [name for name in row if name != "email"]
    before = opened(register, agent)
    summary = bring_in({**row, "address": "2 RUE NEUVE"}, columns=columns)
    assert summary["rejects"] == [("2", "email", "partial", "")]
    assert opened(register, agent) == before


def test_a_provisional_nir_gives_way_to_the_definitive_one(register: RunningRegister, bring_in: Import) -> None:
    """Somebody known by identifier who had a provisional NIR gets the definitive one; two definitive ones conflict."""
    [template] = register.agent(1).people
    person = {**template, "identifier": "88800000001", "nir": "384132211700182", "email": "", "phone": ""}
    assert bring_in(person)["inserted"] == 1
    definitive = {**person, "nir": "284132211700135"}
    summary = bring_in(definitive)
    assert (summary["updated"], summary["rejects"]) == (1, [])
    other = bring_in({**definitive, "nir": "284132211700234"})
    assert other["rejects"] == [("2", "nir or identifier", "conflict", "")]
    assert bring_in({**definitive, "identifier": ""})["inserted"] == 0


def test_a_new_identifier_is_the_same_persons(register: RunningRegister, bring_in: Import) -> None:
    """NIR, birth date and name agree: the identifier of the older form is replaced, and still leads to them."""
    agent = register.agent(8)
    row = next(r for r in agent.people if r["nir"])
    renumbered = {**row, "identifier": "77700000001"}
    assert bring_in(renumbered)["updated"] == 1
    assert bring_in(renumbered)["known"] == 1
    assert bring_in({**row, "phone": "0639980009"})["inserted"] == 0
