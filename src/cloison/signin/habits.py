"""Pairs who approve each other often, and approvers who never refuse (`access/habits.py`), shown to the officers."""

from litestar import Router, get

from cloison.access.habits import Decision, suspicious_pairs
from cloison.client.signin_wire import HabitApprover, HabitPair, Habits
from cloison.signin.door import door_of
from cloison.signin.sessions import REFUSALS, member
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer, require_session

DAYS = 90  # assumed
DECISIONS = "select asker, approver, approved from cloison.decisions_v1(%s, %s, %s)"


@get("/habits", operation_id="habits", summary="Who approves whom", responses=REFUSALS)
async def show_habits(request: DeskRequest) -> Habits:
    """Approvals of the last 90 days that may be a habit, with figures: for whoever admits accounts, none for others."""
    door, who = door_of(request), bearer(request)
    await member(door, request)
    found = suspicious_pairs([Decision(*row) for row in await door.ask(DECISIONS, (*who, DAYS))])
    pairs = [HabitPair(each.first, each.second, each.by_first, each.by_second, each.closed) for each in found.pairs]
    return Habits(DAYS, pairs, [HabitApprover(each.approver, each.decisions) for each in found.never_refusing])


ROUTES = [Router("/v1", guards=[require_session], route_handlers=[show_habits], security=[{"session": []}])]
