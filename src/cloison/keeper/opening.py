"""Keys for tickets: the one way in which anybody can read a record.

The steps for each ticket, in order:

1. The meter made it, for this caller and session, just now (`tickets.py`), for compartments that exist.
2. It was not used before: session, request and person.
3. Its key exists, belongs to this segment, cohort and person, and opens.
4. Its version is the newest that the keeper knows, or the one that was prepared to be.
5. The ceilings allow one more person (`ceilings.py`); of an export, its own budget too (`exporting.py`).
6. The batch's uses are stored; prepared versions that were shown are the newest now, and keys whose place was
   taken are gone. Only then does any key leave.

A ticket that fails a step is answered by its refusal and leaves the others alone; what was refused is not
used up.
"""

from collections import OrderedDict
from typing import NamedTuple

from cryptography.hazmat.primitives.hmac import HMAC

from cloison.config import KeeperConfig
from cloison.errors import (
    CloisonError,
    ForgedTicketError,
    MissingKeyError,
    ReusedTicketError,
    StaleVersionError,
)
from cloison.keeper.ceilings import Ceilings, Use
from cloison.keeper.derive import Owner, compartment_key, keyed, open_key
from cloison.keeper.exporting import Exports
from cloison.keeper.keyring import Keyring
from cloison.keeper.ledger import Ledger, MarkedExport, MarkedUse
from cloison.keeper.messages import Caller, KeyGrant, Refusal, SessionCeilings, TicketUse
from cloison.keeper.sessions import Sessions
from cloison.keeper.store import KeyStore, PersonRow
from cloison.keeper.tickets import CLOCK_SKEW_SECONDS, Ticket, check_age, check_caller, check_session, read_ticket
from cloison.model import bits


class Rooms(NamedTuple):
    """What the keeper's operations work with."""

    config: KeeperConfig
    keyring: Keyring
    store: KeyStore
    ledger: Ledger
    sessions: Sessions
    ceilings: Ceilings
    exports: Exports


class _Genuine(NamedTuple):
    """A ticket past step 1, with its session."""

    ticket: Ticket
    session: SessionCeilings


class _Opened(NamedTuple):
    """A ticket past step 5: its keys, and what step 6 has to store."""

    grant: KeyGrant
    use: MarkedUse | MarkedExport
    confirms: tuple[int, int] | None  # (key_id, version) to make the newest
    replaces: int | None  # the key_id that has taken another's place


