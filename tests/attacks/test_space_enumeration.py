"""Enumeration: does people's sign-in tell by its answer, or its time, that somebody has a login here?

The bound: with 12 tries of each kind, in shuffled order, a rank test (Mann and Whitney) finds no difference between an
unknown name and a known one at p < 0.001: so nothing that tells them apart in nine of ten pairs of tries. A door
without its floor in time would be found with certainty, which another test shows.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Iterator
from functools import partial
from uuid import UUID

import pytest
from scipy.stats import mannwhitneyu
from support.desk import RunningRegister
from support.space_door import PASSWORD, Space, Victim, space_of

from cloison.access import passwords
from cloison.config import Home
from cloison.errors import SpaceRefusedError

pytestmark = pytest.mark.one_version  # a door's time

TRIES = 12
AT_ONCE = 8  # that have a place to be compared
LEAST_P = 0.001
LOGIN = UUID(int=1)
RESET = "update cloison.space_login set tries = %s where login = %s"


@pytest.fixture(scope="module")
def space(home: Home, register: RunningRegister) -> Iterator[Space]:
    """The served door."""
    assert register.home is home
    with space_of(home) as found:
        yield found


async def timed(space: Space, number: int, name: str, shown: tuple[str, str]) -> tuple[float, str]:
    """How long a refusal took, and its words; each try from a network of its own, by a device that has a nonce."""
    async with space.client(f"10.{number}.{random.randrange(256)}.1") as client:  # noqa: S311 - a network
        await client.greet()
        began = time.perf_counter()
        with pytest.raises(SpaceRefusedError) as raised:
            await client.sign_in(name, *shown)
        return time.perf_counter() - began, str(raised.value)


async def test_time_and_words_of_refusals(space: Space) -> None:
    """Unknown, wrong password, wrong code with the right password, blocked: the same words, and no other time."""
    wrong, code, blocked = (Victim(space, kind) for kind in ("wrong", "code", "blocked"))
    kinds = {
        "unknown": (None, "unknown@example.org", "wrong and wrong again"),
        "wrong": (wrong, wrong.name, "wrong and wrong again"),  # with the right code
        "code": (code, code.name, PASSWORD),
        "blocked": (blocked, blocked.name, PASSWORD),
    }
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    words = set()
    order = [kind for kind in kinds for _ in range(TRIES)]
    random.shuffle(order)
    for number, kind in enumerate(order):
        victim, name, password = kinds[kind]
        if victim is not None:
            space.database.owner.execute(RESET, (10 if kind == "blocked" else 0, victim.login))
        digits = victim.digits() if victim is wrong else "000000"
        seconds, said = await timed(space, number, name, (password, digits))
        took[kind].append(seconds)
        words.add(said)
    assert len(words) == 1
    for kind in ("wrong", "code", "blocked"):
        found = mannwhitneyu(took["unknown"], took[kind]).pvalue
        apart = abs(statistics.median(took["unknown"]) - statistics.median(took[kind]))
        figures = f"{kind}: p = {found:.3f}, medians {1000 * apart:.1f} ms apart"
        assert found > LEAST_P, figures


async def test_rank_test_has_teeth() -> None:
    """A door without its floor would be told from this one, as a comparison takes long enough to be seen."""
    key = b"k" * 32
    kept = passwords.hash_of(key, LOGIN, PASSWORD)

    async def answer(*, known: bool) -> float:
        began = time.perf_counter()
        if known:
            await asyncio.to_thread(partial(passwords.verified, key, LOGIN, "wrong", kept))
        return time.perf_counter() - began

    took = {known: [await answer(known=known) for _ in range(TRIES)] for known in (True, False)}
    assert mannwhitneyu(took[True], took[False]).pvalue < LEAST_P


async def test_no_hash_without_the_code(space: Space) -> None:
    """Amplifier: tries of a known name without its phone's code cost the door less than half of a comparison each."""
    victim = Victim(space, "amplified")
    before = space.process().cpu_times()

    async def knock(number: int) -> None:
        async with space.client(f"10.99.{number}.1") as client:
            with pytest.raises(SpaceRefusedError):
                await client.sign_in(victim.name, "wrong and wrong again", "000000")

    await asyncio.gather(*(knock(number) for number in range(AT_ONCE)))
    used = space.process().cpu_times()
    spent = used.user + used.system - before.user - before.system
    began = time.thread_time()
    passwords.hash_of(b"k" * 32, victim.login, PASSWORD)
    assert spent < AT_ONCE * 0.5 * (time.thread_time() - began), f"{spent:.2f} s for {AT_ONCE} tries"
