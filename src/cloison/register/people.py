"""People as a door sees them: searched, listed and opened, through the meter and the keeper.

The rules, in order (the numbers are those of `docs/walk.md`):

3. a request goes to the meter, never to a table;
4. and 5. the meter charges, then releases sealed compartments and a ticket;
6. the keeper gives the keys of exactly those compartments; a record it refuses stays sealed, and says why.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import msgspec

from cloison.errors import CloisonError, DateFormError
from cloison.keeper.client import Keeper
from cloison.keeper.messages import TICKETS_A_REQUEST, KeyGrant, Refusal, TermQuery, TicketUse
from cloison.model import OpenRequest, Outcome, Released, bits
from cloison.register.fields import InvalidValueError, check
from cloison.register.layout import Fields, Layout
from cloison.register.profile import FieldType, Profile
from cloison.register.sealing import Place, unseal
from cloison.register.terms import LAST_DAY, term_inputs
from cloison.store.metered import Bearer, Cards, Meter, Metered, Search

UNAVAILABLE = 503

Granted = asyncio.Future[KeyGrant | Refusal]  # what the keeper will say to one ticket


class Opened(msgspec.Struct, frozen=True):
    """What became of one request. `fields` where it is open; `error` where the record could not be unsealed."""

    outcome: Outcome
    fields: Fields | None = None
    retry_after: int | None = None
    error: CloisonError | None = None


class Card(msgspec.Struct, frozen=True):
    """What lists and searches show of a person; homonyms are told apart by year of birth and commune alone."""

    person: UUID
    segment: str
    label: str
    birth_year: int | str | None
    place: int | str | None = None


class Found(msgspec.Struct, frozen=True):
    """The cards of a search or of a page of a caseload; `last` is where the next page begins, null at the end."""

    outcome: Outcome
    cards: list[Card]
    retry_after: int | None = None
    last: UUID | None = None


class Query(msgspec.Struct, frozen=True):
    """A search as it was asked: the segment, the profile's search, the facts by field, the number of the purpose."""

    segment: str
    name: str
    facts: dict[str, str]
    purpose: int


