"""`cloison people export` as its executor runs it: two officers sign, the recipient reads, kill -9 loses nobody."""

import asyncio
import hashlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from pyrage import decrypt, x25519
from support.operated import PROGRAM, Done
from support.staffed import Staffed, staffed

from cloison.access import accounts
from cloison.access.accounts import Account
from cloison.client import Client
from cloison.client.passkey import SoftwarePasskey
from cloison.errors import ActImpossibleError, ActScopeError, BadRequestError
from cloison.model import Outcome
from cloison.register import retention_term, synthetic
from cloison.replay.sessions import give_passkey
from cloison.store.pools import connect

EXECUTOR, PEOPLE = "ada", 250
ASKED = {"purpose": "follow_up", "compartments": ["identity", "contact"], "hours": 8, "reason": "A survey."}


class Place(NamedTuple):
    """A served home with people of one department, an executor with a passkey file, and a recipient's key."""

    staff: Staffed
    folder: Path
    key: x25519.Identity

    @property
    def recipient(self) -> str:
        """The public key."""
        return str(self.key.to_public())

    def command(self, grant: UUID, out: str, *more: str) -> list[str]:
        """The command line that exports."""
        return [
            *("people", "export", "--grant", str(grant), "--passkey", str(self.folder / "ada.passkey")),
            *("--recipient", str(self.folder / "recipient.txt"), "--out", str(self.folder / out), "--json", *more),
        ]

    def export(self, grant: UUID, out: str, *more: str) -> Done:
        """Run it."""
        return self.staff.operated.run(*self.command(grant, out, *more))

    def read(self, out: str) -> list[dict[str, Any]]:
        """What the recipient reads."""
        pages = sorted((self.folder / out).glob("*.age"))
        lines = [line for page in pages for line in decrypt(page.read_bytes(), [self.key]).splitlines()]
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """As above; nobody of the people has a relation with anybody."""
    folder = tmp_path_factory.mktemp("exports")
    with staffed(folder) as staff:
        operated = staff.operated
        synthetic.write(operated.folder / "people.csv", PEOPLE, seed=5, departments=["59"])
        operated.do("people", "import", "people.csv")
        with connect(operated.home, "owner") as owner:
            owner.execute("insert into cloison.act_threshold (people_a_day) values (100000)")
            for handle in (EXECUTOR, "bea"):
                made = accounts.create_account(
                    owner, Account(accounts.NOBODY, handle, "59", "Service", "lille", "adviser")
                )
                path = folder / f"{handle}.passkey"
                give_passkey(operated.home, owner, made, path)
                staff.passkeys[handle] = SoftwarePasskey(path)
        key = x25519.Identity.generate()
        (folder / "recipient.txt").write_text(f"{key.to_public()}\n", encoding="utf-8")
        yield Place(staff, folder, key)


async def granted(place: Place, people: int, **changes: object) -> UUID:
    """A grant that two officers signed."""
    details = {**ASKED, "people": people, "segments": ["59"], "recipient": place.recipient, **changes}
    async with place.staff.client("anna") as anna, place.staff.client("ben") as ben:
        asked = await anna.ask_for("grant.bulk", "Service", segment="59", handle=EXECUTOR, **details)
        assert (await ben.sign(asked.act)).state == "done"
    return asked.act


def test_people_of_the_grant_for_the_recipient_alone(place: Place) -> None:
    """As many people as were signed for, their compartments alone, readable by the recipient's key and on no disk."""
    grant = asyncio.run(granted(place, 120))
    done = place.export(grant, "first")
    assert done.status == 0, done.err
    result = done.json()
    assert (result["people"], result["ended"], result["unread"]) == (120, "budget", 0)
    people = place.read("first")
    assert len({one["person"] for one in people}) == len(people) == 120
    fields = {name for one in people for name in one["fields"]}  # not everybody has an e-mail address
    assert {"birth_name", "birth_date", "email"} <= fields
    assert "nir" not in fields
    written = b"".join(path.read_bytes() for path in (place.folder / "first").iterdir())
    assert people[0]["fields"]["identifier"].encode() not in written
    with connect(place.staff.operated.home, "owner") as owner:
        logged = owner.execute(
            "select count(distinct person), count(*) from cloison.entry where event = 'exported' and subject = %s "
            "and person is not null",
            (grant,),
        ).fetchone()
    assert logged == (120, 120)
    again = place.export(grant, "first").json()
    assert again == result
    sums = (place.folder / "first" / "SHA256SUMS").read_text(encoding="ascii")
    for line in sums.splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((place.folder / "first" / name).read_bytes()).hexdigest() == digest
    assert hashlib.sha256(sums.encode()).hexdigest() == result["sums"]


