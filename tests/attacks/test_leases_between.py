"""Frozen, signed out, without agreement or relation: between a lease and its charge, and between charge and release."""

from collections.abc import Callable

import pytest
from support.database import SEGMENT, Database, charge, release
from support.leases import ELSEWHERE, Borrower, agreed, borrower, cap, capped, capped_at

from cloison.access.agreements import Caps, Terms, agree, end
from cloison.access.organisations import find_organisation

Act = Callable[[Borrower, str], object]


def frozen(it: Borrower, _organisation: str) -> None:
    """The account is frozen."""
    it.database.one("select cloison.freeze_v1(%s, %s)", SEGMENT, it.session.account)


def signed_out(it: Borrower, _organisation: str) -> None:
    """The account's sessions are ended."""
    it.database.one("select cloison.end_sessions_v1(%s, %s)", SEGMENT, it.session.account)


def agreement_ended(it: Borrower, organisation: str) -> None:
    """The agreement is ended, and no other takes its place."""
    end(it.database.owner, find_organisation(it.database.owner, organisation).organisation, organisation)


def agreed_without(terms: Terms) -> Act:
    """Another agreement, that does not cover what is asked any more, takes the place of the one that was."""

    def act(it: Borrower, organisation: str) -> None:
        agree(it.database.owner, find_organisation(it.database.owner, organisation).organisation, organisation, terms)

    return act


def relation_ended(it: Borrower, _organisation: str) -> None:
    """The account follows nobody any more."""
    it.database.owner.execute(
        "update cloison.relation set valid_until = cloison.clock_v1() where account = %s", (it.session.account,)
    )


ACTS: dict[str, tuple[Act, str]] = {
    "frozen": (frozen, "frozen"),
    "signed out": (signed_out, "no_session"),
    "agreement ended": (agreement_ended, "scope"),
    "segment no longer agreed": (agreed_without(Terms(segments=("59",))), "scope"),
    "home no longer agreed": (agreed_without(Terms(segments=("62",))), "scope"),
    "role no longer agreed": (agreed_without(Terms(roles=("partner",))), "scope"),
    "relation ended": (relation_ended, "scope"),
}


@pytest.mark.parametrize("name", ACTS)
def test_between_lease_and_charge(shared: Database, name: str) -> None:
    """A lease that was lent before opens nobody after it."""
    act, outcome = ACTS[name]
    organisation = agreed(shared, f"before {name}")
    it = borrower(shared, 3, organisation=organisation)
    lent = it.lent(it.people)
    assert len(lent) == 3
    act(it, organisation)
    assert it.charge(lent) == [outcome] * 3
    assert it.release(lent) == set()


@pytest.mark.parametrize("name", ACTS)
def test_between_charge_and_release(shared: Database, name: str) -> None:
    """What was charged by a lease is not released after it."""
    act, _ = ACTS[name]
    organisation = agreed(shared, f"after {name}")
    it = borrower(shared, 3, organisation=organisation)
    lent = it.lent(it.people)
    assert it.charge(lent) == ["open"] * 3
    act(it, organisation)
    assert it.release(lent) == set()


@pytest.mark.parametrize("name", ["frozen", "signed out", "agreement ended", "home no longer agreed"])
def test_between_charge_and_lease(shared: Database, name: str) -> None:
    """What was charged at home is not lent after it, and nothing more is charged."""
    act, _ = ACTS[name]
    organisation = agreed(shared, f"lent {name}")
    it = borrower(shared, 3, organisation=organisation)
    requests, outcomes = it.lend(it.people)
    assert outcomes == ["open"] * 3
    act(it, organisation)
    assert it.leases(requests, it.people) == []
    assert it.lend(it.people)[1] != ["open"] * 3


def test_lifted_freeze(shared: Database) -> None:
    """An account whose freeze was lifted opens elsewhere again."""
    it = borrower(shared, 3)
    frozen(it, "")
    shared.one("select cloison.unfreeze_v1(%s, %s)", SEGMENT, it.session.account)
    assert it.take(it.people) == set(it.people)


@pytest.mark.parametrize("name", ["agreement ended", "home no longer agreed", "role no longer agreed"])
def test_agreement_and_an_opening_at_home(shared: Database, name: str) -> None:
    """An agreement that ends, or covers role or home no more, stops charge and release at home at once."""
    act, _ = ACTS[name]
    organisation = agreed(shared, f"home {name}")
    it = borrower(shared, 4, SEGMENT, organisation=organisation)
    requests, outcomes = charge(it.desk, it.session, it.people[:2])
    assert outcomes == ["open"] * 2
    act(it, organisation)
    assert release(it.desk, it.session, requests, it.people[:2]) == []
    assert charge(it.desk, it.session, it.people[2:])[1] == ["scope"] * 2
    listed = it.desk.execute(
        "select people from cloison.list_v1(%s, %s, gen_random_uuid(), true, null)", (SEGMENT, it.session.token)
    ).fetchone()
    assert listed == (0,)
    shown = it.desk.execute("select frozen from cloison.session_v1(%s, %s)", (SEGMENT, it.session.token)).fetchone()
    assert shown == (True,)


def test_cap_that_is_agreed_on_later(shared: Database) -> None:
    """A lease lent before a cap was agreed on opens nobody until the organisation's ledger has counted it."""
    organisation = agreed(shared, "capped later")
    it = borrower(shared, 2, organisation=organisation)
    lent = it.lent(it.people)
    number = find_organisation(shared.owner, organisation).organisation
    agree(shared.owner, number, organisation, Terms(caps=Caps(hour=1)))
    assert it.charge(lent) == ["lease"] * 2
    assert cap(it.desk, lent) == ["open", "budget"]
    counted = capped(it.desk, lent)
    assert len(counted) == 1
    assert it.charge(counted) == ["open"]
    assert it.release(counted) == {it.people[0]}


def test_frozen_account_under_a_cap(shared: Database) -> None:
    """Frozen between the organisation's count and the charge, an account opens nobody by it."""
    it = borrower(shared, 2, ELSEWHERE, organisation=capped_at(shared, "frozen and capped", 5))
    lent = it.lent(it.people)
    assert cap(it.desk, lent) == ["open"] * 2
    counted = capped(it.desk, lent)
    frozen(it, "")
    assert it.charge(counted) == ["frozen"] * 2
