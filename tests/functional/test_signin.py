"""Signing in: from the first officers' codes to an adviser's session, by real passkeys' answers, over HTTP."""

from collections.abc import Iterator

import httpx
import pytest
from support.operated import wait_until
from support.staffed import Staffed, staffed

from cloison.client import Client
from cloison.client.device import Credentials, DeviceAuth, DeviceKey
from cloison.client.passkey import SoftwarePasskey
from cloison.client.signin import SigninClient
from cloison.errors import ActScopeError, FactorRefusedError, InvitationError, NoSessionError
from cloison.store.pools import connect


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    """A served home with two officers who have come in."""
    with staffed(tmp_path_factory.mktemp("staffed")) as found:
        yield found


async def test_officers_admit_an_adviser(staff: Staffed) -> None:
    """Invited by one, approved by another, redeemed with a code: the adviser signs in and the desk knows them."""
    anna, ben = staff.client("anna"), staff.client("ben")
    async with anna, ben:
        details = {"handle": "carla", "segment": "59", "agency": "lille", "role": "adviser"}
        asked = await anna.ask_for("account.create", "Service", **details)
        assert asked.state == "waiting"
        (waiting,) = [one for one in await ben.waiting() if one.act == asked.act]
        assert (waiting.asked_by, waiting.adds, waiting.people_needed) == ("anna", 90, 2)
        assert (await ben.sign(asked.act)).state == "done"
        code = (await ben.hand_over("59", "carla")).code
    passkey = SoftwarePasskey()
    async with SigninClient(staff.signin, passkey) as carla:
        assert await carla.redeem(code) == "carla"
        signed_in = await carla.sign_in()
        async with Client(staff.desk, signed_in.held) as desk:
            assert (await desk.session()).account == "carla"
        with pytest.raises(InvitationError):
            await carla.redeem(code)


async def test_copied_token_is_refused_and_raises_an_alert(staff: Staffed) -> None:
    """A token shown with another device's key opens nothing; an alert says so once."""
    async with staff.client("anna") as anna, staff.client("ben") as ben:
        signed_in, left = await anna.sign_in("desk"), await ben.sign_in("desk")
    auth = DeviceAuth(signed_in.held), DeviceAuth(left.held)  # their own devices, at the wrong door and in an old tab
    async with httpx.AsyncClient(trust_env=False) as web:
        assert (await web.get(f"{staff.signin}/v1/account", auth=auth[0])).status_code == 401
        assert (await web.post(f"{staff.desk}/v1/signout", json={"everywhere": False}, auth=auth[1])).status_code == 200
        assert (await web.get(f"{staff.desk}/v1/session", auth=auth[1])).status_code == 401
    stolen = Credentials(signed_in.held.token, DeviceKey())
    async with Client(staff.desk, stolen) as thief:
        for _ in range(3):
            with pytest.raises(NoSessionError):
                await thief.session()
    async with Client(staff.desk, signed_in.held) as desk:
        assert (await desk.session()).account == "anna"
    wait_until(lambda: copied(staff))
    assert copied(staff) == ["anna"]


def copied(staff: Staffed) -> list[str]:
    """Whose tokens were shown by another device."""
    return [one["account"] for one in staff.operated.do("alerts")["alerts"] if one["kind"] == "token_copied"]


async def admitted(staff: Staffed, asker: str, approver: str, organisation: str, **details: str) -> None:
    """Let somebody in: asked by one, signed by another, redeemed with a passkey of their own."""
    async with staff.client(asker) as one, staff.client(approver) as other:
        asked = await one.ask_for("account.create", organisation, **details)
        assert (await other.sign(asked.act)).state == "done"
        code = (await one.hand_over(details["segment"], details["handle"])).code
    staff.passkeys[details["handle"]] = SoftwarePasskey()
    async with staff.client(details["handle"]) as new:
        await new.redeem(code)


async def test_an_agreement_takes_three_people_and_a_day_where_it_adds_many(staff: Staffed) -> None:
    """A partner's agreement that adds few people is made by two; one that adds many waits for a third and a day."""
    async with staff.client("anna") as anna, staff.client("ben") as ben:
        named = await anna.ask_for("organisation.create", "Service", name="Cap 59")
        assert (await ben.sign(named.act)).state == "done"
        terms = {"segments": ["59"], "roles": ["partner", "manager"], "until": "2099-01-01", "accounts": 2}
        small = await anna.ask_for("agreement.make", "Cap 59", **terms, caps={"day": 100})
        assert (await ben.sign(small.act)).state == "done"
        large = await anna.ask_for("agreement.make", "Cap 59", **terms | {"accounts": 40})
        (waiting,) = [one for one in await ben.waiting() if one.act == large.act]
        assert (waiting.people_needed, waiting.adds) == (3, 2_400)
        assert (await ben.sign(large.act)).state == "waiting"
        with pytest.raises(ActScopeError):
            await ben.sign(large.act)
    await admitted(staff, "anna", "ben", "Service", handle="chloe", segment="00", agency="service", role="officer")
    async with staff.client("chloe") as chloe:
        with pytest.raises(ActScopeError):  # whoever let her in has signed it: not with them, for a day
            await chloe.sign(large.act)
    with connect(staff.operated.home, "owner") as owner:
        stands = owner.execute(
            "select accounts_most, day from cloison.agreement join cloison.organisation using (organisation) "
            "where name = 'Cap 59' and standing"
        ).fetchall()
    assert stands == [(2, 100)]


async def test_a_partners_manager_runs_their_own_accounts_with_the_services_consent(staff: Staffed) -> None:
    """Who asks for a partner's account is its manager; the second person is of the service, and of nobody else."""
    manager = {"handle": "paule", "segment": "59", "agency": "lille", "role": "manager"}
    await admitted(staff, "anna", "ben", "Cap 59", **manager)
    await admitted(staff, "paule", "ben", "Cap 59", handle="rene", segment="59", agency="lille", role="partner")
    async with staff.client("paule") as paule:
        asked = await paule.ask_for("account.elevate", segment="59", handle="rene", role="manager")
        with pytest.raises(ActScopeError):
            await paule.sign(asked.act)
        with pytest.raises(ActScopeError):  # not of her organisation
            await paule.ask_for("account.create", "Service", handle="x", segment="59", agency="lille", role="adviser")
        assert await paule.tend("close", "59", "rene", "anna") == 1
    async with staff.client("rene") as rene:
        with pytest.raises(FactorRefusedError):
            await rene.sign_in()
