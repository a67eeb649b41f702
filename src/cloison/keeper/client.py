"""How other rooms call the keeper: one connection, many calls at once, reconnecting by itself.

Every call ends: with its result, with the keeper's refusal as the error of its code, or with
KeeperUnavailableError within `CALL_SECONDS`. A call that was under way when the keeper went is never repeated
by itself: the keeper may have counted it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self, TypeVar
from uuid import UUID

from cloison.errors import KeeperUnavailableError, OverloadedError
from cloison.keeper import messages as m
from cloison.keeper.link import Link
from cloison.keeper.messages import (
    Caller,
    Change,
    Enrolled,
    ExportCeilings,
    Former,
    KeyGrant,
    KnownPerson,
    NewPerson,
    Refusal,
    SessionCeilings,
    SignedTerms,
    Status,
    TermQuery,
    TicketUse,
)

CALL_SECONDS = 10.0
WAITING_CALLS = 1_024

__all__ = [
    "Caller",
    "Change",
    "Enrolled",
    "ExportCeilings",
    "Former",
    "Keeper",
    "KeyGrant",
    "KnownPerson",
    "NewPerson",
    "Refusal",
    "SessionCeilings",
    "SignedTerms",
    "Status",
    "TermQuery",
    "TicketUse",
]

Result = TypeVar("Result")


class Keeper:
    """The keeper, as one caller sees it."""

    def __init__(self, socket: Path | str, caller: str, secret: str) -> None:
        """Use `connect` instead, which also checks that the keeper is there."""
        self._socket = Path(socket)
        self._caller = Caller(caller)
        self._secret = secret
        self._link: Link | None = None
        self._connecting: asyncio.Task[Link] | None = None
        self._slots = asyncio.Semaphore(m.PENDING_REQUESTS)
        self._waiting = 0

    @classmethod
    async def connect(cls, socket: Path | str, caller: str, secret: str) -> Self:
        """Connect as `caller`; raises KeeperUnavailableError, or KeeperRefusedError on a wrong secret."""
        keeper = cls(socket, caller, secret)
        async with keeper._in_time():
            await keeper._linked()
        return keeper

    async def close(self) -> None:
        """Close the connection; calls under way end with KeeperUnavailableError."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._link is not None:
            await self._link.close()

    async def __aenter__(self) -> Self:
        """Closed at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""
        await self.close()

    # -- the desk

    async def open(self, tickets: list[TicketUse]) -> list[KeyGrant | Refusal]:
        """Keys for tickets (256 at most), one grant or refusal each, in order."""
        return await self._call(m.Open(tickets), list[KeyGrant | Refusal])

    async def terms(
        self, token: bytes, query: TermQuery, proof: tuple[int, bytes] | None = None, cuts: Sequence[int] = ()
    ) -> SignedTerms:
        """What one search is made of, signed for the meter; the token's account pays for each term and the group.

        Raises NoSessionError or KeeperCeilingError.
        """
        return await self._call(m.Terms(token, query, proof, list(cuts)), SignedTerms)

    # -- intake

    async def enrol(self, people: list[NewPerson]) -> list[Enrolled]:
        """Keys and terms for new people, any number, in order; each is stored before it is returned."""
        made: list[Enrolled] = []
        for start in range(0, len(people), m.PEOPLE_A_REQUEST):
            made += await self._call(m.Enrol(people[start : start + m.PEOPLE_A_REQUEST]), list[Enrolled])
        return made

    async def prepare_change(self, changes: list[Change]) -> list[KeyGrant | Refusal]:
        """The keys of the next version of each record (256 at most), of the compartments that change, in order."""
        return await self._call(m.PrepareChange(changes), list[KeyGrant | Refusal])

    async def confirm_change(self, versions: list[tuple[int, int]]) -> None:
        """Makes prepared (key_id, version) the newest, once the register holds them (256 at most)."""
        await self._call(m.ConfirmChange(versions), type(None))

    async def recognise(self, people: list[KnownPerson]) -> list[list[int]]:
        """Terms of people who are there (256 at most), made as theirs were; empty where their keys are gone."""
        return await self._call(m.Recognise(people), list[list[int]])

    async def locate(self, values: list[tuple[int, bytes]]) -> list[int]:
        """Register-wide locator terms of (kind, value), 1,024 at most, in order."""
        return await self._call(m.Locate(values), list[int])

    async def cells(self, segment: str, values: list[bytes]) -> list[int]:
        """The numbers of cells of a segment's statistics, any number, in order; for the caller `statistics`."""
        numbers: list[int] = []
        for start in range(0, len(values), 4 * m.PEOPLE_A_REQUEST):
            part = values[start : start + 4 * m.PEOPLE_A_REQUEST]
            numbers += await self._call(m.Cells(segment, part), list[int])
        return numbers

    # -- issuer, retention, anyone

    async def register_session(self, ceilings: SessionCeilings) -> None:
        """Makes a session known, or replaces it."""
        await self._call(m.RegisterSession(ceilings), type(None))

    async def end_session(self, session: UUID) -> None:
        """Forgets a session, known or not."""
        await self._call(m.EndSession(session), type(None))

    async def register_export(self, ceilings: ExportCeilings) -> None:
        """Makes an export known, or narrows it."""
        await self._call(m.RegisterExport(ceilings), type(None))

    async def ticket_key(self) -> bytes:
        """The 32-byte key with which the register signs tickets."""
        return await self._call(m.TicketKey(), bytes)

    async def destroy_cohort(self, segment: str, cohort: int) -> bool:
        """Destroys a cohort's key for good; False if there was none."""
        return await self._call(m.DestroyCohort(segment, cohort), bool)

    async def destroy_people(self, key_ids: list[int]) -> int:
        """Destroys people's keys for good (1,024 at most); returns how many there were."""
        return await self._call(m.DestroyPeople(key_ids), int)

    async def status(self) -> Status:
        """How the keeper does."""
        return await self._call(m.AskStatus(), Status)

    # -- one call

    async def _call(self, operation: m.Operation, result: type[Result]) -> Result:
        """One request and its answer, decoded as `result`."""
        if self._waiting >= WAITING_CALLS:
            raise OverloadedError(retry_after_seconds=1)
        self._waiting += 1
        try:
            async with self._in_time(), self._slots:
                link = await self._linked()
                return await link.ask(operation, result)
        finally:
            self._waiting -= 1

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Ends what takes too long, and the connection with it: who does not answer one call answers none."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                yield
        except TimeoutError as error:
            if self._link is not None:
                await self._link.close()
            raise KeeperUnavailableError(reason=f"no answer in {CALL_SECONDS:.0f} seconds") from error

    async def _linked(self) -> Link:
        """The connection, made anew where it ended; calls that need one together share the attempt."""
        if self._link is not None and self._link.alive:
            return self._link
        if self._connecting is None:
            self._connecting = asyncio.create_task(Link.open(self._socket, self._caller, self._secret))
            self._connecting.add_done_callback(self._connected)
        return await asyncio.shield(self._connecting)

    def _connected(self, attempt: asyncio.Task[Link]) -> None:
        """Keeps the connection that an attempt made; its failure goes to those who wait for it."""
        self._connecting = None
        if not attempt.cancelled() and attempt.exception() is None:
            self._link = attempt.result()
