"""What sources of interactions tell over HTTP, by a service token. No session of an agent's is taken here.

The token says who asks; what it may write is decided in `take_interactions_v1`. Nothing about anybody is sent back, but
whether the account and the person are there, which is counted: a source that guesses is stopped.
"""

from collections.abc import Sequence

from litestar import post

from cloison.access import feeds
from cloison.access.feeds import Interaction
from cloison.client.wire import TakenInteraction, TakenInteractions, ToldInteraction, ToldInteractions
from cloison.errors import NoFeedError
from cloison.intake.door import door_of
from cloison.register.resealing import Register
from cloison.web.bodies import DeskRequest

SCHEME = "bearer "


async def take_told(register: Register, authorization: str, told: Sequence[ToldInteraction]) -> TakenInteractions:
    """Write what the source of this Authorization header tells; raises as `feeds.take` does."""
    if authorization[: len(SCHEME)].lower() != SCHEME:
        raise NoFeedError
    secret = feeds.secret_of(authorization[len(SCHEME) :])
    taken = await feeds.take(register, secret, [_interaction(register, one) for one in told])
    return TakenInteractions(
        [
            TakenInteraction(one.interaction, what.result, what.retry_after)
            for one, what in zip(told, taken, strict=True)
        ]
    )


@post("/v1/feeds/interactions", status_code=200)
async def tell_interactions(request: DeskRequest, data: "ToldInteractions") -> TakenInteractions:
    """For sources that no account can write: appointments, the personal space, the telephone. 200 at most a call.

    An interaction told before is `known`, whatever else it says: one that moves is a new one.
    """
    return await take_told(door_of(request).register, request.headers.get("authorization", ""), data.interactions)


def _interaction(register: Register, told: ToldInteraction) -> Interaction:
    given = {name: getattr(told, name, None) for name in register.profile.locators}
    values = {name: value for name, value in given.items() if value is not None}
    return Interaction(told.interaction, told.account, values, told.begins, told.until)