class People:
    """The people of one register, for one door."""

    def __init__(self, profile: Profile, meter: Meter, keeper: Keeper) -> None:
        """Put the meter and the keeper together; both are started and stopped by whoever made them."""
        self._profile = profile
        self._layout = Layout(profile)
        self._meter = meter
        self._keeper = keeper
        self._asked: list[tuple[TicketUse, Granted]] = []
        self._asking: set[asyncio.Task[None]] = set()

    async def open(self, bearer: Bearer, segments: Sequence[str], requests: Sequence[OpenRequest]) -> list[Opened]:
        """Open people, request i in `segments[i]`; answers in order.

        Raises NoSessionError, OverloadedError, DatabaseUnavailableError, DatabaseRefusedError, KeeperUnavailableError.
        """
        answers = await self._meter.open(bearer, requests, segments)
        grants = [None if answer.released is None else self._keys(bearer, answer.released) for answer in answers]
        return [await self._opened(answer, grant) for answer, grant in zip(answers, grants, strict=True)]

    async def search(self, bearer: Bearer, query: Query) -> Found:
        """Search one segment; another than the bearer's home finds nobody, charged and paid for as any miss is.

        Raises UnknownSearchError, DateFormError and BadRequestError for facts that cannot be searched by,
        KeeperCeilingError, and as `open` does.
        """
        return await self._found(bearer, await self._meter.search(bearer, uuid4(), await self.asked(bearer, query)))

    async def asked(self, bearer: Bearer, query: Query) -> Search:
        """A search as the keeper signed it, not asked of the meter yet; raises as `search` does."""
        _refuse_unreadable_dates(self._profile, query)
        inputs = term_inputs(self._profile, query.name, query.facts)
        # The one term that finds; terms that are not indexed only prove.
        by = next(s for s in self._profile.searches_named(query.name) if s.indexed and s.slot in inputs)
        proof_slot = by.slot if by.walk_in and by.proof_slot is None else by.proof_slot
        proof = None if proof_slot is None or proof_slot not in inputs else (proof_slot, inputs[proof_slot])
        value = TermQuery(query.segment, by.slot, inputs[by.slot])
        signed = await self._keeper.terms(bearer.token, value, proof, by.cuts)
        # Another segment has other keys: at home its terms are nobody's, and the miss is charged to the home's ledger.
        return Search(
            *(query.purpose, by.slot, signed.terms, None if proof is None else proof_slot),
            *(signed.proof_terms, signed.group, signed.at_milliseconds, signed.mac),
        )

    async def caseload(self, bearer: Bearer, *, whole: bool, after: UUID | None) -> Found:
        """One page of the bearer's caseload: today's appointments, or the `whole`; raises as `open` does."""
        cards = await self._meter.caseload(bearer, uuid4(), whole=whole, after=after)
        return await self._found(bearer, cards)

    async def unsealed(self, bearer: Bearer, released: Sequence[Released]) -> list[Fields | CloisonError]:
        """The fields of what the meter gave out, or why the keeper gives no keys; raises KeeperUnavailableError."""
        grants = [self._keys(bearer, one) for one in released]
        found: list[Fields | CloisonError] = []
        for one, grant in zip(released, grants, strict=True):
            try:
                found.append(await self._unseal(one, grant))
            except CloisonError as error:
                if error.status == UNAVAILABLE:
                    raise
                found.append(error)
        return found

    async def _opened(self, answer: Metered, granted: Granted | None) -> Opened:
        if answer.released is None or granted is None:
            return Opened(answer.outcome, None, answer.retry_after, answer.error)
        try:
            return Opened(Outcome.OPEN, await self._unseal(answer.released, granted))
        except CloisonError as error:
            if error.status == UNAVAILABLE:  # the whole request failed, not this record
                raise
            return Opened(Outcome.STALE, None, None, error)

    async def _found(self, bearer: Bearer, cards: Cards) -> Found:
        grants = [self._keys(bearer, released) for released in cards.released]
        labels = [
            await self._unseal(released, granted) for released, granted in zip(cards.released, grants, strict=True)
        ]
        shown = [
            Card(
                *(released.person, released.segment, str(label.get("label", ""))),
                birth_year=label.get("birth_year"),
                place=label.get("place"),
            )
            for released, label in zip(cards.released, labels, strict=True)
        ]
        return Found(cards.outcome, shown, cards.retry_after, cards.last)

    async def _unseal(self, released: Released, granted: Granted) -> Fields:
        """Step 6: the fields of what was released, of all its compartments together."""
        grant = await granted
        if isinstance(grant, Refusal):
            raise grant.error()
        fields: Fields = {}
        parts = zip(bits(released.compartments), grant.keys, grant.versions, released.sealed, strict=True)
        for compartment, key, version, sealed in parts:
            place = Place(released.segment, released.person, version)
            plain = unseal(key, sealed, place=place, compartment=compartment)
            fields |= self._layout.fields_of(compartment, plain)
        return fields

    def _keys(self, bearer: Bearer, released: Released) -> Granted:
        """Asks the keeper, together with all that is asked in this turn of the loop: one call a batch of the meter."""
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._ask)
        granted: Granted = loop.create_future()
        self._asked.append((TicketUse(released.ticket, released.mac, bearer.token), granted))
        return granted

    def _ask(self) -> None:
        asked, self._asked = self._asked, []
        for start in range(0, len(asked), TICKETS_A_REQUEST):
            task = asyncio.ensure_future(self._grant(asked[start : start + TICKETS_A_REQUEST]))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _grant(self, asked: list[tuple[TicketUse, Granted]]) -> None:
        """Answers every future, whatever happens: a request must never hang on the keeper."""
        try:
            grants = await self._keeper.open([ticket for ticket, _ in asked])
        except CloisonError as error:
            for _, granted in asked:
                if not granted.done():
                    granted.set_exception(error)
                    granted.exception()  # seen: who asked for several people at once hears it of the first
        else:
            for (_, granted), grant in zip(asked, grants, strict=True):
                if not granted.done():
                    granted.set_result(grant)


def _refuse_unreadable_dates(profile: Profile, query: Query) -> None:
    """A date as people write it, 14/07/1985, is the commonest slip of a search: the refusal says the form to use."""
    wanted = {field for search in profile.searches_named(query.name) for field in search.fields}
    for name in wanted & query.facts.keys():
        if profile.fields[name].type is FieldType.DATE:
            try:
                check(profile.fields[name], query.facts[name], today=LAST_DAY)
            except InvalidValueError:
                raise DateFormError(field=name, path=f"$.{name}") from None
