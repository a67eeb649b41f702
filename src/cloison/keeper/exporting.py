"""Exports that several people signed, as the sign-in door told of them: how many distinct people each may have.

1. Only the issuer tells of one; one that is told of again never becomes more, longer or wider than it was.
2. A ticket for an export opens for the account it was given to, until its end, for its compartments.
3. Each person counts once in it, and no more are opened than it has. They count apart from the account's windows and
   the segment's, which advisers live on, but all exports together have a ceiling of their own, and the register's.

So a captured desk, or the database, gains no export; whoever has the sign-in door gains what the keeper's settings
let all exports have in an hour.
"""

from collections import Counter

import msgspec

from cloison.errors import ExportCeilingError, ExportUnknownError, ForgedTicketError
from cloison.keeper.ledger import Ledger
from cloison.keeper.messages import ExportCeilings


class Exports:
    """The exports that are known, and whom they had; `store` what was counted before any key leaves."""

    def __init__(self, ledger: Ledger, now: float) -> None:
        """Those of `ledger` that are not over."""
        self._ledger = ledger
        self._known = {str(told.export): told for told in ledger.exports(now)}
        self._people = Counter({export: ledger.people_exported(export) for export in self._known})
        self._counted: set[tuple[str, int]] = set()  # since `store`

    def register(self, told: ExportCeilings) -> None:
        """Rule 1."""
        known = self._known.get(str(told.export))
        if known is not None:
            told = msgspec.structs.replace(
                known,
                people=min(known.people, told.people),
                compartments=known.compartments & told.compartments,
                expires_at=min(known.expires_at, told.expires_at),
            )
        self._ledger.save_export(told)
        self._known[str(told.export)] = told

    def check(self, export: str, account: str, compartments: int, now: float) -> None:
        """Rule 2; raises ExportUnknownError, or ForgedTicketError."""
        known = self._known.get(export)
        if known is None or known.expires_at <= now:
            raise ExportUnknownError
        if account != str(known.account) or compartments & ~known.compartments:
            raise ForgedTicketError

    def room_for(self, export: str, key_id: int) -> bool:
        """Whether the person is new in it; raises ExportCeilingError where they are one too many."""
        if (export, key_id) in self._counted or self._ledger.was_exported(export, key_id):
            return False
        if self._people[export] >= self._known[export].people:
            raise ExportCeilingError
        return True

    def count(self, export: str, key_id: int) -> None:
        """Counts somebody whom there is room for."""
        self._people[export] += 1
        self._counted.add((export, key_id))

    def stored(self) -> None:
        """The ledger has all that was counted."""
        self._counted.clear()

    def tidy(self, now: float) -> None:
        """Drops what is over from memory; the ledger drops its own."""
        for export in [e for e, told in self._known.items() if told.expires_at <= now]:
            del self._known[export], self._people[export]
