"""Somebody with a browser and a security key at the pages of both doors; and a home whose officers let them in."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from playwright.async_api import Browser, Page, expect

from cloison.register import synthetic
from support.browser import Authenticator
from support.operated import rows_of
from support.staffed import Staffed, staffed

PEOPLE = 60
SEGMENT = "59"


class Visitor:
    """One person: a tab, and the key in it. What they do is what a person does: read, type, click."""

    def __init__(self, page: Page, key: Authenticator, staff: Staffed) -> None:
        """At an empty page."""
        self.page, self.key, self.staff = page, key, staff

    @classmethod
    async def come(cls, browser: Browser, staff: Staffed, locale: str = "en-GB") -> Self:
        """A new person with a new browser and a new security key."""
        context = await browser.new_context(locale=locale)
        page = await context.new_page()
        return cls(page, await Authenticator.plug_in(page), staff)

    async def redeem(self, code: str) -> None:
        """Register the security key with a code."""
        await self.page.goto(f"{self.staff.signin}/invitation")
        await self.page.locator("#code").fill(code)
        await self.page.locator("#redeem button").click()
        await expect(self.page.locator("#done")).to_be_visible()

    async def sign_in_at_door(self) -> None:
        """Sign in at the sign-in door; ends on the account's page."""
        await self.page.goto(self.staff.signin)
        await self.page.locator("#touch").click()
        await expect(self.page.locator("#signed-in")).to_be_visible()

    async def sign_in_at_desk(self) -> None:
        """Sign in at the desk, by its own link."""
        await self.page.goto(self.staff.desk)
        await self.page.locator("#sign-in").click()
        await expect(self.page.locator("#signed-in")).to_be_visible()

    async def stored(self, name: str) -> str:
        """What a script in the page reads of what the browser keeps under this name, as JSON."""
        return str(await self.page.evaluate(STORED, name))


STORED = """name => new Promise((done, failed) => {
    const opening = indexedDB.open('cloison', 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('device');
    opening.onerror = () => failed(opening.error);
    opening.onsuccess = () => {
        const request = opening.result.transaction('device').objectStore('device').get(name);
        request.onsuccess = () => done(JSON.stringify(request.result ?? null));
    };
})"""


class House:
    """The home, people of its register, and codes for whoever is to come in."""

    def __init__(self, staff: Staffed, folder: Path) -> None:
        """Bring some people in; the officers have come in by passkeys of software."""
        self.staff, self._folder = staff, folder
        path = folder / "people.csv"
        synthetic.write(path, PEOPLE, seed=5, departments=[SEGMENT])
        staff.operated.do("people", "import", path)
        self._rows = [row for row in rows_of(path) if row["nir"] and row["identifier"]]

    async def admit(self, handle: str, role: str = "adviser", segment: str = SEGMENT) -> str:
        """The code of a new account that one officer asked for and the other approved."""
        anna, ben = self.staff.client("anna"), self.staff.client("ben")
        async with anna, ben:
            agency = "service" if role == "officer" else "lille"
            details = {"handle": handle, "segment": segment, "agency": agency, "role": role}
            assert (await ben.sign((await anna.ask_for("account.create", "Service", **details)).act)).state == "done"
            return (await ben.hand_over(segment, handle)).code

    def a_day_later(self) -> None:
        """Whoever has come in has had their passkey for a day, and has the whole of their budget."""
        with self.staff.operated.superuser() as superuser:
            superuser.execute("update cloison.factor set quarantined_until = quarantined_until - interval '1 day'")
            superuser.execute("update cloison.ledger set quarantined_until = quarantined_until - interval '1 day'")

    def stranger(self) -> dict[str, str]:
        """Somebody whom nobody follows."""
        return self._rows.pop()

    async def follow(self, handle: str) -> dict[str, str]:
        """Somebody whom the account follows from now on."""
        row = self.stranger()
        path = self._folder / f"{handle}.csv"
        path.write_text(f"account,identifier,relation\n{handle},{row['identifier']},caseload\n", encoding="utf-8")
        await asyncio.to_thread(self.staff.operated.do, "caseload", "import", path)
        return row


@contextmanager
def housed(folder: Path) -> Iterator[House]:
    """A served home with officers and people, for the length of the block."""
    with staffed(folder) as staff:
        yield House(staff, folder)
