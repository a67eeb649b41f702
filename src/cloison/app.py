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


@asynccontextmanager
async def open_rooms(home: Home, profile: Profile) -> AsyncIterator[Rooms]:
    """The rooms of the desk of `home`, for the length of the block; raises ConfigError where a secret is missing.

    Database and keeper may be down meanwhile: what needs them raises until they are there.
    """
    meter = Meter(conninfo(home, "desk"), home.config.web.waiting_requests)
    # Not `connect`, which would insist on a keeper: this one connects with the first call, and again by itself.
    keeper = Keeper(home.keeper_socket, Caller.DESK, read_secret(home.callers / "desk.secret"))
    await meter.start()
    try:
        yield Rooms(profile, People(profile, meter, keeper), meter, keeper)
    finally:
        await meter.stop()
        await keeper.close()
