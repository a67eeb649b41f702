"""An attacker with the desk's own database login and one stolen session.

First every trick to have a record without its charge and everything that the login could read or become (`tricks.py`,
`forbidden.py`), then the budgets are drained openly. What was released is opened through the keeper with the desk's
secret, and each ticket is shown a second time.
"""

import asyncio
from functools import partial
from uuid import UUID, uuid4

from cloison.errors import CloisonError
from cloison.keeper.client import Keeper, SignedTerms, TermQuery
from cloison.replay.attackers_keeper import StolenDesk, StolenSession, connect, open_rows
from cloison.replay.desk_login import DeskLogin, Trick, at_once, attempt
from cloison.replay.loot import Loot
from cloison.replay.tricks import TRICKS

IDENTIFIER_SLOT, PROOF_SLOT = 2, 3
CONNECTIONS = 8
PEOPLE_A_TURN = 2
PAGES, SEARCHES = 2, 40  # a page beyond the budget would be 50 refusals
OUT_OF_PATIENCE = 3  # refusals in a row
TURNS = 60  # of one connection
LIST = "select outcome, last from cloison.list_v1(%s, %s, %s, %s, %s)"
SEARCH = "select outcome from cloison.search_v1(%s, %s, %s, 0::int2, 2, %s::int8[], null, null, null, %s, %s::bytea)"
FIND = "select outcome from cloison.find_v1(%s, %s, %s)"


async def desk_login(desk: StolenDesk, session: StolenSession, loot: Loot) -> None:
    """Try everything; whoever's record was opened, or named by a statement that should fail, is counted."""
    login = DeskLogin(desk, session, loot)
    async with await connect(desk) as keeper:

        async def run(trick: Trick) -> None:
            await asyncio.to_thread(attempt, trick, login)
            rows = login.taken()
            await open_rows(keeper, session.token, rows, loot)
            await open_rows(keeper, session.token, rows, loot)  # replayed
            login.tell()

        for trick in TRICKS:
            await run(trick)
        loot.got(login.named)
        await run(drain_the_list)
        signed = await _terms(keeper, session, loot)
        await run(partial(search_for_all_at_once, signed))
        await run(partial(drain_the_search, signed))
        await run(drain_in_parallel)


def drain_the_list(login: DeskLogin) -> None:
    """Look at today's appointments, then page through the caseload."""
    with login.connection() as connection:
        for whole in (False, True):
            after: UUID | None = None
            for _ in range(PAGES):
                request = uuid4()
                values = (login.session.segment, login.session.token, request, whole, after)
                outcome, after = connection.execute(LIST, values).fetchone() or ("none", None)
                login.release(connection, [request], [None])
                if outcome != "open":
                    login.refused(outcome)
                if after is None:
                    break


def search_for_all_at_once(signed: list[SignedTerms], login: DeskLogin) -> None:
    """Put what the keeper signed for many values into one search, charged once."""
    if not signed:
        return
    request, found_by = uuid4(), [term for value in signed for term in value.terms]
    same = (login.session.segment, login.session.token, request)
    with login.connection() as connection:
        connection.execute(SEARCH, (*same, found_by, signed[0].at_milliseconds, signed[0].mac))
        connection.execute(FIND, same)
        login.release(connection, [request], [None])


def drain_the_search(signed: list[SignedTerms], login: DeskLogin) -> None:
    """Search people of the caseload one by one, until refused."""
    refused = 0
    with login.connection() as connection:
        for value in signed:
            request = uuid4()
            same = (login.session.segment, login.session.token, request)
            connection.execute(SEARCH, (*same, value.terms, value.at_milliseconds, value.mac))
            (outcome,) = connection.execute(FIND, same).fetchone() or ("none",)
            login.release(connection, [request], [None])
            if outcome != "open":
                login.refused(outcome)
                refused += 1
            if refused == OUT_OF_PATIENCE:
                return


def drain_in_parallel(login: DeskLogin) -> None:
    """Charge and release on many connections at the same moment until the session ends."""
    at_once(login, [_drain] * CONNECTIONS)


def _drain(login: DeskLogin) -> None:
    refused = 0
    with login.connection() as connection:
        for _ in range(TURNS):
            people = login.some(PEOPLE_A_TURN)
            requests, outcomes = login.charge(connection, people)
            login.release(connection, requests, people)
            for outcome in {*outcomes} - {"open", "busy"}:
                login.refused(outcome)
            refused = 0 if {"open", "busy"} & {*outcomes} else refused + 1
            if refused == OUT_OF_PATIENCE or login.loot.over:
                return


async def _terms(keeper: Keeper, session: StolenSession, loot: Loot) -> list[SignedTerms]:
    """What people of the caseload are found by, as the keeper computes it from their identifiers."""
    signed: list[SignedTerms] = []
    try:
        for identifier in session.identifiers[:SEARCHES]:
            query = TermQuery(session.segment, IDENTIFIER_SLOT, identifier.lower().encode())
            signed.append(await keeper.terms(session.token, query))
    except CloisonError as error:
        loot.refused(error.code)
    return signed
