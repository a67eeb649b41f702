"""The life of accounts, over HTTP: no single person lets anybody in or resets them; what ends, ends at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from support.signing_http import NEWCOMER
from support.staffed import Staffed, staffed
from webauthn.helpers import bytes_to_base64url

from cloison.access.approved import unapproved
from cloison.access.evidence import Flaw, verify_evidence
from cloison.access.organisations import create_organisation
from cloison.client import Client
from cloison.client.passkey import Lies, SoftwarePasskey
from cloison.client.signin import SigninClient
from cloison.errors import (
    AccountRefusedError,
    ActImpossibleError,
    ActScopeError,
    CloisonError,
    FactorRefusedError,
    InvitationError,
    NoSessionError,
    NotFoundError,
    StepUpError,
)
from cloison.store.pools import connect

CLONES = Lies(count=0)


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    """A served home with two officers who have come in."""
    with staffed(tmp_path_factory.mktemp("staffed")) as found:
        yield found


async def admit(staff: Staffed, handle: str, organisation: str = "Service", **details: str) -> SigninClient:
    """Let somebody in: asked by anna, signed by ben, who hands the code over; their client."""
    async with staff.client("anna") as anna, staff.client("ben") as ben:
        asked = await anna.ask_for("account.create", organisation, handle=handle, **{**NEWCOMER, **details})
        assert (await ben.sign(asked.act)).state == "done"
        code = (await ben.hand_over(details.get("segment", "59"), handle)).code
    staff.passkeys[handle] = SoftwarePasskey()
    client = staff.client(handle)
    await client.redeem(code)
    return client


async def works(client: SigninClient) -> bool:
    """Whether they can sign in."""
    try:
        await client.sign_in()
    except (AccountRefusedError, FactorRefusedError):
        return False
    return True


async def at_desk(staff: Staffed, client: SigninClient) -> Client:
    """A session of the desk."""
    return Client(staff.desk, (await client.sign_in()).held)


async def test_help_desk_reset(staff: Staffed) -> None:
    """A help desk that is talked into it resets nothing; a recovery by two people ends all that was there."""
    async with await admit(staff, "dora") as dora, await admit(staff, "hotline", role="hotline") as hotline:
        for call in (
            hotline.ask_for("account.recover", "Service", segment="59", handle="dora"),
            hotline.tend("freeze", "59", "dora"),
            hotline.hand_over("59", "dora"),
        ):
            try:
                assert await call == 0  # of accounts tended
            except (ActScopeError, InvitationError):
                continue
        assert (await dora.account()).account == "dora"
        async with await at_desk(staff, dora) as desk, staff.client("anna") as anna, staff.client("ben") as ben:
            asked = await anna.ask_for("account.recover", segment="59", handle="dora")
            with pytest.raises(InvitationError):
                await anna.hand_over("59", "dora")
            with pytest.raises(ActScopeError):
                await anna.sign(asked.act)
            assert (await desk.session()).account == "dora"
            assert (await ben.sign(asked.act)).state == "done"
            with pytest.raises(NoSessionError):
                await desk.session()
            with pytest.raises(NoSessionError):
                await dora.account()
            assert not await works(dora)
            code = (await anna.hand_over("59", "dora")).code
        staff.passkeys["dora"] = SoftwarePasskey()
        async with staff.client("dora") as again:
            await again.redeem(code)
            assert await works(again)


async def test_an_agreement_ends(staff: Staffed) -> None:
    """Its accounts stop at once: nobody signs in, living sessions of both doors end, codes lead nowhere."""
    with connect(staff.operated.home, "owner") as owner:
        partner = create_organisation(owner, "Partner").organisation
    async with await admit(staff, "rene", "Partner", role="partner") as rene, await at_desk(staff, rene) as desk:
        assert (await rene.account()).account == "rene"
        assert not (await desk.session()).frozen
        staff.operated.superuser().execute("select cloison.end_agreement_v1(%s)", (partner,))
        with pytest.raises(NoSessionError):
            await rene.account()
        assert (await desk.session()).frozen
        assert not await works(rene)


async def test_closing_is_at_once(staff: Staffed) -> None:
    """One person closes an account, and its sessions of both doors end; it is never opened again."""
    async with await admit(staff, "emil") as emil, staff.client("anna") as anna, staff.client("ben") as ben:
        await emil.account()
        async with await at_desk(staff, emil) as desk:
            waits = await anna.ask_for("account.recover", segment="59", handle="emil")
            assert await anna.tend("close", "59", "emil") == 1
            with pytest.raises(NoSessionError):
                await desk.session()
        with pytest.raises(NoSessionError):
            await emil.account()
        assert not await works(emil)
        with pytest.raises(ActImpossibleError):
            await ben.sign(waits.act)
        assert await anna.tend("review", "59", "emil") == 0
        assert await anna.tend("freeze", "00", "anna") == 0


async def test_self_approval_and_managers(staff: Staffed) -> None:
    """Who asks signs no second time; a manager, of the service or of a partner, is no second person."""
    with connect(staff.operated.home, "owner") as owner:
        create_organisation(owner, "Other")
    async with (
        await admit(staff, "mona", role="manager") as mona,
        await admit(staff, "otto", "Other", role="manager") as otto,
        staff.client("anna") as anna,
    ):
        asked = await mona.ask_for("account.create", "Service", handle="pia", **NEWCOMER)
        for who in (mona, otto):
            with pytest.raises((ActScopeError, NotFoundError, FactorRefusedError)):
                await who.sign(asked.act)
        assert [one.act for one in await otto.waiting()] == []
        with pytest.raises(ActImpossibleError):
            await otto.ask_for("account.recover", segment="00", handle="anna")
        with pytest.raises(ActScopeError):
            await otto.ask_for("account.create", "Service", handle="pia2", **NEWCOMER)
        assert await otto.tend("close", "00", "anna", "ben") == 0
        assert (await anna.sign(asked.act)).state == "done"


async def test_signed_again_after_it_was_too_early(staff: Staffed) -> None:
    """A third person who came before the day was over signs again when it is: the same act, another touch."""
    owner = staff.operated.superuser()
    owner.execute("insert into cloison.act_threshold (people_a_day) values (50)")
    try:
        officer = await admit(staff, "cleo", role="officer", segment="00")
        async with officer as cleo, staff.client("anna") as anna, staff.client("ben") as ben:
            asked = await anna.ask_for("account.create", "Service", handle="late", **NEWCOMER)
            assert (await ben.sign(asked.act)).state == "waiting"
            owner.execute("update cloison.invitation set handed_by = null where redeemed_at is not null")
            assert (await cleo.sign(asked.act)).state == "early"
            owner.execute("update cloison.act set not_before = now() where act = %s", (asked.act,))
            assert (await cleo.sign(asked.act)).state == "done"
    finally:
        owner.execute("delete from cloison.act_threshold")


ODD: list[dict[str, Any]] = [
    {"handle": "a\0b"},
    {"segment": "5\0"},
    {"reason": "\0"},
    {"handle": "x", "more": 10**30},
    {"handle": "x", "more": 1.5},
    {"handle": "x", "more": [[[[[[[[[[1]]]]]]]]]]},
    {"handle": "x", "more": "é" * 20_000},
    {"handle": "x" * 65},
    {"handle": ["x"]},
    {"account": "x"},
    {"account": 7},
    {"account": "00000000-0000-4000-8000-000000000000"},
    {"role": {"a": 1}},
]


@pytest.mark.parametrize("odd", ODD, ids="-".join)
async def test_malformed_acts(staff: Staffed, odd: dict[str, Any]) -> None:
    """Details that cannot be stored or shown are refused as what they are, by a sentence, never by a failure."""
    async with staff.client("anna") as anna, staff.client("ben") as ben:
        details = {"handle": "odd", **NEWCOMER, **odd}
        with pytest.raises(CloisonError) as refused:
            await ben.sign((await anna.ask_for("account.create", "Service", **details)).act)
    assert refused.value.status in {400, 403, 404, 409, 413}, refused.value


async def test_cloned_passkey(staff: Staffed) -> None:
    """A count that does not grow: an alert, the true passkey is refused too, its sessions have ended."""
    async with staff.client("anna") as anna, staff.client("ben") as ben:
        asked = await anna.ask_for("account.create", "Service", handle="clara", **NEWCOMER)
        assert (await ben.sign(asked.act)).state == "done"
        code = (await anna.hand_over("59", "clara")).code
        passkey = staff.passkeys["clara"] = SoftwarePasskey()
        async with staff.client("clara") as clara:
            await clara.redeem(code)
            held = (await clara.sign_in()).held
            passkey.lies = CLONES
            with pytest.raises(FactorRefusedError):
                await clara.sign_in()
            passkey.lies = Lies()
            with pytest.raises(FactorRefusedError):
                await clara.sign_in()
            with pytest.raises(InvitationError):
                await clara.redeem(code)
        async with Client(staff.desk, held) as desk:
            with pytest.raises(NoSessionError):
                await desk.session()
    assert "factor_cloned" in {each["kind"] for each in staff.operated.do("alerts")["alerts"]}


async def test_passkeys_of_ones_own(staff: Staffed) -> None:
    """Added and removed after a fresh touch; a removed one's sessions end, the last one stays."""
    spare = SoftwarePasskey()
    async with staff.client("ben") as ben, staff.client("anna") as anna:
        old = {each.factor for each in (await ben.account()).factors}
        await ben.add_passkey(spare)
        (new,) = {each.factor for each in (await ben.account()).factors} - old
        async with SigninClient(staff.signin, spare) as with_spare:
            held = (await with_spare.sign_in()).held
            with pytest.raises(ActImpossibleError):
                await with_spare.ask_for("account.create", "Service", handle="z", **NEWCOMER)
            with pytest.raises(NotFoundError):
                await anna.remove_passkey(new)
            await ben.remove_passkey(new)
            with pytest.raises(FactorRefusedError):
                await with_spare.sign_in()
        async with Client(staff.desk, held) as desk:
            with pytest.raises(NoSessionError):
                await desk.session()
        with pytest.raises(ActImpossibleError):
            await ben.remove_passkey(*old)
        staff.operated.superuser().execute("update cloison.session set touched_at = now() - interval '6 minutes'")
        with pytest.raises(StepUpError):
            await ben.remove_passkey(*old)
        with pytest.raises(StepUpError):
            await ben.add_passkey(SoftwarePasskey())


