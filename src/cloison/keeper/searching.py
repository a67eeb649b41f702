"""Search terms for the desk, metered by account: with a dump alone nobody can test a guess.

Whoever has the desk's secret could ask for the terms of several guesses and put them into one search, or make up the
group in which its misses are counted. So one call answers one value, and what it answers is signed; `search_v1` takes
it as it was signed, seconds old, for that session:

1. The account whose session it is pays for each term and for the group, stored before any is computed.
2. The terms are those of the value under each cohort year of its segment; so are those of the proof.
3. The group is made of the value itself, cut as asked; the cuts are signed too, and the database knows the profile's.

Left out on purpose: the segment is not signed. Its keys make terms that match nobody in another.
"""

import hashlib
import hmac

from cloison.keeper.derive import term
from cloison.keeper.messages import BETWEEN_FACTS, SessionCeilings, SignedTerms, Terms
from cloison.keeper.opening import Rooms

WHOLE, LEFT_OUT = 0, -1  # what a cut may be beside a number of characters


class Searcher:
    """Computes the terms that the register's rows are found by."""

    def __init__(self, rooms: Rooms) -> None:
        """Search with these rooms."""
        self._rooms = rooms

    def terms(self, asked: Terms, now: float) -> SignedTerms:
        """What a search is made of, each list oldest year first and empty where nobody is; signed for `search_v1`.

        Raises NoSessionError or KeeperCeilingError.
        """
        query, proof = asked.query, asked.proof
        values = {(query.slot, query.value), *([] if proof is None else [proof])}
        session = self._charge(asked.token, len(values) + bool(asked.cuts), now)  # 1
        terms = self._terms(query.segment, query.slot, query.value)  # 2
        proven = None if proof is None else self._terms(query.segment, *proof)
        group = self._group(query.segment, query.value, asked.cuts)  # 3
        at_milliseconds = int(now * 1_000)
        text = signed_text(
            str(session.session),
            *(query.slot, terms, None if proof is None else proof[0], proven),
            *(group, asked.cuts, at_milliseconds),
        )
        mac = hmac.digest(self._rooms.keyring.ticket(), text.encode(), "sha256")
        return SignedTerms(terms, proven, group, at_milliseconds, mac)

    def _terms(self, segment: str, slot: int, value: bytes) -> list[int]:
        return [term(year, value) for year in self._rooms.keyring.searches(segment, slot)]

    def _group(self, segment: str, value: bytes, cuts: list[int]) -> int | None:
        """The number under which misses on `value` are counted; None where they are not."""
        if not cuts:
            return None
        return term(self._rooms.keyring.group(), segment.encode() + b"|" + grouped(value, cuts))

    def _charge(self, token: bytes, terms: int, now: float) -> SessionCeilings:
        """Counts terms for the account whose session the token is, and stores that before any is computed."""
        session = self._rooms.sessions.of_token(hashlib.sha256(token).digest(), now)
        account = str(session.account)
        self._rooms.ceilings.charge_terms(account, terms, now)
        self._rooms.ledger.record_terms(account, terms, now)
        return session


def grouped(value: bytes, cuts: list[int]) -> bytes:
    """What of `value` its group shares: of each fact as many characters as its cut says, 0 for all, -1 for none.

    A value with more facts than cuts, or fewer, is no person's: whatever comes of it groups nothing.
    """
    facts = [fact.decode(errors="replace") for fact in value.split(BETWEEN_FACTS)]
    kept = [fact[: cut or None] for fact, cut in zip(facts, cuts, strict=False) if cut != LEFT_OUT]
    return BETWEEN_FACTS.join(fact.encode() for fact in kept)


def signed_text(  # noqa: PLR0913, PLR0917 - a part each of what search_v1 is called with
    session: str,
    slot: int,
    terms: list[int],
    proof_slot: int | None,
    proof_terms: list[int] | None,
    group: int | None,
    cuts: list[int],
    at_milliseconds: int,
) -> str:
    """The text that is signed, as `search_v1` puts it together again."""
    lists = [",".join(map(str, numbers or ())) for numbers in (terms, proof_terms, cuts)]
    parts = (session, slot, lists[0], proof_slot, lists[1], group, lists[2], at_milliseconds)
    return "|".join(["cloison-search-1", *("" if part is None else str(part) for part in parts)])
