"""The keeper's operations behind its socket: who may call which, and what each does.

1. Every operation is allowed to named callers only (`ALLOWED`); a test compares it with the list of
   operations.
2. An operation's refusal goes back by its code; anything unforeseen goes back as `internal` and into the log
   by its type alone, as its text could hold a value.
3. At the start, all that the ledger has of the last hour is counted again, so that kill -9 refills nothing.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from cloison.errors import CloisonError, KeeperRefusedError
from cloison.keeper import messages as m
from cloison.keeper.enrolling import Enroller
from cloison.keeper.messages import Caller
from cloison.keeper.opening import Opener, Rooms
from cloison.keeper.searching import Searcher
from cloison.model import Window

ALLOWED: dict[type[m.Wire], frozenset[Caller]] = {
    m.Open: frozenset({Caller.DESK, Caller.INTAKE}),  # each its own tickets
    m.Terms: frozenset({Caller.DESK}),
    m.Enrol: frozenset({Caller.INTAKE}),
    m.PrepareChange: frozenset({Caller.INTAKE}),
    m.ConfirmChange: frozenset({Caller.INTAKE}),
    m.Recognise: frozenset({Caller.INTAKE}),
    m.Locate: frozenset({Caller.INTAKE}),
    m.Cells: frozenset({Caller.STATISTICS}),
    m.RegisterSession: frozenset({Caller.ISSUER}),
    m.EndSession: frozenset({Caller.ISSUER}),
    m.RegisterExport: frozenset({Caller.ISSUER}),
    m.TicketKey: frozenset({Caller.ISSUER}),
    m.DestroyCohort: frozenset({Caller.RETENTION}),
    m.DestroyPeople: frozenset({Caller.RETENTION}),
    m.AskStatus: frozenset(Caller),
}
SWEEP_SECONDS = 10
ACCOUNTS_A_SWEEP = 50  # all of 40,000 accounts in little more than two hours

_log = logging.getLogger("cloison.keeper")


class Service:
    """Answers operations; knows nothing of sockets."""

    def __init__(self, rooms: Rooms) -> None:
        """Serve from these rooms, after counting again what the ledger has."""
        self._rooms = rooms
        self._started_at = time.time()
        self._refused: Counter[str] = Counter()
        self._opener, self._searcher, self._enroller = Opener(rooms), Searcher(rooms), Enroller(rooms)
        self._handlers = self._handler_table()
        self._count_again(self._started_at - Window.HOUR)

    async def answer(self, caller: Caller, operation: m.Operation) -> object:
        """The result of `operation`; raises its refusal, or KeeperRefusedError if `caller` may not ask."""
        try:
            if caller not in ALLOWED[type(operation)]:
                raise KeeperRefusedError(reason=f"{caller} may not ask for this")
            result = self._handlers[type(operation)](operation, caller)
            result = await result if asyncio.iscoroutine(result) else result
        except CloisonError as error:
            self._refused[error.code] += 1
            raise
        if isinstance(operation, m.Open):
            self._count_refusals(cast("list[m.KeyGrant | m.Refusal]", result))
        return result

    async def sweep_forever(self) -> None:
        """Every few seconds: forget what no window reaches, flush the ledger to the disk."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = time.time()
            self._opener.tidy(now)
            self._rooms.sessions.tidy(now)
            self._rooms.exports.tidy(now)
            self._rooms.ceilings.tidy(now)
            self._rooms.ledger.sweep(now, ACCOUNTS_A_SWEEP)
            await asyncio.to_thread(self._rooms.ledger.checkpoint)

    def status(self) -> m.Status:
        """Figures for the operator."""
        return m.Status(
            started_at=self._started_at,
            keys_made=self._enroller.last_key_id,
            cohorts=len(self._rooms.keyring.cohorts()),
            sessions=len(self._rooms.sessions),
            granted=self._opener.granted,
            refused=dict(self._refused),
            register_people_hour=self._rooms.ceilings.register_people(time.time()),
        )

    def _handler_table(self) -> dict[type[m.Wire], Callable[[Any, Caller], object]]:
        """What does each operation."""
        rooms, opener, searcher, enroller = self._rooms, self._opener, self._searcher, self._enroller
        return {
            m.Open: lambda o, caller: opener.open(o.tickets, caller, time.time()),
            m.Terms: lambda o, _: searcher.terms(o, time.time()),
            m.Enrol: lambda o, _: enroller.enrol(o.people),
            m.PrepareChange: lambda o, _: enroller.prepare(o.changes),
            m.ConfirmChange: lambda o, _: enroller.confirm(o.changes),
            m.Recognise: lambda o, _: enroller.recognise(o.people),
            m.Locate: lambda o, _: enroller.locate(o.values),
            m.Cells: lambda o, _: enroller.cells(o.segment, o.values),
            m.RegisterSession: lambda o, _: rooms.sessions.register(o.ceilings),
            m.EndSession: lambda o, _: rooms.sessions.end(str(o.session)),
            m.RegisterExport: lambda o, _: rooms.exports.register(o.ceilings),
            m.TicketKey: lambda _, __: rooms.keyring.ticket(),
            m.DestroyCohort: lambda o, _: rooms.keyring.destroy_cohort(o.segment, o.cohort),
            m.DestroyPeople: lambda o, _: rooms.store.destroy_people(o.key_ids),
            m.AskStatus: lambda _, __: self.status(),
        }

    def _count_again(self, since: float) -> None:
        """Step 3."""
        ledger, ceilings = self._rooms.ledger, self._rooms.ceilings
        for use in ledger.recent(since):
            ceilings.remember(use.segment, use.key_id, use.at)
            self._opener.remember(use.mark, use.at)
        for at, account, terms in ledger.recent_terms(since):
            ceilings.remember_terms(account, terms, at)

    def _count_refusals(self, answers: list[m.KeyGrant | m.Refusal]) -> None:
        """Counts what single tickets were refused for; a forged one is worth a line in the log."""
        codes = Counter(answer.code for answer in answers if isinstance(answer, m.Refusal))
        self._refused.update(codes)
        if codes["forged_ticket"]:
            _log.warning("%d forged tickets in one request", codes["forged_ticket"])
