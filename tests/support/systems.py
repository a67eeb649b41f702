"""Systems that call for themselves, in a served home whose officers have come in."""

import asyncio
import csv
from typing import Any
from uuid import UUID

from cloison.client.passkey import SoftwarePasskey
from cloison.client.service import ServiceClient, ServiceKey
from cloison.client.signin import SigninClient
from cloison.register import synthetic
from support.operated_acts import settle
from support.staffed import Staffed

SEGMENT = "59"


class Systems:
    """A served home, its officers, and the systems that they let in."""

    def __init__(self, staff: Staffed) -> None:
        """None yet; those of the operator's acts are signed as `operated_acts.py` has it."""
        self.staff = staff
        self.operated = staff.operated
        self.numbers: dict[str, UUID] = {}

    def bring_in_ada(self) -> None:
        """An adviser and three people of hers, whom 37 others surround."""
        operated = self.operated
        synthetic.write(operated.folder / "people.csv", 40, seed=7, departments=[SEGMENT])
        operated.do("people", "import", "people.csv")
        asyncio.run(self._admit("ada"))
        rows = list(csv.DictReader((operated.folder / "people.csv").open(encoding="utf-8")))
        mine = [row["identifier"] for row in rows if row["identifier"]][:3]
        with (operated.folder / "follows.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["account", "identifier"], *(["ada", number] for number in mine)])
        operated.do("caseload", "import", "follows.csv")

    def act(self, *words: str) -> dict[str, Any]:
        """A command whose act is done."""
        asked: dict[str, Any] = self.operated.do(*words)
        settle(self.operated.home, asked["act"])
        return asked

    def register(self, name: str, organisation: str, use: str) -> None:
        """A system of this name."""
        key = str(self.operated.key(name))
        asked = self.act("clients", "create", name, "--organisation", organisation, "--use", use, "--key", key)
        self.numbers[name] = UUID(asked["client"])

    def client(self, name: str, key: str = "") -> ServiceClient:
        """A system's client, with its own key or another's."""
        held = ServiceKey.from_file(self.operated.folder / f"{key or name}.pem")
        return ServiceClient(self.staff.signin, self.numbers[name], held)

    async def _admit(self, handle: str) -> None:
        async with self.staff.client("anna") as anna, self.staff.client("ben") as ben:
            details = {"role": "adviser", "agency": "main", "segment": SEGMENT, "holder": handle}
            asked = await anna.ask_for("account.create", "Service", handle=handle, **details)
            await ben.sign(asked.act)
            code = (await anna.hand_over(SEGMENT, handle)).code
        passkey = self.staff.passkeys[handle] = SoftwarePasskey()
        async with SigninClient(self.staff.signin, passkey) as door:
            await door.redeem(code)
