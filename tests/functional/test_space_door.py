"""People's own space over HTTP: an invitation becomes a login, a passkey or a password with a phone a session."""

import asyncio
import re
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from psycopg import sql
from support.api import Api, calling
from support.desk import RunningRegister
from support.post import delivering
from support.space_door import PASSWORD, Phones, Space, come_in, space_of

from cloison.client.device import Credentials, DeviceAuth, DeviceKey
from cloison.client.passkey import Lies, SoftwarePasskey
from cloison.client.signin_wire import Ceremony
from cloison.client.space_wire import SpaceToken
from cloison.config import Home
from cloison.errors import (
    CeremonyError,
    CloisonError,
    FactorRefusedError,
    InvitationError,
    LastWayError,
    NameTakenError,
    NoSessionError,
    NotFoundError,
    SpaceRefusedError,
    WeakPasswordError,
)

READ = "select t::text from cloison.{} t"


@pytest.fixture(scope="module")
def space(home: Home, register: RunningRegister) -> Iterator[Space]:
    """The served door."""
    assert register.home is home
    with space_of(home) as found:
        yield found


async def test_password_and_phone(space: Space) -> None:
    """Invited, a person chooses name, password and phone, signs in with all three, and sees the sign-in."""
    phones = await space.person("Paula.Martin@example.org")
    async with space.client() as client:
        await come_in(client, " paula.martin@EXAMPLE.org", phones)
        login = await client.login()
        assert (login.fresh, login.passkeys, login.by_password) == (True, [], True)
        assert [one.way for one in login.signins] == ["password"]
        assert await client.sign_out() == 1
        with pytest.raises(NoSessionError):
            await client.login()


async def test_passkey_alone(space: Space) -> None:
    """A passkey that verifies its owner is two factors; nobody types a name. Another one is added beside it."""
    code, _ = space.code()
    passkey, other = SoftwarePasskey(), SoftwarePasskey()
    async with space.client() as client, space.client() as elsewhere:
        await client.redeem(*code, "quentin@example.org", passkey=passkey)
        await client.touch_in(passkey)
        await client.add_passkey(other)
        await elsewhere.touch_in(other)
        assert len((await elsewhere.login()).passkeys) == 2
        assert await client.sign_out(everywhere=True) == 2
        with pytest.raises(NoSessionError):
            await elsewhere.login()


@pytest.mark.parametrize("lies", [Lies(origin="http://localhost:1"), Lies(verified=False), Lies(rp_id="example.org")])
async def test_passkey_asked_elsewhere_or_unverified(space: Space, lies: Lies) -> None:
    """A touch on another origin's page, for another RP ID, or without PIN or finger lets nobody in."""
    code, _ = space.code()
    passkey = SoftwarePasskey()
    async with space.client() as client:
        await client.redeem(*code, f"{uuid4()}@example.org", passkey=passkey)
        passkey.lies = lies
        with pytest.raises(FactorRefusedError):
            await client.touch_in(passkey)


async def test_passkeys_answer_is_used_up(space: Space) -> None:
    """The same answer of a passkey begins one session, whoever's device shows it again."""
    code, _ = space.code()
    passkey = SoftwarePasskey()
    async with space.client() as client, space.client() as thief:
        await client.redeem(*code, f"{uuid4()}@example.org", passkey=passkey)
        begun = await client.ask("POST", "/v1/signin/options", {}, Ceremony)
        body = {"ceremony": begun.ceremony, "credential": passkey.touch(begun.publicKey, space.url)}
        path = "/v1/signin/passkey"
        await client.ask("POST", path, body, SpaceToken, DeviceAuth(Credentials("", client.key)))
        with pytest.raises(CeremonyError):
            await thief.ask("POST", path, body, SpaceToken, DeviceAuth(Credentials("", thief.key)))


