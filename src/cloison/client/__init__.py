"""The typed client of the desk's JSON API: what partner software, the replay and the tests use.

    async with Client("https://desk.example.org", token) as desk:
        found = await desk.search("identifier", "12345678901", purpose="follow_up")

Whatever the desk refuses is raised as the class of `cloison.errors` with the problem's code; outcomes are answers, not
errors. Nothing is tried again by itself: an opening that got no answer may have been charged.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Literal, Self, TypeVar
from uuid import UUID

import httpx
import msgspec

from cloison.client.changes import Changed, RepresentativeRequest
from cloison.client.wire import (
    AudienceRequest,
    Card,
    Cards,
    Caseload,
    CodeConfirmed,
    CodeGiven,
    CodeRequest,
    CodeSent,
    CoverRequest,
    Fault,
    HandoverRequest,
    Health,
    OpenAnswer,
    Opened,
    OpenRequests,
    PersonRequest,
    Problem,
    Protection,
    ProtectionRequest,
    Session,
    State,
    TakenInteraction,
    TakenInteractions,
    Transfer,
    WaitingTransfers,
)
from cloison.errors import CloisonError, DeskUnavailableError, received

TIMEOUT_SECONDS = 30.0
PROBLEM = "application/problem+json"

__all__ = [
    "Card",
    "Cards",
    "Caseload",
    "Changed",
    "Client",
    "CodeConfirmed",
    "CodeGiven",
    "CodeRequest",
    "CodeSent",
    "CoverRequest",
    "Fault",
    "HandoverRequest",
    "Health",
    "OpenAnswer",
    "OpenRequests",
    "Opened",
    "PersonRequest",
    "Problem",
    "Protection",
    "RepresentativeRequest",
    "Session",
    "State",
    "TakenInteraction",
    "TakenInteractions",
    "Transfer",
    "WaitingTransfers",
]

Answer = TypeVar("Answer")


class Client:
    """A session's way into the desk; keeps connections open, to be used as an async context manager."""

    def __init__(self, base_url: str, token: str, *, language: str = "en", timeout: float = TIMEOUT_SECONDS) -> None:
        """Speak to the desk at `base_url` with a session's `token`; nothing is sent yet. `timeout` is in seconds.

        Without a token only `health` is answered.
        """
        headers = {"Accept-Language": language} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._http = httpx.AsyncClient(base_url=base_url, headers=headers, timeout=timeout, trust_env=False)

    async def __aenter__(self) -> Self:
        """Closed at the end of the block."""
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def search(self, by: str, value: str, *, purpose: str, **facts: str) -> Cards:
        """Find people by the profile's search `by`; `facts` are others it needs, and `segment` if not the home.

        Raises UnknownSearchError, BadRequestError, KeeperCeilingError, and as `open` does.
        """
        body = {**facts, by: value, "purpose": purpose}
        return await self._ask("POST", "/v1/people/search", Cards, msgspec.json.encode(body))

    async def open(self, requests: Sequence[PersonRequest]) -> list[Opened]:
        """Open people's compartments, 64 at most; results in order.

        Raises NoSessionError, BadRequestError, TooLargeError, OverloadedError, DatabaseUnavailableError,
        KeeperUnavailableError, DeskUnavailableError.
        """
        body = msgspec.json.encode(OpenRequests(requests=list(requests)))
        return (await self._ask("POST", "/v1/people/open", OpenAnswer, body)).results

    async def caseload(self, *, whole: bool = False, after: UUID | None = None) -> Caseload:
        """One page of today's appointments, or of the whole caseload; raises as `open` does."""
        query = {"whole": "true" if whole else "false", **({} if after is None else {"after": str(after)})}
        return await self._ask("GET", f"/v1/caseload?{httpx.QueryParams(query)}", Caseload)

    async def protect(
        self,
        person: UUID,
        audience: Sequence[str],
        *,
        segment: str | None = None,
        until: datetime | None = None,
    ) -> Protection:
        """Withhold somebody from all accounts but these; raises MalformedRequestError, and as `open` does."""
        body = ProtectionRequest(person=person, segment=segment, audience=list(audience), until=until)
        return await self._ask("POST", "/v1/protections", Protection, msgspec.json.encode(body))

    async def change_audience(self, protection: UUID, audience: Sequence[str]) -> Protection:
        """Make these accounts the audience; who comes in waits for a second account that asks for the same.

        Raises NotFoundError, SecondPersonError, and as `protect` does.
        """
        body = msgspec.json.encode(AudienceRequest(audience=list(audience)))
        return await self._ask("PATCH", f"/v1/protections/{protection}", Protection, body)

    async def lift_protection(self, protection: UUID) -> Protection:
        """Ask that a protection be lifted; it is when a second account asks too. Raises as `change_audience` does."""
        return await self._ask("POST", f"/v1/protections/{protection}/lift", Protection)

    async def create(self, fields: Mapping[str, str], *, purpose: str) -> Changed:
        """Bring somebody in; raises InvalidFieldsError, MalformedRequestError, DoorUnavailableError, and as `open`."""
        return await self._change("POST", "/v1/people", {"fields": fields, "purpose": purpose})

    async def change(self, person: UUID, fields: Mapping[str, str | None], *, purpose: str) -> Changed:
        """Correct fields of somebody, None to empty one; raises as `create` does."""
        return await self._change("PATCH", f"/v1/people/{person}", {"fields": fields, "purpose": purpose})

    async def end_registration(self, person: UUID, on: str, *, purpose: str) -> Changed:
        """End a registration on a day (ISO); raises ActRefusedError, and as `create` does."""
        return await self._change("POST", f"/v1/people/{person}/end", {"on": on, "purpose": purpose})

    async def resume_registration(self, person: UUID, on: str, *, purpose: str) -> Changed:
        """Register somebody again from a day on; raises as `end_registration` does."""
        return await self._change("POST", f"/v1/people/{person}/resume", {"registered_on": on, "purpose": purpose})

    async def note_death(self, person: UUID, on: str, *, purpose: str) -> Changed:
        """Note the day of a death; raises as `end_registration` does."""
        return await self._change("POST", f"/v1/people/{person}/death", {"on": on, "purpose": purpose})

    async def ask_merge(self, survivor: UUID, absorbed: UUID, *, purpose: str, reason: str = "other") -> Changed:
        """Ask that one record absorb another; raises MergeRefusedError, and as `create` does."""
        body = {"survivor": survivor, "absorbed": absorbed, "purpose": purpose, "reason": reason}
        return await self._change("POST", "/v1/merges", body)

    async def ask_split(self, merge: UUID, *, purpose: str) -> Changed:
        """Ask that a merge be taken back; raises as `create` does."""
        return await self._change("POST", f"/v1/merges/{merge}/split", {"purpose": purpose})

    async def approve_merge(self, merge: UUID) -> Changed:
        """Be the second person of a merge or a split; raises as `create` does."""
        return await self._ask("POST", f"/v1/merges/{merge}/approve", Changed)

    async def set_representative(self, person: UUID, wish: RepresentativeRequest) -> Changed:
        """Say who speaks for somebody; raises RepresentativeRefusedError, and as `create` does."""
        return await self._ask("PUT", f"/v1/people/{person}/representatives", Changed, msgspec.json.encode(wish))

    async def end_representative(self, person: UUID, representative: UUID, *, purpose: str) -> Changed:
        """End it, from now on; raises as `create` does."""
        query = httpx.QueryParams({"purpose": purpose})
        return await self._ask("DELETE", f"/v1/people/{person}/representatives/{representative}?{query}", Changed)

    async def session(self) -> Session:
        """Whose session this is; raises as `open` does."""
        return await self._ask("GET", "/v1/session", Session)

    async def health(self) -> Health:
        """Whether the desk can open records; raises DeskUnavailableError where it does not answer at all."""
        answer = await self._send("GET", "/healthz")
        return _decoded(answer, Health)

    async def cover(self, wish: CoverRequest) -> Transfer:
        """Have somebody stand in for a colleague; without `people`, it waits for a second manager. Raises as `open`."""
        return await self._ask("POST", "/v1/covers", Transfer, msgspec.json.encode(wish))

    async def hand_over(self, wish: HandoverRequest) -> Transfer:
        """Have somebody take over a caseload, once a second manager approves; raises as `open` does."""
        return await self._ask("POST", "/v1/handovers", Transfer, msgspec.json.encode(wish))

    async def approve(self, kind: Literal["covers", "handovers"], transfer: UUID) -> Transfer:
        """Be the second manager; raises as `open` does."""
        return await self._ask("POST", f"/v1/{kind}/{transfer}/approve", Transfer)

    async def waiting(self, kind: Literal["covers", "handovers"]) -> WaitingTransfers:
        """What waits for a second manager; raises as `open` does."""
        return await self._ask("GET", f"/v1/{kind}", WaitingTransfers)

    async def send_code(self, person: UUID, channel: Literal["email", "phone"] = "email") -> CodeSent:
        """Send somebody at the counter a code; raises NoMailError, MailFailedError, and as `open` does."""
        body = msgspec.json.encode(CodeRequest(channel=channel))
        return await self._ask("POST", f"/v1/people/{person}/code", CodeSent, body)

    async def confirm_code(self, person: UUID, code: str) -> CodeConfirmed:
        """Give the code back as the person told it; raises as `open` does."""
        body = msgspec.json.encode(CodeGiven(code=code))
        return await self._ask("POST", f"/v1/people/{person}/code/confirm", CodeConfirmed, body)

    async def tell(self, interactions: Sequence[Mapping[str, str]]) -> list[TakenInteraction]:
        """Tell of interactions, 200 at most, by a source's service token; raises NoFeedError and BadRequestError."""
        body = msgspec.json.encode({"interactions": interactions})
        return (await self._ask("POST", "/v1/feeds/interactions", TakenInteractions, body)).results

    async def _ask(self, method: str, path: str, wanted: type[Answer], body: bytes | None = None) -> Answer:
        answer = await self._send(method, path, body)
        if answer.is_success:
            return _decoded(answer, wanted)
        raise _refusal(answer)

    async def _change(self, method: str, path: str, body: Mapping[str, object]) -> Changed:
        return await self._ask(method, path, Changed, msgspec.json.encode(body))

    async def _send(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            return await self._http.request(method, path, content=body, headers=headers)
        except httpx.HTTPError as error:
            # its text stays out: of a token with a line feed in it, it would hold the token
            raise DeskUnavailableError(reason=type(error).__name__) from None


def _decoded(answer: httpx.Response, wanted: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(answer.content, type=wanted)
    except msgspec.DecodeError as error:
        raise DeskUnavailableError(reason="what answers is no desk") from error


def _refusal(answer: httpx.Response) -> CloisonError:
    """The error that the desk describes; something before the desk, such as a proxy, speaks otherwise."""
    if not answer.headers.get("content-type", "").startswith(PROBLEM):
        return DeskUnavailableError(reason=f"HTTP {answer.status_code} without a problem")
    problem = _decoded(answer, Problem)
    details = {"path": problem.path, "retry_after_seconds": problem.retry_after}
    return received(problem.code, problem.detail, **{k: v for k, v in details.items() if v is not None})