class Opener:
    """Answers tickets with keys."""

    def __init__(self, rooms: Rooms) -> None:
        """Open with these rooms; give `remember` the marks that the ledger still has."""
        self._rooms = rooms
        self._signing = keyed(rooms.keyring.ticket())
        self._marks: OrderedDict[bytes, float] = OrderedDict()  # in order of time
        self.granted = 0

    def remember(self, mark: bytes, at: float) -> None:
        """Notes that a ticket of this mark was used."""
        self._marks[mark] = at

    def open(self, uses: list[TicketUse], caller: Caller, now: float) -> list[KeyGrant | Refusal]:
        """One grant or refusal for each ticket of `caller`, in order; `now` in seconds since 1970."""
        genuine = [self._recognise(use, caller, now) for use in uses]
        rows = self._rooms.store.people([g.ticket.key_id for g in genuine if isinstance(g, _Genuine)])
        opened = [g if isinstance(g, Refusal) else self._open(g, rows, now) for g in genuine]
        self._store([o for o in opened if isinstance(o, _Opened)], now)
        return [o if isinstance(o, Refusal) else o.grant for o in opened]

    def tidy(self, now: float) -> None:
        """Forgets the marks of tickets that are too old to be used anyway."""
        oldest = now - self._rooms.config.ticket_seconds - 2 * CLOCK_SKEW_SECONDS
        while self._marks and next(iter(self._marks.values())) <= oldest:
            self._marks.popitem(last=False)

    def _recognise(self, use: TicketUse, caller: Caller, now: float) -> _Genuine | Refusal:
        """Step 1."""
        rooms = self._rooms
        try:
            ticket = read_ticket(use, self._signing)
            check_caller(ticket, caller)
            check_age(ticket, now, rooms.config.ticket_seconds)
            session = check_session(ticket, rooms.sessions.find(ticket.session), use.token, now)
            if not 0 < ticket.compartments < 1 << rooms.keyring.compartments:
                raise ForgedTicketError
            if ticket.export is not None:
                rooms.exports.check(ticket.export, ticket.account, ticket.compartments, now)
        except CloisonError as error:
            return Refusal.of(error)
        return _Genuine(ticket, session)

    def _open(self, genuine: _Genuine, rows: dict[int, PersonRow], now: float) -> _Opened | Refusal:
        """Steps 2 to 5."""
        ticket = genuine.ticket
        try:
            mark = self._unused(ticket)
            row = rows.get(ticket.key_id)
            if row is None:
                raise MissingKeyError
            cohort = self._rooms.keyring.cohort(ticket.segment, ticket.cohort)
            person_key = open_key(cohort.people, row.sealed, _owner(ticket).bound())
            versions = _versions(ticket.version, row, len(cohort.domains))
            use = self._charged(genuine, mark, now)
        except CloisonError as error:
            return Refusal.of(error)
        self._marks[mark] = now
        confirms = None if ticket.version == row.version else (ticket.key_id, ticket.version)
        replaces = None if row.former is None else ticket.key_id
        return _Opened(_grant(ticket, person_key, cohort.domains, versions), use, confirms, replaces)

    def _unused(self, ticket: Ticket) -> bytes:
        """Step 2: the ticket's mark, which nobody has shown."""
        mark = ticket.mark()
        if mark in self._marks:
            raise ReusedTicketError
        return mark

    def _charged(self, genuine: _Genuine, mark: bytes, now: float) -> MarkedUse | MarkedExport:
        """Step 5: counted, on the account's windows or an export's."""
        export, key_id = genuine.ticket.export, genuine.ticket.key_id
        if export is None:
            use = self._use(genuine)
            self._rooms.ceilings.charge(use, now)
            return MarkedUse(use, mark)
        is_new = self._rooms.exports.room_for(export, key_id)
        self._rooms.ceilings.charge_export(key_id, now)
        if is_new:
            self._rooms.exports.count(export, key_id)
        return MarkedExport(export, key_id, mark)

    def _use(self, genuine: _Genuine) -> Use:
        """What the ceilings have to know; a record whose only compartment is the last one is a label."""
        ticket, session = genuine
        label_only = ticket.compartments == 1 << (self._rooms.keyring.compartments - 1)
        return Use(
            ticket.account,
            ticket.segment,
            ticket.key_id,
            label_only,
            session.full_people,
            session.label_people_hour,
        )

    def _store(self, done: list[_Opened], now: float) -> None:
        """Step 6."""
        confirms = [o.confirms for o in done if o.confirms is not None]
        if confirms:
            self._rooms.store.confirm_versions(confirms)
        if replacing := [o.replaces for o in done if o.replaces is not None]:
            self._rooms.store.forget_former(replacing)
        if done:
            opened = [o.use for o in done if isinstance(o.use, MarkedUse)]
            self._rooms.ledger.record_uses(opened, now, [o.use for o in done if isinstance(o.use, MarkedExport)])
            self._rooms.exports.stored()
        self.granted += len(done)


def _versions(version: int, row: PersonRow, compartments: int) -> list[int]:
    """Step 4: the versions of all compartments; a row that is neither the newest nor prepared was put back."""
    if version == row.version:
        return row.newest(compartments)
    prepared = row.prepared(version, compartments)
    if prepared is None:
        raise StaleVersionError
    return prepared


def _grant(ticket: Ticket, person_key: bytes, domains: list[HMAC], versions: list[int]) -> KeyGrant:
    """The keys of the ticket's compartments."""
    owner, chosen = _owner(ticket), bits(ticket.compartments)
    keys = [compartment_key(person_key, domains[bit], owner.record(versions[bit]), bit) for bit in chosen]
    return KeyGrant(keys, [versions[bit] for bit in chosen])


def _owner(ticket: Ticket) -> Owner:
    """Whom the ticket names; the person's key opens for nobody else."""
    return Owner(ticket.segment, ticket.cohort, bytes.fromhex(ticket.person.replace("-", "")))
