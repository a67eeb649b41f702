"""The audit log read over HTTP and by command, and people's own view of it with proofs, on a served home."""

import asyncio
import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from support.staffed import Staffed, staffed

from cloison.access import accounts
from cloison.access.organisations import create_organisation
from cloison.access.spaces import both_hash, new_code, new_spoken, read_code
from cloison.client import Client, PersonRequest
from cloison.client.log_wire import LogPage, LogRequest
from cloison.client.passkey import SoftwarePasskey
from cloison.client.space import SpaceClient
from cloison.client.space_wire import History, HistoryLine
from cloison.errors import ActImpossibleError, ActScopeError, EntryScopeError, NoSessionError, NotFoundError
from cloison.register import synthetic
from cloison.replay.sessions import give_passkey
from cloison.store.pools import connect

PARTNER = "Cap Emploi 59"
STAFF = {
    "ada": ("adviser", "Service"),
    "paul": ("partner", PARTNER),
    "mona": ("manager", PARTNER),
    "dora": ("dpo", "Service"),
}
ANCHORED_SECONDS = 30.0
ALONE = """
import sys
sys.modules["cloison"] = None
sys.path.insert(0, ".")
import proof
sys.exit(proof.main())
"""


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    """An adviser and a partner's, who follow the same people, the partner's manager, the DPO; two officers."""
    with staffed(tmp_path_factory.mktemp("reading")) as found:
        operated = found.operated
        synthetic.write(operated.folder / "people.csv", 12, seed=5, departments=["59"])
        operated.do("people", "import", "people.csv")
        with connect(operated.home, "owner") as owner:
            create_organisation(owner, PARTNER)
            for handle, (role, organisation) in STAFF.items():
                new = accounts.Account(accounts.NOBODY, handle, "59", organisation, "lille", role)
                found.passkeys[handle] = give_passkey(operated.home, owner, accounts.create_account(owner, new))
        with (operated.folder / "people.csv").open(encoding="utf-8", newline="") as file:
            numbers = [row["identifier"] for row in csv.DictReader(file) if row["commune"][:2] == "59"][:4]
        with (operated.folder / "follows.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(
                [["account", "identifier"], *([who, number] for who in ("ada", "paul") for number in numbers)]
            )
        operated.do("caseload", "import", "follows.csv")
        yield found


async def opened(staff: Staffed, handle: str) -> list[UUID]:
    """Whom somebody follows, each of whom they have just opened."""
    async with staff.client(handle) as door, Client(staff.desk, (await door.sign_in()).held) as desk:
        people = sorted(card.person for card in (await desk.caseload(whole=True)).cards)
        answers = await desk.open([wanted(each) for each in people])
        assert {answer.outcome for answer in answers} == {"open"}
    return people


def wanted(person: UUID) -> PersonRequest:
    """A request for somebody's identity and contact."""
    return PersonRequest(request=uuid4(), person=person, compartments=["identity", "contact"], purpose="follow_up")


async def read(staff: Staffed, handle: str, **asked: Any) -> LogPage:  # noqa: ANN401 - the request's own
    """A page of the log, as somebody reads it at the desk."""
    async with staff.client(handle) as door, Client(staff.desk, (await door.sign_in()).held) as desk:
        return await desk.log(LogRequest(**asked))


def invite(staff: Staffed, person: UUID) -> tuple[str, str]:
    """Both halves of an invitation, as intake would make it for the adviser."""
    code, spoken = new_code("59"), new_spoken()
    halves = read_code(code)
    with connect(staff.operated.home, "owner") as owner:
        owner.execute(
            "insert into cloison.space_invitation (segment, person, invited_at, login, session, code_hash, both_hash, "
            "expires_at) values ('59', %s, now(), %s, %s, %s, %s, now() + interval '1 hour')",
            (person, uuid4(), uuid4(), halves.code_hash, both_hash(halves, spoken)),
        )
    return code, spoken


async def come_in(staff: Staffed, person: UUID) -> SpaceClient:
    """Somebody in their own space, with a new passkey."""
    passkey = SoftwarePasskey()
    space = SpaceClient(staff.operated.home.config.space.public_origin)
    await space.redeem(*invite(staff, person), f"{uuid4()}@example.org", passkey=passkey)
    await space.touch_in(passkey)
    return space


