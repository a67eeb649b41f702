"""The typed client of the desk's JSON API: what partner software, the replay and the tests use.

    async with Client("https://desk.example.org", credentials) as desk:
        found = await desk.search("identifier", "12345678901", purpose="follow_up")

Each request is signed with the device's key (`device.py`). Whatever the desk refuses is raised as the class of
`cloison.errors` with the problem's code; outcomes are answers, not errors. With `tries`, an opening that got no answer
is asked for again under the same request ids: who was charged once is not charged again, and what is read (a caseload,
the session) is read again. Searches and changes are not: one that got no answer may have been made. Without an event
loop: `cloison.client.sync`.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Literal, Self, TypeVar
from uuid import UUID, uuid4

import httpx
import msgspec

from cloison.client.changes import Changed, RepresentativeRequest
from cloison.client.device import Credentials, DeviceAuth, DeviceKey
from cloison.client.log_wire import LogPage, LogRequest
from cloison.client.refusals import decoded, refusal
from cloison.client.trust import authorities
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
    ExportPage,
    ExportPageRequest,
    Exports,
    FactsKept,
    Fault,
    Grant,
    Grants,
    HandoverRequest,
    Health,
    NotedChanges,
    OpenAnswer,
    Opened,
    OpenRequests,
    PersonRequest,
    Problem,
    Protection,
    ProtectionRequest,
    Session,
    SpaceInvitation,
    StandingExport,
    State,
    TakenInteraction,
    TakenInteractions,
    Transfer,
    WaitingTransfers,
)
from cloison.errors import CloisonError, DeskUnavailableError, ReusedTicketError

TIMEOUT_SECONDS = 30.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0  # between two tries; the next is twice as long
UNAVAILABLE = 503
DELIVERED = ReusedTicketError.code

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
    "Credentials",
    "DeviceAuth",
    "DeviceKey",
    "ExportPage",
    "FactsKept",
    "Fault",
    "Grant",
    "HandoverRequest",
    "Health",
    "NotedChanges",
    "OpenAnswer",
    "OpenRequests",
    "Opened",
    "PersonRequest",
    "Problem",
    "Protection",
    "RepresentativeRequest",
    "Session",
    "SpaceInvitation",
    "StandingExport",
    "State",
    "TakenInteraction",
    "TakenInteractions",
    "Transfer",
    "WaitingTransfers",
]

Answer = TypeVar("Answer")


class Client:
    """A session's way into the desk; keeps connections open, to be used as an async context manager."""

    def __init__(
        self,
        base_url: str,
        held: Credentials | None,
        *,
        language: str = "en",
        timeout: float = TIMEOUT_SECONDS,
        tries: int = 1,
    ) -> None:
        """Speak to the desk at `base_url` with a session, or what a system was given; nothing is sent yet.

        `timeout` is in seconds, of each try; `tries`: how often what may be asked twice is asked for at most. Without
        a session only `health` is answered.
        """
        self._tries = tries
        headers = {"Accept-Language": language}
        auth = None if held is None else DeviceAuth(held)
        self._http = httpx.AsyncClient(
            base_url=base_url, headers=headers, auth=auth, timeout=timeout, verify=authorities(), trust_env=False
        )

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
        results = await self._opened(requests)
        lost = {r.request: uuid4() for r in results if r.error is not None and r.error.code == DELIVERED}
        if self._tries == 1 or not lost:
            return results
        # Their answers got lost on the way. The keeper opens a request once; budgets count people, not requests.
        anew = [msgspec.structs.replace(a, request=lost[a.request]) for a in requests if a.request in lost]
        found = {result.request: result for result in await self._opened(anew)}
        return [
            msgspec.structs.replace(found[lost[r.request]], request=r.request) if r.request in lost else r
            for r in results
        ]

    async def _opened(self, requests: Sequence[PersonRequest]) -> list[Opened]:
        body = msgspec.json.encode(OpenRequests(requests=list(requests)))
        return (await self._again("POST", "/v1/people/open", OpenAnswer, body)).results

    async def caseload(self, *, whole: bool = False, after: UUID | None = None) -> Caseload:
        """One page of today's appointments, or of the whole caseload; raises as `open` does."""
        query = {"whole": "true" if whole else "false", **({} if after is None else {"after": str(after)})}
        return await self._again("GET", f"/v1/caseload?{httpx.QueryParams(query)}", Caseload)

    async def keep_facts(self, by: str, value: str, *, purpose: str, **facts: str) -> FactsKept:
        """Name a stranger by NIR or identifier and birth date, to ask for `grant.break_glass` at the sign-in door.

        Raises as `search` does.
        """
        body = {**facts, by: value, "purpose": purpose}
        return await self._ask("POST", "/v1/grants/facts", FactsKept, msgspec.json.encode(body))

    async def grants(self) -> list[Grant]:
        """What became of one's own break-glass; raises as `open` does."""
        return (await self._ask("GET", "/v1/grants", Grants)).grants

    async def exports(self) -> list[StandingExport]:
        """The exports that two others signed for this account to read; raises as `open` does."""
        return (await self._again("GET", "/v1/exports", Exports)).exports

    async def export_page(self, act: UUID, segment: str, after: UUID | None = None) -> ExportPage:
        """People of a segment behind `after`; asked for again, a page is free.

        Raises KeeperCeilingError, ExportUnknownError, and as `open` does.
        """
        body = msgspec.json.encode(ExportPageRequest(segment=segment, after=after))
        return await self._again("POST", f"/v1/exports/{act}/pages", ExportPage, body)

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
        return await self._again("GET", "/v1/session", Session)

    async def health(self) -> Health:
        """Whether the desk can open records; raises DeskUnavailableError where it does not answer at all."""
        answer = await self._send("GET", "/healthz")
        return decoded(answer, Health)

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

    async def invite_to_space(self, person: UUID) -> SpaceInvitation:
        """Invite somebody to their own space; raises NoMailError, MailFailedError, and as `open` does."""
        return await self._ask("POST", f"/v1/people/{person}/space-invitation", SpaceInvitation)

    async def confirm_code(self, person: UUID, code: str) -> CodeConfirmed:
        """Give the code back as the person told it; raises as `open` does."""
        body = msgspec.json.encode(CodeGiven(code=code))
        return await self._ask("POST", f"/v1/people/{person}/code/confirm", CodeConfirmed, body)

    async def changes(self, segment: str, after: str | None = None) -> NotedChanges:
        """Which records changed behind a page's cursor, by a system's token for `changes`.

        Raises NoClientError, SegmentScopeError, MissedChangesError.
        """
        query = "" if after is None else f"?{httpx.QueryParams(after=after)}"
        return await self._again("GET", f"/v1/changes/{segment}{query}", NotedChanges)

    async def log(self, wanted: LogRequest) -> LogPage:
        """A page of the audit log; raises EntryScopeError, NotFoundError. That it was read is an entry of it."""
        return await self._ask("POST", "/v1/log/entries", LogPage, msgspec.json.encode(wanted))

    async def tell(self, interactions: Sequence[Mapping[str, str]]) -> list[TakenInteraction]:
        """Tell of interactions, 200 at most, by a source's token for `feed`; raises NoFeedError and BadRequestError."""
        body = msgspec.json.encode({"interactions": interactions})
        return (await self._ask("POST", "/v1/feeds/interactions", TakenInteractions, body)).results

    async def _again(self, method: str, path: str, wanted: type[Answer], body: bytes | None = None) -> Answer:
        """As `_ask`, for what may be asked twice: it is, where nobody answered or the desk says to come back."""
        pause = FIRST_PAUSE_SECONDS
        for _ in range(self._tries - 1):
            try:
                return await self._ask(method, path, wanted, body)
            except CloisonError as error:
                if error.status != UNAVAILABLE:
                    raise
                told = float(str(error.fields.get("retry_after_seconds", 0)))
            # not all at the same moment, after a failure that all of them saw
            await asyncio.sleep(min(max(told, pause * random.uniform(0.5, 1.5)), LONGEST_PAUSE_SECONDS))  # noqa: S311
            pause *= 2
        return await self._ask(method, path, wanted, body)

    async def _ask(self, method: str, path: str, wanted: type[Answer], body: bytes | None = None) -> Answer:
        answer = await self._send(method, path, body)
        if answer.is_success:
            return decoded(answer, wanted)
        raise refusal(answer)

    async def _change(self, method: str, path: str, body: Mapping[str, object]) -> Changed:
        return await self._ask(method, path, Changed, msgspec.json.encode(body))

    async def _send(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            return await self._http.request(method, path, content=body, headers=headers)
        except httpx.HTTPError as error:
            # its text stays out: of a token with a line feed in it, it would hold the token
            raise DeskUnavailableError(reason=type(error).__name__) from None
