"""Attacks with tickets: whoever forges, keeps, shares or changes one gets no key for it."""

import hmac
import time
from uuid import uuid4

import pytest
from support.keeper import COHORT, LABEL, Callers, keys_of

from cloison.errors import (
    CloisonError,
    ForgedTicketError,
    MissingKeyError,
    NoSessionError,
    ReusedTicketError,
    StaleTicketError,
    StaleVersionError,
    TamperedRowError,
)
from cloison.keeper.messages import KeyGrant, Refusal, TermQuery, TicketUse

pytest_plugins = ["support.keeper_fixtures"]


async def test_an_honest_ticket_opens(acting: Callers) -> None:
    """The desk gets the keys that intake sealed with, of the compartments released and of no other."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    assert await acting.open_one(staff, someone, compartments=0b00111) == someone.keys[:3]
    assert await acting.open_one(staff, someone, compartments=0b01010) == [someone.keys[1], someone.keys[3]]
    assert await acting.open_one(staff, someone, compartments=LABEL) == [someone.keys[4]]


async def test_forged_ticket(acting: Callers) -> None:
    """A ticket signed with another key, or changed after signing, opens nothing."""
    staff, [mine, other] = await acting.sign_in(), await acting.enrol(2)
    honest = acting.ticket(staff, mine)
    changed = honest.ticket.replace(str(mine.person), str(other.person))
    forged = [
        TicketUse(honest.ticket, hmac.digest(b"guessed" * 4, honest.ticket.encode(), "sha256"), staff.token),
        TicketUse(changed, honest.mac, staff.token),
        TicketUse(honest.ticket, bytes(32), staff.token),
    ]
    for answer in await acting.desk.open(forged):
        with pytest.raises(ForgedTicketError):
            keys_of(answer)


@pytest.mark.parametrize("bit", [0, 100, 255])
async def test_flipped_bit_in_the_mac(acting: Callers, bit: int) -> None:
    """A MAC that differs in one bit is refused."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    honest = acting.ticket(staff, someone)
    flipped = (int.from_bytes(honest.mac, "big") ^ 1 << bit).to_bytes(32, "big")
    with pytest.raises(ForgedTicketError):
        keys_of((await acting.desk.open([TicketUse(honest.ticket, flipped, staff.token)]))[0])


@pytest.mark.parametrize(
    "text", ["", "cloison-ticket-1", "cloison-ticket-2|{rest}", "cloison-ticket-1|{rest}\n", "{rest}", "\0"]
)
async def test_signed_nonsense(acting: Callers, text: str) -> None:
    """Even with the right MAC, a text that the meter does not write opens nothing."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    rest = acting.ticket(staff, someone).ticket.partition("|")[2]
    with pytest.raises(ForgedTicketError):
        keys_of((await acting.desk.open([acting.signed(text.format(rest=rest), staff.token)]))[0])


@pytest.mark.parametrize("compartments", [0, 1 << 5, 0b100001])
async def test_compartments_that_do_not_exist(acting: Callers, compartments: int) -> None:
    """A ticket for no compartment, or for one beyond the profile's, is refused."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    with pytest.raises(ForgedTicketError):
        await acting.open_one(staff, someone, compartments=compartments)


async def test_ticket_for_another_session(acting: Callers) -> None:
    """A ticket released to one session opens nothing for the token of another."""
    mine, theirs, [someone] = await acting.sign_in(), await acting.sign_in(), await acting.enrol()
    stolen = acting.ticket(theirs, someone)
    with pytest.raises(ForgedTicketError):
        keys_of((await acting.desk.open([TicketUse(stolen.ticket, stolen.mac, mine.token)]))[0])


async def test_ticket_for_another_account(acting: Callers) -> None:
    """A session's ticket cannot be charged to somebody else's account."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    with pytest.raises(ForgedTicketError):
        await acting.open_one(staff, someone, account=uuid4())


async def test_session_that_nobody_began(acting: Callers) -> None:
    """With the ticket key alone, an invented session opens nothing."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    with pytest.raises(NoSessionError):
        await acting.open_one(staff, someone, session=uuid4())


async def test_ended_session(acting: Callers) -> None:
    """A ticket released before its session ended opens nothing afterwards."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    ticket = acting.ticket(staff, someone)
    await acting.issuer.end_session(staff.ceilings.session)
    with pytest.raises(NoSessionError):
        keys_of((await acting.desk.open([ticket]))[0])
    await acting.issuer.end_session(staff.ceilings.session)


async def test_expired_session(acting: Callers) -> None:
    """A session past its end opens nothing and computes nothing."""
    staff, [someone] = await acting.sign_in(seconds=-1), await acting.enrol()
    with pytest.raises(NoSessionError):
        await acting.open_one(staff, someone)
    with pytest.raises(NoSessionError):
        await acting.desk.terms(staff.token, TermQuery("59", 1, b"a guess"))


async def test_reused_ticket(acting: Callers) -> None:
    """A ticket is good once, signed anew or not, in one batch or in two."""
    staff, people = await acting.sign_in(), await acting.enrol(2)
    ticket = acting.ticket(staff, people[0])
    first, twin = await acting.desk.open([ticket, ticket])
    assert keys_of(first)
    request = ticket.ticket.split("|")[1]
    again = acting.ticket(staff, people[0], request=request, compartments=0b01000)
    for answer in [twin, *await acting.desk.open([ticket, again])]:
        with pytest.raises(ReusedTicketError):
            keys_of(answer)
    assert await acting.open_one(staff, people[1], request=request)


@pytest.mark.parametrize("seconds", [-61, -3600, 6, 3600])
async def test_stale_ticket(acting: Callers, seconds: int) -> None:
    """A ticket older than a minute is refused, and so is one from the future."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    with pytest.raises(StaleTicketError):
        await acting.open_one(staff, someone, at=int((time.time() + seconds) * 1000))