async def test_wrong_unknown_replayed_are_one_answer(space: Space) -> None:
    """A wrong password, a wrong code, a code used before, a name that is nobody's: the same refusal, word for word."""
    phones = await space.person("rene@example.org")
    said = []
    async with space.client("192.0.2.20") as client:
        used = phones.digits()
        await client.sign_in("rene@example.org", PASSWORD, used)
        tries = [
            ("rene@example.org", PASSWORD, used),
            ("rene@example.org", PASSWORD, "000000"),
            ("rene@example.org", PASSWORD + "!", phones.digits()),
            ("nobody@example.org", PASSWORD, used),
        ]
        for name, password, digits in tries:
            with pytest.raises(SpaceRefusedError) as raised:
                await client.sign_in(name, password, digits)
            said.append(str(raised.value))
    assert len(set(said)) == 1


async def test_reused_invitation(space: Space) -> None:
    """A code redeemed once is nobody's; so is one that was never given."""
    code, _ = space.code()
    async with space.client() as client:
        await client.redeem(*code, "sami@example.org", passkey=SoftwarePasskey())
        for shown in (code, ("59-0000-0000-0000-0000", "0000-0000"), ("nonsense", "nonsense")):
            with pytest.raises(InvitationError):
                await client.redeem(*shown, "other@example.org", passkey=SoftwarePasskey())


def test_an_invitation_in_two_halves(space: Space, register: RunningRegister) -> None:
    """Half is mailed to the address in the record, half told to the adviser: together they make a login."""
    agent = register.agent(12)
    row = next(row for row in agent.people if row["email"])
    with calling(register, agent) as api, delivering(register.home.config.mail) as post:
        path = "/v1/people/{}/space-invitation"
        people = {one["identifier"]: found_by(api, one) for one in agent.people}
        person = people.pop(row["identifier"])
        assert api.post(path.format(person), {}).json() == {"outcome": "scope"}, "it is not open before the adviser"
        assert api.open([person])[0]["outcome"] == "open"
        assert api.post(path.format(next(iter(people.values()))), {}).json() == {"outcome": "scope"}
        assert api.post(path.format(uuid4()), {}).json() == {"outcome": "scope"}
        told = api.post(path.format(person), {}).json()
        assert told["outcome"] == "open"
        ((address,), message) = post.envelopes[-1]
    assert address == row["email"]
    assert told["spoken"] not in post.text
    assert row["birth_name"] not in f"{message['Subject']} {post.text}"
    (link,) = re.findall(r"http\S+", post.text)
    address, _, code = link.partition("#code=")  # in the fragment, which no server sees
    assert address == f"{space.url}/invitation"
    assert f"    {code}" in post.text.splitlines()

    async def redeem(spoken: str) -> None:
        async with space.client() as client:
            await client.redeem(code, spoken, "halves@example.org", passkey=SoftwarePasskey())

    with pytest.raises(InvitationError):
        asyncio.run(redeem("0000-0000"))
    asyncio.run(redeem(told["spoken"]))


def found_by(api: Api, row: dict[str, str]) -> str:
    """The person whom an adviser finds by identifier."""
    (card,) = api.search(identifier=row["identifier"], purpose="follow_up")["cards"]
    return str(card["person"])


async def test_half_a_code_is_refused(space: Space) -> None:
    """The mailed half with a wrong spoken one, or somebody else's, makes no login; capitals do not matter."""
    (code, spoken), _ = space.code()
    (_, others), _ = space.code()
    async with space.client() as client:
        for shown in ("0000-0000", others, ""):
            with pytest.raises(InvitationError):
                await client.redeem(code, shown, "half@example.org", passkey=SoftwarePasskey())
        await client.redeem(
            code.lower(), spoken.replace("-", " ").lower(), "half@example.org", passkey=SoftwarePasskey()
        )


async def test_taking_a_passkey_away(space: Space) -> None:
    """One's own passkeys are listed, and taken away but for the last one."""
    code, _ = space.code()
    passkey, other = SoftwarePasskey(), SoftwarePasskey()
    async with space.client() as client:
        await client.redeem(*code, f"{uuid4()}@example.org", passkey=passkey)
        await client.touch_in(passkey)
        (only,) = (await client.login()).passkeys
        with pytest.raises(LastWayError):
            await client.remove_passkey(only.factor)
        with pytest.raises(NotFoundError):
            await client.remove_passkey(uuid4())
        await client.add_passkey(other)
        await client.remove_passkey(only.factor)
        with pytest.raises(FactorRefusedError):
            await client.touch_in(passkey)
        await client.touch_in(other)


