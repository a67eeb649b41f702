"""What sources of interactions tell over HTTP, by a client's token, whose proof the desk checked; by no session.

The token says who asks; what it may write is decided in `take_interactions_v1`. Nothing about anybody is sent back, but
whether the account and the person are there, which is counted: a source that guesses is stopped.
"""

from litestar import post

from cloison.access import feeds
from cloison.access.feeds import Interaction
from cloison.client.wire import TakenInteraction, TakenInteractions, ToldInteraction, ToldInteractions
from cloison.intake.door import door_of
from cloison.register.resealing import Register
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer


@post("/feeds/interactions", status_code=200)
async def tell_interactions(request: DeskRequest, data: "ToldInteractions") -> TakenInteractions:
    """For sources that no account can write: appointments, the personal space, the telephone. 200 at most a call.

    An interaction told before is `known`, whatever else it says: one that moves is a new one.
    """
    register = door_of(request).register
    told = data.interactions
    taken = await feeds.take(register, bearer(request).token, [_interaction(register, one) for one in told])
    return TakenInteractions(
        [
            TakenInteraction(one.interaction, what.result, what.retry_after)
            for one, what in zip(told, taken, strict=True)
        ]
    )


def _interaction(register: Register, told: ToldInteraction) -> Interaction:
    given = {name: getattr(told, name, None) for name in register.profile.locators}
    values = {name: value for name, value in given.items() if value is not None}
    return Interaction(told.interaction, told.account, values, told.begins, told.until)