async def test_habits(staff: Staffed) -> None:
    """Two who wave each other's acts through are shown to officers, and to nobody else."""
    async with staff.client("anna") as anna, staff.client("ben") as ben:
        for number in range(4):
            for asker, signer in ((anna, ben), (ben, anna)):
                handle = f"habit{number}{'a' if asker is anna else 'b'}"
                asked = await asker.ask_for("account.create", "Service", handle=handle, **NEWCOMER)
                assert (await signer.sign(asked.act)).state == "done"
        (pair,) = (await anna.habits()).pairs
        assert (pair.first, pair.second, pair.closed) == ("anna", "ben", True)
        assert min(pair.by_first, pair.by_second) >= 4
    async with await admit(staff, "ines") as ines:
        assert (await ines.habits()).pairs == []


async def test_who_signed_is_proved_without_the_door(staff: Staffed) -> None:
    """What the database keeps of an act proves both signatures offline, for these bytes, origin and keys alone."""
    await (await admit(staff, "nora")).sign_in()
    database = staff.operated.superuser()
    row = database.execute(
        "select act, canonical from cloison.act where details ->> 'handle' = 'nora' and state = 'done'"
    ).fetchone()
    assert row is not None
    act, canonical = row
    kept = database.execute(
        "select f.credential, s.public_key, s.authenticator_data, s.client_data, s.signature "
        "from cloison.act_signature s join cloison.factor f on f.factor = s.factor where s.act = %s",
        (act,),
    ).fetchall()
    assert len(kept) == 2

    def flaws(signature: tuple[bytes, ...], written: bytes, origin: str = staff.signin) -> tuple[Flaw, ...]:
        credential, public_key, *said = signature
        texts = [bytes_to_base64url(each) for each in said]
        names = ("authenticatorData", "clientDataJSON", "signature")
        name = bytes_to_base64url(credential)
        shown = {"id": name, "rawId": name, "type": "public-key", "response": dict(zip(names, texts, strict=True))}
        return verify_evidence(written, shown, public_key, "localhost", origin).flaws

    for signature in kept:
        assert flaws(signature, canonical) == ()
        assert flaws(signature, canonical.replace(b'"adviser"', b'"officer"')) == (Flaw.CHALLENGE,)
        assert flaws(signature, canonical, staff.desk) == (Flaw.ORIGIN,)
    swapped = (*kept[0][:1], kept[1][1], *kept[0][2:])
    assert flaws(swapped, canonical) == (Flaw.SIGNATURE,)


