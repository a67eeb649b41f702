"""The scenarios of those who want to come in have teeth: with one control weakened, the same attackers take people."""

import asyncio
import contextlib
import csv
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from support.staffed import Staffed, staffed

from cloison.client import Credentials, DeviceKey
from cloison.client.passkey import SoftwarePasskey
from cloison.client.signin import SigninClient
from cloison.errors import CloisonError
from cloison.register import synthetic
from cloison.replay.attackers import Leaked, Prey
from cloison.replay.attackers_signin import Victim, hijacked_cookie, hijacked_manager
from cloison.replay.loot import Loot

pytestmark = pytest.mark.one_version  # an officer who does not read, a key that is stolen

SEGMENT = "59"


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    """A served home with people of one department, two officers and a manager."""
    folder = tmp_path_factory.mktemp("teeth")
    synthetic.write(folder / "people.csv", 60, seed=3, departments=[SEGMENT])
    with staffed(folder) as found:
        found.operated.do("people", "import", folder / "people.csv")
        asyncio.run(hire_a_manager(found))
        yield found


async def hire_a_manager(staff: Staffed) -> None:
    """Paula, admitted by both officers."""
    async with staff.client("anna") as anna, staff.client("ben") as ben:
        details = {"handle": "paula", "segment": SEGMENT, "agency": "lille", "role": "manager"}
        asked = await anna.ask_for("account.create", "Service", **details)
        await ben.sign(asked.act)
        code = (await anna.hand_over(SEGMENT, "paula")).code
    staff.passkeys["paula"] = SoftwarePasskey()
    async with staff.client("paula") as paula:
        await paula.redeem(code)


def wanted(staff: Staffed, folder: Path) -> tuple[Prey, Victim]:
    """Whom the thief would take, by a leaked list, and by whose account."""
    with (folder / "people.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["nir"]]
    leaked = [Leaked(row["nir"].replace(" ", ""), row["birth_date"], row["identifier"]) for row in rows]
    prey = Prey(
        base_url=staff.desk,
        held=Credentials("", DeviceKey()),
        purpose="reception",
        compartments=["identity"],
        people=[],
        leaked=leaked,
    )
    return prey, Victim(staff.signin, SEGMENT, uuid4(), "paula")


async def signs_whatever_waits(staff: Staffed) -> None:
    """An officer who never reads."""
    async with staff.client("ben") as ben:
        while True:
            for one in await ben.waiting():
                with contextlib.suppress(CloisonError):
                    await ben.sign(one.act)
            await asyncio.sleep(0.05)


async def test_a_manager_alone_takes_nobody_and_with_a_careless_officer_somebody(staff: Staffed) -> None:
    """The second person is what holds: where one signs unread, the thief's accounts open people from a leaked list."""
    prey, victim = wanted(staff, staff.operated.folder)
    alone = Loot(30)
    await hijacked_manager(prey, victim, staff.passkeys["paula"], alone)
    assert (alone.people, "act_scope" in alone.stopped_by) == (0, True)
    officer = asyncio.create_task(signs_whatever_waits(staff))
    helped = Loot(30)
    await hijacked_manager(prey, victim, staff.passkeys["paula"], helped)
    officer.cancel()
    assert helped.people > 0


async def test_the_key_is_what_holds_a_token(staff: Staffed) -> None:
    """Whoever has the device's key beside the token is that session; with the token alone they are nobody."""
    async with SigninClient(staff.signin, staff.passkeys["anna"]) as anna:
        held = (await anna.sign_in()).held
    prey, victim = wanted(staff, staff.operated.folder)
    loot = Loot(30)
    await hijacked_cookie(msgspec.structs.replace(prey, held=held), victim, loot)
    assert (loot.people, loot.stopped_by.partition(",")[0]) == (0, "no_session")