def test_killed_and_run_again(place: Place) -> None:
    """Kill -9 at any page: run again it has everybody once, and nobody beyond the grant's people."""
    operated = place.staff.operated
    with connect(operated.home, "owner") as owner:
        there = owner.execute(
            "select count(*) from cloison.person where cohort >= %s",
            (retention_term.cohort_of(datetime.now(UTC).date()),),
        ).fetchone()
    grant = asyncio.run(granted(place, PEOPLE, segments=["59", "62"]))
    command = [str(PROGRAM), *place.command(grant, "killed")]
    for pages in (1, 2):
        process = subprocess.Popen(
            command, env=operated.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while not (place.folder / "killed" / f"{pages:06}.age").exists() and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = place.export(grant, "killed")
    assert done.status == 0, done.err
    assert done.json()["ended"] == "everybody"
    people = [one["person"] for one in place.read("killed")]
    assert len(set(people)) == len(people) == done.json()["people"]
    assert (len(people),) == there


def test_ended_frozen_and_another_recipient(place: Place) -> None:
    """One officer ends a grant; another recipient's key, another folder's grant or account get nothing."""
    grant = asyncio.run(granted(place, 10))
    other = place.folder / "other.txt"
    other.write_text(str(x25519.Identity.generate().to_public()), encoding="utf-8")
    assert "another recipient" in place.export(grant, "other", "--recipient", str(other)).err
    assert "another export" in place.export(grant, "other").err
    stranger = place.export(grant, "stranger", "--passkey", str(place.folder / "bea.passkey"))
    assert "no such grant" in stranger.err

    async def end() -> None:
        async with place.staff.client("ben") as ben:
            await ben.refuse(grant)

    asyncio.run(end())
    assert "no such grant" in place.export(grant, "ended").err
    assert place.read("ended") == []


def test_disclosure_to_an_authority(place: Place) -> None:
    """Two officers who never read it sign; one record for the authority's key, and a line in the register."""
    operated = place.staff.operated
    with connect(operated.home, "owner") as owner:
        row = owner.execute("select person::text from cloison.person order by cohort desc limit 1").fetchone()
    assert row is not None
    said = {"authority": "Court of Fiction", "legal_basis": "Article 1", "reference": "2026/17"}

    async def disclosed() -> UUID:
        details = {**said, "person": row[0], "held_in": "59", "compartments": ["contact"], "hours": 24}
        async with place.staff.client("anna") as anna, place.staff.client("ben") as ben:
            asked = await anna.ask_for(
                "grant.disclosure", "Service", segment="59", handle=EXECUTOR, recipient=place.recipient, **details
            )
            assert (await ben.sign(asked.act)).state == "done"
        return asked.act

    grant = asyncio.run(disclosed())
    (waiting,) = operated.do("disclosures", "list")["disclosures"]
    before = operated.do("blast-radius")["exports"]
    assert waiting["fetched_at"] is None
    done = place.export(grant, "disclosed")
    assert (done.status, done.json()["people"]) == (0, 1), done.err
    (record,) = place.read("disclosed")
    assert record["person"] == row[0]
    assert "phone" in record["fields"]
    after = operated.do("blast-radius")["exports"]
    assert (after["grants"], after["people"]) == (before["grants"], before["people"] - 1)
    (told,) = operated.do("disclosures", "list")["disclosures"]
    assert told.items() >= {**said, "person": row[0], "compartments": ["contact"], "executor": EXECUTOR}.items()
    assert (told["signed_by"], told["fetched_at"] is not None) == (["anna", "ben"], True)


async def test_nobody_gets_people_in_bulk_without_two(place: Place) -> None:
    """Promise 9: no account asks for or signs its own, one signature is none, and no other act or route adds people."""
    details = {**ASKED, "people": 10, "segments": ["59"], "recipient": place.recipient}
    async with place.staff.client("anna") as anna, place.staff.client(EXECUTOR) as ada:
        with pytest.raises(ActScopeError):
            await ada.ask_for("grant.bulk", "Service", segment="59", handle=EXECUTOR, **details)
        with pytest.raises((ActScopeError, ActImpossibleError)):
            await anna.ask_for("grant.bulk", "Service", segment="00", handle="anna", **details)
        with pytest.raises(BadRequestError):
            await anna.ask_for("grant.bulk", "Service", segment="59", handle=EXECUTOR, executor="x", **details)
        asked = await anna.ask_for("grant.bulk", "Service", segment="59", handle=EXECUTOR, **details)
        with pytest.raises(ActScopeError):
            await anna.sign(asked.act)
    async with place.staff.client(EXECUTOR) as door, Client(place.staff.desk, (await door.sign_in()).held) as desk:
        assert [one.act for one in await desk.exports() if one.act == asked.act] == []
        page = await desk.export_page(asked.act, "59")
    assert (page.outcome, page.people) == (Outcome.SCOPE, [])
