"""Credential stuffing: a list of names and passwords tried at people's sign-in, a thousand a second."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from support.desk import RunningRegister
from support.space_door import HEADER, PASSWORD, Space, Victim, space_of

from cloison.bench.flood import Asked, Flooded, flood
from cloison.client.device import DeviceKey
from cloison.client.passkey import SoftwarePasskey
from cloison.config import Home
from cloison.errors import CloisonError, OverloadedError, SpaceRefusedError, TooManyTriesError

pytestmark = pytest.mark.one_version  # a door's places and threads; what its database counts: tests/sql/test_space.py

PATH = "/v1/signin/password"
RATE, SECONDS = 1_000, 4
NETWORKS = 400
PATIENCE_SECONDS = 20.0
MEMORY_BYTES = 700_000_000


@pytest.fixture(scope="module")
def space(home: Home, register: RunningRegister) -> Iterator[Space]:
    """The served door."""
    assert register.home is home
    with space_of(home) as found:
        yield found


def tries(space: Space, names: list[str], count: int, network: Callable[[int], str]) -> list[Asked]:
    """As many tries, each with a proof that is in order, of these names in turn and passwords from a list."""
    nonce = httpx.get(f"{space.url}/healthz").headers["dpop-nonce"]
    key, url = DeviceKey(), urlsplit(space.url)
    made = []
    for number, name in zip(range(count), itertools.cycle(names), strict=False):
        body = msgspec.json.encode({"name": name, "password": f"stolen password {number}", "digits": "123456"})
        proof = key.proof("POST", space.url + PATH, body=body, nonce=nonce)
        head = (
            f"POST {PATH} HTTP/1.1\r\nhost: {url.netloc}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\ndpop: {proof}\r\n{HEADER}: {network(number)}\r\n\r\n"
        )
        made.append(Asked(head.encode() + body, name))
    return made


async def at_once(space: Space, asked: list[Asked], rate: int = RATE) -> Flooded:
    """Send them all at the rate."""
    url = urlsplit(space.url)
    left = iter(asked)
    return await flood((url.hostname or "", url.port or 0), lambda: next(left), rate, len(asked) / rate)


async def patiently(act: Callable[[], Awaitable[object]]) -> float:
    """Do it again as often as there is no room for it; after how many seconds it succeeded."""
    began = time.monotonic()
    while time.monotonic() < began + PATIENCE_SECONDS:
        try:
            await act()
        except OverloadedError:
            await asyncio.sleep(0.2)
        else:
            return time.monotonic() - began
    raise AssertionError("it never succeeded")


async def test_thousand_tries_a_second_from_many_networks(space: Space) -> None:
    """Nobody gets in, a few a second are compared at all, and people come in meanwhile by passkey and known device."""
    victim = Victim(space, "victim")
    code, _ = space.code()
    passkey = SoftwarePasskey()
    asked = tries(
        space,
        [victim.name, "nobody@example.org", "somebody@example.org"],
        RATE * SECONDS,
        lambda number: (
            f"10.{number % NETWORKS}.7.1" if number % NETWORKS < 256 else f"172.{number % NETWORKS - 256}.7.1"
        ),
    )
    async with space.client() as by_passkey, space.client() as at_home:
        await by_passkey.redeem(*code, "with.passkey@example.org", passkey=passkey)
        await at_home.sign_in(victim.name, PASSWORD, victim.digits())
        space.database.owner.execute("update cloison.space_login set totp_step = 1 where login = %s", (victim.login,))
        before = space.process().cpu_times()
        attack = asyncio.create_task(at_once(space, asked))
        await asyncio.sleep(1.0)
        waited = [
            await patiently(lambda: by_passkey.touch_in(passkey)),
            await patiently(lambda: at_home.sign_in(victim.name, PASSWORD, victim.digits())),
        ]
        flooded = await attack
    used = space.process().cpu_times()
    answers = Counter(told.status for told in flooded.told)
    spent = used.user + used.system - before.user - before.system
    figures = f"{answers} in {flooded.seconds:.1f} s; they waited {waited}; {spent:.1f} s CPU"
    assert answers[httpx.codes.OK] == 0
    assert set(answers) <= {0, 403, 429, 503}
    compared = answers[403]
    assert 0 < compared < 20 * (flooded.seconds + 3), figures
    assert all(told.retry_after for told in flooded.told if told.status in {429, 503})
    assert space.process().memory_info().rss < MEMORY_BYTES
    assert max(waited) < PATIENCE_SECONDS, figures


async def test_a_login_that_strangers_blocked(space: Space) -> None:
    """Ten wrong tries block a login for strangers, the right password too; its own device, and time, do not matter."""
    victim = Victim(space, "blocked")
    async with space.client() as at_home, space.client("198.51.100.3") as stranger:
        await at_home.sign_in(victim.name, PASSWORD, victim.digits())
        again = "update cloison.space_login set totp_step = 1 where login = %s"
        for _ in range(10):
            with pytest.raises(SpaceRefusedError):
                await stranger.sign_in(victim.name, "wrong and wrong again", "123456")
        with pytest.raises(SpaceRefusedError):
            await stranger.sign_in(victim.name, PASSWORD, victim.digits())
        space.database.owner.execute(again, (victim.login,))
        await at_home.sign_in(victim.name, PASSWORD, victim.digits())
        space.database.owner.execute(again, (victim.login,))
        await stranger.sign_in(victim.name, PASSWORD, victim.digits())


async def test_one_network_is_slowed_down(space: Space) -> None:
    """One rented machine has twenty tries, whatever names it tries, then one in six seconds; neighbours notice."""
    async with space.client("203.0.113.5") as one, space.client("203.0.113.99") as neighbour:
        said: list[CloisonError] = []
        while len(said) < 40 and not isinstance(said[-1] if said else None, TooManyTriesError):
            with pytest.raises((SpaceRefusedError, TooManyTriesError)) as raised:
                await one.sign_in(f"name{len(said)}@example.org", "stolen password", "123456")
            said.append(raised.value)
        assert 20 < len(said) < 27
        assert said[-1].fields["retry_after_seconds"] in range(1, 7)
        with pytest.raises(TooManyTriesError):
            await neighbour.sign_in("other@example.org", "stolen password", "123456")
    async with space.client("203.0.114.5") as elsewhere:
        with pytest.raises(SpaceRefusedError):
            await elsewhere.sign_in("other@example.org", "stolen password", "123456")


async def test_forged_mark_is_no_known_device(space: Space) -> None:
    """Another device's mark, shown with one's own key, leaves one a stranger."""
    victim = Victim(space, "marked")
    async with space.client("198.51.101.3") as at_home, space.client("198.51.102.3") as thief:
        await at_home.sign_in(victim.name, PASSWORD, victim.digits())
        thief.known = dict(at_home.known)
        for _ in range(10):
            with pytest.raises(SpaceRefusedError):
                await thief.sign_in(victim.name, "wrong and wrong again", "123456")
    tries_left = "select tries from cloison.space_device where login = %s"
    assert space.database.one(tries_left, victim.login) == 0
    assert space.database.one("select tries from cloison.space_login where login = %s", victim.login) == 10


def test_log_tells_nobody(space: Space) -> None:
    """The door's log holds no name, password or code of all these tries."""
    text = (space.home.log / "space.log").read_text(encoding="utf-8")
    assert "example.org" not in text
    assert "stolen" not in text
