"""What was done with one's own record, line by line. What is shown to whom: `89_reading.sql`, rules 4 to 6.

A cursor is `MICROSECONDS.SKIP`: the instant of a page's last line, and how many lines of that instant were shown.
"""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from litestar import Router, get, post
from litestar.params import Parameter

from cloison.client.space_wire import History, HistoryLine, LineProof, ProofRequest
from cloison.errors import BadRequestError, NotFoundError, OverloadedError
from cloison.space.coming import REFUSALS
from cloison.space.door import door_of
from cloison.space.own import member
from cloison.web.bodies import DeskRequest
from cloison.web.guard import bearer, require_session

PAGE = 50
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CURSOR = re.compile(r"(\d{1,17})\.(\d{1,6})")
LINES = (
    "select at, event, outcome, organisation, agency, role, handle, authority, purpose, compartments, relation, log, "
    "place, anchored from cloison.space_history_v1(%s, %s, %s, %s, %s)"
)
DELAY = "select cloison.space_delay_v1()"
ASK_PROOF = "select cloison.space_ask_proof_v1(%s, %s, %s, %s)"
PROOF = "select cloison.space_proof_v1(%s, %s, %s)"
PROOF_SECONDS = 12.0  # the sequencer looks every one to four
POLL_SECONDS = 0.25
RETRY_SECONDS = 30
Behind = Annotated[str | None, Parameter(max_length=40, description="The last page's cursor")]


@get("/history", operation_id="own_history", summary="What was done with one's record", responses=REFUSALS)
async def show_history(request: DeskRequest, behind: Behind = None) -> History:
    """Who of which organisation looked at, changed, exported or was refused one's record, newest first."""
    door = door_of(request)
    await member(door, request)
    at, skip = _read(behind)
    rows = await door.ask(LINES, (*bearer(request), at, skip, PAGE))
    ((delayed_until,),) = await door.ask(DELAY, ())
    lines = [_line(row) for row in rows]
    return History(lines, _cursor(lines, at, skip) if len(lines) == PAGE else None, delayed_until)


@post("/history/proofs", status_code=200, operation_id="prove_line", summary="Prove a line", responses=REFUSALS)
async def prove_line(request: DeskRequest, data: ProofRequest) -> LineProof:
    """The proof of a line of one's own that is anchored; the sequencer makes it, which takes it a moment."""
    door, who = door_of(request), bearer(request)
    await member(door, request)
    ((number,),) = await door.ask(ASK_PROOF, (*who, data.log, data.place))
    if number is None:
        raise NotFoundError
    waited = 0.0
    while waited < PROOF_SECONDS:
        ((proved,),) = await door.ask(PROOF, (*who, number))
        if proved:
            return LineProof(msgspec.json.decode(proved))
        await asyncio.sleep(POLL_SECONDS)
        waited += POLL_SECONDS
    raise OverloadedError(retry_after_seconds=RETRY_SECONDS)


ROUTES = [
    Router("/v1", guards=[require_session], route_handlers=[show_history, prove_line], security=[{"session": []}]),
]


def _line(row: Sequence[object]) -> HistoryLine:
    return HistoryLine(**dict(zip(HistoryLine.__struct_fields__, row, strict=True)))  # type: ignore[arg-type]


def _cursor(lines: Sequence[HistoryLine], at: datetime | None, skip: int) -> str:
    last = lines[-1].at
    shown = sum(1 for line in lines if line.at == last) + (skip if last == at else 0)
    return f"{(last - EPOCH) // timedelta(microseconds=1)}.{shown}"


def _read(cursor: str | None) -> tuple[datetime | None, int]:
    """The cursor's parts; raises BadRequestError for what was never given out."""
    if cursor is None:
        return None, 0
    match = CURSOR.fullmatch(cursor)
    if match is None:
        raise BadRequestError(reason="this is no cursor; give back what the last page said")
    return EPOCH + timedelta(microseconds=int(match[1])), int(match[2])
