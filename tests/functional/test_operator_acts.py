"""What commands ask for waits for two officers, who sign it at the sign-in door; the owner's password is not needed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.staffed import Staffed, staffed

from cloison.client.passkey import SoftwarePasskey
from cloison.errors import ActScopeError, NotFoundError

PARTNER = ("--segments", "59", "--roles", "partner", "--accounts", "3", "--cap-day", "150")


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    """A served home with two officers who have come in, and without the owner's password."""
    with staffed(tmp_path_factory.mktemp("operator")) as found:
        owner = found.operated.home.logins / "owner.password"
        owner.rename(owner.with_suffix(".away"))
        yield found


async def signs(staff: Staffed, handle: str, act: str) -> str:
    """Sign an act over HTTP; how it stands then."""
    async with staff.client(handle) as door:
        waiting = await door.waiting()
        number = next(one.act for one in waiting if str(one.act) == act)
        return (await door.sign(number)).state


async def test_an_account_waits_for_two_officers(staff: Staffed) -> None:
    """One officer signs by the command line, the other at the door; before that nobody of that name may be let in."""
    operated = staff.operated
    words = ("accounts", "create", "lea", "--organisation", "Service", "--segment", "59")
    asked = operated.do(*words)
    assert (asked["state"], asked["people_needed"], asked["signed_by"]) == ("waiting", 2, [])
    assert (asked["asked_by"], asked["details"]["role"]) == ("", "adviser")
    passkey = operated.folder / "anna.passkey"
    assert operated.do("acts", "sign", asked["act"], "--passkey", passkey)["state"] == "waiting"
    assert "act_scope" in operated.run("acts", "sign", asked["act"], "--passkey", passkey).err
    assert "lea" not in [one["handle"] for one in operated.do("accounts", "list")["accounts"]]
    assert await signs(staff, "ben", asked["act"]) == "done"
    shown = operated.do("acts", "show", asked["act"])
    assert (shown["state"], shown["signed_by"]) == ("done", ["anna", "ben"])
    async with staff.client("ben") as ben:
        code = (await ben.hand_over("59", "lea")).code
    staff.passkeys["lea"] = SoftwarePasskey()
    async with staff.client("lea") as lea:
        await lea.redeem(code)
        await lea.sign_in()


async def test_asked_signed_and_waited_for(staff: Staffed) -> None:
    """With --wait a command ends when the act is done; an organisation comes with its agreement and offices."""
    operated = staff.operated
    begun = operated.start(
        *("organisations", "create", "Mission", *PARTNER, "--agency", "lille:59", "--wait", "30", "--json")
    )
    act = ""
    while not act:
        acts = operated.do("acts", "list")["acts"]
        act = next((one["act"] for one in acts if one["kind"] == "organisation.create"), "")
    for officer in ("anna", "ben"):
        await signs(staff, officer, act)
    out, _ = begun.communicate(timeout=30)
    assert '"state":"done"' in out
    shown = operated.do("organisations", "show", "Mission")
    assert shown["agencies"] == [{"name": "lille", "segment": "59"}]
    assert shown["agreement"]["terms"]["caps"]["day"] == 150


async def test_a_staff_file_is_signed_by_its_hash(staff: Staffed, tmp_path: Path) -> None:
    """Officers sign how many of what and the SHA-256; nothing of it is there before, all of it after, once."""
    operated = staff.operated
    (tmp_path / "organisations.csv").write_text("name,segments,roles,accounts\nMaison,59,partner,9\n", encoding="utf-8")
    rows = "".join(f"maison-{number},Maison,main,59,partner\n" for number in range(3))
    (tmp_path / "accounts.csv").write_text(f"handle,organisation,agency,segment,role\n{rows}", encoding="utf-8")
    asked = operated.do("staff", "import", tmp_path)
    details = asked["details"]
    assert (details["accounts"], details["organisations"], details["roles"]) == (3, 1, {"partner": 3})
    assert "unknown_act" in operated.run("staff", "import", "--act", asked["act"]).err
    assert asked["people_needed"] == 2
    for officer in ("anna", "ben"):
        await signs(staff, officer, asked["act"])
    made = operated.do("staff", "import", "--act", asked["act"])
    assert (made["organisations"], made["accounts"]) == (1, 3)
    again = operated.do("staff", "import", "--act", asked["act"])
    assert (again["accounts"], again["accounts_known"]) == (0, 3)


async def test_what_is_refused_or_taken_back_is_never_done(staff: Staffed) -> None:
    """An officer refuses, or the operator withdraws; nobody signs it then."""
    operated = staff.operated
    for number in range(2):
        act = operated.do("accounts", "create", f"no-{number}", "--organisation", "Service", "--segment", "59")["act"]
        async with staff.client("anna") as anna, staff.client("ben") as ben:
            waiting = {str(one.act): one.act for one in await anna.waiting()}
            if number:
                assert operated.do("acts", "withdraw", act)["state"] == "refused"
            else:
                await ben.refuse(waiting[act])
            with pytest.raises((NotFoundError, ActScopeError)):
                await anna.sign(waiting[act])
        assert operated.run("acts", "withdraw", act).status == 1
    handles = [one["handle"] for one in operated.do("accounts", "list")["accounts"]]
    assert not [handle for handle in handles if handle.startswith("no-")]


def test_commands_do_without_the_owners_password(staff: Staffed) -> None:
    """What takes rights away is done at once, lists are shown, and no command needs the owner's login."""
    operated = staff.operated
    assert operated.do("accounts", "freeze", "lea")["state"] == "frozen"
    assert operated.do("accounts", "sign-out", "lea")["state"] == "signed out"
    assert operated.do("accounts", "unfreeze", "lea", "--reason", "asked")["state"] == "waiting"
    assert operated.do("accounts", "close", "lea")["state"] == "closed"
    assert (
        operated.do("feeds", "create", "book", "--kind", "space", "--key", operated.key("book"))["state"] == "waiting"
    )
    assert operated.run("feeds", "close", "book").status == 1
    assert operated.do("caseload", "limit", "account_day", "61")["state"] == "waiting"
    assert operated.do("caseload", "limit")["limits"][0]["account_day"] == 60
    person = ("--person", "7d0a6d3e-0000-4000-8000-000000000001", "--segment", "59")
    number = operated.do("protection", "set", *person, "--audience", "anna")["protection"]
    assert operated.do("protection", "lift", number, "--reason", "over")["state"] == "waiting"
    assert len(operated.do("protection", "list")["protections"]) == 1
    assert operated.do("organisations", "end", "Mission")["agreement"] is None
    assert operated.do("alerts")["alerts"] == []
    assert {one["state"] for one in operated.do("acts", "list")["acts"]} == {"waiting", "done", "refused"}
