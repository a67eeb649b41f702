"""Exports at the keeper: as many people as the sign-in door told of, whatever a captured desk or database asks for."""

import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from support.keeper import Callers, RunningKeeper, Someone, Staff, callers, keys_of

from cloison.config import KeeperConfig
from cloison.errors import (
    CloisonError,
    ExportCeilingError,
    ExportUnknownError,
    ForgedTicketError,
    KeeperCeilingError,
    ReusedTicketError,
)
from cloison.keeper.messages import ExportCeilings, KeyGrant, TicketUse

pytest_plugins = ["support.keeper_fixtures"]


def told(
    staff: Staff, people: int, *, export: UUID | None = None, mask: int = 7, seconds: float = 60
) -> ExportCeilings:
    """An export as the sign-in door tells of it."""
    return ExportCeilings(export or uuid4(), staff.ceilings.account, people, mask, time.time() + seconds)


def ticket(acting: Callers, staff: Staff, someone: Someone, export: object, **changes: object) -> TicketUse:
    """The ticket that the meter makes for an export."""
    text = acting.ticket(staff, someone, **changes).ticket.replace("cloison-ticket", "cloison-export")
    return acting.signed(f"{text}|{export}", staff.token)


async def granted(acting: Callers, staff: Staff, people: list[Someone], export: object) -> int:
    """How many of `people` are opened for an export in one request."""
    answers = await acting.desk.open([ticket(acting, staff, someone, export) for someone in people])
    return sum(isinstance(answer, KeyGrant) for answer in answers)


async def refusal(acting: Callers, use: TicketUse) -> type[CloisonError]:
    """What one ticket is refused for."""
    with pytest.raises(CloisonError) as refused:
        keys_of((await acting.desk.open([use]))[0])
    return refused.type


async def test_no_more_than_were_signed_for(acting: Callers) -> None:
    """People count once in an export, apart from the account's own windows, and one more is refused."""
    staff, people = await acting.sign_in((2, 2, 2, 2)), await acting.enrol(12)
    export = told(staff, 5)
    await acting.issuer.register_export(export)
    assert await granted(acting, staff, people, export.export) == 5
    assert await granted(acting, staff, people[:5] * 2, export.export) == 10
    assert await refusal(acting, ticket(acting, staff, people[5], export.export)) is ExportCeilingError
    assert await acting.opened(staff, people) == 2


async def test_told_of_again_it_never_becomes_more(acting: Callers) -> None:
    """Who raises it in the database has the door tell a larger one: the keeper keeps the smaller."""
    staff, people = await acting.sign_in(), await acting.enrol(9)
    export = told(staff, 3)
    for people_told, mask in ((3, 7), (9, 31)):
        await acting.issuer.register_export(told(staff, people_told, export=export.export, mask=mask))
    assert await granted(acting, staff, people, export.export) == 3
    wider = ticket(acting, staff, people[0], export.export, compartments=8)
    assert await refusal(acting, wider) is ForgedTicketError
    await acting.issuer.register_export(told(staff, 9, export=export.export, seconds=-1))
    assert await refusal(acting, ticket(acting, staff, people[0], export.export)) is ExportUnknownError


async def test_another_accounts_export(acting: Callers) -> None:
    """A ticket for an export that is not the session's account's, or that nobody told of, opens nothing."""
    staff, other, [someone] = await acting.sign_in(), await acting.sign_in(), await acting.enrol()
    export = told(other, 3)
    await acting.issuer.register_export(export)
    assert await refusal(acting, ticket(acting, staff, someone, export.export)) is ForgedTicketError
    assert await refusal(acting, ticket(acting, staff, someone, uuid4())) is ExportUnknownError
    plain = acting.ticket(staff, someone).ticket
    for text in (f"{plain}|{export.export}", plain.replace("ticket", "export"), f"{plain}|"):
        assert await refusal(acting, acting.signed(text, staff.token)) is ForgedTicketError


async def test_a_ticket_is_used_once(acting: Callers) -> None:
    """The same page's ticket opens once, as any other."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    export = told(staff, 3)
    await acting.issuer.register_export(export)
    use = ticket(acting, staff, someone, export.export)
    assert len(keys_of((await acting.desk.open([use]))[0])) == 3
    assert await refusal(acting, use) is ReusedTicketError


async def test_ceiling_of_all_exports_and_kill_9(tmp_path: Path) -> None:
    """All exports together keep the keeper's own ceiling of an hour; kill -9 gives none of them anything back."""
    running = RunningKeeper(tmp_path, KeeperConfig(export_people_hour=6)).start()
    try:
        async with callers(running) as acting:
            staff, people = await acting.sign_in(), await acting.enrol(20)
            first, second = told(staff, 4), told(staff, 20)
            for export in (first, second):
                await acting.issuer.register_export(export)
            assert await granted(acting, staff, people, first.export) == 4
            await running.kill_and_start()
            assert await granted(acting, staff, people[4:], first.export) == 0
            assert await granted(acting, staff, people[4:], second.export) == 2
            over = ticket(acting, staff, people[-1], second.export)
            assert await refusal(acting, over) is KeeperCeilingError
    finally:
        running.stop()
