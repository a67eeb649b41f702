"""Rows that an administrator of the database swapped, changed or put back: a named error over HTTP, never garbage."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.api import calling
from support.desk import RunningRegister

from cloison.config import Home
from cloison.store.pools import connect


@contextmanager
def put_right_afterwards(home: Home, person: str) -> Iterator[None]:
    """Whatever the block does to the row is undone."""
    with connect(home, "owner") as owner:
        row = owner.execute(
            "select sealed, version, key_id, cohort from cloison.person where person = %s", (person,)
        ).fetchone()
        assert row is not None
        try:
            yield
        finally:
            owner.execute(
                "update cloison.person set sealed = %s, version = %s, key_id = %s, cohort = %s where person = %s",
                (*row, person),
            )


TAMPERINGS = {
    "another person's sealed data": (
        "update cloison.person p set sealed = o.sealed from cloison.person o where p.person = %s and o.person = %s",
        "tampered_row",
    ),
    "another person's key too": (
        (
            "update cloison.person p set sealed = o.sealed, key_id = o.key_id from cloison.person o "
            "where p.person = %s and o.person = %s"
        ),
        "tampered_row",
    ),
    "one bit": (
        (
            "update cloison.person set sealed = "
            "array(select set_bit(s, 99, 1 - get_bit(s, 99)) from unnest(sealed) s) where person = %s and person <> %s"
        ),
        "tampered_row",
    ),
    "compartments in another order": (
        (
            "update cloison.person set sealed = array[sealed[2], sealed[1], sealed[3], sealed[4], sealed[5]] "
            "where person = %s and person <> %s"
        ),
        "tampered_row",
    ),
    "a version that never was": (
        "update cloison.person set version = 7 where person = %s and person <> %s",
        "stale_version",
    ),
    "a key that does not exist": (
        "update cloison.person set key_id = 4000000000 where person = %s and person <> %s",
        "missing_key",
    ),
    "a cohort without a key": (
        "update cloison.person set cohort = cohort + 400 where person = %s and person <> %s",
        "missing_key",
    ),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_a_tampered_row_is_an_error_with_a_name(register: RunningRegister, what: str) -> None:
    """The request says which error; the others of the call are answered; put right, the record opens again."""
    statement, code = TAMPERINGS[what]
    agent = register.agent(3)
    with calling(register, agent) as api:
        person, other, third = (api.found(row) for row in agent.people)
        with put_right_afterwards(register.home, person):
            with connect(register.home, "owner") as owner:
                owner.execute(statement.encode(), (person, other))
            broken, whole = api.open([person, third])
        assert (broken["outcome"], broken["error"]["code"]) == ("stale", code)
        assert "fields" not in broken
        assert whole["outcome"] == "open"
        assert api.open([person])[0]["outcome"] == "open"
