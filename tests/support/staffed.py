"""A served home whose officers have come in, as `cloison init` and the sign-in door let them: by passkeys."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cloison.client.passkey import SoftwarePasskey
from cloison.client.signin import SigninClient
from cloison.config import ProviderConfig
from support.operated import OperatedHome, served

OFFICERS = ("anna", "ben")


class Staffed:
    """The home, its addresses, and the passkeys of whoever has come in."""

    def __init__(self, operated: OperatedHome) -> None:
        """The officers register their passkeys with the codes that `init` gave; the home must be served."""
        self.operated = operated
        self.desk = operated.url
        self.signin = operated.home.config.signin.public_origin
        self.passkeys: dict[str, SoftwarePasskey] = {}

    def client(self, handle: str) -> SigninClient:
        """The sign-in door for somebody who has come in."""
        return SigninClient(self.signin, self.passkeys[handle])

    def redeem(self, handle: str, code: str) -> None:
        """Register a passkey, kept in a file of the home's folder, for whom the code invites."""
        self.passkeys[handle] = SoftwarePasskey(self.operated.folder / f"{handle}.passkey")

        async def register() -> None:
            async with self.client(handle) as door:
                assert await door.redeem(code) == handle

        asyncio.run(register())


@contextmanager
def staffed(folder: Path, agreed: Callable[[OperatedHome], ProviderConfig] | None = None) -> Iterator[Staffed]:
    """A home of one's own with the two first officers, served for the length of the block.

    `agreed`: the OpenID provider that its sign-in door knows.
    """
    operated = OperatedHome(folder)
    if agreed is not None:
        operated.know_provider(agreed(operated))
    codes = operated.initialise(OFFICERS)
    try:
        with served(operated):
            staff = Staffed(operated)
            for handle, code in codes.items():
                staff.redeem(handle, code)
            yield staff
    finally:
        operated.stop()