THIS = (
    "create temp table this on commit drop as "
    "select act from cloison.act where details ->> 'handle' = 'olga' and kind = 'account.create'"
)
PROMOTED = """update cloison.act set details = details || '{"role": "officer"}' where act in (select act from this)"""
FORGERIES = {  # and how many findings each makes
    PROMOTED: 2,
    "update cloison.act set kind = 'account.elevate' where act in (select act from this)": 2,
    "update cloison.act set canonical = canonical || ' ' where act in (select act from this)": 2,
    "update cloison.act_signature set signature = 'x' where act in (select act from this)": 2,
    "update cloison.act_signature set client_data = 'x' where act in (select act from this)": 2,
    "update cloison.act_signature set account = gen_random_uuid() where act in (select act from this)": 2,
    "delete from cloison.act_signature where act in (select act from this)": 1,
    "delete from cloison.act_signature where ctid = "
    "(select min(ctid) from cloison.act_signature where act in (select act from this))": 1,
    "update cloison.act set people_needed = 3 where act in (select act from this)": 1,
    "delete from cloison.entry where subject in (select act from this)": 2,
    "insert into cloison.act select gen_random_uuid(), kind, canonical, details, organisation, asked_by, asked_at, "
    "expires_at, people_needed, not_before, state from cloison.act where act in (select act from this)": 1,
}


