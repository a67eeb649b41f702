"""The register as commands know it that bring people or relations in: through intake's login and the keeper."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from cloison.cli.shared import started
from cloison.passphrase import passphrase_file
from cloison.processes import keeper_of, running_keeper
from cloison.register.intake import Register
from cloison.register.profile import load_profile
from cloison.store.pools import conninfo, pool

INTAKE_CONNECTIONS = 3
Result = TypeVar("Result")


def with_register(work: Callable[[Register], Coroutine[Any, Any, Result]]) -> Result:
    """Run `work` with the keeper and the database as intake knows them."""
    home = started()

    async def run() -> Result:
        connections = pool(conninfo(home, "intake"), INTAKE_CONNECTIONS)
        async with keeper_of(home, "intake") as keeper, connections:
            return await work(Register(load_profile(home.config.profile), keeper, connections))

    with passphrase_file(home) as passphrase, running_keeper(home, passphrase):
        return asyncio.run(run())
