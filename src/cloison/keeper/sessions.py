"""The sessions that the issuer told of, in memory and in the ledger."""

from cloison.errors import NoSessionError
from cloison.keeper.ledger import Ledger
from cloison.keeper.messages import SessionCeilings


class Sessions:
    """Who may show tickets, and the most each can have."""

    def __init__(self, ledger: Ledger, now: float) -> None:
        """The sessions of `ledger` that have not expired."""
        self._ledger = ledger
        self._by_id: dict[str, SessionCeilings] = {}
        self._by_token: dict[bytes, SessionCeilings] = {}
        for ceilings in ledger.sessions(now):
            self._add(ceilings)

    def __len__(self) -> int:
        """How many sessions are known."""
        return len(self._by_id)

    def register(self, ceilings: SessionCeilings) -> None:
        """Stores a session, or replaces it."""
        self._ledger.save_session(ceilings)
        self._remove(str(ceilings.session))
        self._add(ceilings)

    def end(self, session: str) -> None:
        """Forgets a session, known or not."""
        self._ledger.forget_session(session)
        self._remove(session)

    def find(self, session: str) -> SessionCeilings | None:
        """The session of this id, expired or not; the caller checks its token."""
        return self._by_id.get(session)

    def of_token(self, token_hash: bytes, now: float) -> SessionCeilings:
        """The session whose token has this SHA-256; raises NoSessionError if none has or it is over."""
        found = self._by_token.get(token_hash)
        if found is None or found.expires_at <= now:
            raise NoSessionError
        return found

    def tidy(self, now: float) -> None:
        """Drops expired sessions from memory; the ledger drops its own."""
        for session in [s for s, ceilings in self._by_id.items() if ceilings.expires_at <= now]:
            self._remove(session)

    def _add(self, ceilings: SessionCeilings) -> None:
        self._by_id[str(ceilings.session)] = ceilings
        self._by_token[ceilings.token_hash] = ceilings

    def _remove(self, session: str) -> None:
        removed = self._by_id.pop(session, None)
        if removed is not None:
            self._by_token.pop(removed.token_hash, None)
