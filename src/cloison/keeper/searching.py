"""Search terms for the desk, metered by account: with a dump alone nobody can test a guess."""

import hashlib

from cloison.keeper.derive import term
from cloison.keeper.messages import TermQuery
from cloison.keeper.opening import Rooms


class Searcher:
    """Computes the terms that the register's rows are found by."""

    def __init__(self, rooms: Rooms) -> None:
        """Search with these rooms."""
        self._rooms = rooms

    def terms(self, token: bytes, queries: list[TermQuery], now: float) -> list[list[int]]:
        """One list a query: a term for each cohort year of its segment, oldest first; none where nobody is.

        Raises NoSessionError, or KeeperCeilingError for the whole call.
        """
        self._charge(token, len(queries), now)
        found = (self._rooms.keyring.searches(query.segment, query.slot) for query in queries)
        return [[term(year, q.value) for year in years] for years, q in zip(found, queries, strict=True)]

    def group(self, token: bytes, segment: str, value: bytes, now: float) -> int:
        """The number under which misses on `value` are counted; charged as one term.

        Raises NoSessionError or KeeperCeilingError.
        """
        self._charge(token, 1, now)
        return term(self._rooms.keyring.group(), segment.encode() + b"|" + value)

    def _charge(self, token: bytes, terms: int, now: float) -> None:
        """Counts terms for the account whose session the token is, and stores that before any is computed."""
        session = self._rooms.sessions.of_token(hashlib.sha256(token).digest(), now)
        account = str(session.account)
        self._rooms.ceilings.charge_terms(account, terms, now)
        self._rooms.ledger.record_terms(account, terms, now)