def who_opened(history: History) -> set[str | None]:
    """Of which organisations the record was opened."""
    return {line.organisation for line in history.lines if line.event == "open"}


async def anchored(space: SpaceClient) -> list[HistoryLine]:
    """The lines of somebody, once a witness has signed for all of them."""
    until = time.monotonic() + ANCHORED_SECONDS
    while time.monotonic() < until:
        lines = (await space.history()).lines
        if all(line.anchored for line in lines):
            return lines
        await asyncio.sleep(0.5)
    raise AssertionError("a witness has not signed")


def by_a_stranger(staff: Staffed, proof: object) -> str:
    """What somebody with the log's public keys is told of a proof that holds, without Cloison and offline."""
    folder = staff.operated.folder / "log"
    exported = staff.operated.do("audit", "export", folder.name)
    (folder / "proof.json").write_text(json.dumps(proof), encoding="utf-8")
    keys = ["--key", exported["key"], *(word for key in exported["witnesses"] for word in ("--witness", key))]
    checked = [sys.executable, "-c", ALONE, "proof.json", *keys]
    done = subprocess.run(checked, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return done.stdout


async def test_officers_and_dpos_read(staff: Staffed) -> None:
    """By person, account, organisation and time, page by page; a manager of a partner only their own organisation's."""
    people = await opened(staff, "ada")
    assert await opened(staff, "paul") == people
    for who in ("anna", "dora"):
        page = await read(staff, who, person=people[0])
        doings = [(one.account, one.event, one.compartments) for one in page.entries if one.event == "open"]
        assert doings == [("paul", "open", ["identity", "contact"]), ("ada", "open", ["identity", "contact"])]
    first = await read(staff, "anna", account="ada", limit=3)
    second = await read(staff, "anna", account="ada", limit=3, cursor=first.cursor)
    assert len({(one.segment, one.number) for one in (*first.entries, *second.entries)}) == 6
    assert {one.organisation for one in (await read(staff, "anna", organisation=PARTNER)).entries} == {PARTNER}
    soon = datetime.now(UTC) + timedelta(minutes=1)
    assert (await read(staff, "anna", since=soon)).entries == []
    assert (await read(staff, "anna", until=soon, since=soon - timedelta(hours=1))).entries != []
    seen = await read(staff, "mona", person=people[0])
    assert {one.organisation for one in seen.entries} == {PARTNER}
    assert {one.account for one in seen.entries if one.event == "open"} == {"paul"}
    for asked in ({"account": "ada"}, {"organisation": "Service"}, {"account": "nobody"}):
        with pytest.raises(EntryScopeError):
            await read(staff, "mona", **asked)
    with pytest.raises(EntryScopeError):
        await read(staff, "ada", person=people[0])
    with pytest.raises(NotFoundError):
        await read(staff, "anna", account="nobody")
    told = await read(staff, "anna", person=people[0])
    assert {("log_read", "anna", "open"), ("log_read", "ada", "scope")} <= {
        (one.event, one.account, one.outcome) for one in told.entries
    }


async def test_by_command(staff: Staffed) -> None:
    """Whoever runs the machine reads it too, and is in it for that."""
    operated = staff.operated
    found = operated.do("audit", "list", "--account", "paul", "--limit", "2")
    assert [one["account"] for one in found["entries"]] == ["paul", "paul"]
    more = operated.do("audit", "list", "--account", "paul", "--limit", "2", "--cursor", found["cursor"])
    assert more["entries"] != found["entries"]
    person = next(one["person"] for one in found["entries"] if one["person"])
    by_person = operated.do("audit", "list", "--person", person, "--since", f"{datetime.now(UTC):%Y-%m-%d}")
    assert by_person["entries"][0]["event"] == "log_read"
    assert "paul" in operated.run("audit", "list", "--organisation", PARTNER).out
    assert operated.run("audit", "list", "--account", "nobody").status == 1


async def test_a_person_proves_a_line(staff: Staffed) -> None:
    """Each line is anchored within seconds; its proof holds offline, and shows no account, session or device."""
    person = (await opened(staff, "ada"))[1]
    async with await come_in(staff, person) as space:
        lines = await anchored(space)
        line = lines[0]
        assert (line.event, line.organisation, line.agency, line.role) == ("open", "Service", "lille", "adviser")
        assert (line.account, line.purpose, line.compartments) == (None, "follow_up", ["identity", "contact"])
        proof = await space.prove(line)
        with pytest.raises(NotFoundError):
            await space.prove(_elsewhere(line, lines))
    told = by_a_stranger(staff, proof)
    assert f"person: {person}" in told
    assert "purpose: 0" in told
    assert set(proof["disclosed"]) == {
        *("segment", "at", "event", "outcome", "organisation", "person", "compartments", "purpose", "relation"),
    }
    text = json.dumps(proof)
    with connect(staff.operated.home, "owner") as owner:
        secret = owner.execute("select account::text, session::text from cloison.entry where event = 'open'").fetchall()
        keys_there = [row[0].hex() for row in owner.execute("select key from cloison.log_blinding").fetchall()]
    assert not any(word in text or word.replace("-", "") in text for row in secret for word in row)
    assert keys_there
    assert not any(key in text for key in keys_there)


async def test_another_ones_line_is_not_proved(staff: Staffed) -> None:
    """Attack: somebody asks for proofs of places that are not theirs; and without a session for any."""
    people = await opened(staff, "ada")
    async with await come_in(staff, people[2]) as mine, await come_in(staff, people[3]) as theirs:
        own, others = await anchored(mine), await anchored(theirs)
        assert {(line.log, line.place) for line in own} & {(line.log, line.place) for line in others} == set()
        for line in others:
            with pytest.raises(NotFoundError):
                await mine.prove(line)
        await mine.sign_out()
        with pytest.raises(NoSessionError):
            await mine.history()
        with pytest.raises(NoSessionError):
            await mine.prove(own[0])


async def test_a_declared_investigation_delays(staff: Staffed) -> None:
    """Two declare it, everybody is told that and until when; ended, all is there. Managers see nothing of it."""
    person = (await opened(staff, "paul"))[0]
    day = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    terms = {"handle": "paul", "segment": "59", "until": day, "reason": "A complaint is looked into."}
    async with await come_in(staff, person) as space:
        await anchored(space)
        before = await space.history()
        assert (who_opened(before), before.delayed_until) == ({PARTNER, "Service"}, None)
        async with staff.client("dora") as dora, staff.client("anna") as anna, staff.client("mona") as mona:
            for wrong in ({"until": "2099-01-01"}, {"until": "2020-01-01"}, {"until": "soon"}):
                with pytest.raises(ActImpossibleError):
                    await dora.ask_for("investigation.account", PARTNER, **{**terms, **wrong})
            with pytest.raises(ActScopeError):
                await mona.ask_for("investigation.account", PARTNER, **terms)
            asked = await dora.ask_for("investigation.account", PARTNER, **terms)
            assert asked.act not in {one.act for one in await mona.waiting()}
            with pytest.raises(ActScopeError):
                await dora.sign(asked.act)
            assert (await space.history()).delayed_until is None
            assert (await anna.sign(asked.act)).state == "done"
            during = await space.history()
            assert PARTNER not in who_opened(during)
            assert during.delayed_until is not None
            assert f"{during.delayed_until - timedelta(seconds=1):%Y-%m-%d}" == day
            hidden = next(line for line in before.lines if (line.event, line.organisation) == ("open", PARTNER))
            with pytest.raises(NotFoundError):
                await space.prove(hidden)
            purpose = {"purpose": "follow_up", "until": day, "reason": "Another one."}
            other = await dora.ask_for("investigation.purpose", "Service", **purpose)
            assert (await anna.sign(other.act)).state == "done"
            assert who_opened(await space.history()) == set()
            events = [one.event for one in (await read(staff, "dora")).entries]
            assert events.count("investigation_declared") == 2
            with pytest.raises(NotFoundError):
                await mona.refuse(asked.act)
            await anna.refuse(asked.act)
            await dora.refuse(other.act)
        after = await space.history()
        assert (len(after.lines), who_opened(after), after.delayed_until) == (
            len(before.lines),
            who_opened(before),
            None,
        )


def _elsewhere(line: HistoryLine, lines: list[HistoryLine]) -> HistoryLine:
    """A line's neighbour in the log, which is somebody else's."""
    own = {each.place for each in lines}
    place = next(each for each in range(1_000) if each not in own)
    return HistoryLine(**{name: getattr(line, name) for name in line.__struct_fields__} | {"place": place})