async def test_swapped_rows(acting: Callers) -> None:
    """A ticket that names one person with the key number of another opens neither."""
    staff, [mine, other] = await acting.sign_in(), await acting.enrol(2)
    for changes in ({"key_id": other.key_id}, {"person": other.person}, {"cohort": COHORT + 1}):
        await acting.enrol(cohort=COHORT + 1)
        with pytest.raises(TamperedRowError):
            await acting.open_one(staff, mine, **changes)


async def test_row_moved_to_another_segment(acting: Callers) -> None:
    """A row copied into another segment does not open there."""
    staff, [mine] = await acting.sign_in(), await acting.enrol()
    await acting.enrol(segment="2A")
    with pytest.raises(TamperedRowError):
        await acting.open_one(staff, mine, segment="2A")


async def test_missing_key(acting: Callers) -> None:
    """A key number, a cohort or a segment that never was is a missing key."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    for changes in ({"key_id": 2**40}, {"cohort": 4}, {"segment": "nowhere"}):
        with pytest.raises(MissingKeyError):
            await acting.open_one(staff, someone, **changes)


@pytest.mark.parametrize("version", [0, 2, 3, 1_000_000])
async def test_wrong_version(acting: Callers, version: int) -> None:
    """A version that the keeper never gave keys for is refused."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    with pytest.raises(StaleVersionError):
        await acting.open_one(staff, someone, version=version)


async def test_one_bad_ticket_spoils_no_other(acting: Callers) -> None:
    """Each ticket of a batch is answered for itself, in its place."""
    staff, people = await acting.sign_in(), await acting.enrol(4)
    good = [acting.ticket(staff, someone) for someone in people]
    bad = [
        acting.signed("nonsense", staff.token),
        acting.ticket(staff, people[0], at=0),
        acting.ticket(staff, people[0], key_id=2**40),
    ]
    mixed = [ticket for pair in zip(good, [*bad, good[0]], strict=True) for ticket in pair]
    answers = await acting.desk.open(mixed)
    assert [isinstance(answer, KeyGrant) for answer in answers] == [True, False] * 4
    codes = [answer.code for answer in answers if isinstance(answer, Refusal)]
    assert codes == ["forged_ticket", "stale_ticket", "missing_key", "reused_ticket"]


async def test_refused_ticket_is_not_used_up(acting: Callers) -> None:
    """A ticket that was shown with the wrong token still opens for its own session."""
    staff, other, [someone] = await acting.sign_in(), await acting.sign_in(), await acting.enrol()
    ticket = acting.ticket(staff, someone)
    with pytest.raises(ForgedTicketError):
        keys_of((await acting.desk.open([TicketUse(ticket.ticket, ticket.mac, other.token)]))[0])
    assert keys_of((await acting.desk.open([ticket]))[0])


async def test_refusals_name_nobody(acting: Callers) -> None:
    """What the keeper says of a refusal holds neither the person nor the account nor a token."""
    staff, [someone] = await acting.sign_in((0, 0, 0, 0)), await acting.enrol()
    secrets = [str(someone.person), str(staff.ceilings.account), staff.token.hex(), str(someone.key_id)]
    for changes in ({}, {"at": 0}, {"version": 9}, {"key_id": 2**40}, {"segment": "2B"}):
        with pytest.raises(CloisonError) as refused:
            await acting.open_one(staff, someone, **changes)
        assert not any(secret in str(refused.value) for secret in secrets if len(secret) > 4)


async def test_forged_tickets_are_counted(acting: Callers) -> None:
    """The operator can see that forged tickets were shown."""
    before = (await acting.issuer.status()).refused.get("forged_ticket", 0)
    await acting.desk.open([TicketUse("nonsense", bytes(32), bytes(32))] * 3)
    assert (await acting.issuer.status()).refused["forged_ticket"] == before + 3


async def test_each_caller_has_its_own_tickets(acting: Callers) -> None:
    """What was released for a change opens for intake alone, what was released to be read for the desk alone."""
    staff, [someone] = await acting.sign_in(), await acting.enrol()
    read = acting.ticket(staff, someone)
    text = acting.ticket(staff, someone).ticket.replace("cloison-ticket", "cloison-change")
    change = acting.signed(text, staff.token)
    for caller, wrong in ((acting.desk, change), (acting.intake, read)):
        with pytest.raises(ForgedTicketError):
            keys_of((await caller.open([wrong]))[0])
    assert keys_of((await acting.desk.open([read]))[0]) == keys_of((await acting.intake.open([change]))[0])