async def test_name_and_password_that_are_refused(space: Space) -> None:
    """Somebody else's name, a weak password, a wrong first code: the code stays good for another go."""
    await space.person("tania@example.org")
    code, _ = space.code()
    async with space.client() as client:
        phones = Phones((await client.invited(code[0])).phone)
        with pytest.raises(NameTakenError):
            await client.redeem_password(code, "Tania@example.org", PASSWORD, phones.phone, phones.digits())
        with pytest.raises(WeakPasswordError):
            await client.redeem_password(code, "ulla@example.org", "ulla@example.org", phones.phone, phones.digits())
        with pytest.raises(SpaceRefusedError):
            await client.redeem_password(code, "ulla@example.org", PASSWORD, phones.phone, "000000")
        await client.redeem(*code, "ulla@example.org", passkey=SoftwarePasskey())


async def test_phone_and_passkey_of_another_login(space: Space) -> None:
    """What was given out for one invitation cannot be used for another, nor one kind of sealed text for another."""
    mine, _ = space.code()
    other, _ = space.code()
    async with space.client() as client:
        offered, own = await client.invited(other[0]), await client.invited(mine[0])
        phones = Phones(offered.phone)
        with pytest.raises(CeremonyError):
            await client.redeem_password(mine, "vera@example.org", PASSWORD, phones.phone, phones.digits())
        swapped = Phones(own.phone)
        swapped.phone = type(own.phone)(own.passkey.ceremony, own.phone.secret, own.phone.address)
        with pytest.raises(CeremonyError):
            await client.redeem_password(mine, "vera@example.org", PASSWORD, swapped.phone, swapped.digits())


async def test_stolen_token(space: Space) -> None:
    """A token with another device's key is refused, and the person sees when it was tried."""
    phones = await space.person("walid@example.org")
    async with space.client() as client, httpx.AsyncClient(base_url=space.url) as thief:
        token = await come_in(client, "walid@example.org", phones)
        stolen = DeviceAuth(Credentials(token.token, DeviceKey()))
        assert (await thief.get("/v1/login", auth=stolen)).status_code == httpx.codes.UNAUTHORIZED
        (signin,) = (await client.login()).signins
        assert signin.copied_at is not None


async def test_new_invitation_takes_the_login_back(space: Space) -> None:
    """Whoever lost everything is invited again: what led to the login before leads nowhere."""
    code, person = space.code()
    lost = SoftwarePasskey()
    async with space.client() as client, space.client() as thief:
        await client.redeem(*code, "xenia@example.org", passkey=lost)
        await thief.touch_in(lost)
        again, _ = space.code(person)
        await client.redeem(*again, "xenia@example.org", passkey=SoftwarePasskey())
        with pytest.raises(NoSessionError):
            await thief.login()
        with pytest.raises(FactorRefusedError):
            await thief.touch_in(lost)


async def test_refusals_are_told_in_french(space: Space) -> None:
    """The sentence, and the reason in it, are in the language that was asked for."""
    code, _ = space.code()
    async with space.client() as client:
        client._http.headers["accept-language"] = "fr"  # noqa: SLF001 - as a browser would say
        phones = Phones((await client.invited(code[0])).phone)
        with pytest.raises(CloisonError) as raised:
            await client.redeem_password(code, "yann@example.org", "azertyuiop123", phones.phone, phones.digits())
    assert "il serait deviné" in str(raised.value)


def test_nothing_of_a_login_can_be_read(space: Space) -> None:
    """A dump of the space's tables holds no name, no password and no phone's secret."""
    rows = []
    for table in ("space_login", "space_name", "space_factor", "space_device", "space_invitation", "space_session"):
        rows += space.database.owner.execute(sql.SQL(READ).format(sql.Identifier(table))).fetchall()
    text = str(rows).lower()
    assert len(rows) > 5
    for word in ("example", "paula", "6578616d706c65", "girafes", "otpauth"):
        assert word not in text
