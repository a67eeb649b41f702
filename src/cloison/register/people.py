"""People as a door sees them: searched, listed and opened, through the meter and the keeper.

The rules, in order (the numbers are those of `docs/walk.md`):

3. a request goes to the meter, never to a table;
4. and 5. the meter charges, then releases sealed compartments and a ticket;
6. the keeper gives the keys of exactly those compartments; a record it refuses stays sealed, and says why.
"""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

import msgspec

from cloison.errors import CloisonError, KeeperRefusedError
from cloison.keeper.client import Keeper
from cloison.keeper.messages import KeyGrant, Refusal, TermQuery, TicketUse
from cloison.model import OpenRequest, Outcome, Released, bits
from cloison.register.profile import Profile
from cloison.register.sealing import Place, unseal
from cloison.register.terms import group_input, term_inputs
from cloison.store.metered import Bearer, Cards, Meter, Metered, Search

Fields = dict[str, str | int]


class Opened(msgspec.Struct, frozen=True):
    """What became of one request. `fields` where it is open; `error` where the record could not be unsealed."""

    outcome: Outcome
    fields: Fields | None = None
    retry_after: int | None = None
    error: CloisonError | None = None


class Card(msgspec.Struct, frozen=True):
    """What lists and searches show of a person."""

    person: UUID
    segment: str
    label: str
    birth_year: int | str | None


class Found(msgspec.Struct, frozen=True):
    """The cards of a search or of a page of a caseload; `last` is where the next page begins, null at the end."""

    outcome: Outcome
    cards: list[Card]
    retry_after: int | None = None
    last: UUID | None = None


class People:
    """The people of one register, for one door."""

    def __init__(self, profile: Profile, meter: Meter, keeper: Keeper) -> None:
        """Put the meter and the keeper together; both are started and stopped by whoever made them."""
        self._profile = profile
        self._meter = meter
        self._keeper = keeper
        self._asked: list[tuple[TicketUse, asyncio.Future[KeyGrant | Refusal]]] = []

    async def open(
        self, bearer: Bearer, segments: Sequence[str], requests: Sequence[OpenRequest]
    ) -> list[Opened]:
        """Open people, request i in `segments[i]`; answers in order.

        Raises NoSessionError, OverloadedError, DatabaseUnavailableError, DatabaseRefusedError, KeeperUnavailableError.
        """
        answers = await self._meter.open(bearer, segments, requests)
        return list(await asyncio.gather(*(self._opened(bearer, answer) for answer in answers)))

    async def search(self, bearer: Bearer, name: str, facts: Mapping[str, str], purpose: int) -> Found:
        """Search the bearer's home segment by the profile's search `name`.

        Raises UnknownSearchError and BadRequestError for facts that cannot be searched by, KeeperCeilingError, and as
        `open` does.
        """
        inputs = term_inputs(self._profile, name, facts)
        group = group_input(self._profile, name, facts)
        slots = list(inputs)
        queries = [TermQuery(bearer.segment, slot, inputs[slot]) for slot in slots]
        terms = dict(zip(slots, await self._keeper.terms(bearer.token, queries), strict=True))
        number = None if group is None else await self._keeper.group(bearer.token, bearer.segment, group)
        cards = await self._meter.search(
            bearer, bearer.segment, uuid4(), self._plan(name, terms, purpose, number)
        )
        return await self._found(bearer, cards)

    async def caseload(self, bearer: Bearer, *, whole: bool, after: UUID | None) -> Found:
        """One page of the bearer's caseload: today's appointments, or the `whole`; raises as `open` does."""
        cards = await self._meter.caseload(bearer, uuid4(), whole=whole, after=after)
        return await self._found(bearer, cards)

    def _plan(self, name: str, terms: Mapping[int, list[int]], purpose: int, group: int | None) -> Search:
        """One search by the widest of its terms: the profile lists exact spelling before sound, which includes it."""
        search = [s for s in self._profile.searches_named(name) if s.indexed and s.slot in terms][-1]
        proof = search.slot if search.walk_in and search.proof_slot is None else search.proof_slot
        proven = None if proof is None else terms.get(proof)
        return Search(purpose, search.slot, terms[search.slot], proof, proven, group)

    async def _opened(self, bearer: Bearer, answer: Metered) -> Opened:
        if answer.released is None:
            return Opened(answer.outcome, None, answer.retry_after)
        try:
            return Opened(Outcome.OPEN, await self._unseal(bearer, answer.released))
        except CloisonError as error:
            if error.status == 503:  # noqa: PLR2004 - the whole request failed, not this record
                raise
            return Opened(Outcome.STALE, None, None, error)

    async def _found(self, bearer: Bearer, cards: Cards) -> Found:
        labels = await asyncio.gather(*(self._unseal(bearer, released) for released in cards.released))
        shown = [
            Card(released.person, released.segment, str(label.get("label", "")), label.get("birth_year"))
            for released, label in zip(cards.released, labels, strict=True)
        ]
        return Found(cards.outcome, shown, cards.retry_after, cards.last)

    async def _unseal(self, bearer: Bearer, released: Released) -> Fields:
        """Step 6: the fields of what was released, of all its compartments together."""
        grant = await self._keys(TicketUse(released.ticket, released.mac, bearer.token))
        if isinstance(grant, Refusal):
            raise grant.error()
        place = Place(released.segment, released.person, released.version)
        fields: Fields = {}
        for compartment, key, sealed in zip(
            bits(released.compartments), grant.keys, released.sealed, strict=True
        ):
            plain = unseal(key, sealed, place=place, compartment=compartment)
            fields |= msgspec.msgpack.decode(plain, type=Fields)
        return fields

    def _keys(self, ticket: TicketUse) -> "asyncio.Future[KeyGrant | Refusal]":
        """Asks the keeper, together with all that is asked in this turn of the loop: one call a batch of the meter."""
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._ask)
        granted: asyncio.Future[KeyGrant | Refusal] = loop.create_future()
        self._asked.append((ticket, granted))
        return granted

    def _ask(self) -> None:
        asked, self._asked = self._asked, []
        task = asyncio.ensure_future(self._keeper.open([ticket for ticket, _ in asked]))

        def answer(task: "asyncio.Task[list[KeyGrant | Refusal]]") -> None:
            error = (
                KeeperRefusedError(reason="the call was cancelled") if task.cancelled() else task.exception()
            )
            for i, (_, granted) in enumerate(asked):
                if granted.done():
                    continue
                if error is None:
                    granted.set_result(task.result()[i])
                else:
                    granted.set_exception(error)

        task.add_done_callback(answer)