@contextmanager
def forged(staff: Staffed, forgery: str) -> Iterator[psycopg.Connection]:
    """A superuser's connection that has done this to an act, whatever refers to it; undone at the end of the block."""
    with staff.operated.superuser() as superuser, superuser.transaction(force_rollback=True):
        superuser.execute("set local session_replication_role = replica")
        superuser.execute(THIS)
        superuser.execute(forgery)
        yield superuser


async def test_forged_approvals_are_found(staff: Staffed) -> None:
    """A superuser makes acts of others, done without them or otherwise than they signed; verifying the log says so."""
    async with await admit(staff, "olga"):
        pass
    assert [one for one in staff.operated.do("audit", "verify")["findings"] if one["kind"] == "unapproved"] == []
    with staff.operated.superuser() as superuser, superuser.transaction():
        assert unapproved(superuser, "localhost", [staff.signin]) == []
        assert len(unapproved(superuser, "localhost", [staff.desk])) > 2  # signed elsewhere
    for forgery, found in FORGERIES.items():
        with forged(staff, forgery) as connection:
            assert len(unapproved(connection, "localhost", [staff.signin])) == found, forgery
    with staff.operated.superuser() as superuser, superuser.transaction():
        superuser.execute(THIS)
        superuser.execute(PROMOTED)
    said = staff.operated.run("audit", "verify", "--json")
    assert said.status == 1
    kinds = [one for one in said.json()["findings"] if one["kind"] == "unapproved"]
    assert len(kinds) == 2
    assert all(isinstance(one["entry"], int) for one in kinds)
