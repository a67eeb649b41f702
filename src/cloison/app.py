"""What a door works with: people, meter and keeper, put together when it starts, taken apart when it ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from cloison.config import Home, read_secret
from cloison.keeper.client import Caller, Keeper
from cloison.register.people import People
from cloison.register.profile import Profile
from cloison.store.metered import Meter
from cloison.store.pools import conninfo


class Rooms(msgspec.Struct, frozen=True):
    """The rooms of one door; `people` uses the other two."""

    profile: Profile
    people: People
    meter: Meter
    keeper: Keeper


def furnish(home: Home, profile: Profile) -> Rooms:
    """The rooms of the desk of `home`, not running yet; raises ConfigError where a secret is missing."""
    meter = Meter(conninfo(home, "desk"), home.config.web.waiting_requests)
    # Not `connect`, which would insist on a keeper: this one connects with the first call, and again by itself.
    keeper = Keeper(home.keeper_socket, Caller.DESK, read_secret(home.callers / "desk.secret"))
    return Rooms(profile, People(profile, meter, keeper), meter, keeper)


@asynccontextmanager
async def running(rooms: Rooms) -> AsyncIterator[None]:
    """Keep the rooms running for the length of the block.

    Database and keeper may be down meanwhile: what needs them raises until they are there.
    """
    await rooms.meter.start()
    try:
        yield
    finally:
        await rooms.meter.stop()
        await rooms.keeper.close()
