"""The audit log over HTTP, for who audits: a log of C2SP tlog-tiles a segment, and proofs for who makes none himself.

What is given out are hashes of blinded leaves: they say nothing of an entry to whoever was not shown it.
"""

import re
from functools import partial
from pathlib import Path
from typing import Annotated

from litestar import MediaType, Response, Router, get
from litestar.params import Parameter

from cloison.access.auditing import Auditor
from cloison.audit import tree
from cloison.audit.tree import Tile
from cloison.audit.witnesses import keys
from cloison.client.wire import LogConsistency, LogInclusion
from cloison.config import Home
from cloison.errors import NotFoundError
from cloison.web import problems
from cloison.web.bodies import DeskRequest
from cloison.web.desk import desk_of
from cloison.web.guard import bearer, require_session

PLACE = re.compile(r"((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
MOST_DIGITS = 15  # of a tile's number
MOST_LEVEL = 7
LEAVES = 2**53
Segment = Annotated[str, Parameter(description="The segment whose log it is", max_length=64)]
Leaves = Annotated[int, Parameter(ge=0, le=LEAVES, description="Of how many leaves")]
NOTHING = {
    **problems.REFUSALS,
    403: problems.described("The role may not read the log."),
    404: problems.described("There is no such log, tile or leaf."),
}


@get(
    "/{segment:str}/checkpoint",
    media_type=MediaType.TEXT,
    operation_id="log_checkpoint",
    summary="The newest checkpoint of a segment's log",
    response_description="A signed note, with the signatures of the log and of witnesses.",
    responses=NOTHING,
)
async def checkpoint(request: DeskRequest, segment: Segment) -> str:
    """The newest that a witness has signed, as C2SP tlog-checkpoint has it."""
    head = await _auditor(request, segment).head(*keys(_home(request)))
    return head.note


@get(
    "/{segment:str}/tile/{level:int}/{place:path}",
    operation_id="log_tile",
    summary="Hashes of a segment's log",
    response_description="Up to 256 hashes of 32 bytes.",
    responses=NOTHING,
)
async def tile(request: DeskRequest, segment: Segment, level: int, place: Path) -> Response[bytes]:
    """A tile as C2SP tlog-tiles has it: its number in groups of three digits, and `.p/` with its width if not full."""
    match = PLACE.fullmatch(str(place).lstrip("/"))
    if match is None or not 0 <= level <= MOST_LEVEL:
        raise NotFoundError
    digits = match[1].replace("x", "").replace("/", "") + match[2]
    wanted, width = Tile(level, int(digits)), int(match[3] or tree.TILE_WIDTH)
    if len(digits) > MOST_DIGITS or tree.tile_path(wanted, width) != f"tile/{level}/{match[0]}":
        raise NotFoundError
    hashes = await _auditor(request, segment).tile(wanted, width)
    return Response(hashes, media_type="application/octet-stream")


@get(
    "/{segment:str}/inclusion/{leaf:int}",
    operation_id="log_inclusion",
    summary="That a leaf is in a segment's log",
    response_description="The leaf's hash, the path to the root, and the checkpoint.",
    responses=NOTHING,
)
async def inclusion(request: DeskRequest, segment: Segment, leaf: int) -> LogInclusion:
    """The proof of RFC 6962, 2.1.1, for the newest checkpoint; what `cloison audit check` takes."""
    auditor = _auditor(request, segment)
    head = await auditor.head(*keys(_home(request)))
    path = await auditor.proof(partial(tree.inclusion_proof, leaf, head.checkpoint.size))
    hashes = await auditor.tile(Tile(0, leaf // tree.TILE_WIDTH), leaf % tree.TILE_WIDTH + 1)
    return LogInclusion(leaf, hashes[-tree.HASH_BYTES :].hex(), [each.hex() for each in path], head.note)


@get(
    "/{segment:str}/consistency",
    operation_id="log_consistency",
    summary="That a checkpoint of a segment's log continues an older one",
    response_description="The path between the roots.",
    responses=NOTHING,
)
async def consistency(request: DeskRequest, segment: Segment, old: Leaves, new: Leaves) -> LogConsistency:
    """The proof of RFC 6962, 2.1.2, between two sizes, for whoever has the checkpoints of both."""
    auditor = _auditor(request, segment)
    if new > (await auditor.head(*keys(_home(request)))).checkpoint.size:
        raise NotFoundError
    path = await auditor.proof(partial(tree.consistency_proof, old, new))
    return LogConsistency(old, new, [each.hex() for each in path])


def _auditor(request: DeskRequest, segment: str) -> Auditor:
    return Auditor(desk_of(request).meter, bearer(request), segment)


def _home(request: DeskRequest) -> Home:
    home: Home = request.app.state.home
    return home


ROUTES = [
    Router(
        "/v1/log",
        guards=[require_session],
        route_handlers=[checkpoint, tile, inclusion, consistency],
        security=[{"session": []}],
    )
]
