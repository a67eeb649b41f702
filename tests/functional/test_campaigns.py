"""A campaign over HTTP: a manager asks, an officer signs, their team opens more of its caseloads; and it ends."""

import csv
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from support.operated import rows_of
from support.staffed import Staffed, staffed

from cloison.access import accounts
from cloison.client import Client, PersonRequest
from cloison.errors import ActImpossibleError, ActScopeError, NotFoundError
from cloison.model import Outcome
from cloison.register import synthetic
from cloison.replay.sessions import give_passkey
from cloison.store.pools import connect

STAFF = {"ada": ("adviser", "lille"), "zoe": ("adviser", "roubaix"), "mia": ("manager", "lille")}
CAMPAIGN = {"agency": "lille", "segment": "59", "days": 2, "people": 72, "reason": "A new allowance is told of."}
OPENED_FIRST = 10  # in five minutes, by the role's own budget
OPENED_MORE = 12  # a sixth of 72
TRIED = 14  # many refusals would end the session


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    """Advisers of two agencies, each with a caseload, and the manager of one."""
    with staffed(tmp_path_factory.mktemp("campaigns")) as found:
        operated = found.operated
        synthetic.write(operated.folder / "people.csv", 80, seed=9, departments=["59"])
        operated.do("people", "import", "people.csv")
        with connect(operated.home, "owner") as owner:
            for handle, (role, agency) in STAFF.items():
                new = accounts.Account(accounts.NOBODY, handle, "59", "Service", agency, role)
                found.passkeys[handle] = give_passkey(operated.home, owner, accounts.create_account(owner, new))
        numbers = [row["identifier"] for row in rows_of(operated.folder / "people.csv") if row["commune"][:2] == "59"]
        with (operated.folder / "follows.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(
                [["account", "identifier"], *([who, number] for who in ("ada", "zoe") for number in numbers[:30])]
            )
        operated.do("caseload", "import", "follows.csv")
        yield found


async def opened(staff: Staffed, handle: str) -> int:
    """How many of their caseload somebody gets who signs in now, until they are refused."""
    async with staff.client(handle) as door, Client(staff.desk, (await door.sign_in()).held) as desk:
        people = [card.person for card in (await desk.caseload(whole=True)).cards][:TRIED]
        answers = await desk.open([wanted(person) for person in people])
    return [answer.outcome for answer in answers].count(Outcome.OPEN)


def wanted(person: UUID) -> PersonRequest:
    """A request for somebody's contact."""
    return PersonRequest(request=uuid4(), person=person, compartments=["contact"], purpose="follow_up")


async def test_a_team_calls_its_caseloads(staff: Staffed) -> None:
    """As many more as was agreed, by whoever it was agreed for, until somebody ends it."""
    assert await opened(staff, "ada") == OPENED_FIRST
    async with staff.client("mia") as mia, staff.client("anna") as anna:
        asked = await mia.ask_for("grant.campaign", "Service", **CAMPAIGN)
        with pytest.raises(ActScopeError):
            await mia.sign(asked.act)
        (waiting,) = [one for one in await anna.waiting() if one.act == asked.act]
        assert waiting.adds == 2 * 72  # two accounts of the agency
        assert (await anna.sign(asked.act)).state == "done"
        assert await opened(staff, "ada") == OPENED_MORE
        second = await mia.ask_for("grant.campaign", "Service", **CAMPAIGN)
        with pytest.raises(ActImpossibleError):
            await anna.sign(second.act)
        (listed,) = staff.operated.do("grants", "list")["grants"]
        assert (listed["kind"], listed["state"], listed["people"]) == ("grant.campaign", "open", 72)
        assert listed["signed_by"] == ["mia", "anna"]
        radius = {one["account"]: one for one in staff.operated.do("blast-radius")["accounts"]}
        assert radius["ada"]["opened"]["minutes5"] == OPENED_FIRST + OPENED_MORE + 1  # at the counter
        assert radius["zoe"]["opened"]["minutes5"] == OPENED_FIRST + 1
        assert await opened(staff, "zoe") == OPENED_FIRST
        await mia.refuse(asked.act)
        with pytest.raises(NotFoundError):
            await mia.refuse(asked.act)
    assert staff.operated.do("grants", "list")["grants"][0]["state"] == "over"
    assert await opened(staff, "ada") <= OPENED_FIRST


async def test_campaigns_that_are_none(staff: Staffed) -> None:
    """Another agency's, too long, too many; and an adviser asks for none."""
    async with staff.client("mia") as mia, staff.client("ada") as ada:
        wrong = ({"agency": "roubaix"}, {"segment": "62"}, {"days": 6}, {"days": 0}, {"people": 501}, {"people": "all"})
        for change in wrong:
            with pytest.raises(ActImpossibleError):
                await mia.ask_for("grant.campaign", "Service", **{**CAMPAIGN, **change})
        with pytest.raises(ActScopeError):
            await ada.ask_for("grant.campaign", "Service", **CAMPAIGN)
