"""The keeper's ledger: what must outlive the process is read back, what no window reaches is forgotten."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from cloison.errors import NoSessionError
from cloison.keeper.ceilings import PastUse, Use
from cloison.keeper.ledger import Ledger, MarkedUse, RecentUse
from cloison.keeper.messages import SessionCeilings
from cloison.keeper.sessions import Sessions
from cloison.model import Window

NOW = 1_800_000_000.0


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    ledger = Ledger(tmp_path / "ledger.db")
    yield ledger
    ledger.close()


def marked(key_id: int, mark: bytes, *, account: str = "a", label: bool = False) -> MarkedUse:
    """A use with its ticket's mark."""
    return MarkedUse(Use(account, "59", key_id, label, [9] * 4, 9), mark)


def session(expires_at: float, token_hash: bytes = bytes(32)) -> SessionCeilings:
    """A session that ends at a time."""
    return SessionCeilings(uuid4(), token_hash, uuid4(), "59", [1, 2, 3, 4], 5, expires_at)


def test_uses_are_read_back(ledger: Ledger) -> None:
    """A person is there once at the last use, labels apart; the marks of all uses are kept."""
    ledger.record_uses([marked(1, b"m1"), marked(2, b"m2"), marked(1, b"m3", label=True)], NOW)
    ledger.record_uses([marked(1, b"m4")], NOW + 5)
    assert sorted(ledger.history("a")) == [
        PastUse(1, label_only=False, last=NOW + 5),
        PastUse(1, label_only=True, last=NOW),
        PastUse(2, label_only=False, last=NOW),
    ]
    assert [use.last for use in ledger.history("a")] == [NOW, NOW, NOW + 5]
    assert [use.mark for use in ledger.recent(NOW - 1)] == [b"m1", b"m2", b"m3", b"m4"]
    assert ledger.recent(NOW) == [RecentUse(NOW + 5, b"m4", 1, "59")]


def test_terms_are_read_back(ledger: Ledger) -> None:
    """Terms of one moment add up."""
    for terms in (2, 3):
        ledger.record_terms("a", terms, NOW)
    ledger.record_terms("b", 1, NOW + 1)
    assert list(ledger.recent_terms(NOW - 1)) == [(NOW, "a", 5), (NOW + 1, "b", 1)]


def test_sweep_forgets_what_no_window_reaches(ledger: Ledger) -> None:
    """Labels and marks go after an hour, openings after 28 days, and nothing goes before."""
    ledger.record_uses([marked(1, b"m1"), marked(2, b"m2", label=True)], NOW)
    ledger.record_uses([marked(3, b"m3", account="b")], NOW + Window.DAY)
    ledger.record_terms("a", 1, NOW)
    ledger.sweep(NOW + Window.HOUR - 1, accounts=10)
    assert len(list(ledger.history("a"))) == 2
    assert list(ledger.recent_terms(0))
    ledger.sweep(NOW + Window.HOUR, accounts=10)
    assert [use.key_id for use in ledger.history("a")] == [1]
    assert [use.mark for use in ledger.recent(0)] == [b"m3"]
    assert not list(ledger.recent_terms(0))
    ledger.sweep(NOW + Window.DAYS_28, accounts=10)
    assert list(ledger.history("a")) == []
    assert len(list(ledger.history("b"))) == 1


def test_sweep_comes_round(ledger: Ledger) -> None:
    """Swept one account at a time, all accounts have their turn, again and again."""
    for name in "abc":
        ledger.record_uses([marked(1, name.encode(), account=name)], NOW)
    for _ in range(3):
        ledger.sweep(NOW + Window.DAYS_28, accounts=1)
    assert [list(ledger.history(name)) for name in "abc"] == [[], [], []]
    ledger.record_uses([marked(1, b"again")], NOW)
    for _ in range(2):
        ledger.sweep(NOW + Window.DAYS_28, accounts=1)
    assert list(ledger.history("a")) == []


def test_checkpoint_beside_writing(ledger: Ledger) -> None:
    """Flushing to the disk takes nothing away."""
    ledger.record_uses([marked(1, b"m1")], NOW)
    ledger.checkpoint()
    ledger.record_uses([marked(2, b"m2")], NOW)
    assert len(list(ledger.history("a"))) == 2


def test_sessions_are_read_back(ledger: Ledger) -> None:
    """Sessions that have not expired are known again after a restart, replaced ones as they are now."""
    first, over = session(NOW + 10), session(NOW, b"o" * 32)
    for ceilings in (first, over):
        ledger.save_session(ceilings)
    again = Sessions(ledger, NOW)
    assert len(again) == 1
    assert again.find(str(first.session)) == first
    renewed = SessionCeilings(first.session, b"n" * 32, first.account, "59", [0] * 4, 0, NOW + 20)
    again.register(renewed)
    assert Sessions(ledger, NOW).of_token(b"n" * 32, NOW) == renewed
    for sessions in (again, Sessions(ledger, NOW)):
        with pytest.raises(NoSessionError):
            sessions.of_token(first.token_hash, NOW)


def test_ended_session_stays_ended(ledger: Ledger) -> None:
    """A session that was ended is known neither now nor after a restart."""
    sessions, ceilings = Sessions(ledger, NOW), session(NOW + 10)
    sessions.register(ceilings)
    sessions.end(str(ceilings.session))
    for known in (sessions, Sessions(ledger, NOW)):
        assert known.find(str(ceilings.session)) is None
        with pytest.raises(NoSessionError):
            known.of_token(ceilings.token_hash, NOW)


def test_expired_sessions_are_dropped(ledger: Ledger) -> None:
    """Tidying drops expired sessions from memory, sweeping from the file, and no others."""
    sessions = Sessions(ledger, NOW)
    sessions.register(session(NOW + 10, b"a" * 32))
    sessions.register(session(NOW + 20, b"b" * 32))
    sessions.tidy(NOW + 10)
    ledger.sweep(NOW + 10, accounts=1)
    assert len(sessions) == 1
    assert len(ledger.sessions(0)) == 1
