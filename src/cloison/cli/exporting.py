"""What `cloison people export` does: signs in by passkey, and writes page after page, encrypted for the recipient."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import msgspec

from cloison.cli.progress import LINE_SECONDS
from cloison.client import Client, ExportPage, StandingExport
from cloison.client.exporting import ExportFolder
from cloison.client.passkey import SoftwarePasskey
from cloison.client.signin import SigninClient
from cloison.errors import ExportStoppedError, KeeperCeilingError, NoSessionError, StepUpError
from cloison.model import Outcome
from cloison.terminal import notes

TRIES = 4  # of a page that nobody answered
WHY = {
    Outcome.SCOPE: "the grant is over, was ended, or the account may not read this (a passkey of today: tomorrow)",
    Outcome.FROZEN: "the account is frozen; an officer can say why",
    Outcome.STALE: "the session or the account was stopped while a page was read",
}


class Wish(NamedTuple):
    """What the command was told: the grant, the passkey, the recipient's public key, the doors' addresses."""

    grant: UUID
    passkey: SoftwarePasskey
    recipient: str
    desk: str
    signin: str


class Result(msgspec.Struct, frozen=True):
    """What was written; `ended`: `everybody`, or `budget` where the grant has no people left; `sums`: of SHA256SUMS."""

    grant: UUID
    people: int
    unread: int
    pages: int
    ended: str
    sums: str


Tell = Callable[[int, int], None]  # how many people are written, how many the grant has


def wish_of(grant: UUID, passkey: Path, recipient: Path, desk: str, signin: str) -> Wish:
    """The wish of whoever named these files."""
    key = public_key(recipient.read_text(encoding="utf-8"))
    return Wish(grant, SoftwarePasskey(passkey), key, desk, signin)


def export(wish: Wish, out: Path) -> Result:
    """Write the grant's people into the folder, or those who are missing there."""
    with ExportFolder(out, wish.grant, wish.recipient) as folder, _told() as tell:
        return asyncio.run(_export(wish, folder, tell))


def public_key(text: str) -> str:
    """The public key in a file of `age-keygen`: the line that is no comment, or the one that says so in one."""
    lines = [line.strip().removeprefix("# public key: ") for line in text.splitlines()]
    return next((line for line in lines if line.startswith("age1")), "")


async def _export(wish: Wish, folder: ExportFolder, tell: Tell) -> Result:
    async with SigninClient(wish.signin, wish.passkey) as door:
        while True:
            held = (await door.sign_in()).held
            async with Client(wish.desk, held, tries=TRIES) as desk:
                grant = _named(await desk.exports(), wish)
                try:
                    ended = folder.state.ended or await _pages(desk, grant, folder, tell)
                except NoSessionError:
                    continue  # it idled while the keeper had us wait, or its day is over
            break
    sums, state = folder.end(ended), folder.state
    return Result(wish.grant, state.people, state.unread, state.pages, ended, sums)


def _named(found: list[StandingExport], wish: Wish) -> StandingExport:
    """The grant that the command names, if it is this account's, and for this recipient."""
    grant = next((one for one in found if one.act == wish.grant), None)
    if grant is None:
        raise ExportStoppedError(reason="this account has no such grant, or it is over")
    if grant.recipient != wish.recipient:
        raise ExportStoppedError(reason="those who signed named another recipient's key")
    return grant


async def _pages(desk: Client, grant: StandingExport, folder: ExportFolder, tell: Tell) -> str:
    """Write page after page; why there are no more."""
    while folder.state.segment < len(grant.segments):
        page = await _page(desk, grant, folder)
        if page.outcome is Outcome.STEP_UP:
            raise StepUpError
        if page.outcome is Outcome.BUDGET:
            return "budget"
        if page.outcome is not Outcome.OPEN:
            raise ExportStoppedError(reason=WHY[page.outcome])
        folder.add(page)
        tell(folder.state.people, grant.people)
    return "everybody"


async def _page(desk: Client, grant: StandingExport, folder: ExportFolder) -> ExportPage:
    """The next page, when the keeper's ceilings let it."""
    while True:
        try:
            return await desk.export_page(grant.act, grant.segments[folder.state.segment], folder.state.after)
        except KeeperCeilingError as error:
            seconds = int(str(error.fields.get("retry_after_seconds", LINE_SECONDS)))
            notes.print(f"The keeper lets all exports go on in {timedelta(seconds=seconds)}.", soft_wrap=True)
            await asyncio.sleep(seconds)


@contextmanager
def _told() -> Iterator[Tell]:
    """What tells how far it is: a line that changes at a terminal, elsewhere one in ten seconds."""
    begun: list[tuple[float, int]] = []
    last = time.monotonic()

    def text(people: int, most: int) -> str:
        begun[:] = begun or [(time.monotonic(), people)]
        seconds = time.monotonic() - begun[0][0]
        rate = (people - begun[0][1]) / seconds if seconds else 0.0
        left = f", {timedelta(seconds=round((most - people) / rate))} left" if rate else ""
        return f"Exporting: {people:,} of at most {most:,} people, {rate:,.0f} a second{left}"

    def line(people: int, most: int) -> None:
        nonlocal last
        said = text(people, most)
        if time.monotonic() >= last + LINE_SECONDS:
            last = time.monotonic()
            notes.print(said, markup=False, soft_wrap=True)

    if not notes.is_terminal:
        yield line
        return
    with notes.status("Exporting …") as status:
        yield lambda people, most: status.update(text(people, most))
